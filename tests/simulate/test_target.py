"""Each sensor has a board."""

from __future__ import annotations

from traceenergy.simulate.sensor import SENSORS
from traceenergy.simulate.target import BOARD_OF_SENSOR, BOARDS


def test_each_sensor_is_on_a_known_board() -> None:
    assert BOARD_OF_SENSOR.keys() == SENSORS.keys()
    assert set(BOARD_OF_SENSOR.values()) == BOARDS.keys()
