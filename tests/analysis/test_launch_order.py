"""What was launched before a moment, against looking at each piece."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.analysis.launch_order import LaunchOrder

TIMES = st.integers(-30, 30)
PIECES = st.lists(st.tuples(st.integers(0, 2), TIMES, TIMES, st.integers(0, 20)), max_size=12)
ASKED = st.lists(st.tuples(st.integers(-1, 3), TIMES, TIMES), min_size=1, max_size=6)


def columns(rows: list[tuple[int, ...]], width: int) -> list[np.ndarray]:
    return list(np.array(rows, dtype=np.int64).reshape(-1, width).T)


@given(PIECES, ASKED)
def test_answers_are_those_of_a_look_at_each_piece(
    pieces: list[tuple[int, ...]], asked: list[tuple[int, ...]]
) -> None:
    lane, launch, start, length = columns(pieces, 4)
    end = start + length
    wanted, before, ended = columns(asked, 3)
    order = LaunchOrder(lane, launch, start, end)

    last = order.last_before(wanted, before)
    first = order.first_after(wanted, before)
    latest = order.last_ended(wanted, before, ended)

    rows = np.arange(len(lane))
    for i in range(len(asked)):
        mine = rows[lane == wanted[i]]
        early = [(launch[r], start[r]) for r in mine if launch[r] < before[i]]
        late = [(launch[r], start[r]) for r in mine if launch[r] >= before[i]]
        assert (last[i] >= 0) == bool(early)
        assert (first[i] >= 0) == bool(late)
        if early:
            assert (launch[last[i]], start[last[i]]) == max(early)
            assert lane[last[i]] == wanted[i]
        if late:
            assert (launch[first[i]], start[first[i]]) == min(late)
            assert lane[first[i]] == wanted[i]
        ends = [end[r] for r in mine if launch[r] < before[i]]
        if ends and max(ends) <= ended[i]:
            assert end[latest[i]] == max(ends)
            assert lane[latest[i]] == wanted[i]
        elif latest[i] >= 0:
            assert ends
            assert end[latest[i]] <= ended[i]


def test_work_that_ends_after_the_call_was_not_waited_for() -> None:
    lane, launch = np.zeros(3, dtype=np.int64), np.array([1, 2, 3])
    order = LaunchOrder(lane, launch, np.array([10, 20, 30]), np.array([20, 30, 41]))

    found = order.last_ended(np.zeros(1, dtype=np.int64), np.array([5]), np.array([40]))

    assert found.tolist() == [1]
