"""Conversions between trace time, UTC, local wall time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.durations import format_duration
from traceenergy.errors import ClockMismatchError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_H, NS_PER_MIN, NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from traceenergy.trace.model import TraceClock

ZONE_STEP_NS = 15 * NS_PER_MIN
"""Offsets of all time zones in use are multiples of this."""

WIDEST_SHIFT_NS = 26 * NS_PER_H
"""Zones reach from UTC-12 to UTC+14, so no two clocks set right differ by more."""

OFFSET_OPTION = "--power-clock-offset"


@dataclass(frozen=True)
class Span:
    """A closed stretch of time.

    Attributes
    ----------
    start_ns, end_ns
        First and last moment, on one clock.
    """

    start_ns: int
    end_ns: int


def local_minus_utc_ns(utc_time: str | None, local_time: str | None) -> int | None:
    """Find the time zone of the traced computer.

    Parameters
    ----------
    utc_time, local_time : str
        The same moment on both clocks, as ISO 8601 without zone (resolution 1 s).

    Returns
    -------
    int [ns]
        Rounded to 15 minutes; None if a time is missing or cannot be read.
    """
    try:
        utc = datetime.fromisoformat(utc_time or "").replace(tzinfo=UTC)
        local = datetime.fromisoformat(local_time or "").replace(tzinfo=UTC)
    except ValueError:
        return None
    steps = round((local - utc) / timedelta(minutes=15))
    return steps * ZONE_STEP_NS


def trace_minus_wall_ns(clock: TraceClock, offset_ns: int, first_wall_ns: int) -> int:
    """Find what to add to a log's local time stamps to get trace time.

    Parameters
    ----------
    clock : TraceClock
        A zone that was not recorded counts as UTC.
    offset_ns : int [ns]
        Stated by the user, 0 if not: added to the log's times after its zone was taken off.
    first_wall_ns : int [ns]
        The log's first time stamp. Used only if the trace has no wall clock: then this
        moment is trace time `offset_ns`.

    Returns
    -------
    int [ns]

    Notes
    -----
    With a wall clock: `trace = wall - local_minus_utc + offset - utc_epoch`.
    """
    if clock.utc_epoch_ns is None:
        return offset_ns - first_wall_ns
    return offset_ns - (clock.local_minus_utc_ns or 0) - clock.utc_epoch_ns


def overlap_ns(one: Span, other: Span, shift_ns: int = 0) -> int:
    """Measure how long two spans overlap when `one` is shifted.

    Parameters
    ----------
    one, other : Span
    shift_ns : int [ns]
        Added to `one`.

    Returns
    -------
    int [ns]
        Negative if they are apart: then minus the distance.
    """
    start_ns = max(one.start_ns + shift_ns, other.start_ns)
    return min(one.end_ns + shift_ns, other.end_ns) - start_ns


def zone_shift_ns(log: Span, work: Span) -> int | None:
    """Find the shift between time zones that makes a log overlap a trace best.

    Parameters
    ----------
    log, work : Span
        Of power log and GPU work, on one clock.

    Returns
    -------
    int [ns]
        Multiple of 15 minutes to add to the log; the smallest one if several are equally
        good; None if none gives an overlap.
    """
    n_steps = WIDEST_SHIFT_NS // ZONE_STEP_NS
    shifts_ns = np.arange(-n_steps, n_steps + 1, dtype=np.int64) * ZONE_STEP_NS
    shifts_ns = shifts_ns[np.argsort(np.abs(shifts_ns), kind="stable")]
    start_ns = np.maximum(log.start_ns + shifts_ns, work.start_ns)
    both_ns = np.minimum(log.end_ns + shifts_ns, work.end_ns) - start_ns
    best = int(np.argmax(both_ns))
    return int(shifts_ns[best]) if both_ns[best] > 0 else None


def clock_mismatch(
    log: Span, work: Span, clock: TraceClock, names: tuple[str, str], *, offset_ns: int
) -> ClockMismatchError:
    """Build the error for a power log that does not overlap the GPU work.

    Parameters
    ----------
    log, work : Span
        Of power log (the user's offset included) and GPU work, on the trace clock.
    clock : TraceClock
        For showing both in UTC.
    names : tuple of str
        File names of log and trace.
    offset_ns : int [ns]
        The user's offset that is already in `log`, 0 if none.

    Returns
    -------
    ClockMismatchError
        Passing the option it names makes the spans overlap.
    """
    log_name, trace_name = names
    zone = "UTC" if clock.utc_epoch_ns is not None else "trace time"
    shift_ns = zone_shift_ns(log, work)
    if shift_ns is not None:
        option = f"{OFFSET_OPTION} {format_duration(offset_ns + shift_ns)}"
        hours = format_duration(abs(shift_ns))
        next_step = f"looks like a {hours} time-zone shift; pass {option} if so"
    else:
        option = f"{OFFSET_OPTION} {format_duration(offset_ns + _centering_shift_ns(log, work))}"
        next_step = (
            "no time-zone shift explains this: look for the log of this run; if this is it, "
            f"{option} lays both on top of each other"
        )
    return ClockMismatchError(
        "power log and trace do not overlap in time",
        details=f"trace      {format_span(work, clock)}  {trace_name}\n"
        f"power log  {format_span(log, clock)}  {log_name}\n"
        f"(both in {zone})",
        next_step=next_step,
    )


def _centering_shift_ns(log: Span, work: Span) -> int:
    middle_ns = (work.start_ns + work.end_ns) // 2 - (log.start_ns + log.end_ns) // 2
    # Whole milliseconds if that still meets the work: what nvidia-smi prints is no finer.
    round_ns = round(middle_ns / NS_PER_MS) * NS_PER_MS
    return round_ns if overlap_ns(log, work, round_ns) > 0 else middle_ns


def format_span(span: Span, clock: TraceClock) -> str:
    """Write a span of trace time for people.

    Parameters
    ----------
    span : Span
        On the trace clock.
    clock : TraceClock

    Returns
    -------
    str
        UTC to the millisecond, or seconds of trace time if the trace has no wall clock.
    """
    if clock.utc_epoch_ns is None:
        return f"{span.start_ns / NS_PER_S:.3f} s - {span.end_ns / NS_PER_S:.3f} s"
    start = _iso(span.start_ns + clock.utc_epoch_ns)
    end = _iso(span.end_ns + clock.utc_epoch_ns)
    return f"{start} - {end.removeprefix(start[:11])}"


def _iso(utc_ns: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=utc_ns // NS_PER_MS)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
