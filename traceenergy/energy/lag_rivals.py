"""Lags beside the best one at which a sensor may have seen the work just as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import (
    LAG,
    SMOOTHING,
    WINDOW,
    Explained,
    Readings,
    descend,
    misfits_w2,
)
from traceenergy.energy.sensor_scan import Kind
from traceenergy.energy.sensor_search import (
    BOARD_MS,
    INSTANT_MS,
    WORTH_A_WALK,
    limits_of,
    misfit_ratio,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.work_grid import WorkGrid

    Float = NDArray[np.float64]

STEP_MS = 1.0  # valleys of work that comes again every 10 ms are a few ms wide
MOST_LAGS = 8
WALK_ROUNDS = 3
APART_MS = 3.0  # what is nearer is the same valley
REACH_MS = 60.0


def lags_between(
    readings: Readings, grid: WorkGrid, window_ms: float, range_ms: tuple[float, float]
) -> list[Explained]:
    """Find the lags of a range that explain the readings best, each in a valley of its own.

    Parameters
    ----------
    readings : Readings
        Some hundreds are enough.
    grid : WorkGrid
    window_ms : float [ms]
    range_ms : tuple of float [ms]

    Returns
    -------
    list of Explained
        Of a board's usual smoothing; at most `MOST_LAGS`.
    """
    kind = Kind(max(window_ms, INSTANT_MS), BOARD_MS)
    limits = limits_of(kind).hold(WINDOW, kind.window_ms).hold(SMOOTHING, BOARD_MS)
    lag_ms = np.arange(range_ms[0], range_ms[1] + STEP_MS, STEP_MS)
    left_w2 = misfits_w2(readings, grid, _shape_ms(kind, 0.0), lag_ms)
    padded = np.pad(left_w2, 1, constant_values=np.inf)
    valley = np.flatnonzero((left_w2 <= padded[:-2]) & (left_w2 <= padded[2:]))
    valley = valley[np.argsort(left_w2[valley], kind="stable")][:MOST_LAGS]
    return [
        descend(readings, grid, _shape_ms(kind, one_ms), limits, WALK_ROUNDS)
        for one_ms in lag_ms[valley]
    ]


def rivals_ms(tried: Sequence[Explained], lag_ms: float) -> tuple[float, ...]:
    """Choose the lags that explain the readings nearly as well as one that was found.

    Parameters
    ----------
    tried : sequence of Explained
    lag_ms : float [ms]
        That was found, of a board's usual smoothing.

    Returns
    -------
    tuple of float [ms]
        Nearly: how the kernels of a category differ, which may set the order of these valleys,
        is not known yet.
    """
    best = min(tried, key=lambda one: one.misfit_w2)
    return tuple(
        float(one.shape_ms[LAG])
        for one in tried
        if misfit_ratio(one, best) < WORTH_A_WALK and abs(one.shape_ms[LAG] - lag_ms) > APART_MS
    )


def _shape_ms(kind: Kind, lag_ms: float) -> Float:
    return np.array([lag_ms, kind.smoothing_ms, kind.window_ms])
