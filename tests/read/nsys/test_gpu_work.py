"""Kernels, copies, memsets, whole graphs of an export."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export
from tests.export_tables import SCHEMAS
from traceenergy.errors import MissingTableError, UnreadableFileError
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from traceenergy.trace.model import Trace

KERNEL, API = "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME"


def name_of(trace: Trace, frame: pl.DataFrame) -> list[str]:
    return trace.names.gather(frame["name_id"]).to_list()


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_schema_gives_the_same_work(tmp_path: Path, schema: str) -> None:
    path = build_export(
        tmp_path / "x.sqlite",
        schema,
        kernels=[
            Work("gemm", 10, 20, full_name="gemm<float>(int)", blocks=6, node=7),
            Work("copy", 20, 30, table="MEMCPY", n_bytes=64, copy_kind=8),
            Work("set", 30, 45, table="MEMSET", n_bytes=32),
        ],
        ranges=[("step", 5, 50)],
    )

    trace = read_nsys(path)

    columns = ["table", "start_ns", "end_ns", "grid_blocks", "bytes", "graph_node_id"]
    assert trace.gpu_work.select(columns).rows() == [
        ("KERNEL", 10, 20, 6, None, 7),
        ("MEMCPY", 20, 30, None, 64, None),
        ("MEMSET", 30, 45, None, 32, None),
    ]
    assert name_of(trace, trace.gpu_work) == ["gemm", "[CUDA memcpy DtoD]", "[CUDA memset]"]
    assert trace.names[trace.gpu_work["full_name_id"][0]] == "gemm<float>(int)"
    assert len(trace.launches) == 3
    assert len(trace.nvtx_ranges) == 1
    assert trace.devices["name"].to_list() == ["Toy GPU"]
    assert trace.origins[0].schema_version == (None if schema == "none" else schema)


def test_whole_graphs_are_work_of_one_block(tmp_path: Path) -> None:
    graph = Work("g", 10, 30, table="GRAPH", node=4, api="cudaGraphLaunch_v10000")

    trace = read_nsys(build_export(tmp_path / "x.sqlite", "3.24.0", kernels=[graph]))

    assert trace.gpu_work["table"].to_list() == ["GRAPH"]
    assert name_of(trace, trace.gpu_work) == ["[CUDA graph 4]"]
    assert slugs(trace)["graphs-as-blocks"] == 1


def test_copies_of_unknown_kind_keep_their_number(tmp_path: Path) -> None:
    copies = [Work("", i, i + 1, table="MEMCPY", copy_kind=kind) for i, kind in enumerate((1, 99))]

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=copies))

    assert name_of(trace, trace.gpu_work) == ["[CUDA memcpy HtoD]", "[CUDA memcpy kind 99]"]


def test_work_that_ends_before_it_starts_is_clipped(tmp_path: Path) -> None:
    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[("back", 30, 20)]))

    assert trace.gpu_work.select("start_ns", "end_ns").rows() == [(30, 30)]
    assert slugs(trace)["negative-duration"] == 1


def test_work_before_the_capture_is_kept(tmp_path: Path) -> None:
    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[("early", -90, -20)]))

    assert trace.gpu_work["start_ns"].to_list() == [-90]


def test_ids_that_are_negative_or_beyond_float_are_exact(tmp_path: Path) -> None:
    # A machine byte >= 0x80 makes ids negative; 2**53 + 1 is the first float64 cannot hold.
    process, correlation = -144115188075855872, 2**53 + 1
    row = {"start": 1, "end": 2, "deviceId": 0, "streamId": 7, "shortName": 1}
    raw = {
        KERNEL: [{**row, "correlationId": correlation, "globalPid": process}],
        API: [
            {"start": 0, "end": 1, "eventClass": 0, "globalTid": process + 17, "nameId": 1,
             "correlationId": correlation}
        ],
        "StringIds": [{"id": 1, "value": "k"}],
    }  # fmt: skip

    trace = read_nsys(build_export(tmp_path / "x.sqlite", raw=raw))

    assert trace.gpu_work.select("process_id", "correlation_id").rows() == [(process, correlation)]
    assert trace.launches.select("process_id", "thread_id").rows() == [(process, process + 17)]
    assert "work-without-launch" not in slugs(trace)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - only this test damages a file

    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 1, 2)])
    file = sqlite3.connect(path)
    file.execute(f"ALTER TABLE {KERNEL} DROP COLUMN streamId")
    file.commit()
    file.close()

    with pytest.raises(MissingTableError, match=KERNEL) as caught:
        read_nsys(path)

    assert "streamId" in caught.value.details


def test_rows_without_a_device_are_damage(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[Work("k", 10, 20), Work("k", 30, 40)])
    # A flipped bit turns a number to NULL, which the declaration of the table forbids.
    with closing(sqlite3.connect(path)) as file:
        (made,) = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", [KERNEL]).fetchone()
        rows = file.execute(f"SELECT * FROM {KERNEL}").fetchall()  # noqa: S608 - own name
        file.execute(f"DROP TABLE {KERNEL}")
        file.execute(made.replace("NOT NULL", ""))
        marks = ", ".join("?" * len(rows[0]))
        file.executemany(f"INSERT INTO {KERNEL} VALUES ({marks})", rows)  # noqa: S608 - own name
        file.execute(f"UPDATE {KERNEL} SET deviceId = NULL WHERE start = 30")  # noqa: S608 - own name
        file.commit()

    with pytest.raises(UnreadableFileError, match="1 rows of CUPTI_ACTIVITY_KIND_KERNEL"):
        read_nsys(path)
