"""CUDA graphs that are captured before the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.ranges import layer_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options
    from traceenergy.simulate.plan import Plan
    from traceenergy.simulate.template import Template

CAPTURE_NS = 1_500_000_000
LAUNCH_NS, LAUNCH_PERIOD_NS = 2_400, 6_000
NODE_OFFSET_NS = 1_200
BETWEEN_NS = 1_000_000
FIRST_CORRELATION = 4_000
# Ids of the first graph, of what is instantiated from it; those of the next one follow.
GRAPH, GRAPH_EXEC, IDS_PER_GRAPH = 1, 2, 2
NODE_CREATED, EXEC_CREATED, GRAPH_CREATED = 77, 94, 95
CAPTURE_RANGE = "capture_decode_graph"


@dataclass(frozen=True)
class GraphPlan:
    """Which graph each step replays.

    Attributes
    ----------
    batches : tuple of int
        Of each graph, in the order of their capture, the largest first; 0 for one that serves all.
    of_step : ndarray of int64 (n_steps,)
        Number of the graph; of steps that run without, any.
    """

    batches: tuple[int, ...]
    of_step: NDArray[np.int64]

    def tokens(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens of each step, filled up to what its graph holds."""
        filled: NDArray[np.int64] = np.maximum(tokens, np.array(self.batches)[self.of_step])
        return filled

    def execs(self, step: pl.Expr) -> pl.Expr:
        """Name the instantiated graph that a step replays; null behind the last step."""
        ids = pl.lit(pl.Series(GRAPH_EXEC + IDS_PER_GRAPH * self.of_step))
        return ids.gather(pl.when(step < len(self.of_step)).then(step))


def plan_graphs(options: Options, plan: Plan) -> GraphPlan | None:
    """Decide which graphs are captured.

    Parameters
    ----------
    options : Options
        Whether graphs are used, how they were recorded.
    plan : Plan
        Batch of each step.

    Returns
    -------
    GraphPlan or None
        None without graphs. A batch is served by the graph of the next power of two.
    """
    if not options.cuda_graphs or options.calibration_only:
        return None
    if options.graph_trace is None and options.model == "deepseek-v3":
        return GraphPlan((0,), np.zeros(len(plan.kind), dtype=np.int64))
    batch = 2 ** np.ceil(np.log2(np.maximum(1, plan.gen_requests))).astype(np.int64)
    batches, of_step = np.unique(-batch, return_inverse=True)
    return GraphPlan(tuple((-batches).tolist()), of_step.astype(np.int64))


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


def executed_node(slot: pl.Expr, graph_exec: pl.Expr | int = GRAPH_EXEC) -> pl.Expr:
    """Name the node that runs a slot of the template."""
    return slot + graph_exec * (1 << 32) + 1


def capture_graphs(
    templates: dict[str, Template], n_gpus: int, batches: tuple[int, ...] = (0,)
) -> Capture:
    """Capture the decode step on paper, once for each batch.

    Parameters
    ----------
    templates : dict of str to Template
        By kind of step.
    n_gpus : int
        Recorded ranks.
    batches : tuple of int
        As in `GraphPlan`.

    Returns
    -------
    Capture
        One after the other.
    """
    captures: list[Capture] = []
    begin_ns, correlation = CAPTURE_NS, FIRST_CORRELATION
    for number, batch in enumerate(batches):
        one = _capture(templates, n_gpus, number, batch, (begin_ns, correlation))
        captures.append(one)
        begin_ns = int(one.ranges.select(pl.col("end_ns").max()).item()) + BETWEEN_NS
        correlation += len(one.calls) // n_gpus
    return Capture(
        calls=pl.concat([one.calls for one in captures]),
        ranges=pl.concat([one.ranges for one in captures]),
        nodes=pl.concat([one.nodes for one in captures]),
        graphs=pl.concat([one.graphs for one in captures]),
    )


def _capture(
    templates: dict[str, Template], n_gpus: int, number: int, batch: int, begin: tuple[int, int]
) -> Capture:
    begin_ns, correlation = begin
    template = templates["decode"]
    slot = np.flatnonzero(template.in_graph)
    start_ns = begin_ns + LAUNCH_PERIOD_NS * (np.arange(len(slot)) + 2)
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
    around = _calls_around(begin_ns, stop_ns)
    devices = pl.DataFrame({"device": np.arange(n_gpus)})
    calls = pl.concat([launches.select(around.columns), around]).sort("start_ns")
    calls = calls.with_columns(correlation_id=correlation + pl.int_range(pl.len()))
    everywhere = devices.join(launches, how="cross")
    whole = pl.DataFrame(
        {
            "start_ns": [begin_ns - 1_000],
            "end_ns": [stop_ns + 9_000_000],
            "text": [f"{CAPTURE_RANGE}_{batch}" if batch else CAPTURE_RANGE],
        }
    )
    ranges = [
        devices.join(whole, how="cross").with_columns(level=pl.lit(0)),
        *layer_ranges(everywhere, templates),
    ]
    return Capture(
        calls=devices.join(calls, how="cross"),
        ranges=pl.concat(ranges),
        nodes=devices.join(_nodes(launches, around, number), how="cross"),
        graphs=devices.join(_graphs(around, number), how="cross"),
    )


def _calls_around(begin_ns: int, stop_ns: int) -> pl.DataFrame:
    start_ns = [begin_ns, stop_ns, stop_ns + 20_000]
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


def _nodes(launches: pl.DataFrame, around: pl.DataFrame, number: int) -> pl.DataFrame:
    in_capture = executed_node(pl.col("slot"), GRAPH + IDS_PER_GRAPH * number)
    created = launches.select(
        pl.col("start_ns") + NODE_OFFSET_NS,
        "api",
        node=in_capture,
        original=pl.lit(None, dtype=pl.Int64),
    )
    instantiate = around.row(2, named=True)
    cloned = launches.select(
        start_ns=instantiate["start_ns"] + 4_000 + 100 * pl.int_range(pl.len()),
        api=pl.lit(instantiate["api"]),
        node=executed_node(pl.col("slot"), GRAPH_EXEC + IDS_PER_GRAPH * number),
        original=in_capture,
    )
    return pl.concat([created, cloned])


def _graphs(around: pl.DataFrame, number: int) -> pl.DataFrame:
    graph = GRAPH + IDS_PER_GRAPH * number
    begin, _, instantiate = around.iter_rows(named=True)
    return pl.DataFrame(
        {
            "start_ns": [begin["start_ns"] + 2_000, instantiate["end_ns"] - 2_000],
            "api": [begin["api"], instantiate["api"]],
            "event_class": [GRAPH_CREATED, EXEC_CREATED],
            "graph": [graph, graph],
            "exec": pl.Series([None, GRAPH_EXEC + IDS_PER_GRAPH * number], dtype=pl.Int64),
        }
    )
