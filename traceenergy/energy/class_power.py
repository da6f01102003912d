"""Power of kernel classes from sensor windows, by empirical Bayes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.prior import Prior

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

READ_SD_W = 2.0  # quantization and noise of one reading [W]
CLIP_SD = 4.5  # readings further off than this many robust deviations are pulled in, once
SHAPE_RANGE = (0.15, 3.0)  # process noise follows predicted dynamic power within these factors
LOG_NOISE_RANGE = (-9.0, 9.0)  # search range of the log of process noise [log W^2 s]


@dataclass(frozen=True)
class Rows:
    """Sensor windows as rows of a linear model, sorted by time.

    Attributes
    ----------
    design : ndarray of float64 (n_rows, n_classes + 2)
        1, busy share, then weighted share of each class in the window.
    power_w : ndarray of float64 (n_rows,) [W]
    low_s, high_s : ndarray of float64 (n_rows,) [s]
        The window.
    """

    design: Float
    power_w: Float
    low_s: Float
    high_s: Float


@dataclass(frozen=True)
class ClassPower:
    """Posterior of static, busy and class power.

    Attributes
    ----------
    mean_w : ndarray of float64 (n_classes + 2,) [W]
    covariance_w2 : ndarray of float64 (n_classes + 2, n_classes + 2) [W^2]
    told_share : ndarray of float64 (n_classes + 2,)
        How much the samples said: 1 less posterior over prior variance.
    residual_sd_w : float [W]
        Robust spread of what the fit leaves.
    """

    mean_w: Float
    covariance_w2: Float
    told_share: Float
    residual_sd_w: float


def fit_class_power(rows: Rows, prior: Prior) -> ClassPower:
    """Fit class powers in closed form.

    Parameters
    ----------
    rows : Rows
    prior : Prior

    Returns
    -------
    ClassPower
        Powers of classes are never negative.

    Notes
    -----
    ``y = Z theta + noise``, theta with a Gaussian prior. Noise has an independent part and a
    process part that windows share as they overlap; its size is chosen by marginal
    likelihood, the widths of the prior are fixed. Noise is banded, so each trial costs
    O(n b^2 + n k^2 + k^3) for n rows, bandwidth b, k classes.
    """
    power_w = rows.power_w
    fit = _solve(rows, prior, power_w)
    left_w = rows.power_w - rows.design @ fit.mean_w
    spread_w = 1.4826 * float(np.median(np.abs(left_w - np.median(left_w)))) + 1e-9
    clipped = np.clip(left_w, -CLIP_SD * spread_w, CLIP_SD * spread_w)
    if (clipped != left_w).any():
        fit = _solve(rows, prior, rows.design @ fit.mean_w + clipped)
    told = 1 - np.diag(fit.covariance_w2) / np.diag(prior.covariance_w2)
    return ClassPower(fit.mean_w, fit.covariance_w2, np.clip(told, 0, 1), spread_w)


@dataclass(frozen=True)
class _Posterior:
    mean_w: Float
    covariance_w2: Float


def _solve(rows: Rows, prior: Prior, power_w: Float) -> _Posterior:
    off_w = power_w - rows.design @ prior.mean_w
    predicted_w = rows.design[:, 1:] @ prior.mean_w[1:]
    shape = np.clip(predicted_w / max(float(predicted_w.mean()), 1e-9), *SHAPE_RANGE)
    overlap = _overlap_bands(rows)
    weighted = np.column_stack((rows.design, off_w))
    v_inverse = cho_solve(cho_factor(prior.covariance_w2), np.eye(len(prior.mean_w)))

    def whiten(log_noise: float) -> tuple[Float, float]:
        bands = np.exp(log_noise) * overlap
        for lag in range(len(bands)):
            bands[lag, : len(shape) - lag] *= shape[lag:] * shape[: len(shape) - lag]
        bands[0] += READ_SD_W**2
        factor = cholesky_banded(bands, lower=True)
        solved = cho_solve_banded((factor, True), weighted)
        return solved, 2 * float(np.log(factor[0]).sum())

    def misfit(log_noise: float) -> float:
        solved, log_noise_det = whiten(log_noise)
        gain = rows.design.T @ solved[:, :-1] + v_inverse
        pull = rows.design.T @ solved[:, -1]
        factor = cho_factor(gain)
        log_det = log_noise_det + 2 * float(np.log(np.diag(factor[0])).sum())
        return log_det + float(off_w @ solved[:, -1] - pull @ cho_solve(factor, pull))

    best = minimize_scalar(
        misfit, bounds=LOG_NOISE_RANGE, method="bounded", options={"xatol": 0.1, "maxiter": 25}
    )
    solved, _ = whiten(float(best.x))
    factor = cho_factor(rows.design.T @ solved[:, :-1] + v_inverse)
    covariance = cho_solve(factor, np.eye(len(prior.mean_w)))
    mean_w = prior.mean_w + covariance @ (rows.design.T @ solved[:, -1])
    return _Posterior(np.maximum(mean_w, 0.0), covariance)


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
