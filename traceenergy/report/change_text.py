"""Differences written for people: signed, with their intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from traceenergy.report.quantities import (
    UNKNOWN,
    duration_text,
    energy_text,
    power_text,
    significant,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUANTITY_NAMES = {
    "energy_j": "Energy",
    "kernel_j": "Energy of GPU work",
    "idle_gap_j": "Energy of idle gaps",
    "elapsed_s": "Elapsed",
    "work_s": "Time of GPU work",
    "mean_power_w": "Mean power",
    "tokens_per_j": "Tokens per joule",
    "j_per_token": "Energy per token",
    "j_per_response": "Energy per response",
    "n_kernels": "Launches",
}
# The first ending that fits decides.
_WRITERS: tuple[tuple[str, Callable[[float, int], str]], ...] = (
    ("tokens_per_j", lambda value, digits: f"{significant(value, digits)} tokens/J"),
    ("_s", duration_text),
    ("_w", power_text),
    ("_mhz", lambda value, _digits: f"{value:,.0f} MHz"),
    ("_c", lambda value, _digits: f"{value:.1f} \N{DEGREE SIGN}C"),
    ("_j", energy_text),
    ("j_per_token", energy_text),
    ("j_per_response", energy_text),
)
_DASH_WORD = " to "
_FEW_PCT = 10  # from here on one decimal is enough


def value_text(quantity: str, value: float | None, digits: int = 4) -> str:
    """Write a value in the unit of its quantity; an em dash if unknown.

    Parameters
    ----------
    quantity : str
        Its name ends in its unit; without one it is counted.
    value : float or None
    digits : int
        Significant digits.

    Returns
    -------
    str
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for ending, write in _WRITERS:
        if quantity.endswith(ending):
            return write(value, digits)
    return significant(value, digits) if value % 1 else f"{int(value):,}"


def change_text(quantity: str, delta: float | None) -> str:
    """Write a difference with its sign, three digits; an em dash if unknown."""
    if delta is None or not math.isfinite(delta):
        return UNKNOWN
    rounded = float(f"{delta:.3g}")
    text = value_text(quantity, rounded, 3)
    return f"+{text}" if rounded > 0 else text


def share_change_text(share: float | None) -> str:
    """Write a relative difference in per cent of the base; an em dash if unknown."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    return f"{_signed_pct(share, _n_decimals(share))} %"


def interval_text(change: Mapping[str, Any]) -> str:
    """Write the interval of a relative difference; empty where it is not known.

    Parameters
    ----------
    change : mapping
        A row of the changes.

    Returns
    -------
    str
        Such as `+1.50 to +2.73 %`.
    """
    low, high = change["delta_lo_share"], change["delta_hi_share"]
    if low is None or high is None:
        return ""
    n_decimals = _n_decimals(change["delta_share"])
    return f"{_signed_pct(low, n_decimals)}{_DASH_WORD}{_signed_pct(high, n_decimals)} %"


def bounds_of_change(change: Mapping[str, Any]) -> str:
    """Write the interval of a difference in its unit; empty where it is not known."""
    low, high = change["delta_lo"], change["delta_hi"]
    if low is None or high is None:
        return ""
    quantity = change["quantity"]
    return f"{change_text(quantity, low)}{_DASH_WORD}{change_text(quantity, high)}"


def _n_decimals(share: float | None) -> int:
    return 1 if share is None or abs(share) * 100 >= _FEW_PCT else 2


def _signed_pct(share: float, n_decimals: int) -> str:
    text = f"{share * 100:+,.{n_decimals}f}"
    return text[1:] if not float(text.replace(",", "")) else text
