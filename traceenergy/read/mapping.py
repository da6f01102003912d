"""One report of a run -> its tables, without a look at the others."""

from __future__ import annotations

import io
import pickle
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.errors import TraceEnergyError
from traceenergy.read import nsys
from traceenergy.read.inputs import PYTORCH, REPORT, kind_of
from traceenergy.read.nsys.export import export_report
from traceenergy.read.nsys.kept_export import find_export
from traceenergy.read.nsys.time_slice import WHOLE, TimeSlice
from traceenergy.records import dataclass
from traceenergy.trace.model import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.read.options import ReadOptions


@dataclass(frozen=True)
class Report:
    """What a process needs to know to read one report.

    Attributes
    ----------
    path
        The file; absolute, since the process may run elsewhere.
    rank
        Rank of the run.
    rank_is_certain
        False if the rank that the report itself states is to be used instead, where it does.
    power
        How to read power that lies in the report; None leaves it out.
    exports
        Folder where the export that nsys makes of it is kept; None: it is not.
    nsys
        The program that makes it; None: the one on PATH.
    within
        Part of an export to read; of other reports only all can be.
    only_used_metrics
        Leaves out GPU metrics that no analysis looks at.
    """

    path: Path
    rank: int
    rank_is_certain: bool
    power: ReadOptions | None
    exports: Path | None = None
    nsys: Path | None = None
    within: TimeSlice = WHOLE
    only_used_metrics: bool = False


@dataclass(frozen=True)
class Draft:
    """What came of one report; ranks of the others are not known yet.

    Attributes
    ----------
    rank
        With which it was read.
    stated_rank
        By the report itself; None if it does not say, or cannot be read.
    trace
        Its tables on its own clock; None if it cannot be read.
    problem
        Why not; None if it was read.
    """

    rank: int
    stated_rank: int | None = None
    trace: Trace | None = None
    problem: TraceEnergyError | None = None


def read_report(report: Report) -> Draft:
    """Read one report.

    Parameters
    ----------
    report : Report

    Returns
    -------
    Draft
        Errors that a user can meet are in it, not raised: whether they end the run is not for
        one report to say.
    """
    rank, stated = report.rank, None
    try:
        kind = kind_of(report.path)
        with _exported(report, kind) as export:
            stated = _stated_rank(export, kind)
            if stated is not None and not report.rank_is_certain:
                rank = stated
            trace = _read_export(report, export, kind, rank)
    except TraceEnergyError as problem:
        return Draft(rank, stated, problem=problem)
    return Draft(rank, stated, _named_as_given(trace, report.path, kind))


def _stated_rank(export: Path, kind: str) -> int | None:
    if kind != PYTORCH:
        return nsys.stated_rank(export)
    # Its decoders of events are made when it is loaded, which most runs need not wait for.
    from traceenergy.read.pytorch import stated_rank  # noqa: PLC0415 - as said

    return stated_rank(export)


def _read_export(report: Report, export: Path, kind: str, rank: int) -> Trace:
    if kind != PYTORCH:
        return nsys.read_nsys(
            export,
            rank,
            power=report.power,
            within=report.within,
            only_used_metrics=report.only_used_metrics,
        )
    from traceenergy.read.pytorch import read_pytorch  # noqa: PLC0415 - as above

    return read_pytorch(export, rank)


@contextmanager
def _exported(report: Report, kind: str) -> Iterator[Path]:
    if kind != REPORT:
        yield report.path
        return
    if report.exports is None:
        with TemporaryDirectory(prefix="traceenergy-") as folder:
            yield export_report(report.path, Path(folder), report.nsys)
        return
    yield find_export(report.path, report.exports) or _keep_export(report, report.exports)


def _keep_export(report: Report, folder: Path) -> Path:
    # A process that is killed leaves half an export: under its name there is only a whole one.
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="traceenergy-", dir=folder) as part:
        export = export_report(report.path, Path(part), report.nsys)
        return export.replace(folder / f"{report.path.stem}.sqlite")


def read_packed(report: Report) -> bytes:
    """Read one report into what is small enough to send to another process or computer.

    Parameters
    ----------
    report : Report

    Returns
    -------
    bytes
        For `unpack`; about a tenth of the export.
    """
    draft = read_report(report)
    if draft.trace is None:
        return pickle.dumps((draft, None))
    # Columns of times compress to a tenth in the time that the pipe would take for the rest.
    parts = {part.name: _packed(getattr(draft.trace, part.name)) for part in fields(Trace)}
    return pickle.dumps((replace(draft, trace=None), parts))


def unpack(sent: bytes) -> Draft:
    """Undo `read_packed`.

    Parameters
    ----------
    sent : bytes
        From a process of this run: never from a file or a stranger.

    Returns
    -------
    Draft
    """
    draft: Draft
    parts: dict[str, Any] | None
    draft, parts = pickle.loads(sent)  # noqa: S301 - written by this program for this run
    if parts is None:
        return draft
    found = {name: _unpacked(part) for name, part in parts.items()}
    return replace(draft, trace=Trace(**found))


@dataclass(frozen=True)
class _Columns:
    arrow: bytes
    is_series: bool


def _packed(part: Any) -> Any:  # noqa: ANN401 - as various as the fields of a trace
    if not isinstance(part, pl.DataFrame | pl.Series):
        return part
    file, is_series = io.BytesIO(), isinstance(part, pl.Series)
    frame = part.to_frame() if isinstance(part, pl.Series) else part
    frame.write_ipc(file, compression="zstd")
    return _Columns(file.getvalue(), is_series)


def _unpacked(part: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(part, _Columns):
        return part
    # One chunk a column, as read here: what follows need not know where a table was made.
    frame = pl.read_ipc(io.BytesIO(part.arrow)).rechunk()
    return frame.to_series() if part.is_series else frame


def _named_as_given(trace: Trace, file: Path, kind: str) -> Trace:
    if kind != REPORT:
        return trace
    (origin,) = trace.origins
    given = replace(origin, name=file.name, kind=kind, sha256=nsys.sha256_of(file))
    caveats = [replace(caveat, where=file.name) for caveat in trace.caveats]
    return replace(trace, origins=(given,), caveats=tuple(caveats))
