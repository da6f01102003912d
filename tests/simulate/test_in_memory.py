"""A run in memory is the run that would be written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from traceenergy.errors import UsageError
from traceenergy.simulate.host import UTC_EPOCH_NS
from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Options(layers=4, steps=3, batch=16, stretch=20.0)


def test_it_is_what_would_be_written(tmp_path: Path) -> None:
    options = replace(SMALL, gpus=2, scenario="mixed", gpu_metrics=True, drift_w=3.0)
    simulate_run(tmp_path, options)
    run = run_in_memory(options)

    assert_frame_equal(run.truth.work, pl.read_parquet(tmp_path / "truth.parquet"))
    sums = json.loads((tmp_path / "truth.json").read_text())
    assert (sums["window"]["start_ns"], sums["window"]["end_ns"]) == run.window_ns
    assert run.sums()["total_j"] == pytest.approx(sums["total_j"], rel=1e-12)
    log = pl.read_csv(tmp_path / "power.csv").filter(pl.col(" index") == " 1")
    shown_w = log[" power.draw.instant [W]"].str.strip_chars(" W").cast(pl.Float64)
    assert run.readings[1].sharp_w == pytest.approx(shown_w.to_numpy(), abs=1e-9)
    assert [len(one.sample_ns) > 0 for one in run.activity] == [True, True]


def test_logged_times_are_those_of_the_log(tmp_path: Path) -> None:
    options = replace(
        SMALL, clock_offset_ns=150_000_000, clock_drift_ppm=5000.0, timezone_offset_h=5.5
    )
    simulate_run(tmp_path, options)
    run = run_in_memory(options)

    log = pl.read_csv(tmp_path / "power.csv")["timestamp"].str.to_datetime("%Y/%m/%d %H:%M:%S%.f")
    local_ns = log.dt.timestamp("ns").to_numpy()
    zone_ns = 19_800 * 10**9
    assert (run.logged_ns(0) == local_ns - UTC_EPOCH_NS - zone_ns).all()
    late_ns = run.logged_ns(0) - run.readings[0].poll_ns
    # 0.15 s and five thousandths of the trace time, cut to a millisecond.
    expected_ns = 150_000_000 + 0.005 * run.readings[0].poll_ns
    assert (late_ns <= expected_ns + 1).all()
    assert (late_ns >= expected_ns - 1_000_001).all()


def test_metrics_are_sampled_only_where_asked() -> None:
    assert run_in_memory(SMALL).activity == ()


def test_bad_options_are_refused() -> None:
    with pytest.raises(UsageError):
        run_in_memory(Options(power_law="ohm"))


def test_all_work_of_a_step_shares_a_factor() -> None:
    usual, varied = (
        run_in_memory(replace(SMALL, steps=40, step_power_spread=spread)).timeline.work
        for spread in (0.0, 0.2)
    )

    factor = (varied["dynamic_w"] / usual["dynamic_w"]).log()
    by_step = varied.select("step", factor=factor).group_by("step")
    least, most = (
        by_step.agg(extreme).sort("step")["factor"].to_numpy()
        for extreme in (pl.col("factor").min(), pl.col("factor").max())
    )
    assert least == pytest.approx(most, abs=1e-12)
    # 40 draws: the standard error of a standard deviation is 11 % of it.
    assert np.std(least) == pytest.approx(0.2, rel=0.45)
    assert varied.drop("dynamic_w").equals(usual.drop("dynamic_w"))


def test_without_spreads_power_is_the_law_itself() -> None:
    run = run_in_memory(replace(SMALL, class_spread=0.0, instance_spread=0.0))
    work, cost = run.timeline.work, run.timeline.cost

    activity = cost.activity[work["step"].to_numpy(), work["class_id"].to_numpy()]
    assert work["dynamic_w"].to_numpy() == pytest.approx(activity @ np.array(run.board.unit_w))


def test_work_that_overlaps_adds_as_much_as_the_factor_says() -> None:
    less, all_of_it = (
        run_in_memory(replace(SMALL, concurrency_factor=factor)) for factor in (0.5, 1.0)
    )

    # Alone or not, powers add up when the factor is 1.
    work, truth = all_of_it.timeline.work, all_of_it.truth.work
    length_s = (work["end_ns"] - work["start_ns"]).to_numpy() / 1e9
    own_j = (work["dynamic_w"].to_numpy() * length_s).sum()
    busy_j = truth["dynamic_j"].to_numpy().sum() - own_j
    assert 0 < busy_j <= all_of_it.board.busy_w * length_s.sum()
    overlapping = less.truth.work["dynamic_j"] < 0.99 * truth["dynamic_j"]
    assert 0 < overlapping.sum() < len(truth)


def test_drift_moves_static_power_by_as_much_as_asked() -> None:
    steady, drifting = (
        run_in_memory(replace(SMALL, gpus=8, drift_w=drift_w)).truth for drift_w in (0.0, 4.0)
    )

    moved_w = []
    for before, after in zip(steady.curves, drifting.curves, strict=True):
        # Before the first work nothing else moves static power.
        first_s = np.arange(-5, 3) * 10**9
        moved_w += list(np.diff(after.energy_at(first_s)) - np.diff(before.energy_at(first_s)))
    # Eight GPUs, each over 8 s of a drift that stays for 10 s: eight draws or few more.
    assert 1.5 < np.std(moved_w) < 8.0
    assert_frame_equal(
        steady.work.drop("static_j", "energy_j"), drifting.work.drop("static_j", "energy_j")
    )


def test_power_is_read_alike_with_and_without_the_counter() -> None:
    plain, counted = (
        run_in_memory(replace(SMALL, gpus=2, energy_counter=asked)) for asked in (False, True)
    )

    assert plain.readings[0].counter_j is None
    for one, other in zip(plain.readings, counted.readings, strict=True):
        assert one.sharp_w.tolist() == other.sharp_w.tolist()
        assert other.counter_j is not None
        assert (np.diff(other.counter_j) >= 0).all()
