"""Steps of a program that is no transformer: kernels that come again in every turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]

FEWEST_KERNELS = 8  # shorter loops are no steps of a program
FEWEST_STEPS = 3
_SAME = 0.9  # of kernels that come again one step later; of steps of equal length
_HALF = 0.5  # of the lane's time that the steps must hold
_UNEVEN = 0.02  # by which steps differ in length
_MOST_ANCHORS = 64


def repeated_steps(lane: Lane) -> Int:
    """Find the steps of a loop by kernels that come again after equal numbers of others.

    Parameters
    ----------
    lane : Lane

    Returns
    -------
    ndarray of int64 (n_steps + 1,)
        First kernel of each step, and the one after the last; empty where nothing repeats.

    Notes
    -----
    An anchor is a kernel that stands in every step once. Of all anchors the one with the shortest
    steps counts, if the steps are alike: nine of ten kernels come again in the next step. A step
    begins where the device idles longest before it.
    """
    name = lane.name
    for length, at in _anchors(name):
        if _likeness(name, at) < _SAME:
            continue
        edges = at - _ahead(lane, at, length)
        edges = edges[edges >= 0]
        edges = np.append(edges, min(int(edges[-1]) + length, len(name)))
        busy_ns = np.concatenate(([0], np.cumsum(lane.end_ns - lane.start_ns)))
        if busy_ns[edges[-1]] - busy_ns[edges[0]] >= _HALF * busy_ns[-1]:
            return edges
    return np.empty(0, dtype=np.int64)


def _anchors(name: NDArray[np.uint32]) -> list[tuple[int, Int]]:
    """List kernels at equal distances, the shortest distance first."""
    order = np.argsort(name, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(name[order])) + 1)
    found = []
    for at in sorted(groups, key=len, reverse=True)[:_MOST_ANCHORS]:
        if len(at) < FEWEST_STEPS:
            break
        gap = np.diff(at)
        length = int(np.median(gap))
        is_usual = np.abs(gap - length) <= 1 + _UNEVEN * length
        if length >= FEWEST_KERNELS and is_usual.mean() >= _SAME:
            found.append((length, at))
    return sorted(found, key=lambda one: one[0])


def _likeness(name: NDArray[np.uint32], at: Int) -> float:
    """Measure which part of the kernels between anchors comes again in the next step."""
    _, code = np.unique(name[at[0] : at[-1]], return_inverse=True)
    n_codes = int(code.max()) + 1
    step = np.repeat(np.arange(len(at) - 1), np.diff(at))
    key, count = np.unique(step * n_codes + code, return_counts=True)
    later = np.minimum(np.searchsorted(key, key + n_codes), len(key) - 1)
    again = np.where(key[later] == key + n_codes, np.minimum(count, count[later]), 0)
    return float(again.sum() / max(1, count[key < (len(at) - 2) * n_codes].sum()))


def _ahead(lane: Lane, at: Int, length: int) -> int:
    """Say how many kernels before the anchor a step begins."""
    done_ns = np.maximum.accumulate(lane.end_ns)
    pause_ns = lane.start_ns - np.concatenate((lane.start_ns[:1], done_ns[:-1]))
    inner = at[(at >= length)]
    around = inner[:, None] - np.arange(length)
    return int(np.median(pause_ns[around], axis=0).argmax())
