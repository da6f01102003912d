"""Seconds of classes inside windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.coverage import ClassTimes, covered_s, effort_until

S = 1_000_000_000


def test_a_window_holds_the_parts_of_work_inside_it() -> None:
    # second    0 1 2 3 4 5 6
    # class 0   - - -            weight 1
    # class 1       - - -        weight 2
    # window      [- - -)        1 to 4 s: 2 s of class 0, 2 s x 2 of class 1
    start, end = np.array([0, 2]) * S, np.array([3, 5]) * S

    times = ClassTimes(start, end, np.array([1.0, 2.0]), np.array([0, 1]), 2)

    assert covered_s(times, np.array([S]), np.array([4 * S])).tolist() == [[2.0, 4.0]]


def test_a_class_without_work_has_no_time() -> None:
    times = ClassTimes(np.array([0]), np.array([S]), np.ones(1), np.array([2]), 4)

    assert covered_s(times, np.array([0]), np.array([S])).tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_no_work_covers_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)

    times = ClassTimes(none, none, np.zeros(0), none, 2)

    assert covered_s(times, np.array([0]), np.array([S])).tolist() == [[0.0, 0.0]]
    assert effort_until(times, np.array([S])).tolist() == [0.0]


def test_weights_below_zero_count_against_others() -> None:
    # a size below the usual beside one above it: 2 s x -1 and 1 s x 3 within the window
    start, end = np.array([0, 1]) * S, np.array([2, 4]) * S

    times = ClassTimes(start, end, np.array([-1.0, 3.0]), np.array([0, 0]), 1)

    assert covered_s(times, np.array([0]), np.array([2 * S])).tolist() == [[1.0]]


def test_effort_of_all_classes_adds_up_from_the_first_start() -> None:
    # second    0 1 2 3 4 5 6
    # class 0   - - -            weight 1
    # class 1       - - -        weight 2
    start, end = np.array([0, 2]) * S, np.array([3, 5]) * S
    times = ClassTimes(start, end, np.array([1.0, 2.0]), np.array([0, 1]), 2)

    effort = effort_until(times, np.array([-1, 0, 1, 3, 5, 9]) * S)

    assert effort.tolist() == [0, 0, 1, 3 + 2, 3 + 6, 3 + 6]


@given(
    pieces=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 2)),
        min_size=1,
        max_size=30,
    ),
    window=st.tuples(st.integers(-5, 60), st.integers(0, 30)),
    epoch_ns=st.integers(0, 2 * 10**18),
)
def test_coverage_equals_counting_at_any_epoch(
    pieces: list[tuple[int, int, int]], window: tuple[int, int], epoch_ns: int
) -> None:
    start = np.array([p[0] for p in pieces]) * S + epoch_ns
    end = start + np.array([p[1] for p in pieces]) * S
    of_class = np.array([p[2] for p in pieces])
    low, high = window[0] * S + epoch_ns, (window[0] + window[1]) * S + epoch_ns

    times = ClassTimes(start, end, np.ones(len(pieces)), of_class, 3)

    expected = np.zeros(3)
    for s, e, k in zip(start, end, of_class, strict=True):
        expected[k] += max(0, min(e, high) - max(s, low)) / S
    found = covered_s(times, np.array([low]), np.array([high]))[0]
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize("in_order", [True, False])
def test_work_counted_in_parts_adds_up(monkeypatch: pytest.MonkeyPatch, *, in_order: bool) -> None:
    # 200 pieces, some far longer than the 30 windows, 16 pieces at once
    monkeypatch.setattr("traceenergy.energy.coverage.PIECES_AT_ONCE", 16)
    rng = np.random.default_rng(3)
    start = rng.integers(0, 1000, 200)
    start = np.sort(start) if in_order else start
    end = start + rng.choice([0, 3, 30, 400], 200, p=[0.1, 0.4, 0.4, 0.1])
    weight, of_class = rng.normal(size=200), rng.integers(0, 4, 200)
    low = rng.integers(-50, 1400, 30)
    high = low + rng.integers(0, 100, 30)

    found = covered_s(ClassTimes(start, end, weight, of_class, 4), low, high)

    inside = np.minimum(end, high[:, None]) - np.maximum(start, low[:, None])
    weighted = np.maximum(inside, 0) * weight
    expected = np.stack([weighted[:, of_class == k].sum(axis=1) for k in range(4)], axis=1)
    assert found * 1e9 == pytest.approx(expected, abs=1e-9)
