"""Reports read side by side by processes of this computer."""

from __future__ import annotations

import os
import signal
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import pairwise
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from traceenergy.errors import WorkerLostError
from traceenergy.read.inputs import is_report
from traceenergy.read.mapping import Draft, read_packed, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from traceenergy.read.mapping import Report

Item = TypeVar("Item")

# Measured (bench/jobs.py): processes need 0.6 s to start, 0.02 s for each megabyte of an export,
# and at their peak 180 MB besides 3.5 times the export. One alone keeps 1.5 cores busy, so that two
# on two cores take as long.
_WORTH_PROCESSES_BYTES = 200_000_000
_CORES_PER_JOB = 2
_PEAK_BYTES_PER_BYTE = 3.5
_PEAK_BYTES = 180_000_000
_MEMORY_SHARE = 0.5
_LOOK_UP_S = 0.1


def jobs_that_pay(files: Sequence[Path]) -> int:
    """Tell how many processes read some reports fastest without filling the memory.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Exports, or reports that nsys has to export first.

    Returns
    -------
    int
        1 if starting processes takes longer than they save; at most one a report, one a core
        where nsys has to export, else one for two cores, and as many as fit into half of the
        memory.
    """
    if len(files) == 1:
        return 1
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    n_fastest = len(os.sched_getaffinity(0))
    if not any(map(is_report, files)):
        if sum(sizes) < _WORTH_PROCESSES_BYTES:
            return 1
        n_fastest //= _CORES_PER_JOB
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    peak_bytes = _PEAK_BYTES + _PEAK_BYTES_PER_BYTE * max(sizes)
    fitting = int(_MEMORY_SHARE * memory_bytes / peak_bytes)
    return max(1, min(len(files), n_fastest, fitting))


def read_in_processes(reports: Sequence[Report], n_jobs: int) -> list[Draft]:
    """Read reports in processes of their own.

    Parameters
    ----------
    reports : sequence of Report
    n_jobs : int
        Processes at once.

    Returns
    -------
    list of Draft
        In the order of the reports. Where a process was killed, the reports that it left are
        read once more, one after the other, which takes the least memory; a report whose process
        is killed again has `WorkerLostError`.
    """
    return [
        Draft(report.rank, problem=lost_worker(report.path.name)) if sent is None else unpack(sent)
        for report, sent in zip(
            reports, map_in_processes(read_packed, reports, n_jobs), strict=True
        )
    ]


def map_in_processes(
    work: Callable[[Item], bytes],
    items: Sequence[Item],
    n_jobs: int,
    say: Callable[[int], None] = lambda _: None,
) -> list[bytes | None]:
    """Call a function on items in processes of their own.

    Parameters
    ----------
    work : callable
        Of a module; what a user can meet is in its answer, not raised.
    items : sequence
        Small enough to send.
    n_jobs : int
        Processes at once.
    say : callable
        Is told now and then how many are done.

    Returns
    -------
    list of bytes or None
        In the order of the items; None where a process was killed, and that of a second try too.
    """
    found = _answers(work, items, n_jobs, say)
    for i, item in enumerate(items):
        if found[i] is None:
            (found[i],) = _answers(work, [item], 1, lambda _: None)
    return found


def lost_worker(name: str) -> WorkerLostError:
    """Build the error for an input whose processes were ended from outside."""
    return WorkerLostError(
        f"the process that read {name} was ended from outside, twice",
        details="most often memory ran out; in a Python script, what starts processes must be "
        "called under `if __name__ == '__main__':`",
        next_step="--jobs 1 reads in this process, one input at a time",
    )


class _Spawning(SpawnContext):
    """Starts processes on some cores, remembering them: a pool that breaks forgets the last.

    Spawned, not forked: a fork would take along the threads of polars, which hold locks.
    """

    def __init__(self, cores: set[int]) -> None:
        super().__init__()
        self.cores = cores
        self.started: list[SpawnProcess] = []

    def Process(self, *args: Any, **words: Any) -> SpawnProcess:  # type: ignore[override] # noqa: ANN401, N802 - stands for a class
        process = SpawnProcess(*args, **words)
        self.started.append(process)
        return process

    def end(self) -> None:
        """Kill what was started."""
        for process in self.started:
            if process.pid is not None:
                process.kill()


def _prepare(folder: str) -> None:
    tempfile.tempdir = folder
    # Ctrl-C reaches each process of a terminal: this one ends by it at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _answers(
    work: Callable[[Item], bytes], items: Sequence[Item], n_jobs: int, say: Callable[[int], None]
) -> list[bytes | None]:
    waiting: SimpleQueue[int] = SimpleQueue()
    for i in range(len(items)):
        waiting.put(i)
    answers: list[bytes | None] = [None] * len(items)
    # A process that is killed leaves its exports, which may be large: they lie where they are
    # removed from here.
    with (
        tempfile.TemporaryDirectory(prefix="traceenergy-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(min(n_jobs, len(items))) as threads,
    ):
        # A pool for each process: one that is killed breaks no other's, and none is started while
        # another pool notices that, which the standard library does not bear.
        shares = share_cores(os.sched_getaffinity(0), min(n_jobs, len(items)))
        contexts = [_Spawning(cores) for cores in shares]
        lanes = [
            threads.submit(_work_off, context, folder, lambda i: (work, items[i]), waiting, answers)
            for context in contexts
        ]
        try:
            # polars has signals restart what they interrupt, so that Ctrl-C ends no wait by itself.
            while wait(lanes, _LOOK_UP_S).not_done:
                say(sum(answer is not None for answer in answers))
            for lane in lanes:
                lane.result()
        except BaseException:
            _empty(waiting)
            for context in contexts:
                context.end()
            raise
    return answers


def share_cores(cores: set[int], n: int) -> list[set[int]]:
    """Give each of some processes cores of its own, all of them where there are too few.

    Libraries start a thread for each core that a process may use, and threads of several processes
    wait for each other: sixteen reports took two processes on two cores 12.7 s without this, 9.1 s
    with it.

    Parameters
    ----------
    cores : set of int
        That this process may use.
    n : int
        Processes.

    Returns
    -------
    list of set of int
        Neighbours together: they share caches and memory.
    """
    if n > len(cores):
        return [cores] * n
    ends = [len(cores) * i // n for i in range(n + 1)]
    return [set(sorted(cores)[low:high]) for low, high in pairwise(ends)]


def _work_off(
    context: _Spawning,
    folder: str,
    task: Callable[[int], tuple[Any, ...]],
    waiting: SimpleQueue[int],
    answers: list[bytes | None],
) -> None:
    """Have one process after another take what waits, a new one where the last was killed."""
    # Processes inherit it, and so meet a Ctrl-C only when they are prepared for it. The tracker,
    # which else starts with the first of them, would undo it.
    resource_tracker.ensure_running()
    with suppress(OSError):  # where that is forbidden, processes share all cores
        os.sched_setaffinity(0, context.cores)  # of this thread, and of processes that it starts
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pool: ProcessPoolExecutor | None = None
    try:
        while (i := _next(waiting)) is not None:
            pool = pool or ProcessPoolExecutor(1, context, _prepare, (folder,))
            answer = _ask(pool, task(i))
            if answer is None or isinstance(answer.exception(), BrokenProcessPool):
                context.end()
                pool.shutdown()
                pool = None
            else:
                answers[i] = answer.result()
    finally:
        if pool is not None:
            pool.shutdown()


def _ask(pool: ProcessPoolExecutor, task: tuple[Any, ...]) -> Future[bytes] | None:
    try:
        return pool.submit(*task)
    except (BrokenProcessPool, OSError, ValueError):
        # Its process was killed, or did not start. Errors of the work itself are in the future.
        return None


def _next(waiting: SimpleQueue[int]) -> int | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None


def _empty(waiting: SimpleQueue[int]) -> None:
    while _next(waiting) is not None:
        pass
