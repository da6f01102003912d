"""File -> Trace: the only room that opens traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from traceenergy.read.inputs import list_files
from traceenergy.read.nsys.power_events import stated_unit
from traceenergy.read.options import ReadOptions, Workers
from traceenergy.read.power_log import attach_power_logs
from traceenergy.read.ranks import merge_ranks
from traceenergy.read.reports import read_reports

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace

__all__ = ["ReadOptions", "Workers", "read_trace"]

_AS_FOUND = ReadOptions()
_HERE = Workers()
Paths = str | Path | Sequence[str | Path]


def read_trace(
    paths: Paths,
    *,
    power: Sequence[str | Path] = (),
    options: ReadOptions = _AS_FOUND,
    workers: Workers = _HERE,
    only_used_metrics: bool = False,
) -> Trace:
    """Read the reports of one run, with its power logs.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        `.sqlite` exports, `.nsys-rep` or `.qdrep` reports (exported through nsys into a
        temporary folder), `.json` or `.json.gz` of the PyTorch profiler, or folders of them.
        Several are the ranks of one run.
    power : sequence of str or Path
        Power logs. Power inside the trace is read only where there is none.
    options : ReadOptions
        What the user states because a file does not.
    workers : Workers
        Who reads the reports, and what becomes of the run if one cannot be read.
    only_used_metrics : bool
        Leaves out GPU metrics that no analysis looks at, which are most of a trace with them.

    Returns
    -------
    Trace
        All ranks on the clock of the one that began first.

    Raises
    ------
    UsageError
        If nothing is named, or a trace twice.
    UnreadableFileError, NotATraceError, MissingToolError
        If an input is missing, damaged, of no known kind, or needs nsys.
    MissingTableError, UnknownSchemaError
        If an export lacks what nothing can be said without.
    BadPowerLogError, NoPowerError, TooFewSamplesError
        If a power log cannot be understood, or says too little.
    AmbiguousPowerError, ClockMismatchError
        If power cannot be tied to a GPU of the trace, or to its time.
    SchedulerError, WorkerLostError
        If the workers that were asked for cannot be had, or do not survive a report.
    """
    stated_unit(options.power_unit)  # refused even where a log makes it needless
    files = list_files([Path(path) for path in _listed(paths)])
    traces, doubts = read_reports(
        files, None if power else options, workers, only_used_metrics=only_used_metrics
    )
    trace = merge_ranks(traces)
    trace = replace(trace, caveats=(*doubts, *trace.caveats), read_options=asdict(options))
    logs = [Path(log) for log in power]
    return attach_power_logs(trace, logs, options) if logs else trace


def _listed(paths: Paths) -> Sequence[str | Path]:
    return [paths] if isinstance(paths, str | Path) else paths
