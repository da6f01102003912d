"""Moving averages of a curve, exact to its edges.

The mean over ``[t, t + w)`` of a piecewise-constant curve is piecewise linear in t. It bends
only where an end of the window meets an edge of the curve, so its extremes lie there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.candidates import candidates, edges_in
from traceenergy.power.cells import Term
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S, S_PER_NS

ROUNDING = 1e-9  # relative; sums of a million terms hold more
STEPS = 64  # of a window, where that is coarser than the curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.candidates import Ends, Stretches
    from traceenergy.power.curve import Places, PowerCurve

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class WorstWindow:
    """The window of some length with the highest mean power.

    Attributes
    ----------
    start_ns, end_ns
        First such window, on the curve's clock [ns].
    power_w
        Mean power in it [W].
    """

    start_ns: int
    end_ns: int
    power_w: float


def worst_window(curve: PowerCurve, window_ns: int) -> WorstWindow | None:
    """Find the window with the highest mean power.

    Parameters
    ----------
    curve : PowerCurve
    window_ns : int [ns]
        Above zero.

    Returns
    -------
    WorstWindow or None
        None if power is known throughout no window of this length.
    """
    ends_ns = 0.0, curve.at_ns[-1] - window_ns
    if ends_ns[1] < 0:
        return None
    tops = candidates(
        curve,
        ((Term(window_ns, 1.0), Term(0.0, -1.0)),),
        ends_ns,
        lambda stretches: _tops(curve, window_ns, ends_ns, stretches),
        2 * ROUNDING * abs(curve.total_j),
    )
    found = [(places.at_ns, _means(places, window_ns)) for places in tops]
    found = [(start_ns, power_w) for start_ns, power_w in found if not np.isnan(power_w).all()]
    if not found:
        return None
    most_w = max(float(np.nanmax(power_w)) for _, power_w in found)
    # Equal ones differ by rounding.
    start_ns = min(
        float(start_ns[np.argmax(power_w >= most_w * (1 - ROUNDING))])
        for start_ns, power_w in found
        if np.nanmax(power_w) >= most_w * (1 - ROUNDING)
    )
    first_ns = curve.begin_ns + round(start_ns)
    return WorstWindow(first_ns, first_ns + window_ns, most_w)


def time_above(curve: PowerCurve, window_ns: int, limit_w: float) -> tuple[float, float]:
    """Say for how long the moving average is above a limit.

    Parameters
    ----------
    curve : PowerCurve
    window_ns : int [ns]
        Above zero.
    limit_w : float [W]

    Returns
    -------
    above_s, known_s : float [s]
        Time at which the mean over the `window_ns` before is above the limit; for how long there
        is such a mean.

    Notes
    -----
    Exact, but where the curve has more edges than windows that start 1/64 of their length apart:
    between those the mean is then taken as a straight line.
    """
    start_ns = _bends(curve, window_ns)
    if len(start_ns) == 0:
        return 0.0, 0.0
    mean_w = curve.between(start_ns, start_ns + window_ns) * (NS_PER_S / window_ns)
    over_w = mean_w - limit_w * (1 + ROUNDING)
    length_ns, first_w, last_w = np.diff(start_ns), over_w[:-1], over_w[1:]
    known = ~np.isnan(first_w + last_w)
    length_ns, first_w, last_w = length_ns[known], first_w[known], last_w[known]
    # Part of a straight line from first to last that lies above zero.
    high_w, low_w = np.maximum(first_w, last_w), np.minimum(first_w, last_w)
    crosses = (high_w > 0) & (low_w < 0)
    share = (high_w > 0).astype(np.float64)
    share[crosses] = high_w[crosses] / (high_w - low_w)[crosses]
    return float((share * length_ns).sum()) * S_PER_NS, float(length_ns.sum()) * S_PER_NS


def _bends(curve: PowerCurve, window_ns: int) -> Float:
    """List starts of windows at which the mean bends, or even ones where those are fewer."""
    last_ns = curve.at_ns[-1] - window_ns
    if last_ns < 0:
        return np.empty(0)
    begins_ns = curve.at_ns[: np.searchsorted(curve.at_ns, last_ns, side="right")]
    ends_ns = curve.at_ns[np.searchsorted(curve.at_ns, window_ns) :]
    step_ns = window_ns / STEPS
    if np.ceil(last_ns / step_ns) < len(begins_ns) + len(ends_ns):
        return np.append(np.arange(0.0, last_ns, step_ns), last_ns)
    return np.sort(np.concatenate((begins_ns, ends_ns - window_ns)), kind="stable")


def _tops(curve: PowerCurve, window_ns: int, ends_ns: Ends, stretches: Stretches) -> list[Places]:
    """List bends at which the mean may stop rising: a window begins at more, or ends at less.

    At either end of the curve it may stop as well, and beside a gap anywhere.
    """
    begins, ends = (None, None) if curve.has_gaps else (1, -1)
    return [
        edges_in(curve, stretches, ends_ns, 0.0, begins),
        edges_in(curve, stretches, ends_ns, -window_ns, ends),
    ]


def _means(places: Places, window_ns: int) -> Float:
    return places.between_j(0.0, window_ns) * (NS_PER_S / window_ns)
