"""How power changes from each piece of work to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.curve import PowerCurve

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

IDLE = -1
GAP_NS = 10 * NS_PER_US  # what lies between two launches in a row is shorter


@dataclass(frozen=True)
class Changes:
    """Changes of power where other work begins; arrays are ``(n,)``, in order of time.

    Attributes
    ----------
    at_ns : ndarray of int64 [ns]
    change_w : ndarray of float64 [W]
        Mean power of the stretch after minus that before.
    before, after : ndarray of int64
        Piece of work of each stretch; -1 where nothing ran.
    """

    at_ns: Int
    change_w: Float
    before: Int
    after: Int


def changes_of(curve: PowerCurve, start_ns: Int, end_ns: Int) -> Changes:
    """List the changes of power from piece to piece.

    Parameters
    ----------
    curve : PowerCurve
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Pieces of work within the curve.

    Returns
    -------
    Changes
        Those between stretches of known power.

    Notes
    -----
    A stretch is of the piece that began last: until the next begins, or nothing runs. Gaps of
    10 us and more are stretches of their own; shorter ones belong to no stretch::

        work     A-----  A---  B--------         C----
        stretch  AAAAAA  AAAA  BBBBBBBBB ------- CCCCC
    """
    order = np.flatnonzero(end_ns > start_ns)
    order = order[np.argsort(start_ns[order], kind="stable")]
    start_ns, end_ns = start_ns[order], end_ns[order]
    # Of pieces that begin at once the last one counts.
    last = np.append(start_ns[1:] > start_ns[:-1], True)[: len(start_ns)]
    reach_ns = np.maximum.accumulate(end_ns)[last] if len(end_ns) else end_ns
    order, start_ns = order[last], start_ns[last]
    next_ns = np.append(start_ns[1:], np.iinfo(np.int64).max)[: len(start_ns)]
    gap = np.flatnonzero(next_ns[:-1] - reach_ns[:-1] >= GAP_NS)
    from_ns = np.concatenate((start_ns, reach_ns[gap]))
    until_ns = np.concatenate((np.minimum(reach_ns, next_ns), next_ns[gap]))
    piece = np.concatenate((order, np.full(len(gap), IDLE)))
    by_time = np.argsort(from_ns, kind="stable")
    from_ns, until_ns, piece = from_ns[by_time], until_ns[by_time], piece[by_time]
    begin_ns = (from_ns - curve.begin_ns).astype(np.float64)
    length_ns = (until_ns - from_ns).astype(np.float64)
    power_w = curve.between(begin_ns, begin_ns + length_ns) * NS_PER_S / length_ns
    change_w = np.diff(power_w)
    known = ~np.isnan(change_w)
    return Changes(from_ns[1:][known], change_w[known], piece[:-1][known], piece[1:][known])
