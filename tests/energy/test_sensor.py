"""What a sample stands for."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.energy.sensor import (
    GIVEN,
    KNOWN,
    RULED_OUT,
    UNKNOWN,
    SensorModel,
    drop_held,
    identify_sensor,
)

MS = 1_000_000


def polled(every_ms: int, power_w: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(power_w), dtype=np.int64) * every_ms * MS, np.array(power_w)


@pytest.mark.parametrize(
    ("gpu", "field", "window_ms", "period_ms"),
    [
        # Table of the SC24 study (arXiv 2312.02741), by chip and field.
        ("NVIDIA H100 80GB HBM3", "power.draw.instant", 25.0, 100.0),
        ("NVIDIA H100 80GB HBM3", "power.draw", 1000.0, 100.0),
        ("NVIDIA H200", "Power", 1000.0, 100.0),
        ("NVIDIA A100-SXM4-80GB", "power.draw", 25.0, 100.0),
        ("Tesla V100-SXM2-16GB", "power.draw", 10.0, 20.0),
        ("NVIDIA RTX 6000 Ada Generation", "power.draw", 1000.0, 100.0),
        ("Quadro RTX 6000", "power.draw", 100.0, 100.0),
    ],
)
def test_known_sensors(gpu: str, field: str, window_ms: float, period_ms: float) -> None:
    slow = polled(100, [100.0, 101.0, 103.0, 104.0, 102.0])

    sensor = identify_sensor(*slow, gpu_name=gpu, field=field)

    assert sensor == SensorModel(period_ms, window_ms, period_ms / 2, KNOWN)


def test_an_unknown_sensor_is_read_as_instantaneous() -> None:
    sensor = identify_sensor(*polled(50, [1.0, 2.0, 3.0]), gpu_name="Made Up 1", field="power.draw")

    assert sensor == SensorModel(50.0, 0.0, 0.0, UNKNOWN)
    assert sensor.center_delay_ns == 0


def test_a_step_that_a_moving_average_cannot_make_rules_it_out() -> None:
    # 100 W to 600 W within 100 ms; the mean of 1 s could rise by at most 1400 W x 0.1 = 140 W
    readings = polled(100, [100.0, 100.0, 600.0, 600.0, 100.0])

    sensor = identify_sensor(
        *readings, gpu_name="NVIDIA H100 80GB HBM3", field="power.draw", most_w=1400.0
    )

    assert sensor.source == RULED_OUT
    assert sensor.window_ms == 0.0


def test_the_users_word_wins() -> None:
    readings = polled(100, [100.0, 101.0, 102.0, 103.0, 104.0])

    sensor = identify_sensor(*readings, gpu_name="NVIDIA H200", field="power.draw", window_ms=50.0)

    assert (sensor.window_ms, sensor.source) == (50.0, GIVEN)


def test_held_values_tell_the_update_period() -> None:
    # polled every 20 ms, a new value every 100 ms: the first reading of each value is up to
    # 20 ms late, 10 ms on average
    readings = polled(20, [float(i // 5) for i in range(60)])

    sensor = identify_sensor(*readings, gpu_name=None, field="power.draw")

    assert (sensor.period_ms, sensor.lag_ms) == (100.0, 10.0)
    kept = drop_held(*readings, sensor)
    assert np.flatnonzero(kept).tolist() == [*range(0, 60, 5), 59]


def test_a_value_that_stays_is_kept_once_a_period() -> None:
    # changes at 0, 100, 200 ms, then 300 ms of the same value: renewed at 300 and 400 ms
    values = (
        [float(i // 5) for i in range(10)] + [2.0] * 15 + [float(i // 5) for i in range(15, 60)]
    )
    readings = polled(20, values)
    sensor = identify_sensor(*readings, gpu_name=None, field="power.draw")

    kept = drop_held(*readings, sensor)

    assert np.flatnonzero(kept)[:7].tolist() == [0, 5, 10, 15, 20, 25, 30]


def test_the_middle_of_a_sample_lies_half_a_window_and_a_lag_before_its_reading() -> None:
    assert SensorModel(100.0, 1000.0, 50.0, KNOWN).center_delay_ns == 550 * MS
