"""Seconds of kernel classes inside sensor windows, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Bounds on what is held at once, whatever the length of a trace and its log.
PIECES_AT_ONCE = 1 << 20
CELLS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class ClassTimes:
    """Intervals of weighted work, each of one class.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    weight : ndarray of float64 (n_work,)
        What a second of each piece counts for; may be negative.
    of_class : ndarray of int64 (n_work,)
        0 to n_classes - 1.
    n_classes : int
    """

    start_ns: Int
    end_ns: Int
    weight: Float
    of_class: Int
    n_classes: int

    @property
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
    return ClassTimes(start_ns, end_ns, weight, np.zeros(len(start_ns), dtype=np.int64), 1)


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
        until = _until(times, edge_ns)
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
    until: Float = _until(times, edge_ns).sum(axis=1)[place]
    return until


def _until(times: ClassTimes, edge_ns: Int) -> Float:
    # Weighted seconds of each class up to each of the sorted times.
    n_edges, n_classes = len(edge_ns), times.n_classes
    whole = np.zeros((n_edges + 1) * n_classes)
    within = np.zeros(n_edges * n_classes)
    for begin in range(0, len(times.start_ns), PIECES_AT_ONCE):
        part = slice(begin, begin + PIECES_AT_ONCE)
        start_ns, end_ns = times.start_ns[part], times.end_ns[part]
        weight, of_class = times.weight[part], times.of_class[part]
        first = np.searchsorted(edge_ns, start_ns, side="right")
        after = np.maximum(np.searchsorted(edge_ns, end_ns, side="left"), first)
        length_s = (end_ns - start_ns) * S_PER_NS
        # Pieces come about in order of time, so those of one turn end before few of the times.
        low, high = int(first.min()), int(after.max()) + 1
        cell = (after - low) * n_classes + of_class
        n_cells = (high - low) * n_classes
        whole[low * n_classes : high * n_classes] += np.bincount(cell, weight * length_s, n_cells)
        # Ends of windows within a piece, one row for each pair.
        n_inside = after - first
        cut = np.flatnonzero(n_inside)
        piece = np.repeat(cut, n_inside[cut])
        turn = np.arange(len(piece)) - np.repeat(
            np.cumsum(n_inside[cut]) - n_inside[cut], n_inside[cut]
        )
        edge = first[piece] + turn
        so_far_s = (edge_ns[edge] - start_ns[piece]) * S_PER_NS
        cell = (edge - low) * n_classes + of_class[piece]
        n_cells -= n_classes
        within[low * n_classes : (high - 1) * n_classes] += np.bincount(
            cell, weight[piece] * so_far_s, n_cells
        )
    ended = np.cumsum(whole.reshape(n_edges + 1, n_classes), axis=0)[:n_edges]
    return np.asarray(ended + within.reshape(n_edges, n_classes), dtype=np.float64)
