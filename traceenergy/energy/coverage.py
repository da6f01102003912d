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


@dataclass(frozen=True)
class ClassTimes:
    """Intervals of weighted work, sorted within each class by start, then by end.

    Attributes
    ----------
    start_s, end_s : ndarray of float64 (n_work,) [s]
        Sorted class by class; since `origin_ns`.
    start_sum, end_sum : ndarray of float64 (n_work + 1, 2)
        Running sums of weight, then of weight times time, over the sorted arrays.
    border : ndarray of int64 (n_classes + 1,)
        Where each class begins in the sorted arrays.
    origin_ns : int [ns]
    """

    start_s: Float
    end_s: Float
    start_sum: Float
    end_sum: Float
    border: Int
    origin_ns: int

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.border) - 1


def sort_classes(
    start_ns: Int, end_ns: Int, weight: Float, of_class: Int, n_classes: int
) -> ClassTimes:
    """Prepare intervals for `covered_s`.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    weight : ndarray of float64 (n_work,)
        What a second of each piece counts for; may be negative.
    of_class : ndarray of int64 (n_work,)
        0 to n_classes - 1.
    n_classes : int

    Returns
    -------
    ClassTimes

    Notes
    -----
    Time is kept in seconds since the first start, so that running sums stay exact to about
    1e-8 s for hours of trace and tens of millions of pieces.
    """
    origin_ns = int(start_ns.min()) if len(start_ns) else 0
    sides = []
    for time_ns in (start_ns, end_ns):
        order = np.lexsort((time_ns, of_class))
        time_s = (time_ns[order] - origin_ns).astype(np.float64) * S_PER_NS
        terms = np.column_stack((weight[order], weight[order] * time_s))
        sides.append((time_s, np.concatenate((np.zeros((1, 2)), np.cumsum(terms, axis=0)))))
    border = np.concatenate(([0], np.cumsum(np.bincount(of_class, minlength=n_classes))))
    (start_s, start_sum), (end_s, end_sum) = sides
    return ClassTimes(start_s, end_s, start_sum, end_sum, border, origin_ns)


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
    ``C(t) = sum of weight * |[start, end] cap (-inf, t]|`` is a difference of two sums over the
    work that began, and ended, before t; both are running sums found by search. No grid, so
    no error but rounding: O((n + windows * classes) log n).
    """
    low_s = (low_ns - times.origin_ns).astype(np.float64) * S_PER_NS
    high_s = (high_ns - times.origin_ns).astype(np.float64) * S_PER_NS
    result = np.empty((len(low_s), times.n_classes))
    for index in range(times.n_classes):
        result[:, index] = np.subtract(_until(times, index, high_s), _until(times, index, low_s))
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
    at_s = (at_ns - times.origin_ns).astype(np.float64) * S_PER_NS
    total = np.zeros(len(at_s))
    for index in range(times.n_classes):
        total += _until(times, index, at_s)
    return total


def _until(times: ClassTimes, index: int, at_s: Float) -> Float:
    piece = slice(int(times.border[index]), int(times.border[index + 1]))
    begun = piece.start + np.searchsorted(times.start_s[piece], at_s, side="right")
    ended = piece.start + np.searchsorted(times.end_s[piece], at_s, side="right")
    begun_sum = times.start_sum[begun] - times.start_sum[piece.start]
    ended_sum = times.end_sum[ended] - times.end_sum[piece.start]
    both: Float = begun_sum - ended_sum
    return both[:, 0] * at_s - both[:, 1]
