"""Reports read by the workers of a Dask cluster that runs already."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from itertools import count
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeVar

from traceenergy.errors import (
    MissingToolError,
    SchedulerError,
    UnreadableFileError,
    WorkerLostError,
)
from traceenergy.read.mapping import Draft, read_packed, unpack
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from distributed import Client, Future

    from traceenergy.read.mapping import Report

Item = TypeVar("Item")

# By name, since the front door stands above this room.
_VERSION: str = import_module("traceenergy").__version__
_RETRIES = 2
_ANSWER_S = 10.0  # of a scheduler, to anything
_WITHOUT_WORKERS_S = 30.0
_POLL_S = 0.1
_SAME = "scheduler and workers need the same traceenergy, polars and dask as this computer"


def read_on_cluster(reports: Sequence[Report], address: str) -> list[Draft]:
    """Read reports by the workers of a cluster, one task a report.

    Parameters
    ----------
    reports : sequence of Report
        Files that the workers see under the same path.
    address : str
        Of the scheduler, such as `tcp://10.0.0.1:8786`.

    Returns
    -------
    list of Draft
        In the order of the reports; a report that takes down one worker after the other has
        `WorkerLostError`.

    Raises
    ------
    MissingToolError, SchedulerError
        As `map_on_cluster` does.
    """
    names = [report.path.name for report in reports]
    return [
        Draft(report.rank, problem=answer)
        if isinstance(answer, WorkerLostError)
        else _with_hint(unpack(answer), report)
        for report, answer in zip(
            reports, map_on_cluster(read_packed, reports, names, address), strict=True
        )
    ]


def map_on_cluster(
    work: Callable[[Item], bytes],
    items: Sequence[Item],
    names: Sequence[str],
    address: str,
    say: Callable[[int], None] = lambda _: None,
) -> list[bytes | WorkerLostError]:
    """Call a function on items by the workers of a cluster, one task an item.

    Parameters
    ----------
    work : callable
        Of a module; what a user can meet is in its answer, not raised.
    items : sequence
        Small enough to send.
    names : sequence of str
        Of the items, for messages.
    address : str
        Of the scheduler.
    say : callable
        Is told how many are done.

    Returns
    -------
    list of bytes or WorkerLostError
        In the order of the items. Dask gives what a lost worker left to the others; an item that
        takes down one worker after the other has the error.

    Raises
    ------
    MissingToolError
        If dask.distributed is not installed.
    SchedulerError
        If the scheduler cannot be reached or is lost, has no workers, or another version of this
        program.
    """
    tasks = [_Task(work, item, name) for item, name in zip(items, names, strict=True)]
    with _without_log():
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(_read(tasks, address, say))
        # A notebook has a loop in this thread already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _read(tasks, address, say)).result()


@dataclass(frozen=True)
class _Task:
    work: Callable[[Any], bytes]
    item: Any
    name: str


async def _read(
    tasks: Sequence[_Task], address: str, say: Callable[[int], None]
) -> list[bytes | WorkerLostError]:
    async with _connected(address) as client:
        try:
            workers = await _wait_for_workers(client, address)
            await _check_versions(client, workers, address)
            return await _read_with(client, tasks, address, say)
        except (OSError, TimeoutError) as problem:
            raise SchedulerError(
                f"the Dask scheduler at {address} stopped answering",
                details=f"its connection broke, or it said nothing for {_ANSWER_S:.0f} s",
                next_step="see whether `dask scheduler` still runs, and try again; or --jobs N "
                "for processes of this computer",
            ) from problem


async def _read_with(
    client: Client, tasks: Sequence[_Task], address: str, say: Callable[[int], None]
) -> list[bytes | WorkerLostError]:
    futures = client.map(_stamped, tasks, retries=_RETRIES, pure=False, batch_size=None)
    answers = [
        asyncio.create_task(_answer_of(task, future, address))
        for task, future in zip(tasks, futures, strict=True)
    ]
    n_done = count(1)
    for answer in answers:
        answer.add_done_callback(lambda _: say(next(n_done)))
    try:
        await _watch(client, answers, address)
    finally:
        for answer in answers:
            answer.cancel()
    return [answer.result() for answer in answers]


def _stamped(task: _Task) -> tuple[str, bytes]:
    # Workers may join after their versions were asked.
    return _VERSION, task.work(task.item)


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[Client]:
    try:
        from distributed import Client  # noqa: PLC0415 - an extra that most installs lack
    except ImportError as missing:
        raise MissingToolError(
            "--scheduler needs dask.distributed, which is not installed",
            details=f"no module {missing.name}",
            next_step="pip install 'traceenergy[dask]', or --jobs N for processes of this computer",
        ) from missing
    client = None
    try:
        try:
            client = Client(address, asynchronous=True, timeout=_ANSWER_S, set_as_default=False)
            # The library itself waits without end for who accepts a connection and says nothing.
            await asyncio.wait_for(client, _ANSWER_S)
        except Exception as problem:
            raise SchedulerError(
                f"no Dask scheduler answers at {address}",
                details=f"{type(problem).__name__}, after at most {_ANSWER_S:.0f} s",
                next_step="start one with `dask scheduler` and name what it prints, such as "
                "tcp://10.0.0.1:8786",
            ) from problem
        yield client
    finally:
        if client is not None:
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(client.close(), _ANSWER_S)


async def _workers(client: Client) -> list[str]:
    return list(await asyncio.wait_for(client.nthreads(), _ANSWER_S))


async def _wait_for_workers(client: Client, address: str) -> list[str]:
    until_s = time.monotonic() + _WITHOUT_WORKERS_S
    while not (workers := await _workers(client)):
        if time.monotonic() > until_s:
            raise _without_workers(address)
        await asyncio.sleep(_POLL_S)
    return workers


async def _check_versions(client: Client, workers: Sequence[str], address: str) -> None:
    # A worker that lacks what a task needs does not say so: it ends.
    versions = await asyncio.gather(*(_version_of(client, worker) for worker in workers))
    for worker, version in zip(workers, versions, strict=True):
        if isinstance(version, str):
            _check_version(version, address)
        elif isinstance(version, ImportError | AttributeError):
            raise SchedulerError(
                f"the worker {worker} of the cluster at {address} cannot load traceenergy",
                details=str(version),
                next_step=_SAME,
            )


async def _version_of(client: Client, worker: str) -> object:
    wanted = f"{__name__}:_VERSION"
    question = client.run(resolve_name, wanted, workers=[worker], on_error="return")
    try:
        return (await asyncio.wait_for(question, _ANSWER_S)).get(worker)
    except (OSError, TimeoutError):
        return None  # busy, or lost just now: what it reads is stamped


def _check_version(version: str, address: str) -> None:
    if version != _VERSION:
        raise SchedulerError(
            f"the cluster at {address} has traceenergy {version}, here is {_VERSION}",
            next_step=_SAME,
        )


async def _watch(
    client: Client, answers: Sequence[asyncio.Task[bytes | WorkerLostError]], address: str
) -> None:
    had_workers = True
    pending = set(answers)
    while pending:
        done, pending = await asyncio.wait(
            pending, timeout=_WITHOUT_WORKERS_S / 2, return_when=asyncio.FIRST_EXCEPTION
        )
        for answer in done:
            answer.result()  # what ends the run ends it now
        if done or not pending:
            continue
        has_workers = bool(await _workers(client))
        # Twice in a row, since a worker that died is started anew within seconds.
        if not has_workers and not had_workers:
            raise _without_workers(address)
        had_workers = has_workers


async def _answer_of(task: _Task, future: Future[Any], address: str) -> bytes | WorkerLostError:
    from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - as above

    try:
        version, sent = await future
    except KilledWorker as problem:
        lost = WorkerLostError(
            f"each worker that read {task.name} was lost",
            details="most often memory ran out",
            next_step="give workers more memory, or fewer threads",
        )
        lost.__cause__ = problem
        return lost
    except CancelledError as problem:
        raise ConnectionError from problem
    except Exception as problem:
        raise SchedulerError(
            f"the cluster at {address} could not read {task.name}",
            details=f"{type(problem).__name__} on the cluster",
            next_step=_SAME,
        ) from problem
    _check_version(version, address)
    answer: bytes = sent
    return answer


def _with_hint(draft: Draft, report: Report) -> Draft:
    problem = draft.problem
    if not isinstance(problem, UnreadableFileError) or not report.path.is_file():
        return draft
    hint = "workers must see the reports under the same path as this computer"
    details = "\n".join(part for part in (problem.details, hint) if part)
    said = UnreadableFileError(problem.what, details=details, next_step=problem.next_step)
    return replace(draft, problem=said)


def _without_workers(address: str) -> SchedulerError:
    return SchedulerError(
        f"the Dask scheduler at {address} has no workers",
        details=f"waited {_WITHOUT_WORKERS_S:.0f} s",
        next_step=f"start some with `dask worker {address}`",
    )


@contextmanager
def _without_log() -> Iterator[None]:
    # What dask logs of a lost connection, with its traceback, is said by an error in one line.
    log = logging.getLogger("distributed.client")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled
