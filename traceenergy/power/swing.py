"""How far power swings, of one GPU or of several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.curve import PowerCurve

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


def mean_in_bins(curve: PowerCurve, edge_ns: Int) -> Float:
    """Take the mean power of even or uneven bins.

    Parameters
    ----------
    curve : PowerCurve
    edge_ns : ndarray of int64 (n + 1,) [ns]
        Increasing.

    Returns
    -------
    ndarray of float64 (n,) [W]
        NaN where power is not known throughout the bin.
    """
    inside = (edge_ns[:-1] >= curve.begin_ns) & (edge_ns[1:] <= curve.end_ns)
    at_ns = (edge_ns - curve.begin_ns).astype(np.float64)
    power_w = np.full(len(edge_ns) - 1, np.nan)
    energy_j = curve.between(at_ns[:-1][inside], at_ns[1:][inside])
    power_w[inside] = energy_j * NS_PER_S / np.diff(edge_ns)[inside]
    return power_w


@dataclass(frozen=True)
class Swing:
    """How far the means of bins lie apart.

    Attributes
    ----------
    mean_w, peak_w, trough_w
        Mean, highest, lowest [W].
    peak_at, trough_at
        Their bins.
    """

    mean_w: float
    peak_w: float
    trough_w: float
    peak_at: int
    trough_at: int

    @property
    def peak_to_mean(self) -> float | None:
        """The highest over the mean; None if the mean is zero."""
        return self.peak_w / self.mean_w if self.mean_w > 0 else None

    @property
    def peak_to_trough_w(self) -> float:
        """The highest minus the lowest [W]."""
        return self.peak_w - self.trough_w


def swing_of(power_w: Float) -> Swing | None:
    """Measure the swing of a row of bins.

    Parameters
    ----------
    power_w : ndarray of float64 (n,) [W]
        NaN where it is not known.

    Returns
    -------
    Swing or None
        None if nothing is known.
    """
    if np.isnan(power_w).all():
        return None
    peak, trough = int(np.nanargmax(power_w)), int(np.nanargmin(power_w))
    mean_w = float(np.nanmean(power_w))
    return Swing(mean_w, float(power_w[peak]), float(power_w[trough]), peak, trough)


def swing_in_groups(power_w: Float, first: Int, last: Int) -> tuple[Float, Float]:
    """Measure the swing within each stretch of bins, such as the steps of a run.

    Parameters
    ----------
    power_w : ndarray of float64 (n,) [W]
    first, last : ndarray of int64 (m,)
        Bins ``first[k]`` to ``last[k]`` exclusive; stretches do not overlap and come in order.

    Returns
    -------
    peak_w, trough_w : ndarray of float64 (k,) [W]
        Of stretches of two bins or more whose power is known throughout.
    """
    kept = last - first >= 2  # noqa: PLR2004 - one bin has no swing
    first, last = first[kept], last[kept]
    if len(first) == 0:
        return np.empty(0), np.empty(0)
    # Every second stretch of reduceat is what lies between two of ours.
    ends = np.column_stack((first, last)).ravel()
    padded_w = np.append(power_w, np.nan)
    peak_w = np.maximum.reduceat(padded_w, ends)[::2]
    trough_w = np.minimum.reduceat(padded_w, ends)[::2]
    known = ~np.isnan(peak_w)
    return peak_w[known], trough_w[known]


@dataclass(frozen=True)
class SynchronousSwing:
    """How far several GPUs swing together.

    Attributes
    ----------
    correlation
        Mean correlation of two GPUs, -1 to 1; None where power does not change.
    coincidence
        Peak of the sum over the sum of the peaks, at most 1: 1 where all peak at once.
    """

    correlation: float | None
    coincidence: float | None


def synchronous_swing(power_w: Float) -> SynchronousSwing | None:
    """Compare the swing of several GPUs.

    Parameters
    ----------
    power_w : ndarray of float64 (n_devices, n_bins) [W]
        Bins where a device is not known are left out.

    Returns
    -------
    SynchronousSwing or None
        None for fewer than two devices, or without a bin that all of them know.
    """
    known_w = power_w[:, ~np.isnan(power_w).any(axis=0)]
    if len(power_w) < 2 or known_w.shape[1] == 0:  # noqa: PLR2004 - see above
        return None
    peaks_w = float(known_w.max(axis=1).sum())
    coincidence = float(known_w.sum(axis=0).max()) / peaks_w if peaks_w > 0 else None
    return SynchronousSwing(_mean_correlation(known_w), coincidence)


def _mean_correlation(power_w: Float) -> float | None:
    off_w = power_w - power_w.mean(axis=1, keepdims=True)
    sd_w = np.sqrt((off_w**2).mean(axis=1))
    moves = sd_w > 1e-9 * np.maximum(power_w.mean(axis=1), 1.0)
    n = int(moves.sum())
    if n < 2:  # noqa: PLR2004 - two make a pair
        return None
    # The variance of a sum of n standardized rows is n + n (n - 1) times their mean correlation.
    total = (off_w[moves] / sd_w[moves, None]).sum(axis=0)
    mean = (float((total**2).mean()) - n) / (n * (n - 1))
    return min(1.0, max(-1.0, mean))
