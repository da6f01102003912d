"""Errors of attributed energy against simulated truth, over many seeds."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from traceenergy import AnalysisOptions, analyze, read_trace
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

# Conditions are written out: what is not named is the simulator's default.
SCENARIOS = {
    "decode, instant and 1 s fields": {"scenario": "decode"},
    "prefill, instant and 1 s fields": {"scenario": "prefill"},
    "mixed, 2 GPUs, both fields": {"scenario": "mixed", "gpus": 2},
    "decode, 1 s field only": {"scenario": "decode", "sensor": "h100-average"},
    "decode, A100 (25 of 100 ms)": {"scenario": "decode", "sensor": "a100"},
    "decode, V100 (10 of 20 ms)": {"scenario": "decode", "sensor": "v100", "poll_ns": 20_000_000},
    "decode, in the trace (1 s)": {"scenario": "decode", "power": "nvml"},
    "decode with pauses, both fields": {
        "scenario": "decode",
        "pause_every": 20,
        "pause_ns": 300_000_000,
    },
}


@dataclass(frozen=True)
class Errors:
    """Errors of one run, as shares of its true energy; `covered` is a share of phases."""

    total: float
    kernel: float
    phase: float
    covered: float


def measure(options: Options) -> Errors:
    """Simulate one run, analyze it, compare with its truth.

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
        result = analyze(trace, AnalysisOptions())
    found = result.work.join(
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


def main() -> None:
    """Print a table of errors, one line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="runs of each scenario")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each run")
    words = parser.parse_args()
    print(f"{words.seeds} seeds of {words.seconds:g} s each; mean and largest size of the error")
    print("| scenario | total | kernels | phases | intervals that hold the truth |")
    print("|---|---|---|---|---|")
    for name, settings in SCENARIOS.items():
        runs = [
            measure(Options(seconds=words.seconds, seed=1000 + seed, **settings))
            for seed in range(words.seeds)
        ]
        cells = []
        for part in ("total", "kernel", "phase"):
            sizes = np.abs([getattr(run, part) for run in runs])
            cells.append(f"{sizes.mean():.2%} / {sizes.max():.2%}")
        covered = np.mean([run.covered for run in runs])
        print(f"| {name} | {' | '.join(cells)} | {covered:.0%} |", flush=True)


if __name__ == "__main__":
    main()
