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
    piece = np.flatnonzero(end_ns > start_ns)
    if len(piece) < len(start_ns):
        start_ns, end_ns = start_ns[piece], end_ns[piece]
    if (start_ns[1:] < start_ns[:-1]).any():
        order = np.argsort(start_ns, kind="stable")
        piece, start_ns, end_ns = piece[order], start_ns[order], end_ns[order]
    reach_ns = np.maximum.accumulate(end_ns) if len(end_ns) else end_ns
    # Of pieces that begin at once the last one counts.
    last = np.append(start_ns[1:] > start_ns[:-1], True)[: len(start_ns)]
    if not last.all():
        piece, start_ns, reach_ns = piece[last], start_ns[last], reach_ns[last]
    until_ns = reach_ns.copy()
    np.minimum(until_ns[:-1], start_ns[1:], out=until_ns[:-1])
    gap = np.flatnonzero(start_ns[1:] - reach_ns[:-1] >= GAP_NS)
    from_ns = np.insert(start_ns, gap + 1, reach_ns[gap])
    until_ns = np.insert(until_ns, gap + 1, start_ns[gap + 1])
    piece = np.insert(piece, gap + 1, IDLE)
    begin_ns = (from_ns - curve.begin_ns).astype(np.float64)
    length_ns = (until_ns - from_ns).astype(np.float64)
    power_w = curve.between(begin_ns, begin_ns + length_ns) * NS_PER_S / length_ns
    change_w = np.diff(power_w)
    known = ~np.isnan(change_w)
    return Changes(from_ns[1:][known], change_w[known], piece[:-1][known], piece[1:][known])
