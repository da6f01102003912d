"""Which energy each sample stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.sensor import SensorModel
from traceenergy.energy.sensor_windows import cut_samples

S = 1_000_000_000
POINTS = SensorModel(1000.0, 0.0, 0.0, "test")


def means(window_s: float, lag_s: float = 0.0) -> SensorModel:
    return SensorModel(1000.0, window_s * 1000, lag_s * 1000, "test")


def log(*readings: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    at_s, power_w = zip(*readings, strict=True)
    return (np.array(at_s) * S).astype(np.int64), np.array(power_w, dtype=float)


def test_between_points_power_runs_straight() -> None:
    # 0 W, 200 W, 200 W one second apart: 100 J and 200 J
    cut = cut_samples(*log((0, 0), (1, 200), (2, 200)), POINTS)

    assert cut.energy_j.tolist() == pytest.approx([100.0, 200.0])
    assert cut.zone_start_ns.tolist() == cut.window_start_ns.tolist() == [0, S]
    assert cut.zone_end_ns.tolist() == cut.window_end_ns.tolist() == [S, 2 * S]


def test_points_are_cut_at_the_ends_of_the_window() -> None:
    # 0 to 200 W over a second, cut at 0.5 s: 25 J and 75 J
    cut = cut_samples(*log((0, 0), (1, 200)), POINTS, (S // 2, 9 * S))

    assert cut.energy_j.tolist() == pytest.approx([25.0, 75.0])


def test_a_long_pause_between_points_is_a_gap() -> None:
    # every second, then nothing from 3 s to 7 s (4 periods): 4 s x 100 W on a straight line
    cut = cut_samples(*log(*((t, 100.0) for t in (0, 1, 2, 3, 7, 8, 9))), POINTS)

    assert (cut.gap_start_ns.tolist(), cut.gap_end_ns.tolist()) == ([3 * S], [7 * S])
    assert cut.gap_j.tolist() == pytest.approx([400.0])
    assert cut.energy_j.sum() == pytest.approx(500.0)


def test_a_pause_of_three_periods_is_none() -> None:
    cut = cut_samples(*log(*((t, 1.0) for t in (0, 1, 2, 3, 6, 7, 8))), POINTS)

    assert len(cut.gap_j) == 0


def test_long_means_have_windows_that_overlap_and_zones_that_do_not() -> None:
    # centers at 2, 3, 4 s, means over 3 s:
    # window  [0.5     3.5)
    #            [1.5     4.5)
    #               [2.5     5.5)
    # zone    [0.5 2.5)[2.5 3.5)[3.5 5.5)
    cut = cut_samples(*log((2, 10), (3, 20), (4, 30)), means(3.0))

    assert (cut.zone_start_ns / S).tolist() == [0.5, 2.5, 3.5]
    assert (cut.zone_end_ns / S).tolist() == [2.5, 3.5, 5.5]
    assert (cut.window_start_ns / S).tolist() == [0.5, 1.5, 2.5]
    assert (cut.window_end_ns / S).tolist() == [3.5, 4.5, 5.5]
    assert cut.energy_j.tolist() == pytest.approx([20.0, 20.0, 60.0])


def test_short_means_stand_for_the_time_around_them() -> None:
    # centers a second apart, means over 0.2 s: the window grows to the zone
    cut = cut_samples(*log((1, 10), (2, 20), (3, 30)), means(0.2))

    assert (cut.window_start_ns / S).tolist() == [0.9, 1.5, 2.5]
    assert (cut.window_end_ns / S).tolist() == [1.5, 2.5, 3.1]


def test_a_pause_between_means_leaves_half_a_period_on_each_side() -> None:
    # 1 s period, pause from 3 to 8 s: gap from 3.5 to 7.5 s
    cut = cut_samples(*log(*((t, 100.0) for t in (0, 1, 2, 3, 8, 9, 10))), means(0.2))

    assert (cut.gap_start_ns / S).tolist() == [3.5]
    assert (cut.gap_end_ns / S).tolist() == [7.5]
    assert cut.gap_j.tolist() == pytest.approx([400.0])


@given(
    at=st.lists(st.integers(0, 10_000), min_size=3, max_size=30, unique=True),
    window_s=st.sampled_from([0.0, 0.2, 1.0, 7.0]),
    epoch_ns=st.integers(0, 2 * 10**18),
)
def test_zones_and_gaps_fill_the_log_without_overlap_at_any_epoch(
    at: list[int], window_s: float, epoch_ns: int
) -> None:
    center_ns = np.sort(np.array(at)) * 1_000_000 + epoch_ns
    cut = cut_samples(center_ns, np.full(len(at), 50.0), means(window_s))

    start = np.concatenate((cut.zone_start_ns, cut.gap_start_ns))
    end = np.concatenate((cut.zone_end_ns, cut.gap_end_ns))
    order = np.argsort(start)
    assert (end[order][:-1] == start[order][1:]).all()
    total_j = cut.energy_j.sum() + cut.gap_j.sum()
    assert total_j == pytest.approx(50.0 * (end.max() - start.min()) / 1e9, rel=1e-9)
    assert (cut.window_start_ns <= cut.zone_start_ns).all()
    assert (cut.window_end_ns >= cut.zone_end_ns).all()
