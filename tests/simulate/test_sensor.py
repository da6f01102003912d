"""Sensors: closed forms of what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from traceenergy.simulate.power import Law, PowerCurve, true_power
from traceenergy.simulate.sensor import (
    SENSORS,
    Sensor,
    SensorField,
    poll_times,
    read_counter,
    read_field,
)
from traceenergy.units import NS_PER_MS, NS_PER_S

MS, S = NS_PER_MS, NS_PER_S
SPAN = (-5 * S, 15 * S)
COLD = Law(idle_w=100.0, busy_w=0.0, leakage_w_per_degree=0.0)


def step_of_300_w() -> PowerCurve:
    # second  -5        0         10        15
    # power     100 W   |  400 W  |  100 W
    work = np.array([0]), np.array([10 * S]), np.array([300.0])
    return true_power(*work, SPAN, COLD)[0]


def idle() -> PowerCurve:
    return true_power(np.array([0]), np.array([1]), np.array([0.0]), SPAN, COLD)[0]


def noiseless(sensor: Sensor) -> Sensor:
    return replace(sensor, noise_w=0.0)


@pytest.mark.parametrize("name", SENSORS)
def test_constant_power_gives_a_constant_log(name: str) -> None:
    sensor = noiseless(SENSORS[name])
    poll_ns = np.arange(-2 * S, 12 * S, 20 * MS)
    for field in filter(None, (sensor.draw, sensor.instant)):
        shown_w = read_field(idle(), field, sensor, poll_ns, 1.0, np.random.default_rng(1))

        assert shown_w == pytest.approx(100.0, abs=0.005)


def test_average_of_one_second_rises_in_a_straight_line() -> None:
    sensor = Sensor(SensorField(10 * MS, S), None, 0, 0.0, 0.0)
    poll_ns = np.arange(-S, 3 * S, 50 * MS)

    shown_w = read_field(
        step_of_300_w(), sensor.draw, sensor, poll_ns, 1.0, np.random.default_rng(1)
    )

    ramp_w = 100.0 + 300.0 * np.clip(poll_ns / S, 0.0, 1.0)
    # A value is up to one update (10 ms of a 1 s ramp of 300 W) old.
    assert (shown_w <= ramp_w + 0.01).all()
    assert (shown_w >= ramp_w - 3.01).all()


def test_lag_makes_values_late() -> None:
    sensor = Sensor(SensorField(MS, MS), None, 200 * MS, 0.0, 0.0)
    poll_ns = np.array([150 * MS, 199 * MS, 203 * MS])

    shown_w = read_field(
        step_of_300_w(), sensor.draw, sensor, poll_ns, 1.0, np.random.default_rng(1)
    )

    assert shown_w.tolist() == [100.0, 100.0, 400.0]


def test_a_value_is_held_until_the_next_update() -> None:
    sensor = SENSORS["h100-instant"]
    poll_ns = np.arange(0, 2 * S, 20 * MS)

    shown_w = read_field(
        step_of_300_w(),
        sensor.instant or sensor.draw,
        sensor,
        poll_ns,
        1.0,
        np.random.default_rng(1),
    )

    # 100 readings 20 ms apart of a sensor that updates every 100 ms: 20 or 21 values.
    assert len(np.unique(shown_w)) in {20, 21}


def test_gain_scales_what_is_shown() -> None:
    sensor = noiseless(SENSORS["ideal"])
    poll_ns = np.arange(0, S, 100 * MS)

    shown_w = read_field(idle(), sensor.draw, sensor, poll_ns, 1.05, np.random.default_rng(1))

    assert shown_w == pytest.approx(105.0)


def test_a_capacitor_charges() -> None:
    sensor = noiseless(SENSORS["slow"])
    poll_ns = np.arange(50 * MS, 900 * MS, 15 * MS)

    shown_w = read_field(
        step_of_300_w(), sensor.draw, sensor, poll_ns, 1.0, np.random.default_rng(1)
    )

    # A value is up to one update of 15 ms and 2 ms of lag old; 0.01 W by rounding.
    fresh_w, old_w = (400.0 - 300.0 * np.exp(-(poll_ns / MS - age) / 100.0) for age in (2, 17))
    assert (shown_w <= fresh_w + 0.01).all()
    assert (shown_w >= old_w - 0.01).all()


def test_coarse_sensors_show_multiples_of_their_step() -> None:
    sensor = noiseless(SENSORS["v100"])
    poll_ns = np.arange(-2 * S, 2 * S, 20 * MS)
    fine_w, coarse_w = (
        read_field(
            step_of_300_w(), sensor.draw, sensor, poll_ns, 1.01, np.random.default_rng(1), step_w
        )
        for step_w in (0.01, 2.5)
    )

    assert (coarse_w % 2.5 == 0).all()
    assert np.abs(coarse_w - fine_w).max() <= 1.25 + 0.01
    assert (fine_w % 2.5 != 0).any()


@pytest.mark.parametrize(
    ("name", "period_ms", "seen_ms"),
    [("ada", 100, 100), ("turing", 100, 100), ("full-50ms", 50, 50), ("full-20ms", 20, 20)],
)
def test_sensors_that_see_all_of_the_time_lose_no_energy(
    name: str, period_ms: int, seen_ms: int
) -> None:
    sensor = noiseless(SENSORS[name])
    field = sensor.instant or sensor.draw
    assert (field.update_ns, field.window_ns) == (period_ms * MS, seen_ms * MS)
    poll_ns = np.arange(-S, 12 * S, period_ms * MS)

    shown_w = read_field(step_of_300_w(), field, sensor, poll_ns, 1.0, np.random.default_rng(1))

    # 10 s at 300 W above 100 W, exactly, but for rounding of each value to 0.01 W.
    energy_j = ((shown_w - 100.0) * period_ms / 1000).sum()
    assert energy_j == pytest.approx(3000.0, abs=0.005 * 13)


def test_a_logger_loses_readings_but_never_its_ends() -> None:
    asked_ns = poll_times(
        0, 10 * S, 20 * MS, jitter_ns=MS, missing_share=0.4, rng=np.random.default_rng(3)
    )

    assert 0 <= asked_ns[0] < 20 * MS
    assert asked_ns[-1] >= 10 * S
    assert (np.diff(asked_ns) > 0).all()
    # 501 planned, 60 % kept; 5 standard deviations are 55.
    assert len(asked_ns) == pytest.approx(301, abs=55)


def test_a_counter_sees_the_time_that_its_power_field_does_not() -> None:
    poll_ns = np.arange(-2 * S, 12 * S, 20 * MS)
    sensor = noiseless(SENSORS["a100"])

    counted_j = read_counter(step_of_300_w(), sensor, poll_ns, 1.02, np.random.default_rng(1))

    # 12 s + 10 s of 100 W and 300 W more; each end is known to one update of 100 ms
    assert counted_j[-1] - counted_j[0] == pytest.approx(1.02 * (1400.0 + 3000.0), abs=11.0)
    steps_j = np.diff(counted_j)
    assert ((steps_j == 0).sum() / len(steps_j)) == pytest.approx(0.8, abs=0.01)
    assert steps_j.max() == pytest.approx(1.02 * 40.0, abs=0.002)
