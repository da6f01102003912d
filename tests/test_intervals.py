"""Algebra of half-open intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.intervals import busy_by_group, find_alone, gaps, share_clock, union

if TYPE_CHECKING:
    from random import Random

    import pytest

spans = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 20)), max_size=30)


def ends(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    low = np.array([a for a, _ in pairs], dtype=np.int64)
    return low, low + np.array([b for _, b in pairs], dtype=np.int64)


def ticks(pairs: list[tuple[int, int]]) -> set[int]:
    return {tick for start, length in pairs for tick in range(start, start + length)}


def test_union_merges_what_overlaps_or_touches() -> None:
    #        0 1 2 3 4 5 6 7 8 9
    # a      - - -
    # b          - - -               overlaps a
    # c                - -           touches b
    # d                        -     apart
    # empty              |           vanishes
    start, end = union(np.array([2, 0, 9, 5, 6]), np.array([5, 3, 10, 7, 6]))

    assert start.tolist() == [0, 9]
    assert end.tolist() == [7, 10]


@given(spans)
def test_intervals_alone_share_no_time(pairs: list[tuple[int, int]]) -> None:
    each = [ticks([pair]) for pair in pairs]
    apart = [
        all(own.isdisjoint(other) for at, other in enumerate(each) if at != index)
        for index, own in enumerate(each)
    ]

    alone = find_alone(*ends(pairs)).tolist()

    if all(length for _, length in pairs):
        assert alone == apart
    else:  # what an empty one lies in may count as not alone
        assert all(is_apart for is_apart, is_alone in zip(apart, alone, strict=True) if is_alone)


def test_gaps_are_what_is_left_in_the_window() -> None:
    # window [0, 10), busy [-5, 2) and [4, 6)
    low, high = gaps(np.array([-5, 4]), np.array([2, 6]), (0, 10))

    assert low.tolist() == [2, 6]
    assert high.tolist() == [4, 10]


def test_a_window_without_work_is_one_gap() -> None:
    empty = np.array([], dtype=np.int64)

    low, high = gaps(empty, empty, (3, 8))

    assert (low.tolist(), high.tolist()) == ([3], [8])


def test_busy_time_of_groups_counts_overlap_once() -> None:
    # group 0   [0 4) [2 6)     union 6
    # group 2   [1 3)           union 2; group 1 has none
    busy = busy_by_group(np.array([0, 2, 0]), np.array([2, 1, 0]), np.array([6, 3, 4]), 3)

    assert busy.tolist() == [6, 0, 2]


def test_share_clock_runs_at_one_over_n() -> None:
    #        0 1 2 3 4 5 6
    # a      - - - -           share 2 alone + 2/2 = 3
    # b          - - - -       share 2/2 + 2 alone = 3
    clock = share_clock(np.array([0, 2]), np.array([4, 6]))

    shares = clock.share_at(np.array([4, 6])) - clock.share_at(np.array([0, 2]))

    assert shares.tolist() == [3.0, 3.0]
    assert clock.busy_at(np.array([0, 6, 9])).tolist() == [0.0, 6.0, 6.0]


@given(spans)
def test_union_is_the_set_of_covered_ticks(pairs: list[tuple[int, int]]) -> None:
    start, end = union(*ends(pairs))

    assert set().union(*(range(a, b) for a, b in zip(start, end, strict=True))) == ticks(pairs)
    assert (start[1:] > end[:-1]).all()


@given(spans, st.integers(0, 2 * 10**18))
def test_shares_of_concurrent_work_sum_to_the_union_at_any_epoch(
    pairs: list[tuple[int, int]], epoch_ns: int
) -> None:
    start, end = ends(pairs)
    clock = share_clock(start + epoch_ns, end + epoch_ns)

    shares = clock.share_at(end + epoch_ns) - clock.share_at(start + epoch_ns)

    np.testing.assert_allclose(shares.sum(), len(ticks(pairs)), rtol=1e-9, atol=1e-9)


@given(spans, st.integers(0, 2 * 10**18))
def test_stretches_of_a_share_clock_are_the_union(
    pairs: list[tuple[int, int]], epoch_ns: int
) -> None:
    start, end = (one + epoch_ns for one in ends(pairs))

    found = share_clock(start, end).stretches

    assert [one.tolist() for one in found] == [one.tolist() for one in union(start, end)]


def test_a_clock_read_in_parts_runs_straight_between_its_edges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("traceenergy.intervals._TIMES_AT_ONCE", 4)
    rng = np.random.default_rng(5)
    start = np.sort(rng.integers(0, 1000, 40))
    clock = share_clock(start, start + rng.integers(0, 60, 40))

    # sorted, then in any order, before the first edge and after the last as well
    in_order = np.arange(-50, 1150, 7)
    for at in (in_order, rng.permutation(in_order)):
        np.testing.assert_allclose(
            clock.share_at(at), np.interp(at, clock.edge_ns, clock.share_ns), atol=1e-9
        )


@given(spans, st.randoms(use_true_random=False))
def test_busy_by_group_equals_union_of_each_group(pairs: list, random: Random) -> None:
    group = np.array([random.randrange(4) for _ in pairs], dtype=np.int64)
    start, end = ends(pairs)

    busy = busy_by_group(group, start, end, 4)

    expected = [
        len(ticks([p for p, g in zip(pairs, group, strict=True) if g == k])) for k in range(4)
    ]
    assert busy.tolist() == expected


def test_many_groups_on_a_long_trace_do_not_overflow() -> None:
    # 2e6 groups x 1e13 ns (2.8 h) = 2e19 > 2**63: shifted times must not wrap around.
    n = 2_000_000
    start = np.linspace(0, 10**13, n).astype(np.int64)

    busy = busy_by_group(np.arange(n), start, start + 1000, n)

    assert (busy == 1000).all()
