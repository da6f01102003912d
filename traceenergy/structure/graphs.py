"""Passes through a model that were recorded as whole CUDA graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.structure.lanes import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]

_REPEATS = 0.9  # of the launches, that a cycle of graphs must explain
_LARGE = 0.1  # of the usual graph's time; shorter ones are no pass of their own


def graph_passes(lane: Lane) -> tuple[Int, Int]:
    """Find passes among whole graphs.

    Parameters
    ----------
    lane : Lane

    Returns
    -------
    first, after : ndarray of int64 (n_passes,)
        First token of each pass; token after its last one.

    Notes
    -----
    One launch is one pass, as serving engines capture a whole forward pass per batch size. Where
    a model was captured in pieces, different graphs follow each other in a cycle: each turn of
    it is one pass.
    """
    graph = np.flatnonzero(lane.role == Role.GRAPH)
    if not len(graph):
        return graph, graph
    name = lane.name[graph]
    cycle = _cycle(name)
    if cycle > 1:
        first = np.arange(0, len(graph) - cycle + 1, cycle)
        return graph[first], graph[first + cycle - 1] + 1
    busy_ns = (lane.end_ns - lane.start_ns)[graph]
    order = np.argsort(busy_ns)
    half = np.searchsorted(np.cumsum(busy_ns[order]), busy_ns.sum() / 2)
    usual_ns = busy_ns[order[min(int(half), len(order) - 1)]]
    kept = graph[busy_ns >= _LARGE * usual_ns]
    return kept, kept + 1


def _cycle(name: NDArray[np.uint32]) -> int:
    """Find the number of different graphs that follow each other again and again, else 1."""
    again = np.flatnonzero(name[1:] == name[0]) + 1
    if not len(again):
        return 1
    length = int(again[0])
    turn = name[:length]
    whole = len(name) // length * length
    same = (name[:whole].reshape(-1, length) == turn).mean()
    is_cycle = length > 1 and len(np.unique(turn)) == length and same >= _REPEATS
    return length if is_cycle and whole > length else 1
