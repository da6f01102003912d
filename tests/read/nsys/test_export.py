"""Report of Nsight Systems -> SQLite, by nsys itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export
from traceenergy.errors import MissingToolError, UnreadableFileError
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path


def write_nsys(folder: Path, script: str) -> None:
    """Put a program named nsys into a folder; `$out` and `$in` are its output and input."""
    tool = folder / "nsys"
    find = 'while [ "$1" != -o ]; do shift; done; out="$2"; in="$3"'
    tool.write_text(f"#!/bin/sh\n{find}\n{script}\n")
    tool.chmod(0o755)


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
