"""Updates that polling hides, found by the work."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.energy.sensor_loads import Load, poll, read, serve
from tests.energy.test_regression import WATTS, fit, run
from tests.energy.test_regression import read as power_of
from traceenergy.energy import regression
from traceenergy.energy.hidden_clock import find_hidden_updates
from traceenergy.energy.sensor import GIVEN, KNOWN
from traceenergy.energy.sensor_fit import find_sensor
from traceenergy.energy.update_clock import fit_updates
from traceenergy.simulate.sensor import SENSORS, SensorField

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1_000_000


@cache
def serving(seed: int) -> Load:
    return serve(seed, 20.0)


@pytest.mark.parametrize(
    ("name", "poll_ms", "known"),
    [("a100", 101.3, True), ("a100", 77.0, True), ("a100", 130.0, False), ("v100", 20.3, True)],
)
def test_updates_are_found_whatever_the_polling(name: str, poll_ms: float, *, known: bool) -> None:
    load, sensor = serving(1), SENSORS[name]
    period_ms, window_ms = sensor.draw.update_ns / MS, sensor.draw.window_ns / MS
    poll_ns, power_w, made_ns = poll(load, sensor, sensor.draw, poll_ms, 1)
    assert fit_updates(poll_ns, power_w, period_ms) is None

    found = find_hidden_updates(
        poll_ns, power_w, load.work, period_ms=period_ms, window_ms=window_ms if known else None
    )

    assert found is not None
    assert found.period_ms == pytest.approx(period_ms, rel=2e-4)
    assert found.gain > 0.5
    late_ms = (found.update_ns - made_ns) / MS
    late_ms -= np.median(late_ms)
    # a reading next to an update may be counted to the other one
    assert (np.abs(late_ms) < 0.05 * period_ms).mean() > 0.97


def test_a_sensor_is_found_with_them_and_hardly_without() -> None:
    load, sensor = serving(2), SENSORS["a100"]
    poll_ns, power_w, made_ns = poll(load, sensor, sensor.draw, 101.3, 2)
    hidden = find_hidden_updates(poll_ns, power_w, load.work, period_ms=100.0, window_ms=25.0)
    assert hidden is not None

    with_, without = (
        find_sensor(at_ns, power_w, load.work, period_ms=100.0, given_window_ms=25.0)
        for at_ns in (hidden.update_ns, poll_ns)
    )

    late_ms = float(np.median(hidden.update_ns - made_ns)) / MS
    assert with_.is_trusted
    assert with_.lag_ms == pytest.approx(sensor.lag_ns / MS + late_ms, abs=1.5)
    assert with_.left_w < without.left_w / 3


def test_two_readings_of_one_update_have_one_time() -> None:
    # 77 ms between readings: every fourth shows what the one before did
    load, sensor = serving(1), SENSORS["a100"]
    poll_ns, power_w, _ = poll(load, sensor, sensor.draw, 77.0, 1)
    found = find_hidden_updates(poll_ns, power_w, load.work, period_ms=100.0, window_ms=25.0)
    assert found is not None

    same = np.diff(found.update_ns) == 0

    assert same.mean() == pytest.approx(0.23, abs=0.03)
    assert (np.diff(power_w)[same] == 0).mean() > 0.9
    assert (found.update_ns <= poll_ns + 1 * MS).mean() > 0.95


def test_an_offset_of_the_log_moves_the_updates_by_as_much() -> None:
    load, sensor, later_ns = serving(1), SENSORS["a100"], 400 * MS
    poll_ns, power_w, _ = poll(load, sensor, sensor.draw, 101.3, 1)

    here, there = (
        find_hidden_updates(at_ns, power_w, load.work, period_ms=100.0, window_ms=25.0)
        for at_ns in (poll_ns, poll_ns + later_ns)
    )

    assert here is not None
    assert there is not None
    assert there.gain == pytest.approx(here.gain, abs=0.01)
    assert there.period_ms == pytest.approx(here.period_ms, rel=2e-4)
    off_ms = (there.update_ns - later_ns - here.update_ns) / MS
    assert np.median(np.abs(off_ms - np.median(off_ms))) < 2.0


def test_readings_made_when_asked_for_have_no_clock() -> None:
    # a sensor that updates every microsecond
    load = serving(1)
    field = SensorField(1000, 25 * MS)
    poll_ns, power_w, _ = poll(load, SENSORS["a100"], field, 101.3, 1)

    found = find_hidden_updates(poll_ns, power_w, load.work, period_ms=100.0, window_ms=25.0)

    assert found is None


def test_power_that_has_nothing_to_do_with_the_work_has_no_clock() -> None:
    load, sensor = serving(1), SENSORS["a100"]
    poll_ns, power_w, _ = poll(load, sensor, sensor.draw, 101.3, 1)
    power_w = np.random.default_rng(1).normal(300, 60, len(power_w))

    assert find_hidden_updates(poll_ns, power_w, load.work, period_ms=100.0, window_ms=25.0) is None


def test_means_over_a_second_are_not_worth_the_search() -> None:
    load = serving(1)
    shown = read(load, "h100-average", 1)

    assert (
        find_hidden_updates(
            shown.at_ns, shown.power_w, load.work, period_ms=100.0, window_ms=1000.0
        )
        is None
    )


def test_few_readings_are_not_searched() -> None:
    load, sensor = serving(1), SENSORS["a100"]
    poll_ns, power_w, _ = poll(load, sensor, sensor.draw, 101.3, 1)

    assert (
        find_hidden_updates(poll_ns[:40], power_w[:40], load.work, period_ms=100.0, window_ms=25.0)
        is None
    )


class AskedError(Exception):
    """A hidden clock was looked for."""


class NotAskedError(Exception):
    """The sensor was looked for without."""


@pytest.mark.parametrize(
    ("source", "is_placed", "is_asked"),
    [(KNOWN, False, True), (KNOWN, True, False), (GIVEN, False, False), (GIVEN, True, False)],
)
def test_a_clock_is_looked_for_where_a_known_sensor_hides_it(
    source: str, monkeypatch: pytest.MonkeyPatch, *, is_placed: bool, is_asked: bool
) -> None:
    def raising(error: type[Exception]) -> Callable[..., None]:
        def stop(*_: object, **__: object) -> None:
            raise error

        return stop

    monkeypatch.setattr(regression, "find_hidden_updates", raising(AskedError))
    monkeypatch.setattr(regression, "find_sensor", raising(NotAskedError))
    work, of_all = run(100)
    series = power_of(work, WATTS[of_all])
    # Readings that were placed at updates are fewer than those that were polled, twice as often.
    twice = np.sort(np.append(series.read_ns, series.read_ns + 50 * MS))
    read_ns, n = (twice, 2) if is_placed else (series.read_ns, 1)
    sensor = replace(series.sensor, source=source)
    read_w = np.repeat(series.read_w, n)
    series = replace(series, read_ns=read_ns, read_w=read_w, sensor=sensor)

    with pytest.raises(AskedError if is_asked else NotAskedError):
        fit(work, of_all, series)
