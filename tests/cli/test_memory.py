"""A run that memory cannot hold is said to be so before it is read."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from traceenergy.cli import memory

if TYPE_CHECKING:
    from pathlib import Path

GB = 10**9
SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,thp:always",
    "OPENBLAS_NUM_THREADS": "1",
}
BEGIN = (
    "import os, sys, traceenergy.__main__ as program, traceenergy.cli.app as app; "
    "app.main = lambda: None; program.run()"
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Make a file of 4 GB, all of it a hole, that begins as SQLite does."""
    path = tmp_path / "large.sqlite"
    with path.open("wb") as file:
        file.write(b"SQLite format 3\0")
        file.truncate(4 * GB)
    return path


def test_an_export_larger_than_memory_is_said_with_slices_that_fit(
    export: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 8 * GB)

    memory.warn_of_memory([export])

    told = capsys.readouterr().err
    assert "4.0 GB of exports may need 18 GB of memory, and 8 GB are free" in told
    # 18 GB in 8 parts is below half of what is free; in 4 parts it is not.
    assert "--slices 8 --jobs 1" in told


@pytest.mark.parametrize("free", [19 * GB, None])
def test_nothing_is_said_where_it_fits_or_nobody_knows(
    export: Path,
    free: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: free)

    memory.warn_of_memory([export])

    assert capsys.readouterr().err == ""


def test_a_small_export_is_not_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.sqlite"
    small.write_bytes(b"SQLite format 3\0" * 100)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1)

    memory.warn_of_memory([small])

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("limit", "use", "most"),
    [
        ("6000000000\n", "anon 5000000000\nfile 900000000\n", GB),
        ("max\n", "anon 5\n", None),
    ],
)
def test_the_limit_of_a_control_group_counts(
    limit: str, use: str, most: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("_GROUP_LIMIT", limit), ("_GROUP_USE", use)):
        path = tmp_path / name
        path.write_text(text, encoding="ascii")
        monkeypatch.setattr(memory, name, path)
    monkeypatch.setattr(memory, "_of_computer", lambda: 400 * GB)

    assert memory.available_bytes() == (400 * GB if most is None else most)


@pytest.mark.parametrize("chosen", [{}, dict.fromkeys(SETTINGS, "4")])
def test_what_somebody_chose_for_libraries_stays(chosen: dict[str, str]) -> None:
    known = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    listed = f"print(*(os.environ[name] for name in {list(SETTINGS)}))"
    words = [sys.executable, "-c", f"{BEGIN}; {listed}"]

    said = subprocess.run(words, env=known | chosen, capture_output=True, text=True, check=True)

    assert said.stdout.split() == list((chosen or SETTINGS).values())
