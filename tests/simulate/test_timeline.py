"""The run as a whole."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.loop import STEP_GAP_US
from traceenergy.simulate.options import Options
from traceenergy.simulate.target import BOARDS
from traceenergy.simulate.template import CLASS_KEYS
from traceenergy.simulate.timeline import Timeline, lay_out

IS_KERNEL = pl.col("class_id").is_in(
    [i for i, key in enumerate(CLASS_KEYS) if CATALOG[key].table == "KERNEL"]
)


def lay(options: Options) -> Timeline:
    return lay_out(options, BOARDS["h100"], np.random.default_rng(4))


@pytest.mark.parametrize(("gpus", "kernels"), [(1, 777), (3, 1002)])
def test_kernels_are_counted_exactly(gpus: int, kernels: int) -> None:
    timeline = lay(Options(gpus=gpus, kernels=kernels, layers=5))

    assert len(timeline.work.filter(IS_KERNEL)) == kernels
    assert set(timeline.work["call"]) == set(timeline.calls.drop_nulls("slot")["call"])


def test_seconds_are_met_within_a_fifth() -> None:
    timeline = lay(Options(seconds=0.5, layers=8, scenario="mixed", batch=128))

    last_ns = timeline.steps["end_ns"][-1] - timeline.steps["start_ns"][0]
    assert last_ns / 1e9 == pytest.approx(0.5, rel=0.2)


def test_steps_follow_each_other_with_short_gaps_and_pauses() -> None:
    timeline = lay(Options(steps=9, layers=4, pause_every=4, pause_ns=50_000_000))

    steps = timeline.steps
    gap_us = (steps["start_ns"][1:] - steps["end_ns"][:-1]).to_numpy() / 1000
    pauses = np.isin(np.arange(8), (3, 7))
    assert (gap_us[~pauses] >= STEP_GAP_US[0] - 1).all()
    assert (gap_us[~pauses] <= STEP_GAP_US[1] + 1).all()
    assert (gap_us[pauses] > 50_000).all()


def test_work_lies_within_its_step() -> None:
    timeline = lay(Options(steps=6, layers=4, scenario="mixed", gpus=2))

    inside = timeline.work.join(timeline.steps, on="step", suffix="_step").select(
        (pl.col("start_ns") > pl.col("start_ns_step")) & (pl.col("end_ns") < pl.col("end_ns_step"))
    )
    assert inside.to_series().all()


def test_correlation_ids_are_unique_within_a_process_and_collide_between_them() -> None:
    calls = lay(Options(steps=2, layers=4, gpus=2)).calls

    assert not calls.select("device", "correlation_id").is_duplicated().any()
    ids = [set(calls.filter(device=device)["correlation_id"]) for device in (0, 1)]
    assert ids[0] & ids[1]


def test_decode_kernels_last_as_long_as_on_a_real_board() -> None:
    work = lay(Options(steps=2)).work.filter(IS_KERNEL)

    length_us = (work["end_ns"] - work["start_ns"]).to_numpy() / 1000
    assert length_us.min() > 1.0
    assert 200 < length_us.max() < 500
