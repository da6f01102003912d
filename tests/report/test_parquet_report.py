"""Parquet gives back the table that went in, with its units."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.report import sample
from traceenergy.report.parquet_report import COLUMNS_KEY, CONFIDENCE_KEY, write_table
from traceenergy.report.tables import DECLARED

if TYPE_CHECKING:
    from pathlib import Path

# Section 4 of the contract.
PER_KERNEL = {
    "rank": pl.Int32, "device_id": pl.Int32, "stream_id": pl.Int64, "table": pl.String,
    "trace_row": pl.Int64, "start_ns": pl.Int64, "end_ns": pl.Int64, "kernel": pl.String,
    "phase": pl.String, "subphase": pl.String, "layer": pl.Int32, "step": pl.Int64,
    "range": pl.String, "capture_range": pl.String, "energy_j": pl.Float64,
    "static_j": pl.Float64, "dynamic_j": pl.Float64, "on_critical_path": pl.Boolean,
    "slack_ns": pl.Int64,
}  # fmt: skip


def test_per_kernel_table_is_that_of_the_contract(tmp_path: Path) -> None:
    result = sample.rich_analysis()

    write_table(result, "work", tmp_path / "work.parquet")

    found = pl.read_parquet(tmp_path / "work.parquet")
    assert dict(found.schema) == PER_KERNEL
    assert found["energy_j"].sum() == pytest.approx(result.energy.kernel_j)


@pytest.mark.parametrize("table", DECLARED)
def test_every_table_comes_back_as_it_was(table: str, tmp_path: Path) -> None:
    result = sample.rich_analysis()

    write_table(result, table, tmp_path / "t.parquet")

    assert_frame_equal(pl.read_parquet(tmp_path / "t.parquet"), getattr(result, table))


def test_metadata_tells_units(tmp_path: Path) -> None:
    write_table(sample.rich_analysis(), "work", tmp_path / "work.parquet")

    metadata = pl.read_parquet_metadata(tmp_path / "work.parquet")
    units = {fact["column"]: fact["unit"] for fact in json.loads(metadata[COLUMNS_KEY])}
    assert list(units) == list(PER_KERNEL)
    assert (units["energy_j"], units["start_ns"], units["kernel"]) == ("J", "ns", "")
    assert metadata[CONFIDENCE_KEY] == "0.9"
