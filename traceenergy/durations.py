"""Lengths of time as people write them: 1s500ms, 250ms, -2h."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from traceenergy.errors import UsageError
from traceenergy.units import NS_PER_H, NS_PER_MIN, NS_PER_MS, NS_PER_S, NS_PER_US

_NS_PER_UNIT = {
    "h": NS_PER_H,
    "m": NS_PER_MIN,
    "s": NS_PER_S,
    "ms": NS_PER_MS,
    "us": NS_PER_US,
    "ns": 1,
}
# Added to any date of this century the sum still fits 64 bits.
_LONGEST_NS = 100 * 366 * 24 * NS_PER_H
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(h|ms|m|s|us|ns)", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:{_PART.pattern})+", re.ASCII)
_HOW_TO = "write numbers with units h, m (minutes), s, ms, us or ns, such as 1s500ms, 250ms or -2h"


class TimeRange(NamedTuple):
    """A stretch of time, half-open; None for a side that is open.

    Attributes
    ----------
    start_ns, end_ns
        On the clock of whoever asks.
    """

    start_ns: int | None
    end_ns: int | None


def parse_duration(text: str) -> int:
    """Read a length of time.

    Parts add up; a sign in front holds for all of them. `0` needs no unit.

    Parameters
    ----------
    text : str
        Such as `1s500ms`, `250ms`, `1.5s`, `2h`, `-30m`.

    Returns
    -------
    int [ns]

    Raises
    ------
    UsageError
        If the text is no length of time, not a whole number of nanoseconds, or too long.

    Examples
    --------
    >>> parse_duration("1s500ms")
    1500000000
    >>> parse_duration("-30m")
    -1800000000000
    """
    # The micro sign and the Greek letter look alike; both are typed for "u".
    word = text.strip().replace("\u00b5s", "us").replace("\u03bcs", "us")
    if word.lstrip("+-") == "0":
        return 0
    if not _DURATION.fullmatch(word):
        raise UsageError(f"{text!r} is not a length of time", next_step=_HOW_TO)
    # Decimal, because 0.1 s is exactly 100,000,000 ns and float64 does not know it.
    total_ns = sum(Decimal(n) * _NS_PER_UNIT[unit] for n, unit in _PART.findall(word))
    if total_ns != int(total_ns):
        raise UsageError(f"{text!r} is finer than one nanosecond", next_step=_HOW_TO)
    if total_ns > _LONGEST_NS:
        raise UsageError(f"{text!r} is more than 100 years", next_step=_HOW_TO)
    return -int(total_ns) if word.startswith("-") else int(total_ns)


def parse_time_range(text: str) -> TimeRange:
    """Read a range of time, `start/end`; either side may be left out.

    Parameters
    ----------
    text : str
        Such as `1s500ms/2s`, `1s/` or `/2s`.

    Returns
    -------
    TimeRange
        None for a side that was left out.

    Raises
    ------
    UsageError
        If a side is no length of time, there is no `/`, or the end is not after the start.
    """
    start, slash, end = text.partition("/")
    if not slash or not (start.strip() or end.strip()):
        raise UsageError(f"{text!r} is not a range of time", next_step="write it as 1s500ms/2s")
    start_ns = parse_duration(start) if start.strip() else None
    end_ns = parse_duration(end) if end.strip() else None
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise UsageError(
            f"the range {text!r} ends before it starts",
            next_step="write the earlier time first, such as 1s500ms/2s",
        )
    return TimeRange(start_ns, end_ns)


def format_duration(duration_ns: int) -> str:
    """Write a length of time so that `parse_duration` reads it back exactly.

    Parameters
    ----------
    duration_ns : int [ns]

    Returns
    -------
    str
        Such as `1s500ms` or `-2h`.

    Examples
    --------
    >>> format_duration(-7_200_000_000_000)
    '-2h'
    """
    rest_ns, parts = abs(duration_ns), []
    for unit, unit_ns in _NS_PER_UNIT.items():
        n, rest_ns = divmod(rest_ns, unit_ns)
        if n:
            parts.append(f"{n}{unit}")
    return ("-" if duration_ns < 0 else "") + ("".join(parts) or "0s")
