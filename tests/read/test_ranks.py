"""Several reports of one run on one clock."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.build import build_export, thread_id
from tests.export import UTC_EPOCH_NS
from traceenergy.errors import (
    UsageError,
)
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace


def slugs(trace: Trace) -> set[str]:
    return {caveat.slug for caveat in trace.caveats}


def test_ranks_are_put_on_the_earliest_clock(tmp_path: Path) -> None:
    # Rank 1 began 500 ns before rank 0: trace time 0 of the run is its start.
    build_export(tmp_path / "rank0.sqlite", kernels=[("b", 10, 20)], ranges=[("r", 5, 25)])
    build_export(
        tmp_path / "rank1.sqlite", kernels=[("a", 40, 60)], utc_epoch_ns=UTC_EPOCH_NS - 500,
        metrics=[(7, "SM Active", 1)],
    )  # fmt: skip

    trace = read_trace(tmp_path)

    found = trace.gpu_work.select("rank", "start_ns", "end_ns").rows()
    assert found == [(1, 40, 60), (0, 510, 520)]
    assert trace.names.gather(trace.gpu_work["name_id"]).to_list() == ["a", "b"]
    assert trace.names.gather(trace.launches["name_id"]).to_list() == ["cudaLaunchKernel"] * 2
    assert trace.nvtx_ranges.select("rank", "start_ns", "end_ns").rows() == [(0, 505, 525)]
    assert trace.gpu_metrics.select("rank", "sample_ns").rows() == [(1, 7)]
    assert trace.clock.utc_epoch_ns == UTC_EPOCH_NS - 500
    assert trace.names[0] == ""
    assert "guessed-ranks" in slugs(trace)


def test_ranks_that_the_reports_state_win(tmp_path: Path) -> None:
    for name, rank in (("a", 7), ("b", 2)):
        ranks = {"MPI_RANKS": [{"globalTid": thread_id(1, 1), "rank": rank}]}
        build_export(tmp_path / f"{name}.sqlite", kernels=[(name, rank, 99)], raw=ranks)

    trace = read_trace([tmp_path / "a.sqlite", tmp_path / "b.sqlite"])

    assert [origin.rank for origin in trace.origins] == [7, 2]
    assert trace.gpu_work.select("rank", "start_ns").rows() == [(2, 2), (7, 7)]
    assert "guessed-ranks" not in slugs(trace)


def test_ranks_without_wall_clock_are_not_shifted(tmp_path: Path) -> None:
    build_export(tmp_path / "a.sqlite", kernels=[("a", 1, 2)], utc_epoch_ns=UTC_EPOCH_NS)
    build_export(tmp_path / "b.sqlite", "none", kernels=[("b", 3, 4)])

    trace = read_trace(tmp_path)

    assert trace.gpu_work["start_ns"].to_list() == [1, 3]
    assert trace.clock.utc_epoch_ns is None
    assert "unaligned-ranks" in slugs(trace)


def test_the_same_trace_twice_is_refused(tmp_path: Path) -> None:
    path = build_export(tmp_path / "a.sqlite", kernels=[("a", 1, 2)])
    shutil.copy(path, tmp_path / "b.sqlite")

    with pytest.raises(UsageError, match="twice"):
        read_trace([path, path])
    with pytest.raises(UsageError, match="the same file"):
        read_trace(tmp_path)
