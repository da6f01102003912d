"""What work counts for when dynamic energy is shared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.effort import Effort, TimeEffort, effort_by_power
from traceenergy.intervals import share_clock

S = 1_000_000_000


def shares(effort: Effort, start: list[int], end: list[int], low: int, high: int) -> list[float]:
    """Measure the effort of each piece of work within low to high [s]."""
    begin = np.clip(np.array(start), low, high) * S
    finish = np.clip(np.array(end), low, high) * S
    way = effort.course(finish) - effort.course(begin)
    each: list[float] = (effort.weight(np.arange(len(start))) * way).tolist()
    return each


# second   0 1 2 3 4 5
# piece 0  - - - -            100 W
# piece 1      - - - -        300 W
START, END, POWER_W = [0, 2], [4, 6], [100.0, 300.0]


def test_by_time_concurrent_work_shares_equally() -> None:
    clock = share_clock(np.array(START) * S, np.array(END) * S)

    # from 1 to 5 s: 1 s alone and 2 s by halves, for each of them
    found = shares(TimeEffort(clock), START, END, 1, 5)

    assert found == pytest.approx([2 * S, 2 * S])


def test_by_power_each_piece_counts_its_watts_times_seconds() -> None:
    effort = effort_by_power(np.array(START) * S, np.array(END) * S, np.array(POWER_W))

    # from 1 to 5 s: 3 s of 100 W, 3 s of 300 W
    assert shares(effort, START, END, 1, 5) == pytest.approx([300, 900])
    # until 3 s: 3 s of 100 W, 1 s of 300 W
    assert effort.until(np.array([0, 3, 6]) * S).tolist() == pytest.approx([0, 600, 1600])


def test_the_course_of_effort_by_power_is_time() -> None:
    effort = effort_by_power(np.array([7 * S]), np.array([9 * S]), np.array([50.0]))

    assert effort.course(np.array([7, 10]) * S).tolist() == pytest.approx([0, 3])
    assert effort.weight(np.array([0])).tolist() == [50.0]


@given(
    pieces=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 20), st.floats(0.1, 1000)),
        min_size=1,
        max_size=25,
    ),
    low=st.integers(-5, 60),
    length=st.integers(0, 40),
    epoch=st.integers(0, 10**9),
)
def test_shares_of_the_work_sum_to_the_effort_of_a_window(
    pieces: list[tuple[int, int, float]], low: int, length: int, epoch: int
) -> None:
    start = [epoch + p[0] for p in pieces]
    end = [epoch + p[0] + p[1] for p in pieces]
    low += epoch
    edges = np.array([low, low + length]) * S
    starts, ends = np.array(start) * S, np.array(end) * S
    by_power = effort_by_power(starts, ends, np.array([p[2] for p in pieces]))
    by_time = TimeEffort(share_clock(starts, ends))

    for effort, unit in ((by_power, 1.0), (by_time, float(S))):
        whole = float(np.diff(effort.until(edges))[0])
        parts = shares(effort, start, end, low, low + length)
        assert sum(parts) == pytest.approx(whole, rel=1e-6, abs=1e-3 * unit)
        assert min(parts) >= 0
