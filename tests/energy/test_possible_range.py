"""Blocks of a sensor's window, and what ran in them, drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.energy.possible_range import Blocks, bound_dynamic, cut_blocks, find_presence
from traceenergy.energy.window_share import SharedCells
from traceenergy.intervals import share_clock

MS = 1_000_000
EDGE = np.arange(0, 100, 10) * MS
# ms        0    10   20   30   40   50   60   70   80   90
# A                   [---------)
# B                        [---------)
START, END = np.array([20, 25]) * MS, np.array([40, 45]) * MS
BUSY_MS = [0, 0, 10, 10, 5, 0, 0, 0, 0]
DYNAMIC_J = np.array([0, 0, 4.0, 6.0, 1.0, 0, 0, 0, 0])
CLOCK = share_clock(START, END)


def cells() -> SharedCells:
    nothing = np.zeros(9)
    yes = np.ones(9, dtype=np.bool_)
    busy_ns = np.array(BUSY_MS, dtype=np.float64) * MS
    return SharedCells(
        EDGE, busy_ns, nothing, DYNAMIC_J, nothing, nothing, yes, ~yes, nothing
    )  # fmt: skip


def test_blocks_are_windows_and_keep_energy_and_busy_time() -> None:
    blocks = cut_blocks(cells(), CLOCK, 35 * MS)

    assert blocks.edge_ns.tolist() == [0, 35 * MS, 70 * MS, 90 * MS]
    # Half of the cell from 30 to 40 ms, all of it busy, lies in either block.
    assert blocks.dynamic_j.tolist() == pytest.approx([4.0 + 3.0, 3.0 + 1.0, 0.0])
    assert blocks.busy_ns.tolist() == pytest.approx([15 * MS, 10 * MS, 0.0])


@pytest.mark.parametrize(("window_ms", "n_blocks"), [(20, 9), (21, 5)])
def test_cells_of_half_a_window_are_blocks(window_ms: int, n_blocks: int) -> None:
    assert len(cut_blocks(cells(), CLOCK, window_ms * MS).busy_ns) == n_blocks


def test_work_is_present_where_it_runs_with_its_share() -> None:
    found = find_presence(np.array([0, 30, 60, 90]) * MS, CLOCK, START, END)

    assert found.work.tolist() == [0, 0, 1, 1]
    assert found.block.tolist() == [0, 1, 0, 1]
    # A alone from 20 to 25 ms, both to 40 ms, B alone to 45 ms.
    assert found.share_ns.tolist() == pytest.approx([7.5 * MS, 5 * MS, 2.5 * MS, 10 * MS])


def test_work_that_ends_on_an_edge_is_not_beyond_it() -> None:
    start, end = np.array([0, 30]) * MS, np.array([30, 60]) * MS

    found = find_presence(np.array([0, 30, 60]) * MS, share_clock(start, end), start, end)

    assert list(zip(found.work.tolist(), found.block.tolist(), strict=True)) == [(0, 0), (1, 1)]


def test_a_group_alone_in_a_block_has_its_energy_for_certain() -> None:
    edge_ns = np.array([0, 30, 60, 90]) * MS
    presence = find_presence(edge_ns, CLOCK, START, END)
    blocks = Blocks(edge_ns, np.array([8.0, 5.0, 0.0]), np.array([10.0, 15.0, 0.0]) * MS)

    low_j, high_j = bound_dynamic(presence, blocks, np.array([0, 1]), 2, None)
    both_low_j, both_high_j = bound_dynamic(presence, blocks, np.array([0, 0]), 1, None)

    assert low_j.tolist() == [0.0, 0.0]
    assert high_j.tolist() == pytest.approx([13.0, 13.0])
    assert both_low_j.tolist() == both_high_j.tolist() == pytest.approx([13.0])


def test_no_group_draws_more_than_the_limit() -> None:
    edge_ns = np.array([0, 30, 60, 90]) * MS
    presence = find_presence(edge_ns, CLOCK, START, END)
    blocks = Blocks(edge_ns, np.array([8.0, 5.0, 0.0]), np.array([10.0, 15.0, 0.0]) * MS)

    low_j, high_j = bound_dynamic(presence, blocks, np.array([0, 1]), 2, 1000.0)

    # In the first block A may have had 7.5 ms of 1 kW, B 2.5 ms; in the second either all 5 J.
    assert high_j.tolist() == pytest.approx([7.5 + 5.0, 2.5 + 5.0])
    assert low_j.tolist() == pytest.approx([8.0 - 2.5, 8.0 - 7.5])


@pytest.mark.parametrize("most_w", [None, 1000.0])
def test_groups_without_work_may_have_caused_nothing(most_w: float | None) -> None:
    edge_ns = np.array([0, 90]) * MS
    presence = find_presence(edge_ns, CLOCK, START, END)
    blocks = Blocks(edge_ns, np.array([8.0]), np.array([25.0]) * MS)

    # A and B are both of group 1 of 4
    low_j, high_j = bound_dynamic(presence, blocks, np.array([1, 1]), 4, most_w)

    assert low_j.tolist() == high_j.tolist() == pytest.approx([0.0, 8.0, 0.0, 0.0])
