"""Sensors: closed forms of what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from traceenergy.simulate.power import Law, PowerCurve, true_power
from traceenergy.simulate.sensor import SENSORS, Sensor, SensorField, poll_times, read_field
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


def test_a_logger_loses_readings_but_never_its_ends() -> None:
    asked_ns = poll_times(
        0, 10 * S, 20 * MS, jitter_ns=MS, missing_share=0.4, rng=np.random.default_rng(3)
    )

    assert 0 <= asked_ns[0] < 20 * MS
    assert asked_ns[-1] >= 10 * S
    assert (np.diff(asked_ns) > 0).all()
    # 501 planned, 60 % kept; 5 standard deviations are 55.
    assert len(asked_ns) == pytest.approx(301, abs=55)
