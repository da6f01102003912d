"""Costs of steps: sums of blocks are those of the tables that people see."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import traceenergy as te
from traceenergy.analysis.step_blocks import MOST_BLOCKS

FOLDER = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "decode"


@pytest.fixture(scope="module")
def decode() -> te.Analysis:
    return te.analyze(te.read_trace(FOLDER / "trace.sqlite", power=[FOLDER / "power.csv"]))


@pytest.mark.parametrize(
    ("level", "table", "names"),
    [("phase", "phases", "name"), ("subphase", "subphases", "name"), ("layer", "layers", "layer")],
)
def test_blocks_sum_to_the_rows(decode: te.Analysis, level: str, table: str, names: str) -> None:
    # Every piece of work of this run is in a step; work in no layer is in no row of layers.
    rows = getattr(decode, table).drop_nulls(names)
    costs = decode.step_costs.filter(level=level)

    found = costs.select("name", "n_kernels", energy_j=pl.col("block_energy_j").list.sum())
    both = rows.join(found, on="name", how="full", suffix="_found")
    assert both.null_count().select("energy_j", "energy_j_found").sum_horizontal().item() == 0
    assert both["energy_j_found"].to_numpy() == pytest.approx(both["energy_j"].to_numpy())
    assert (both["n_kernels_found"] == both["n_kernels"]).all()


def test_whole_steps_hold_their_elapsed_time_with_their_tokens(decode: te.Analysis) -> None:
    costs = decode.step_costs.filter(level="step_kind").row(0, named=True)
    steps = decode.steps.drop_nulls("step")

    assert sum(costs["block_steps"]) == len(steps)
    assert len(costs["block_steps"]) == min(len(steps), MOST_BLOCKS)
    elapsed_ns = int((steps["end_ns"] - steps["start_ns"]).sum())
    assert sum(costs["block_time_s"]) == pytest.approx(elapsed_ns * 1e-9)
    assert sum(costs["block_tokens"]) == steps["tokens"].sum()


def test_blocks_follow_each_other_in_time(decode: te.Analysis) -> None:
    costs = decode.step_costs.filter(level="step_kind").row(0, named=True)
    steps = decode.steps.drop_nulls("step")

    edges = np.cumsum([0, *costs["block_steps"]])
    first = steps["energy_j"].to_numpy()
    sums = [first[a:b].sum() for a, b in pairwise(edges)]
    assert costs["block_energy_j"] == pytest.approx(sums)


def test_kernels_sum_to_their_phase(decode: te.Analysis) -> None:
    kernels = decode.step_costs.filter(level="kernel")
    phases = decode.step_costs.filter(level="phase")

    time_s = pl.col("block_time_s").list.sum().alias("time_s")
    found = kernels.group_by("phase").agg(time_s.sum()).sort("phase")["time_s"]
    told = phases.select("name", time_s).sort("name")["time_s"]
    assert found.to_numpy() == pytest.approx(told.to_numpy())


def test_bytes_are_known_of_copies_alone(decode: te.Analysis) -> None:
    kernels = decode.step_costs.filter(level="kernel")

    has_bytes = kernels["bytes"].is_not_null()
    assert has_bytes.any()
    assert kernels.filter(has_bytes)["name"].str.starts_with("[CUDA mem").all()
    assert (kernels["grid_blocks"].is_not_null() == ~has_bytes).all()
