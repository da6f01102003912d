"""Nodes of a captured graph lead back to layers."""

from __future__ import annotations

import numpy as np
import polars as pl

from traceenergy.simulate.graphs import CAPTURE_RANGE, capture_graph, executed_node
from traceenergy.simulate.template import STEP_KINDS, step_template

TEMPLATES = {kind: step_template(kind, 4) for kind in STEP_KINDS}


def test_every_executed_node_has_a_creation_within_the_range_of_its_layer() -> None:
    capture = capture_graph(TEMPLATES, 2)
    slots = TEMPLATES["decode"].slots
    inside = np.flatnonzero(TEMPLATES["decode"].in_graph)
    executed = pl.DataFrame({"slot": inside}).select(executed_node(pl.col("slot"))).to_series()
    nodes = capture.nodes.filter(device=1)
    created = nodes.filter(pl.col("original").is_null())
    cloned = nodes.drop_nulls("original")

    assert cloned["node"].to_list() == executed.to_list()
    assert set(cloned["original"]) == set(created["node"])
    layers = capture.ranges.filter(pl.col("text").str.starts_with("layer_"), device=1)
    for name, start_ns, end_ns in layers.select("text", "start_ns", "end_ns").iter_rows():
        within = created.filter(pl.col("start_ns").is_between(start_ns, end_ns))
        assert len(within) == sum(f"layer_{slots[s].layer}" == name for s in inside)


def test_a_node_is_created_inside_its_call() -> None:
    capture = capture_graph(TEMPLATES, 1)

    nodes = capture.nodes.filter(pl.col("original").is_null()).sort("start_ns")
    calls = capture.calls.rename({"start_ns": "call_ns"}).sort("call_ns")
    found = nodes.join_asof(calls, left_on="start_ns", right_on="call_ns", by="device")
    assert (found["api"] == found["api_right"]).all()
    assert (found["start_ns"] < found["end_ns"]).all()


def test_the_capture_has_a_range_of_its_own() -> None:
    ranges = capture_graph(TEMPLATES, 1).ranges

    whole = ranges.filter(text=CAPTURE_RANGE).row(0, named=True)
    assert (ranges["start_ns"] >= whole["start_ns"]).all()
    assert (ranges["end_ns"] <= whole["end_ns"]).all()
