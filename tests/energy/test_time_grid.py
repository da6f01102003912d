"""Work seen by windows on a grid: the same as summed piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.energy import time_grid
from traceenergy.energy.coverage import ClassTimes, one_class
from traceenergy.energy.time_grid import Looks, on_grid

N_CLASSES = 3
SHORT, LONG = 1e9, 0.0  # share of pairs in which windows count as short; long ones never do


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


def summed_s(times: ClassTimes, looks: Looks) -> np.ndarray:
    """Sum piece by piece what the windows of each reading hold."""
    found = np.zeros((len(looks.last_ns), times.n_classes))
    member = times.of_class[:, None] == np.arange(times.n_classes)
    for before_ns in looks.before_ns:
        high_ns = looks.last_ns - before_ns
        low_ns = high_ns - looks.width_ns
        overlap_ns = np.minimum(times.end_ns, high_ns[:, None]) - np.maximum(
            times.start_ns, low_ns[:, None]
        )
        found += np.maximum(overlap_ns, 0) * times.weight * 1e-9 @ member
    return found


@pytest.mark.parametrize(("share", "most_sums"), [(SHORT, 1), (LONG, 1 << 20), (LONG, 40)])
@pytest.mark.parametrize("width_ns", [3, 700, 30_000])
@pytest.mark.parametrize("seed", range(3))
def test_windows_hold_what_a_sum_over_pieces_gives(
    monkeypatch: pytest.MonkeyPatch, seed: int, width_ns: int, share: float, most_sums: int
) -> None:
    monkeypatch.setattr(time_grid, "MOST_PAIRS_SHARE", share)
    monkeypatch.setattr(time_grid, "MOST_SUMS", most_sums)
    monkeypatch.setattr(time_grid, "PAIRS_AT_ONCE", 200)
    times = drawn(seed)
    rng = np.random.default_rng(seed + 100)
    last_ns = 10**9 + rng.integers(-3000, 60_000, 80)
    last_ns[:40] = np.concatenate((times.start_ns[:20], times.end_ns[20:40]))
    looks = Looks(last_ns, np.array([0, 5, 1900]), width_ns)

    found = on_grid(times).seen_s(looks)

    assert len(found) == 1
    assert found[0] == pytest.approx(summed_s(times, looks), abs=1e-15)


def test_columns_of_the_same_pieces_are_each_summed() -> None:
    times = drawn(3)
    other = one_class(times.start_ns, times.end_ns, times.weight**2)
    looks = Looks(np.arange(10**9, 10**9 + 25_000, 400), np.array([0]), 100)

    found = on_grid(times, other).seen_s(looks)

    assert found[0] == pytest.approx(summed_s(times, looks), abs=1e-15)
    assert found[1] == pytest.approx(
        summed_s(other, looks),
        abs=1e-15,
    )


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
    looks = Looks(np.arange(10**9, 10**9 + 20_000, 77), np.array([0, 9]), 50)

    found, expected = (on_grid(one).seen_s(looks)[0] for one in (times, sorted_times))

    assert found == pytest.approx(expected, abs=1e-18)


def test_without_work_nothing_is_seen() -> None:
    none = np.zeros(0, dtype=np.int64)
    grid = on_grid(ClassTimes(none, none, np.zeros(0), none, 2))

    found = grid.seen_s(Looks(np.array([5, 20]), np.array([0]), 10))

    assert found[0].tolist() == [[0, 0], [0, 0]]
