"""File -> Trace: the only room that opens traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from traceenergy.read.inputs import REPORT, kind_of, list_files
from traceenergy.read.nsys import read_nsys, sha256_of, stated_rank
from traceenergy.read.nsys.export import export_report
from traceenergy.read.nsys.power_events import stated_unit
from traceenergy.read.options import ReadOptions
from traceenergy.read.power_log import attach_power_logs
from traceenergy.read.ranks import merge_ranks, number_ranks

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace

__all__ = ["ReadOptions", "read_trace"]

_AS_FOUND = ReadOptions()
Paths = str | Path | Sequence[str | Path]


def read_trace(
    paths: Paths,
    *,
    power: Sequence[str | Path] = (),
    options: ReadOptions = _AS_FOUND,
) -> Trace:
    """Read the reports of one run, with its power logs.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        `.sqlite` exports, `.nsys-rep` or `.qdrep` reports (exported through nsys into a
        temporary folder), or folders of them. Several are the ranks of one run.
    power : sequence of str or Path
        Power logs. Power inside the trace is read only where there is none.
    options : ReadOptions
        What the user states because a file does not.

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
    """
    stated_unit(options.power_unit)  # refused even where a log makes it needless
    inside = None if power else options
    files = list_files([Path(path) for path in _listed(paths)])
    kinds = [kind_of(file) for file in files]
    with TemporaryDirectory(prefix="traceenergy-") as folder:
        exports = [
            _as_sqlite(file, kind, Path(folder, str(i)))
            for i, (file, kind) in enumerate(zip(files, kinds, strict=True))
        ]
        ranks, doubts = number_ranks(files, [stated_rank(export) for export in exports])
        trace = merge_ranks(
            [
                _named_as_given(read_nsys(export, rank, power=inside), file, kind)
                for export, rank, file, kind in zip(exports, ranks, files, kinds, strict=True)
            ]
        )
    trace = replace(trace, caveats=(*doubts, *trace.caveats), read_options=asdict(options))
    logs = [Path(log) for log in power]
    return attach_power_logs(trace, logs, options) if logs else trace


def _listed(paths: Paths) -> Sequence[str | Path]:
    return [paths] if isinstance(paths, str | Path) else paths


def _as_sqlite(file: Path, kind: str, folder: Path) -> Path:
    if kind != REPORT:
        return file
    folder.mkdir()
    return export_report(file, folder)


def _named_as_given(trace: Trace, file: Path, kind: str) -> Trace:
    if kind != REPORT:
        return trace
    (origin,) = trace.origins
    given = replace(origin, name=file.name, kind=kind, sha256=sha256_of(file))
    caveats = [replace(caveat, where=file.name) for caveat in trace.caveats]
    return replace(trace, origins=(given,), caveats=tuple(caveats))
