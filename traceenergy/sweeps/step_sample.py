"""Steps of all runs as one table that a model can learn: complete, of one engine, not too many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import StepModelRefusedError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.sweeps.model import Setting, SweepRun

    Float = NDArray[np.float64]

FEATURES = ("batch", "context_tokens", "prefill_tokens", "clock_mhz")
"""In the order of `step_physics`."""

LAW_STEPS = 200_000
"""Of the law: steps that scatter by 30 % then settle its 14 parameters to about a quarter of a
percent, sqrt(14 / n) x scatter."""

MAX_STEPS = 20_000
"""Of corrections, scores, margins: what these learn is limited by runs, not by steps of a run, of
which neighbors are alike."""

MIN_RUNS = 3
MIN_STEPS = 200

# A feature that fewer steps tell is left out; else the steps that do not tell it are.
_LEAST_KNOWN_SHARE = 0.5
# Rare kinds keep so many steps of a run, however long it is.
_FEWEST_OF_KIND = 20
# Stands for a feature that nobody knows: laws count in shares of the largest value.
_UNKNOWN = 1.0
# Multiples of it fill (0, 1) evenly, with no period that steps of a server could share.
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class StepSample:
    """Steps to learn from, sorted by run (by label), then by start.

    Attributes
    ----------
    features : ndarray of shape (n, 4)
        `FEATURES`; one that is not known is the same everywhere.
    is_known : ndarray of shape (4,)
        Whether runs tell the feature.
    is_used : ndarray of shape (4,)
        Whether it is known, and differs between steps.
    time_s : ndarray of shape (n,)
        From a step's start to the next one's while there is work: its length, and the median time
        between steps of its run [s].
    step_j : ndarray of shape (n,)
        Energy [J]; nan where not measured.
    run : ndarray of shape (n,)
        Position of the run in the sweep.
    step : ndarray of shape (n,)
        Number of the step within its run.
    is_few : ndarray of shape (n,)
        Those that are also in the sample of `MAX_STEPS`.
    n_steps
        Steps that could have been taken, of which `n` are.
    caveats : tuple of Caveat
    """

    features: Float
    is_known: NDArray[np.bool_]
    is_used: NDArray[np.bool_]
    time_s: Float
    step_j: Float
    run: NDArray[np.int64]
    step: NDArray[np.int64]
    is_few: NDArray[np.bool_]
    n_steps: int
    caveats: tuple[Caveat, ...]

    def few(self) -> StepSample:
        """Take the smaller sample alone."""
        names = ("features", "time_s", "step_j", "run", "step", "is_few")
        return replace(self, **{name: getattr(self, name)[self.is_few] for name in names})


def sample_steps(
    runs: Sequence[SweepRun], most: int = LAW_STEPS, most_few: int = MAX_STEPS
) -> StepSample:
    """Choose steps of the runs of one engine.

    Parameters
    ----------
    runs : sequence of SweepRun
        Their order does not matter, but for the numbers that stand for them.
    most
        Steps that are taken at most, about evenly of each run and kind.
    most_few
        Those of the smaller sample, likewise.

    Raises
    ------
    StepModelRefusedError
        If fewer than `MIN_RUNS` runs or `MIN_STEPS` steps tell enough, or nothing differs between
        steps.
    """
    positions, caveats = _of_one_engine(runs)
    tables = {
        position: _complete(runs[position], whole)
        for position, whole in _which_energies(runs, positions, caveats).items()
    }
    is_known = _which_are_known(list(tables.values()), caveats)
    known = [name for name, one in zip(FEATURES, is_known, strict=True) if one]
    usable = {at: table.drop_nulls(known) for at, table in tables.items()}
    usable = {at: table for at, table in usable.items() if table.height}
    n_steps = sum(table.height for table in usable.values())
    _say_left_out(sum(table.height for table in tables.values()) - n_steps, caveats)
    _refuse_few(len(usable), n_steps)
    chosen = pl.concat(
        table.with_columns(run=pl.lit(at, pl.Int64), is_few=_is_taken(most_few / n_steps)).filter(
            _is_taken(most / n_steps)
        )
        for at, table in usable.items()
    )
    features = np.full((chosen.height, len(FEATURES)), _UNKNOWN)
    features[:, is_known] = chosen.select(known).to_numpy().astype(np.float64)
    is_used = features.min(axis=0) < features.max(axis=0)
    if not is_used.any():
        raise StepModelRefusedError(
            "all steps are alike: there is nothing to learn from",
            details=f"known of steps: {', '.join(known) or 'nothing'}, the same in all of them",
            next_step="add runs at other clocks or batch sizes",
        )
    _say_constant(features, is_known & ~is_used, caveats)
    return StepSample(
        features=features,
        is_known=is_known,
        is_used=is_used,
        time_s=chosen["time_s"].to_numpy(),
        step_j=chosen["energy_j"].fill_null(np.nan).to_numpy(),
        run=chosen["run"].to_numpy(),
        step=chosen["step"].to_numpy(),
        is_few=chosen["is_few"].to_numpy(),
        n_steps=n_steps,
        caveats=tuple(caveats),
    )


def _of_one_engine(runs: Sequence[SweepRun]) -> tuple[list[int], list[Caveat]]:
    """Find the engine that most runs measured; give positions of its runs, sorted by label."""
    engines = defaultdict(list)
    for position, run in enumerate(runs):
        engines[_engine_of(run.setting)].append(position)
    if not engines:
        return [], []
    best = max(engines, key=lambda engine: (len(engines[engine]), engine))
    positions = sorted(engines[best], key=lambda at: runs[at].setting.label)
    n_others = len(runs) - len(positions)
    if not n_others:
        return positions, []
    text = (
        f"The model of steps is of {len(positions)} runs of one engine ({', '.join(best)});"
        f" {n_others} runs of {len(engines) - 1} other GPUs or shards are left out."
    )
    return positions, [Caveat("model-other-engines", text, n=n_others)]


def _engine_of(setting: Setting) -> tuple[str, ...]:
    """Say what a step's law is of: runs that differ in it cannot share a law."""
    parts = {
        "GPU": setting.gpu_name,
        "GPUs": setting.n_gpus,
        "TP": setting.tensor_parallel,
        "EP": setting.expert_parallel,
        "PP": setting.pipeline_parallel,
        "perfect router": setting.perfect_router,
        "workload": setting.workload,
    }
    named = tuple(f"{name} {value}" for name, value in parts.items() if value is not None)
    return named or ("not described",)


def _which_energies(
    runs: Sequence[SweepRun], positions: list[int], caveats: list[Caveat]
) -> dict[int, bool]:
    """Say of each run whether its energy is learned: a modelled one only where none is measured."""
    measured = {at for at in positions if not runs[at].is_modelled}
    if not measured and positions:
        text = (
            "Energies of steps are from a power model, not measured: so is what this model tells."
        )
        caveats.append(Caveat("model-of-modelled", text, n=len(positions)))
        return dict.fromkeys(positions, True)
    if len(measured) < len(positions):
        n = len(positions) - len(measured)
        text = f"Energies of {n} runs are from a power model: only their times were learned."
        caveats.append(Caveat("model-of-modelled", text, n=n))
    return {at: at in measured for at in positions}


def _complete(run: SweepRun, has_energy: bool) -> pl.DataFrame:  # noqa: FBT001 - of one run
    """Give steps that take time, by start; in steps of decode only, no prompt is worked on."""
    return (
        run.steps.sort("start_ns", "step")
        .with_columns(
            pl.col("prefill_tokens").fill_null(pl.when(pl.col("kind") == "decode").then(0)),
            time_s=pl.col("step_s") + (run.rest_between_steps_s or 0.0),
            energy_j=pl.col("energy_j") if has_energy else pl.lit(None, pl.Float64),
        )
        .with_columns(
            energy_j=pl.when(pl.col("energy_j").is_finite() & (pl.col("energy_j") > 0)).then(
                pl.col("energy_j")
            )
        )
        .filter(*((pl.col(name) > 0) & pl.col(name).is_finite() for name in ("step_s", "time_s")))
        .filter((pl.col("clock_mhz") > 0) | pl.col("clock_mhz").is_null())
        .select("step", "kind", "time_s", "energy_j", *FEATURES)
    )


def _which_are_known(tables: list[pl.DataFrame], caveats: list[Caveat]) -> NDArray[np.bool_]:
    n = max(1, sum(table.height for table in tables))
    known = [sum(table[name].count() for table in tables) / n for name in FEATURES]
    is_known = np.array(known) >= _LEAST_KNOWN_SHARE
    for name, share in zip(FEATURES, known, strict=True):
        if share < _LEAST_KNOWN_SHARE:
            text = f"{name} is known of {share:.0%} of steps: the model of steps does without it."
            caveats.append(Caveat("model-feature-unknown", text, where=name))
    return is_known


def _say_left_out(n: int, caveats: list[Caveat]) -> None:
    if n:
        text = f"{n} steps lack a feature that others have: the model of steps is without them."
        caveats.append(Caveat("model-steps-left-out", text, n=n))


def _say_constant(features: Float, is_constant: NDArray[np.bool_], caveats: list[Caveat]) -> None:
    for at in np.flatnonzero(is_constant):
        text = (
            f"{FEATURES[at]} is {features[0, at]:g} in all steps: what another one would do is not"
            " known to the model of steps."
        )
        caveats.append(Caveat("model-feature-constant", text, where=FEATURES[at]))


def _refuse_few(n_runs: int, n_steps: int) -> None:
    if n_runs >= MIN_RUNS and n_steps >= MIN_STEPS:
        return
    raise StepModelRefusedError(
        "too few runs or steps for a model of steps",
        details=(
            f"expected {MIN_RUNS} runs of one engine and {MIN_STEPS} steps at least, got {n_runs}"
            f" and {n_steps}"
        ),
        next_step="add runs at other clocks or batch sizes; name steps of the traces (--steps)",
    )


def _is_taken(share: float) -> pl.Expr:
    """Take a share of the steps of each kind, spread over the run, of rare kinds more.

    What a smaller share takes, a larger one does too.
    """
    if share >= 1:
        return pl.lit(value=True)
    rank = pl.int_range(pl.len()).over("kind")
    keep = pl.max_horizontal(pl.lit(share), pl.lit(_FEWEST_OF_KIND) / pl.len().over("kind"))
    return ((rank + 1) * _GOLDEN) % 1.0 < keep
