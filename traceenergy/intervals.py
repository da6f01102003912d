"""Algebra of half-open intervals [start_ns, end_ns) in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


def union(start_ns: Int, end_ns: Int) -> tuple[Int, Int]:
    """Merge intervals that overlap or touch.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        In any order. Empty intervals (end <= start) vanish.

    Returns
    -------
    start_ns, end_ns : ndarray of int64 (m,) [ns]
        Sorted, with a gap between any two.
    """
    keep = end_ns > start_ns
    start_ns, end_ns = start_ns[keep], end_ns[keep]
    if len(start_ns) == 0:
        return start_ns, end_ns
    order = np.argsort(start_ns, kind="stable")
    start_ns, reach_ns = start_ns[order], np.maximum.accumulate(end_ns[order])
    first = np.empty(len(start_ns), dtype=bool)
    first[0] = True
    first[1:] = start_ns[1:] > reach_ns[:-1]
    last = np.append(first[1:], True)
    return start_ns[first], reach_ns[last]


def gaps(start_ns: Int, end_ns: Int, window: tuple[int, int]) -> tuple[Int, Int]:
    """Find what a union leaves free in a window.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        As `union` returns them.
    window : tuple of int [ns]
        Start and end.

    Returns
    -------
    start_ns, end_ns : ndarray of int64 (m,) [ns]
    """
    low = np.concatenate(([window[0]], np.clip(end_ns, *window)))
    high = np.concatenate((np.clip(start_ns, *window), [window[1]]))
    free = high > low
    return low[free], high[free]


def busy_by_group(group: Int, start_ns: Int, end_ns: Int, n_groups: int) -> Int:
    """Measure the union of each group's intervals.

    Parameters
    ----------
    group : ndarray of int (n,)
        0 to n_groups - 1.
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        In any order.
    n_groups : int
        Length of the result.

    Returns
    -------
    ndarray of int64 (n_groups,) [ns]

    Notes
    -----
    One sort for all groups: times are shifted so that groups follow each other, then one
    running maximum of ends serves them all.

    >>>   group 0   [----)
    ...                [-----)        union 8, not 10
    ...   group 1        [---)        union 4
    """
    if len(start_ns) == 0:
        return np.zeros(n_groups, dtype=np.int64)
    order = np.lexsort((start_ns, group))
    group, start_ns, end_ns = group[order], start_ns[order], end_ns[order]
    rank = np.cumsum(np.concatenate(([0], group[1:] != group[:-1])), dtype=np.int64)
    origin_ns = int(start_ns.min())
    span_ns = int(end_ns.max()) - origin_ns + 1
    shift_ns = rank * span_ns - origin_ns
    low, reach = start_ns + shift_ns, np.maximum.accumulate(end_ns + shift_ns)
    before = np.concatenate((low[:1], reach[:-1]))
    added_ns = np.maximum(0, reach - np.maximum(low, before))
    return np.bincount(group, weights=added_ns, minlength=n_groups).astype(np.int64)


@dataclass(frozen=True)
class ShareClock:
    """Equal-share time of concurrent intervals, as a function of time.

    While n intervals run, each one's share of time advances at rate 1/n; so the shares of
    all intervals sum to the union. Between edges both functions are straight lines.

    Attributes
    ----------
    edge_ns : ndarray of int64 (k,) [ns]
        Distinct starts and ends, sorted.
    share_ns : ndarray of float64 (k,) [ns]
        Share time of any interval that ran from the first edge on.
    busy_ns : ndarray of float64 (k,) [ns]
        Time since the first edge during which anything ran.
    """

    edge_ns: Int
    share_ns: Float
    busy_ns: Float

    def share_at(self, time_ns: Int) -> Float:
        """Read the share clock [ns] at times [ns]."""
        return self._read(time_ns, self.share_ns)

    def busy_at(self, time_ns: Int) -> Float:
        """Read the busy clock [ns] at times [ns]."""
        return self._read(time_ns, self.busy_ns)

    def _read(self, time_ns: Int, clock_ns: Float) -> Float:
        if len(self.edge_ns) == 0:
            return np.zeros(len(time_ns))
        # Offsets, because float64 holds nanoseconds exactly only up to 2**53 (104 days).
        origin_ns = self.edge_ns[0]
        offset_ns = (time_ns - origin_ns).astype(np.float64)
        read = np.interp(offset_ns, (self.edge_ns - origin_ns).astype(np.float64), clock_ns)
        return np.asarray(read, dtype=np.float64)


def share_clock(start_ns: Int, end_ns: Int) -> ShareClock:
    """Build the share clock of a set of intervals.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        In any order. Empty intervals count for nothing.

    Returns
    -------
    ShareClock
    """
    keep = end_ns > start_ns
    times = np.concatenate((start_ns[keep], end_ns[keep]))
    steps = np.repeat(np.array([1, -1], dtype=np.int64), int(keep.sum()))
    order = np.argsort(times, kind="stable")
    times, steps = times[order], steps[order]
    if len(times) == 0:
        return ShareClock(times, np.zeros(0), np.zeros(0))
    last = np.append(times[1:] != times[:-1], True)
    edge_ns, running = times[last], np.cumsum(steps)[last]
    width_ns = np.diff(edge_ns).astype(np.float64)
    rate = np.where(running > 0, 1.0 / np.maximum(running, 1), 0.0)[:-1]
    busy = (running > 0)[:-1].astype(np.float64)
    share_ns = np.concatenate(([0.0], np.cumsum(rate * width_ns)))
    busy_ns = np.concatenate(([0.0], np.cumsum(busy * width_ns)))
    return ShareClock(edge_ns, share_ns, busy_ns)
