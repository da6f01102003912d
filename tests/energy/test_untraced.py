"""Readings around a run: idle ones, and those of work that was not traced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import EPOCH_NS, MS, pieces, series_of
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.untraced import EDGE_MS, FAR_MS, SETTLE_MS, without_untraced
from traceenergy.trace.tables import POWER_SAMPLES, PowerSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.power_series import PowerSeries

    Float = NDArray[np.float64]

IDLE_W, BUSY_W = 90.0, 400.0
# Work from 0 to 10 s: without a pause, or 0.7 s of each second.
STEADY = pieces((0, 10_000))
IN_TURNS = pieces(*((1000 * turn, 1000 * turn + 700) for turn in range(9)), (9000, 10_000))


def log(
    first_s: float, last_s: float, *busy_s: tuple[float, float], work: DeviceWork = STEADY
) -> PowerSeries:
    """Read every 100 ms, with 2 W of noise, the traced work and other work."""
    at_ms = np.arange(round(first_s * 1000) + 50, round(last_s * 1000), 100)
    spans_ms = [
        ((t0 - EPOCH_NS) / MS, (t1 - EPOCH_NS) / MS)
        for t0, t1 in zip(work.start_ns.tolist(), work.end_ns.tolist(), strict=True)
    ]
    spans_ms += [(low_s * 1000, high_s * 1000) for low_s, high_s in busy_s]
    is_busy = np.any([(at_ms > low) & (at_ms <= high) for low, high in spans_ms], axis=0)
    noise_w = np.random.default_rng(1).normal(0, 2, len(at_ms))
    return series_of(EPOCH_NS + at_ms * MS, np.where(is_busy, BUSY_W, IDLE_W) + noise_w)


def kept_s(series: PowerSeries, work: DeviceWork = STEADY) -> tuple[float, float]:
    """Tell from when to when readings are kept; all between are."""
    kept = without_untraced(series, work)
    at_ms = (kept.sample_ns - EPOCH_NS) / MS
    first, last = np.searchsorted(series.sample_ns, kept.sample_ns[[0, -1]])
    assert kept.power_w.tolist() == series.power_w[first : last + 1].tolist()
    return float(at_ms[0]) / 1000, float(at_ms[-1]) / 1000


@pytest.mark.parametrize("work", [STEADY, IN_TURNS], ids=["steady", "in turns"])
def test_idle_time_around_a_run_is_kept(work: DeviceWork) -> None:
    series = log(-8, 20, work=work)

    assert without_untraced(series, work).sample_ns.tolist() == series.sample_ns.tolist()


def test_readings_far_from_a_run_are_left_out() -> None:
    # idle for two minutes before and after
    low_s, high_s = kept_s(log(-120, 130))

    assert low_s == pytest.approx(-FAR_MS / 1000, abs=0.11)
    assert high_s == pytest.approx(10 + FAR_MS / 1000, abs=0.11)


@pytest.mark.parametrize("work", [STEADY, IN_TURNS], ids=["steady", "in turns"])
def test_a_warm_up_right_before_a_run_is_left_out_with_what_reaches_into_it(
    work: DeviceWork,
) -> None:
    # second   -30 ........ 0 ........ 10 ...... 15
    # work      not traced  traced       idle
    low_s, high_s = kept_s(log(-30, 15, (-30, 0), work=work), work)

    # a reading is a mean over 25 ms, and may be late by some more
    assert low_s == pytest.approx((25 + EDGE_MS) / 1000, abs=0.11)
    assert high_s == pytest.approx(15, abs=0.11)


@pytest.mark.parametrize("seconds", [0.5, 1, 2, 3, 5, 60])
def test_a_warm_up_is_left_out_however_long_the_log_shows_it(seconds: float) -> None:
    low_s, _ = kept_s(log(-seconds, 15, (-60, 0)))

    assert low_s > 0


def test_work_that_goes_on_after_a_run_is_left_out() -> None:
    low_s, high_s = kept_s(log(-5, 40, (10, 40)))

    assert low_s == pytest.approx(-5, abs=0.11)
    assert high_s == pytest.approx(10, abs=0.11)


@pytest.mark.parametrize(("late_ms", "last_s"), [(0.0, 10.0), (0.5, 9.9005)])
def test_a_reading_that_looks_past_the_end_of_a_run_is_of_what_goes_on(
    late_ms: float, last_s: float
) -> None:
    # every 100 ms, one at the end of the run, or half a millisecond after it
    series = log(-5, 40, (10, 40))
    later_ns = series.sample_ns + round((50 + late_ms) * MS)

    assert kept_s(replace(series, sample_ns=later_ns))[1] == pytest.approx(last_s, abs=1e-6)


def test_idle_time_between_a_warm_up_and_a_run_is_kept() -> None:
    # warm-up until 10 s before; its end may be seen for 2 s
    low_s, _ = kept_s(log(-30, 15, (-30, -10)))

    assert low_s == pytest.approx(-10 + SETTLE_MS / 1000, abs=0.4)


def test_another_job_after_a_pause_is_left_out() -> None:
    _, high_s = kept_s(log(-5, 60, (30, 60)))

    assert high_s == pytest.approx(30 - SETTLE_MS / 1000, abs=0.4)


def test_an_average_that_still_shows_the_run_is_kept() -> None:
    # a mean over 1 s falls for a second after the end
    series = log(-5, 15)
    at_s = (series.sample_ns - EPOCH_NS) / MS / 1000
    fall_w = (BUSY_W - IDLE_W) * np.clip(11 - at_s, 0, 1)
    series = series.scaled(np.where(at_s > 10, IDLE_W + fall_w, series.power_w))

    assert kept_s(series) == pytest.approx((-5, 15), abs=0.11)


def test_a_single_reading_out_of_line_is_no_work() -> None:
    series = log(-20, 15)
    spoiled = series.power_w.copy()
    spoiled[100] = 1000.0

    assert kept_s(series.scaled(spoiled)) == pytest.approx((-20, 15), abs=0.11)


def test_a_log_of_the_run_alone_is_kept() -> None:
    series = log(0, 10)

    assert without_untraced(series, STEADY).sample_ns.tolist() == series.sample_ns.tolist()


def test_without_work_or_readings_of_it_nothing_is_left_out() -> None:
    before = log(-20, -5, (-20, -10))

    assert without_untraced(before, STEADY) is before
    assert without_untraced(before, pieces()) is before


def attributed(work: DeviceWork, series: PowerSeries) -> DeviceEnergy:
    """Share what a log reads among one piece of work."""
    schema = {column.name: column.dtype for column in POWER_SAMPLES}
    rows = [
        (0, 0, ns, power_w, "power.draw.instant", "nvidia-smi")
        for ns, power_w in zip(series.sample_ns.tolist(), series.power_w.tolist(), strict=True)
    ]
    samples = PowerSamples(pl.DataFrame(rows, schema=schema, orient="row"))
    window = int(work.start_ns[0]), int(work.end_ns[0])
    return attribute_device(work, Evidence(samples), window, AttributionOptions())[0]


def test_a_short_run_within_other_work_has_the_energy_that_was_read() -> None:
    # 0.2 s: each reading of it may show what ran before or after it
    work = pieces((0, 200))
    series = log(-10, 10, (-10, 10), work=work)

    energy = attributed(work, series)

    assert len(without_untraced(series, work).sample_ns) == 0
    assert energy.static_j[0] + energy.dynamic_j[0] == pytest.approx(0.2 * BUSY_W, rel=0.02)


def test_idle_power_is_not_that_of_a_warm_up() -> None:
    # 30 s of warm-up before the run, 5 s of idle after it
    energy = attributed(STEADY, log(-30, 15, (-30, 0)))

    assert energy.idle.power_w == pytest.approx(IDLE_W, abs=2)
    assert energy.idle.source == "idle stretches around the window"
    assert energy.static_j.sum() == pytest.approx(10 * IDLE_W, rel=0.03)


@settings(max_examples=50)
@given(
    st.lists(st.floats(0, 600), min_size=1, max_size=80),
    st.floats(-10, 10),
    st.integers(10, 2000),
)
def test_whatever_is_read_a_part_of_the_log_is_kept_in_order(
    power_w: list[float], first_s: float, every_ms: int
) -> None:
    at_ns = EPOCH_NS + round(first_s * 1000) * MS + np.arange(len(power_w)) * every_ms * MS
    series = series_of(at_ns, np.array(power_w))

    kept = without_untraced(series, STEADY)

    place = np.searchsorted(series.sample_ns, kept.sample_ns)
    assert (np.diff(place) == 1).all()
    assert kept.power_w.tolist() == series.power_w[place].tolist()
    assert kept.read_ns is series.read_ns
