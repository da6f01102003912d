"""Which of two phases each stretch of a curve belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.curve import PowerCurve

    Int = NDArray[np.int64]

NEITHER = -1


@dataclass(frozen=True)
class Sides:
    """Two phases of a curve, ``(n,)`` arrays of its stretches.

    Attributes
    ----------
    side : ndarray of int64
        0 or 1 where only that phase runs; -1 where neither or both do, or power is not known.
    block : ndarray of int64
        Block within which work may be moved, such as a layer of a step; 0 and more where a phase
        runs.
    """

    side: Int
    block: Int


def sides_of(curve: PowerCurve, start_ns: Int, end_ns: Int, side: Int, block: Int) -> Sides:
    """Lay work of two phases over a curve.

    Parameters
    ----------
    curve : PowerCurve
        With an edge at each begin and end of work.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    side, block : ndarray of int64 (n_work,)
        Phase and block of each piece of work; negative for work that is neither's.

    Returns
    -------
    Sides
        Where several blocks run at once, the one whose work began last counts. A block that lacks
        one of its phases belongs to neither.
    """
    kept = np.flatnonzero((side >= 0) & (block >= 0) & (end_ns > start_ns))
    kept = kept[np.argsort(start_ns[kept], kind="stable")]
    first = np.searchsorted(curve.edge_ns, start_ns[kept])
    last = np.searchsorted(curve.edge_ns, end_ns[kept])
    n = len(curve.power_w)
    runs = [_running(first[side[kept] == one], last[side[kept] == one], n) for one in (0, 1)]
    found = np.where(runs[0] == runs[1], NEITHER, np.where(runs[1], 1, 0))
    found[np.isnan(curve.power_w)] = NEITHER
    latest = np.zeros(n + 1, dtype=np.int64)
    latest[first] = np.arange(len(kept))
    told = block[kept][np.maximum.accumulate(latest[:n])] if len(kept) else latest[:n]
    return _only_pairs(found.astype(np.int64), told)


def _running(first: Int, last: Int, n: int) -> NDArray[np.bool_]:
    change = np.bincount(first, minlength=n + 1) - np.bincount(last, minlength=n + 1)
    return np.asarray(np.cumsum(change)[:n] > 0)


def _only_pairs(side: Int, block: Int) -> Sides:
    n_blocks = int(block.max(initial=-1)) + 1
    has = [np.bincount(block[side == one], minlength=n_blocks) > 0 for one in (0, 1)]
    paired = (has[0] & has[1])[block] if n_blocks else np.zeros(len(side), dtype=np.bool_)
    return Sides(np.where(paired, side, NEITHER), block)
