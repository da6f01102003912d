"""Energy of cells, shared over the work in them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.energy.test_attribute import S, attribute, closes, constant, work
from traceenergy.energy.effort import TimeEffort
from traceenergy.energy.sensor_windows import SensorWindows
from traceenergy.energy.window_share import BoardPower, SharedCells, share_windows
from traceenergy.intervals import share_clock


def test_work_beyond_what_is_shared_at_once_has_its_energy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 10 s at 300 W, 100 W of it idle; kernels run the first half of each second; 3 at once
    monkeypatch.setattr("traceenergy.energy.window_share.PIECES_AT_ONCE", 3)

    energy = attribute(work(*((t, t + 0.5) for t in range(10))), constant(300.0))

    assert energy.static_j.tolist() == pytest.approx([50.0] * 10)
    assert energy.dynamic_j.tolist() == pytest.approx([200.0] * 10)
    assert closes(energy)


def test_work_without_length_is_known_where_samples_are() -> None:
    # samples up to 11 s cover the first two kernels; the second has no length, so no energy
    energy = attribute(work((1, 2), (5, 5), (14, 15)), constant(300.0), until_s=20.0)

    assert energy.static_j[1] == 0
    assert energy.dynamic_j[1] == 0
    assert np.isnan(energy.static_j[2])
    assert energy.static_j[0] == pytest.approx(100.0)


Pairs = list[tuple[float, float]]


def shared(  # noqa: PLR0913 - a drawn case
    zones: Pairs,
    energy_j: list[float],
    busy: Pairs,
    power: BoardPower,
    *,
    windows: Pairs | None = None,
    gap: tuple[float, float, float] | None = None,
    span: tuple[float, float] = (0, 12),
) -> SharedCells:
    """Share energies of zones [s], whose windows are theirs if not given; a gap has its energy."""
    zone, window, run = (
        [np.array([round(at * S) for at in column]) for column in zip(*pairs, strict=True)]
        for pairs in (zones, windows or zones, busy)
    )
    gap_ns = [
        np.array([round(at * S)] if gap else [], dtype=np.int64) for at in (gap or (0, 0))[:2]
    ]
    missed_j = np.array([gap[2]] if gap else [])
    measured = SensorWindows(*zone, *window, np.array(energy_j), *gap_ns, missed_j)
    clock = share_clock(*run)
    edges = (round(span[0] * S), round(span[1] * S))
    return share_windows(measured, clock, TimeEffort(clock), power, edges)


def by_cell(cells: SharedCells) -> dict[str, list[float]]:
    """Round all parts to mJ."""
    parts = ("static_j", "dynamic_j", "idle_j", "unattributed_j")
    return {part: np.round(getattr(cells, part), 3).tolist() for part in parts}


FOUR = [(0, 4), (4, 8), (8, 12)]


def test_power_up_to_the_background_is_idle_before_the_first_work_with_after_the_last() -> None:
    # second   0       4   5 ### 7   8       12     work at 5-7 s, 50 W static, 80 W background
    # watts      100        300        100
    cells = shared(FOUR, [400.0, 1200.0, 400.0], [(5, 7)], BoardPower(50.0, 80.0, None))

    assert (cells.edge_ns / S).tolist() == [0, 4, 5, 7, 8, 12]
    # Of the 1200 J, 4 x 50 are static, 2 x 30 the rest of the background; nothing ran beside.
    assert by_cell(cells) == {
        "static_j": [0, 0, 100, 0, 0],
        "dynamic_j": [0, 0, 940, 0, 0],
        "idle_j": [400, 80, 0, 80, 400],
        "unattributed_j": [0, 0, 0, 0, 0],
    }
    assert cells.energy_j.sum() == pytest.approx(2000.0)
    assert (cells.busy_ns / S).tolist() == [0, 0, 2, 0, 0]
    assert cells.covered.all()
    assert not cells.gap.any()


def test_what_work_cannot_have_drawn_is_unattributed() -> None:
    # As above, on a board that draws 200 W at most: (200 x 4 - 260) x 2/4 = 270 J of the 940.
    cells = shared(FOUR, [400.0, 1200.0, 400.0], [(5, 7)], BoardPower(50.0, 80.0, 200.0))

    found = by_cell(cells)
    assert found["dynamic_j"] == [0, 0, 270, 0, 0]
    assert found["unattributed_j"] == [0, 167.5, 335, 167.5, 0]
    assert cells.energy_j.sum() == pytest.approx(2000.0)


def test_a_background_below_the_static_part_is_none() -> None:
    # No work is seen beside 4 s at 40 W, less than idle: all of it is idle.
    cells = shared([(0, 4)], [160.0], [(1, 2)], BoardPower(50.0, 20.0, None), span=(0, 4))

    assert by_cell(cells) == {
        "static_j": [0, 40, 0],
        "dynamic_j": [0, 0, 0],
        "idle_j": [40, 0, 80],
        "unattributed_j": [0, 0, 0],
    }


def test_windows_that_overlap_add_up() -> None:
    # second   0   1 ## 2   3 ### 4     two means over all four seconds, one of 100, one of 300 W
    cells = shared(
        [(0, 2), (2, 4)], [200.0, 600.0], [(1, 2), (3, 4)], BoardPower(0.0, 0.0, None),
        windows=[(0, 4), (0, 4)], span=(0, 4),
    )  # fmt: skip

    # Nothing is cut between the first work and the last but at the edge of zones.
    assert (cells.edge_ns / S).tolist() == [0, 1, 2, 4]
    assert by_cell(cells)["dynamic_j"] == [0, 400, 400]
    assert cells.dynamic_per_effort.tolist() == pytest.approx([400 / S] * 3)


def test_a_gap_keeps_its_energy() -> None:
    cells = shared(
        [(0, 4), (6, 8)], [400.0, 200.0], [(1, 7)], BoardPower(100.0, 100.0, None),
        gap=(4, 6, 150.0), span=(0, 8),
    )  # fmt: skip

    assert (cells.edge_ns / S).tolist() == [0, 1, 4, 6, 7, 8]
    assert by_cell(cells) == {
        "static_j": [0, 300, 0, 100, 0],
        "dynamic_j": [0, 0, 0, 0, 0],
        "idle_j": [100, 0, 0, 0, 100],
        "unattributed_j": [0, 0, 150, 0, 0],
    }
    assert cells.gap.tolist() == [False, False, True, False, False]
    assert cells.covered.tolist() == [True, True, False, True, True]
    assert cells.covered_ns == 6 * S


def test_a_span_cuts_what_is_shared() -> None:
    cells = shared(
        FOUR, [400.0, 1200.0, 400.0], [(5, 7)], BoardPower(50.0, 50.0, None), span=(6, 9)
    )

    # Of the 1000 J of dynamic energy that two seconds of work took, the half.
    assert (cells.edge_ns / S).tolist() == [6, 7, 8, 9]
    assert by_cell(cells)["dynamic_j"] == [500, 0, 0]
    assert by_cell(cells)["static_j"] == [50, 0, 0]
    assert by_cell(cells)["idle_j"] == [0, 50, 100]
