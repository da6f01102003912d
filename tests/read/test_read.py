"""File -> Trace: kinds of input, ranks of a run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export, thread_id
from tests.export import UTC_EPOCH_NS
from traceenergy.errors import (
    MissingToolError,
    NotATraceError,
    TraceEnergyError,
    UnreadableFileError,
    UsageError,
)
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace


def slugs(trace: Trace) -> set[str]:
    return {caveat.slug for caveat in trace.caveats}


def write_nsys(folder: Path, script: str) -> None:
    """Put a program named nsys into a folder; `$out` and `$in` are its output and input."""
    tool = folder / "nsys"
    find = 'while [ "$1" != -o ]; do shift; done; out="$2"; in="$3"'
    tool.write_text(f"#!/bin/sh\n{find}\n{script}\n")
    tool.chmod(0o755)


def test_one_file_is_rank_0(tmp_path: Path) -> None:
    path = build_export(tmp_path / "rank3.sqlite", kernels=[("k", 1, 2)])

    trace = read_trace(str(path))

    assert trace.gpu_work["rank"].to_list() == [0]
    assert [(origin.name, origin.kind) for origin in trace.origins] == [
        ("rank3.sqlite", "nsys-sqlite")
    ]


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


def test_files_of_a_folder_sort_by_number(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        build_export(tmp_path / f"run_{number}.sqlite", kernels=[("k", number, 99)])

    trace = read_trace(tmp_path)

    assert [origin.name for origin in trace.origins] == [
        "run_1.sqlite",
        "run_9.sqlite",
        "run_10.sqlite",
    ]
    assert [origin.rank for origin in trace.origins] == [0, 1, 2]


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


def test_a_report_is_exported_into_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build_export(tmp_path / "made.sqlite", kernels=[Work("k", 1, 2)])
    write_nsys(tmp_path, f'cp "{made}" "$out"')
    (tmp_path / "in").mkdir()
    report = tmp_path / "in" / "my run.nsys-rep"
    report.write_bytes(b"report")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    trace = read_trace(report)

    (origin,) = trace.origins
    assert (origin.name, origin.kind) == ("my run.nsys-rep", "nsys-rep")
    # sha256 of b"report"
    assert origin.sha256.startswith("845e91831319e89c")
    assert len(trace.gpu_work) == 1
    assert [file.name for file in (tmp_path / "in").iterdir()] == ["my run.nsys-rep"]


def test_what_nsys_says_is_passed_on_without_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nsys(tmp_path, 'echo "cannot parse $in: version 99" >&2; exit 3')
    report = tmp_path / "x.qdrep"
    report.write_bytes(b"report")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(UnreadableFileError, match="exit code 3") as caught:
        read_trace(report)

    assert "cannot parse ...: version 99" in caught.value.details
    assert str(tmp_path) not in str(caught.value)


def test_a_report_without_nsys_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "x.nsys-rep"
    report.write_bytes(b"report")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingToolError, match="nsys is not on PATH"):
        read_trace(report)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("x.json", b"{}", NotATraceError, "PyTorch"),
        ("x.json.gz", b"\x1f\x8b", NotATraceError, "PyTorch"),
        ("x.parquet", b"PAR1", NotATraceError, "parquetdir"),
        ("x.txt", b"hello", NotATraceError, "no known kind"),
        ("x.sqlite", b"hello", UnreadableFileError, "no SQLite"),
        ("x.sqlite", b"", UnreadableFileError, "empty"),
        ("x.nsys-rep", b"version https://git-lfs.", UnreadableFileError, "Git LFS"),
        ("x.sqlite", None, UnreadableFileError, "not there"),
    ],
)
def test_other_inputs_are_refused_by_kind(
    tmp_path: Path,
    name: str,
    content: bytes | None,
    error: type[TraceEnergyError],
    words: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(error, match=words) as caught:
        read_trace(tmp_path / name)

    assert caught.value.exit_code == 2


def test_a_folder_without_traces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="holds no trace"):
        read_trace(tmp_path)
    (tmp_path / "KERNEL.parquet").write_bytes(b"PAR1")
    with pytest.raises(NotATraceError, match="parquetdir"):
        read_trace(tmp_path)
    with pytest.raises(UsageError, match="no trace"):
        read_trace([])


def test_an_export_is_known_by_its_content(tmp_path: Path) -> None:
    path = build_export(tmp_path / "no-ending", kernels=[("k", 1, 2)])

    assert len(read_trace(path).gpu_work) == 1


def test_power_marks_inside_the_trace_are_read_unless_a_log_is_given(tmp_path: Path) -> None:
    # 300 W by marks of the program; 90 W by the log, at UTC 0.1 s and 0.2 s after trace time 0.
    domain = {"eventType": 75, "start": -9, "domainId": 3, "text": "traceenergy"}
    mark = {"eventType": 34, "domainId": 3, "text": "power", "int64Value": 300_000}
    rows = [domain, {**mark, "start": 10}, {**mark, "start": 99_000_000}]
    raw = {"NVTX_EVENTS": [{**row, "globalTid": thread_id(1, 1)} for row in rows]}
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 0, 300_000_000)], raw=raw)
    log = tmp_path / "smi.csv"
    log.write_text(
        "timestamp, power.draw [W]\n"
        "2023/11/14 22:13:20.100, 90.00 W\n"  # 1,700,000,000 s since 1970 is 22:13:20
        "2023/11/14 22:13:20.200, 90.00 W\n"
    )

    marks = read_trace(path).power_samples
    logged = read_trace(path, power=[log])

    assert marks.select("sample_ns", "power_w").rows() == [(10, 300.0), (99_000_000, 300.0)]
    assert logged.power_samples.select("sample_ns", "power_w").rows() == [
        (100_000_000, 90.0),
        (200_000_000, 90.0),
    ]
    assert [origin.kind for origin in logged.origins] == ["nsys-sqlite", "nvidia-smi"]
