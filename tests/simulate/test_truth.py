"""True energies sum up, row by row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from traceenergy.simulate.options import SCHEMAS, Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Options(layers=4, steps=3, batch=16, stretch=20.0)


@pytest.mark.parametrize(
    "options",
    [
        SMALL,
        replace(SMALL, scenario="mixed", gpus=8, steps=2),
        replace(SMALL, scenario="prefill", sensor="a100", schema="3.0.0"),
        replace(SMALL, scenario="varying", power_law="saturating", concurrency_factor=0.7),
        replace(SMALL, power_law="category", step_power_spread=0.1, drift_w=5.0, gpus=2),
        replace(SMALL, scenario="mixed", calibration_s=0.02, clock_spread=0.05),
        replace(SMALL, cuda_graphs=True, gpus=2, schema="3.11.1", pause_every=1, pause_ns=10**8),
    ],
)
def test_kernels_with_idle_gaps_are_all_energy(options: Options, tmp_path: Path) -> None:
    simulate_run(tmp_path, options)

    sums, work = (
        json.loads((tmp_path / "truth.json").read_text()),
        pl.read_parquet(tmp_path / "truth.parquet"),
    )
    assert len(sums["devices"]) == options.gpus
    for row in sums["devices"]:
        assert row["kernel_j"] + row["idle_gap_j"] == pytest.approx(row["total_j"], rel=1e-9)
        mine = work.filter(device_id=row["device_id"])["energy_j"].sum()
        assert mine == pytest.approx(row["kernel_j"], rel=1e-12)
    for parts in ("phases", "subphases", "kernels"):
        assert sum(sums[parts].values()) == pytest.approx(sums["kernel_j"], rel=1e-9)
    in_steps_j = work.drop_nulls("step")["energy_j"].sum()
    assert sum(sums["steps"].values()) == pytest.approx(in_steps_j, rel=1e-9)
    assert (work["step"].null_count() > 0) == (options.calibration_s > 0)
    assert (
        work.select(
            (pl.col("static_j") + pl.col("dynamic_j") - pl.col("energy_j")).abs().max()
        ).item()
        < 1e-12
    )


@pytest.mark.parametrize("schema", SCHEMAS)
def test_truth_names_rows_of_the_trace(schema: str, tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, schema=schema, gpus=2))

    truth = pl.read_parquet(tmp_path / "truth.parquet")
    for table in ("KERNEL", "MEMCPY", "MEMSET"):
        with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
            rows = file.execute(
                f"SELECT rowid, deviceId, start, end FROM CUPTI_ACTIVITY_KIND_{table}"  # noqa: S608 - a constant
            ).fetchall()
        named = truth.filter(pl.col("table") == table).sort("trace_row")
        expected = named.select("trace_row", "device_id", "start_ns", "end_ns")
        assert rows == expected.rows()
