"""A simulated run hangs together."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from traceenergy.errors import OutputExistsError, UsageError
from traceenergy.simulate.options import SCHEMAS, Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Options(layers=4, steps=3, batch=16, stretch=20.0)


def dump(trace: Path) -> list[str]:
    with closing(sqlite3.connect(f"{trace.as_uri()}?mode=ro", uri=True)) as file:
        return list(file.iterdump())


def truth_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "truth.json").read_text(encoding="utf-8")))


def test_equal_options_give_equal_files_and_another_seed_does_not(tmp_path: Path) -> None:
    options = replace(SMALL, gpus=2, scenario="mixed", gpu_metrics=True)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_run(tmp_path / name, replace(options, seed=seed))

    a, b, c = (dump(tmp_path / name / "trace.sqlite") for name in "abc")
    assert a == b
    assert a != c
    for name in ("power.csv", "truth.json", "truth.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes()


def test_the_sensor_changes_nothing_but_the_log(tmp_path: Path) -> None:
    simulate_run(tmp_path / "a", replace(SMALL, sensor="h100-instant"))
    simulate_run(tmp_path / "b", replace(SMALL, sensor="h100-average", poll_ns=20_000_000))

    assert dump(tmp_path / "a" / "trace.sqlite") == dump(tmp_path / "b" / "trace.sqlite")
    a, b = (pl.read_parquet(tmp_path / name / "truth.parquet") for name in "ab")
    assert_frame_equal(a, b)


def test_the_log_follows_zone_and_clock(tmp_path: Path) -> None:
    for name, options in (
        ("utc", replace(SMALL, timezone_offset_h=0.0)),
        ("kathmandu", replace(SMALL, timezone_offset_h=5.75)),
        ("fast", replace(SMALL, timezone_offset_h=0.0, clock_offset_ns=150_000_000)),
    ):
        simulate_run(tmp_path / name, options)

    first = {
        name: pl.Series([(tmp_path / name / "power.csv").read_text().splitlines()[1].split(",")[0]])
        .str.to_datetime("%Y/%m/%d %H:%M:%S%.f")
        .item()
        for name in ("utc", "kathmandu", "fast")
    }
    assert (first["kathmandu"] - first["utc"]).total_seconds() == 5.75 * 3600
    assert (first["fast"] - first["utc"]).total_seconds() == pytest.approx(0.150)
    with closing(sqlite3.connect(tmp_path / "kathmandu" / "trace.sqlite")) as file:
        times = file.execute("SELECT utcTime, localTime FROM TARGET_INFO_SESSION_START_TIME")
        assert times.fetchone() == ("2026-02-16T09:36:07", "2026-02-16T15:21:07")


def test_the_log_begins_before_the_run_and_ends_after_it(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, sensor="ideal", stretch=300.0))

    log = pl.read_csv(tmp_path / "power.csv")
    watts = log[" power.draw [W]"].str.strip_chars(" W").cast(pl.Float64)
    idle_w = truth_of(tmp_path)["devices"][0]["idle_power_w"]
    # 2 s before and 1.5 s after, read every 100 ms.
    assert watts.head(19).to_list() == pytest.approx([idle_w] * 19, abs=0.01)
    assert watts.tail(13).to_list() == pytest.approx([idle_w] * 13, abs=1.5)
    assert (watts > 2 * idle_w).sum() > 5


def test_files_are_not_overwritten_unless_asked(tmp_path: Path) -> None:
    simulate_run(tmp_path, SMALL)
    before = (tmp_path / "truth.json").read_bytes()

    with pytest.raises(OutputExistsError, match=r"trace\.sqlite"):
        simulate_run(tmp_path, replace(SMALL, seed=5))
    assert (tmp_path / "truth.json").read_bytes() == before
    simulate_run(tmp_path, replace(SMALL, seed=5), force=True)
    assert (tmp_path / "truth.json").read_bytes() != before


def test_a_bad_option_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        simulate_run(tmp_path / "new", replace(SMALL, schema="1.0"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("graphs", [False, True])
def test_nsys_itself_accepts_the_trace(schema: str, tmp_path: Path, *, graphs: bool) -> None:
    nsys = shutil.which("nsys")
    if nsys is None:
        pytest.skip("nsys is not on PATH")
    made = simulate_run(tmp_path, replace(SMALL, schema=schema, gpus=2, cuda_graphs=graphs))

    reports = {}
    for report in ("cuda_gpu_kern_sum", "nvtx_gpu_proj_trace"):
        words = [nsys, "stats", "-q", "-r", report, "--format", "csv", "trace.sqlite"]
        done = subprocess.run(
            words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=True,
            timeout=120,
        )  # fmt: skip
        reports[report] = pl.read_csv(done.stdout)
    assert reports["cuda_gpu_kern_sum"]["Instances"].sum() == made.n_kernels
    steps = reports["nvtx_gpu_proj_trace"].filter(pl.col("Name").str.contains("_forward_step"))
    assert len(steps) == 2 * 3
    truth = pl.read_parquet(tmp_path / "truth.parquet").sort("start_ns")
    first = truth.group_by("device_id", "step").agg(pl.col("start_ns").min())
    assert sorted(steps["Projected Start (ns)"]) == sorted(first["start_ns"])
