"""Coarse search of a sensor's lag, for all windows that it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import RIDGE
from traceenergy.energy.sensor_response import S_PER_MS
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.sensor_likelihood import Readings
    from traceenergy.energy.work_grid import WorkGrid

    Float = NDArray[np.float64]

LAG_RANGE_MS = (-800.0, 1200.0)  # clock offsets of up to about a second, and the sensor's own lag
STEP_MS = 5.0
LONGEST_MS = 1500.0  # what is seen of the past; a slower exponential is cut here


@dataclass(frozen=True)
class Kind:
    """Sensor that there may be.

    Attributes
    ----------
    window_ms, smoothing_ms : float [ms]
        Where to begin the search.
    is_slow : bool
        Whether it smooths far more than a board does by itself.
    """

    window_ms: float
    smoothing_ms: float
    is_slow: bool = False


@dataclass(frozen=True)
class Scan:
    """Misfit of each lag.

    Attributes
    ----------
    lag_ms : ndarray of float64 (n_lags,) [ms]
    misfit_w2 : ndarray of float64 (n_lags,) [W^2]
        Mean square.
    """

    lag_ms: Float
    misfit_w2: Float

    def valleys(self) -> list[tuple[float, float]]:
        """List lag and depth of the valleys, the deepest first.

        Depth is that of a parabola through the three lags around: a valley may be narrower than
        the steps.
        """
        left, mid, right = self.misfit_w2[:-2], self.misfit_w2[1:-1], self.misfit_w2[2:]
        at = np.flatnonzero((mid <= left) & (mid <= right))
        bend = np.maximum(left[at] + right[at] - 2 * mid[at], 1e-300)
        slope = right[at] - left[at]
        lag_ms = self.lag_ms[at + 1] - STEP_MS * np.clip(slope / (2 * bend), -0.5, 0.5)
        depth = np.maximum(mid[at] - slope**2 / (8 * bend), 0.0)
        order = np.argsort(depth, kind="stable")
        found = list(zip(lag_ms[order].tolist(), depth[order].tolist(), strict=True))
        if found:
            return found
        end = int(np.argmin(self.misfit_w2))
        return [(float(self.lag_ms[end]), float(self.misfit_w2[end]))]


def scan_lags(readings: Readings, work: WorkGrid, kinds: Sequence[Kind]) -> list[Scan]:
    """Regress the readings on the work at each lag of a coarse grid.

    Parameters
    ----------
    readings : Readings
    work : WorkGrid
        By category.
    kinds : sequence of Kind

    Returns
    -------
    list of Scan
        One per kind.

    Notes
    -----
    The work up to all times in question is read once; a window is the difference of two of
    them, `STEP_MS` apart or a multiple of it. Smoothing of a few ms is left out.
    """
    lag_ms = np.arange(LAG_RANGE_MS[0], LAG_RANGE_MS[1] + STEP_MS / 2, STEP_MS)
    delay_s = np.arange(LAG_RANGE_MS[0], LAG_RANGE_MS[1] + LONGEST_MS, STEP_MS) * S_PER_MS
    done = work.read(readings.at_s - delay_s[:, None])
    done = done * readings.weight[:, None]
    done -= readings.level @ (readings.level.T @ done)
    power_w = readings.free(readings.power_w)
    return [Scan(lag_ms, _misfits_w2(power_w, _shown(done, len(lag_ms), kind))) for kind in kinds]


def _shown(done: Float, n_lags: int, kind: Kind) -> Float:
    if kind.is_slow:
        return _smoothed(done, n_lags, kind.smoothing_ms)
    apart = max(1, round(kind.window_ms / STEP_MS))
    return (done[:n_lags] - done[apart : apart + n_lags]) / (apart * STEP_MS * S_PER_MS)


def _smoothed(done: Float, n_lags: int, smoothing_ms: float) -> Float:
    # From the longest delay to the shortest, which is forward in time.
    keep = float(np.exp(-STEP_MS / smoothing_ms))
    power = np.zeros(done.shape[1:])
    shown = np.empty((n_lags, *done.shape[1:]))
    for index in range(len(done) - 2, -1, -1):
        power = keep * power + (1 - keep) / (STEP_MS * S_PER_MS) * (done[index] - done[index + 1])
        if index < n_lags:
            shown[index] = power
    return shown


def _misfits_w2(power_w: Float, columns: Float) -> Float:
    n_rows, n_columns = columns.shape[1:]
    gain = columns.transpose(0, 2, 1) @ columns
    gain[:, np.arange(n_columns), np.arange(n_columns)] += RIDGE * n_rows
    pull = power_w @ columns
    column_w = np.linalg.solve(gain, pull[..., None])[..., 0]
    # Of a ridge regression: what is left, with the ridge's own small part.
    rest = power_w @ power_w - np.einsum("lk,lk->l", column_w, pull)
    return np.asarray(np.maximum(rest, 0.0) / n_rows)
