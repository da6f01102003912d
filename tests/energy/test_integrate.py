"""Measured energy between neighboring samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.integrate import measure_cells

S = 1_000_000_000


def log(*readings: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    at_s, power_w = zip(*readings, strict=True)
    return (np.array(at_s) * S).astype(np.int64), np.array(power_w, dtype=float)


def test_time_without_samples_is_not_covered() -> None:
    # second   0    1    2    3    4
    # sample        100  100  100
    # window   [--------------------)
    # covered       ----------         2 s of 4 s, 2 s x 100 W = 200 J
    measured = measure_cells(*log((1, 100), (2, 100), (3, 100)), (0, 4 * S))

    assert measured.covered_ns == 2 * S
    assert measured.energy_j.sum() == pytest.approx(200.0)


def test_power_runs_straight_between_samples() -> None:
    # 0 W at 0 s, 200 W at 2 s: from 0.5 s to 1 s it is 50 to 100 W, 0.5 s x 75 W
    measured = measure_cells(*log((0, 0), (2, 200)), (S // 2, S))

    assert measured.energy_j.tolist() == pytest.approx([37.5])
    assert measured.covered.tolist() == [True]


def test_a_pause_of_more_than_three_periods_is_a_gap_not_a_measurement() -> None:
    # every second, then nothing from 3 s to 7 s (4 periods): 4 s x 100 W estimated
    at = [(t, 100.0) for t in (0, 1, 2, 3, 7, 8, 9)]

    measured = measure_cells(*log(*at), (0, 9 * S))

    assert measured.width_ns[measured.gap].tolist() == [4 * S]
    assert measured.energy_j[measured.gap].tolist() == pytest.approx([400.0])
    assert measured.covered_ns == 5 * S


def test_a_pause_of_three_periods_is_still_covered() -> None:
    measured = measure_cells(*log(*((t, 1.0) for t in (0, 1, 2, 3, 6, 7, 8))), (0, 8 * S))

    assert not measured.gap.any()


def test_the_ends_are_held_as_far_as_the_samples_reach() -> None:
    # means over 2 s, centered at 1, 2, 3 s: the first holds from 0 s on, the last to 4 s;
    # 1 s x 100 W + 2 s x 100 W + 1 s x 100 W
    measured = measure_cells(*log((1, 100), (2, 100), (3, 100)), (0, 9 * S), (S, S))

    assert measured.covered_ns == 4 * S
    assert measured.energy_j.sum() == pytest.approx(400.0)


def test_a_long_reach_is_no_gap() -> None:
    measured = measure_cells(*log(*((5 + t / 10, 50) for t in range(9))), (0, 9 * S), (5 * S, 0))

    assert not measured.gap.any()
    assert measured.covered_ns == pytest.approx(5.8 * S)


def test_a_window_beside_the_log_is_not_covered() -> None:
    measured = measure_cells(*log((0, 100), (1, 100)), (5 * S, 6 * S))

    assert not (measured.covered | measured.gap).any()
    assert measured.energy_j.tolist() == [0.0]


@given(cut_ns=st.integers(1 * S + 1, 3 * S - 1), epoch_ns=st.integers(0, 2 * 10**18))
def test_cutting_a_window_loses_no_energy_at_any_epoch(cut_ns: int, epoch_ns: int) -> None:
    at_ns, power_w = log((1, 90.0), (2, 400.0), (3, 120.0))
    at_ns = at_ns + epoch_ns

    def energy(low_ns: int, high_ns: int) -> float:
        window = (epoch_ns + low_ns, epoch_ns + high_ns)
        return measure_cells(at_ns, power_w, window).energy_j.sum()

    assert energy(S, cut_ns) + energy(cut_ns, 3 * S) == pytest.approx(energy(S, 3 * S), rel=1e-9)
