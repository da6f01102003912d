"""Drift of a power log's clock against the trace's, from the lag along a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import (
    LAG,
    WITHIN_NATS_SE,
    Limits,
    descend,
    liveliest,
    misfits_w2,
    place,
)
from traceenergy.energy.sensor_spread import spread
from traceenergy.energy.work_grid import CoarseWork, WorkGrid, lay_grid
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

LEAST_SPAN_S = 60.0
PARTS, PART_S, PART_ROWS = 6, 20.0, 400
MIN_ROWS, MIN_PARTS = 20, 3
USUAL_SD_PPM, MOST_PPM = 50.0, 200.0  # of clocks that are kept by a network, or run by themselves
REACH_MS = 5.0  # lags tried even where no time has passed
MS_PER_S_PPM = 1e-3


@dataclass(frozen=True)
class Drift:
    """How the lag of a log grows, in millionths of the time that passes.

    Attributes
    ----------
    ppm, lo_ppm, hi_ppm : float
        Best; what the data do not rule out.
    """

    ppm: float
    lo_ppm: float
    hi_ppm: float

    def undo_s(self, at_s: Float, still_s: float) -> Float:
        """Put times on a clock that keeps in step, equal to theirs at one time."""
        return at_s - self.ppm * 1e-6 * (at_s - still_s)


def fit_drift(  # noqa: PLR0913, PLR0917 - readings, work, what was found
    at_s: Float,
    power_w: Float,
    work: CoarseWork,
    grid: WorkGrid,
    shape_ms: Float,
    shape_at_s: float,
) -> Drift | None:
    """Fit a line to the lags of stretches along a run.

    Parameters
    ----------
    at_s, power_w : ndarray of float64 (n_rows,) [s], [W]
        Readings along the whole run.
    work : CoarseWork
    grid : WorkGrid
        Of a part of the run, or all.
    shape_ms : ndarray of float64 (3,) [ms]
        Lag, smoothing, window as found around a time.
    shape_at_s : float [s]
        That time.

    Returns
    -------
    Drift or None
        None for less than a minute, or where too few stretches tell a lag.

    Notes
    -----
    The run is cut into six; in each the 20 s in which the readings vary most tell one lag, with
    window and smoothing as they are. The slope has a prior of 0 +- 50 ppm.
    """
    if len(at_s) < MIN_ROWS or at_s[-1] - at_s[0] < LEAST_SPAN_S:
        return None
    grid = grid.by_category()
    cuts = np.searchsorted(at_s, np.linspace(at_s[0], at_s[-1], PARTS + 1)[1:-1])
    told = []
    for part_s, part_w in zip(np.split(at_s, cuts), np.split(power_w, cuts), strict=True):
        if len(part_s) < MIN_ROWS or np.ptp(part_w) == 0:
            continue
        rows = liveliest(part_s, part_w, PART_S, PART_ROWS)
        near_s = part_s[rows]
        of_part = grid if grid.covers(near_s) else lay_grid(work, near_s).by_category()
        told.append(_local_lag(near_s, part_w[rows], of_part, shape_ms, shape_at_s))
    return _line(np.array(told), shape_at_s) if len(told) >= MIN_PARTS else None


def _local_lag(
    at_s: Float, power_w: Float, grid: WorkGrid, shape_ms: Float, shape_at_s: float
) -> tuple[float, float, float]:
    """Give time, lag and standard error of the lag of one stretch."""
    readings = place(at_s, power_w)
    middle_s = float(at_s.mean())
    reach_ms = REACH_MS + MOST_PPM * MS_PER_S_PPM * abs(middle_s - shape_at_s)
    step_ms = max(1.0, float(shape_ms[-1]) / 10)
    apart_ms = np.arange(-np.ceil(reach_ms / step_ms), np.ceil(reach_ms / step_ms) + 1) * step_ms
    left_w2 = misfits_w2(readings, grid, shape_ms, shape_ms[LAG] + apart_ms)
    start_ms = shape_ms + np.array([apart_ms[np.argmin(left_w2)], 0.0, 0.0])
    low_ms, high_ms = shape_ms.copy(), shape_ms.copy()
    low_ms[LAG], high_ms[LAG] = shape_ms[LAG] - 2 * reach_ms, shape_ms[LAG] + 2 * reach_ms
    limits = Limits(low_ms, high_ms, shape_ms, np.full(3, np.inf))
    found = descend(readings, grid, start_ms, limits)
    se_ms = float(spread(readings, grid, found, limits, (LAG,), 1).se_ms[LAG])
    return middle_s, float(found.shape_ms[LAG]), se_ms


def _line(told: Float, shape_at_s: float) -> Drift:
    middle_s, lag_ms, se_ms = told.T
    design = np.column_stack((np.ones(len(told)), middle_s - shape_at_s)) / se_ms[:, None]
    prior = np.diag([0.0, (USUAL_SD_PPM * MS_PER_S_PPM) ** -2.0])
    covariance = np.linalg.inv(design.T @ design + prior)
    line = covariance @ (design.T @ (lag_ms / se_ms))
    off = lag_ms / se_ms - design @ line
    # Lags further apart than their errors say so of the errors.
    wrong = max(1.0, float(off @ off) / max(len(told) - 2, 1))
    ppm = float(line[1]) / MS_PER_S_PPM
    wide_ppm = WITHIN_NATS_SE * float(np.sqrt(covariance[1, 1] * wrong)) / MS_PER_S_PPM
    return Drift(ppm, ppm - wide_ppm, ppm + wide_ppm)
