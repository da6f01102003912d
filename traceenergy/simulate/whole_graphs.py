"""Runs whose graphs were recorded as one row a launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.graphs import GRAPH, GRAPH_EXEC
from traceenergy.simulate.truth import TRUTH
from traceenergy.trace.tables import check_table

if TYPE_CHECKING:
    from traceenergy.simulate.timeline import Timeline

UNKNOWN_PHASE = "unclassified"


def runs_in_graph(timeline: Timeline) -> pl.Series:
    """Say which work of a timeline is a node of a graph.

    Parameters
    ----------
    timeline : Timeline

    Returns
    -------
    polars.Series of bool (n,)
        In the order of its work; all False in a run without graphs.
    """
    if timeline.graphs is None:
        return pl.Series("in_graph", [False]).new_from_index(0, len(timeline.work))
    nodes = np.flatnonzero(timeline.templates["decode"].in_graph).tolist()
    in_graph = (pl.col("kind") == "decode") & pl.col("slot").is_in(nodes)
    return timeline.work.select(in_graph.alias("in_graph")).to_series()


def graph_launches(timeline: Timeline) -> pl.DataFrame:
    """List what ran as graphs.

    Parameters
    ----------
    timeline : Timeline

    Returns
    -------
    polars.DataFrame
        `device, call, step, correlation_id, start_ns, end_ns, graph, exec`, from the first to the
        last node of each launch, sorted by (start_ns, device).
    """
    if timeline.graphs is None:
        return pl.DataFrame()
    work = timeline.work.filter(runs_in_graph(timeline))
    launches = work.group_by("device", "call", "step", "correlation_id").agg(
        pl.col("start_ns").min(), pl.col("end_ns").max()
    )
    launches = launches.with_columns(exec=timeline.graphs.execs(pl.col("step")))
    launches = launches.with_columns(graph=pl.col("exec") + (GRAPH - GRAPH_EXEC))
    return launches.sort("start_ns", "device")


def fold_truth(truth: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Sum the energy of each graph's nodes, as a trace of whole graphs has no row for them.

    Parameters
    ----------
    truth : polars.DataFrame
        As declared by `truth.TRUTH`, in the order of the timeline's work.
    timeline : Timeline

    Returns
    -------
    polars.DataFrame
        As declared by `truth.TRUTH`. Work in graphs is one row of table `GRAPH` per launch, of
        phase `unclassified` and in no layer; its `trace_row` counts launches by time.
    """
    in_graph = runs_in_graph(timeline)
    others = truth.filter(~in_graph)
    others = others.with_columns(trace_row=(pl.int_range(pl.len()) + 1).over("table"))
    joules = ("energy_j", "static_j", "dynamic_j")
    sums = (
        truth.filter(in_graph)
        .with_columns(timeline.work.filter(in_graph)["call"])
        .group_by("call")
        .agg(pl.col(*joules).sum())
    )
    launches = graph_launches(timeline).join(sums, on="call", maintain_order="left")
    whole = launches.select(
        "start_ns", "end_ns", "step", *joules,
        device_id="device",
        rank=pl.lit(0),
        table=pl.lit("GRAPH"),
        trace_row=pl.int_range(pl.len()) + 1,
        kernel=pl.format("[CUDA graph {}]", "graph"),
        phase=pl.lit(UNKNOWN_PHASE),
        subphase=pl.lit(UNKNOWN_PHASE),
        layer=pl.lit(None),
    )  # fmt: skip
    whole = whole.select(pl.col(name).cast(kind) for name, kind in others.schema.items())
    return check_table(pl.concat([others, whole]), TRUTH, "truth")
