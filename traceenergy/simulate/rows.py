"""Rows of the export's tables on CUDA work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.graphs import NODE_CREATED, Capture, executed_node
from traceenergy.simulate.layout import GRAPH_TRACE, KERNEL, MEMCPY, MEMSET
from traceenergy.simulate.template import CLASS_KEYS, MAIN_STREAM
from traceenergy.simulate.whole_graphs import graph_launches, runs_in_graph

if TYPE_CHECKING:
    from traceenergy.simulate.cost import Cost
    from traceenergy.simulate.export import Rows, Strings
    from traceenergy.simulate.host import Host
    from traceenergy.simulate.timeline import Timeline

CONTEXT = 1
RUNTIME_CLASS, DRIVER_CLASS = 0, 1
LOCAL_MEMORY_BYTES = 285_212_672
PINNED, DEVICE_MEMORY = 1, 2
TO_DEVICE, TO_HOST = 1, 2
_KERNELS = [CATALOG[key] for key in CLASS_KEYS]


def work_tables(
    timeline: Timeline, host: Host, strings: Strings, *, whole_graphs: bool = False
) -> dict[str, Rows]:
    """Fill the tables of kernels, copies, memsets, graphs.

    Parameters
    ----------
    timeline : Timeline
        The work, in the order of its rows.
    host : Host
        For process ids.
    strings : Strings
        Receives kernel names.
    whole_graphs : bool
        Each launch of a graph is one row, in place of those of its nodes.

    Returns
    -------
    dict of str to Rows
    """
    graphs = timeline.graphs
    work = timeline.work.with_columns(
        runs_in_graph(timeline),
        table=timeline.names["table"].gather(timeline.work["name"]),
        node=None,
    )
    if graphs is not None:
        node = executed_node(pl.col("slot").cast(pl.Int64), graphs.execs(pl.col("step")))
        work = work.with_columns(node=pl.when("in_graph").then(node))
    tables = {}
    if whole_graphs:
        work = work.filter(~pl.col("in_graph"))
        tables[GRAPH_TRACE] = _whole_graphs(graph_launches(timeline), host)
    kernels = work.filter(table="KERNEL")
    return {
        KERNEL: _kernels(kernels, timeline.names, host, strings, graphs=graphs is not None),
        MEMCPY: _copies(work.filter(table="MEMCPY"), host, timeline.cost),
        MEMSET: _memsets(work.filter(table="MEMSET"), host, timeline.cost),
        **tables,
    }


def _whole_graphs(launches: pl.DataFrame, host: Host) -> Rows:
    return {
        **_operation(launches.with_columns(stream=MAIN_STREAM), host),
        "graphId": launches["graph"],
        "graphExecId": launches["exec"],
    }


def _operation(work: pl.DataFrame, host: Host) -> Rows:
    pids = pl.Series([host.global_pid(device) for device in range(host.n_gpus)])
    return {
        "start": work["start_ns"],
        "end": work["end_ns"],
        "deviceId": work["device"],
        "contextId": CONTEXT,
        "greenContextId": 0,
        "streamId": work["stream"],
        "correlationId": work["correlation_id"],
        "globalPid": pids.gather(work["device"]),
    }


def _kernels(
    work: pl.DataFrame, names: pl.DataFrame, host: Host, strings: Strings, *, graphs: bool
) -> Rows:
    def of_class(attribute: str) -> pl.Series:
        column = pl.Series([getattr(kernel, attribute) for kernel in _KERNELS])
        return column.gather(work["class_id"])

    def named(column: str) -> pl.Series:
        return strings.ids_of(names[column]).gather(work["name"])

    return {
        **_operation(work, host),
        "demangledName": named("full"),
        "shortName": named("short"),
        "mangledName": None,
        "launchType": 1,
        "cacheConfig": 0,
        "registersPerThread": of_class("registers"),
        "gridX": work["blocks"],
        "gridY": 1,
        "gridZ": 1,
        "blockX": of_class("block"),
        "blockY": 1,
        "blockZ": 1,
        "staticSharedMemory": 0,
        "dynamicSharedMemory": of_class("shared_bytes"),
        "localMemoryPerThread": 0,
        "localMemoryTotal": LOCAL_MEMORY_BYTES,
        "gridId": work["call"],
        "sharedMemoryExecuted": of_class("shared_bytes"),
        "graphNodeId": work["node"] if graphs else None,
        "sharedMemoryLimitConfig": 0,
        "graphId": work["node"] // (1 << 32) if graphs else None,
        "clusterX": 1,
        "clusterY": 1,
        "clusterZ": 1,
        "clusterSchedulingPolicy": 0,
        "maxPotentialClusterSize": 0,
        "maxActiveClusters": 0,
        "tensorSizeMinusOneElements": "[]",
    }


def _bytes(work: pl.DataFrame, cost: Cost) -> np.ndarray:
    moved = cost.moved_bytes[work["step"].to_numpy(), work["class_id"].to_numpy()]
    return np.asarray(moved.astype(np.int64))


def _copies(work: pl.DataFrame, host: Host, cost: Cost) -> Rows:
    kind = pl.Series([kernel.copy_kind for kernel in _KERNELS]).gather(work["class_id"])
    to_device = (kind == TO_DEVICE).to_numpy()
    return {
        **_operation(work, host),
        "bytes": _bytes(work, cost),
        "copyKind": kind,
        "srcKind": np.where(to_device, PINNED, DEVICE_MEMORY),
        "dstKind": np.where((kind == TO_HOST).to_numpy(), PINNED, DEVICE_MEMORY),
        "graphNodeId": work["node"],
        "copyCount": 1,
    }


def _memsets(work: pl.DataFrame, host: Host, cost: Cost) -> Rows:
    return {
        **_operation(work, host),
        "value": 0,
        "bytes": _bytes(work, cost),
        "graphNodeId": work["node"],
        "memKind": DEVICE_MEMORY,
    }


def runtime_rows(
    timeline: Timeline,
    capture: Capture | None,
    host: Host,
    strings: Strings,
    more: pl.DataFrame | None = None,
) -> Rows:
    """Fill the table of API calls.

    Parameters
    ----------
    timeline : Timeline
        The loop.
    capture : Capture or None
        What came before it.
    host : Host
        For thread ids.
    strings : Strings
        Receives API names.
    more : polars.DataFrame or None
        Calls beside those of the loop, with the columns of the loop's that are written.

    Returns
    -------
    Rows
    """
    columns = ["device", "start_ns", "end_ns", "api", "correlation_id"]
    frames = [timeline.calls.select(columns)]
    if capture is not None:
        frames.insert(0, capture.calls.select(columns).sort("start_ns", "device"))
    if more is not None:
        both = pl.concat([frames[-1], more.select(columns)], how="vertical_relaxed")
        frames[-1] = both.sort("start_ns", "device", maintain_order=True)
    calls = pl.concat(frames)
    return {
        **_call(calls, host, strings),
        "end": calls["end_ns"],
        "eventClass": calls.select(_event_class()).to_series(),
        "correlationId": calls["correlation_id"],
        "returnValue": 0,
    }


def _event_class() -> pl.Expr:
    is_driver = pl.col("api").str.starts_with("cu") & ~pl.col("api").str.starts_with("cuda")
    return pl.when(is_driver).then(DRIVER_CLASS).otherwise(RUNTIME_CLASS)


def _call(calls: pl.DataFrame, host: Host, strings: Strings) -> Rows:
    tids = pl.Series([host.global_tid(device) for device in range(host.n_gpus)])
    return {
        "start": calls["start_ns"],
        "end": calls["start_ns"],
        "globalTid": tids.gather(calls["device"]),
        "nameId": strings.ids_of(calls["api"]),
    }


def graph_tables(
    capture: Capture, host: Host, strings: Strings, *, separate: bool, whole_graphs: bool = False
) -> dict[str, Rows]:
    """Fill the tables that tell of a graph's making.

    Parameters
    ----------
    capture : Capture
        The making.
    host : Host
        For thread ids.
    strings : Strings
        Receives API names.
    separate : bool
        The schema keeps graphs, nodes apart.
    whole_graphs : bool
        Nodes were not recorded.

    Returns
    -------
    dict of str to Rows
        Up to schema 3.7.2 nodes are in CUDA_GRAPH_EVENTS, later in CUDA_GRAPH_NODE_EVENTS.
    """
    nodes = {
        **_call(capture.nodes, host, strings),
        "eventClass": NODE_CREATED,
        "graphNodeId": capture.nodes["node"],
        "originalGraphNodeId": capture.nodes["original"],
    }
    if not separate:
        return {"CUDA_GRAPH_EVENTS": nodes}
    graphs = {
        **_call(capture.graphs, host, strings),
        "eventClass": capture.graphs["event_class"],
        "graphId": capture.graphs["graph"],
        "graphExecId": capture.graphs["exec"],
    }
    tables: dict[str, Rows] = {"CUDA_GRAPH_EVENTS": graphs}
    return tables if whole_graphs else {**tables, "CUDA_GRAPH_NODE_EVENTS": nodes}
