"""Where the nodes of CUDA graphs were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.read.nsys import schema
from traceenergy.trace import tables

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout

_NEEDED = ("start", "globalTid", "graphNodeId")


def read_graph_nodes(database: Database, layout: Layout, work: pl.DataFrame) -> pl.DataFrame:
    """Load the events that made nodes of CUDA graphs, copies of nodes included.

    Parameters
    ----------
    database : Database
        The export.
    layout : Layout
        How it must be read.
    work : polars.DataFrame
        As `read_gpu_work` returns it; without work from nodes nothing is loaded.

    Returns
    -------
    polars.DataFrame
        The columns of `GRAPH_NODES` but `rank`, in order of rowid. Events without a thread, a
        time or a node say nothing and are left out.

    Raises
    ------
    UnreadableFileError
        If the table is damaged.
    """
    table = _find_table(database)
    if table is None or work["graph_node_id"].null_count() == len(work):
        return tables.empty_table(tables.GRAPH_NODES).drop("rank")
    raw = database.read(table, _NEEDED, optional=["originalGraphNodeId"]).drop_nulls(_NEEDED)
    bounds = raw.select(first=pl.col("start").min(), last=pl.col("start").max()).row(0)
    original = pl.col("originalGraphNodeId")
    return raw.select(
        process_id=pl.col("globalTid") & schema.PROCESS_MASK,
        thread_id=pl.col("globalTid"),
        created_ns=pl.col("start") - layout.shift_ns(table, *bounds),
        graph_node_id=pl.col("graphNodeId"),
        original_node_id=pl.when(original != 0).then(original),  # ids count from 1
    )


def _find_table(database: Database) -> str | None:
    # By column: the name that held nodes up to schema 3.7.2 holds whole graphs since.
    for table in schema.GRAPH_NODES:
        if database.columns(table).issuperset(_NEEDED) and database.has_rows(table):
            return table
    return None
