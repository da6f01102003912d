"""Mean of one metric while each class runs, from its values in bins of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from scipy.sparse import csr_array

from traceenergy.energy.bins import cut, find_crowds, sum_by_group
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.bins import Crowds, Pieces

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

# Prior of a class's activity: sd of its own, of its category's mean, of how activity rises with
# the log of duration (long kernels fill the GPU better) for all and for a category.
OWN_SD, CATEGORY_SD, SLOPE_SD, CATEGORY_SLOPE_SD = 0.25, 0.30, 0.10, 0.05
MOST_FOLDS = 5.0  # farther from the mean log of duration, the slope ends
# Activities add up to 100 %; beyond, pieces that run at once share what there is.
FULL = 0.99
# Spread of activity between pieces of a class in bins that are used and others; for each unit
# of the log of duration.
UNSEEN_SD, UNEVEN_SD = 0.15, 0.20
TIME_BLOCKS = 16
FIRST_TEMPER = 30.0
MOST_PASSES, FEW = 3, 0.003
RIDGE, TINY = 1e-3, 1e-12
STEPS_PER_CLASS = 30  # of non-negative least squares, which by default gives up after 3


@dataclass(frozen=True)
class BinShares:
    """Which classes ran in each bin.

    Attributes
    ----------
    share : csr_array (n_bins, n_classes)
        Part of the bin that each class covers.
    square : csr_array (n_bins, n_classes)
        Sum of the squares of the parts that its pieces cover.
    of_piece : ndarray of int64 (n_pieces,)
        Class of each piece.
    crowds : Crowds
    groups : tuple of ndarray of int64 (n_bins,)
        Bins whose errors may go together: by first and last class in the bin, by time.
    prior_variance : ndarray of float64 (n_classes,)
    precision : ndarray of float64 (n_classes, n_classes)
        Of the prior of the classes' activities; the inverse of their covariance.
    unevenness : ndarray of float64 (n_classes,)
        How far a fit, in which long pieces count most, is from the mean over time: the
        difference of the mean logs of duration.
    """

    share: csr_array
    square: csr_array
    of_piece: Int
    crowds: Crowds
    groups: tuple[Int, Int]
    prior_variance: Float
    precision: Float
    unevenness: Float


def lay_out(pieces: Pieces, of_category: Int, low_ns: Int, high_ns: Int) -> BinShares:
    """Cut work at the edges of bins.

    Parameters
    ----------
    pieces : Pieces
        Grouped by class.
    of_category : ndarray of int64 (n_classes,)
    low_ns, high_ns : ndarray of int64 (n_bins,) [ns]
        Bins, sorted, that do not overlap.

    Returns
    -------
    BinShares
    """
    cuts = cut(pieces.start_ns, pieces.end_ns, low_ns, high_ns)
    n_bins = len(low_ns)
    first, last = np.zeros((2, n_bins), dtype=np.int64)
    # Cuts are in the order of pieces; where places repeat, the last value written stays.
    last[cuts.in_bin] = pieces.group[cuts.source]
    first[cuts.in_bin[::-1]] = pieces.group[cuts.source[::-1]]
    prior = _prior(pieces, of_category)
    context = np.unique(first * pieces.n_groups + last, return_inverse=True)[1]
    return BinShares(
        sum_by_group(pieces, cuts, cuts.share, n_bins),
        sum_by_group(pieces, cuts, cuts.share**2, n_bins),
        pieces.group,
        find_crowds(pieces, low_ns, high_ns),
        (context, np.arange(n_bins) * TIME_BLOCKS // n_bins),
        np.diag(prior),
        np.asarray(np.linalg.inv(prior), np.float64),
        _unevenness(pieces, high_ns - low_ns),
    )


def _prior(pieces: Pieces, of_category: Int) -> Float:
    size = pieces.n_groups
    length_ns = (pieces.end_ns - pieces.start_ns).astype(np.float64)
    count = np.bincount(pieces.group, minlength=size)
    total_ns = np.bincount(pieces.group, length_ns, size)
    usual_ns = total_ns.sum() / max(len(length_ns), 1)
    mean_ns = np.where(count > 0, total_ns / np.maximum(count, 1), usual_ns)
    duration = np.log(np.maximum(mean_ns, 1.0))
    duration -= np.average(duration, weights=total_ns + 1.0)
    duration = np.clip(duration, -MOST_FOLDS, MOST_FOLDS)
    same = of_category[:, None] == of_category
    slope_sd2 = SLOPE_SD**2 + CATEGORY_SLOPE_SD**2 * same
    covariance = OWN_SD**2 * np.eye(size) + CATEGORY_SD**2 * same
    return np.asarray(covariance + np.outer(duration, duration) * slope_sd2)


def _unevenness(pieces: Pieces, bin_ns: Int) -> Float:
    """Log of duration where a fit looks, less that where time is spent."""
    length_ns = np.maximum((pieces.end_ns - pieces.start_ns).astype(np.float64), 1.0)
    sums = []
    for weight in (length_ns * np.minimum(length_ns, np.median(bin_ns)), length_ns):
        total = np.bincount(pieces.group, weight, pieces.n_groups)
        log = np.bincount(pieces.group, weight * np.log(length_ns), pieces.n_groups)
        sums.append(log / np.where(total > 0, total, 1.0))
    return np.abs(sums[0] - sums[1])


def fit_activity(design: BinShares, value: Float, rounding: float) -> tuple[Float, Float]:
    """Fit the mean of a metric while each class runs.

    Parameters
    ----------
    design : BinShares
    value : ndarray of float64 (n_bins,)
        Mean of the metric over each bin, 1 for 100 %; NaN where not known.
    rounding : float
        Standard deviation of the rounding of a value.

    Returns
    -------
    mean, se : ndarray of float64 (n_classes,)

    Notes
    -----
    Weighted least squares with a Gaussian prior, kept above 0. Bins in which pieces run at once
    and may fill a part of the GPU are left out: there, activities do not add up.

    Errors of bins go together, since what the model leaves out (sizes that change from step to
    step, shapes within a kernel) repeats with the work in a bin and with time, and rounding
    repeats where the same work gives the same value. So standard errors come from sums over such
    groups of bins [1]_, of the errors left and of the rounding; the largest counts. The data
    count beside the prior for as much less as these errors are larger than independent ones
    would be, in the median of classes.

    References
    ----------
    .. [1] A. C. Cameron, D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference",
       J. Human Resources 50 (2015).
    """
    usable = ~np.isnan(value)
    metric = _Metric(design, np.where(usable, value, 0.0), rounding)
    mean, usable = metric.leave_out_full(usable)
    weight = usable / metric.noise(mean, usable)
    equations = metric.weigh(weight)
    mean, covariance = equations.mean(FIRST_TEMPER), equations.covariance(FIRST_TEMPER)
    temper = _temper(design, metric.spread(weight, mean, covariance), covariance, equations)
    mean, covariance = equations.mean(temper), equations.covariance(temper)
    variance = metric.spread(weight, mean, covariance) / temper**2
    variance += _diagonal(covariance, design.precision) + rounding**2
    variance += (UNEVEN_SD * design.unevenness) ** 2
    variance += (UNSEEN_SD * _unseen(design, usable) ** 2) ** 2
    return mean, np.sqrt(variance)


@dataclass(frozen=True)
class _Equations:
    """Normal equations of the data, and those of the prior."""

    information: Float
    target: Float
    precision: Float
    prior_target: Float

    def mean(self, temper: float) -> Float:
        """Find the mean, kept above 0, if data count for 1/temper."""
        both = self.information / temper + self.precision
        return _least_squares(both, self.target / temper + self.prior_target)

    def covariance(self, temper: float) -> Float:
        """Find the covariance of errors that are independent."""
        return np.asarray(np.linalg.inv(self.information / temper + self.precision), np.float64)


@dataclass(frozen=True)
class _Metric:
    """A metric over the bins of a design."""

    design: BinShares
    value: Float
    rounding: float

    def weigh(self, weight: Float) -> _Equations:
        """Set up the equations for bins that count so much."""
        share, precision = self.design.share, self.design.precision
        of_row = np.repeat(weight, np.diff(share.indptr))
        weighted = csr_array((share.data * of_row, share.indices, share.indptr), shape=share.shape)
        covered = float(np.sum(weighted.data))
        overall = float(weight @ self.value) / covered if covered > 0 else 0.0
        return _Equations(
            (weighted.T @ share).toarray(),
            np.asarray(weighted.T @ self.value),
            precision,
            precision.sum(axis=1) * overall,
        )

    def leave_out_full(self, usable: Bool) -> tuple[Float, Bool]:
        """Leave out bins that are full by a fit, until there are hardly more of them."""
        design = self.design
        for _ in range(MOST_PASSES):
            mean = self.weigh(usable / self.rounding**2).mean(FIRST_TEMPER)
            level = np.minimum(mean, 1.0)[design.of_piece]
            full = usable & design.crowds.bins_above(level, FULL, len(usable))
            usable = usable & ~full
            if full.mean() <= FEW:
                break
        return mean, usable

    def noise(self, mean: Float, usable: Bool) -> Float:
        """Find the variance of each bin: of a value, and of pieces around their class."""
        error2 = (self.value - self.design.share @ mean)[usable] ** 2
        square = self.design.square[np.flatnonzero(usable)]
        n_classes = len(mean)
        gram = np.empty((n_classes + 1, n_classes + 1))
        gram[:-1, :-1] = (square.T @ square).toarray()
        # A class that covers little tells little of its spread.
        gram[:-1, :-1] += np.eye(n_classes) * (RIDGE * np.trace(gram[:-1, :-1]) / n_classes + TINY)
        gram[-1, :-1] = gram[:-1, -1] = square.T @ np.ones(len(error2))
        gram[-1, -1] = len(error2) + TINY
        right = np.append(square.T @ error2, error2.sum())
        variance = _least_squares(gram, right)
        least = self.rounding**2
        return np.asarray(np.maximum(variance[-1], least) + self.design.square @ variance[:-1])

    def spread(self, weight: Float, mean: Float, covariance: Float) -> Float:
        """Tell how far errors that go together move the target, as variance of the mean."""
        share = self.design.share
        context, time = self.design.groups
        pull = weight * (self.value - share @ mean)
        per_cent = np.rint(100 * self.value).astype(np.int64)
        same = np.unique(context * (per_cent.max() + 1) + per_cent, return_inverse=True)[1]
        sums = ((pull, context), (pull, time), (weight * self.rounding, same))
        largest = np.zeros(len(mean))
        for size, group in sums:
            shape = (int(group.max()) + 1, len(size))
            total = csr_array((size, (group, np.arange(len(size)))), shape=shape) @ share
            together = _diagonal(covariance, (total.T @ total).toarray())
            largest = np.maximum(largest, together)
        return largest


def _temper(design: BinShares, spread: Float, covariance: Float, equations: _Equations) -> float:
    told = np.diag(covariance) < 0.5 * design.prior_variance
    if not told.any():
        return FIRST_TEMPER
    ratio = spread / _diagonal(covariance, equations.information)
    return max(1.0, float(np.median(ratio[told])))


def _least_squares(left: Float, right: Float) -> Float:
    """Solve normal equations, with no result below 0."""
    lower = np.linalg.cholesky(left)
    most = STEPS_PER_CLASS * len(right)
    return np.asarray(nnls(lower.T, solve_triangular(lower, right, lower=True), maxiter=most)[0])


def _diagonal(covariance: Float, middle: Float) -> Float:
    return np.asarray(((covariance @ middle) * covariance).sum(axis=1), dtype=np.float64)


def _unseen(design: BinShares, usable: Bool) -> Float:
    covered = design.share.T @ np.ones(len(usable))
    seen = design.share.T @ usable.astype(np.float64)
    return np.where(covered > 0, 1 - seen / np.where(covered > 0, covered, 1.0), 0.0)
