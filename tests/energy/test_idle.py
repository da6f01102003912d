"""Idle power from samples that can hold no GPU work."""

from __future__ import annotations

import numpy as np

from traceenergy.energy.idle import measure_idle
from traceenergy.energy.sensor import SensorModel

MS = 1_000_000
INSTANT = SensorModel(100.0, 0.0, 0.0, "test")
ONE_SECOND = SensorModel(100.0, 1000.0, 0.0, "test")


def ms(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64) * MS


def test_samples_in_stretches_of_the_window_count_first() -> None:
    # work     [0-1 s)        [2-3 s)      window 0-3 s
    # idle            1.2 1.5 1.8    3.5   the last lies outside
    at = ms(500, 1200, 1500, 1800, 2500, 3500, 3600, 3700)
    power = np.array([500.0, 90.0, 91.0, 92.0, 500.0, 60.0, 60.0, 60.0])

    idle = measure_idle(at, power, (ms(0, 2000), ms(1000, 3000)), (0, 3000 * MS), INSTANT)

    assert (idle.power_w, idle.source, idle.n_samples) == (91.0, "idle stretches in the window", 3)


def test_a_reading_tells_of_what_was_before_it() -> None:
    # work           [0.5-1 s)                    window 0-3 s
    # idle   0                  1.2 1.5 3.0       the first is of time before the window
    at = ms(0, 700, 1200, 1500, 3000)
    power = np.array([60.0, 500.0, 90.0, 91.0, 92.0])

    idle = measure_idle(at, power, (ms(500), ms(1000)), (0, 3000 * MS), INSTANT)

    assert (idle.power_w, idle.source, idle.n_samples) == (91.0, "idle stretches in the window", 3)


def test_a_sample_that_reaches_back_into_work_is_not_idle() -> None:
    # a mean of 1 s read 0.2-0.8 s after work ended still holds work: no idle sample is left
    at = ms(1200, 1500, 1800)
    power = np.array([400.0, 300.0, 200.0])

    idle = measure_idle(at, power, (ms(0, 2000), ms(1000, 3000)), (0, 3000 * MS), ONE_SECOND)

    assert not idle.is_measured
    assert idle.power_w == 200.0


def test_stretches_around_the_window_serve_when_it_has_none() -> None:
    at = ms(-3000, -2500, -2000, 500, 2500)
    power = np.array([70.0, 71.0, 75.0, 500.0, 72.0])

    idle = measure_idle(at, power, (ms(0), ms(1000)), (0, 1000 * MS), INSTANT)

    # the four readings outside: 70, 71, 72, 75
    assert (idle.power_w, idle.source) == (71.5, "idle stretches around the window")
    assert idle.is_measured


def test_without_idle_the_lowest_one_per_cent_is_taken_and_not_called_measured() -> None:
    at = ms(*range(0, 2000, 10))
    power = np.linspace(300, 499, 200)

    idle = measure_idle(at, power, (ms(-100), ms(3000)), (0, 2000 * MS), INSTANT)

    # the lowest 2 of 200: 300 and 301 W
    assert (idle.power_w, idle.source, idle.is_measured) == (300.5, "lowest samples", False)
