"""Shortest ways to the last node of a directed graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Up to so many nodes, all rounds take less time than scipy takes to load.
_FEW_NODES = 1000


@dataclass(frozen=True)
class Ways:
    """Directed ways between nodes.

    Attributes
    ----------
    origin, target : ndarray of int64 (n_ways,)
    length_ns : ndarray of int64 (n_ways,) [ns]
        Never negative.
    n_nodes : int
    """

    origin: Int
    target: Int
    length_ns: Int
    n_nodes: int


def least_to_last(ways: Ways) -> Float:
    """Find the least sum from each node to the last one.

    Parameters
    ----------
    ways : Ways

    Returns
    -------
    ndarray of float64 (n_nodes,) [ns]
        Infinite where no way leads to the last node.
    """
    return least_by_rounds(ways) if ways.n_nodes <= _FEW_NODES else least_by_distance(ways)


def least_by_rounds(ways: Ways) -> Float:
    """Find the same by going all ways again until nothing changes: as many rounds as nodes."""
    least_ns = np.full(ways.n_nodes, np.inf)
    least_ns[-1] = 0.0
    before_ns = np.full(ways.n_nodes, np.inf)
    while not np.array_equal(least_ns, before_ns):
        before_ns = least_ns.copy()
        np.minimum.at(least_ns, ways.origin, before_ns[ways.target] + ways.length_ns)
    return least_ns


def least_by_distance(ways: Ways) -> Float:
    """Find the same from the nearest node to the farthest (Dijkstra 1959)."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - scipy is slow to load
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415 - scipy is slow to load

    n_nodes = ways.n_nodes
    order = np.argsort(ways.target, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(ways.target, minlength=n_nodes)))
    # Old releases of scipy walk indices of 32 bits only.
    columns, rows = ways.origin[order].astype(np.int32), starts.astype(np.int32)
    weights = ways.length_ns[order].astype(np.float64)
    backwards = csr_array((weights, columns, rows), shape=(n_nodes, n_nodes))
    least_ns: Float = dijkstra(backwards, directed=True, indices=np.array([n_nodes - 1]))[0]
    return least_ns
