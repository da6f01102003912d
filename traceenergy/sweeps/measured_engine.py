"""What the runs of a sweep tell of the engine that served them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.sweeps.slo import clocks_between
from traceenergy.sweeps.step_table import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.sweeps.model import SweepRun
    from traceenergy.sweeps.step_laws import StepLaw
    from traceenergy.sweeps.step_model import StepModel

    Float = NDArray[np.float64]

# Below, what lies between steps is too short to tell its power.
MIN_REST_S = 0.1


@dataclass(frozen=True)
class RestingLaw:
    """A law of typical steps, whose energies are of GPU work alone, made one of mean steps.

    Attributes
    ----------
    law : StepLaw
        Its times last up to the next step.
    rest_j
        Energy between two steps that follow each other [J].
    time_factor, energy_factor
        Mean of steps over what the law tells.
    scatter : ndarray or None
        As in `StepLaw`.
    """

    law: StepLaw
    rest_j: float
    time_factor: float = 1.0
    energy_factor: float = 1.0
    scatter: Float | None = None

    def step_s(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> Float:
        """Time from a step's start to the next one's, on average [s]."""
        step_s = self.law.step_s(batch, context_tokens, prefill_tokens, clock_mhz)
        return step_s * self.time_factor

    def step_j(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> Float:
        """Energy in that time, on average [J]."""
        work_j = self.law.step_j(batch, context_tokens, prefill_tokens, clock_mhz)
        return work_j * self.energy_factor + self.rest_j

    def outside(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> NDArray[np.bool_]:
        """Whether the law knows nothing of a step."""
        return self.law.outside(batch, context_tokens, prefill_tokens, clock_mhz)


def law_of_mean_steps(model: StepModel, rest_j: float = 0.0) -> RestingLaw:
    """Make of a model of typical steps a law of what they take on average, with their scatter.

    Parameters
    ----------
    model : StepModel
    rest_j
        Energy between two steps that follow each other [J].
    """
    time_factor = float(model.scatter.mean())
    energies = model.energy_scatter
    energy_factor = 1.0 if energies is None else float(energies.mean())
    return RestingLaw(model, rest_j, time_factor, energy_factor, model.scatter / time_factor)


def measured_engine(
    runs: Sequence[SweepRun],
    *,
    max_batch: int | None = None,
    kv_tokens: int | None = None,
    chunk_tokens: int | None = None,
    idle_w: float | None = None,
) -> Engine:
    """Take the largest batch that was seen, and the power between steps, where none is stated.

    Prompts are worked on beside decode, in pieces, if some step did both; the largest such step
    tells the tokens of one. What the KV cache holds is not told by steps.

    Parameters
    ----------
    runs : sequence of SweepRun
        Of one engine.
    max_batch, kv_tokens, chunk_tokens, idle_w
        As in `Engine`; None: as measured.

    Raises
    ------
    UsageError
        If neither a caller nor a step tells the batch; if there can be no such engine.
    """
    steps = pl.concat([run.steps for run in runs])
    max_batch = max_batch or _largest_batch(runs, steps)
    if chunk_tokens is None:
        mixed = steps.filter(pl.col("kind") == "mixed")
        seen = mixed.select((pl.col("batch") + pl.col("prefill_tokens")).max()).item()
        chunk_tokens = None if seen is None else max(int(seen), max_batch + 1)
    return Engine(max_batch, kv_tokens, chunk_tokens, _idle_w(runs) if idle_w is None else idle_w)


def _largest_batch(runs: Sequence[SweepRun], steps: pl.DataFrame) -> int:
    batches = [run.setting.batch for run in runs] + [steps["batch"].max()]
    told = [batch for batch in batches if isinstance(batch, int)]
    if not told:
        raise UsageError(
            "the largest batch of the engine is not known",
            details="no run has steps that tell how many sequences they work on",
            next_step="give --max-batch, or runs whose step ranges tell it",
        )
    return max(told)


def measured_clocks(runs: Sequence[SweepRun], step_mhz: float) -> NDArray[np.float64]:
    """List clocks from the lowest to the highest of all steps, each `step_mhz` below the next.

    Raises
    ------
    UsageError
        If no step tells its clock.
    """
    clocks = pl.concat([run.steps["clock_mhz"] for run in runs]).drop_nulls().to_numpy()
    if not len(clocks):
        raise UsageError(
            "clocks of the runs are not known",
            details="no run has steps with an SM clock, recorded or locked",
            next_step="record GPU metrics or clocks, or say `clock_mhz` in the sweep's description",
        )
    # Readings of clocks jump about: single ones are no range that was tried.
    low_mhz, high_mhz = np.quantile(clocks, (0.01, 0.99)).round().tolist()
    return clocks_between(low_mhz, high_mhz, step_mhz)


def rest_between_steps_s(runs: Sequence[SweepRun]) -> float:
    """Tell the time from a step's end to the start of the one that follows [s]; median of runs."""
    rests_s = [run.rest_between_steps_s for run in runs]
    told_s = [rest_s for rest_s in rests_s if rest_s is not None]
    return max(0.0, float(np.median(told_s))) if told_s else 0.0


def _idle_w(runs: Sequence[SweepRun]) -> float | None:
    """Divide the energy outside of steps by the time outside of them, over all runs that tell."""
    rest_s = rest_j = 0.0
    for run in runs:
        if run.total_j is None or not len(run.steps) or run.steps["energy_j"].null_count():
            continue
        # Steps may have been thinned out evenly.
        times = (run.n_steps or len(run.steps)) / len(run.steps)
        rest_s += run.elapsed_s - times * float(run.steps["step_s"].sum())
        rest_j += run.total_j - times * float(run.steps["energy_j"].sum())
    return rest_j / rest_s if rest_s > MIN_REST_S and rest_j > 0 else None
