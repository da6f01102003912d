"""Work read from a grid: the same as summed piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.energy import time_grid
from traceenergy.energy.coverage import ClassTimes, covered_s
from traceenergy.energy.time_grid import on_grid

N_CLASSES = 3


def drawn(seed: int, n_work: int = 400) -> ClassTimes:
    """Draw work of three classes, some of it at once, some long, some of no length."""
    rng = np.random.default_rng(seed)
    start_ns = 10**9 + rng.integers(0, 20_000, n_work)
    length_ns = rng.choice([0, 1, 30, 200, 5000], n_work)
    return ClassTimes(
        start_ns,
        start_ns + length_ns,
        rng.uniform(-1, 2, n_work),
        rng.integers(0, N_CLASSES, n_work),
        N_CLASSES,
    )


@pytest.mark.parametrize("most_cells", [1 << 22, 12, 1])
@pytest.mark.parametrize("seed", range(4))
def test_windows_hold_what_a_sum_over_pieces_gives(
    monkeypatch: pytest.MonkeyPatch, seed: int, most_cells: int
) -> None:
    monkeypatch.setattr(time_grid, "MOST_CELLS", most_cells)
    times = drawn(seed)
    rng = np.random.default_rng(seed + 100)
    low_ns = 10**9 + rng.integers(-3000, 30_000, 60)
    low_ns[:20] = times.start_ns[:20]  # ends of windows where work starts, and ends
    high_ns = low_ns + rng.integers(1, 3000, 60)
    high_ns[20:40] = np.maximum(times.end_ns[20:40], low_ns[20:40])

    found = covered_s(on_grid(times), low_ns, high_ns)

    overlap_ns = np.minimum(times.end_ns, high_ns[:, None]) - np.maximum(
        times.start_ns, low_ns[:, None]
    )
    weighted_s = np.maximum(overlap_ns, 0) * times.weight * 1e-9
    member = times.of_class[:, None] == np.arange(N_CLASSES)
    assert found == pytest.approx(weighted_s @ member, abs=1e-15)


def test_work_in_any_order_is_the_same_work() -> None:
    times = drawn(7)
    order = np.argsort(times.start_ns)
    sorted_times = ClassTimes(
        times.start_ns[order],
        times.end_ns[order],
        times.weight[order],
        times.of_class[order],
        N_CLASSES,
    )
    low_ns = np.arange(10**9, 10**9 + 20_000, 77)

    found, expected = (
        covered_s(on_grid(one), low_ns, low_ns + 50) for one in (times, sorted_times)
    )

    assert found == pytest.approx(expected, abs=1e-18)


def test_without_work_there_is_no_grid_and_no_time() -> None:
    none = np.zeros(0, dtype=np.int64)
    times = on_grid(ClassTimes(none, none, np.zeros(0), none, 2))

    assert times.grid is None
    assert covered_s(times, np.array([0, 5]), np.array([10, 20])).tolist() == [[0, 0], [0, 0]]
