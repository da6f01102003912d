"""CUDA graph that is captured before the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.ranges import layer_ranges

if TYPE_CHECKING:
    from traceenergy.simulate.template import Template

CAPTURE_NS = 1_500_000_000
LAUNCH_NS, LAUNCH_PERIOD_NS = 2_400, 6_000
NODE_OFFSET_NS = 1_200
FIRST_CORRELATION = 4_000
GRAPH, GRAPH_EXEC = 1, 2
NODE_CREATED, EXEC_CREATED, GRAPH_CREATED = 77, 94, 95
CAPTURE_RANGE = "capture_decode_graph"


@dataclass(frozen=True)
class Capture:
    """What capturing leaves in a trace, the same on every rank.

    Attributes
    ----------
    calls : polars.DataFrame
        As in `Timeline`: `device, start_ns, end_ns, api, correlation_id`.
    ranges : polars.DataFrame
        As from `nvtx_ranges`: `device, start_ns, end_ns, text, level`.
    nodes : polars.DataFrame
        `device, start_ns, api, node, original`, node creations with a null `original`, then
        clones.
    graphs : polars.DataFrame
        `device, start_ns, api, event_class, graph, exec`.
    """

    calls: pl.DataFrame
    ranges: pl.DataFrame
    nodes: pl.DataFrame
    graphs: pl.DataFrame


def executed_node(slot: pl.Expr) -> pl.Expr:
    """Name the node that runs a slot of the template."""
    return (GRAPH_EXEC << 32) + slot + 1


def capture_graph(templates: dict[str, Template], n_gpus: int) -> Capture:
    """Capture the decode step, on paper.

    Parameters
    ----------
    templates : dict of str to Template
        By kind of step.
    n_gpus : int
        Recorded ranks.

    Returns
    -------
    Capture
    """
    template = templates["decode"]
    slot = np.flatnonzero(template.in_graph)
    start_ns = CAPTURE_NS + LAUNCH_PERIOD_NS * (np.arange(len(slot)) + 2)
    launches = pl.DataFrame(
        {
            "step": [-1] * len(slot),
            "kind": ["decode"] * len(slot),
            "slot": slot,
            "start_ns": start_ns,
            "end_ns": start_ns + LAUNCH_NS,
            "api": [CATALOG[template.slots[s].kernel].api for s in slot],
        }
    )
    stop_ns = int(start_ns[-1]) + LAUNCH_PERIOD_NS
    around = _calls_around(stop_ns)
    devices = pl.DataFrame({"device": np.arange(n_gpus)})
    calls = pl.concat([launches.select(around.columns), around]).sort("start_ns")
    calls = calls.with_columns(correlation_id=FIRST_CORRELATION + pl.int_range(pl.len()))
    everywhere = devices.join(launches, how="cross")
    whole = pl.DataFrame(
        {"start_ns": [CAPTURE_NS - 1_000], "end_ns": [stop_ns + 9_000_000], "text": [CAPTURE_RANGE]}
    )
    ranges = [
        devices.join(whole, how="cross").with_columns(level=pl.lit(0)),
        *layer_ranges(everywhere, templates),
    ]
    return Capture(
        calls=devices.join(calls, how="cross"),
        ranges=pl.concat(ranges),
        nodes=devices.join(_nodes(launches, around), how="cross"),
        graphs=devices.join(_graphs(around), how="cross"),
    )


def _calls_around(stop_ns: int) -> pl.DataFrame:
    start_ns = [CAPTURE_NS, stop_ns, stop_ns + 20_000]
    return pl.DataFrame(
        {
            "start_ns": start_ns,
            "end_ns": [start_ns[0] + 5_000, start_ns[1] + 15_000, start_ns[2] + 8_000_000],
            "api": [
                "cudaStreamBeginCapture_v10000",
                "cudaStreamEndCapture_v10000",
                "cudaGraphInstantiateWithFlags_v11040",
            ],
        }
    )


def _nodes(launches: pl.DataFrame, around: pl.DataFrame) -> pl.DataFrame:
    created = launches.select(
        pl.col("start_ns") + NODE_OFFSET_NS,
        "api",
        node=(GRAPH << 32) + pl.col("slot") + 1,
        original=pl.lit(None, dtype=pl.Int64),
    )
    instantiate = around.row(2, named=True)
    cloned = launches.select(
        start_ns=instantiate["start_ns"] + 4_000 + 100 * pl.int_range(pl.len()),
        api=pl.lit(instantiate["api"]),
        node=executed_node(pl.col("slot")),
        original=(GRAPH << 32) + pl.col("slot") + 1,
    )
    return pl.concat([created, cloned])


def _graphs(around: pl.DataFrame) -> pl.DataFrame:
    begin, _, instantiate = around.iter_rows(named=True)
    return pl.DataFrame(
        {
            "start_ns": [begin["start_ns"] + 2_000, instantiate["end_ns"] - 2_000],
            "api": [begin["api"], instantiate["api"]],
            "event_class": [GRAPH_CREATED, EXEC_CREATED],
            "graph": [GRAPH, GRAPH],
            "exec": pl.Series([None, GRAPH_EXEC], dtype=pl.Int64),
        }
    )
