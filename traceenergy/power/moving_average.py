"""Moving averages of a curve, exact to its edges.

The mean over ``[t, t + w)`` of a piecewise-constant curve is piecewise linear in t. It bends
only where an end of the window meets an edge of the curve, so its extremes lie there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.candidates import candidates
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S, S_PER_NS

ROUNDING = 1e-9  # relative; sums of a million terms hold more
STEPS = 64  # of a window, where that is coarser than the curve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

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
    tops = (_highest(places, window_ns) for places in _tops(curve, window_ns))
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
    bends_ns = [places.at_ns for places in _bends(curve, window_ns)]
    start_ns = np.sort(np.concatenate([*bends_ns, np.empty(0)]), kind="stable")
    if len(start_ns) == 0:
        return 0.0, 0.0
    spaced_ns = np.arange(start_ns[0], start_ns[-1], window_ns / STEPS)
    if len(spaced_ns) < len(start_ns):
        start_ns = np.append(spaced_ns, start_ns[-1])
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


def _bends(curve: PowerCurve, window_ns: int) -> Iterator[Places]:
    """Yield starts of windows that begin, then of those that end, at an edge of the curve."""
    last_ns = curve.at_ns[-1] - window_ns
    if last_ns >= 0:
        yield curve.edges.within(0.0, last_ns, 0.0)
        yield curve.edges.within(0.0, last_ns, -window_ns)


def _tops(curve: PowerCurve, window_ns: int) -> Iterator[Places]:
    """Yield the bends at which the mean may stop rising: a window begins at more, or ends at less.

    At either end of the curve it may stop as well, and beside a gap anywhere.
    """
    last_ns = curve.at_ns[-1] - window_ns
    if curve.has_gaps:
        yield from _bends(curve, window_ns)
    elif last_ns >= 0:
        yield curve.rising.within(0.0, last_ns, 0.0)
        yield curve.falling.within(0.0, last_ns, -window_ns)


def _highest(places: Places, window_ns: int) -> Places:
    """Leave out windows that cannot have the highest mean."""
    curve = places.curve
    if not curve.never_negative:
        return places

    def bounds_j(first: Places, last: Places) -> tuple[Float, Float]:
        most_j = last.until_j(window_ns) - first.until_j(0.0)
        return first.between_j(0.0, window_ns)[None], most_j[None]

    row = candidates(places, window_ns, bounds_j, 2 * ROUNDING * curve.total_j)
    return places if len(row) == len(places.near_ns) else places.of_rows(row)


def _means(places: Places, window_ns: int) -> Float:
    return places.between_j(0.0, window_ns) * (NS_PER_S / window_ns)
