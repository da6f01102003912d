"""Reports read by the workers of a Dask cluster that runs already."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from traceenergy.errors import (
    MissingToolError,
    SchedulerError,
    UnreadableFileError,
    WorkerLostError,
)
from traceenergy.read.mapping import Draft, read_packed, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client, Future

    from traceenergy.read.mapping import Report

# By name, since the front door stands above this room.
_VERSION: str = import_module("traceenergy").__version__
_RETRIES = 2
_CONNECT_S = 10.0
_WITHOUT_WORKERS_S = 30.0
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
        In the order of the reports. Dask gives what a lost worker left to the others; a report
        that takes down one worker after the other has `WorkerLostError`.

    Raises
    ------
    MissingToolError
        If dask.distributed is not installed.
    SchedulerError
        If the scheduler cannot be reached, has no workers, or another version of this program.
    """
    with _connected(address) as client:
        _check_workers(client, address)
        futures = client.map(_read_stamped, reports, retries=_RETRIES, pure=False, batch_size=None)
        _wait_for_all(client, futures, address)
        return [
            _draft_of(report, future, address)
            for report, future in zip(reports, futures, strict=True)
        ]


def _read_stamped(report: Report) -> tuple[str, bytes]:
    return _VERSION, read_packed(report)


def _connected(address: str) -> Client:
    try:
        from distributed import Client  # noqa: PLC0415 - an extra that most installs lack
    except ImportError as missing:
        raise MissingToolError(
            "--scheduler needs dask.distributed, which is not installed",
            details=f"no module {missing.name}",
            next_step="pip install 'traceenergy[dask]', or --jobs N for processes of this computer",
        ) from missing
    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as problem:
        raise SchedulerError(
            f"no Dask scheduler answers at {address}",
            details=f"{type(problem).__name__} within {_CONNECT_S:.0f} s",
            next_step="start one with `dask scheduler` and name what it prints, such as "
            "tcp://10.0.0.1:8786",
        ) from problem


def _check_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_WITHOUT_WORKERS_S)
    except TimeoutError as problem:
        raise _without_workers(address) from problem


def _wait_for_all(client: Client, futures: Sequence[Future[Any]], address: str) -> None:
    from distributed import wait  # noqa: PLC0415 - as above

    had_workers = True
    while True:
        try:
            with client.as_current():
                wait(futures, timeout=_WITHOUT_WORKERS_S / 2)
        except TimeoutError as problem:
            has_workers = bool(client.nthreads())
            # Twice in a row, since a worker that died is started anew within seconds.
            if not has_workers and not had_workers:
                raise _without_workers(address) from problem
            had_workers = has_workers
        else:
            return


def _draft_of(report: Report, future: Future[Any], address: str) -> Draft:
    from distributed import KilledWorker  # noqa: PLC0415 - as above

    try:
        version, sent = future.result()
    except KilledWorker as problem:
        lost = WorkerLostError(
            f"each worker that read {report.path.name} was lost",
            details="most often memory ran out",
            next_step="give workers more memory, or fewer threads",
        )
        lost.__cause__ = problem
        return Draft(report.rank, problem=lost)
    except Exception as problem:
        raise SchedulerError(
            f"the cluster at {address} could not read {report.path.name}",
            details=f"{type(problem).__name__} on the cluster",
            next_step=_SAME,
        ) from problem
    if version != _VERSION:
        raise SchedulerError(
            f"the cluster at {address} has traceenergy {version}, here is {_VERSION}",
            next_step=_SAME,
        )
    return _with_hint(unpack(sent), report)


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
