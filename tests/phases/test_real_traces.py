"""The shipped rules on real traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from traceenergy.analysis.explain_rules import explain_rules
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path

# Share of busy time, by hand from the names of ranges and kernels in each file.
EXPECTED = {
    # Ranges are around attention only; the other products have no context.
    "a100_llm_nvtx.sqlite": {"attention": 0.038, "other": 0.481, "memory": 0.481},
    # flash_fwd_kernel; NCCL send/receive with what packs for it; layer norms.
    "h100_nccl_2proc.sqlite": {"attention": 0.503, "collective": 0.089, "norm": 0.014},
    "h100_fsdp_2proc.sqlite": {"memory": 0.977, "embedding": 0.0001},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_transformer_traces_leave_nothing_unclassified(name: str, shared_traces: Path) -> None:
    explained = explain_rules(read_trace(shared_traces / name))

    by_phase = explained.group_by(pl.col("subphase").str.extract(r"^(\w+)"))
    shares = dict(by_phase.agg(pl.col("busy_share").sum()).iter_rows())
    assert "unclassified" not in shares
    assert {key: shares[key] for key in EXPECTED[name]} == pytest.approx(EXPECTED[name], abs=0.02)


@pytest.mark.parametrize(
    ("name", "kernel"),
    [("v100_mpi_jacobi.sqlite", "jacobi_kernel"), ("a100_mpi_saxpy.sqlite", "saxpy")],
)
def test_stencils_are_no_transformers(name: str, kernel: str, shared_traces: Path) -> None:
    explained = explain_rules(read_trace(shared_traces / name))

    assert explained.row(0, named=True)["kernel"] == kernel
    assert set(explained["subphase"]) <= {"unclassified", "memory.memcpy", "memory.memset"}


# Ranges that name a part of a transformer, by hand; the others name operators of PyTorch, or the
# whole run, and say no more than the kernels do.
TELLING_RANGES = {
    "a100_llm_nvtx.sqlite": ("scaled dot product attention", {"attention": 1.0}),
    "h100_nccl_2proc.sqlite": (
        "FlashAttnFunc|AllToAll4D",
        {"attention": 0.843, "collective": 0.157},
    ),
}


def kernels_inside(trace: Path, pattern: str) -> pl.DataFrame:
    explained = explain_rules(read_trace(trace)).filter(~pl.col("kernel").str.starts_with("[CUDA"))
    return explained.filter(pl.col("range").str.contains(pattern).fill_null(value=False))


@pytest.mark.parametrize("name", TELLING_RANGES)
def test_what_runs_inside_telling_ranges_has_a_phase(name: str, shared_traces: Path) -> None:
    pattern, expected = TELLING_RANGES[name]

    inside = kernels_inside(shared_traces / name, pattern)

    first = pl.col("subphase").str.extract(r"^(\w+)").alias("phase")
    busy_s = dict(inside.group_by(first).agg(pl.col("busy_s").sum()).iter_rows())
    total_s = sum(busy_s.values())
    known_s = total_s - busy_s.get("other", 0.0) - busy_s.get("unclassified", 0.0)
    assert known_s >= 0.95 * total_s > 0
    assert {key: value / total_s for key, value in busy_s.items()} == pytest.approx(
        expected, abs=0.01
    )


def test_no_kernel_of_the_fsdp_run_is_inside_a_module(shared_traces: Path) -> None:
    # Only what FSDP gathers for a module is launched inside its range: T5's 24 blocks cannot be
    # told from the names of this trace.
    trace = shared_traces / "h100_fsdp_2proc.sqlite"

    assert kernels_inside(trace, r"encoder\.block").is_empty()
    assert kernels_inside(trace, "aten::linear")["subphase"].unique().to_list() == ["other.gemm"]
