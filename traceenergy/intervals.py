"""Algebra of half-open intervals [start_ns, end_ns) in arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

_SHIFT_LIMIT = 2**62  # keeps shifted times inside int64
_TIMES_AT_ONCE = 1 << 14  # what is read at once stays in the cache of a core


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


def find_alone(start_ns: Int, end_ns: Int) -> NDArray[np.bool_]:
    """Find the intervals that share no time with another one.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        In any order. An interval that another one of no length lies in may count as not alone.

    Returns
    -------
    ndarray of bool (n,)
    """
    order = None
    if (start_ns[1:] < start_ns[:-1]).any():
        order = np.argsort(start_ns, kind="stable")
        start_ns, end_ns = start_ns[order], end_ns[order]
    alone = np.ones(len(start_ns), dtype=bool)
    alone[1:] = start_ns[1:] >= np.maximum.accumulate(end_ns)[:-1]
    alone[:-1] &= end_ns[:-1] <= start_ns[1:]
    if order is not None:
        alone[order] = alone.copy()
    return alone


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
        order = _by_group(group, start_ns, n_groups)
        group = group[order]
        runs = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        busy_ns[group[runs]] = busy_of_runs(runs, start_ns[order], end_ns[order])
    return busy_ns


def _by_group(group: Int, start_ns: Int, n_groups: int) -> Int:
    if (start_ns[1:] < start_ns[:-1]).any():
        return np.lexsort((start_ns, group))
    # What is in order stays so, and numbers of 16 bits are sorted without comparing.
    small = n_groups <= np.iinfo(np.uint16).max
    return np.argsort(group.astype(np.uint16) if small else group, kind="stable")


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

    @cached_property
    def stretches(self) -> tuple[Int, Int]:
        """Starts and ends of the stretches in which anything ran, as `union` gives them [ns]."""
        # Busy time grows by whole nanoseconds, which float64 holds for 104 days.
        ran = np.zeros(len(self.edge_ns) + 1, dtype=bool)
        np.greater(self.busy_ns[1:], self.busy_ns[:-1], out=ran[1:-1])
        begins = ran[1:] & ~ran[:-1]
        ends = ran[:-1] & ~ran[1:]
        return self.edge_ns[begins], self.edge_ns[ends]

    def _read(self, time_ns: Int, clock_ns: Float) -> Float:
        if len(self.edge_ns) == 0:
            return np.zeros(len(time_ns))
        if len(self.edge_ns) == 1:
            return np.full(len(time_ns), clock_ns[0])
        read_ns = np.empty(len(time_ns))
        for begin in range(0, len(time_ns), _TIMES_AT_ONCE):
            part = slice(begin, begin + _TIMES_AT_ONCE)
            read_ns[part] = self._read_part(time_ns[part], clock_ns)
        return read_ns

    def _read_part(self, time_ns: Int, clock_ns: Float) -> Float:
        # Times that come about in order lie between few of the edges.
        ends = np.array([time_ns.min(), time_ns.max()])
        low, high = np.searchsorted(self.edge_ns, ends, side="right").tolist()
        low = min(max(low - 1, 0), len(self.edge_ns) - 2)
        near = slice(low, max(high, low + 1) + 1)
        edge_ns, clock_ns = self.edge_ns[near], clock_ns[near]
        at = np.searchsorted(edge_ns, time_ns, side="right") - 1
        at = np.clip(at, 0, len(edge_ns) - 2)
        # Only what is since an edge is turned to float64, which holds few digits.
        before_ns = edge_ns[at]
        width_ns = edge_ns[at + 1] - before_ns
        since_ns = np.clip(time_ns - before_ns, 0, width_ns)
        begun_ns = clock_ns[at]
        gone = clock_ns[at + 1] - begun_ns
        return np.asarray(begun_ns + gone / width_ns * since_ns, dtype=np.float64)


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
    edge_ns, running = _count_running(start_ns, end_ns)
    if len(edge_ns) == 0:
        return ShareClock(edge_ns, np.zeros(0), np.zeros(0))
    passed_ns = np.diff(edge_ns).astype(np.float64)
    passed_ns *= running > 0
    busy_ns = np.zeros(len(edge_ns))
    np.cumsum(passed_ns, out=busy_ns[1:])
    if running.max() <= 1:  # nothing is shared
        return ShareClock(edge_ns, busy_ns, busy_ns)
    share_ns = np.zeros(len(edge_ns))
    passed_ns /= np.maximum(running, 1)
    np.cumsum(passed_ns, out=share_ns[1:])
    return ShareClock(edge_ns, share_ns, busy_ns)


def _count_running(start_ns: Int, end_ns: Int) -> tuple[Int, NDArray[np.int32]]:
    """Find the distinct starts and ends, and how many intervals run from each to the next."""
    keep = end_ns > start_ns
    if not keep.all():
        start_ns, end_ns = start_ns[keep], end_ns[keep]
    n = len(start_ns)
    if n == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    # Whether a time is a start is its last bit, so that one sort orders both.
    key, origin_ns = np.empty(2 * n, dtype=np.int64), start_ns.min()
    np.subtract(start_ns, origin_ns, out=key[:n])
    np.subtract(end_ns, origin_ns, out=key[n:])
    key *= 2
    key[:n] += 1
    key.sort(kind="stable")
    change = np.empty(2 * n, dtype=np.int8)
    np.bitwise_and(key, 1, out=change, casting="unsafe")
    change *= 2
    change -= 1
    running = np.cumsum(change, dtype=np.int32)
    key >>= 1
    key += origin_ns
    last = np.append(key[1:] != key[:-1], True)
    return key[last], running[last][:-1]
