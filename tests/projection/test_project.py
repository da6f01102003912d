"""The rule by which work belongs to a range, case by case."""

from __future__ import annotations

import polars as pl
import pytest

from tests.build import build_trace
from tests.literals import Range, Work
from tests.projection.cases import CAPTURED, RANGES, WORK
from traceenergy.projection.project import project_work

TRACE = build_trace(WORK, ranges=RANGES, extra_launches=CAPTURED)
PROJECTION = project_work(TRACE.gpu_work, TRACE.launches, TRACE.nvtx_ranges, TRACE.names)


def owner(kernel: str) -> str | None:
    row = TRACE.names.gather(TRACE.gpu_work["name_id"]).to_list().index(kernel)
    range_row = PROJECTION.work["range_row"][row]
    if range_row is None:
        return None
    span = RANGES[range_row]
    return f"{span.name} {span.start_ns}-{span.end_ns}"


def path(kernel: str) -> str | None:
    row = TRACE.names.gather(TRACE.gpu_work["name_id"]).to_list().index(kernel)
    return PROJECTION.paths["path"].gather(PROJECTION.work["path_id"])[row]


def test_work_that_runs_long_after_its_range_closed_belongs_to_it() -> None:
    # inner closed at 2000, K_inner1 runs from 50000 on: the launch decides.
    assert owner("K_inner1") == "inner 200-2000"
    assert owner("K_inner2") == "inner 2500-4000"


def test_a_call_across_the_start_of_a_range_falls_to_the_range_around() -> None:
    # The call 2450-2510 begins before the second inner does.
    assert owner("K_straddle") == "dommed 200-4000"


def test_the_same_correlation_id_in_two_processes_is_two_launches() -> None:
    assert owner("K_inner1") == "inner 200-2000"
    assert path("K_pid2") == "outer"


def test_a_worker_thread_has_its_own_ranges_only() -> None:
    # On the main thread `outer` and `inner` are open at that time.
    assert path("K_t1001") == "otherthread"


def test_work_of_a_thread_without_ranges_has_none() -> None:
    assert owner("K_t1003") is None
    assert path("K_t1003") is None


def test_an_open_range_counts() -> None:
    assert owner("K_t1002") == "open 300-100000"


def test_work_without_a_call_row_has_no_range() -> None:
    row = TRACE.names.gather(TRACE.gpu_work["name_id"]).to_list().index("K_cut")

    assert PROJECTION.work.row(row) == (None,) * 6


def test_nodes_of_a_replayed_graph_belong_to_the_range_around_its_launch() -> None:
    assert owner("K_g1") == "replay 7000-8000"
    assert owner("K_g2") == "replay 7000-8000"


def test_the_range_of_a_graph_capture_gets_nothing() -> None:
    capture = [span.name for span in RANGES].index("capture")

    assert capture not in PROJECTION.work["range_row"]


def test_the_path_runs_over_all_domains_with_both_styles() -> None:
    # nsys leaves out se_cross, which another thread ended; here it counts for its own thread.
    assert path("K_inner1") == "outer/nulltext/se/se_cross/dommed/inner"


def test_the_launch_of_each_piece_is_kept() -> None:
    starts = dict(
        zip(
            TRACE.names.gather(TRACE.gpu_work["name_id"]),
            PROJECTION.work["launch_start_ns"],
            strict=True,
        )
    )

    assert starts["K_straddle"] == 2_450
    assert starts["K_g1"] == starts["K_g2"] == 7_100
    assert starts["K_cut"] is None


@pytest.mark.parametrize(
    ("ranges", "work"),
    [
        ((), (Work("k", 0, 5),)),
        ((Range("r", 0, 9),), ()),
        ((), ()),
        ((Range("r", 0, 9),), (Work("k", 0, 5, launch=None),)),
    ],
)
def test_tables_may_be_empty(ranges: tuple[Range, ...], work: tuple[Work, ...]) -> None:
    trace = build_trace(work, ranges=ranges)

    projection = project_work(trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names)

    assert projection.work["range_row"].to_list() == [None] * len(work)
    assert projection.nesting["parent_row"].to_list() == [None] * len(ranges)
    assert projection.work.schema == {
        "launch_row": pl.Int64,
        "launch_start_ns": pl.Int64,
        "range_row": pl.Int64,
        "path_id": pl.UInt32,
        "capture_row": pl.Int64,
        "capture_path_id": pl.UInt32,
    }
