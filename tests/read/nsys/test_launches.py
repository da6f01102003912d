"""CUDA calls of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.build import Work, build_export, process_id, thread_id
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

API = "CUPTI_ACTIVITY_KIND_RUNTIME"


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


def test_a_launch_written_twice_counts_once(tmp_path: Path) -> None:
    # CUDA backtraces repeat each call as class 67; here also as a call within the call.
    call = {"globalTid": thread_id(1, 1), "correlationId": 1, "nameId": 1}
    raw = {
        API: [
            {"start": 2, "end": 3, "eventClass": 67, **call},
            {"start": 5, "end": 6, "eventClass": 1, **call},
            {"start": 4, "end": 9, "eventClass": 0, **call},
        ],
        "StringIds": [{"id": 1, "value": "cudaLaunchKernel"}],
    }
    kernel = Work("k", 10, 20, launch=None, correlation=1)

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[kernel], raw=raw))

    assert trace.launches.select("start_ns", "end_ns").rows() == [(4, 9)]


def test_correlations_of_two_processes_stay_apart(tmp_path: Path) -> None:
    works = [Work("a", 10, 20, pid=1, correlation=5), Work("b", 30, 40, pid=2, correlation=5)]

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=works))

    assert sorted(trace.launches["process_id"]) == [process_id(1), process_id(2)]
    assert trace.launches["correlation_id"].to_list() == [5, 5]


def test_work_without_a_call_is_kept_and_said(tmp_path: Path) -> None:
    works = [
        Work("known", 0, 1),
        Work("call lost", 2, 3, launch=None, correlation=8),
        Work("migration", 4, 5, table="MEMCPY", copy_kind=11, launch=None, correlation=0),
    ]

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=works))

    assert trace.gpu_work["correlation_id"].to_list()[1:] == [8, None]
    assert slugs(trace)["work-without-launch"] == 2


def test_graphs_whose_work_is_in_no_table_are_said(tmp_path: Path) -> None:
    """Schemas up to 3.7.2 have no table for whole graphs: their energy would look idle."""
    call = {"start": 5, "end": 6, "eventClass": 0, "globalTid": thread_id(1, 1)}
    raw = {
        API: [{**call, "correlationId": 9, "nameId": 1}],
        "StringIds": [{"id": 1, "value": "cudaGraphLaunch_v10000"}],
    }

    trace = read_nsys(build_export(tmp_path / "x.sqlite", "3.7.2", kernels=[("k", 7, 8)], raw=raw))

    assert slugs(trace)["graph-work-missing"] == 1
