"""Quantities written for people: three or four digits with a unit."""

from __future__ import annotations

import math

UNKNOWN = "—"
_ENERGY_UNITS = ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))
_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_POWER_UNITS = ((1e3, "kW"), (1.0, "W"), (1e-3, "mW"))
# From here on seconds read worse than minutes.
_MINUTES_FROM_S = 600.0


def energy_text(energy_j: float | None, digits: int = 3) -> str:
    """Write an energy [J] in kJ, J, mJ or µJ.

    Parameters
    ----------
    energy_j : float or None [J]
        None, NaN and infinity are unknown.
    digits : int
        Significant digits.

    Returns
    -------
    str
        An em dash if unknown.
    """
    return _scaled(energy_j, _ENERGY_UNITS, digits)


def duration_text(time_s: float | None, digits: int = 3) -> str:
    """Write a duration [s] in min, s, ms, µs or ns; an em dash if unknown."""
    if time_s is not None and math.isfinite(time_s) and abs(time_s) >= _MINUTES_FROM_S:
        return f"{significant(time_s / 60, digits)} min"
    return _scaled(time_s, _TIME_UNITS, digits)


def power_text(power_w: float | None, digits: int = 3) -> str:
    """Write a power [W] in kW, W or mW; an em dash if unknown.

    Up to 10 kW stays in W, since that is how boards are spoken of.
    """
    if power_w is not None and math.isfinite(power_w) and 1 <= abs(power_w) < 10_000:  # noqa: PLR2004 - see above
        return f"{significant(power_w, digits)} W"
    return _scaled(power_w, _POWER_UNITS, digits)


def share_text(share: float | None) -> str:
    """Write a share (0 to 1) in per cent; an em dash if unknown."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    pct = share * 100
    if pct and abs(pct) < 0.05:  # noqa: PLR2004 - would round to 0.0
        return "< 0.1 %" if pct > 0 else "> -0.1 %"
    return f"{pct:.1f} %"


def bounds_text(energy_j: float | None, low_j: float | None, high_j: float | None) -> str:
    """Write the bounds [J] with the unit and decimals of the energy.

    Empty if they are unknown, or if all three are zero.
    """
    if energy_j is None or low_j is None or high_j is None:
        return ""
    if not all(map(math.isfinite, (energy_j, low_j, high_j))):
        return ""
    if energy_j == low_j == high_j == 0:
        return ""
    # 0 is written in J, with the decimals of what it may be.
    factor = _unit(energy_j, _ENERGY_UNITS, 3)[0] if energy_j else 1.0
    n_decimals = _decimals((energy_j or high_j or low_j) / factor, 3)
    low, high = f"{low_j / factor:,.{n_decimals}f}", f"{high_j / factor:,.{n_decimals}f}"
    dash = " to " if low.startswith("-") or high.startswith("-") else "\N{EN DASH}"
    return f"{low}{dash}{high}"


def count_text(count: float | None) -> str:
    """Write a count with thousands separated; an em dash if unknown."""
    return UNKNOWN if count is None else f"{int(count):,}"


def significant(value: float, digits: int = 3) -> str:
    """Write a number with that many significant digits, never in powers of ten.

    Parameters
    ----------
    value : float
        Finite.
    digits : int
        Digits before the decimal point are never rounded away.

    Returns
    -------
    str
    """
    return f"{value:,.{_decimals(value, digits)}f}"


def _decimals(value: float, digits: int) -> int:
    if value == 0:
        return 0
    exponent = math.floor(math.log10(abs(value)))
    # 9.996 has exponent 0 but is written 10.0
    if round(abs(value), digits - 1 - exponent) >= 10 ** (exponent + 1):
        exponent += 1
    return min(12, max(0, digits - 1 - exponent))


def _unit(value: float, units: tuple[tuple[float, str], ...], digits: int) -> tuple[float, str]:
    least = 1 - 0.5 * 10.0**-digits  # 999.96 mJ is written 1.00 J
    for factor, name in units:
        if abs(value) / factor >= least:
            return factor, name
    return units[-1]


def _scaled(value: float | None, units: tuple[tuple[float, str], ...], digits: int) -> str:
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return f"0 {next(name for factor, name in units if factor == 1.0)}"
    factor, name = _unit(value, units, digits)
    return f"{significant(value / factor, digits)} {name}"
