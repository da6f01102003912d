"""GPU work placed into NVTX ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.capture import match_captures
from traceenergy.projection.held import rows_around
from traceenergy.projection.launches import innermost_ordered, match_launches
from traceenergy.projection.nesting import nest_ordered, none_below_zero, order_ranges
from traceenergy.projection.paths import range_paths
from traceenergy.records import dataclass
from traceenergy.trace.tables import GRAPH_NODES, Column, GraphNodes, NvtxRanges, empty_table

if TYPE_CHECKING:
    from traceenergy.caveats import Caveat
    from traceenergy.intervals import Int
    from traceenergy.trace.tables import GpuWork, Launches, RangePaths

PROJECTED_WORK = (
    Column("launch_row", pl.Int64, "", "row in the launches", "no launch known"),
    Column("launch_start_ns", pl.Int64, "ns", "start of the launch", "no launch known"),
    Column("range_row", pl.Int64, "", "row of the innermost range", "launched outside every range"),
    Column("path_id", pl.UInt32, "", "path of that range", "launched outside every range"),
    Column(
        "capture_row",
        pl.Int64,
        "",
        "row of the innermost range where its graph node was made",
        "not from a graph node, or not known, or outside every range",
    ),
    Column("capture_path_id", pl.UInt32, "", "path of that range", "as `capture_row`"),
)


@dataclass(frozen=True)
class Projection:
    """Where in the program each piece of GPU work came from.

    Attributes
    ----------
    work
        `PROJECTED_WORK`, one row per row of the GPU work.
    nesting
        Tree of the ranges, one row per range; null for ranges in which nothing was launched or
        captured.
    paths
        Distinct paths of the others.
    range_path_id : polars.Series of UInt32 (n_ranges,)
        Path of each range, or null likewise.
    caveats
        What is not known of work from CUDA graphs.
    """

    work: pl.DataFrame
    nesting: pl.DataFrame
    paths: RangePaths
    range_path_id: pl.Series
    caveats: tuple[Caveat, ...]


def project_work(  # noqa: PLR0913, PLR0917 - a trace's tables, and what is known
    work: GpuWork,
    launches: Launches,
    ranges: NvtxRanges,
    names: pl.Series,
    nodes: GraphNodes | None = None,
    held: Int | None = None,
) -> Projection:
    """Find the launch, the innermost range and its path for each piece of GPU work.

    Work belongs to a range through its launch: same rank, process and thread, the whole call
    within the range. When the work itself runs does not matter. Work from a node of a CUDA graph
    belongs to the range of the graph's launch, and has a second one: where the node was made.

    Parameters
    ----------
    work : GpuWork
    launches : Launches
    ranges : NvtxRanges
    names : polars.Series of String
        Text by id.
    nodes : GraphNodes, optional
        None: not recorded.
    held : ndarray of int64, optional
        What `rows_around` finds of these; None: it is asked.

    Returns
    -------
    Projection
        Work without a launch or a range has nulls; nothing is left out.
    """
    if nodes is None:
        nodes = GraphNodes(empty_table(GRAPH_NODES))
    if held is None:
        held = rows_around(ranges, launches, nodes)
    some = ranges if len(held) == len(ranges) else NvtxRanges(ranges[held])
    ordered = order_ranges(some)
    call_range = np.append(_row_of(innermost_ordered(launches, ordered), held), -1)
    nesting = nest_ordered(ordered, (some["style"] == "start_end").to_numpy())
    captures = match_captures(work, nodes, ordered, has_ranges=len(ranges) > 0)
    del ordered  # the largest arrays here
    paths, path_of_held = range_paths(some, nesting, names)
    launch = match_launches(work, launches)
    launch_row = none_below_zero(launch)
    # Row -1 is the sentinel appended above: no launch, no range.
    range_row = none_below_zero(call_range[launch])
    capture_row = none_below_zero(_row_of(captures.range_row, held))
    range_path_id = _spread(path_of_held, held, len(ranges))
    projected = pl.DataFrame(
        {
            "launch_row": launch_row,
            "launch_start_ns": launches["start_ns"].gather(launch_row),
            "range_row": range_row,
            "path_id": range_path_id.gather(range_row),
            "capture_row": capture_row,
            "capture_path_id": range_path_id.gather(capture_row),
        }
    )
    parent = none_below_zero(_row_of(nesting["parent_row"].fill_null(-1).to_numpy(), held))
    tree = pl.DataFrame(
        {
            "parent_row": _spread(parent, held, len(ranges)),
            "depth": _spread(nesting["depth"], held, len(ranges)),
        }
    )
    return Projection(projected, tree, paths, range_path_id, captures.caveats)


def _row_of(index: Int, held: Int) -> Int:
    """Turn places among the held ranges, -1 for none, into rows of all."""
    return np.append(held, -1)[index]


def _spread(values: pl.Series, held: Int, n_ranges: int) -> pl.Series:
    """Lay values of the held ranges beside all, null for the others."""
    if len(held) == n_ranges:
        return values
    place = np.full(n_ranges, -1, dtype=np.int64)
    place[held] = np.arange(len(held))
    return values.gather(none_below_zero(place))
