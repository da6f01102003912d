"""How fast power rises or falls, over a given time.

A ramp over a time d, at t, is the mean over the d after t minus the mean over the d before, over
d: the slope of a straight line through both. It bends only where t - d, t or t + d meets an edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.candidates import candidates, edges_in, rows_in
from traceenergy.power.cells import Term
from traceenergy.power.curve import Places
from traceenergy.power.moving_average import ROUNDING, STEPS
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.candidates import Ends, Stretches
    from traceenergy.power.curve import PowerCurve

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class Ramp:
    """A change of power.

    Attributes
    ----------
    at_ns
        Its middle, on the curve's clock [ns].
    from_w, to_w
        Mean power before and after [W].
    w_per_ms
        Slope [W/ms]; negative for a fall.
    """

    at_ns: int
    from_w: float
    to_w: float
    w_per_ms: float


def steepest_ramps(curve: PowerCurve, over_ns: int) -> tuple[Ramp, Ramp] | None:
    """Find the steepest rise and the steepest fall.

    Parameters
    ----------
    curve : PowerCurve
    over_ns : int [ns]
        Time before and after over which power is averaged; above zero.

    Returns
    -------
    rise, fall : Ramp
        The first of equally steep ones. None if power is known throughout no stretch of twice
        that time.

    Notes
    -----
    Exact, but where the curve has more edges than times that are 1/64 of `over_ns` apart: then
    the middle of a ramp is one of these.
    """
    ends_ns = float(over_ns), curve.at_ns[-1] - over_ns
    if ends_ns[1] < ends_ns[0]:
        return None
    rise = Term(over_ns, 1.0), Term(0.0, -2.0), Term(-over_ns, 1.0)
    fall = tuple(term._replace(weight=-term.weight) for term in rise)
    middles = candidates(
        curve,
        (rise, fall),
        ends_ns,
        lambda stretches: _middles(curve, over_ns, ends_ns, stretches),
        3 * ROUNDING * abs(curve.total_j),
    )
    found = [(places.at_ns, _change_j(places, over_ns)) for places in middles]
    found = [(at_ns, change_j) for at_ns, change_j in found if not np.isnan(change_j).all()]
    if not found:
        return None
    even_j = ROUNDING * curve.total_j * over_ns / max(curve.at_ns[-1], 1.0)
    rise_ns = _first(found, even_j)
    fall_ns = _first([(at_ns, -change_j) for at_ns, change_j in found], even_j)
    return _ramp(curve, rise_ns, over_ns), _ramp(curve, fall_ns, over_ns)


def _change_j(middles: Places, over_ns: float) -> Float:
    if middles.curve.has_gaps:
        return middles.between_j(0.0, over_ns) - middles.between_j(-over_ns, 0.0)
    middle_j = middles.until_j(0.0)
    return (middles.until_j(over_ns) - middle_j) - (middle_j - middles.until_j(-over_ns))


def _first(found: list[tuple[Float, Float]], even_j: float) -> float:
    """Find the first time of the highest value; what differs by rounding is equal."""
    enough_j = max(float(np.nanmax(value)) for _, value in found) - even_j
    return min(
        float(at_ns[np.argmax(value >= enough_j)])
        for at_ns, value in found
        if np.nanmax(value) >= enough_j
    )


def _middles(curve: PowerCurve, over_ns: int, ends_ns: Ends, stretches: Stretches) -> list[Places]:
    """List middles of ramps at which they bend, or even ones where those are fewer."""
    low_ns, high_ns = ends_ns
    if (high_ns - low_ns) * STEPS / over_ns < len(curve.at_ns):
        at_ns = np.append(np.arange(low_ns, high_ns, over_ns / STEPS), high_ns)
        at_ns = at_ns[rows_in(at_ns, stretches)]
        return [Places(curve, at_ns, curve.until(at_ns))]
    shifts_ns = 0.0, float(over_ns), -float(over_ns)
    return [edges_in(curve, stretches, ends_ns, shift_ns) for shift_ns in shifts_ns]


def _ramp(curve: PowerCurve, at_ns: float, over_ns: int) -> Ramp:
    ends_ns = at_ns + np.array([-over_ns, 0.0, over_ns])
    from_w, to_w = curve.between(ends_ns[:-1], ends_ns[1:]) * (NS_PER_S / over_ns)
    slope = float(to_w - from_w) / (over_ns / NS_PER_MS)
    return Ramp(curve.begin_ns + round(at_ns), float(from_w), float(to_w), slope)
