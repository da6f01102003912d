"""Runs that differ from another one by what a test wants."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import traceenergy as te
from traceenergy.analysis.step_blocks import MOST_BLOCKS
from traceenergy.trace.model import Origin

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

FOLDER = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "decode"
_ENERGIES = ("energy_j", "energy_lo_j", "energy_hi_j", "static_j", "dynamic_j")


@cache
def decode() -> Analysis:
    """Analyze the shipped decode run."""
    return te.analyze(te.read_trace(FOLDER / "trace.sqlite", power=[FOLDER / "power.csv"]))


def other_file(run: Analysis) -> Analysis:
    """Say that a run is of another file."""
    origins = tuple(Origin(**{**vars(one), "sha256": "0" * 64}) for one in run.origins)
    return replace(run, origins=origins)


def with_phase(run: Analysis, phase: str, *, time: float = 1.0, power: float = 1.0) -> Analysis:
    """Make all work of a phase take other time at other power; totals follow."""
    of_phase = run.phases.filter(name=phase)["energy_j"].item()
    busy_s = run.phases.filter(name=phase)["busy_s"].item()
    more_j, longer_s = of_phase * (time * power - 1), busy_s * (time - 1)
    energy = run.energy
    known = replace(
        energy, total_j=(energy.total_j or 0) + more_j, kernel_j=(energy.kernel_j or 0) + more_j
    )
    window = replace(run.window, end_ns=run.window.end_ns + round(longer_s * 1e9))
    tables = {
        name: _times(getattr(run, name), _is_part(name, phase), time, power, ("busy_s",), _ENERGIES)
        for name in ("phases", "subphases", "kernels")
    }
    in_level = {
        "phase": pl.col("name") == phase,
        "subphase": pl.col("name").str.starts_with(phase),
        "kernel": pl.col("phase") == phase,
    }
    costs = run.step_costs
    for level, part in in_level.items():
        here = (pl.col("level") == level) & part
        costs = _times(costs, here, time, power, ("block_time_s",), ("block_energy_j",))
    costs = _with_whole_steps(costs, run.step_costs)
    return replace(other_file(run), energy=known, window=window, step_costs=costs, **tables)


def _is_part(table: str, phase: str) -> pl.Expr:
    if table == "kernels":
        return pl.col("phase") == phase
    return pl.col("name").str.split(".").list.first() == phase


def _times(  # noqa: PLR0913, PLR0917 - two factors, each with its columns
    table: pl.DataFrame,
    rows: pl.Expr,
    time: float,
    power: float,
    times: tuple[str, ...],
    energies: tuple[str, ...],
) -> pl.DataFrame:
    return table.with_columns(
        *(pl.when(rows).then(pl.col(name) * time).otherwise(name).alias(name) for name in times),
        *(
            pl.when(rows).then(pl.col(name) * (time * power)).otherwise(name).alias(name)
            for name in energies
        ),
    )


def _with_whole_steps(costs: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Give whole steps what their phases cost more."""
    more = {}
    for name in ("block_energy_j", "block_time_s"):
        sums = [
            table.filter(level="phase")
            .select(
                pl.col(name).list.to_struct(
                    fields=[f"block_{block}" for block in range(MOST_BLOCKS)]
                )
            )
            .unnest(name)
            .sum()
            .row(0)
            for table in (costs, before)
        ]
        more[name] = [new - old for new, old in zip(*sums, strict=True)]
    is_step = pl.col("level") == "step_kind"
    return costs.with_columns(
        pl.when(is_step)
        .then(pl.col(name) + pl.lit(pl.Series([added])).first())
        .otherwise(name)
        .alias(name)
        for name, added in more.items()
    )
