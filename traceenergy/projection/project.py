"""GPU work placed into NVTX ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.capture import match_captures
from traceenergy.projection.held import ranges_around
from traceenergy.projection.launches import innermost_ordered, match_launches
from traceenergy.projection.nesting import none_below_zero, order_ranges
from traceenergy.projection.stretches import grow_ranges, nesting_frame
from traceenergy.records import dataclass
from traceenergy.trace.tables import GRAPH_NODES, Column, GraphNodes, empty_table

if TYPE_CHECKING:
    from traceenergy.caveats import Caveat
    from traceenergy.projection.held import HeldRanges
    from traceenergy.projection.stretches import RangeForest
    from traceenergy.trace.tables import GpuWork, Launches, NvtxRanges, RangePaths

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
    forest
        Tree of the ranges with their paths; ranges in which nothing was launched or captured are
        left out.
    caveats
        What is not known of work from CUDA graphs.
    """

    work: pl.DataFrame
    forest: RangeForest
    caveats: tuple[Caveat, ...]

    @property
    def nesting(self) -> pl.DataFrame:
        """Parent and depth of each range (`NESTING`); null for those left out."""
        return nesting_frame(self.forest)

    @property
    def paths(self) -> RangePaths:
        """Distinct paths of the ranges."""
        return self.forest.paths

    @property
    def range_path_id(self) -> pl.Series:
        """Path of each range, as UInt32; null for those left out."""
        return none_below_zero(self.forest.path_id).cast(pl.UInt32)


def project_work(  # noqa: PLR0913, PLR0917 - a trace's tables, and what is known
    work: GpuWork,
    launches: Launches,
    ranges: NvtxRanges,
    names: pl.Series,
    nodes: GraphNodes | None = None,
    held: HeldRanges | None = None,
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
    held : HeldRanges, optional
        What `ranges_around` finds of these; None: it is asked.

    Returns
    -------
    Projection
        Work without a launch or a range has nulls; nothing is left out.
    """
    if nodes is None:
        nodes = GraphNodes(empty_table(GRAPH_NODES))
    ordered = order_ranges(ranges, held or ranges_around(ranges, launches, nodes))
    del held
    call_range = np.append(innermost_ordered(launches, ordered), -1)
    captures = match_captures(work, nodes, ordered, has_ranges=len(ranges) > 0)
    forest = grow_ranges(ranges, ordered, names)
    del ordered  # the largest arrays here
    path_id = np.append(forest.path_id, np.int32(-1))
    launch = match_launches(work, launches)
    # Row -1 is the sentinel appended above: no launch, no range.
    range_row = call_range[launch]
    launch_row = none_below_zero(launch)
    projected = pl.DataFrame(
        {
            "launch_row": launch_row,
            "launch_start_ns": launches["start_ns"].gather(launch_row),
            "range_row": none_below_zero(range_row),
            "path_id": none_below_zero(path_id[range_row]).cast(pl.UInt32),
            "capture_row": none_below_zero(captures.range_row),
            "capture_path_id": none_below_zero(path_id[captures.range_row]).cast(pl.UInt32),
        }
    )
    return Projection(projected, forest, captures.caveats)
