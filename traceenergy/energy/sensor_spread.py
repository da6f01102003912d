"""Standard errors of the lag, the smoothing, the window of a power sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import (
    DIRECTIONS,
    FLOOR_W2,
    Explained,
    Limits,
    Readings,
    Source,
    slopes,
)
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

MOST_LEVERAGE = 0.8  # readings that decide alone would leave nothing
NEAR_ROWS = 8  # misfits of readings so near to each other may have one cause


@dataclass(frozen=True)
class Spread:
    """How sure lag, smoothing and window are.

    Attributes
    ----------
    se_ms : ndarray of float64 (3,) [ms]
        Zero for what is given.
    n_edges : float
        About how many changes of power tell the lag.
    """

    se_ms: Float
    n_edges: float


def spread(  # noqa: PLR0913, PLR0917 - what was found, and of what
    readings: Readings,
    work: Source,
    found: Explained,
    limits: Limits,
    moves: Sequence[int],
    reach_rows: int,
) -> Spread:
    """Tell the standard errors of an explanation.

    Parameters
    ----------
    readings : Readings
    work : Source
    found : Explained
    limits : Limits
        Its prior is part of what is known.
    moves : sequence of int
        Which of lag, smoothing, window are not given.
    reach_rows : int
        Readings so near to each other may see the same edge.

    Returns
    -------
    Spread

    Notes
    -----
    The larger of two: from the curvature, as if misfits were independent; and from the misfits
    themselves (heteroscedastic, correlated over neighbors, corrected for leverage), since what
    the categories do not explain sits at the edges that tell the lag.

    References
    ----------
    .. [1] Newey, West, "A Simple, Positive Semi-Definite, Heteroskedasticity and
       Autocorrelation Consistent Covariance Matrix", Econometrica 55 (1987).
    """
    ways = DIRECTIONS[:, list(moves)]
    rate = slopes(readings, work, found, moves)
    misfit_w2 = found.misfit_w2 + FLOOR_W2
    prior = ways.T @ (limits.usual_sd_ms[:, None] ** -2.0 * ways)
    inverse = np.linalg.pinv(rate.T @ rate / misfit_w2 + prior, hermitian=True)
    # The three are orthogonal to each other.
    leverage = sum(_leverage(part) for part in (rate, found.columns, readings.level))
    leverage = np.minimum(leverage, MOST_LEVERAGE)
    score = rate * (found.left_w / (1 - leverage))[:, None] / misfit_w2
    near = min(NEAR_ROWS + reach_rows, len(score) - 1)
    middle = score.T @ score + prior
    for apart in range(1, near + 1):
        cross = score[apart:].T @ score[:-apart]
        middle += (1 - apart / (near + 1)) * (cross + cross.T)
    both = (ways @ one @ ways.T for one in (inverse, inverse @ middle @ inverse))
    variance = np.maximum(*(np.diag(one) for one in both))
    told = rate[:, 0] ** 2
    reach = min(reach_rows, len(told) - 1)
    around = np.convolve(told, np.ones(2 * reach + 1))[reach : reach + len(told)]
    n_edges = float(told.sum() ** 2 / max(float(told @ around), 1e-300))
    return Spread(np.sqrt(variance), n_edges)


def _leverage(columns: Float) -> Float:
    inverse = np.linalg.pinv(columns.T @ columns, hermitian=True)
    return np.asarray(np.einsum("ij,ij->i", columns @ inverse, columns))
