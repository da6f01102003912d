"""Algebra of half-open intervals [start_ns, end_ns) in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

_SHIFT_LIMIT = 2**62  # keeps shifted times inside int64


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
    One sort for all groups.

    >>>   group 0   [----)
    ...                [-----)        union 8, not 10
    ...   group 1        [---)        union 4
    """
    busy_ns = np.zeros(n_groups, dtype=np.int64)
    if len(start_ns):
        order = np.lexsort((start_ns, group))
        group = group[order]
        runs = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        busy_ns[group[runs]] = busy_of_runs(runs, start_ns[order], end_ns[order])
    return busy_ns


def busy_of_runs(runs: Int, start_ns: Int, end_ns: Int) -> Int:
    """Measure the union of each run of consecutive intervals.

    Parameters
    ----------
    runs : ndarray of int64 (n_runs,)
        Index of the first interval of each run, ascending from 0.
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        Sorted by start within each run.

    Returns
    -------
    ndarray of int64 (n_runs,) [ns]

    Notes
    -----
    Times are shifted so that runs follow each other, then one running maximum of ends serves
    them all. Where the runs together are too long for int64, they are halved.
    """
    if len(runs) == 0:
        return np.zeros(0, dtype=np.int64)
    first_ns = start_ns[runs]
    width_ns = np.maximum(0, np.maximum.reduceat(end_ns, runs) - first_ns)
    if width_ns.sum(dtype=np.float64) > _SHIFT_LIMIT and len(runs) > 1:
        half = len(runs) // 2
        cut = int(runs[half])
        left = busy_of_runs(runs[:half], start_ns[:cut], end_ns[:cut])
        right = busy_of_runs(runs[half:] - cut, start_ns[cut:], end_ns[cut:])
        return np.concatenate((left, right))
    shift_ns = np.concatenate(([0], np.cumsum(width_ns)[:-1])) - first_ns
    shift_ns = np.repeat(shift_ns, np.diff(np.append(runs, len(start_ns))))
    low_ns, reach_ns = start_ns + shift_ns, np.maximum.accumulate(end_ns + shift_ns)
    before_ns = np.concatenate((low_ns[:1], reach_ns[:-1]))
    added_ns = np.maximum(0, reach_ns - np.maximum(low_ns, before_ns))
    return np.add.reduceat(added_ns, runs)


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
        if len(self.edge_ns) == 1:
            return np.full(len(time_ns), clock_ns[0])
        # Only the edges beside each time are turned to float64: there may be millions of them.
        at = np.searchsorted(self.edge_ns, time_ns, side="right") - 1
        at = np.clip(at, 0, len(self.edge_ns) - 2)
        width_ns = self.edge_ns[at + 1] - self.edge_ns[at]
        since_ns = np.clip(time_ns - self.edge_ns[at], 0, width_ns)
        gone = clock_ns[at + 1] - clock_ns[at]
        return np.asarray(clock_ns[at] + gone / width_ns * since_ns, dtype=np.float64)


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
