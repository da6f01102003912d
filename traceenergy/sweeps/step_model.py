"""A model of the steps of an engine: what each takes, draws, how sure that is, where it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import MissingToolError, StepModelRefusedError
from traceenergy.records import dataclass
from traceenergy.sweeps.law_fit import fit_energy_law, fit_time_law
from traceenergy.sweeps.step_fit import (
    EnergyFit,
    HeldOut,
    TimeFit,
    best_method,
    fit_energy,
    fit_time,
    has_energy,
    held_out_energies,
    held_out_times,
    kernel_of_energy,
    kernel_of_time,
)
from traceenergy.sweeps.step_importance import features_of
from traceenergy.sweeps.step_physics import CLOCK
from traceenergy.sweeps.step_region import Region, region_of
from traceenergy.sweeps.step_residual import require_sklearn
from traceenergy.sweeps.step_sample import MIN_STEPS, StepSample, sample_steps
from traceenergy.sweeps.step_scores import (
    Margins,
    Split,
    drift,
    margins_of,
    once,
    points_of,
    scatter_of,
    score,
    split_most,
    split_tenth,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.sweeps.model import SweepRun

    Float = NDArray[np.float64]

Fit = TypeVar("Fit", TimeFit, EnergyFit)


@dataclass(frozen=True)
class StepModel:
    """Time and energy of a step by batch, context, prompt and clock; a `StepLaw`.

    Attributes
    ----------
    time : TimeFit
    energy : EnergyFit or None
        None where energies of steps are not known.
    region : Region
        Where steps were measured.
    time_margins : Margins
    energy_margins : Margins or None
    scatter : ndarray of shape (n_quantiles,)
        Factors by which times of steps differ that no feature tells apart, each as likely. Their
        mean is above 1: steps that stall take more than others spare.
    energy_scatter : ndarray or None
        The same of energies.
    grouped_by
        What was held out whole for margins and scores at 90 %: `run`, or `block` of a run's time.
    n_runs, n_steps, n_sampled
        Runs, their steps, and those of them that were learned from.
    scores, features, drift, points : polars.DataFrame
        `MODEL_SCORE`, `MODEL_FEATURE`, `MODEL_DRIFT`, `MODEL_POINT`.
    caveats : tuple of Caveat
    """

    time: TimeFit
    energy: EnergyFit | None
    region: Region
    time_margins: Margins
    energy_margins: Margins | None
    scatter: Float
    energy_scatter: Float | None
    grouped_by: str
    n_runs: int
    n_steps: int
    n_sampled: int
    scores: pl.DataFrame
    features: pl.DataFrame
    drift: pl.DataFrame
    points: pl.DataFrame
    caveats: tuple[Caveat, ...]

    @property
    def knows_clocks(self) -> bool:
        """Whether steps at several clocks were measured: else clocks change nothing here."""
        return bool(self.time.places.is_used[CLOCK])

    def step_s(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> Float:
        """Time from a step's start to the next one's, while there is work [s]."""
        return self.time.step_s(self._stack(batch, context_tokens, prefill_tokens, clock_mhz))

    def step_j(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> Float:
        """Energy of a step's GPU work, all GPUs of the engine [J]; nan where `energy` is None."""
        features = self._stack(batch, context_tokens, prefill_tokens, clock_mhz)
        if self.energy is None:
            return np.full(len(features), np.nan)
        return self.energy.step_j(features, self.time.step_s(features))

    def outside(
        self, batch: Float, context_tokens: Float, prefill_tokens: Float, clock_mhz: Float
    ) -> NDArray[np.bool_]:
        """Whether a step is beyond the measured ranges, or far from every measured step."""
        return self.region.outside(
            np.column_stack([batch, context_tokens, prefill_tokens, clock_mhz])
        )

    def _stack(self, *features: Float) -> Float:
        """Put features beside each other; one that does not matter here has its one value."""
        stacked = np.column_stack(features).astype(np.float64)
        is_used = self.time.places.is_used
        stacked[:, ~is_used] = self.region.low[~is_used]
        return stacked


def fit_step_model(runs: Sequence[SweepRun]) -> StepModel:
    """Learn what steps take and draw from all runs of a sweep.

    Parameters
    ----------
    runs : sequence of SweepRun
        In any order: the model is the same.

    Raises
    ------
    MissingToolError
        If scikit-learn is not installed.
    StepModelRefusedError
        If runs or steps are too few, or all alike.
    """
    require_sklearn()
    every = sample_steps(runs)
    sample = every.few()
    splits = split_most(sample), split_tenth(sample)
    times = _learn_time(every, sample, splits)
    caveats = [*sample.caveats, *_grouping_caveats(splits)]
    energies = None
    if int(has_energy(sample).sum()) >= MIN_STEPS:
        energies = _learn_energy(every, sample, splits, times)
    else:
        text = "Too few steps have energy: the model of steps tells times only."
        caveats.append(Caveat("model-no-energy", text, n=int(has_energy(sample).sum())))
    learned: list[_Learned[TimeFit] | _Learned[EnergyFit]] = [times]
    learned += [energies] if energies else []
    energy = None if energies is None else energies.fit
    return StepModel(
        time=times.fit,
        energy=energy,
        region=region_of(sample.features, sample.is_known),
        time_margins=margins_of(splits[0], sample.time_s, times.most),
        energy_margins=(margins_of(splits[0], sample.step_j, energies.most) if energies else None),
        scatter=times.scatter,
        energy_scatter=energies.scatter if energies else None,
        grouped_by=splits[0].grouped_by,
        n_runs=len(np.unique(sample.run)),
        n_steps=sample.n_steps,
        n_sampled=len(every.run),
        scores=pl.concat(
            score(one.target, one.measured, held, split)
            for one in learned
            for held, split in zip((one.most, one.tenth), splits, strict=True)
        ),
        features=features_of(sample, times.fit, energy),
        drift=pl.concat(drift(one.target, sample, one.measured, once(one.most)) for one in learned),
        points=pl.concat(
            points_of(one.target, sample, one.measured, once(one.most)) for one in learned
        ),
        caveats=tuple(caveats),
    )


def try_step_model(runs: Sequence[SweepRun]) -> tuple[StepModel | None, tuple[Caveat, ...]]:
    """Learn a model of steps; where that cannot be, say why, so that the rest goes on.

    Returns
    -------
    model : StepModel or None
    caveats : tuple of Caveat
        Those of the model, or the one reason why there is none.
    """
    try:
        model = fit_step_model(runs)
    except (MissingToolError, StepModelRefusedError) as error:
        reasons = (error.what, error.details, error.next_step)
        text = f"There is no model of steps: {'; '.join(filter(None, reasons))}."
        return None, (Caveat("no-step-model", text),)
    return model, model.caveats


def describe(model: StepModel, confidence: float = 0.9) -> dict[str, object]:
    """Tell what a model is, as JSON takes it.

    Parameters
    ----------
    model : StepModel
    confidence
        Level of margins.

    Returns
    -------
    dict
        `method_step_s`, `method_step_j` (`law`, `gaussian-process` or `trees`; null without
        energies), `n_runs`, `n_steps`, `n_sampled`, `grouped_by`, `confidence_level`, `margin_*`
        (share by which a step, or the sum over a run, may lie above what is predicted; null where
        runs are too few to tell), and the tables `scores`, `features`, `drift`, `points`.
    """
    energy = model.energy
    return {
        "method_step_s": model.time.residual.method,
        "method_step_j": None if energy is None else energy.residual.method,
        "n_runs": model.n_runs,
        "n_steps": model.n_steps,
        "n_sampled": model.n_sampled,
        "grouped_by": model.grouped_by,
        "confidence_level": confidence,
        **_margins("step_s", model.time_margins, confidence),
        **_margins("step_j", model.energy_margins, confidence),
        "scores": model.scores.to_dicts(),
        "features": model.features.to_dicts(),
        "drift": model.drift.to_dicts(),
        "points": model.points.to_dicts(),
    }


@dataclass(frozen=True)
class _Learned(Generic[Fit]):
    """A fit to all steps, with what models of some steps predict for the others."""

    target: str
    measured: Float
    fit: Fit
    most: HeldOut
    tenth: HeldOut
    scatter: Float


def _learn_time(
    every: StepSample, sample: StepSample, splits: tuple[Split, Split]
) -> _Learned[TimeFit]:
    """Learn the law from every step; its correction, and how good both are, from a sample."""
    most, tenth = splits
    law = fit_time_law(every.features, every.time_s)
    kernel = kernel_of_time(sample, law)
    tried = held_out_times(sample, most.is_trained, kernel)
    method = best_method(sample.time_s, tried)
    rows = np.ones(len(sample.run), dtype=np.bool_)
    fit = fit_time(sample, rows, law, kernel, (method,))[method]
    predicted_s = _unseen(every, fit.step_s(every.features), tried[method])
    return _Learned(
        target="step_s",
        measured=sample.time_s,
        fit=fit,
        most=tried[method],
        tenth=held_out_times(sample, tenth.is_trained, kernel, (method,))[method],
        scatter=scatter_of(every, every.time_s, predicted_s),
    )


def _learn_energy(
    every: StepSample,
    sample: StepSample,
    splits: tuple[Split, Split],
    times: _Learned[TimeFit],
) -> _Learned[EnergyFit]:
    """Learn likewise, by the times that are predicted."""
    most, tenth = splits
    step_s = times.fit.step_s(every.features)
    rows = has_energy(every)
    law = fit_energy_law(every.features[rows], step_s[rows], every.step_j[rows])
    some_s = step_s[every.is_few]
    kernel = kernel_of_energy(sample, some_s, law)
    tried = held_out_energies(sample, most.is_trained, times.most, kernel)
    method = best_method(sample.step_j, tried)
    some = held_out_energies(sample, tenth.is_trained, times.tenth, kernel, (method,))
    fit = fit_energy(sample, has_energy(sample), some_s, law, kernel, (method,))[method]
    predicted_j = _unseen(every, fit.step_j(every.features, step_s), tried[method])
    return _Learned(
        target="step_j",
        measured=sample.step_j,
        fit=fit,
        most=tried[method],
        tenth=some[method],
        scatter=scatter_of(every, every.step_j, predicted_j),
    )


def _unseen(every: StepSample, predicted: Float, held: HeldOut) -> Float:
    """Predict steps of the sample by models that did not see them; the others moved a law only."""
    found = predicted.copy()
    found[every.is_few] = once(held)
    return found


def _grouping_caveats(splits: tuple[Split, Split]) -> list[Caveat]:
    """Say where runs were too few to be held out whole."""
    by_block = [split for split in splits if split.grouped_by == "block"]
    if not by_block:
        return []
    shares = " and ".join(f"{split.training_share:.0%}" for split in by_block)
    text = (
        f"Runs are too few to hold whole ones out: scores at {shares} of training data are on"
        " stretches of time of runs that the model knows otherwise, which is easier than a new run."
    )
    return [Caveat("model-by-blocks", text)]


def _margins(target: str, margins: Margins | None, confidence: float) -> dict[str, float | None]:
    """Give margins as shares above what is predicted."""
    step = None if margins is None else margins.step(confidence)
    run = None if margins is None else margins.run(confidence)
    return {
        f"margin_{target}": None if step is None else float(np.expm1(step)),
        f"margin_run_{target}": None if run is None else float(np.expm1(run)),
    }
