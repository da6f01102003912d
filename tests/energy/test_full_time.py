"""Fields that see all of the time: when they were read, what they say of a window."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.energy.full_time import compare_fields, placed_by_work, window_energy_j
from traceenergy.energy.power_series import PowerSeries
from traceenergy.energy.sensor import COUNTED, KNOWN, SensorModel
from traceenergy.intervals import ShareClock, share_clock

MS, S = 1_000_000, 1_000_000_000
START, END = np.array([0, 3 * S]), np.array([2 * S, 5 * S])


def busy() -> ShareClock:
    return share_clock(START, END)


def means(
    late_ms: float, step_ms: int = 100, gain: float = 1.0, source: str = COUNTED
) -> PowerSeries:
    """Draw 100 W, and 300 W more while anything runs; means that are read so much late."""
    end_ns = np.arange(-2 * S, 8 * S, step_ms * MS) + 37 * MS
    clock, step_ns = busy(), step_ms * MS
    busy_ns = clock.busy_at(end_ns) - clock.busy_at(end_ns - step_ns)
    power_w = gain * (100.0 + 300.0 * busy_ns / step_ns)
    sensor = SensorModel(float(step_ms), float(step_ms), 0.0, source)
    at_ns = end_ns + round(late_ms * MS)
    return PowerSeries(at_ns, power_w, sensor, "x", at_ns, power_w)


@pytest.mark.parametrize("late_ms", [-47.0, 0.0, 83.0])
def test_idle_time_tells_how_late_a_counter_is(late_ms: float) -> None:
    assert placed_by_work(means(late_ms), busy(), 0.0).sensor.lag_ms == pytest.approx(late_ms)


def test_it_is_looked_for_around_the_clocks_own_offset() -> None:
    placed = placed_by_work(means(1083.0), busy(), 1000.0)

    assert placed.sensor.lag_ms == pytest.approx(1083.0)


def test_where_power_does_not_follow_the_work_nothing_is_moved() -> None:
    noise_w = np.random.default_rng(1).normal(300.0, 5.0, len(means(0.0).power_w))

    assert placed_by_work(means(0.0).scaled(noise_w), busy(), 12.0).sensor.lag_ms == 12.0
    assert placed_by_work(means(0.0).scaled(0 * noise_w), busy(), 12.0).sensor.lag_ms == 12.0


@pytest.mark.parametrize("step_ms", [20, 100, 500])
def test_energy_of_a_window_is_exact_where_the_ends_lie_in_intervals(step_ms: int) -> None:
    # 5 s of 100 W, 4 s of 300 W
    found_j = window_energy_j(means(0.0, step_ms), busy(), 100.0, (0, 5 * S))

    assert found_j == pytest.approx(1700.0, rel=1e-6)


def test_a_window_that_is_not_covered_has_no_energy() -> None:
    assert window_energy_j(means(0.0), busy(), 100.0, (-10 * S, 5 * S)) is None


def test_fields_are_compared_above_idle() -> None:
    one = means(0.0, source=KNOWN)
    above = one.scaled(100.0 + 0.9 * (one.power_w - 100.0))

    compared = compare_fields(above, means(0.0), busy(), 100.0, (0, 5 * S))

    assert compared is not None
    assert (compared.one_j, compared.other_j) == pytest.approx((1580.0, 1700.0))
    assert compared.factor == pytest.approx(1 / 0.9)
    assert compare_fields(above, means(0.0), busy(), 100.0, (0, 9 * S)) is None
    assert compare_fields(above.scaled(0 * above.power_w), one, busy(), 100.0, (0, 5 * S)) is None


def test_a_mean_that_ends_with_the_window_tells_nothing_of_what_comes_late() -> None:
    # means over 1 s, the last of them at 7 s: what was drawn at 6.5 s, later ones would show too
    above, one = means(0.0), means(0.0, 1000)

    assert compare_fields(above, one, busy(), 100.0, (0, 6 * S)) is not None
    assert compare_fields(above, one, busy(), 100.0, (0, 6 * S + S // 2)) is None
