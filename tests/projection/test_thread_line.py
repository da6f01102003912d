"""Threads laid end to end."""

from __future__ import annotations

import numpy as np
import pytest

from tests.build import build_trace
from tests.literals import Range, Work
from traceenergy.errors import BadTableError
from traceenergy.projection.thread_line import distinct, draw_line, index_of


def test_ranges_of_different_threads_never_touch_on_the_line() -> None:
    ranges = build_trace(ranges=[Range("a", 0, 10), Range("b", 0, 10, tid=2), Range("c", 10, 20)])
    frame = ranges.nvtx_ranges

    line, lane = draw_line(frame)
    start = line.place(lane, frame["start_ns"].to_numpy())
    end = line.place(lane, frame["end_ns"].to_numpy())

    assert lane.tolist() == [0, 1, 0]
    assert (end - start).tolist() == [10, 10, 10]
    assert start[2] == end[0]
    assert start[1] > end[2] + 1


def test_calls_outside_the_ranges_of_their_thread_are_not_covered() -> None:
    ranges = build_trace(ranges=[Range("a", 10, 20)]).nvtx_ranges
    calls = [(10, 20), (9, 12), (15, 21)]
    launches = build_trace(
        [*(Work("k", 0, 1, launch=call) for call in calls), Work("k", 0, 1, launch=(12, 13), tid=2)]
    ).launches

    line, _ = draw_line(ranges)
    lane = line.lane(launches)
    covered = line.covers(lane, launches["start_ns"].to_numpy(), launches["end_ns"].to_numpy())

    assert lane.tolist() == [0, 0, 0, -1]
    assert covered.tolist() == [True, False, False, False]


def test_a_line_too_long_for_integers_is_refused() -> None:
    spans = [Range("r", -(2**61), 2**61, tid=tid) for tid in range(2)]

    with pytest.raises(BadTableError, match="more time than can be counted"):
        draw_line(build_trace(ranges=spans).nvtx_ranges)


def test_values_are_found_among_known_ones() -> None:
    known = distinct(np.array([7, -3, 7, 2**60]))

    assert known.tolist() == [-3, 7, 2**60]
    assert index_of(np.array([7, 8, 2**60, 2**61, -9]), known).tolist() == [1, -1, 2, -1, -1]
    assert index_of(np.array([1]), known[:0]).tolist() == [-1]


def test_a_range_that_ends_before_it_starts_reaches_to_its_start() -> None:
    frame = build_trace(ranges=[Range("a", 20, 10), Range("b", 0, 5, tid=2)]).nvtx_ranges

    line, lane = draw_line(frame)

    assert line.low_ns[lane].tolist() == [20, 0]
    assert line.high_ns[lane].tolist() == [20, 5]
