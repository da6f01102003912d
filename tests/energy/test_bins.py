"""Bins of time and the work in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.bins import Pieces, cut, find_crowds, sum_by_group

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 25)), min_size=1, max_size=20)
# free time before each bin, and how long it lasts
STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=12)


def pieces(*rows: tuple[int, int, int]) -> Pieces:
    start_ns, end_ns, group = np.array(sorted(rows)).T
    return Pieces(start_ns, end_ns, group, int(group.max()) + 1)


def test_work_is_cut_at_the_edges_of_bins() -> None:
    # ns       0   4   8   12  16
    # bins         [---)   [---)     4 to 8, 12 to 16
    # work       [-----------)       2 to 14: all of the first, half of the second
    found = cut(np.array([2]), np.array([14]), np.array([4, 12]), np.array([8, 16]))

    assert found.source.tolist() == [0, 0]
    assert found.in_bin.tolist() == [0, 1]
    assert found.share.tolist() == [1.0, 0.5]


@given(spans=SPANS, steps=STEPS, epoch_ns=st.integers(0, 2 * 10**18))
def test_cuts_equal_counting_at_any_epoch(
    spans: list[tuple[int, int]], steps: list[tuple[int, int]], epoch_ns: int
) -> None:
    start = np.array([start for start, _ in spans])
    end = start + [length for _, length in spans]
    edge = np.cumsum(np.array(steps).ravel())
    low, high = edge[::2], edge[1::2]

    found = cut(start + epoch_ns, end + epoch_ns, low + epoch_ns, high + epoch_ns)

    expected = np.zeros((len(spans), len(steps)))
    for row in range(len(spans)):
        for column in range(len(steps)):
            covered = min(end[row], high[column]) - max(start[row], low[column])
            expected[row, column] = max(0, covered) / (high[column] - low[column])
    shown = np.zeros_like(expected)
    shown[found.source, found.in_bin] = found.share
    assert shown == pytest.approx(expected)
    assert (found.share > 0).all()


def test_shares_add_up_by_group() -> None:
    # bin 0 to 10: two pieces of group 1 (2 and 3 ns), one of group 0 (1 ns); none in the next
    some = pieces((0, 2, 1), (4, 7, 1), (8, 9, 0))
    cuts = cut(some.start_ns, some.end_ns, np.array([0, 10]), np.array([10, 20]))

    assert sum_by_group(some, cuts, cuts.share, 2).toarray() == pytest.approx(
        np.array([[0.1, 0.5], [0.0, 0.0]])
    )


@given(spans=SPANS, steps=STEPS, margin_ns=st.integers(0, 8))
def test_what_is_near_bins_has_all_that_touches_them(
    spans: list[tuple[int, int]], steps: list[tuple[int, int]], margin_ns: int
) -> None:
    some = pieces(*((start, start + length, row) for row, (start, length) in enumerate(spans)))
    edge = np.cumsum(np.array(steps).ravel())
    low, high = edge[::2], edge[1::2]

    near = some.near(low, high, margin_ns)

    touching = {
        group
        for start, end, group in zip(some.start_ns, some.end_ns, some.group, strict=True)
        if ((start < high + margin_ns) & (end > low - margin_ns)).any()
    }
    assert len(set(near.group.tolist())) == len(near.group)
    assert touching <= set(near.group.tolist())
    assert (np.diff(near.start_ns) >= 0).all()


def test_far_work_is_not_near() -> None:
    some = pieces((0, 5, 0), (100, 105, 1), (200, 205, 2), (300, 305, 3))

    near = some.near(np.array([98, 198]), np.array([108, 208]), 3)

    assert near.group.tolist() == [1, 2]
    assert near.n_groups == 4


def test_levels_add_up_where_pieces_run_at_once() -> None:
    # ns      0    10   20   30   40
    # piece 0 [---------)              0.6
    # piece 1      [---------)         0.5: 1.1 from 10 to 20
    # piece 2                [----)    0.9: alone
    # bins    [----)[---)[----)[---)
    some = pieces((0, 20, 0), (10, 30, 1), (30, 40, 2))
    low, high = np.array([0, 10, 20, 30]), np.array([10, 20, 30, 40])
    crowds = find_crowds(some, low, high)
    level = np.array([0.6, 0.5, 0.9])

    assert crowds.bins_above(level, 1.0, 4).tolist() == [False, True, False, False]
    assert crowds.bins_above(level, 1.2, 4).tolist() == [False] * 4
    # alone is never a crowd
    assert crowds.bins_above(level, 0.0, 4).tolist() == [False, True, False, False]


def test_a_long_piece_is_beside_all_that_run_under_it() -> None:
    some = pieces((0, 100, 0), (10, 20, 1), (30, 40, 1), (60, 90, 1))
    low = np.arange(0, 100, 10)
    crowds = find_crowds(some, low, low + 10)

    above = crowds.bins_above(np.array([0.9, 0.3, 0.3, 0.3]), 1.0, 10)

    assert np.flatnonzero(above).tolist() == [1, 3, 6, 7, 8]


def test_a_moment_at_once_is_none() -> None:
    # 1 ns of 10,000: as exact as time stamps are
    some = pieces((0, 5001, 0), (5000, 10_000, 1))
    crowds = find_crowds(some, np.array([0]), np.array([10_000]))

    assert not crowds.bins_above(np.ones(2), 1.0, 1).any()


@given(spans=SPANS, levels=st.lists(st.sampled_from([0.25, 0.5, 0.75]), min_size=20, max_size=20))
def test_crowds_equal_counting(spans: list[tuple[int, int]], levels: list[float]) -> None:
    some = pieces(*((start, start + length, 0) for start, length in spans))
    level = np.array(levels[: len(spans)])
    low = np.arange(0, 90)

    found = find_crowds(some, low, low + 1).bins_above(level, 1.0, 90)

    running = (some.start_ns[:, None] <= low) & (some.end_ns[:, None] > low)
    assert found.tolist() == ((running * level[:, None]).sum(axis=0) > 1.0).tolist()
