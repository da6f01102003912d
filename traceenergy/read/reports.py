"""Reports of one run -> the trace of each rank, read one by one or side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from traceenergy.caveats import Caveat
from traceenergy.errors import TraceEnergyError, UsageError
from traceenergy.read.inputs import kind_of
from traceenergy.read.mapping import Draft, Report, read_packed, read_report, unpack
from traceenergy.read.options import SKIP
from traceenergy.read.ranks import number_ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from traceenergy.read.options import ReadOptions, Workers
    from traceenergy.trace.model import Trace

_N_LISTED = 16  # of thousands of ranks, all may have the same


def read_reports(
    files: Sequence[Path],
    power: ReadOptions | None,
    workers: Workers,
    *,
    only_used_metrics: bool = False,
) -> tuple[list[Trace], tuple[Caveat, ...]]:
    """Read each report of a run.

    Parameters
    ----------
    files : sequence of pathlib.Path
    power : ReadOptions or None
        How to read power inside reports; None leaves it out.
    workers : Workers
        Who reads, and what becomes of the run if a report cannot be read.
    only_used_metrics : bool
        Leaves out GPU metrics that no analysis looks at.

    Returns
    -------
    list of Trace
        One per report in the order given, each on its own clock, with its rank of the run.
    tuple of Caveat
        How ranks were found, which of them are left out.

    Raises
    ------
    TraceEnergyError
        The first that a report has: if none may be left out, if there is no other report, or if
        it is the user's wording that is wrong. It names all reports that have one.
    """
    likely, _ = number_ranks(files, [None] * len(files))
    only = len(files) == 1
    reports = [
        Report(
            file.absolute(), rank, only, power, exports, workers.nsys,
            only_used_metrics=only_used_metrics,
        )
        for file, rank, exports in zip(files, likely, _folders(files, workers), strict=True)
    ]  # fmt: skip
    refused = [_refused(report) for report in reports]
    check_answers(files, refused, workers)  # before any is read in full
    drafts = _read(reports, refused, workers)
    # A rank that a report states holds only if all state theirs.
    opened = [i for i, draft in enumerate(drafts) if draft.trace or draft.stated_rank is not None]
    ranks, doubts = number_ranks(files, [draft.stated_rank for draft in drafts], opened)
    for i, rank in ranks.items():
        if drafts[i].rank != rank:
            again = replace(reports[i], rank=rank, rank_is_certain=True)
            (drafts[i],) = _read([again], [None], workers)
    check_answers(files, drafts, workers)
    traces = [draft.trace for draft in drafts if draft.trace is not None]
    return traces, (*reports_left_out(files, drafts), *doubts)


def _folders(files: Sequence[Path], workers: Workers) -> list[Path | None]:
    # Reports of one name, each from its own folder, keep their exports apart.
    stems = [file.stem for file in files]
    return [
        None
        if workers.exports is None
        else workers.exports.absolute() / ("" if stems.count(stem) == 1 else str(i))
        for i, stem in enumerate(stems)
    ]


def _refused(report: Report) -> Draft | None:
    try:
        kind_of(report.path)
    except TraceEnergyError as problem:
        return Draft(report.rank, problem=problem)
    return None


def _read(
    reports: Sequence[Report], refused: Sequence[Draft | None], workers: Workers
) -> list[Draft]:
    wanted = [r for r, draft in zip(reports, refused, strict=True) if draft is None]
    found = iter(_read_by(wanted, workers))
    return [next(found) if draft is None else draft for draft in refused]


def _read_by(reports: Sequence[Report], workers: Workers) -> list[Draft]:
    if workers.scheduler is not None:
        # Loads slowly, and most installs lack it.
        from traceenergy.read.dask_jobs import read_on_cluster  # noqa: PLC0415 - as said

        return read_on_cluster(reports, workers.scheduler)
    if workers.map_over is not None:
        return [unpack(sent) for sent in workers.map_over(read_packed, reports)]
    if len(reports) == 1:
        return [read_report(reports[0])]
    # Loads multiprocessing, which most runs need not wait for.
    from traceenergy.read.local_jobs import jobs_that_pay, read_in_processes  # noqa: PLC0415 - as said

    n_jobs = workers.jobs or jobs_that_pay([report.path for report in reports])
    if min(n_jobs, len(reports)) <= 1:
        return [read_report(report) for report in reports]
    return read_in_processes(reports, n_jobs)


class Answer(Protocol):
    """What came of one report."""

    @property
    def problem(self) -> TraceEnergyError | None:
        """Why nothing came of it."""


def check_answers(
    files: Sequence[Path], answers: Sequence[Answer | None], workers: Workers
) -> None:
    """Refuse a run if what became of its reports does not allow to go on.

    Parameters
    ----------
    files : sequence of pathlib.Path
    answers : sequence of Answer or None
        What came of each.
    workers : Workers
        Whether one may be left out.

    Raises
    ------
    TraceEnergyError
        The first problem, naming all reports that have one.
    """
    problems = _problems(files, answers)
    if not problems:
        return
    misused = [problem for problem in problems.values() if isinstance(problem, UsageError)]
    if workers.on_error == SKIP and not misused and len(problems) < len(files):
        return
    problem = next(iter([*misused, *problems.values()]))
    if len(files) == 1:
        raise problem
    lines = [f"of {len(files)} reports, {len(problems)} cannot be read: {_listed(problems)}"]
    next_step = problem.next_step
    if not misused and len(problems) < len(files):
        next_step = f"{next_step}; or leave out what cannot be read: --on-error skip".lstrip("; ")
    details = "\n".join([*lines, *filter(None, [problem.details])])
    raise type(problem)(problem.what, details=details, next_step=next_step) from problem


def reports_left_out(files: Sequence[Path], answers: Sequence[Answer]) -> tuple[Caveat, ...]:
    """Name the reports that are not in the result, in a caveat."""
    problems = _problems(files, answers)
    if not problems:
        return ()
    text = (
        f"Of {len(files)} reports of the run, {len(problems)} could not be read and were left "
        f"out: {_listed(problems)}. Times and energies are those of the others."
    )
    return (Caveat("rank-left-out", text, n=len(problems)),)


def _problems(
    files: Sequence[Path], answers: Sequence[Answer | None]
) -> dict[str, TraceEnergyError]:
    return {
        file.name: answer.problem
        for file, answer in zip(files, answers, strict=True)
        if answer is not None and answer.problem is not None
    }


def _listed(problems: Mapping[str, TraceEnergyError]) -> str:
    shown = [f"{name} ({problem.slug})" for name, problem in problems.items()]
    more = [f"{len(shown) - _N_LISTED} more"] if len(shown) > _N_LISTED else []
    return ", ".join([*shown[:_N_LISTED], *more])
