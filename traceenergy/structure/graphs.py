"""Passes through a model that were recorded as whole CUDA graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.structure.lanes import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_REPEATS = 0.9  # of the launches, that a cycle of graphs must explain
_FEWEST = 2  # turns of a cycle of different graphs
_LONGEST = 1024  # launches of a cycle
_LONGEST_DRAFT = 16  # launches of a cycle in which a graph comes more than once
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
    a model was captured in pieces, different graphs follow each other in a cycle, or in a chain
    for each batch size: each turn is one pass. So is a draft model with the model behind it.
    """
    graph = np.flatnonzero(lane.role == Role.GRAPH)
    if not len(graph):
        return graph, graph
    opens = np.flatnonzero(_opens_turn(lane.name[graph]))
    if len(opens) < len(graph):
        after = np.append(opens[1:], len(graph))
        if after[-1] - opens[-1] < np.median(after[:-1] - opens[:-1]):  # cut off
            opens, after = opens[:-1], after[:-1]
        return graph[opens], graph[after - 1] + 1
    busy_ns = (lane.end_ns - lane.start_ns)[graph]
    order = np.argsort(busy_ns)
    half = np.searchsorted(np.cumsum(busy_ns[order]), busy_ns.sum() / 2)
    usual_ns = busy_ns[order[min(int(half), len(order) - 1)]]
    kept = graph[busy_ns >= _LARGE * usual_ns]
    return kept, kept + 1


def _opens_turn(name: NDArray[np.uint32]) -> Bool:
    """Tell which launches open a turn of a cycle of graphs; all where there is none."""
    place = np.arange(len(name))
    # A draft model runs more than once before the model that checks it.
    for length in np.flatnonzero(name[1 : _LONGEST + 1] == name[0]) + 1:
        same = (name[length:] == name[:-length]).mean()
        n_turns = len(name) // length
        is_plain = len(np.unique(name[:length])) == length
        is_draft = length <= _LONGEST_DRAFT and n_turns > _FEWEST
        if same >= _REPEATS and n_turns >= _FEWEST and (is_plain or is_draft):
            return np.asarray(place % length == 0)
    return _opens_chain(name)


def _opens_chain(name: NDArray[np.uint32]) -> Bool:
    """Tell which launches open a chain: captured in pieces, once for each batch size."""
    _, code, count = np.unique(name, return_inverse=True, return_counts=True)
    pair = code[:-1] * len(count) + code[1:]
    _, of_pair, n_pair = np.unique(pair, return_inverse=True, return_counts=True)
    most = np.maximum(count[code[:-1]], count[code[1:]])
    follows = (n_pair[of_pair] >= _REPEATS * most) & (code[:-1] != code[1:]) & (most > _FEWEST)
    opens = np.append(True, ~follows)
    # Where one batch size comes again and again, its last piece leads to its first one.
    return opens | np.isin(code, code[1:][~follows])
