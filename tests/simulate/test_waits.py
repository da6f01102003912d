"""Recorded waits of simulated runs, against their true critical path."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from traceenergy.analysis.waiting import waits_of
from traceenergy.critical_path.model import PartKind
from traceenergy.critical_path.slack import path_and_slack
from traceenergy.errors import UsageError
from traceenergy.projection.project import project_work
from traceenergy.read import read_trace
from traceenergy.simulate.option_checks import check_options
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

N_STEPS = 4
SMALL = Options(layers=5, steps=N_STEPS, batch=16, power="none", waits=True)
KEY = ["rank", "device_id", "table", "trace_row"]


def traced(folder: Path) -> tuple[Trace, pl.DataFrame]:
    """Read a run; its truth in the order of the trace's work."""
    trace = read_trace(sorted(folder.glob("trace*.sqlite")))
    truth = pl.read_parquet(folder / "truth.parquet")
    rows = trace.gpu_work.select(KEY)
    return trace, rows.join(truth, on=KEY, how="left", maintain_order="left")


def path_of(trace: Trace, truth: pl.DataFrame) -> tuple[dict[str, int], int]:
    """Find the path; nanoseconds of it by phase, then all of the window."""
    projection = project_work(trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names)
    # Collectives of one step end together; which those are is told by the truth.
    is_shared = (truth["bound_by"].is_not_null()) & (truth["end_ns"].is_duplicated())
    group = np.where(is_shared, truth["end_ns"].rank("dense").cast(pl.Int64).to_numpy(), -1)
    rows = np.arange(len(trace.gpu_work))
    pieces, events, calls, _ = waits_of(trace, projection.work["launch_row"], rows, group)
    window = int(pieces.start_ns.min()), int(pieces.end_ns.max())
    path, _ = path_and_slack(pieces, events, calls, window)
    works = path.kind == PartKind.WORK
    phases = truth["phase"].cast(pl.String).gather(path.piece[works])
    length_ns = (path.end_ns - path.start_ns)[works]
    frame = pl.DataFrame({"phase": phases, "ns": length_ns}).group_by("phase").sum()
    return dict(frame.iter_rows()), window[1] - window[0]


@pytest.mark.parametrize(
    "changed",
    [{"stretch": 6.0}, {}, {"scenario": "mixed", "gpus": 2}, {"parallel": "expert", "gpus": 2}],
    ids=["bound by the GPU", "bound by the host", "prefill", "expert parallel"],
)
def test_the_found_path_is_the_true_one(tmp_path: Path, changed: dict[str, Any]) -> None:
    simulate_run(tmp_path, replace(SMALL, **changed))
    trace, truth = traced(tmp_path)

    found_ns, elapsed_ns = path_of(trace, truth)

    true = truth.group_by(pl.col("phase").cast(pl.String)).agg(pl.col("path_ns").sum())
    for phase, true_ns in true.iter_rows():
        assert abs(found_ns.get(phase, 0) - true_ns) < 0.02 * elapsed_ns, phase


def test_each_fork_and_join_is_recorded_once(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, gpus=2))
    trace, truth = traced(tmp_path)

    kinds = dict(trace.synchronizations["kind"].value_counts().iter_rows())
    assert kinds["stream"] == 2 * N_STEPS
    assert kinds["stream_wait"] == len(trace.cuda_events) > 0
    bound = truth["bound_by"].cast(pl.String).to_list().count("event")
    assert 0 < bound <= kinds["stream_wait"]
    calls = trace.launches.group_by("rank", "process_id", "correlation_id").len()
    assert calls["len"].max() == 1
    assert trace.synchronizations["thread_id"].null_count() == 0


def test_calls_of_a_thread_never_overlap(tmp_path: Path) -> None:
    simulate_run(tmp_path, SMALL)
    trace, _ = traced(tmp_path)

    calls = trace.launches.sort("start_ns")
    assert (calls["end_ns"].to_numpy()[:-1] <= calls["start_ns"].to_numpy()[1:]).all()


def test_graphs_hold_their_ties_inside(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, cuda_graphs=True))
    trace, _ = traced(tmp_path)

    assert set(trace.synchronizations["kind"]) == {"stream"}


@pytest.mark.parametrize("schema", ["3.0.0", "3.7.2", "3.11.1"])
def test_older_schemas_have_the_same_waits(tmp_path: Path, schema: str) -> None:
    simulate_run(tmp_path / "new", SMALL)
    simulate_run(tmp_path / "old", replace(SMALL, schema=schema))

    (new, _), (old, _) = traced(tmp_path / "new"), traced(tmp_path / "old")
    assert old.synchronizations["event_sync_id"].null_count() == len(old.synchronizations)
    for table in ("synchronizations", "cuda_events"):
        frames = (getattr(trace, table).drop("event_sync_id") for trace in (new, old))
        assert next(frames).equals(next(frames))


def test_runs_without_waits_have_none_of_it(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, waits=False))
    trace, truth = traced(tmp_path)

    assert trace.synchronizations.is_empty()
    assert "on_path" not in truth.columns
    options = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["options"]
    assert not {"waits", "reports", "rank_clock_spread_ns"} & set(options)


def test_each_rank_has_a_report_on_its_own_clock(tmp_path: Path) -> None:
    options = replace(SMALL, gpus=3, reports="per-gpu", rank_clock_spread_ns=5_000_000, seed=2)
    made = simulate_run(tmp_path, options)
    trace, truth = traced(tmp_path)

    assert made.files[:3] == tuple(f"trace_rank{rank}.sqlite" for rank in range(3))
    assert trace.devices["rank"].unique().sort().to_list() == [0, 1, 2]
    assert truth["energy_j"].null_count() == 0
    ranks = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["ranks"]
    offset_ns = np.array([row["clock_offset_ns"] for row in ranks])
    assert offset_ns[0] == 0
    assert (abs(offset_ns[1:]) > 0).all()
    assert (abs(offset_ns) <= 5_000_000).all()
    late_ns = (trace.gpu_work["start_ns"] - truth["start_ns"]).to_numpy()
    assert (late_ns == offset_ns[trace.gpu_work["rank"].to_numpy()]).all()


def test_reports_of_ranks_together_hold_the_whole_run(tmp_path: Path) -> None:
    options = replace(SMALL, gpus=2, scenario="mixed", cuda_graphs=True)
    simulate_run(tmp_path / "one", options)
    simulate_run(tmp_path / "many", replace(options, reports="per-gpu"))

    (one, _), (many, _) = traced(tmp_path / "one"), traced(tmp_path / "many")
    for table in ("gpu_work", "launches", "nvtx_ranges", "synchronizations", "cuda_events"):
        frame = getattr(one, table)
        assert len(getattr(many, table)) == len(frame) > 0
    assert many.gpu_work["start_ns"].equals(one.gpu_work["start_ns"])
    for rank in range(2):
        path = tmp_path / "many" / f"trace_rank{rank}.sqlite"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            (n,) = file.execute("SELECT count(DISTINCT globalPid) FROM PROCESSES").fetchone()
        assert n == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernels": 100, "steps": None}, {"calibration_s": 1.0},
        {"cuda_graphs": True, "graph_trace": "graph"}, {"rank_clock_spread_ns": 1},
        {"reports": "per-gpu", "power": "nvml"}, {"reports": "per-gpu", "gpu_metrics": True},
        {"reports": "per-gpu", "rank_clock_spread_ns": 10**9}, {"reports": "two"},
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_options(replace(SMALL, **wrong))
