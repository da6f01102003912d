"""A run recorded by whole graphs loses kernels, not energy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.simulate.whole_graphs import fold_truth, graph_launches, runs_in_graph

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Options(
    scenario="mixed", steps=6, layers=4, gpus=2, cuda_graphs=True, graph_trace="graph", seed=3
)


def test_energy_of_nodes_is_that_of_their_launch() -> None:
    run = run_in_memory(WHOLE)

    folded = fold_truth(run.truth.work, run.timeline)

    assert folded["energy_j"].sum() == pytest.approx(run.truth.work["energy_j"].sum(), rel=1e-12)
    of_steps = [
        truth.group_by("device_id", "step").agg(pl.col("energy_j").sum()).sort("device_id", "step")
        for truth in (folded, run.truth.work)
    ]
    assert of_steps[0]["energy_j"].to_list() == pytest.approx(of_steps[1]["energy_j"].to_list())
    graphs = folded.filter(table="GRAPH")
    decode = run.timeline.steps.filter(kind="decode")
    assert len(graphs) == 2 * len(decode)
    assert graphs["layer"].null_count() == len(graphs)


def test_the_trace_has_a_row_for_each_row_of_the_truth(tmp_path: Path) -> None:
    simulate_run(tmp_path, WHOLE)

    truth = pl.read_parquet(tmp_path / "truth.parquet")
    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
        for table in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH"):
            name = f"CUPTI_ACTIVITY_KIND_{table}{'_TRACE' * (table == 'GRAPH')}"
            rows = file.execute(f"SELECT rowid, start, end, deviceId FROM {name}")  # noqa: S608 - constants
            told = truth.filter(pl.col("table") == table).sort("trace_row")
            known = told.select("trace_row", "start_ns", "end_ns", "device_id").rows()
            assert known == sorted(rows)
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        launches = file.execute(
            "SELECT count(*) FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE g JOIN "
            "CUPTI_ACTIVITY_KIND_RUNTIME r ON r.correlationId = g.correlationId AND "
            "g.globalPid = (r.globalTid & -16777216) AND r.start < g.start"
        ).fetchone()
    assert "CUDA_GRAPH_EVENTS" in tables
    assert "CUDA_GRAPH_NODE_EVENTS" not in tables
    assert launches == (len(truth.filter(pl.col("table") == "GRAPH")),)


def test_an_eager_run_has_no_graphs() -> None:
    timeline = run_in_memory(replace(WHOLE, cuda_graphs=False, graph_trace=None)).timeline

    assert not runs_in_graph(timeline).any()
    assert graph_launches(timeline).is_empty()


def test_bare_nodes_have_no_creation(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(WHOLE, graph_trace="node-bare"))

    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        (n_nodes,) = file.execute(
            "SELECT count(graphNodeId) FROM CUPTI_ACTIVITY_KIND_KERNEL"
        ).fetchone()
        (n_captures,) = file.execute(
            "SELECT count(*) FROM StringIds WHERE value LIKE '%Capture%'"
        ).fetchone()
    assert not {"CUDA_GRAPH_EVENTS", "CUDA_GRAPH_NODE_EVENTS"} & tables
    assert n_nodes > 0
    assert n_captures == 0
