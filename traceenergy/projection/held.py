"""Ranges that hold anything: those in which nothing was launched or captured tell nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.thread_line import PlacedRanges, place_ranges
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.intervals import Int
    from traceenergy.trace.tables import GraphNodes, Launches, NvtxRanges


@dataclass(frozen=True)
class HeldRanges:
    """Some rows of a table of ranges.

    Attributes
    ----------
    row : ndarray of int64 (n_held,)
        Rows in the table, rising.
    placed : PlacedRanges
        When they are.
    """

    row: Int
    placed: PlacedRanges


def all_ranges(ranges: NvtxRanges) -> HeldRanges:
    """Take all rows of a table of ranges.

    Parameters
    ----------
    ranges : NvtxRanges

    Returns
    -------
    HeldRanges
    """
    return HeldRanges(np.arange(len(ranges)), place_ranges(ranges))


def ranges_around(ranges: NvtxRanges, launches: Launches, nodes: GraphNodes) -> HeldRanges:
    """Find the ranges that hold a launch, or the making of a graph node, on their thread.

    Parameters
    ----------
    ranges : NvtxRanges
    launches : Launches
    nodes : GraphNodes

    Returns
    -------
    HeldRanges
        A range around one of them is one of them.

    Notes
    -----
    PyTorch marks every operator: in recorded runs of training one range of five holds a launch.
    A range holds one if, of those that begin no earlier than it on its thread, the first to
    end ends no later.
    """
    placed = place_ranges(ranges)
    row = np.flatnonzero(_holds_any(placed, launches, nodes))
    if len(row) < len(ranges):
        placed = PlacedRanges(placed.line, placed.start_ns[row], placed.end_ns[row])
    return HeldRanges(row, placed)


def _holds_any(
    placed: PlacedRanges, launches: Launches, nodes: GraphNodes
) -> np.ndarray[tuple[int], np.dtype[np.bool]]:
    calls = launches.select("rank", "thread_id", "start_ns", "end_ns")
    if len(nodes):
        moment = pl.col("created_ns")
        made = nodes.select("rank", "thread_id", start_ns=moment, end_ns=moment)
        calls = pl.concat((calls, made), rechunk=True)
    line = placed.line
    call_lane = line.lane(calls)
    start_ns, end_ns = calls["start_ns"].to_numpy(), calls["end_ns"].to_numpy()
    inside = np.flatnonzero(line.covers(call_lane, start_ns, end_ns))
    if len(inside) == 0:
        return np.zeros(len(placed.start_ns), dtype=bool)
    begin = line.place(call_lane[inside], start_ns[inside])
    end = line.place(call_lane[inside], end_ns[inside])
    order = np.argsort(begin, kind="stable")
    first_end = np.minimum.accumulate(end[order][::-1])[::-1]
    first_end = np.append(first_end, np.iinfo(np.int64).max)
    return first_end[np.searchsorted(begin[order], placed.start_ns)] <= placed.end_ns
