"""The command `inspect`: words, JSON, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.export import build_export
from tests.literals import Work
from traceenergy.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["inspect", *words])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    # Square brackets would be eaten as markup if names went to rich unescaped.
    gpu = {"id": 0, "name": "Toy [bold]GPU", "uuid": "AB-01"}
    return build_export(tmp_path / "t.sqlite", kernels=[Work("gemm", 10, 20)], gpus=[gpu])


def test_answers_go_to_stdout_with_a_line_that_can_be_copied(
    trace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    assert run(str(trace)) == 0
    shown = capsys.readouterr()
    command = "  nsys profile -t cuda,nvtx --cuda-graph-trace=node"
    assert any(line.startswith(command) for line in shown.out.splitlines())
    assert any(line.endswith("-o run PROGRAM") for line in shown.out.splitlines())
    assert "kernels" in shown.out
    assert "Toy [bold]GPU" in shown.out
    assert shown.err == ""


def test_json_holds_the_same_without_the_folder(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(trace), "--json") == 0
    answer = json.loads(capsys.readouterr().out)

    assert answer["origins"][0]["name"] == "t.sqlite"
    assert {"what": "kernels", "n": 1} in answer["counts"]
    assert str(trace.parent) not in json.dumps(answer)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00"])
def test_a_broken_file_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(content)

    assert run(str(broken)) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error[unreadable-file]: broken.sqlite")
    assert shown.out == ""
