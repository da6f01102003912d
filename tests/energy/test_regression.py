"""Power of kernel classes, from readings to energy with its error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from traceenergy import AnalysisOptions, analyze, read_trace
from traceenergy.energy.alignment import Alignment
from traceenergy.energy.class_power import ClassPower
from traceenergy.energy.coverage import covered_s, sort_classes
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.energy.power_model import MODEL_SD, PowerModel, z_of
from traceenergy.energy.power_series import PowerSeries
from traceenergy.energy.regression import model_power
from traceenergy.energy.sensor import SensorModel
from traceenergy.intervals import share_clock
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.trace.tables import GpuMetrics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from traceenergy.analysis import Analysis

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MS = 1_000_000
EPOCH_NS = 1_700_000_000_000_000_000
NAMES = ["nvjet_tst_64x64", "flash_fwd_kernel", "FillFunctor"]
LIMIT_W = 700.0
NONE = GpuMetrics(pl.DataFrame())
NO_TIMES = np.zeros(0, dtype=np.int64)


def work_of(start_ns: Int, end_ns: Int) -> DeviceWork:
    row = np.arange(len(start_ns))
    return DeviceWork(0, 0, None, row, start_ns, end_ns, start_ns, end_ns, row, row)


def series_of(sample_ns: Int, power_w: Float, window_ms: float, lag_ms: float = 0.0) -> PowerSeries:
    sensor = SensorModel(100.0, window_ms, lag_ms, "known GPU")
    return PowerSeries(sample_ns, power_w, sensor, "test", sample_ns, power_w)


def run(n: int = 600, seed: int = 1) -> tuple[DeviceWork, Int]:
    """Let kernels of three classes, 5 to 60 ms, follow each other with pauses."""
    rng = np.random.default_rng(seed)
    turns_ms = np.column_stack((rng.uniform(0, 40, n), rng.uniform(5, 60, n)))
    edge_ns = EPOCH_NS + np.round(np.cumsum(turns_ms.ravel()) * MS).astype(np.int64)
    return work_of(edge_ns[::2], edge_ns[1::2]), rng.integers(0, 3, n)


def read(work: DeviceWork, of_all: Int, watts: list[float], lag_ms: float = 0.0) -> PowerSeries:
    """Read 90 W beside the power of classes, means over 25 ms, every 100 ms."""
    start_ns, end_ns = work.all_start_ns, work.all_end_ns
    times = sort_classes(start_ns, end_ns, np.ones(len(start_ns)), of_all, len(watts))
    at_ns = np.arange(int(start_ns[0]), int(end_ns[-1]), 100 * MS)
    high_ns = at_ns - round(lag_ms * MS)
    share = covered_s(times, high_ns - 25 * MS, high_ns) / 0.025
    noise_w = np.random.default_rng(4).normal(0, 2, len(at_ns))
    return series_of(at_ns, 90 + share @ np.array(watts) + noise_w, 25.0)


def model(work: DeviceWork, of_all: Int, series: PowerSeries) -> PowerModel | str:
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    return model_power(series, work, WorkClasses(of_all, NAMES, NONE), clock, LIMIT_W)


@pytest.mark.parametrize("lag_ms", [0.0, 80.0, -400.0])
def test_powers_of_classes_are_found_with_the_lag_of_the_log(lag_ms: float) -> None:
    work, of_all = run()
    watts = [400.0, 250.0, 100.0]

    found = model(work, of_all, read(work, of_all, watts, lag_ms))

    assert isinstance(found, PowerModel)
    assert found.alignment.is_trusted
    assert found.series.sensor.lag_ms == pytest.approx(lag_ms, abs=1)
    assert found.prior_source == "names"
    # Busy power is part of each piece's; noise of 2 W over some 80 windows a class.
    assert found.power_w == pytest.approx(np.array(watts)[of_all], abs=4)


def test_a_class_that_no_reading_shows_draws_something() -> None:
    # zero power of fills, as read: no class runs for less than 0.01 of 700 W
    work, of_all = run()

    found = model(work, of_all, read(work, of_all, [400.0, 250.0, 0.0]))

    assert isinstance(found, PowerModel)
    assert found.power_w.min() >= 7.0
    assert (found.fit.mean_w >= 0).all()


def test_few_readings_with_work_are_refused() -> None:
    # 1 s of work: readings at 0.1, 0.2 ... 1.0 s hold some of it
    work = work_of(np.array([EPOCH_NS]), np.array([EPOCH_NS + 1000 * MS]))
    at_ns = EPOCH_NS + np.arange(-20, 30) * 100 * MS
    power_w = np.where((at_ns > EPOCH_NS) & (at_ns <= EPOCH_NS + 1000 * MS), 400.0, 90.0)

    found = model(work, np.array([0]), series_of(at_ns, power_w, 25.0))

    assert isinstance(found, str)
    assert found.startswith("only 1")
    assert found.endswith("readings show GPU work, 20 are needed")


def test_a_run_of_few_averaging_windows_is_refused() -> None:
    # 2 s of work, averages over 1 s: those that hold work span 2 s and twice the window at most
    work = work_of(np.array([EPOCH_NS]), np.array([EPOCH_NS + 2000 * MS]))
    at_ns = EPOCH_NS + np.arange(-20, 50) * 100 * MS
    power_w = 90 + 300 * np.clip((at_ns - EPOCH_NS) / (1000 * MS), 0, 1)

    found = model(work, np.array([0]), series_of(at_ns, power_w, 1000.0))

    assert isinstance(found, str)
    assert found.startswith("the run lasts ")
    assert found.endswith("less than 5 averaging windows")


def test_constant_power_is_refused() -> None:
    work, of_all = run()
    series = read(work, of_all, [400.0, 250.0, 100.0])

    found = model(work, of_all, replace(series, power_w=np.full(len(series.power_w), 300.0)))

    assert found == "power is constant"


def test_a_log_polled_as_fast_as_the_sensor_updates_keeps_its_readings() -> None:
    # jitter of 1 ms on 100 ms: every reading differs, so there is no clock to find in them
    work, of_all = run()
    series = read(work, of_all, [400.0, 250.0, 100.0])
    jitter_ns = np.random.default_rng(2).integers(-MS, MS, len(series.sample_ns))
    late = replace(series, read_ns=series.sample_ns + jitter_ns)

    found = model(work, of_all, late)

    assert isinstance(found, PowerModel)
    assert len(found.series.sample_ns) == len(series.sample_ns)


def test_pieces_that_run_beside_others_draw_less() -> None:
    # pairs of kernels at the same time: each counts 0.88 of what it would alone
    work, of_all = run()
    both = work_of(np.repeat(work.start_ns, 2), np.repeat(work.end_ns, 2))

    found = model(both, np.repeat(of_all, 2), read(work, of_all, [400.0, 250.0, 100.0]))

    assert isinstance(found, PowerModel)
    assert found.weight == pytest.approx(np.full(2 * len(of_all), 0.88))
    assert found.share_rate == pytest.approx(np.full(2 * len(of_all), 0.5))
    # the two of a pair draw what was read
    assert found.power_w.reshape(-1, 2).sum(axis=1) == pytest.approx(
        np.array([400.0, 250.0, 100.0])[of_all], abs=5
    )


def fitted(
    covariance_w2: Float, of_all: Int, weight: Float, share_rate: Float, mean_w: Float | None = None
) -> PowerModel:
    n_all = len(covariance_w2)
    mean_w = np.zeros(n_all) if mean_w is None else mean_w
    fit = ClassPower(mean_w, covariance_w2, np.ones(n_all), 1.0)
    return PowerModel(
        series=series_of(NO_TIMES, np.zeros(0), 25.0),
        alignment=Alignment(0.0, 0.0, 0.0, 1.0, is_trusted=True),
        prior_source="names",
        power_w=np.ones(len(of_all)),
        fit=fit,
        of_all=of_all,
        weight=weight,
        share_rate=share_rate,
    )


def test_the_error_of_one_piece_is_that_of_its_power_times_its_time() -> None:
    # variance of static 9, busy 4, class 25; covariance of busy and class -3 W^2
    covariance = np.array([[9.0, 1, 1], [1, 4, -3], [1, -3, 25]])
    found = fitted(covariance, np.array([0]), np.array([1.0]), np.array([1.0]))

    error_j = found.standard_error_j(np.array([0]), np.array([2.0]), np.array([0]), 1)

    # 2 s x sqrt(4 + 25 - 2 x 3): static power has no part in dynamic energy
    assert error_j.tolist() == pytest.approx([2 * np.sqrt(23)])


def test_classes_that_err_against_each_other_are_sure_in_sum() -> None:
    # 10 W each, correlation -0.96: together sqrt(100 + 100 - 192) W
    covariance = np.diag([1.0, 1e-12, 100.0, 100.0])
    covariance[2, 3] = covariance[3, 2] = -96.0
    found = fitted(covariance, np.array([0, 1]), np.ones(2), np.ones(2))
    row, second = np.arange(2), np.ones(2)

    apart = found.standard_error_j(row, second, np.array([0, 1]), 2)
    together = found.standard_error_j(row, second, np.array([0, 0]), 1)

    assert apart.tolist() == pytest.approx([10, 10])
    assert together.tolist() == pytest.approx([np.sqrt(8)])


def test_what_the_model_misses_grows_with_the_energy_of_a_class() -> None:
    # no error of powers: 4 % of 300 W x 2 s and of 100 W x 1 s, classes apart
    found = fitted(
        np.zeros((4, 4)), np.array([0, 0, 1]), np.ones(3), np.ones(3), np.array([0, 0, 300.0, 100])
    )

    error_j = found.standard_error_j(np.arange(3), np.ones(3), np.zeros(3, dtype=np.int64), 1)

    assert error_j.tolist() == pytest.approx([MODEL_SD * np.hypot(600, 100)])


def test_groups_without_work_have_no_error_and_negative_groups_do_not_count() -> None:
    found = fitted(np.eye(3), np.array([0, 0]), np.ones(2), np.ones(2))

    error_j = found.standard_error_j(np.arange(2), np.ones(2), np.array([-1, 1]), 3)

    assert error_j.tolist() == pytest.approx([0, np.sqrt(2), 0])


@pytest.mark.parametrize("seed", range(10))
def test_errors_of_sums_equal_a_dense_computation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_work, n_classes, n_groups = 200, 7, 5
    root = rng.normal(0, 5, (n_classes + 2, n_classes + 2))
    covariance, mean_w = root @ root.T, rng.uniform(0, 400, n_classes + 2)
    of_all, group = rng.integers(0, n_classes, n_work), rng.integers(-1, n_groups, n_work)
    weight, share = rng.uniform(0.8, 1, n_work), rng.uniform(0.3, 1, n_work)
    # half of all work, in another order, lies in the window
    row, length_s = rng.permutation(n_work)[:100], rng.uniform(0, 2, 100)
    group = group[row]
    found = fitted(covariance, of_all, weight, share, mean_w)

    error_j = found.standard_error_j(row, length_s, group, n_groups)

    # energy of a group = G theta: one row a group, one column a power; piece by piece
    gain = np.zeros((n_groups, n_classes + 2))
    for piece, seconds, member in zip(row, length_s, group, strict=True):
        if member >= 0:
            gain[member, 1] += share[piece] * seconds
            gain[member, 2 + of_all[piece]] += weight[piece] * seconds
    missed_j2 = ((MODEL_SD * gain[:, 2:] * mean_w[2:]) ** 2).sum(axis=1)
    expected = np.sqrt(np.diag(gain @ covariance @ gain.T) + missed_j2)
    assert error_j == pytest.approx(expected)


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
    wrong_j = (sums["energy_j"] - sums["energy_j_true"]).abs().sum()
    return float(wrong_j / sums["energy_j_true"].sum())


def test_a_simulated_run_is_split_better_than_by_time(tmp_path: Path) -> None:
    simulate_run(tmp_path / "run", OPTIONS)
    folder = tmp_path / "run"
    truth = pl.read_parquet(folder / "truth.parquet").with_columns(pl.col("table").cast(pl.String))
    trace = read_trace(folder / "trace.sqlite", power=[folder / "power.csv"])

    by_time = analyze(trace)
    found = analyze(trace, AnalysisOptions(method="regression"))

    # 15 % by time and 3 to 7 % by regression over seeds 3 to 6
    assert class_error(by_time, truth) > 0.12
    assert class_error(found, truth) < 0.08
    assert "regression-refused" not in {caveat.slug for caveat in found.caveats}
    energy = found.energy
    assert energy.kernel_j + energy.idle_gap_j + energy.unattributed_j == pytest.approx(
        energy.total_j
    )
    assert energy.static_j + energy.dynamic_j == pytest.approx(energy.kernel_j)
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
