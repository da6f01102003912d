"""Laws of time, of energy, each with its correction, learned from some steps or from all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.sweeps.law_fit import fit_energy_law, fit_time_law
from traceenergy.sweeps.step_region import shares
from traceenergy.sweeps.step_residual import METHODS, Residual, find_kernel, fit_residual

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from traceenergy.sweeps.step_physics import EnergyLaw, TimeLaw
    from traceenergy.sweeps.step_sample import StepSample

    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

# A more complicated method has to be better by this share to be taken.
_WORTH_IT = 0.02
# A law is not fitted to fewer steps than this.
_FEWEST_STEPS = 15


@dataclass(frozen=True)
class Places:
    """Features as shares of their ranges, those used only: what corrections are learned over."""

    low: Float
    high: Float
    is_used: Bool

    def of(self, features: Float) -> Float:
        """Give places of shape (n, k) of features of shape (n, 4)."""
        return shares(features, self.low, self.high, self.is_used)[:, self.is_used]


@dataclass(frozen=True)
class TimeFit:
    """Time of steps: a law with its correction."""

    law: TimeLaw
    residual: Residual
    places: Places

    def step_s(self, features: Float) -> Float:
        """Time of steps [s] with features of shape (n, 4)."""
        return self.law.step_s(features) * self.residual.factor(self.places.of(features))


@dataclass(frozen=True)
class EnergyFit:
    """Energy of steps: a law with its correction."""

    law: EnergyLaw
    residual: Residual
    places: Places

    def step_j(self, features: Float, step_s: Float) -> Float:
        """Energy of steps [J] with features of shape (n, 4), whose time is `step_s`."""
        factor = self.residual.factor(self.places.of(features))
        return self.law.step_j(features, step_s) * factor


@dataclass(frozen=True)
class HeldOut:
    """Predictions of steps by models that did not see them.

    Attributes
    ----------
    predicted : ndarray of shape (n_splits, n)
        By the model of each split, of all steps.
    is_tested : ndarray of shape (n_splits, n)
        Steps that the split held out, of which something was measured.
    """

    predicted: Float
    is_tested: Bool

    def log_error(self, measured: Float) -> Float:
        """Give logarithms of measured over predicted of all tested steps."""
        every = np.broadcast_to(measured, self.predicted.shape)[self.is_tested]
        errors: Float = np.log(every / self.predicted[self.is_tested])
        return errors


def places_of(sample: StepSample) -> Places:
    """Find the ranges of the features of all steps."""
    return Places(sample.features.min(axis=0), sample.features.max(axis=0), sample.is_used)


def fit_time(
    sample: StepSample,
    rows: Bool,
    law: TimeLaw,
    kernel: object,
    methods: tuple[str, ...] = METHODS,
) -> dict[str, TimeFit]:
    """Correct a law of times by the steps of `rows`, in each way.

    Parameters
    ----------
    sample : StepSample
    rows : ndarray of shape (n,)
        Steps that are learned from.
    law : TimeLaw
        Fitted to those, or to more.
    kernel : object
        As `kernel_of_time` gives it.
    methods : tuple of str
        Of `METHODS`.
    """
    features, places = sample.features[rows], places_of(sample)
    log_error = np.log(sample.time_s[rows] / law.step_s(features))
    at = places.of(features)
    return {
        method: TimeFit(law, fit_residual(method, at, log_error, kernel), places)
        for method in methods
    }


def fit_energy(  # noqa: PLR0913, PLR0917 - as those of times, with the times
    sample: StepSample,
    rows: Bool,
    step_s: Float,
    law: EnergyLaw,
    kernel: object,
    methods: tuple[str, ...] = METHODS,
) -> dict[str, EnergyFit]:
    """Correct a law of energies, by predicted times of all steps, as `fit_time` does."""
    features, places = sample.features[rows], places_of(sample)
    log_error = np.log(sample.step_j[rows] / law.step_j(features, step_s[rows]))
    at = places.of(features)
    return {
        method: EnergyFit(law, fit_residual(method, at, log_error, kernel), places)
        for method in methods
    }


def kernel_of_time(sample: StepSample, law: TimeLaw) -> object:
    """Find the kernel of a Gaussian process for times, from all steps."""
    log_error = np.log(sample.time_s / law.step_s(sample.features))
    return find_kernel(places_of(sample).of(sample.features), log_error)


def kernel_of_energy(sample: StepSample, step_s: Float, law: EnergyLaw) -> object:
    """Find the kernel of a Gaussian process for energies, from all steps that have them."""
    rows = has_energy(sample)
    features, step_j = sample.features[rows], sample.step_j[rows]
    log_error = np.log(step_j / law.step_j(features, step_s[rows]))
    return find_kernel(places_of(sample).of(features), log_error)


def has_energy(sample: StepSample) -> Bool:
    """Say which steps have energy."""
    return np.isfinite(sample.step_j)


def held_out_times(
    sample: StepSample, is_trained: Bool, kernel: object, methods: tuple[str, ...] = METHODS
) -> dict[str, HeldOut]:
    """Predict times by models of each split's steps, with each method.

    Parameters
    ----------
    sample : StepSample
    is_trained : ndarray of shape (n_splits, n)
        Steps that each split learns from; the others are tested.
    kernel : object
        As `kernel_of_time` gives it.
    methods : tuple of str
        Of `METHODS`.
    """

    def predict(rows: Bool, _: int) -> dict[str, Float]:
        law = fit_time_law(sample.features[rows], sample.time_s[rows])
        fits = fit_time(sample, rows, law, kernel, methods)
        return {method: fit.step_s(sample.features) for method, fit in fits.items()}

    return _held_out(is_trained, np.ones(len(sample.time_s), dtype=np.bool_), methods, predict)


def held_out_energies(
    sample: StepSample,
    is_trained: Bool,
    times: HeldOut,
    kernel: object,
    methods: tuple[str, ...] = METHODS,
) -> dict[str, HeldOut]:
    """Predict energies by models of each split's steps, from the times that split predicts."""

    def predict(rows: Bool, split: int) -> dict[str, Float]:
        step_s = times.predicted[split]
        law = fit_energy_law(sample.features[rows], step_s[rows], sample.step_j[rows])
        fits = fit_energy(sample, rows, step_s, law, kernel, methods)
        return {method: fit.step_j(sample.features, step_s) for method, fit in fits.items()}

    return _held_out(is_trained, has_energy(sample), methods, predict)


def best_method(measured: Float, tried: dict[str, HeldOut]) -> str:
    """Take the simplest method that is about as good as the best on steps it did not see."""
    errors = {name: float(np.abs(one.log_error(measured)).mean()) for name, one in tried.items()}
    enough = min(errors.values()) * (1 + _WORTH_IT)
    return next(name for name, error in errors.items() if error <= enough)


def _held_out(
    is_trained: Bool,
    is_measured: Bool,
    methods: tuple[str, ...],
    predict: Callable[[Bool, int], dict[str, Float]],
) -> dict[str, HeldOut]:
    predicted = {method: np.full(is_trained.shape, np.nan) for method in methods}
    is_tested = ~is_trained & is_measured
    for split, trained in enumerate(is_trained):
        rows = trained & is_measured
        if rows.sum() < _FEWEST_STEPS:
            is_tested[split] = False
            continue
        for method, found in predict(rows, split).items():
            predicted[method][split] = found
    return {
        name: HeldOut(found, is_tested & np.isfinite(found)) for name, found in predicted.items()
    }
