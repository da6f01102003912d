"""Seconds of kernel classes inside sensor windows, exactly."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]

# Bounds on what is held at once, whatever the length of a trace and its log. So many pieces stay
# in the cache of a core.
PIECES_AT_ONCE = 1 << 15
CELLS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class ClassTimes:
    """Intervals of weighted work, each of one class.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    weight : ndarray of float64 (n_work,)
        What a second of each piece counts for; may be negative.
    of_class : ndarray of int (n_work,)
        0 to n_classes - 1.
    n_classes : int
    """

    start_ns: Int
    end_ns: Int
    weight: Float
    of_class: Codes
    n_classes: int

    @cached_property
    def origin_ns(self) -> int:
        """First start [ns]; 0 if there is no work."""
        return int(self.start_ns.min()) if len(self.start_ns) else 0


def one_class(start_ns: Int, end_ns: Int, weight: Float) -> ClassTimes:
    """Take all work as one class.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    weight : ndarray of float64 (n_work,)

    Returns
    -------
    ClassTimes
    """
    none = np.broadcast_to(np.int64(0), len(start_ns))
    return ClassTimes(start_ns, end_ns, weight, none, 1)


def parts_in_order(start_ns: Int) -> Iterator[slice | Int]:
    """Choose pieces some at a time, in order of their starts.

    Parameters
    ----------
    start_ns : ndarray of int64 (n_work,) [ns]

    Yields
    ------
    slice or ndarray of int64
        Rows of at most `PIECES_AT_ONCE` pieces; a slice where they come in order.
    """
    in_order = bool((start_ns[1:] >= start_ns[:-1]).all())
    order = None if in_order else np.argsort(start_ns, kind="stable")
    for begin in range(0, len(start_ns), PIECES_AT_ONCE):
        part = slice(begin, begin + PIECES_AT_ONCE)
        yield part if order is None else order[part]


def covered_s(times: ClassTimes, low_ns: Int, high_ns: Int) -> Float:
    """Measure the weighted time of each class in each window.

    Parameters
    ----------
    times : ClassTimes
    low_ns, high_ns : ndarray of int64 (n_windows,) [ns]

    Returns
    -------
    ndarray of float64 (n_windows, n_classes) [s]

    Notes
    -----
    ``C(t) = sum of weight * |[start, end] cap (-inf, t]|`` is taken at the ends of windows: each
    piece counts in full from the first end after it, and in part at the few ends within it. No
    grid, no difference of large numbers, so no error but rounding:
    O(n log(windows) + windows * classes).
    """
    result = np.empty((len(low_ns), times.n_classes))
    at_once = max(1, CELLS_AT_ONCE // max(1, 2 * times.n_classes))
    for first in range(0, len(low_ns), at_once):
        part = slice(first, first + at_once)
        edge_ns, place = np.unique(
            np.concatenate((low_ns[part], high_ns[part])), return_inverse=True
        )
        until = until_s(times, edge_ns)
        low, high = np.split(place, 2)
        result[part] = until[high] - until[low]
    return result


def effort_until(times: ClassTimes, at_ns: Int) -> Float:
    """Measure the weighted time of all classes up to given times.

    Parameters
    ----------
    times : ClassTimes
    at_ns : ndarray of int64 (n_times,) [ns]

    Returns
    -------
    ndarray of float64 (n_times,)
        Weight times seconds.
    """
    edge_ns, place = np.unique(at_ns, return_inverse=True)
    until: Float = until_s(times, edge_ns).sum(axis=1)[place]
    return until


def until_s(times: ClassTimes, edge_ns: Int) -> Float:
    """Measure the weighted time of each class up to sorted times, ``(n_edges, n_classes)`` [s]."""
    n_edges, n_classes = len(edge_ns), times.n_classes
    whole = np.zeros((n_edges + 1) * n_classes)
    within = np.zeros(n_edges * n_classes)
    next_ns = np.append(edge_ns, np.iinfo(np.int64).max)
    for part in parts_in_order(times.start_ns):
        start_ns, end_ns = times.start_ns[part], times.end_ns[part]
        weight, of_class = times.weight[part], times.of_class[part]
        first = _count_passed(edge_ns, start_ns)
        weighted_ns = weight * (end_ns - start_ns)
        # Most pieces end before the next of the times; pieces of one turn start between few.
        cut = np.flatnonzero(end_ns > next_ns[first])
        if len(cut):
            after = np.searchsorted(edge_ns, end_ns[cut], side="left")
            np.add.at(whole, after * n_classes + of_class[cut], weighted_ns[cut])
            weighted_ns[cut] = 0.0
            # Ends of windows within a piece, one row for each pair.
            n_inside = after - first[cut]
            piece = np.repeat(cut, n_inside)
            turn = np.arange(len(piece)) - np.repeat(np.cumsum(n_inside) - n_inside, n_inside)
            edge = first[piece] + turn
            so_far_ns = weight[piece] * (edge_ns[edge] - start_ns[piece])
            np.add.at(within, edge * n_classes + of_class[piece], so_far_ns)
        low, high = int(first[0]), int(first[-1]) + 1
        cell = (first - low) * n_classes + of_class
        whole[low * n_classes : high * n_classes] += np.bincount(
            cell, weighted_ns, (high - low) * n_classes
        )
    ended = np.cumsum(whole.reshape(n_edges + 1, n_classes), axis=0)[:n_edges]
    ended += within.reshape(n_edges, n_classes)
    return np.asarray(ended * S_PER_NS, dtype=np.float64)


def _count_passed(edge_ns: Int, time_ns: Int) -> Int:
    """Count the edges up to each time, both sorted."""
    low, high = np.searchsorted(edge_ns, time_ns[[0, -1]], side="right").tolist()
    from_row = np.searchsorted(time_ns, edge_ns[low:high], side="left")
    n_rows = np.diff(from_row, prepend=0, append=len(time_ns))
    return np.repeat(np.arange(low, high + 1), n_rows)
