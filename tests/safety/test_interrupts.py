"""Ctrl-C while a command runs: exit code 130, no traceback, old files whole, nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from traceenergy.cli.app import main
from traceenergy.cli.interrupts import kept_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[2] / "fixtures"
TRACE = FIXTURES / "nsys" / "3.0.0" / "decode" / "trace.sqlite"
BASE, HEAD = FIXTURES / "compare" / "base.json", FIXTURES / "compare" / "head.json"
COMMANDS = {
    "analyze": ["analyze", str(TRACE), "--time-only"],
    "compare": ["compare", str(BASE), str(HEAD)],
    "sweep": ["sweep", str(BASE), str(HEAD)],
}
# The call of the class at which Ctrl-C is pressed: early, in the midst, while a file gets its name.
MOMENTS = {
    "early": (pl.DataFrame, "select", 1),
    "midst": (pl.DataFrame, "select", 12),
    "naming": (Path, "replace", 1),
    "second": (Path, "replace", 2),
}


def press_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at_call: int
) -> list[str]:
    """Have the n-th call of a method interrupted; the list tells each call."""
    calls: list[str] = []
    method: Callable[..., object] = getattr(owner, name)

    def interrupted(*arguments: object, **words: object) -> object:
        calls.append(name)
        if len(calls) == at_call:
            signal.raise_signal(signal.SIGINT)
        return method(*arguments, **words)

    monkeypatch.setattr(owner, name, interrupted)
    return calls


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_leaves_old_files_whole(
    command: str,
    moment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [tmp_path / "r.json", tmp_path / "r.md"]
    outputs = [word for file in files for word in ("-o", str(file))]
    for file in files:
        file.write_text("old")
    owner, name, at_call = MOMENTS[moment]
    calls = press_ctrl_c(monkeypatch, owner, name, at_call)

    with pytest.raises(SystemExit) as left:
        main([*COMMANDS[command], *outputs, "--force", "-q"])

    assert len(calls) >= at_call
    assert left.value.code == 130
    assert "Traceback" not in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == files
    is_old = [file.read_text() == "old" for file in files]
    assert is_old == [at_call == 1 or name != "replace", True]


def ranks(folder: Path) -> list[str]:
    for rank, version in enumerate(("3.0.0", "3.7.2")):
        source = FIXTURES / "nsys" / version / "decode" / "trace.sqlite"
        (folder / f"rank{rank}.sqlite").symlink_to(source)
    return ["analyze", str(folder), "--jobs", "2", "--time-only"]


@pytest.mark.parametrize("after_s", [0.05, 0.3, 1.0])
def test_ctrl_c_in_a_terminal_reaches_all_processes(after_s: float, tmp_path: Path) -> None:
    """Until `run` is called, Python may print a traceback of its own."""
    (tmp_path / "in").mkdir()
    (tmp_path / "temporary").mkdir()
    out = tmp_path / "out.json"
    words = [sys.executable, "-m", "traceenergy", *ranks(tmp_path / "in"), "-o", str(out)]
    with subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
    ) as process:
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode in (0, 130, -signal.SIGINT)
    assert out.exists() == (process.returncode == 0)
    assert "in run\n" not in said
    assert "multiprocessing" not in said
    assert list((tmp_path / "temporary").iterdir()) == []


class _Referred:
    """Something that can be referred to weakly."""


def test_ctrl_c_in_a_callback_is_raised_again() -> None:
    things = [_Referred()]
    reference = weakref.ref(things[0], lambda _: signal.raise_signal(signal.SIGINT))

    def wait() -> None:
        with kept_interrupts():
            things.clear()
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        wait()

    assert reference() is None


def test_other_dropped_errors_are_said_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def fail(_: object) -> None:
        raise ValueError

    before, sys.unraisablehook = sys.unraisablehook, lambda dropped: seen.append(dropped.exc_type)
    try:
        thing = _Referred()
        reference = weakref.ref(thing, fail)
        with kept_interrupts():
            del thing
    finally:
        sys.unraisablehook = before

    assert reference() is None
    assert seen == [ValueError]
    assert capsys.readouterr().err == ""
