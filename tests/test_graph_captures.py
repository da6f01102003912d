"""Work of CUDA graphs from file to result: layers and phases against simulated truth."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl
import pytest

from traceenergy import Analysis, AnalysisOptions, analyze, read_trace
from traceenergy.analysis.explain_rules import explain_rules
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

TIME_ONLY = AnalysisOptions(time_only=True)


def simulated(folder: Path, schema: str = "3.25.0", scenario: str = "decode") -> Path:
    options = Options(scenario=scenario, schema=schema, gpus=2, steps=6, layers=6, cuda_graphs=True)
    simulate_run(folder, options)
    return folder


def beside_truth(folder: Path, result: Analysis) -> pl.DataFrame:
    truth = pl.read_parquet(folder / "truth.parquet").with_columns(
        pl.col("table", "phase", "subphase").cast(pl.String)
    )
    work = result.work.join(truth, on=["rank", "device_id", "table", "trace_row"], suffix="_true")
    assert len(work) == len(truth) == len(result.work)
    return work.filter(pl.col("table") == "KERNEL")


@pytest.mark.parametrize("scenario", ["decode", "mixed"])
@pytest.mark.parametrize("schema", ["3.7.2", "3.11.1", "3.25.0"])
def test_every_kernel_of_a_graph_has_its_layer_and_phase(
    tmp_path: Path, schema: str, scenario: str
) -> None:
    folder = simulated(tmp_path / "run", schema, scenario)

    result = analyze(read_trace(folder / "trace.sqlite"), TIME_ONLY)

    work = beside_truth(folder, result)
    assert work["layer"].equals(work["layer_true"])
    assert work.filter(pl.col("phase") != pl.col("phase_true"))["kernel"].to_list() == []
    assert work["step"].equals(work["step_true"])
    assert work["capture_range"].drop_nulls().str.starts_with("capture_decode_graph/").all()
    assert work["range"].str.starts_with("[Executor] _forward_step").all()
    doubted = {caveat.slug for caveat in result.caveats}
    assert doubted.isdisjoint({"graph-nodes-unknown", "graph-node-cycle"})


def test_the_range_at_capture_is_that_of_the_layer(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")

    work = beside_truth(folder, analyze(read_trace(folder / "trace.sqlite"), TIME_ONLY))

    captured = work.drop_nulls("capture_range")
    named = captured["capture_range"].str.extract(r"^capture_decode_graph/layer_(\d+)/")
    assert len(captured) > len(work) // 2
    assert named.cast(pl.Int32).equals(captured["layer_true"], check_names=False)


def test_layers_are_the_same_as_of_the_run_without_graphs(tmp_path: Path) -> None:
    graphs = simulated(tmp_path / "graphs")
    options = Options(scenario="decode", gpus=2, steps=6, layers=6)
    simulate_run(tmp_path / "eager", options)

    with_graphs, eager = (
        analyze(read_trace(folder / "trace.sqlite"), TIME_ONLY)
        for folder in (graphs, tmp_path / "eager")
    )

    counts = ["name", "layer", "n_kernels"]
    assert with_graphs.layers.select(counts).equals(eager.layers.select(counts))
    counts = ["name", "n_kernels"]
    assert (
        with_graphs.subphases.select(counts)
        .sort("name")
        .equals(eager.subphases.select(counts).sort("name"))
    )


def test_rules_are_explained_by_the_range_at_capture(tmp_path: Path) -> None:
    trace = read_trace(simulated(tmp_path / "run") / "trace.sqlite")

    explained = explain_rules(trace)

    ranges = explained.filter(pl.col("range").str.starts_with("capture_decode_graph/"))
    assert ranges["n_kernels"].sum() == len(trace.gpu_work["graph_node_id"].drop_nulls())
    assert "capture_decode_graph/layer_5/moe" in set(ranges["range"])


def test_nodes_that_the_trace_lost_are_said_and_their_work_is_kept(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    with closing(sqlite3.connect(folder / "trace.sqlite")) as file:
        file.execute("DELETE FROM CUDA_GRAPH_NODE_EVENTS WHERE originalGraphNodeId IS NULL")
        file.commit()

    result = analyze(read_trace(folder / "trace.sqlite"), TIME_ONLY)

    assert len(beside_truth(folder, result)) == (result.work["table"] == "KERNEL").sum()
    (caveat,) = (c for c in result.caveats if c.slug == "graph-nodes-unknown")
    nodes = read_trace(folder / "trace.sqlite").gpu_work["graph_node_id"]
    assert caveat.n == len(nodes.drop_nulls()) > 0
    assert result.work["capture_range"].drop_nulls().is_empty()
