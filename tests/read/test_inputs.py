"""Which files a user meant, besides what kind each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import build_export
from traceenergy.errors import (
    NotATraceError,
    TraceEnergyError,
    UnreadableFileError,
    UsageError,
)
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path


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
