"""How late the samples of a log are, found from the work that they must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.coverage import ClassTimes, covered_s
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

LAG_RANGE_MS = (-800.0, 1200.0)  # clock offsets of up to about a second, and the sensor's own lag
COARSE_MS = (5.0, 20.0)  # a quarter of the window, within these
USUAL_LAG_MS, USUAL_LAG_SD_MS = 50.0, 300.0  # weak prior, for logs that say little
REFINEMENTS = 4
LEAST_WINDOW_NS = NS_PER_MS  # an instant is read as this long; shorter ones drown in rounding
RIDGE = 1e-3
NOISE_FLOOR_W2 = 0.25  # below this misfit, quantization decides
NATS = 3.0  # lags whose likelihood is within e^-3 of the best are not ruled out
LEAST_EXPLAINED = 0.3
ROWS_PER_S = 10.0  # effective independent rows


@dataclass(frozen=True)
class Alignment:
    """How long before its time stamp the window of a sample ended.

    Attributes
    ----------
    lag_ms
        Best; the sensor's own lag together with any offset between the clocks.
    lag_lo_ms, lag_hi_ms
        Lags that the data do not rule out.
    explained_share
        Part of the variance of the readings that the busy categories explain.
    is_trusted
        Whether the data fix the lag well enough to use it.
    """

    lag_ms: float
    lag_lo_ms: float
    lag_hi_ms: float
    explained_share: float
    is_trusted: bool


def align(
    at_ns: Int, power_w: Float, window_ms: float, busy: ClassTimes, categories: ClassTimes
) -> Alignment:
    """Search the lag at which the work explains the readings best.

    Parameters
    ----------
    at_ns : ndarray of int64 (n_rows,) [ns]
        Time of each update, or reading.
    power_w : ndarray of float64 (n_rows,) [W]
    window_ms : float [ms]
        Averaging window of the sensor.
    busy, categories : ClassTimes
        Busy stretches as one class; work by a few categories.

    Returns
    -------
    Alignment

    Notes
    -----
    For each lag a small ridge regression of the readings on busy time and the time of each
    category; the lag with the least misfit wins, first on a coarse grid, then on finer ones.
    No reading is clipped: edges of activity are what tells, and they look like outliers.
    """
    window_ns = max(LEAST_WINDOW_NS, round(window_ms * NS_PER_MS))
    span_s = float(at_ns[-1] - at_ns[0]) * S_PER_NS
    n_rows = max(8.0, min(float(len(at_ns)), span_s * ROWS_PER_S))

    def cost(lag_ms: float) -> float:
        mean_w2 = _misfit_w2(
            at_ns - round(lag_ms * NS_PER_MS), power_w, window_ns, busy, categories
        )
        usual = ((lag_ms - USUAL_LAG_MS) / USUAL_LAG_SD_MS) ** 2 / 2
        return n_rows / 2 * float(np.log(mean_w2 + NOISE_FLOOR_W2)) + usual

    step_ms = float(np.clip(window_ms / 4, *COARSE_MS))
    tried = {
        lag: cost(lag) for lag in np.arange(LAG_RANGE_MS[0], LAG_RANGE_MS[1], step_ms).tolist()
    }
    for _ in range(REFINEMENTS):
        best = min(tried, key=tried.__getitem__)
        step_ms /= 3
        tried |= {lag: cost(lag) for lag in (best + step_ms * np.arange(-3, 4)).tolist()}
    best = min(tried, key=tried.__getitem__)
    possible = [lag for lag, value in tried.items() if value <= tried[best] + NATS]
    left_w2 = _misfit_w2(at_ns - round(best * NS_PER_MS), power_w, window_ns, busy, categories)
    explained = 1 - left_w2 / max(float(np.var(power_w)), 1e-12)
    width_ms = max(possible) - min(possible)
    trusted = explained > LEAST_EXPLAINED and width_ms < max(window_ms / 2, 30.0)
    return Alignment(best, min(possible), max(possible), explained, trusted)


def _misfit_w2(
    end_ns: Int, power_w: Float, window_ns: int, busy: ClassTimes, categories: ClassTimes
) -> float:
    window_s = window_ns * S_PER_NS
    columns = [
        covered_s(times, end_ns - window_ns, end_ns) / window_s for times in (busy, categories)
    ]
    design = np.column_stack((np.ones(len(end_ns)), *columns))
    gain = design.T @ design + RIDGE * np.eye(design.shape[1])
    left_w = power_w - design @ np.linalg.solve(gain, design.T @ power_w)
    return float(np.mean(left_w**2))
