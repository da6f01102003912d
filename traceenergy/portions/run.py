"""Reports of a run -> portions handed out, their results brought together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from traceenergy.analysis.options import AnalysisOptions
from traceenergy.analysis.redaction import redact
from traceenergy.errors import TraceEnergyError, UsageError
from traceenergy.portions.merge import merge_results, merge_slices
from traceenergy.portions.portion import (
    Portion,
    PortionResult,
    analyze_packed,
    analyze_portion,
    unpack,
)
from traceenergy.read.inputs import SQLITE, kind_of, list_files
from traceenergy.read.local_jobs import lost_worker, map_in_processes
from traceenergy.read.mapping import Report
from traceenergy.read.nsys.time_slice import WHOLE, TimeSlice, cut_in_slices
from traceenergy.read.options import ReadOptions, Workers
from traceenergy.read.ranks import number_ranks
from traceenergy.read.reports import check_answers, reports_left_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traceenergy.analysis.model import Analysis

_AS_FOUND, _HERE, _DEFAULTS = ReadOptions(), Workers(), AnalysisOptions()
# What needs all reports at once, by the option that asks for it.
_NEEDS_ALL = {
    "filter_time_ns": "--filter-time",
    "tokens_per_step": "--tokens-per-step",
    "requests": "--requests",
    "power_model": "--power-model",
    "flatten": "--flatten",
}
# Below it processes take longer to start than they save.
_WORTH_PROCESSES_BYTES = 100_000_000


def analyze_by_report(  # noqa: PLR0913 - as for `read_trace` and `analyze` together
    paths: str | Path | Sequence[str | Path],
    options: AnalysisOptions = _DEFAULTS,
    *,
    power: Sequence[str | Path] = (),
    read_options: ReadOptions = _AS_FOUND,
    workers: Workers = _HERE,
    slices: int = 1,
    say: Callable[[int], None] = lambda _: None,
) -> Analysis:
    """Analyze each report of a run for itself, or each slice of it, and sum the results.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        Reports, or folders of them.
    options : AnalysisOptions
    power : sequence of str or Path
        Power logs.
    read_options : ReadOptions
    workers : Workers
        Who analyzes the reports, and what becomes of the run if one cannot be.
    slices : int
        Slices of time that each report is cut into, with about as many kernels each; exports
        (`.sqlite`) only.
    say : callable
        Is told now and then how many portions are done.

    Returns
    -------
    Analysis
        What sums over reports tell; the rest is empty, and a caveat says so.

    Raises
    ------
    UsageError
        If nothing is named, or an option needs all reports at once.
    TraceEnergyError
        Of the first report that cannot be read or analyzed, if none may be left out or there is no
        other.

    Notes
    -----
    No process ever holds more than one report, or slice, and what it gives is small. What joins
    them is not found: a common critical path, collectives matched over GPUs, clocks set by them.
    """
    _check_options(options)
    listed = [paths] if isinstance(paths, str | Path) else paths
    files = list_files([Path(path) for path in listed])
    likely, _ = number_ranks(files, [None] * len(files))
    portions = [
        Portion(
            Report(
                file.absolute(), likely[place], len(files) == 1, None if power else read_options,
                None if workers.exports is None else workers.exports / str(place), workers.nsys,
                within, only_used_metrics=True,
            ),
            tuple(Path(log).absolute() for log in power),
            read_options,
            replace(options, redact=False),
        )
        for place, file in enumerate(files)
        for within in _slices(file, slices)
    ]  # fmt: skip
    found = _answers(portions, workers, say)
    answers = [
        _of_report([one for one, portion in zip(found, portions, strict=True)
                    if portion.report.path == file.absolute()])
        for file in files
    ]  # fmt: skip
    check_answers(files, answers, workers)
    good = [place for place, one in enumerate(answers) if one.result is not None]
    ranks, doubts = number_ranks(files, [one.stated_rank for one in answers], good)
    results = [result for place in good if (result := answers[place].result) is not None]
    of_one = slices > 1 and len(files) == 1
    merged = results[0] if of_one else merge_results(results, [ranks[place] for place in good])
    merged = replace(merged, caveats=(*reports_left_out(files, answers), *doubts, *merged.caveats))
    return redact(merged) if options.redact else merged


def _slices(file: Path, n: int) -> list[TimeSlice]:
    if n == 1:
        return [WHOLE]
    if kind_of(file) != SQLITE:
        raise UsageError(
            f"{file.name} is no export, and cannot be read in slices",
            next_step="export the report first: nsys export -t sqlite",
        )
    return cut_in_slices(file, n)


def _of_report(answers: Sequence[PortionResult]) -> PortionResult:
    """Bring the slices of one report together."""
    bad = next((one for one in answers if one.problem is not None), None)
    if bad is not None:
        return bad
    results = [one.result for one in answers if one.result is not None]
    return replace(answers[0], result=merge_slices(results))


def _check_options(options: AnalysisOptions) -> None:
    given = [
        word
        for name, word in _NEEDS_ALL.items()
        if getattr(options, name) != getattr(_DEFAULTS, name)
    ]
    if given:
        raise UsageError(
            f"{', '.join(given)} cannot be had report by report",
            next_step="leave it out, or leave out --by-report and --slices",
        )


def _answers(
    portions: Sequence[Portion], workers: Workers, say: Callable[[int], None]
) -> list[PortionResult]:
    names = [portion.report.path.name for portion in portions]
    if workers.scheduler is not None:
        # Loads slowly, and most installs lack it.
        from traceenergy.read.dask_jobs import map_on_cluster  # noqa: PLC0415 - as said

        sent = map_on_cluster(analyze_packed, portions, names, workers.scheduler, say)
        return [
            PortionResult(name, problem=one) if isinstance(one, TraceEnergyError) else unpack(one)
            for name, one in zip(names, sent, strict=True)
        ]
    if workers.map_over is not None:
        return [unpack(one) for one in workers.map_over(analyze_packed, portions)]
    n_jobs = workers.jobs or _jobs_that_pay(portions)
    if min(n_jobs, len(portions)) <= 1:
        found = []
        for portion in portions:
            found.append(analyze_portion(portion))
            say(len(found))
        return found
    return [
        PortionResult(name, problem=lost_worker(name)) if one is None else unpack(one)
        for name, one in zip(
            names, map_in_processes(analyze_packed, portions, n_jobs, say), strict=True
        )
    ]


def _jobs_that_pay(portions: Sequence[Portion]) -> int:
    paths = (portion.report.path for portion in portions)
    # What is missing is said by who reads it.
    n_bytes = sum(path.stat().st_size for path in paths if path.exists())
    return 1 if n_bytes < _WORTH_PROCESSES_BYTES else len(os.sched_getaffinity(0))
