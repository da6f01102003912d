"""Which power field is read, and which comes first."""

from __future__ import annotations

import polars as pl
import pytest

from traceenergy.energy import energy_counter
from traceenergy.energy.power_series import PowerSeries, read_series
from traceenergy.energy.sensor import COUNTED, GIVEN
from traceenergy.trace import tables
from traceenergy.trace.tables import PowerSamples

MS = 1_000_000
MEAN, INSTANT = "power.draw.average", "power.draw.instant"
Readings = list[tuple[int, float]]


def series_of(window_ms: float | None = None, **by_field: Readings) -> list[PowerSeries]:
    """Read fields, given as (ms, W)."""
    names = {"mean": MEAN, "instant": INSTANT, "counter": energy_counter.FIELD}
    rows = [
        (0, 0, at * MS, power_w, names[field], "test")
        for field, readings in by_field.items()
        for at, power_w in readings
    ]
    schema = {column.name: column.dtype for column in tables.POWER_SAMPLES}
    samples = PowerSamples(pl.DataFrame(rows, schema=schema, orient="row"))
    return read_series(samples, None, None, window_ms)


def first_is_counted(mean: Readings, counter: Readings, window_ms: float = 1000.0) -> bool:
    found = series_of(window_ms, mean=mean, counter=counter)
    assert sorted(one.is_counted for one in found) == [False, True]
    return found[0].is_counted


def test_the_least_averaged_field_comes_first() -> None:
    readings = [(0, 100.0), (100, 110.0), (200, 120.0)]

    found = series_of(mean=readings, instant=readings)

    assert [one.source for one in found] == [f"test: {INSTANT}", f"test: {MEAN}"]


def test_a_field_of_one_reading_is_none() -> None:
    assert series_of(mean=[(0, 100.0)]) == []
    assert len(series_of(mean=[(0, 100.0), (100, 101.0)])) == 1


def test_of_two_readings_of_one_time_the_first_counts_in_order_of_time() -> None:
    (found,) = series_of(50.0, mean=[(200, 3.0), (0, 1.0), (100, 2.0), (100, 9.0)])

    assert (found.sample_ns / MS).tolist() == [0, 100, 200]
    assert found.power_w.tolist() == [1.0, 2.0, 3.0]
    assert (found.sensor.window_ms, found.sensor.source) == (50.0, GIVEN)


def test_a_counter_is_a_mean_from_reading_to_reading() -> None:
    (found,) = series_of(counter=[(0, 100.0), (90, 110.0), (200, 120.0)])

    assert (found.sensor.window_ms, found.sensor.period_ms, found.sensor.lag_ms) == (100, 100, 0)
    assert found.sensor.source == COUNTED
    assert found.sees_all_time
    assert not found.sees_part_of_time


STEADY = [(at, 200.0 + at % 3) for at in range(0, 10_000, 100)]


@pytest.mark.parametrize(
    ("share", "is_first"), [(1.0, True), (0.85, True), (0.5, False), (1.15, True), (1.6, False)]
)
def test_a_counter_comes_first_where_it_agrees(share: float, is_first: bool) -> None:  # noqa: FBT001 - a case
    counter = [(at, power_w * share) for at, power_w in STEADY]

    assert first_is_counted(STEADY, counter) == is_first


def test_a_counter_that_updates_no_faster_than_the_mean_is_not_needed() -> None:
    assert not first_is_counted(STEADY, STEADY, window_ms=100.0)
    assert first_is_counted(STEADY, STEADY, window_ms=101.0)


def test_agreement_is_of_the_time_that_both_saw() -> None:
    # The counter begins when the load does; its last reading is the only one of the top load.
    mean = [(0, 20.0), (1000, 20.0), (2000, 200.0), (3000, 200.0)]

    assert first_is_counted(mean, [(2000, 100.0), (2900, 100.0), (3000, 400.0)], 2000.0)
    assert not first_is_counted(mean, [(0, 200.0), (1000, 200.0)], 2000.0)
