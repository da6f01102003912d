"""The command `rules`."""

from __future__ import annotations

from pathlib import Path

import pytest

from traceenergy.cli.app import main

FIXTURES = Path(__file__).parents[2] / "fixtures" / "nsys"
RULE = """\
format_version = 1
name = "mine"
[[rule]]
phase = "other.stencil"
kernel = 'jacobi_kernel'
"""


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["rules", *words])
    return int(left.value.code or 0)


def test_check_counts_what_is_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RULE, encoding="utf-8")

    assert run("--check", str(file)) == 0
    assert capsys.readouterr().out == (
        "OK mine: 1 rules, 0 layer patterns, 0 step patterns, 0 backward patterns, "
        "0 stage patterns\n"
    )


def test_a_bad_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RULE.replace("other", "others"), encoding="utf-8")

    assert run("--check", str(file)) == 2
    assert "mine.toml: line 3, rule 1: unknown first-level phase 'others'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("words", [(), ("--check", "a.toml", "--explain", "b.sqlite")])
def test_one_of_the_two_questions_is_asked(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert "error[bad-usage]" in capsys.readouterr().err


def test_explain_shows_the_deciding_rule(
    tmp_path: Path, shared_traces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RULE, encoding="utf-8")
    trace = str(shared_traces / "v100_mpi_jacobi.sqlite")

    assert run("--explain", trace) == 0
    assert "unclassified" in capsys.readouterr().out
    assert run("--explain", trace, "--rules", str(file), "--limit", "3") == 0
    shown = capsys.readouterr().out
    assert "mine:1" in shown
    assert "other.stencil" in shown
    assert "more rows; --limit" in shown


def test_explain_tells_what_stayed_unclassified(capsys: pytest.CaptureFixture[str]) -> None:
    run_of = FIXTURES / "3.25.0" / "decode"
    words = ("--explain", str(run_of / "trace.sqlite"), "--limit", "2")

    assert run(*words) == 0
    without = capsys.readouterr().out
    assert run(*words, "--power", str(run_of / "power.csv")) == 0
    with_power = capsys.readouterr().out

    assert without.splitlines()[-1] == "unclassified: 0.0% of the busy time"
    assert "energy J" not in without
    assert with_power.splitlines()[-1] == (
        "unclassified: 0.0% of the busy time, 0.0% of the energy"
    )
    assert "energy J" in with_power


def test_power_that_was_asked_for_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "power.csv"
    log.write_text("timestamp, index, power.draw [W]\n", encoding="utf-8")
    trace = str(FIXTURES / "3.25.0" / "decode" / "trace.sqlite")

    assert run("--explain", trace, "--power", str(log)) != 0
    assert "error[" in capsys.readouterr().err
