"""File -> Trace: kinds of input, ranks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export, thread_id
from traceenergy.errors import (
    MissingToolError,
    UnreadableFileError,
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
    assert {caveat.where for caveat in trace.caveats} == {"my run.nsys-rep"}
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
