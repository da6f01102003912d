"""Peak, swing, ramp of a curve at one length of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

STARTS = 8  # windows begin such a part of their length apart


@dataclass(frozen=True)
class Scale:
    """How power moves when it is averaged over some time.

    Attributes
    ----------
    peak_w, trough_w
        Highest and lowest mean [W].
    ramp_w_per_ms
        Steepest change [W/ms], up or down: of the means right before and right after a time, over
        that time. None where the curve is shorter than two windows.
    """

    peak_w: float
    trough_w: float
    ramp_w_per_ms: float | None


def bin_edges(begin_ns: int, end_ns: int, window_ns: int) -> NDArray[np.int64]:
    """Lay bins of 1/8 of a window over a time.

    Parameters
    ----------
    begin_ns, end_ns : int [ns]
    window_ns : int [ns]
        A multiple of 8 ns.

    Returns
    -------
    ndarray of int64 (n_bins + 1,) [ns]
    """
    step_ns = window_ns // STARTS
    return begin_ns + step_ns * np.arange((end_ns - begin_ns) // step_ns + 1, dtype=np.int64)


def scale_of(bin_w: Float, window_ns: int) -> Scale | None:
    """Measure power at one length of time.

    Parameters
    ----------
    bin_w : ndarray of float64 (n_bins,) [W]
        Means of bins of 1/8 of a window; NaN where power is not known.
    window_ns : int [ns]

    Returns
    -------
    Scale or None
        None if power is known throughout no window of this length.

    Notes
    -----
    Windows begin at bins: two curves are looked at alike, and those of several GPUs add up.
    `worst_window` finds the highest of all windows.
    """
    if len(bin_w) < STARTS:
        return None
    mean_w = _means(bin_w)
    if np.isnan(mean_w).all():
        return None
    change_w = np.abs(mean_w[STARTS:] - mean_w[:-STARTS])
    known_w = change_w[~np.isnan(change_w)]
    ramp = float(known_w.max()) / (window_ns / NS_PER_MS) if len(known_w) else None
    return Scale(float(np.nanmax(mean_w)), float(np.nanmin(mean_w)), ramp)


def _means(bin_w: Float) -> Float:
    """Take the mean of each 8 bins in a row."""
    n = len(bin_w) - STARTS + 1
    total_w = bin_w[:n].copy()
    for later in range(1, STARTS):
        total_w += bin_w[later : later + n]
    return total_w / STARTS
