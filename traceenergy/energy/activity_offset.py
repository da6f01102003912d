"""Where the time that a metric sample covers lies beside its time stamp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize_scalar

from traceenergy.energy.bins import cut, sum_by_group
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.bins import Pieces
    from traceenergy.energy.metric_samples import MetricSamples

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Clocks of sampler and trace differ by less, beside whole periods.
MOST_CLOCK_NS = 200_000
PERIODS = 2
# Steps of the search: a tenth of a period, but no more than 10 us, as long as that is a part of
# the period that tells offsets apart; a fifth of that by classes; what is left of the rest.
STEPS_PER_PERIOD, LEAST_STEP_NS, USUAL_STEP_NS, MOST_STEPS_PER_PERIOD = 10, 1_000, 10_000, 100
FINE_STEPS = 5
LAST_NS = 50
COARSE_BINS, FINE_BINS, LEAST_BINS = 1_500, 5_000, 200
PIECES_PER_BIN = 12  # more of them would cost time, so that fewer bins are used
STRETCHES = 20
RIDGE = 1e-3


def spread_out(n_rows: int, most: int, n_stretches: int) -> Int:
    """Choose rows in stretches, evenly spread.

    Parameters
    ----------
    n_rows : int
    most : int
        How many to choose at most.
    n_stretches : int
        In so many stretches, if the rows are not all chosen.

    Returns
    -------
    ndarray of int64 (n,)
    """
    if n_rows <= most:
        return np.arange(n_rows)
    length = max(1, most // n_stretches)
    first = np.linspace(0, n_rows - length, most // length).astype(np.int64)
    return (first[:, None] + np.arange(length)).ravel()


def find_offset(samples: MetricSamples, pieces: Pieces, of_category: Int) -> int:
    """Find the offset that explains the samples best.

    Parameters
    ----------
    samples : MetricSamples
    pieces : Pieces
        Grouped by class.
    of_category : ndarray of int64 (n_classes,)

    Returns
    -------
    int [ns]
        From a time stamp to the end of what the sample covers.

    Notes
    -----
    Whether a sample covers the time before or after its stamp is not documented; real ones
    cover the time after it. The search goes by categories over two periods on each side, then
    by classes around the best: short classes tell offsets apart that are a part of their length.
    """
    reach_ns = max(PERIODS * samples.period_ns, MOST_CLOCK_NS)
    step_ns = _step(samples.period_ns)
    tried = np.arange(-(reach_ns // step_ns), reach_ns // step_ns + 1) * step_ns
    beside = tried - np.rint(tried / samples.period_ns).astype(np.int64) * samples.period_ns
    tried = tried[np.abs(beside) <= MOST_CLOCK_NS]
    by_category = replace(
        pieces, group=of_category[pieces.group], n_groups=int(of_category.max()) + 1
    )
    coarse = _Probe.choose(samples, by_category, COARSE_BINS, reach_ns)
    best_ns = min(tried, key=coarse.misfit)
    fine = _Probe.choose(samples, pieces, FINE_BINS, reach_ns + step_ns)
    fine_ns = step_ns // FINE_STEPS
    best_ns = min(best_ns + fine_ns * np.arange(-FINE_STEPS, FINE_STEPS + 1), key=fine.misfit)
    found = minimize_scalar(
        lambda at_ns: fine.misfit(round(at_ns)),
        bounds=(best_ns - fine_ns, best_ns + fine_ns),
        options={"xatol": LAST_NS},
    )
    return round(found.x)


def _step(period_ns: int) -> int:
    most_ns = max(USUAL_STEP_NS, period_ns // MOST_STEPS_PER_PERIOD)
    return int(np.clip(period_ns // STEPS_PER_PERIOD, LEAST_STEP_NS, most_ns))


@dataclass(frozen=True)
class _Probe:
    samples: MetricSamples
    pieces: Pieces
    value: Float

    @staticmethod
    def choose(samples: MetricSamples, pieces: Pieces, most: int, margin_ns: int) -> _Probe:
        """Choose a few stretches of samples, with the work around them."""
        known = np.flatnonzero(~np.isnan(samples.value[:, 0]))
        density = max(len(pieces.start_ns) / len(samples.at_ns) / PIECES_PER_BIN, 1.0)
        most = max(int(most / density), LEAST_BINS)
        chosen = samples.take(known[spread_out(len(known), most, STRETCHES)])
        value = chosen.value[:, ~np.isnan(chosen.value).any(axis=0)]
        return _Probe(
            chosen,
            pieces.near(*chosen.bins(0), margin_ns),
            value / np.maximum(value.std(axis=0), 1e-9),
        )

    def misfit(self, offset_ns: int) -> float:
        """Tell how little least squares explain of the values if samples lie so."""
        low_ns, high_ns = self.samples.bins(offset_ns)
        cuts = cut(self.pieces.start_ns, self.pieces.end_ns, low_ns, high_ns)
        share = sum_by_group(self.pieces, cuts, cuts.share, len(low_ns))
        information = (share.T @ share).toarray() + RIDGE * np.eye(self.pieces.n_groups)
        lower = np.linalg.cholesky(information)
        parts = [solve_triangular(lower, share.T @ value, lower=True) for value in self.value.T]
        return -float(np.sum(np.square(parts)))
