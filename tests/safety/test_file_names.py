"""Names of files that are no text, or lead in a circle: refused by name, never a traceback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import traceenergy as te
from tests.fuzz.base import write_base
from traceenergy.cli.app import main
from traceenergy.errors import BadSweepError, UnreadableFileError, UsageError
from traceenergy.foreign_text import is_text, parse_json
from traceenergy.report.outputs import check_outputs
from traceenergy.sweeps.sources import list_sources, read_description
from traceenergy.whole_files import real_path

if TYPE_CHECKING:
    from pathlib import Path

ODD = os.fsdecode(b"a\xff.sqlite")


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_base(folder / ODD)

    for named in (folder, folder / ODD):
        with pytest.raises(UnreadableFileError, match="is no text in UTF-8"):
            te.read_trace(named)


@pytest.mark.parametrize("words", [["analyze", ODD], ["analyze", "a.sqlite", "--steps", "\udcff"]])
def test_words_of_the_shell_that_are_no_text_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)

    assert left.value.code == UsageError.exit_code
    assert "error[bad-usage]: a word of the call is no text" in capsys.readouterr().err


def test_a_run_behind_a_link_takes_a_name_that_is_text(tmp_path: Path) -> None:
    (tmp_path / ODD).touch()
    link = tmp_path / "link.sqlite"
    link.symlink_to(tmp_path / ODD)

    assert [source.name for source in list_sources([link])] == ["link"]


def test_links_in_a_circle_are_not_there(tmp_path: Path) -> None:
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)

    assert real_path(loop).name == "loop.json"
    assert [source.name for source in list_sources([loop])] == ["loop"]
    check_outputs([str(tmp_path / "x.json")], [loop])
    with pytest.raises(UnreadableFileError, match="is not there"):
        te.load(loop)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_descriptions_of_runs_name_possible_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.toml"
    path.write_text(f'[[run]]\ntrace = "{name}"\n'.replace("\0", "\\u0000"), encoding="utf-8")

    with pytest.raises(BadSweepError) as caught:
        read_description(path)

    assert "no name of a file" in caught.value.details


@pytest.mark.parametrize(
    ("text", "found"),
    [('"\\ud83d\\ude80"', "\N{ROCKET}"), ('"\\\\ud83d"', "\\ud83d"), ("[NaN, 1]", None)],
)
def test_whole_characters_are_parsed(text: str, found: str | None) -> None:
    assert found is None or parse_json(text, strict=True) == found
    if found is None:
        assert parse_json(text)[1] == 1


@pytest.mark.parametrize("text", ['"\\ud83d"', '{"\\uDE80": 1}', "NaN", "[" * 100_000, "9" * 5_000])
def test_what_cannot_be_written_again_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as it is documented
        parse_json(text, strict=True)


def test_halves_of_characters_are_no_text() -> None:
    assert is_text("é \N{ROCKET}")
    assert not is_text("\ud83d")
