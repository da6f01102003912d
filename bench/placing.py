"""Time to tell steps, layers and phases of a simulated run, beside its target.

A run with all its marks and one without any are made in a temporary folder. Reading them and their
energy are not timed. Ends with exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import traceenergy as te
from traceenergy.analysis.placing import place_work
from traceenergy.analysis.steps import find_steps
from traceenergy.phases.classify import classify_work
from traceenergy.phases.rules import read_rules
from traceenergy.phases.telling_path import telling_path
from traceenergy.projection.project import project_work
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace

TARGET_S = 2.5
USUAL_KERNELS = 1_000_000
GPUS = 4


@dataclass(frozen=True)
class Times:
    """Wall times of one run [s]."""

    project_s: float
    place_s: float


def measure(trace: Trace) -> Times:
    """Time projection, and what comes after it, once."""
    began = time.perf_counter()
    found = project_work(
        trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names, trace.graph_nodes
    )
    projected = time.perf_counter()
    rules = read_rules(())
    parent, inside = (
        rows.cast(pl.Int64).fill_null(-1).to_numpy()
        for rows in (found.nesting["parent_row"], found.work["range_row"])
    )
    steps = find_steps(trace.nvtx_ranges, trace.names, parent, inside, rules.step_patterns)
    path_id = telling_path(
        found.work["path_id"], found.work["capture_path_id"], found.paths, trace.names, rules
    )
    classes = classify_work(trace.gpu_work, path_id, found.paths, trace.names, rules)
    place_work(trace, classes, steps)
    return Times(projected - began, time.perf_counter() - projected)


def main() -> int:
    """Measure both runs; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", type=int, default=USUAL_KERNELS)
    parser.add_argument("--runs", type=int, default=3)
    words = parser.parse_args()
    print(f"{words.kernels:,} kernels of {GPUS} GPUs, load {os.getloadavg()[0]:.1f}")
    missed = False
    for marks in ("full", "none"):
        with tempfile.TemporaryDirectory() as folder:
            options = Options(
                scenario="mixed", kernels=words.kernels, gpus=GPUS, marks=marks, power="none"
            )
            simulate_run(Path(folder), options, force=True)
            trace = te.read_trace(Path(folder) / "trace.sqlite")
        times = [measure(trace) for _ in range(words.runs)]
        best_s = min(one.place_s for one in times)
        missed |= words.kernels == USUAL_KERNELS and best_s > TARGET_S
        listed = ", ".join(f"{one.place_s:.2f}" for one in times)
        projected = ", ".join(f"{one.project_s:.2f}" for one in times)
        print(
            f"  marks {marks}, {len(trace.nvtx_ranges):,} ranges: steps, layers, phases {listed} s "
            f"(target {TARGET_S} s); projection before them {projected} s"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
