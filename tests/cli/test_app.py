"""The last door: exit codes, words on stderr, help that comes at once."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from traceenergy import __version__
from traceenergy.cli import app as app_module
from traceenergy.cli.app import COMMANDS, main
from traceenergy.cli.options import Verbose  # noqa: TC001 - typer reads annotations
from traceenergy.errors import ClockMismatchError, NoPowerError

HEAVY = ("polars", "numpy", "scipy", "plotly", "jinja2", "rich")


def run(*words: str) -> int:
    """Run the command line in this process and give its exit code."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return left.value.code if isinstance(left.value.code, int) else 0


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Stand in for the commands: one that raises what the test puts into the list."""
    to_raise: list[BaseException] = []

    def make_app(_commands: object) -> typer.Typer:
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

        @app.command()
        def fail(*, verbose: Verbose = False) -> None:
            del verbose
            raise to_raise[0]

        return app

    monkeypatch.setattr(app_module, "make_app", make_app)
    return to_raise


def test_an_error_of_ours_is_shown_in_its_parts_with_its_exit_code(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    raising.append(
        ClockMismatchError(
            "power log and trace do not overlap in time",
            details="trace 12:00\npower 10:00",
            next_step="pass --power-clock-offset 2h",
        )
    )

    assert run() == 2
    shown = capsys.readouterr()
    assert shown.err == (
        "error[clock-mismatch]: power log and trace do not overlap in time\n"
        "  trace 12:00\n"
        "  power 10:00\n"
        "  next: pass --power-clock-offset 2h\n"
    )
    assert shown.out == ""


def test_no_power_has_an_exit_code_of_its_own(raising: list[BaseException]) -> None:
    raising.append(NoPowerError("no power data"))

    assert run() == 3


def test_a_defect_is_never_mistaken_for_a_result_or_a_failed_gate(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    raising.append(KeyError("SECRET_TOKEN=abc"))

    assert run() == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error[internal]: a defect of traceenergy {__version__} (KeyError)")
    assert "Traceback" not in shown
    assert "SECRET_TOKEN" not in shown, "text of foreign errors may hold private values"


def test_verbose_shows_where_an_error_came_from(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    raising.append(NoPowerError("no power data"))

    assert run("-v") == 3
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_leaves_with_130_and_without_a_traceback(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    raising.append(KeyboardInterrupt())

    assert run() == 130
    assert "Traceback" not in capsys.readouterr().err


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"traceenergy {__version__}\n"


@pytest.mark.parametrize("words", [["nonsense"], ["inspect"], ["inspect", "a", "--nonsense"]])
def test_bad_usage_leaves_with_2(words: list[str]) -> None:
    assert run(*words) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_complete(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    text = capsys.readouterr().out
    assert f"Usage: traceenergy {command}" in text
    assert re.search(rf"Examples?:.*traceenergy {command}", text, re.DOTALL)
    for parameter in _parameters(command):
        assert getattr(parameter, "help", ""), f"{parameter.name} says nothing"


def _parameters(command: str) -> list[object]:
    group = typer.main.get_command(app_module.make_app())
    return list(group.commands[command].params)  # type: ignore[attr-defined] - a group has commands


def test_help_loads_nothing_heavy() -> None:
    # polars alone takes longer to load than help may take to appear (0.25 s).
    code = (
        "import sys; from traceenergy.cli.app import make_app; make_app();"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "traceenergy", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"traceenergy {__version__}\n"


def test_a_reader_that_leaves_early_sees_no_complaint() -> None:
    # `traceenergy --help | head -0`: the pipe is closed before anything is written.
    code = (
        "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1);"
        "from traceenergy.cli.app import main; main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_the_program_seldom_looks_for_rings_of_objects() -> None:
    code = (
        "import atexit, gc, sys; from traceenergy.__main__ import run;"
        "atexit.register(lambda: print(gc.get_freeze_count(), gc.get_threshold()[0]));"
        "sys.argv = ['traceenergy', '--version']; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    n_left_alone, n_between = map(int, done.stdout.splitlines()[-1].split())
    assert n_left_alone > 10_000, "at the end it would look at all of them"
    assert n_between >= 100_000
