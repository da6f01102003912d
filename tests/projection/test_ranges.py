"""The GPU time of ranges, by the table that nsys prints for the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.build import build_trace
from tests.literals import Range, Work
from tests.projection.cases import CAPTURED, RANGES, WORK
from traceenergy.projection import ranges as module
from traceenergy.projection.project import project_work
from traceenergy.projection.ranges import project_ranges

if TYPE_CHECKING:
    import polars as pl
    import pytest

    from traceenergy.trace.model import Trace


def projected(trace: Trace, **weights: list[float]) -> pl.DataFrame:
    projection = project_work(trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names)
    arrays = {name: np.array(values) for name, values in weights.items()}
    return project_ranges(trace.gpu_work, projection, trace.launches, trace.nvtx_ranges, arrays)


def test_each_range_spans_the_work_called_inside() -> None:
    found = projected(build_trace(WORK, ranges=RANGES, extra_launches=CAPTURED))

    # name, n_work, n_launches, start, end, busy: K_inner1 10000, K_inner2 1000, K_straddle 1000,
    # K_g1 with K_g2 3000. A graph launch is one launch, but two pieces of work.
    assert [(RANGES[row].name, *facts) for row, *facts in found.rows()] == [
        ("outer", 5, 4, 50_000, 83_000, 15_000),
        ("inner", 1, 1, 50_000, 60_000, 10_000),
        ("inner", 1, 1, 61_000, 62_000, 1_000),
        ("dommed", 3, 3, 50_000, 64_000, 12_000),
        ("se", 5, 4, 50_000, 83_000, 15_000),
        ("se_cross", 5, 4, 50_000, 83_000, 15_000),
        ("otherthread", 1, 1, 65_000, 66_000, 1_000),
        ("nulltext", 5, 4, 50_000, 83_000, 15_000),
        ("open", 1, 1, 67_000, 68_000, 1_000),
        ("replay", 2, 1, 80_000, 83_000, 3_000),
        ("outer", 1, 1, 90_000, 91_000, 1_000),
    ]


def test_start_end_ranges_that_cross_count_what_they_hold() -> None:
    # ns        0    10   20   30   40   50
    # a         [-------------)
    # request        [--------------)           crosses a, b
    # b                          [-------)
    # calls       1     2   3  4   5   6
    # Call 4 (24-26) straddles the end of a, so only request holds it.
    ranges = [Range("a", 0, 25), Range("request", 10, 38, style="start_end"), Range("b", 27, 45)]
    calls = [(2, 3), (12, 13), (20, 21), (24, 26), (30, 31), (40, 41)]
    work = [Work("k", 100 + 10 * i, 105 + 10 * i, launch=call) for i, call in enumerate(calls)]

    found = projected(build_trace(work, ranges=ranges), energy_j=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0])

    assert found.select("n_work", "energy_j").rows() == [
        (3, 1.0 + 2.0 + 4.0),
        (4, 2.0 + 4.0 + 8.0 + 16.0),
        (2, 16.0 + 32.0),
    ]


def test_busy_time_counts_overlap_once_on_each_device() -> None:
    # device 0   [-----)            0-6
    #               [-----)         3-9     union 9
    # device 1   [-----)            0-6     union 6
    work = [
        Work("k", 0, 6, stream=1, launch=(1, 2)),
        Work("k", 3, 9, stream=2, launch=(2, 3)),
        Work("k", 0, 6, device=1, launch=(3, 4)),
    ]

    found = projected(build_trace(work, ranges=[("r", 0, 10)]))

    assert found.row(0, named=True) == {
        "range_row": 0,
        "n_work": 3,
        "n_launches": 3,
        "projected_start_ns": 0,
        "projected_end_ns": 9,
        "busy_ns": 15,
    }


def test_a_nested_call_may_end_in_a_range_that_the_outer_call_leaves() -> None:
    # r            [------)
    # runtime        [-------)     a runtime call
    # driver          [--)         the driver call inside it
    trace = build_trace(
        [Work("k", 50, 60, launch=(2, 12)), Work("k", 60, 70, launch=(4, 8))], ranges=[("r", 0, 10)]
    )

    assert projected(trace)["projected_start_ns"].to_list() == [60]


def test_ranges_without_work_have_no_row() -> None:
    found = projected(build_trace([Work("k", 50, 60, launch=(2, 3))], ranges=[("idle", 5, 9)]))

    assert len(found) == 0
    assert found.columns == [column.name for column in module.PROJECTED_RANGES]


def test_batches_give_the_same_sums_as_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = build_trace(WORK, ranges=RANGES)
    at_once = projected(trace)

    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 3)

    assert projected(trace).equals(at_once)
