"""A sweep with rows in each table, a model of steps, objectives, a replay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.report.sample_slo import slo_sweep
from tests.sweep.runs_of_numbers import run
from traceenergy.sweeps.assemble import sweep_of
from traceenergy.trace.model import Origin

if TYPE_CHECKING:
    from traceenergy.sweeps.result import Sweep

EVIL = "<script>alert(1)</script>|`x`"


def capped_sweep() -> Sweep:
    """Make runs at two power caps, a repeat, a perfect router, a wide one, one without energy."""
    shares = {"energy_j": 0.01, "j_per_token": 0.01, "tokens_per_s": 0.01, "step_s": 0.01}
    runs = [
        run(f"cap {cap:.0f} users {users}", elapsed_s=100 * (700 / cap) ** 0.3,
            energy_j=users * cap, tokens=users * 1000, power_cap_w=cap, concurrency=users,
            n_gpus=8, shares=shares)
        for cap in (700.0, 500.0) for users in (8, 64)
    ]  # fmt: skip
    again = run("cap 700 users 8", elapsed_s=101.0, energy_j=5700.0, tokens=8000, power_cap_w=700.0,
                concurrency=8, n_gpus=8, shares=shares)  # fmt: skip
    even = run(EVIL, elapsed_s=80.0, energy_j=5000.0, tokens=8000, power_cap_w=700.0,
               concurrency=8, n_gpus=8, perfect_router=True)  # fmt: skip
    wide = run("wide", tokens=8000, power_cap_w=700.0, concurrency=8, n_gpus=16, tensor_parallel=16)
    return sweep_of([*runs, again, even, wide, run("dark", energy_j=None, tokens=None)])


def told_model() -> dict[str, Any]:
    """Give a model as a sweep's JSON has it."""
    score = {
        "target": "step_s", "training_share": 0.9, "r2": 0.98765, "mape": 0.021, "mae": 0.00042,
        "mae_iterations_per_s": 0.75, "n_train": 900, "n_test": 100, "grouped_by": "run",
    }  # fmt: skip
    return {
        "method_step_s": "trees", "method_step_j": None, "n_runs": 12, "n_steps": 5000,
        "n_sampled": 1000, "grouped_by": "run", "confidence_level": 0.9, "margin_step_s": 0.04,
        "margin_run_step_s": 0.02, "margin_step_j": None, "margin_run_step_j": None,
        "scores": [score, score | {"training_share": 0.1, "r2": None}],
        "features": [
            {"name": "clock_mhz", "min": 600.0, "max": 1980.0, "importance_step_s": 0.3,
             "importance_step_j": None},
            {"name": "batch", "min": None, "max": None, "importance_step_s": None,
             "importance_step_j": None},
        ],
        "drift": [],
        "points": [
            {"target": "step_s", "run": 0, "step": i, "measured": 0.01 * i, "predicted": 0.011 * i}
            for i in range(1, 4)
        ],
    }  # fmt: skip


def rich_sweep() -> Sweep:
    """Make a sweep with all that its JSON can hold."""
    capped, asked = capped_sweep(), slo_sweep("tbt_p99=16ms", "e2e_p99=2s")
    drift = {
        "target": "step_s", "run": None, "n_steps": 90, "mean_error": 0.01,
        "drift_per_1000_steps": 0.02, "drift_lo": 0.01, "drift_hi": 0.03,
    }  # fmt: skip
    model = told_model() | {"drift": [drift, drift | {"run": 0}]}
    origin = Origin("run.sqlite", "nsys-sqlite", "a1" * 32, 0, None, None, ("NVIDIA H100",))
    return replace(
        capped, clocks=asked.clocks, shards=capped.shards, slo=asked.slo, replay=asked.replay,
        model=model, inputs=(("wide", origin),), caveats=asked.caveats,
    )  # fmt: skip
