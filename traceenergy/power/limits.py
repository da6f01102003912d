"""Limits of power, each over the time for which power is averaged."""

from __future__ import annotations

import re

from traceenergy.durations import parse_duration
from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S, NS_PER_US

# From the regulator's reaction to that of the power supplies.
WINDOWS_NS = (100 * NS_PER_US, NS_PER_MS, 10 * NS_PER_MS, 100 * NS_PER_MS, NS_PER_S)
_POWER = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(kW|W)?", re.ASCII)


@dataclass(frozen=True)
class ExcursionLimit:
    """How far power may go for a time (EDP: electrical design point).

    Attributes
    ----------
    window_ns
        For which power is averaged [ns].
    factor
        Of the board's limit; None if `power_w` says it.
    power_w
        Limit [W]; None if `factor` says it.
    """

    window_ns: int
    factor: float | None
    power_w: float | None

    def limit_w(self, board_w: float | None) -> float | None:
        """Return the limit for a board of this limit [W]; None if that would be needed."""
        if self.factor is None:
            return self.power_w
        return None if board_w is None else self.factor * board_w


def parse_excursions(text: str) -> tuple[ExcursionLimit, ...]:
    """Read an `--edp` value.

    Parameters
    ----------
    text : str
        Times with factors of the board's limit, or with powers: `100us:1.3,10ms:805W`.

    Returns
    -------
    tuple of ExcursionLimit
        By time.

    Raises
    ------
    UsageError
        If it is nothing of the kind, a value is zero, or a time comes twice.
    """
    found = {}
    for part in text.split(","):
        time, colon, value = part.partition(":")
        match = _POWER.fullmatch(value.strip())
        if not colon or match is None or float(match[1]) == 0:
            raise _unread(text, f"{part!r} is not TIME:FACTOR or TIME:WATTS W")
        window_ns = parse_duration(time)
        if window_ns <= 0 or window_ns in found:
            raise _unread(text, f"{time!r} is not above zero, or comes twice")
        number = float(match[1])
        if match[2] is None:
            found[window_ns] = ExcursionLimit(window_ns, number, None)
        else:
            power_w = number * (1000 if match[2] == "kW" else 1)
            found[window_ns] = ExcursionLimit(window_ns, None, power_w)
    return tuple(found[window_ns] for window_ns in sorted(found))


def _unread(text: str, details: str) -> UsageError:
    return UsageError(
        f"--edp {text!r} gives no limits of power",
        details=details,
        next_step="for example --edp 100us:1.3,10ms:805W: factors of the power limit, or watts",
    )
