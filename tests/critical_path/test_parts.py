"""Sums of a path, against a count of one time unit after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.critical_path.model import PartKind, Path
from traceenergy.critical_path.parts import handovers_within, held_within, time_by_kind

BEGIN_NS = 100


def path_of(lengths: list[int], kinds: list[int] | None = None) -> Path:
    edge_ns = BEGIN_NS + np.cumsum([0, *lengths])
    kind = np.array(kinds or [0] * len(lengths), dtype=np.uint8)
    return Path(edge_ns[:-1], edge_ns[1:], kind, np.arange(len(lengths)))


def columns(intervals: list[tuple[int, int]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return list(np.array(intervals, dtype=np.int64).reshape(-1, 2).T)


def test_kinds_sum_to_the_window() -> None:
    work, host, idle = PartKind.WORK, PartKind.HOST, PartKind.IDLE
    path = path_of([5_000_000, 7_000_000, 1_000_000, 2_000_000], [work, host, work, idle])

    assert time_by_kind(path) == {
        "work_s": 0.006, "host_s": 0.007, "collective_wait_s": 0.0, "idle_s": 0.002,
    }  # fmt: skip


def test_intervals_take_what_they_share_with_each_code() -> None:
    # code     0 0 0 1 1 - - - - 0     from 100 to 110
    path = path_of([3, 2, 4, 1])
    intervals = [(100, 110), (101, 104), (105, 109), (104, 104), (90, 102), (109, 130)]

    held_ns = held_within(path, np.array([0, 1, -1, 0]), 2, *columns(intervals))

    assert held_ns.tolist() == [[4, 2], [2, 1], [0, 0], [0, 0], [2, 0], [1, 0]]


def test_a_handover_lies_between_two_holders() -> None:
    # holder   7 7 7 4 4 - - - - 7     the path goes from 7 to 4, and over a gap back to 7
    path = path_of([3, 2, 4, 1])
    intervals = [(100, 110), (100, 105), (100, 103), (102, 104), (104, 110), (105, 109), (104, 109)]

    n = handovers_within(path, np.array([7, 4, -1, 7]), *columns(intervals))

    assert n.tolist() == [2, 1, 0, 1, 1, 0, 0]


def test_a_path_that_nobody_holds_hands_nothing_over() -> None:
    path = path_of([3, 2])

    assert handovers_within(path, np.array([-1, -1]), *columns([(100, 105)])).tolist() == [0]


@given(st.data())
def test_each_unit_of_time_counts_once(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=12))
    code = [data.draw(st.integers(-1, 3)) for _ in lengths]
    end_ns = BEGIN_NS + sum(lengths)
    drawn = st.tuples(*[st.integers(BEGIN_NS, end_ns)] * 2)
    intervals = [(min(pair), max(pair)) for pair in data.draw(st.lists(drawn, max_size=8))]
    path = path_of(lengths)

    held_ns = held_within(path, np.array(code), 4, *columns(intervals))
    n_handovers = handovers_within(path, np.array(code), *columns(intervals))

    of_unit = np.repeat(code, lengths)
    for (begin, end), held, n in zip(intervals, held_ns.tolist(), n_handovers, strict=True):
        inside = of_unit[begin - BEGIN_NS : end - BEGIN_NS]
        assert held == [int((inside == one).sum()) for one in range(4)]
        assert n == np.count_nonzero(np.diff(inside[inside >= 0]))
