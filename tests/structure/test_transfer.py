"""Layers carried over from a marked run, on simulated runs of known truth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import traceenergy as te
from tests.structure.drawn import draw
from traceenergy.analysis.options import AnalysisOptions
from traceenergy.errors import LayersFromMismatchError
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.structure.passages import Vocabulary, passages_of
from traceenergy.structure.transfer import transfer
from traceenergy.trace.tables import GpuWork

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

SMALL: dict[str, Any] = {"scenario": "mixed", "steps": 8, "layers": 8, "power": "none"}
GRAPHS: dict[str, Any] = SMALL | {"cuda_graphs": True, "graph_trace": "node-bare"}


def run(folder: Path, **options: object) -> tuple[Trace, pl.DataFrame]:
    simulate_run(folder, Options(**options), force=True)  # type: ignore[arg-type] - any option
    return te.read_trace(folder / "trace.sqlite"), pl.read_parquet(folder / "truth.parquet")


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return run(tmp_path_factory.mktemp("eager"), **SMALL, seed=1)[0]


def right_share(trace: Trace, truth: pl.DataFrame, eager: Trace) -> float:
    work = te.analyze(trace, AnalysisOptions(time_only=True), layers_from=eager).work
    known = truth.select(
        pl.col("table").cast(pl.String), "trace_row", "device_id", true_layer=pl.col("layer"),
        true_phase=pl.col("phase").cast(pl.String),
    )  # fmt: skip
    kernels = work.filter(pl.col("table") == "KERNEL").join(
        known, on=["table", "trace_row", "device_id"]
    )
    busy = pl.col("end_ns") - pl.col("start_ns")
    right = pl.col("layer").eq_missing(pl.col("true_layer")) & (
        pl.col("phase") == pl.col("true_phase")
    )
    return float(
        kernels.filter(right).select(busy.sum()).item() / kernels.select(busy.sum()).item()
    )


@pytest.mark.parametrize("marks", ["steps", "none"])
def test_graphs_take_layers_from_an_eager_run(tmp_path: Path, eager: Trace, marks: str) -> None:
    trace, truth = run(tmp_path, **GRAPHS, seed=2, marks=marks)
    assert right_share(trace, truth, eager) > 0.98


def thinned(trace: Trace) -> Trace:
    names = trace.names.gather(trace.gpu_work["full_name_id"])
    fused = names.str.contains("scale_1x128_kernel")
    return replace(trace, gpu_work=GpuWork(trace.gpu_work.filter(~fused)))


def test_kernels_of_the_compared_run_may_be_missing(tmp_path: Path, eager: Trace) -> None:
    trace, truth = run(tmp_path, **GRAPHS, seed=3)
    cut = thinned(trace)
    assert len(cut.gpu_work) < len(trace.gpu_work)
    assert right_share(cut, truth, eager) > 0.98


def test_a_step_is_compared_with_the_one_of_the_same_order() -> None:
    # Each step has the same kernels, so that shared names tell none of them.
    orders = ["norm gemm attn silu", "gemm norm attn silu", "attn gemm norm silu", "silu attn norm"]
    work, _ = draw(" ".join(orders))
    codes = {name: code for code, name in enumerate(["norm", "gemm", "attn", "silu"])}
    name_id = pl.Series([codes[name] for name in " ".join(orders).split()], dtype=pl.UInt32)
    work = GpuWork(work.with_columns(name_id=name_id.cast(work["name_id"].dtype)))
    step = np.repeat(np.arange(4), [4, 4, 4, 3])
    steps = passages_of(
        work, pl.Series(list(codes)), step, np.ones(len(work), dtype=bool), Vocabulary({}, {})
    )
    assert transfer(steps, steps, np.ones(len(work), dtype=bool)).source.tolist() == list(
        range(len(work))
    )


def test_another_model_is_refused_with_the_first_difference(tmp_path: Path, eager: Trace) -> None:
    trace, _ = run(tmp_path, **GRAPHS | {"model": "llama"}, marks="steps")
    with pytest.raises(LayersFromMismatchError, match="does not run the same kernels") as caught:
        te.analyze(trace, AnalysisOptions(time_only=True), layers_from=eager)
    assert "first diverge in step 0" in str(caught.value.details)
    assert "this run:" in str(caught.value.details)


def test_kernels_outside_of_steps_may_be_anything(tmp_path: Path, eager: Trace) -> None:
    trace, truth = run(tmp_path, **GRAPHS, seed=2, marks="steps")
    first = trace.gpu_work.filter(pl.col("table") == "KERNEL").head(len(trace.gpu_work) // 2)
    name = pl.lit(len(trace.names), dtype=pl.UInt32)
    warm_up = first.with_columns(
        pl.lit(None, dtype=first["correlation_id"].dtype).alias("correlation_id"),
        pl.lit(None, dtype=pl.Int64).alias("graph_node_id"),
        name_id=name, full_name_id=name, trace_row=-pl.col("trace_row") - 1,
        start_ns=pl.col("start_ns") - 10**11, end_ns=pl.col("end_ns") - 10**11,
    )  # fmt: skip
    names = pl.concat((trace.names, pl.Series(["warm_up"], dtype=pl.String)))
    warmed = replace(trace, names=names, gpu_work=GpuWork(pl.concat((warm_up, trace.gpu_work))))
    assert right_share(warmed, truth, eager) > 0.98
    work = te.analyze(warmed, AnalysisOptions(time_only=True), layers_from=eager).work
    assert work["layer"].head(len(warm_up)).null_count() == len(warm_up)


def test_steps_too_long_to_compare_are_refused_with_what_to_do(
    tmp_path: Path, eager: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, _ = run(tmp_path, **GRAPHS, seed=2)
    monkeypatch.setattr("traceenergy.structure.transfer._LARGEST_TABLE", 10)
    with pytest.raises(LayersFromMismatchError, match="too long to be compared") as caught:
        te.analyze(thinned(trace), AnalysisOptions(time_only=True), layers_from=eager)
    assert "--steps" in str(caught.value.next_step)


def test_a_run_without_marked_layers_is_refused(tmp_path: Path, eager: Trace) -> None:
    bare, _ = run(tmp_path, **SMALL, marks="steps")
    with pytest.raises(LayersFromMismatchError, match="marks a layer"):
        te.analyze(bare, AnalysisOptions(time_only=True), layers_from=bare)
    assert len(eager.nvtx_ranges)


def test_marks_of_the_run_itself_stay(tmp_path: Path, eager: Trace) -> None:
    trace, _ = run(tmp_path, **SMALL, seed=4)
    alone = te.analyze(trace, AnalysisOptions(time_only=True)).work
    with_eager = te.analyze(trace, AnalysisOptions(time_only=True), layers_from=eager).work
    assert alone["layer"].equals(with_eager["layer"])
    assert alone["subphase"].equals(with_eager["subphase"])


def test_the_share_of_matches_is_said(tmp_path: Path, eager: Trace) -> None:
    trace, _ = run(tmp_path, **GRAPHS, seed=2)
    result = te.analyze(trace, AnalysisOptions(time_only=True), layers_from=eager)
    said = [caveat for caveat in result.caveats if caveat.slug == "layers-carried-over"]
    assert len(said) == 1
    assert "of" in said[0].text
    assert "kernels match" in said[0].text
    assert np.isin("marked run", result.options["layers_from"].split(", "))
