"""Totals and phases of runs whose energy is shared by time, from files to result."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from traceenergy import AnalysisOptions, analyze, read_trace
from traceenergy.energy.attribute import WINDOW_SHARE
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.units import NS_PER_MS

SECONDS = 2.0
HEAD = ("2 s, shared by time", "total", "kernels", "phases", "intervals that hold the truth")
# Conditions are written out: what is not named is the simulator's default.
SCENARIOS = {
    "decode, instant and 1 s fields": Options(scenario="decode"),
    "prefill, instant and 1 s fields": Options(scenario="prefill"),
    "mixed, 2 GPUs, both fields": Options(scenario="mixed", gpus=2),
    "decode, 1 s field only": Options(scenario="decode", sensor="h100-average"),
    "decode, A100 (25 of 100 ms)": Options(scenario="decode", sensor="a100"),
    "decode, V100 (10 of 20 ms)": Options(scenario="decode", sensor="v100", poll_ns=20 * NS_PER_MS),
    "decode, in the trace (1 s)": Options(scenario="decode", power="nvml"),
    "decode with pauses, both fields": Options(
        scenario="decode", pause_every=20, pause_ns=300 * NS_PER_MS
    ),
}


@dataclass(frozen=True)
class Errors:
    """Errors of one run, as shares of its true energy; `covered` is a share of phases."""

    total: float
    kernel: float
    phase: float
    covered: float


def rows_by_time(n_seeds: int) -> list[list[str]]:
    """Judge all scenarios.

    Parameters
    ----------
    n_seeds : int

    Returns
    -------
    list of list of str
        Cells under `HEAD`; mean and largest size of each error.
    """
    rows = []
    for name, options in SCENARIOS.items():
        runs = [measure(replace(options, seconds=SECONDS, seed=1000 + n)) for n in range(n_seeds)]
        cells = []
        for part in ("total", "kernel", "phase"):
            sizes = np.abs([getattr(run, part) for run in runs])
            cells.append(f"{sizes.mean():.2%} / {sizes.max():.2%}")
        rows.append([name, *cells, f"{np.mean([run.covered for run in runs]):.0%}"])
    return rows


def measure(options: Options) -> Errors:
    """Simulate one run into files, analyze them, compare with its truth.

    Parameters
    ----------
    options : Options

    Returns
    -------
    Errors
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        simulate_run(run, options)
        log = run / "power.csv"
        trace = read_trace(run / "trace.sqlite", power=[log] if log.exists() else [])
        truth = json.loads((run / "truth.json").read_text())
        # Judged by the truth's own phases, so that an error is one of energy, not of rules.
        work = pl.read_parquet(run / "truth.parquet").with_columns(
            pl.col("table", "phase").cast(pl.String)
        )
        result = analyze(trace, AnalysisOptions(method=WINDOW_SHARE))
    found = result.work.with_columns(pl.col("table").cast(pl.String)).join(
        work.select("rank", "device_id", "table", "trace_row", "phase", "energy_j"),
        on=["rank", "device_id", "table", "trace_row"],
        suffix="_true",
    )
    phases = found.group_by("phase_true").agg(
        pl.col("energy_j").sum(), pl.col("energy_j_true").sum()
    )
    true_j = phases["energy_j_true"].to_numpy()
    missed_j = np.abs(phases["energy_j"].to_numpy() - true_j)
    bounds = result.phases.join(
        found.group_by("phase").agg(pl.col("energy_j_true").sum()), left_on="name", right_on="phase"
    )
    inside = bounds.filter(
        pl.col("energy_j_true").is_between(pl.col("energy_lo_j"), pl.col("energy_hi_j"))
    )
    return Errors(
        total=result.energy.total_j / truth["total_j"] - 1,
        kernel=result.energy.kernel_j / truth["kernel_j"] - 1,
        phase=missed_j.sum() / true_j.sum(),
        covered=len(inside) / len(bounds),
    )
