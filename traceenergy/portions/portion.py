"""One portion of a run -> its result, cut down to what sums over portions need."""

from __future__ import annotations

import pickle
import zlib
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis import Analysis, AnalysisOptions, analyze
from traceenergy.caveats import Caveat
from traceenergy.errors import TraceEnergyError
from traceenergy.read.mapping import Report, read_report
from traceenergy.read.power_log import attach_power_logs
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.read.nsys.time_slice import TimeSlice
    from traceenergy.read.options import ReadOptions

SUMMED = (
    "phases", "subphases", "layers", "kernels", "ranges", "capture_ranges", "step_kinds",
)  # fmt: skip
MOST_ROWS = 10_000  # of one table; the rest is left out, and counted
_LISTED = ("devices", *SUMMED)


@dataclass(frozen=True)
class Portion:
    """What a process needs to know to analyze one report of a run, or a slice of time of it.

    Attributes
    ----------
    report : Report
        The file, with a rank that holds if the report itself states none, and the slice.
    power : tuple of Path
        Power logs of the run; those of other computers may be among them.
    read_options : ReadOptions
    options : AnalysisOptions
        Without `redact`, which is for the sum.
    """

    report: Report
    power: tuple[Path, ...]
    read_options: ReadOptions
    options: AnalysisOptions


@dataclass(frozen=True)
class PortionResult:
    """What came of one portion.

    Attributes
    ----------
    name
        Of its file.
    stated_rank
        By the report itself; None if it does not say, or cannot be read.
    result
        Its tables that sums need (`SUMMED`, and `devices`), the others empty; None if there is
        none.
    problem
        Why not; None if there is one.
    """

    name: str
    stated_rank: int | None = None
    result: Analysis | None = None
    problem: TraceEnergyError | None = None


def analyze_portion(portion: Portion) -> PortionResult:
    """Read one report with its power, and analyze it as a run of its own.

    Parameters
    ----------
    portion : Portion

    Returns
    -------
    PortionResult
        Errors that a user can meet are in it, not raised: whether they end the run is not for one
        report to say.
    """
    name = portion.report.path.name
    draft = read_report(portion.report)
    if draft.trace is None:
        return PortionResult(name, draft.stated_rank, problem=draft.problem)
    stated_rank, read = draft.stated_rank, [draft.trace]
    del draft
    try:
        # Popped, so that nothing here keeps what the analysis drops.
        read.append(replace(read.pop(), read_options=asdict(portion.read_options)))
        if portion.power:
            read.append(attach_power_logs(read.pop(), list(portion.power), portion.read_options))
        options = _of_slice(portion.options, portion.report.within)
        result = analyze(read.pop(), options, pieces=False)
    except TraceEnergyError as problem:
        return PortionResult(name, stated_rank, problem=problem)
    return PortionResult(name, stated_rank, cut_down(result))


def _of_slice(options: AnalysisOptions, within: TimeSlice) -> AnalysisOptions:
    if within.is_whole:
        return options
    return replace(options, filter_time_ns=(within.start_ns, within.end_ns))


def cut_down(result: Analysis) -> Analysis:
    """Keep what sums over portions need of a result.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    Analysis
        At most `MOST_ROWS` rows of each table, those of most energy; a caveat counts the others.
    """
    tables = {
        one.name: getattr(result, one.name)
        for one in fields(Analysis)
        if isinstance(getattr(result, one.name), pl.DataFrame)
    }
    kept = {name: table.head(MOST_ROWS if name in _LISTED else 0) for name, table in tables.items()}
    caveats = [
        Caveat(
            "rows-left-out",
            f"Only the {MOST_ROWS:,} rows of most energy of the table {name} went into the sum "
            "over portions.",
            name,
            len(tables[name]) - MOST_ROWS,
        )
        for name in _LISTED
        if len(tables[name]) > MOST_ROWS
    ]
    return replace(
        result, **kept, findings=(), not_evaluated=(), caveats=(*result.caveats, *caveats)
    )


def analyze_packed(portion: Portion) -> bytes:
    """Analyze one portion into what is small enough to send to another process or computer."""
    return zlib.compress(pickle.dumps(analyze_portion(portion)), level=1)


def unpack(sent: bytes) -> PortionResult:
    """Undo `analyze_packed`."""
    found: PortionResult = pickle.loads(zlib.decompress(sent))  # noqa: S301 - written by this program for this run
    return found
