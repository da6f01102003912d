"""All tables of one export."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import astuple
from typing import TYPE_CHECKING

import pytest

from tests.build import Range, build_export
from traceenergy.errors import MissingTableError, NotATraceError, UnknownSchemaError
from traceenergy.read.nsys import read_nsys
from traceenergy.units import NS_PER_H

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

SECRET = "hunter2-at-home"  # noqa: S105 - planted on purpose


def text_of(trace: Trace) -> str:
    frames = (trace.devices, trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.gpu_metrics)
    return "\n".join(
        [
            repr(astuple(trace)),
            *(frame.write_csv() for frame in frames),
            *trace.names,
        ]
    )


def caveat(trace: Trace, slug: str) -> str:
    (found,) = [caveat for caveat in trace.caveats if caveat.slug == slug]
    return found.text


def test_nothing_private_enters_the_trace(tmp_path: Path) -> None:
    environment = {"name": "PROCESS_0:ENVIRONMENT_VARIABLE", "value": f'TOKEN="{SECRET}"'}
    devices = {"name": "PROCESS_0:ENVIRONMENT_VARIABLE", "value": f"CUDA_VISIBLE_DEVICES={SECRET}"}
    path = build_export(
        tmp_path / "x.sqlite",
        kernels=[("k", 1, 2)],
        ranges=[("r", 0, 5)],
        metadata={"EXPORT_HOST": SECRET, "EXPORT_USER": SECRET, "EXPORT_PARAM_INPUT_PATH": SECRET},
        raw={
            "META_DATA_CAPTURE": [environment, devices],
            "StringIds": [{"id": 1, "value": SECRET}, {"id": 2, "value": f"PATH={SECRET}"}],
            "TARGET_INFO_SYSTEM_ENV": [{"name": "DeviceEnvironment", "value": SECRET}],
            "DIAGNOSTIC_EVENT": [{"severity": 3, "text": f"cannot write /home/{SECRET}"}],
        },
    )

    trace = read_nsys(path)

    assert SECRET.encode() in path.read_bytes()
    assert SECRET not in text_of(trace)
    assert str(tmp_path) not in text_of(trace)
    assert "nsys-errors" in {caveat.slug for caveat in trace.caveats}


def test_the_wall_clock_comes_with_the_zone_of_the_traced_computer(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", utc_epoch_ns=1_700_000_000_123_456_789, zone_h=-7)

    clock = read_nsys(path).clock

    assert clock.utc_epoch_ns == 1_700_000_000_123_456_789
    assert clock.local_minus_utc_ns == -7 * NS_PER_H


@pytest.mark.parametrize(
    ("table", "slug", "cure"),
    [
        ("CUPTI_ACTIVITY_KIND_KERNEL", "no-gpu-work", "-t cuda"),
        ("CUPTI_ACTIVITY_KIND_RUNTIME", "no-launches", "-t cuda"),
        ("NVTX_EVENTS", "no-nvtx", "-t cuda,nvtx"),
        ("TARGET_INFO_GPU", "unnamed-gpu", "Export the report again"),
        ("TARGET_INFO_SESSION_START_TIME", "no-wall-clock", "2021.3"),
    ],
)
def test_a_missing_table_is_named_with_its_cure(
    tmp_path: Path, table: str, slug: str, cure: str
) -> None:
    path = tmp_path / "x.sqlite"
    build_export(path, kernels=[("k", 1, 2)], ranges=[("r", 0, 5)], without=[table])

    text = caveat(read_nsys(path), slug)

    assert table in text
    assert cure in text


@pytest.mark.parametrize("table", ["ANALYSIS_DETAILS", "META_DATA_EXPORT", "GPU_METRICS"])
def test_tables_that_only_help_may_be_missing(tmp_path: Path, table: str) -> None:
    path = build_export(
        tmp_path / "x.sqlite",
        kernels=[("k", 1, 20)],
        ranges=[Range("r", 0, None)],
        metrics=[(0, "SM Active", 1)],
        without=[table],
    )

    trace = read_nsys(path)

    assert len(trace.gpu_work) == 1
    assert len(trace.nvtx_ranges) == 1


def test_tables_without_rows_are_like_no_tables(tmp_path: Path) -> None:
    """With --lazy=false every table exists, most of them empty."""
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 1, 20)])
    empty = ["NVTX_EVENTS (a)", "GPU_METRICS (b)", "CUPTI_ACTIVITY_KIND_MEMCPY (c)"]
    with closing(sqlite3.connect(path)) as file:
        for table in empty:
            file.execute(f"CREATE TABLE {table}")

    trace = read_nsys(path)

    assert len(trace.gpu_work) == 1
    assert "NVTX_EVENTS" in caveat(trace, "no-nvtx")


def test_an_export_without_texts_is_refused(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 1, 2)], without=["StringIds"])

    with pytest.raises(MissingTableError, match="StringIds"):
        read_nsys(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (_id_ INTEGER)")
        file.execute("CREATE TABLE StringTable (_id_ INTEGER)")

    with pytest.raises(NotATraceError, match="no export of Nsight Systems"):
        read_nsys(path)


def test_a_newer_schema_is_read_with_a_caveat_or_refused(tmp_path: Path) -> None:
    metadata = {"EXPORT_SCHEMA_VERSION": "4.1.0"}
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 1, 2)], metadata=metadata)

    assert "4.1.0" in caveat(read_nsys(path), "newer-schema")

    with closing(sqlite3.connect(path)) as file:
        file.execute('ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL RENAME COLUMN "end" TO "duration"')
    with pytest.raises(UnknownSchemaError, match=r"4\.1\.0"):
        read_nsys(path)
