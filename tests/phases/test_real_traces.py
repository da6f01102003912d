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
