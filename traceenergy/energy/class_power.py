"""Power of kernel classes from sensor windows, by empirical Bayes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy  # whose `linalg` is loaded at its first use: a run that fits nothing need not wait

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

READ_SD_W = 2.0  # quantization and noise of one reading [W]
CLIP_SD = 4.5  # readings further off than this many robust deviations are pulled in, once
SHAPE_RANGE = (0.15, 3.0)  # process noise follows predicted dynamic power within these factors
# What a linear model with a few numbers for each kernel misses of a window, over its dynamic
# power. Residuals below it are luck of few parameters, not knowledge.
MISFIT_SHARE = 0.05
NOISE_STEPS = 8  # process noise is searched up to e^8 times the misfit, in steps of e
MOST_LAGS = 200
QUIET = 2.0  # autocorrelations below this over the root of n are noise


@dataclass(frozen=True)
class Rows:
    """Sensor windows as rows of a linear model, sorted by time.

    Attributes
    ----------
    design : ndarray of float64 (n_rows, n_columns)
    power_w : ndarray of float64 (n_rows,) [W]
    low_s, high_s : ndarray of float64 (n_rows,) [s]
        The window.
    first_dynamic : int
        Columns before it are static power.
    """

    design: Float
    power_w: Float
    low_s: Float
    high_s: Float
    first_dynamic: int


@dataclass(frozen=True)
class ClassPower:
    """Posterior of all parameters of the model.

    Attributes
    ----------
    mean : ndarray of float64 (n_columns,)
    covariance : ndarray of float64 (n_columns, n_columns)
    prior_mean, prior_covariance
        Before the readings.
    process_w2_s : float [W^2 s]
        Noise of dynamic power, as white noise over time.
    temper : float
        By how much serially correlated residuals say less than their number.
    evidence_nats : float
        Log of the marginal likelihood of the readings, none of them pulled in, less a constant
        that is the same for all fits to as many readings. Not tempered.
    """

    mean: Float
    covariance: Float
    prior_mean: Float
    prior_covariance: Float
    process_w2_s: float
    temper: float
    evidence_nats: float = 0.0

    def told(self, columns: Int) -> Float:
        """Say what the readings add to what is known of some parameters beforehand.

        Parameters
        ----------
        columns : ndarray of int64 (n,)
            The others are integrated out.

        Returns
        -------
        ndarray of float64 (n, n)
            Posterior information less prior information. Never negative: a mixture may leave a
            power less sure than the prior had it, which is no knowledge of it.
        """
        block = np.ix_(columns, columns)
        told = inverse_of(self.covariance[block]) - inverse_of(self.prior_covariance[block])
        value, vector = np.linalg.eigh((told + told.T) / 2)
        return np.asarray((vector * np.maximum(value, 0.0)) @ vector.T, dtype=np.float64)


def fit_class_power(rows: Rows, prior_mean: Float, prior_covariance: Float) -> ClassPower:
    """Fit the parameters in closed form.

    Parameters
    ----------
    rows : Rows
    prior_mean : ndarray of float64 (n_columns,)
    prior_covariance : ndarray of float64 (n_columns, n_columns)

    Returns
    -------
    ClassPower

    Notes
    -----
    ``y = Z theta + noise``, theta with a Gaussian prior. Noise has an independent part and a
    process part in proportion to dynamic power that windows share as they overlap. Its size is
    chosen by marginal likelihood and is never below `MISFIT_SHARE` of dynamic power; the widths
    of the prior are fixed. Noise is banded, so each trial costs O(n b^2 + n k^2 + k^3) for n
    rows, bandwidth b, k columns. Readings far off are pulled in once. The information of
    residuals that hang together is divided by their integrated autocorrelation.
    """
    return begin_fit(rows, prior_mean, prior_covariance).finish()


def begin_fit(
    rows: Rows, prior_mean: Float, prior_covariance: Float, log_noise: float | None = None
) -> BegunFit:
    """Find how well the readings are explained, as the first half of `fit_class_power` does.

    Parameters
    ----------
    rows, prior_mean, prior_covariance
        As `fit_class_power` takes them.
    log_noise : float, optional
        About the likeliest process noise, such as that of the same readings at another lag: from
        where to search.

    Returns
    -------
    BegunFit
    """
    prior = _Prior(prior_mean, prior_covariance, inverse_of(prior_covariance))
    trial = _Trial(rows, prior, rows.power_w, prior_mean, _overlap_bands(rows))
    return BegunFit(trial, *trial.likeliest_noise(log_noise))


@dataclass(frozen=True)
class BegunFit:
    """A fit of which it is known how well it explains the readings, not yet by which powers.

    Attributes
    ----------
    trial : _Trial
        Of all readings, none pulled in.
    log_noise, cost : float
        Log of the likeliest process noise; misfit there.
    """

    trial: _Trial
    log_noise: float
    cost: float

    @property
    def evidence_nats(self) -> float:
        """As of the `ClassPower` that it becomes."""
        return -self.cost / 2

    def finish(self) -> ClassPower:
        """Fit the parameters, with readings far off pulled in."""
        rows, prior = self.trial.rows, self.trial.prior
        fit = self.trial.posterior(self.log_noise)
        left_w = rows.power_w - rows.design @ fit.mean
        spread_w = 1.4826 * float(np.median(np.abs(left_w - np.median(left_w)))) + 1e-9
        clipped = np.clip(left_w, -CLIP_SD * spread_w, CLIP_SD * spread_w)
        pulled_w = rows.design @ fit.mean + clipped
        trial = replace(self.trial, power_w=pulled_w, expected=fit.mean)
        fit = trial.posterior(trial.likeliest_noise(self.log_noise)[0])
        return ClassPower(
            mean=fit.mean,
            covariance=fit.covariance,
            prior_mean=prior.mean,
            prior_covariance=prior.covariance,
            process_w2_s=fit.process_w2_s,
            temper=fit.temper,
            evidence_nats=self.evidence_nats,
        )


def inverse_of(matrix: Float) -> Float:
    """Invert a symmetric positive definite matrix."""
    factor = scipy.linalg.cho_factor(matrix)
    return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(matrix))), dtype=np.float64)


@dataclass(frozen=True)
class _Prior:
    mean: Float
    covariance: Float
    precision: Float


@dataclass(frozen=True)
class _Posterior:
    mean: Float
    covariance: Float
    process_w2_s: float
    temper: float


@dataclass(frozen=True)
class _Trial:
    # Readings, with the powers by which the shape of their noise is told.
    rows: Rows
    prior: _Prior
    power_w: Float
    expected: Float
    overlap: Float

    @cached_property
    def off_w(self) -> Float:
        return np.asarray(self.power_w - self.rows.design @ self.prior.mean, dtype=np.float64)

    @cached_property
    def weighted(self) -> Float:
        return np.column_stack((self.rows.design, self.off_w))

    @cached_property
    def noise_shape(self) -> tuple[float, Float]:
        return _dynamic_w(self.rows, self.expected)

    def told(self, log_noise: float) -> tuple[Float, Float]:
        """Factor the noise; say what readings tell of parameters, of themselves in the last row."""
        noise = _noise_factor(self.overlap, self.noise_shape[1], float(np.exp(log_noise)))
        white = _whitened(noise, self.weighted)
        return noise, white.T @ white

    def misfit(self, log_noise: float) -> float:
        noise, told = self.told(log_noise)
        pull = told[:-1, -1]
        factor = scipy.linalg.cho_factor(told[:-1, :-1] + self.prior.precision)
        log_det = 2 * float(np.log(noise[0]).sum() + np.log(np.diag(factor[0])).sum())
        return log_det + float(told[-1, -1] - pull @ scipy.linalg.cho_solve(factor, pull))

    def likeliest_noise(self, log_noise: float | None) -> tuple[float, float]:
        window_s = float(np.median(self.rows.high_s - self.rows.low_s))
        least = float(np.log((MISFIT_SHARE * self.noise_shape[0]) ** 2 * window_s))
        misfit = cache(lambda steps: self.misfit(least + steps))
        start = best = 0
        if log_noise is not None:
            start = best = round(float(np.clip(log_noise - least, 0, NOISE_STEPS)))
        # One minimum: upward, from the floor or near it, until it gets worse; else downward.
        while best < NOISE_STEPS and misfit(best + 1) < misfit(best):
            best += 1
        while 0 < best <= start and misfit(best - 1) <= misfit(best):
            best -= 1
        return least + best, misfit(best)

    def posterior(self, log_noise: float) -> _Posterior:
        prior = self.prior
        noise, told = self.told(log_noise)
        information, pull = told[:-1, :-1], told[:-1, -1]
        first = inverse_of(information + prior.precision)
        left_w = self.off_w - self.rows.design @ (first @ pull)
        temper = _hanging_together(_whitened(noise, left_w))
        covariance = inverse_of(information / temper + prior.precision)
        mean = prior.mean + covariance @ (pull / temper)
        return _Posterior(mean, covariance, float(np.exp(log_noise)), temper)


def information_of(rows: Rows, fit: ClassPower) -> Float:
    """Say what readings tell of the parameters, whatever they read.

    Parameters
    ----------
    rows : Rows
        Of the same work, but the readings may be others than those of the fit.
    fit : ClassPower
        Whose noise theirs is taken to be.

    Returns
    -------
    ndarray of float64 (n_columns, n_columns)
        ``Z' N^-1 Z``, tempered as in the fit; added to the precision of a prior it gives the
        precision of the posterior.
    """
    noise = _noise_factor(_overlap_bands(rows), _dynamic_w(rows, fit.mean)[1], fit.process_w2_s)
    white = _whitened(noise, rows.design)
    return np.asarray(white.T @ white / fit.temper, dtype=np.float64)


def _dynamic_w(rows: Rows, expected: Float) -> tuple[float, Float]:
    # Mean dynamic power; that of each window over it, within limits.
    first = rows.first_dynamic
    dynamic_w = np.maximum(rows.design[:, first:] @ expected[first:], 0.0)
    mean_w = max(float(dynamic_w.mean()), 1.0)
    return mean_w, np.clip(dynamic_w / mean_w, *SHAPE_RANGE)


def _noise_factor(overlap: Float, shape: Float, process_w2_s: float) -> Float:
    # Banded Cholesky factor of the noise covariance.
    bands = process_w2_s * overlap
    for lag in range(len(bands)):
        bands[lag, : len(shape) - lag] *= shape[lag:] * shape[: len(shape) - lag]
    bands[0] += READ_SD_W**2
    return np.asarray(scipy.linalg.cholesky_banded(bands, lower=True), dtype=np.float64)


def _whitened(noise: Float, value: Float) -> Float:
    """Make the noise of rows, ``(n_rows, ...)``, independent and of one, by its banded factor."""
    if len(noise) == 1:  # readings that share nothing
        return np.asarray((value.T / noise[0]).T, dtype=np.float64)
    return np.asarray(scipy.linalg.lapack.dtbtrs(noise, value, uplo="L")[0], dtype=np.float64)


def _hanging_together(white: Float) -> float:
    # Integrated autocorrelation of whitened residuals: 1 + 2 * sum while it is more than noise.
    n_rows = len(white)
    white = white - white.mean()
    power = float(white @ white)
    total = 1.0
    for lag in range(1, min(n_rows // 4, MOST_LAGS)):
        correlation = float(white[lag:] @ white[:-lag]) / max(power, 1e-300)
        if correlation < QUIET / np.sqrt(n_rows):
            break
        total += 2 * correlation
    return total


def _overlap_bands(rows: Rows) -> Float:
    # Lower bands of the overlap of windows over the product of their lengths [1/s].
    length_s = rows.high_s - rows.low_s
    reach = np.searchsorted(rows.low_s, rows.high_s, side="left") - np.arange(len(rows.low_s))
    n_bands = int(max(1, reach.max()))
    bands = np.zeros((n_bands, len(length_s)))
    for lag in range(n_bands):
        top = len(length_s) - lag
        shared_s = np.minimum(rows.high_s[:top], rows.high_s[lag:]) - rows.low_s[lag:]
        bands[lag, :top] = np.maximum(shared_s, 0) / (length_s[:top] * length_s[lag:])
    return bands
