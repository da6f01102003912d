"""Power logs -> samples of the GPUs of a trace."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import ClockMismatchError, TooFewSamplesError
from traceenergy.read.gpu_matching import Tie, check_sources, tie_gpus
from traceenergy.read.log_table import READINGS
from traceenergy.read.log_text import read_log_bytes
from traceenergy.read.nvidia_smi import parse_nvidia_smi
from traceenergy.read.power_gpu import parse_power_gpus
from traceenergy.read.sample_log import is_sample_log, parse_sample_log
from traceenergy.records import dataclass
from traceenergy.trace import tables
from traceenergy.trace.clocks import (
    OFFSET_OPTION,
    Span,
    clock_mismatch,
    overlap_ns,
    trace_minus_wall_ns,
)
from traceenergy.trace.model import Origin
from traceenergy.trace.tables import DeviceReadings, PowerSamples, check_table, empty_table
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from traceenergy.read.log_table import PowerLog
    from traceenergy.read.options import ReadOptions
    from traceenergy.trace.model import Trace, TraceClock

_FEWEST_SAMPLES = 2  # energy lies between two samples
_SLACK_PERIODS = 3  # longer gaps are unattributed energy
_GPU = ["rank", "device_id"]
_NAMES = ["index", "uuid", "bus_id"]


@dataclass(frozen=True)
class _Log:
    origin: Origin
    log: PowerLog
    tie: Tie
    rows: pl.DataFrame  # of the log, one for each GPU that they are about


def attach_power_logs(trace: Trace, paths: Sequence[Path], options: ReadOptions) -> Trace:
    """Add the samples of power logs to a trace.

    Parameters
    ----------
    trace : Trace
        All ranks, on one clock.
    paths : sequence of pathlib.Path
        The logs.
    options : ReadOptions
        `power_clock_offset_ns` is added to the logs' times after their time zone (that of the
        traced computer; UTC if not recorded) was taken off. If the trace has no wall clock, the
        first line of the logs lies at this trace time. `power_gpu` as in `parse_power_gpus`.

    Returns
    -------
    Trace
        With one row per sample, field and GPU that ran work. A log replaces power of the same
        GPU that was recorded inside the trace. Values are as printed: neither thinned where
        the sensor repeats itself, nor filled where it is silent.

    Raises
    ------
    BadPowerLogError
        If a file is no log that can be read.
    NoPowerError
        If a log holds no power value.
    TooFewSamplesError
        If a log has fewer than two samples of each GPU.
    AmbiguousPowerError
        If a log's GPUs cannot be told to be those of the trace.
    ClockMismatchError
        If no log overlaps the GPU work, or the trace has no wall clock and no offset is given.
    UsageError
        If `power_gpu` cannot be understood or names what is not there.
    """
    choices = parse_power_gpus(options.power_gpu)
    if not paths or trace.devices.is_empty():
        return trace
    read = [_read_log(path, trace.clock) for path in paths]
    check_sources([log for _, log in read], choices)
    logs = [_tied(origin, log, tie_gpus(log, trace.devices, choices)) for origin, log in read]
    for log in logs:
        _check_enough(log)
    shift_ns, doubts_of_clock = _trace_minus_wall(trace, logs, options)
    inside, doubts_of_span = _overlapping(trace, logs, shift_ns, options)
    samples = _samples(inside, shift_ns)
    readings = _readings(inside, shift_ns)
    kept, doubts_of_gpus = _kept_samples(trace, samples)
    return replace(
        trace,
        origins=(*trace.origins, *(log.origin for log in logs)),
        power_samples=PowerSamples(pl.concat([kept, samples])),
        readings=DeviceReadings(pl.concat([trace.readings, readings])),
        caveats=(
            *trace.caveats,
            *(doubt for log in logs for doubt in (*log.log.caveats, *log.tie.caveats)),
            *doubts_of_clock,
            *doubts_of_span,
            *doubts_of_gpus,
        ),
    )


def _read_log(path: Path, clock: TraceClock) -> tuple[Origin, PowerLog]:
    raw = read_log_bytes(path)
    if is_sample_log(raw):
        log = parse_sample_log(raw, path.name, clock.utc_epoch_ns)
        # From here on as of a log in local time, so that logs of both kinds go side by side.
        local_ns = pl.col("wall_ns") + (clock.local_minus_utc_ns or 0)
        log = replace(log, rows=log.rows.with_columns(wall_ns=local_ns))
    else:
        log = parse_nvidia_smi(raw, path.name)
    return Origin(name=path.name, kind=log.kind, sha256=hashlib.sha256(raw).hexdigest()), log


def _tied(origin: Origin, log: PowerLog, tie: Tie) -> _Log:
    rows = log.rows.join(tie.gpus, on=_NAMES, nulls_equal=True, maintain_order="left")
    return _Log(origin, log, tie, rows)


def _check_enough(log: _Log) -> None:
    # Times, not lines: two values of one moment enclose no energy.
    fields = log.log.measures
    times = [pl.col("wall_ns").filter(pl.col(field).is_not_null()).n_unique() for field in fields]
    counts = log.rows.group_by(_GPU).agg(pl.max_horizontal(times).alias("n"))
    most = max(counts["n"], default=0)
    if most < _FEWEST_SAMPLES:
        raise TooFewSamplesError(
            f"{log.origin.name} has {most} power sample{'' if most == 1 else 's'} of the GPUs of "
            "the trace: nothing can be said about energy",
            details=f"{len(log.log.rows)} lines with a power value in all",
            next_step="let the logger run from before the program starts until after it ends",
        )


def _trace_minus_wall(
    trace: Trace, logs: Sequence[_Log], options: ReadOptions
) -> tuple[int, list[Caveat]]:
    clock, offset_ns = trace.clock, options.power_clock_offset_ns
    names = ", ".join(log.origin.name for log in logs)
    local = ", ".join(log.origin.name for log in logs if not log.log.is_utc)
    if clock.utc_epoch_ns is None and offset_ns is None:
        raise ClockMismatchError(
            "the trace has no wall clock, so a power log cannot be laid beside it",
            details="TARGET_INFO_SESSION_START_TIME is missing (nsys before 2021.3, or a capture "
            "that never began), or baseTimeNanoseconds (a trace of the PyTorch profiler that "
            "another program changed)",
            next_step=f"pass {OFFSET_OPTION} with the trace time of the first line of {names}, "
            f"such as {OFFSET_OPTION} -500ms if the log began half a second before the capture",
        )
    doubts = []
    if clock.utc_epoch_ns is None:
        text = (
            "The trace has no wall clock; the first line of the power log was put at the trace "
            f"time given with {OFFSET_OPTION}."
        )
        doubts.append(Caveat("power-clock-given", text, names))
    elif local and clock.local_minus_utc_ns is None and offset_ns is None:
        text = (
            "The trace does not say its time zone; times in the power log were taken as UTC. "
            f"If they are local, pass {OFFSET_OPTION}."
        )
        doubts.append(Caveat("power-clock-zone", text, local))
    first_ns = min(int(log.log.rows["wall_ns"][0]) for log in logs)
    return trace_minus_wall_ns(clock, offset_ns or 0, first_ns), doubts


def _overlapping(
    trace: Trace, logs: Sequence[_Log], shift_ns: int, options: ReadOptions
) -> tuple[list[_Log], list[Caveat]]:
    inside, doubts, problems = [], [], []
    trace_name = ", ".join(o.name for o in trace.origins if o.rank is not None)
    for log in logs:
        span, work = _span(log, shift_ns), _work_span(trace, log)
        if overlap_ns(span, work) > 0:
            inside.append(log)
            doubts += _doubts_of_ends(span, work, log)
            continue
        names = (log.origin.name, trace_name)
        given_ns = options.power_clock_offset_ns or 0
        problem = clock_mismatch(span, work, trace.clock, names, offset_ns=given_ns)
        problems.append(problem)
        text = f"The power log does not overlap the GPU work and was left out; {problem.next_step}."
        doubts.append(Caveat("power-log-outside", text, log.origin.name))
    if not inside:
        raise problems[0]
    return inside, doubts


def _span(log: _Log, shift_ns: int) -> Span:
    wall_ns = log.rows["wall_ns"]
    return Span(int(wall_ns[0]) + shift_ns, int(wall_ns[-1]) + shift_ns)


def _work_span(trace: Trace, log: _Log) -> Span:
    work = trace.gpu_work.join(log.tie.gpus, on=_GPU, how="semi")
    start_ns, end_ns = work.select(pl.col("start_ns").min(), pl.col("end_ns").max()).row(0)
    return Span(int(start_ns), int(end_ns))


def _doubts_of_ends(span: Span, work: Span, log: _Log) -> list[Caveat]:
    n_times = log.rows["wall_ns"].n_unique()
    # A log may miss either end by some periods whatever one does.
    slack_ns = _SLACK_PERIODS * (span.end_ns - span.start_ns) / (n_times - 1)
    late_ns, early_ns = span.start_ns - work.start_ns, work.end_ns - span.end_ns
    if max(late_ns, early_ns) <= slack_ns:
        return []
    text = (
        f"The power log begins {max(0, late_ns) / NS_PER_S:.3f} s after the first GPU work and "
        f"ends {max(0, early_ns) / NS_PER_S:.3f} s before the last: energy of that time is not "
        "known."
    )
    return [Caveat("power-log-short", text, log.origin.name)]


def _samples(logs: Sequence[_Log], shift_ns: int) -> pl.DataFrame:
    parts = [
        _long(log, log.log.power_fields, "field", "power_w", shift_ns).with_columns(
            source=pl.lit(log.log.kind)
        )
        for log in logs
        if log.log.power_fields
    ]
    if not parts:
        return empty_table(tables.POWER_SAMPLES)
    samples = pl.concat(parts)
    # Logs that overlap each other hold the same lines.
    samples = samples.unique(maintain_order=True) if len(logs) > 1 else samples
    samples = samples.sort(*_GPU, "field", "sample_ns", maintain_order=True)
    return check_table(samples, tables.POWER_SAMPLES, "of power logs")


def _readings(logs: Sequence[_Log], shift_ns: int) -> pl.DataFrame:
    parts = [_long(log, READINGS, "quantity", "value", shift_ns) for log in logs]
    readings = pl.concat(parts)
    readings = readings.unique(maintain_order=True) if len(logs) > 1 else readings
    readings = readings.sort(*_GPU, "quantity", "sample_ns", maintain_order=True)
    return check_table(readings, tables.DEVICE_READINGS, "of power logs")


def _long(log: _Log, columns: Sequence[str], name: str, value: str, shift_ns: int) -> pl.DataFrame:
    rows = log.rows.with_columns(sample_ns=pl.col("wall_ns") + shift_ns)
    long = rows.unpivot(
        on=list(columns), index=[*_GPU, "sample_ns"], variable_name=name, value_name=value
    )
    return long.filter(pl.col(value).is_not_null())


def _kept_samples(trace: Trace, samples: pl.DataFrame) -> tuple[pl.DataFrame, list[Caveat]]:
    doubts = []
    kept = trace.power_samples.join(samples, on=_GPU, how="anti")
    if n_replaced := len(trace.power_samples) - len(kept):
        text = "Power recorded inside the trace was left out where a power log knows the same GPU."
        doubts.append(Caveat("power-log-wins", text, "", n_replaced))
    return kept, doubts
