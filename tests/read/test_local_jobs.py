"""Reports read by processes: the same result, also where processes are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

import pytest

import traceenergy as te
from tests.read.rank_files import assert_same, write_ranks
from traceenergy.errors import WorkerLostError
from traceenergy.read import Workers, read_trace
from traceenergy.read.local_jobs import jobs_that_pay, map_in_processes, share_cores
from traceenergy.report import render_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1_000_000


@contextmanager
def killing(n: int) -> Iterator[set[int]]:
    """Kill the first `n` processes that this one starts; gives the ids of those killed."""
    killed: set[int] = set()
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.005) and len(killed) < n:
            for child in multiprocessing.active_children():
                if child.pid is not None and child.pid not in killed and len(killed) < n:
                    os.kill(child.pid, signal.SIGKILL)
                    killed.add(child.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def sparse(path: Path, megabytes: int) -> Path:
    """Make a file of a size that takes no room."""
    with path.open("wb") as file:
        file.truncate(megabytes * MEGABYTE)
    return path


def test_processes_give_what_one_gives(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 3)

    alone = read_trace(files, workers=Workers(jobs=1))
    together = read_trace(files, workers=Workers(jobs=2))

    assert_same(together, alone)
    assert render_json(te.analyze(together)) == render_json(te.analyze(alone))


def test_reports_of_a_killed_process_are_read_again(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 3)
    alone = read_trace(files)

    with killing(1) as killed:
        together = read_trace(files, workers=Workers(jobs=2))

    assert len(killed) == 1
    assert_same(together, alone)


@pytest.mark.parametrize("problem", [OSError("handle is closed"), ValueError("bad value")])
def test_a_process_that_does_not_start_leaves_its_report_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    # What a pool raises where a process ended at the moment when it starts the next.
    files = write_ranks(tmp_path, 3)
    alone = read_trace(files)
    start = SpawnProcess.start
    started: list[SpawnProcess] = []

    def start_but_second(process: SpawnProcess) -> None:
        started.append(process)
        if len(started) == 2:
            raise problem
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", start_but_second)
    together = read_trace(files, workers=Workers(jobs=2))

    assert len(started) > 2
    assert_same(together, alone)


def test_a_report_whose_processes_are_all_killed_is_named(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 2)

    with killing(100) as killed, pytest.raises(WorkerLostError) as problem:
        read_trace(files, workers=Workers(jobs=2))

    assert len(killed) >= 3
    assert "rank0.sqlite" in problem.value.what
    assert "rank1.sqlite (worker-lost)" in problem.value.details
    assert "--jobs 1" in problem.value.next_step


def test_small_or_single_reports_are_not_worth_a_process(tmp_path: Path) -> None:
    small = [sparse(tmp_path / f"{i}.sqlite", 10) for i in range(8)]

    assert jobs_that_pay(small) == 1
    assert jobs_that_pay([sparse(tmp_path / "large.sqlite", 5000)]) == 1


def test_reports_that_nsys_must_export_are_worth_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))

    assert jobs_that_pay([sparse(tmp_path / f"{i}.nsys-rep", 1) for i in range(5)]) == 5


def test_there_are_as_many_processes_as_reports_cores_and_memory_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [sparse(tmp_path / f"{i}.sqlite", 1000) for i in range(8)]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6))
    # One of them takes 3.7 GB at its peak, and half of the memory may be used; one keeps more than
    # one core busy.
    for memory_gb, expected in ((1000, 3), (15, 2), (2, 1)):
        sizes = {"SC_PHYS_PAGES": memory_gb * 1_000_000, "SC_PAGE_SIZE": 1000}
        monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
        assert jobs_that_pay(files) == expected


def test_each_process_has_cores_of_its_own() -> None:
    assert share_cores({1, 0}, 2) == [{0}, {1}]
    assert share_cores({4, 5, 6, 7, 12}, 2) == [{4, 5}, {6, 7, 12}]
    assert share_cores({0, 1, 2}, 1) == [{0, 1, 2}]


def test_more_processes_than_cores_share_all_of_them() -> None:
    assert share_cores({0, 1}, 3) == [{0, 1}] * 3


def cores_here(wait_s: float) -> bytes:
    # Both processes are there at once: none takes both items.
    time.sleep(wait_s)
    return repr(sorted(os.sched_getaffinity(0))).encode()


def test_cores_are_those_of_the_process_and_stay_with_this_one() -> None:
    mine = os.sched_getaffinity(0)

    found = map_in_processes(cores_here, [1.0, 1.0], 2)

    expected = {repr(sorted(cores)).encode() for cores in share_cores(mine, 2)}
    assert set(found) == expected
    assert os.sched_getaffinity(0) == mine


def test_processes_share_cores_where_that_cannot_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbid(pid: int, cores: set[int]) -> None:
        raise PermissionError(pid, cores)

    mine = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_setaffinity", forbid)

    assert map_in_processes(cores_here, [0.0], 1) == [repr(sorted(mine)).encode()]
