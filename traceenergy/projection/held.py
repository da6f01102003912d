"""Ranges that hold anything: those in which nothing was launched or captured tell nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.thread_line import draw_line

if TYPE_CHECKING:
    from traceenergy.intervals import Int
    from traceenergy.trace.tables import GraphNodes, Launches, NvtxRanges


def rows_around(ranges: NvtxRanges, launches: Launches, nodes: GraphNodes) -> Int:
    """Find the ranges that hold a launch, or the making of a graph node, on their thread.

    Parameters
    ----------
    ranges : NvtxRanges
    launches : Launches
    nodes : GraphNodes

    Returns
    -------
    ndarray of int64
        Their rows, rising. A range around one of them is one of them.

    Notes
    -----
    PyTorch marks every operator: in recorded runs of training one range of five holds a launch.
    A range holds one if, of those that begin no earlier than it on its thread, the first to
    end ends no later.
    """
    line, lane = draw_line(ranges)
    calls = launches.select("rank", "thread_id", "start_ns", "end_ns")
    if len(nodes):
        moment = pl.col("created_ns")
        made = nodes.select("rank", "thread_id", start_ns=moment, end_ns=moment)
        calls = pl.concat((calls, made), rechunk=True)
    call_lane = line.lane(calls)
    start_ns, end_ns = calls["start_ns"].to_numpy(), calls["end_ns"].to_numpy()
    inside = np.flatnonzero(line.covers(call_lane, start_ns, end_ns))
    if len(inside) == 0:
        return inside
    begin = line.place(call_lane[inside], start_ns[inside])
    end = line.place(call_lane[inside], end_ns[inside])
    order = np.argsort(begin, kind="stable")
    first_end = np.minimum.accumulate(end[order][::-1])[::-1]
    first_end = np.append(first_end, np.iinfo(np.int64).max)
    low = line.place(lane, ranges["start_ns"].to_numpy())
    first_end = first_end[np.searchsorted(begin[order], low)]
    high = np.maximum(low, line.place(lane, ranges["end_ns"].to_numpy()))
    return np.flatnonzero(first_end <= high)
