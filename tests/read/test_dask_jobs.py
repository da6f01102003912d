"""Reports read by a real Dask cluster: a scheduler with two worker processes."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from distributed import Client

import traceenergy as te
from tests.read.dask_cluster import cluster
from tests.read.rank_files import assert_same, cut_short, write_ranks
from traceenergy.errors import MissingToolError, SchedulerError, UnreadableFileError
from traceenergy.read import Workers, dask_jobs, read_trace
from traceenergy.report import render_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

ABSENT = "import sys; sys.modules['traceenergy'] = None; "
OTHER = "import traceenergy; traceenergy.__version__ = '99.0'; "


def kill_when_the_other_has_results(
    address: str, victim: subprocess.Popen[bytes], said: list[int]
) -> None:
    """Kill a worker once the other one has read a report; says how many it had read."""
    with Client(address, set_as_default=False) as client:
        until_s = time.monotonic() + 30
        while time.monotonic() < until_s:
            n_read = sum(len(keys) for keys in client.has_what().values())
            if n_read:
                victim.kill()
                said.append(n_read)
                return
            time.sleep(0.01)


def test_a_cluster_gives_the_same_result_also_when_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_jobs, "_ANSWER_S", 1.5)
    files = write_ranks(tmp_path / "run", 8)
    alone = read_trace(files)

    with cluster(tmp_path, 2) as (address, (_, *workers)):
        whole = read_trace(files, workers=Workers(scheduler=address))
        # The worker with tasks in hand stands still, so that it cannot end before it is killed.
        workers[0].send_signal(signal.SIGSTOP)
        said: list[int] = []
        words = (address, workers[0], said)
        killer = threading.Thread(target=kill_when_the_other_has_results, args=words)
        killer.start()
        survived = read_trace(files, workers=Workers(scheduler=address))
        killer.join()
        cut_short(files[2])
        skipped = read_trace(files, workers=Workers(scheduler=address, on_error="skip"))
        with pytest.raises(UnreadableFileError, match=r"rank2\.sqlite"):
            read_trace(files, workers=Workers(scheduler=address))

    assert said
    assert said[0] < 8, "killed in the middle"
    assert_same(whole, alone)
    assert_same(survived, alone)
    assert render_json(te.analyze(survived)) == render_json(te.analyze(alone))
    assert [origin.rank for origin in skipped.origins] == [0, 1, 3, 4, 5, 6, 7]


@contextmanager
def signalled_when_tasks_are_out(
    address: str, victim: subprocess.Popen[bytes], number: signal.Signals
) -> Iterator[list[int]]:
    """Send a signal once a worker has reports to read; gives how many it then had."""
    said: list[int] = []

    def strike() -> None:
        with Client(address, set_as_default=False) as client:
            until_s = time.monotonic() + 30
            while not said and time.monotonic() < until_s:
                n_tasks = sum(len(keys) for keys in client.processing().values())
                if n_tasks:
                    said.append(n_tasks)
                time.sleep(0.01)
        victim.send_signal(number)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield said
    finally:
        thread.join()


@pytest.mark.parametrize(
    ("victim", "number", "expected"),
    [
        (1, signal.SIGKILL, "has no workers"),
        (0, signal.SIGKILL, "stopped answering"),
        (0, signal.SIGSTOP, "stopped answering"),
    ],
    ids=["all workers killed", "scheduler killed", "scheduler frozen"],
)
def test_what_is_lost_in_the_middle_ends_the_run_soon(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    victim: int,
    number: signal.Signals,
    expected: str,
) -> None:
    files = write_ranks(tmp_path / "run", 2)
    monkeypatch.setattr(dask_jobs, "_ANSWER_S", 1.0)
    monkeypatch.setattr(dask_jobs, "_WITHOUT_WORKERS_S", 1.0)

    with cluster(tmp_path, 1) as (address, processes):
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)
        # The only worker stands still, so that it cannot end before something is lost.
        processes[1].send_signal(signal.SIGSTOP)
        with signalled_when_tasks_are_out(address, processes[victim], number) as said:
            start_s = time.monotonic()
            with pytest.raises(SchedulerError, match=expected) as problem:
                read_trace(files, workers=Workers(scheduler=address, on_error="skip"))
            took_s = time.monotonic() - start_s

    assert said == [2]
    assert problem.value.next_step
    assert took_s < 30, "bounded, on a machine that is busy too"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (ABSENT, r"the worker tcp://127.0.0.1:\d+ of the cluster at .* cannot load traceenergy"),
        (OTHER, rf"has traceenergy 99\.0, here is {te.__version__}"),
    ],
    ids=["absent", "other version"],
)
def test_workers_that_lack_this_program_are_told_before_they_get_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, expected: str
) -> None:
    files = write_ranks(tmp_path / "run", 2)
    monkeypatch.setattr(dask_jobs, "_read_with", None)

    with cluster(tmp_path, 1, before) as (address, _), pytest.raises(SchedulerError) as problem:
        read_trace(files, workers=Workers(scheduler=address))

    assert re.search(expected, problem.value.what)
    assert "need the same traceenergy" in problem.value.next_step


def test_who_accepts_a_connection_but_is_no_scheduler_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path / "run", 1)
    monkeypatch.setattr(dask_jobs, "_ANSWER_S", 0.5)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SchedulerError, match="no Dask scheduler answers at"):
            read_trace(files, workers=Workers(scheduler=address))


def test_a_notebook_whose_loop_runs_already_can_read_too(tmp_path: Path) -> None:
    files = write_ranks(tmp_path / "run", 1)

    async def cell(address: str) -> te.Trace:
        return read_trace(files, workers=Workers(scheduler=address))

    with cluster(tmp_path, 1) as (address, _):
        trace = asyncio.run(cell(address))

    assert_same(trace, read_trace(files))


def test_a_scheduler_without_workers_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path / "run", 2)
    monkeypatch.setattr(dask_jobs, "_WITHOUT_WORKERS_S", 0.2)

    with cluster(tmp_path, 0) as (address, _), pytest.raises(SchedulerError, match="no workers"):
        read_trace(files, workers=Workers(scheduler=address))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_an_address_where_nobody_answers_is_said(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path / "run", 1)
    monkeypatch.setattr(dask_jobs, "_ANSWER_S", 0.5)

    with pytest.raises(SchedulerError, match="no Dask scheduler answers at"):
        read_trace(files, workers=Workers(scheduler=address))


def test_without_dask_the_line_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path / "run", 1)
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(MissingToolError) as problem:
        read_trace(files, workers=Workers(scheduler="tcp://127.0.0.1:9"))

    assert "pip install 'traceenergy[dask]'" in problem.value.next_step
