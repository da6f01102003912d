"""The calibration stretch repeats each class of the run alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from traceenergy import read_trace
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.options import Options
from traceenergy.simulate.ranges import nvtx_ranges
from traceenergy.simulate.run import simulate_run
from traceenergy.simulate.template import CLASS_KEYS

if TYPE_CHECKING:
    from pathlib import Path

MIXED = Options(
    scenario="mixed", layers=4, steps=9, batch=16, stretch=5.0, gpus=2, calibration_s=0.02
)
ALONE = pl.col("kind") == "calibration"
IS_KERNEL = pl.col("class_id").is_in(
    [i for i, key in enumerate(CLASS_KEYS) if CATALOG[key].table == "KERNEL"]
)


def test_the_run_before_it_stays_as_it_was() -> None:
    without, with_it = (
        run_in_memory(replace(MIXED, calibration_s=seconds)) for seconds in (0.0, 0.02)
    )

    for before, after in (
        (without.timeline.work, with_it.timeline.work),
        (without.timeline.calls, with_it.timeline.calls),
    ):
        assert_frame_equal(after.filter(~ALONE), before)
    last_ns = without.window_ns[1]
    stretch = with_it.timeline.work.filter(ALONE)
    assert stretch["start_ns"].to_numpy().min() - last_ns == pytest.approx(1e9, rel=0.01)
    assert with_it.window_ns == (without.window_ns[0], stretch["end_ns"].max())


def test_one_class_runs_at_a_time_with_short_gaps_and_pauses_between() -> None:
    run = run_in_memory(MIXED)

    for device in range(2):
        stretch = run.timeline.work.filter(ALONE, pl.col("device") == device)
        gap_us = (stretch["start_ns"][1:] - stretch["end_ns"][:-1]).to_numpy() / 1000
        same = (stretch["slot"][1:] == stretch["slot"][:-1]).to_numpy()
        assert ((gap_us[same] > 1.99) & (gap_us[same] < 4.01)).all()
        assert (gap_us[~same] >= 50_000).all()
        assert stretch.group_by("slot").agg(pl.col("class_id").n_unique())["class_id"].max() == 1
        spans_s = stretch.group_by("slot").agg(
            (pl.col("start_ns").max() - pl.col("start_ns").min()) / 1e9
        )
        # The longest piece, a prefill kernel stretched fivefold, takes 5 ms or so.
        assert spans_s["start_ns"].to_numpy() == pytest.approx(0.02, abs=0.008)


def test_every_class_is_there_once_for_each_kind_of_step_at_its_median_grid() -> None:
    work = run_in_memory(MIXED).timeline.work.filter(IS_KERNEL, pl.col("device") == 0)
    ran = (
        work.filter(~ALONE)
        .group_by("kind", "class_id", "step")
        .agg(pl.col("blocks").first())
        .group_by("kind", "class_id")
        .agg(pl.col("blocks").quantile(0.5, "lower").cast(pl.Int64))
    )
    repeated = work.filter(ALONE).group_by("step", "class_id").agg(pl.col("blocks").unique())

    assert sorted(ran.select("class_id", "blocks").rows()) == sorted(
        repeated.explode("blocks").select("class_id", "blocks").rows()
    )


def test_truth_has_the_stretch_outside_of_steps_and_layers() -> None:
    run = run_in_memory(MIXED)
    truth, work = run.truth.work, run.timeline.work
    stretch = truth.filter(work.select(ALONE).to_series())

    assert stretch["step"].null_count() == stretch["layer"].null_count() == len(stretch)
    assert truth.filter(work.select(~ALONE).to_series())["step"].null_count() == 0
    sums = run.sums()
    assert sums["kernel_j"] + sums["idle_gap_j"] == pytest.approx(sums["total_j"], rel=1e-9)
    # Alone for all of its time, each piece has the board's static power and what it adds.
    length_s = (stretch["end_ns"] - stretch["start_ns"]).to_numpy() / 1e9
    own_w = work.filter(ALONE)["dynamic_w"].to_numpy() + run.board.busy_w
    assert stretch["dynamic_j"].to_numpy() == pytest.approx(own_w * length_s, rel=1e-6)


def test_the_stretch_alone_has_the_same_classes_and_idle_power() -> None:
    after = run_in_memory(MIXED)
    only = run_in_memory(replace(MIXED, calibration_only=True))

    stretch = after.timeline.work.filter(ALONE)
    assert len(only.timeline.work) == len(stretch)
    assert_frame_equal(
        only.timeline.work.drop("start_ns", "end_ns", "call", "correlation_id"),
        stretch.drop("start_ns", "end_ns", "call", "correlation_id"),
    )
    assert [law.idle_w for law in only.truth.laws] == [law.idle_w for law in after.truth.laws]
    assert only.timeline.steps.is_empty()
    assert only.sums()["steps"] == {}


def test_power_alone_can_differ_from_power_in_the_run() -> None:
    alike, apart = (
        run_in_memory(replace(MIXED, calibration_spread=spread)).timeline.cost.dynamic_w
        for spread in (0.0, 0.1)
    )

    # The last two rows are those of the stretch.
    assert (alike[:-2] == apart[:-2]).all()
    # 38 classes of this model, so 76 factors: a standard deviation is known to 8 %.
    factors = (apart[-2:] / alike[-2:])[:, :38]
    assert np.log(factors).std() == pytest.approx(0.1, rel=0.3)


def test_ranges_nest_and_name_each_class() -> None:
    run = run_in_memory(replace(MIXED, gpus=1))
    ranges = nvtx_ranges(run.timeline, 1)
    stretch = run.timeline.work.filter(ALONE)

    (outer,) = ranges.filter(text="calibration").iter_rows(named=True)
    inner = ranges.filter(pl.col("start_ns") > outer["start_ns"], pl.col("level") == 1)
    names = [CATALOG[CLASS_KEYS[entry.class_id]].short for entry in run.timeline.calibrated]
    assert inner["text"].to_list() == names
    # Launches come in the order of the ranges that hold them, one class to a range.
    launches = run.timeline.calls.filter(ALONE).drop_nulls("slot")
    holder = inner["start_ns"].search_sorted(launches["start_ns"]) - 1
    assert (holder.to_numpy() == launches["slot"].to_numpy()).all()
    assert (inner["end_ns"].gather(holder) > launches["end_ns"]).all()
    assert outer["end_ns"] > inner["end_ns"].max()
    calls = run.timeline.calls.sort("start_ns")
    assert (calls["start_ns"][1:] >= calls["end_ns"][:-1]).all()
    assert len(launches) == len(stretch)


def test_all_tables_hold_the_stretch(tmp_path: Path) -> None:
    options = replace(MIXED, gpus=1, gpu_metrics=True, cuda_graphs=True)
    for name, changed in (
        ("after", options),
        ("only", replace(options, calibration_only=True, schema="3.7.2")),
    ):
        made = simulate_run(tmp_path / name, changed)
        trace = read_trace(tmp_path / name / "trace.sqlite", power=[tmp_path / name / "power.csv"])
        truth = pl.read_parquet(tmp_path / name / "truth.parquet")

        assert len(trace.gpu_work) == len(truth)
        assert made.n_kernels == (truth["table"] == "KERNEL").sum()
        assert trace.gpu_work["start_ns"].to_list() == sorted(truth["start_ns"])
        keys = ["rank", "process_id", "correlation_id"]
        assert trace.gpu_work.join(trace.launches, on=keys, how="anti").is_empty()
        last_ns = truth["end_ns"].to_numpy().max()
        assert trace.gpu_metrics["sample_ns"].to_numpy().max() > last_ns
