"""Where nodes of CUDA graphs were made, by release of nsys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.build import Work, build_export, process_id, thread_id
from tests.export import UTC_EPOCH_NS
from traceenergy.errors import UnreadableFileError
from traceenergy.read import read_trace
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

NODES, GRAPHS = "CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS"
THREAD = thread_id(1, 5)
REPLAYED = Work("k", 500, 600, node=12)


def event(node: object, start: object, original: object = None) -> dict[str, Any]:
    ids = {"graphNodeId": node, "originalGraphNodeId": original}
    return {"start": start, "end": start, "globalTid": THREAD, **ids}


def graph(number: int) -> dict[str, Any]:
    return {"start": 1, "end": 2, "globalTid": THREAD, "graphId": number}


def nodes_of(trace: Trace) -> list[tuple[object, ...]]:
    return trace.graph_nodes.select("created_ns", "graph_node_id", "original_node_id").rows()


@pytest.mark.parametrize(
    ("schema", "raw"),
    [
        ("3.0.0", {GRAPHS: [event(2, 100), event(12, 200, 2)]}),
        ("3.7.2", {GRAPHS: [event(2, 100), event(12, 200, 2)]}),
        ("3.11.1", {NODES: [event(2, 100), event(12, 200, 2)], GRAPHS: [graph(1)]}),
        ("3.28.1", {NODES: [event(2, 100), event(12, 200, 2)], GRAPHS: [graph(1)]}),
    ],
)
def test_nodes_are_found_by_their_column(tmp_path: Path, schema: str, raw: dict[str, Any]) -> None:
    trace = read_nsys(build_export(tmp_path / "x.sqlite", schema, kernels=[REPLAYED], raw=raw))

    assert nodes_of(trace) == [(100, 2, None), (200, 12, 2)]
    assert trace.graph_nodes["process_id"].unique().to_list() == [process_id(1)]
    assert trace.graph_nodes["thread_id"].unique().to_list() == [THREAD]


def test_events_of_whole_graphs_are_no_nodes(tmp_path: Path) -> None:
    raw = {GRAPHS: [graph(12)]}

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[REPLAYED], raw=raw))

    assert nodes_of(trace) == []


def test_nodes_are_not_loaded_without_work_of_any(tmp_path: Path) -> None:
    raw = {NODES: [event(12, 100)]}

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[("k", 500, 600)], raw=raw))

    assert nodes_of(trace) == []


def test_events_that_do_not_say_who_when_or_what_are_left_out(tmp_path: Path) -> None:
    lost = [event(None, 100), event(2, None), {**event(3, 100), "globalTid": None}]
    raw = {NODES: [*lost, event(12, 200, 0)]}

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[REPLAYED], raw=raw))

    assert nodes_of(trace) == [(200, 12, None)]


def test_events_without_a_thread_column_are_no_nodes(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[REPLAYED], raw={NODES: [event(12, 1)]})
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"ALTER TABLE {NODES} RENAME COLUMN globalTid TO other")

    assert nodes_of(read_nsys(path)) == []


def test_text_in_place_of_a_node_is_damage(tmp_path: Path) -> None:
    raw = {NODES: [event("twelve", 100)]}
    path = build_export(tmp_path / "x.sqlite", kernels=[REPLAYED], raw=raw)

    with pytest.raises(UnreadableFileError, match="whole numbers"):
        read_nsys(path)


def test_times_of_nodes_are_shifted_back(tmp_path: Path) -> None:
    shift_ns = 5_000_000_000
    raw = {NODES: [event(12, 100 + shift_ns)]}

    trace = read_nsys(
        build_export(tmp_path / "x.sqlite", kernels=[REPLAYED], raw=raw, time_shift_ns=shift_ns)
    )

    assert nodes_of(trace) == [(100, 12, None)]


def test_nodes_of_ranks_are_put_on_one_clock(tmp_path: Path) -> None:
    raw = {NODES: [event(12, 100)]}
    build_export(tmp_path / "rank0.sqlite", kernels=[REPLAYED], raw=raw)
    build_export(
        tmp_path / "rank1.sqlite", kernels=[REPLAYED], raw=raw, utc_epoch_ns=UTC_EPOCH_NS - 50
    )

    trace = read_trace(tmp_path)

    assert trace.graph_nodes.select("rank", "created_ns").rows() == [(0, 150), (1, 100)]
