"""From work of a CUDA graph back to where in the program its node was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.projection.launches import innermost_ordered
from traceenergy.projection.process_ids import look_up, number_processes
from traceenergy.records import dataclass
from traceenergy.trace.tables import Launches

if TYPE_CHECKING:
    from traceenergy.intervals import Int
    from traceenergy.projection.nesting import OrderedRanges
    from traceenergy.trace.tables import GpuWork, GraphNodes

NOT_KNOWN, CYCLE = -1, -2


@dataclass(frozen=True)
class Captures:
    """Where the graph nodes behind the work were made.

    Attributes
    ----------
    range_row : ndarray of int64 (n_work,)
        Row of the innermost range around the making; -1 for work that is of no node, or whose
        node was made outside every range or cannot be followed.
    caveats
        How much work from nodes has no such range, and why.
    """

    range_row: Int
    caveats: tuple[Caveat, ...]


def match_captures(
    work: GpuWork, nodes: GraphNodes, ordered: OrderedRanges, *, has_ranges: bool
) -> Captures:
    """Find the innermost range in which the node behind each piece of work was made.

    Parameters
    ----------
    work : GpuWork
    nodes : GraphNodes
    ordered : OrderedRanges
        Of the same run.
    has_ranges : bool
        Whether the trace has any; without, it is no news that nodes were made in none.

    Returns
    -------
    Captures

    Notes
    -----
    What runs is a copy: capture makes a node, instantiation copies it, and graphs may be cloned
    in between. Each copy names its original, and the first of the line was made where the
    program said what it was for: by the thread, and at the time, of the captured call.
    """
    range_row = np.full(len(work), -1, dtype=np.int64)
    of_node = np.flatnonzero(work["graph_node_id"].is_not_null().to_numpy())
    if len(of_node) == 0:
        return Captures(range_row, ())
    made = _first_made(nodes, work[of_node])
    known = made >= 0
    used = np.zeros(len(nodes), dtype=bool)
    used[made[known]] = True
    used_row = np.flatnonzero(used)
    range_of_node = np.full(len(nodes), -1, dtype=np.int64)
    range_of_node[used_row] = innermost_ordered(_as_calls(nodes[used_row]), ordered)
    range_row[of_node[known]] = range_of_node[made[known]]
    n_outside = int((range_row[of_node[known]] < 0).sum())
    return Captures(range_row, _doubts(made, n_outside if has_ranges else 0))


def _first_made(nodes: GraphNodes, work: pl.DataFrame) -> Int:
    """Row of the node that each piece of work goes back to, or `NOT_KNOWN`, or `CYCLE`.

    Several rows may have one id: one that is no copy counts, then the earliest.
    """
    by_time = np.argsort(nodes["created_ns"].to_numpy(), kind="stable")
    is_copy = nodes["original_node_id"].is_not_null().to_numpy()
    order = np.concatenate((by_time[~is_copy[by_time]], by_time[is_copy[by_time]]))
    n_first = len(order) - int(is_copy.sum())
    group, work_group = number_processes(nodes, work)
    group, ids = group[order], nodes["graph_node_id"].to_numpy()[order]
    original = nodes["original_node_id"].fill_null(0).to_numpy()[order[n_first:]]
    found = look_up(
        group,
        ids,
        np.concatenate((group[n_first:], work_group)),
        np.concatenate((original, work["graph_node_id"].to_numpy())),
    )
    n_copies = len(order) - n_first
    first = _follow(np.concatenate((np.arange(n_first), found[:n_copies])), n_first)
    node = found[n_copies:]
    if len(order) == 0:
        return node
    made = np.where(node >= 0, first[node], NOT_KNOWN)
    return np.where(made >= 0, order[np.maximum(made, 0)], made)


def _follow(original: Int, n_first: int) -> Int:
    """End of each line of copies.

    Parameters
    ----------
    original : ndarray of int64 (n_nodes,)
        Row that each is a copy of, -1 if it is not there. The first `n_first` rows are no copies
        and name themselves.
    n_first : int

    Returns
    -------
    ndarray of int64 (n_nodes,)
        A row below `n_first`, or `NOT_KNOWN` where the line breaks off, or `CYCLE`.

    Notes
    -----
    Each pass doubles the steps already taken, so a line of any length ends within log2(n) passes;
    what has not ended then goes in a circle.
    """
    at = original.copy()
    moving = np.flatnonzero(at >= n_first)
    for _ in range(len(at).bit_length()):
        at[moving] = at[at[moving]]
        moving = moving[at[moving] >= n_first]
    at[moving] = CYCLE
    return at


def _as_calls(nodes: pl.DataFrame) -> Launches:
    # The making of a node is a moment within the call that was captured.
    moment = pl.col("created_ns")
    return Launches(nodes.select("rank", "thread_id", start_ns=moment, end_ns=moment))


def _doubts(made: Int, n_outside: int) -> tuple[Caveat, ...]:
    doubts = []
    if n_circling := int((made == CYCLE).sum()):
        text = (
            "Some nodes of CUDA graphs are, by the export, copies of themselves by way of others; "
            "where their work was captured is not known, and it counts by its launch."
        )
        doubts.append(Caveat("graph-node-cycle", text, n=n_circling))
    if n_unknown := int((made == NOT_KNOWN).sum()):
        text = (
            "The trace does not tell where the graph nodes of some GPU work were captured, so its "
            "layer can only be read at the launch of the graph. Let the recording begin before "
            "the graphs are captured, with nsys profile --cuda-graph-trace=node."
        )
        doubts.append(Caveat("graph-nodes-unknown", text, n=n_unknown))
    if n_outside:
        text = (
            "GPU work of CUDA graphs was captured outside every NVTX range, so its layer can only "
            "be read at the launch of the graph. Keep the ranges of layers on while graphs are "
            "captured."
        )
        doubts.append(Caveat("captured-outside-ranges", text, n=n_outside))
    return tuple(doubts)
