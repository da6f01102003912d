"""Runs named by files -> a sweep, each run reduced where it is read."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from traceenergy.analysis import Analysis, AnalysisOptions, analyze
from traceenergy.caveats import Caveat
from traceenergy.errors import NoPowerError, TraceEnergyError, UsageError
from traceenergy.read import read_trace
from traceenergy.read.local_jobs import lost_worker, map_in_processes
from traceenergy.read.options import RAISE, SKIP, Workers
from traceenergy.records import dataclass
from traceenergy.report.result_tables import is_result_database, is_result_folder, read_result
from traceenergy.sweeps.assemble import sweep_of
from traceenergy.sweeps.model import SweepRun
from traceenergy.sweeps.reduce import NEEDED, reduce_run, run_of_numbers
from traceenergy.sweeps.result import Sweep, SweepOptions
from traceenergy.sweeps.sources import RunSource, list_sources
from traceenergy.sweeps.step_file import read_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_SKIPPING = Workers(on_error=SKIP)
# Below it processes take longer to start (0.6 s each, which load polars anew) than they save.
_WORTH_PROCESSES_BYTES = 400_000_000
_READ_IN_PARTS = ("clock_curve",)  # only where steps are kept, which have a clock each

Run = str | Path | Analysis | SweepRun


def sweep(
    runs: Sequence[Run], options: SweepOptions | None = None, *, workers: Workers = _SKIPPING
) -> Sweep:
    """Put many runs side by side.

    Parameters
    ----------
    runs : sequence of str, Path, Analysis or SweepRun
        Results of `analyze` (`.json`, `.sqlite`, a folder of tables), traces (a file, or a folder
        of the reports of all ranks; analyzed with their own power), descriptions of runs (`.toml`,
        `docs/sweep.md`), or what these have become already.
    options : SweepOptions or None
        None: defaults.
    workers : Workers
        Who reads the runs, and what becomes of the sweep if one cannot be read: by default it is
        left out, and a caveat names it.

    Returns
    -------
    Sweep

    Raises
    ------
    UsageError, BadSweepError
        If nothing is named, a run twice, or a description cannot be understood.
    NoPowerError
        If no run has power, unless `time_only` is set.
    TraceEnergyError
        Of the first run that cannot be read: if none may be left out, or there is no other.
    """
    options = options or SweepOptions()
    found = _reduced(_listed(runs, options, workers), workers)
    problems = [one for one in found if isinstance(one, Unread)]
    reduced = [one for one in found if isinstance(one, SweepRun)]
    if problems and (workers.on_error == RAISE or not reduced):
        _refuse(problems, len(found))
    if all(run.total_j is None for run in reduced) and not options.time_only:
        raise NoPowerError(
            "no run of the sweep holds energy",
            next_step="name power logs in a description (power = [...]), or pass --time-only to "
            "compare times and tokens",
        )
    return sweep_of(reduced, options, _left_out(problems, len(found)))


@dataclass(frozen=True)
class Task:
    """What a process needs to know to reduce one run."""

    source: RunSource
    options: SweepOptions
    nsys: Path | None = None


@dataclass(frozen=True)
class Unread:
    """A run that cannot be read, by its name, with the reason."""

    name: str
    problem: TraceEnergyError


def _listed(runs: Sequence[Run], options: SweepOptions, workers: Workers) -> list[Task | SweepRun]:
    """Turn runs into work to do, or into what is there already, in order."""
    if isinstance(runs, (str, Path)):
        raise UsageError("runs are a list", next_step=f"pass [{str(runs)!r}]")
    paths = [Path(run) for run in runs if isinstance(run, (str, Path))]
    sources: Iterator[RunSource] = iter(list_sources(paths) if paths or not runs else [])
    counts = iter([len(list_sources([path])) for path in paths])
    found: list[Task | SweepRun] = []
    for run in runs:
        if isinstance(run, SweepRun):
            found.append(run)
        elif isinstance(run, Analysis):
            name = Path(run.origins[0].name).stem if run.origins else "run"
            found.append(reduce_run(run, RunSource(name), options))
        else:
            found += [Task(next(sources), options, workers.nsys) for _ in range(next(counts))]
    return found


def _reduced(wanted: Sequence[Task | SweepRun], workers: Workers) -> list[SweepRun | Unread]:
    tasks = [one for one in wanted if isinstance(one, Task)]
    answers = iter(_answers(tasks, workers))
    return [next(answers) if isinstance(one, Task) else one for one in wanted]


def _answers(tasks: Sequence[Task], workers: Workers) -> list[SweepRun | Unread]:
    names = [task.source.name for task in tasks]
    if workers.scheduler is not None and tasks:
        # Loads slowly, and most installs lack it.
        from traceenergy.read.dask_jobs import map_on_cluster  # noqa: PLC0415 - as said

        sent = map_on_cluster(reduce_packed, [_absolute(task) for task in tasks], names,
                              workers.scheduler)  # fmt: skip
        return [
            Unread(name, one) if isinstance(one, TraceEnergyError) else _unpack(one)
            for name, one in zip(names, sent, strict=True)
        ]
    if workers.map_over is not None:
        return [_unpack(one) for one in workers.map_over(reduce_packed, tasks)]
    n_jobs = min(workers.jobs or _jobs_that_pay(tasks), len(tasks))
    if n_jobs <= 1:
        return [reduce_task(task) for task in tasks]
    return [
        Unread(name, lost_worker(name)) if one is None else _unpack(one)
        for name, one in zip(names, map_in_processes(reduce_packed, tasks, n_jobs), strict=True)
    ]


def _absolute(task: Task) -> Task:
    source = task.source
    tokens = source.tokens_per_step
    return replace(
        task,
        source=replace(
            source,
            files=tuple(path.absolute() for path in source.files),
            power=tuple(path.absolute() for path in source.power),
            requests=tuple(path.absolute() for path in source.requests),
            steps=None if source.steps is None else source.steps.absolute(),
            tokens_per_step=tokens.absolute() if isinstance(tokens, Path) else tokens,
        ),
    )


def _jobs_that_pay(tasks: Sequence[Task]) -> int:
    n_bytes = sum(
        file.stat().st_size
        for task in tasks
        for path in task.source.files
        if not is_result_folder(path)  # of which little is read
        for file in (path.iterdir() if path.is_dir() else [path])
        if file.is_file()
    )
    return 1 if n_bytes < _WORTH_PROCESSES_BYTES else len(os.sched_getaffinity(0))


def reduce_packed(task: Task) -> bytes:
    """Reduce one run into what is small enough to send to another process or computer."""
    return pickle.dumps(reduce_task(task))


def _unpack(sent: bytes) -> SweepRun | Unread:
    found: SweepRun | Unread = pickle.loads(sent)  # noqa: S301 - written by this program for this run
    return found


def reduce_task(task: Task) -> SweepRun | Unread:
    """Read one run, and analyze it where it is a trace.

    Parameters
    ----------
    task : Task

    Returns
    -------
    SweepRun or Unread
        Errors that a user can meet are in it, not raised: whether they end the sweep is not for
        one run to say.
    """
    source, options = task.source, task.options
    try:
        steps = None if source.steps is None else read_steps(source.steps)
        if not source.files:
            return run_of_numbers(source, options, steps=steps)
        result = _analysis(task)
    except TraceEnergyError as problem:
        return Unread(source.name, problem)
    return reduce_run(result, source, options, steps=steps)


def _analysis(task: Task) -> Analysis:
    source = task.source
    path = source.files[0]
    if len(source.files) > 1 or not _is_result(path):
        return _analyzed(task)
    if source.power or source.requests or source.tokens_per_step or source.step_pattern:
        raise UsageError(
            f"run {source.name} is a result already: power, requests, tokens_per_step and "
            "step_pattern have no effect",
            next_step="name its trace, or leave these out",
        )
    needed = {
        name: columns
        for name, columns in NEEDED.items()
        if task.options.kept_steps or name not in _READ_IN_PARTS
    }
    return read_result(path, needed)


def _is_result(path: Path) -> bool:
    is_json = path.suffix.lower() == ".json" and not path.is_dir()
    return is_json or is_result_folder(path) or is_result_database(path)


def _analyzed(task: Task) -> Analysis:
    source, sweep_options = task.source, task.options
    trace = read_trace(
        list(source.files),
        power=list(source.power),
        workers=Workers(nsys=task.nsys),
        only_used_metrics=True,
    )
    options = AnalysisOptions(
        steps=source.step_pattern,
        tokens_per_step=source.tokens_per_step,
        requests=source.requests,
        confidence_level=sweep_options.confidence_level,
        redact=sweep_options.redact,
    )
    try:
        return analyze(trace, options, pieces=False)
    except NoPowerError:
        # Said by the sweep, which still has its times.
        return analyze(trace, replace(options, time_only=True), pieces=False)


def _refuse(problems: Sequence[Unread], n_runs: int) -> None:
    first = problems[0].problem
    if n_runs == 1:
        raise first
    names = ", ".join(f"{one.name} ({one.problem.slug})" for one in problems[:16])
    more = f" and {len(problems) - 16} more" if len(problems) > 16 else ""  # noqa: PLR2004 - as above
    lines = [f"of {n_runs} runs, {len(problems)} cannot be read: {names}{more}"]
    raise type(first)(
        first.what,
        details="\n".join([*lines, *filter(None, [first.details])]),
        next_step=first.next_step,
    ) from first


def _left_out(problems: Sequence[Unread], n_runs: int) -> list[Caveat]:
    return [
        Caveat(
            "run-left-out",
            f"Of {n_runs} runs, {one.name} could not be read and is left out: "
            f"error[{one.problem.slug}]: {one.problem.what}.",
            one.name,
        )
        for one in problems
    ]
