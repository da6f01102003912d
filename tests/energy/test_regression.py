"""Power of kernel classes, from readings to energy with its error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.device import (
    ATTENTION,
    EPOCH_NS,
    FILL,
    GEMM,
    LIMIT_W,
    MS,
    S,
    classes_of,
    design_of,
    model_of,
    pieces,
    series_of,
    work_of,
)
from traceenergy import AnalysisOptions, analyze, read_trace
from traceenergy.energy import power_model
from traceenergy.energy.calibration import Calibration
from traceenergy.energy.clock_factor import EXPONENT, Clocks
from traceenergy.energy.coverage import ClassTimes, covered_s
from traceenergy.energy.design import LEAST_POWER_SHARE, SensorShape
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.power_model import MODEL_SD, PowerModel, z_of
from traceenergy.energy.regression import at_updates, lay_rows, model_power
from traceenergy.intervals import share_clock
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.trace.tables import PowerSamples

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from traceenergy.analysis import Analysis
    from traceenergy.energy.design import Design
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.power_series import PowerSeries

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

NAMES = [GEMM, ATTENTION, FILL]
WATTS = np.array([400.0, 250.0, 100.0])
STATIC_W = 90.0
NO_SAMPLES = PowerSamples(pl.DataFrame())


def run(n: int = 600, seed: int = 1) -> tuple[DeviceWork, Int]:
    """Let kernels of three classes, 5 to 60 ms, follow each other with pauses, for 30 s."""
    rng = np.random.default_rng(seed)
    turns_ms = np.column_stack((rng.uniform(0, 40, n), rng.uniform(5, 60, n)))
    edge_ns = EPOCH_NS + np.round(np.cumsum(turns_ms.ravel()) * MS).astype(np.int64)
    return work_of(edge_ns[::2], edge_ns[1::2]), rng.integers(0, 3, n)


def read(work: DeviceWork, piece_w: Float, lag_ms: float = 0.0) -> PowerSeries:
    """Read 90 W beside the power of pieces, means over 25 ms, every 100 ms."""
    start_ns, end_ns = work.all_start_ns, work.all_end_ns
    times = ClassTimes(start_ns, end_ns, piece_w, np.zeros(len(start_ns), dtype=np.int64), 1)
    at_ns = np.arange(int(start_ns[0]), int(end_ns[-1]), 100 * MS)
    high_ns = at_ns - round(lag_ms * MS)
    work_w = covered_s(times, high_ns - 25 * MS, high_ns)[:, 0] / 0.025
    noise_w = np.random.default_rng(4).normal(0, 2, len(at_ns))
    return series_of(at_ns, STATIC_W + work_w + noise_w)


def fit(
    work: DeviceWork,
    of_all: Int,
    series: PowerSeries,
    clocks: Clocks | None = None,
    calibration: Calibration | None = None,
) -> PowerModel | str:
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    classes = classes_of(of_all, NAMES[: of_all.max() + 1])
    evidence = Evidence(NO_SAMPLES, classes=classes, clocks=clocks, calibration=calibration)
    return model_power(series, work, evidence, clock, LIMIT_W)


def fitted(work: DeviceWork, of_all: Int, series: PowerSeries) -> PowerModel:
    found = fit(work, of_all, series)
    assert isinstance(found, PowerModel)
    return found


@pytest.mark.parametrize("lag_ms", [0.0, 80.0, -400.0])
def test_powers_of_classes_are_found_with_the_lag_of_the_log(lag_ms: float) -> None:
    work, of_all = run()

    found = fitted(work, of_all, read(work, WATTS[of_all], lag_ms))

    assert found.found.is_trusted
    assert found.series.sensor.lag_ms == pytest.approx(lag_ms, abs=1)
    assert found.prior_source == "names"
    # Busy power is part of each piece's; noise of 2 W over some 80 windows a class, and sizes
    # within a class that are told no better.
    assert found.power_w == pytest.approx(WATTS[of_all], abs=4)


def test_a_class_that_draws_nothing_is_given_a_little() -> None:
    # as read: zero power of fills. No class runs for less than 0.01 of 700 W, though its
    # parameters may say so.
    work, of_all = run()

    found = fitted(work, of_all, read(work, np.array([400.0, 250.0, 0.0])[of_all]))

    assert found.power_w.min() == pytest.approx(LEAST_POWER_SHARE * LIMIT_W)
    assert found.power_w[of_all == 0] == pytest.approx(np.full((of_all == 0).sum(), 400), abs=6)


def test_power_that_rises_with_size_within_a_class_is_found() -> None:
    # 20 % more of the usual 294 W for each e-fold of duration of gemm, from 5 to 60 ms
    work, of_all = run()
    gemm = of_all == 0
    length = np.log((work.end_ns - work.start_ns) / (20 * MS))
    true_w = WATTS[of_all] + np.where(gemm, 0.2 * 294 * length, 0.0)

    found = fitted(work, of_all, read(work, true_w))

    assert np.abs(found.power_w - true_w)[gemm].mean() < 6
    # which is 40 W from the shortest to the longest, and more
    assert np.ptp(true_w[gemm]) > 100


def test_static_power_that_wanders_is_not_taken_for_work() -> None:
    # 8 W more at the end than at the start
    work, of_all = run()
    series = read(work, WATTS[of_all])
    climb_w = np.linspace(-4, 4, len(series.power_w))

    found = fitted(work, of_all, replace(series, power_w=series.power_w + climb_w))

    ends_w = found.design.background_w(series.sample_ns[[0, -1]], found.fit.mean)
    assert ends_w[1] - ends_w[0] == pytest.approx(8, abs=3)
    assert found.power_w == pytest.approx(WATTS[of_all], abs=6)


def test_a_log_whose_clock_drifts_is_set_right() -> None:
    # 150 us more each second: 11 ms at the end of 70 s
    work, of_all = run(1400)
    series = read(work, WATTS[of_all])
    since_ns = series.sample_ns - series.sample_ns[0]
    late_ns = series.sample_ns + since_ns * 150 // 1_000_000

    found = fitted(work, of_all, replace(series, sample_ns=late_ns, read_ns=late_ns))

    assert found.found.is_trusted
    lag_ns = round(found.series.sensor.lag_ms * MS)
    assert np.abs(found.series.sample_ns - lag_ns - series.sample_ns).max() < MS
    assert found.power_w == pytest.approx(WATTS[of_all], abs=6)


@pytest.mark.parametrize("seconds", [1, 20])
def test_a_warm_up_that_was_not_traced_changes_no_power(seconds: int) -> None:
    # 500 W in the log before the first traced kernel: not static power
    work, of_all = run()
    series = read(work, WATTS[of_all])
    early_ns = series.sample_ns[0] - np.arange(10 * seconds, 0, -1) * 100 * MS
    early_w = 500 + np.random.default_rng(6).normal(0, 2, len(early_ns))
    at_ns = np.concatenate((early_ns, series.sample_ns))
    power_w = np.concatenate((early_w, series.power_w))
    longer = replace(series, sample_ns=at_ns, power_w=power_w, read_ns=at_ns, read_w=power_w)

    found = fitted(work, of_all, longer)

    assert found.power_w == pytest.approx(WATTS[of_all], abs=4)
    # what was left out of the fit is still measured
    assert len(found.series.sample_ns) == len(at_ns)
    assert found.n_rows < len(at_ns) - 10 * seconds


def test_a_log_of_a_day_costs_what_a_log_of_the_run_costs() -> None:
    # 5 s of work in a day of readings, which are neither rows nor knots of static power
    work, of_all = run(100)
    series = read(work, WATTS[of_all])
    early_ns = series.sample_ns[0] - np.arange(864_000, 0, -1) * 100 * MS
    early_w = STATIC_W + np.random.default_rng(6).normal(0, 2, len(early_ns))
    at_ns = np.concatenate((early_ns, series.sample_ns))
    power_w = np.concatenate((early_w, series.power_w))
    longer = replace(series, sample_ns=at_ns, power_w=power_w, read_ns=at_ns, read_w=power_w)

    found = fitted(work, of_all, longer)

    assert found.n_rows < 1000
    assert found.design.n_background < 10


def test_work_at_a_lower_clock_draws_less() -> None:
    # 1500 MHz, for the second half of the run 1200 MHz
    work, of_all = run()
    at_ns = np.arange(int(work.start_ns[0]), int(work.end_ns[-1]), 50 * MS)
    half_ns = (work.start_ns[0] + work.end_ns[-1]) // 2
    clocks = Clocks(at_ns, np.where(at_ns < half_ns, 1500.0, 1200.0))
    is_late = work.start_ns > half_ns
    true_w = WATTS[of_all] * np.where(is_late, (1200 / 1500) ** EXPONENT, 1.0)

    found = fit(work, of_all, read(work, true_w), clocks)

    assert isinstance(found, PowerModel)
    # busy power does not follow the clock in the model: it is a seventh of that of fills
    assert np.abs(found.power_w - true_w).mean() < 5
    blind = fitted(work, of_all, read(work, true_w))
    assert np.abs(blind.power_w - true_w).mean() > 30


def test_another_run_can_tell_what_readings_cannot() -> None:
    # Kernels of 0.2 ms in turn, 150 at a time, then a pause: all windows have the same mix. Gemm
    # draws 400 W instead of the usual 294, attention 250 instead of 350, fills 100 instead of 168.
    rng = np.random.default_rng(5)
    burst_ms = np.cumsum(rng.uniform(60, 150, 200))
    start_ns = EPOCH_NS + np.round((burst_ms[:, None] + np.arange(150) * 0.2).ravel() * MS)
    work = work_of(start_ns.astype(np.int64), start_ns.astype(np.int64) + MS // 5)
    of_all = np.tile(np.arange(150) % 3, 200)
    series = read(work, WATTS[of_all])
    told = Calibration(NAMES, np.full(3, 200.0), np.eye(3), WATTS, None, WATTS)

    found = fit(work, of_all, series, calibration=told)

    assert isinstance(found, PowerModel)
    assert found.prior_source == "names, calibration"
    blind = fitted(work, of_all, series)
    off_w = [np.abs(model.power_w[:3] - WATTS).mean() for model in (found, blind)]
    assert off_w[0] < 25
    assert off_w[1] > 50
    # the sum of the three is told by the readings, calibrated or not
    for model in (found, blind):
        assert model.power_w[:3].sum() == pytest.approx(WATTS.sum(), rel=0.02)
    second = np.ones(3)
    errors_j = [
        model.standard_error_j(model.design.parts(np.arange(3), second), np.arange(3), 3)
        for model in (found, blind)
    ]
    assert (errors_j[0] < 0.7 * errors_j[1]).all()


def test_a_steady_run_keeps_the_sensor_it_was_taken_for() -> None:
    # one kernel after another without a pause, all alike: no edge tells the lag
    start_ns = EPOCH_NS + np.arange(1000) * 10 * MS
    work = work_of(start_ns, start_ns + 10 * MS)
    at_ns = EPOCH_NS + np.arange(5, 95) * 100 * MS
    power_w = 400 + np.random.default_rng(3).normal(0, 2, 90)
    series = series_of(at_ns, power_w, 25.0, lag_ms=7.0)

    found = fit(work, np.arange(1000) % 3, series)

    assert isinstance(found, PowerModel)
    assert not found.found.is_trusted
    assert found.shape == SensorShape(25.0, 0.0, 7.0)
    assert found.series.sensor == series.sensor


def test_an_instant_is_read_as_a_millisecond() -> None:
    # of a sensor that is not known: its window stays that of an instant where nothing tells it
    start_ns = EPOCH_NS + np.arange(1000) * 10 * MS
    work = work_of(start_ns, start_ns + 10 * MS)
    at_ns = EPOCH_NS + np.arange(5, 95) * 100 * MS
    power_w = 400 + np.random.default_rng(3).normal(0, 2, 90)

    found = fit(work, np.arange(1000) % 3, series_of(at_ns, power_w, 0.0))

    assert isinstance(found, PowerModel)
    assert found.shape.window_ms == 1.0
    assert found.series.sensor.window_ms == 0.0


def test_pieces_that_run_beside_others_draw_less() -> None:
    # pairs of kernels at the same time: the two of a pair draw what was read
    work, of_all = run()
    both = work_of(np.repeat(work.start_ns, 2), np.repeat(work.end_ns, 2))

    found = fitted(both, np.repeat(of_all, 2), read(work, WATTS[of_all]))

    assert found.design.share_rate == pytest.approx(np.full(2 * len(of_all), 0.5))
    assert found.power_w.reshape(-1, 2).sum(axis=1) == pytest.approx(WATTS[of_all], abs=8)


def one_piece(length_ms: int) -> tuple[DeviceWork, Int]:
    return pieces((0, length_ms)), np.array([0])


def reading(first_ms: int, last_ms: int, **sensor: float) -> PowerSeries:
    """Read, every 100 ms, a power that is never the same twice."""
    at_ns = EPOCH_NS + np.arange(first_ms, last_ms + 1, 100) * MS
    return series_of(at_ns, 300 + np.arange(len(at_ns)) % 7 + np.arange(len(at_ns)) / 10, **sensor)


@pytest.mark.parametrize(
    ("length_ms", "reason"),
    [
        (450, "only 4 different readings show GPU work, 8 are needed"),
        (710, "only 7 different readings show GPU work, 8 are needed"),
        (810, None),
    ],
)
def test_few_readings_with_work_are_refused(length_ms: int, reason: str | None) -> None:
    # readings at 0.1, 0.2 ... hold some of it, the last up to the window of 25 ms after its end
    found = fit(*one_piece(length_ms), reading(-2000, 3000))

    assert (found if isinstance(found, str) else None) == reason


def test_readings_that_stay_alike_count_once() -> None:
    # 2 s of work, its power rounded: 5 steps
    work, of_all = one_piece(2000)
    series = reading(-2000, 4000)
    steps_w = np.clip((series.sample_ns - EPOCH_NS) // (400 * MS), -1, 4).astype(np.float64) * 10

    found = fit(work, of_all, series.scaled(300 + steps_w))

    assert found == "only 5 different readings show GPU work, 8 are needed"


def test_a_run_shorter_than_the_averaging_window_is_refused() -> None:
    work, of_all = one_piece(900)

    found = fit(work, of_all, reading(-2000, 4000, window_ms=1000.0))

    assert found == "the run lasts 0.9 s, less than the 1 s over which the sensor averages"


def test_a_run_that_readings_cover_in_part_is_refused() -> None:
    # 10 s of work, read for the first 4 s
    work, of_all = one_piece(10_000)

    found = fit(work, of_all, reading(-1000, 4000))

    assert found == "readings cover 40% of the run, 50% are needed"
    assert isinstance(fit(work, of_all, reading(-1000, 6000)), PowerModel)


def test_constant_power_is_refused() -> None:
    work, of_all = run(100)
    series = read(work, WATTS[of_all])

    found = fit(work, of_all, series.scaled(np.full(len(series.power_w), 300.0)))

    assert found == "the power readings never change"


def test_work_without_classes_is_refused() -> None:
    work, of_all = run(100)
    clock = share_clock(work.start_ns, work.end_ns)

    found = model_power(read(work, WATTS[of_all]), work, Evidence(NO_SAMPLES), clock, LIMIT_W)

    assert found == "kernels were not put into classes"


def test_a_board_that_is_not_known_is_taken_for_a_usual_one() -> None:
    work, of_all = run()
    clock = share_clock(work.start_ns, work.end_ns)
    evidence = Evidence(NO_SAMPLES, classes=classes_of(of_all, NAMES))

    found = model_power(read(work, WATTS[of_all]), work, evidence, clock, None)

    assert isinstance(found, PowerModel)
    assert found.power_w == pytest.approx(WATTS[of_all], abs=6)


def test_a_log_polled_as_fast_as_the_sensor_updates_keeps_its_readings() -> None:
    # jitter of 1 ms on 100 ms: every reading differs, so there is no clock to find in them
    work, of_all = run(100)
    series = read(work, WATTS[of_all])
    jitter_ns = np.random.default_rng(2).integers(-MS, MS, len(series.sample_ns))
    late = replace(series, read_ns=series.sample_ns + jitter_ns)

    assert at_updates(late) is late


def test_a_log_polled_faster_than_the_sensor_updates_has_one_reading_an_update() -> None:
    # updates every 100 ms, polled every 20 ms
    work, of_all = run(100)
    series = read(work, WATTS[of_all])
    polled_ns = np.arange(series.sample_ns[0] + 7 * MS, series.sample_ns[-1], 20 * MS)
    shown = np.searchsorted(series.sample_ns, polled_ns, side="right") - 1
    fast = replace(series, read_ns=polled_ns, read_w=series.power_w[shown])

    found = at_updates(fast)

    assert len(found.sample_ns) == pytest.approx(len(series.sample_ns), abs=3)
    first = np.searchsorted(series.sample_ns, found.sample_ns[0] - 50 * MS)
    beside_ns = series.sample_ns[first : first + len(found.sample_ns)]
    assert np.abs(found.sample_ns - beside_ns).max() < 10 * MS
    assert found.power_w.tolist() == series.power_w[first : first + len(beside_ns)].tolist()


def test_rows_are_as_long_as_windows_and_end_when_they_do() -> None:
    work, of_all = run(50)
    design = design_of(work, classes_of(of_all, NAMES))
    series, shape = read(work, WATTS[of_all]), SensorShape(25.0, 10.0, 30.0)

    rows = lay_rows(series, design, shape)

    assert rows.high_s - rows.low_s == pytest.approx(np.full(len(rows.low_s), 0.025))
    # late by lag and smoothing, counted from the first reading
    assert rows.high_s == pytest.approx((series.sample_ns - series.sample_ns[0]) / S - 0.040)
    assert rows.first_dynamic == design.n_background
    assert rows.power_w.tolist() == series.power_w.tolist()
    assert rows.design == pytest.approx(design.rows(series.sample_ns, shape))


NO_READINGS = series_of(np.zeros(0, dtype=np.int64), np.zeros(0))


def believed(design: Design, covariance: Float, mean: Float | None = None) -> PowerModel:
    mean = np.zeros(design.n_columns) if mean is None else mean
    return model_of(design, mean, covariance, NO_READINGS)


def test_the_error_of_one_piece_is_that_of_its_power_times_its_time() -> None:
    # Static, busy, beside, slope, class. One piece alone, of the usual size:
    # variance of static 9, busy 4, class 25; covariance of busy and class -3 W^2
    covariance = np.diag([9.0, 4.0, 1.0, 1.0, 25.0])
    covariance[1, 4] = covariance[4, 1] = -3.0
    found = believed(design_of(pieces((0, 10)), classes_of([0], [GEMM])), covariance)

    parts = found.design.parts(np.array([0]), np.array([2.0]))
    error_j = found.standard_error_j(parts, np.array([0]), 1)

    # 2 s x sqrt(4 + 25 - 2 x 3): static power has no part in dynamic energy
    assert error_j.tolist() == pytest.approx([2 * np.sqrt(23)])


def test_classes_that_err_against_each_other_are_sure_in_sum() -> None:
    # 10 W each, correlation -0.96: together sqrt(100 + 100 - 192) W
    design = design_of(pieces((0, 10), (20, 30)), classes_of([0, 1], [GEMM, FILL]))
    covariance = np.diag([1.0, 0, 0, 0, 0, 100, 100])
    covariance[5, 6] = covariance[6, 5] = -96.0
    found = believed(design, covariance)
    parts = design.parts(np.arange(2), np.ones(2))

    apart = found.standard_error_j(parts, np.array([0, 1]), 2)
    together = found.standard_error_j(parts, np.array([0, 0]), 1)

    assert apart.tolist() == pytest.approx([10, 10])
    assert together.tolist() == pytest.approx([np.sqrt(8)])


def test_what_the_model_misses_grows_with_the_energy_of_a_class() -> None:
    # no error of powers: 5 % of 300 W x 2 s and of 100 W x 1 s, classes apart
    work, classes = pieces((0, 10), (20, 30), (40, 50)), classes_of([0, 0, 1], [GEMM, FILL])
    mean = np.array([90.0, 20, -0.1, 0, 0, 300, 100])
    found = believed(design_of(work, classes), np.zeros((7, 7)), mean)

    parts = found.design.parts(np.arange(3), np.ones(3))
    error_j = found.standard_error_j(parts, np.zeros(3, dtype=np.int64), 1)

    assert error_j.tolist() == pytest.approx([MODEL_SD * np.hypot(600, 100)])


def test_groups_without_work_have_no_error_and_negative_groups_do_not_count() -> None:
    design = design_of(pieces((0, 10), (20, 30)), classes_of([0, 0], [GEMM]))
    found = believed(design, np.eye(5))

    parts = design.parts(np.arange(2), np.ones(2))
    error_j = found.standard_error_j(parts, np.array([-1, 1]), 3)

    # busy and class, 1 W each
    assert error_j.tolist() == pytest.approx([0, np.sqrt(2), 0])


@pytest.mark.parametrize("at_once", [1, 2, 4096])
@pytest.mark.parametrize("seed", range(3))
def test_errors_of_sums_equal_a_dense_computation(
    monkeypatch: pytest.MonkeyPatch, seed: int, at_once: int
) -> None:
    monkeypatch.setattr(power_model, "GROUPS_AT_ONCE", at_once)
    rng = np.random.default_rng(seed)
    n_groups, start_ms = 5, np.sort(rng.uniform(0, 2000, 200))
    work = pieces(*zip(start_ms, start_ms + rng.uniform(1, 30, 200), strict=True))
    of_all = rng.integers(0, 3, 200)
    design = design_of(work, classes_of(of_all, NAMES), clock_factor=rng.uniform(0.5, 1, 200))
    root = rng.normal(0, 5, (design.n_columns, design.n_columns))
    covariance, mean = root @ root.T, rng.uniform(0, 400, design.n_columns)
    mean[-1] = -300.0  # a power below zero has no energy to be wrong about
    # half of all work, in another order, lies in the window
    row, length_s = rng.permutation(200)[:100], rng.uniform(0, 2, 100)
    group = rng.integers(-1, n_groups, 100)
    found = believed(design, covariance, mean)

    error_j = found.standard_error_j(design.parts(row, length_s), group, n_groups)

    # energy of a group = G theta: column by column what one watt more of a parameter adds
    member = (group == np.arange(n_groups)[:, None]) * length_s
    gain = np.column_stack([member @ design.power_w(one)[row] for one in np.eye(len(mean))])
    class_j = gain[:, design.first_class :] * np.maximum(mean[design.first_class :], 0)
    missed_j2 = ((MODEL_SD * class_j) ** 2).sum(axis=1)
    assert error_j == pytest.approx(np.sqrt(np.diag(gain @ covariance @ gain.T) + missed_j2))


@pytest.mark.parametrize(("level", "z"), [(0.9, 1.6449), (0.95, 1.96), (0.6827, 1.0)])
def test_half_widths_of_a_normal_interval(level: float, z: float) -> None:
    assert z_of(level) == pytest.approx(z, abs=1e-3)


OPTIONS = Options(
    scenario="mixed", seconds=6, seed=4, poll_ns=20 * MS, gpu_metrics=True, stretch=4.0
)


def class_error(result: Analysis, truth: pl.DataFrame) -> float:
    """Tell the part of all energy that is given to the wrong kernel."""
    keys = ["rank", "device_id", "table", "trace_row"]
    work = result.work.with_columns(pl.col("table").cast(pl.String))
    joined = work.join(truth, on=keys, suffix="_true")
    assert len(joined) == len(work) == len(truth)
    sums = joined.group_by("kernel").agg(pl.col("energy_j", "energy_j_true").sum())
    found_j, true_j = sums["energy_j"].to_numpy(), sums["energy_j_true"].to_numpy()
    return float(np.abs(found_j - true_j).sum() / true_j.sum())


def sum_j(*parts_j: float | None) -> float:
    known_j = [part_j for part_j in parts_j if part_j is not None]
    assert len(known_j) == len(parts_j)
    return sum(known_j)


def test_a_simulated_run_is_split_better_than_by_time(tmp_path: Path) -> None:
    simulate_run(tmp_path / "run", OPTIONS)
    folder = tmp_path / "run"
    truth = pl.read_parquet(folder / "truth.parquet").with_columns(pl.col("table").cast(pl.String))
    trace = read_trace(folder / "trace.sqlite", power=[folder / "power.csv"])

    by_time = analyze(trace, AnalysisOptions(method="window-share"))
    found = analyze(trace, AnalysisOptions(method="regression"))

    # 15 to 17 % by time and 1 to 2.5 % by regression over seeds 3 to 6
    assert class_error(by_time, truth) > 0.12
    assert class_error(found, truth) < 0.05
    assert "regression-refused" not in {caveat.slug for caveat in found.caveats}
    energy = found.energy
    assert sum_j(energy.kernel_j, energy.idle_gap_j, energy.unattributed_j) == pytest.approx(
        energy.total_j
    )
    assert sum_j(energy.static_j, energy.dynamic_j) == pytest.approx(energy.kernel_j)
    assert energy.total_j == pytest.approx(by_time.energy.total_j, rel=1e-3)
    for table in (found.phases, found.kernels, found.work):
        assert table["energy_j"].sum() == pytest.approx(energy.kernel_j)
    true_j = dict(
        truth.group_by(pl.col("phase").cast(pl.String)).agg(pl.col("energy_j").sum()).iter_rows()
    )
    inside = [
        row["energy_lo_j"] <= true_j[row["name"]] <= row["energy_hi_j"]
        for row in found.phases.iter_rows(named=True)
        if row["name"] in true_j
    ]
    # intervals of 90 %: of half a dozen phases most hold the truth
    assert len(inside) >= 4
    assert np.mean(inside) > 0.5
