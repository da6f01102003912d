"""What the shell adds to an analysis: a summary that fits, data on stdout, words on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.read.rank_files import write_ranks
from traceenergy.cli.app import main

FIXTURE = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "mixed_8gpu"


def analyze(*words: str) -> int:
    """Run `analyze` on a run of eight GPUs and give its exit code."""
    trace, power = str(FIXTURE / "trace.sqlite"), str(FIXTURE / "power.csv")
    with pytest.raises(SystemExit) as left:
        main(["analyze", trace, "--power", power, *words])
    return left.value.code if isinstance(left.value.code, int) else 0


def test_json_on_stdout_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("-o", "-") == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == "traceenergy.analysis"
    assert shown.out.endswith("}\n")
    assert not shown.out.endswith("\n\n")
    assert "What to doubt" in shown.err


def test_the_summary_fits_a_narrow_terminal_with_its_numbers_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Columns used to shrink alike, which broke numbers in two: `(13.4-206.8` above `)`."""
    monkeypatch.setenv("COLUMNS", "80")

    assert analyze("-o", str(tmp_path / "x.md")) == 0

    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.count("(") == line.count(")") for line in lines if " J (" in line)
    assert sum(" J (" in line for line in lines) > 15
    assert shown.err.splitlines()[-1].startswith("Wrote ")


def test_alike_caveats_of_eight_gpus_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("-o", "-") == 0

    shown = capsys.readouterr()
    slugs = [caveat["slug"] for caveat in json.loads(shown.out)["caveats"]]
    assert slugs.count("power-calibrated") == 8
    assert shown.err.count("power-calibrated") == 1
    assert "power-calibrated, on 8 devices:" in shown.err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert analyze("-q", "-o", str(tmp_path / "x.json")) == 0

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "^tick"), "[Executor] _forward_step *: * ctx reqs, * gen reqs  ("),
        (("--steps", "["), "is no regular expression"),
        (("--tokens-per-step", "0"), "tokens per step must lie between 1 and 1000000000000, got 0"),
        (("--tokens-per-step", "many"), "neither a whole number nor a .csv file"),
        (("--tokens-per-step", "gone.csv"), "cannot read gone.csv"),
    ],
)
def test_steps_and_tokens_that_mean_nothing_end_with_2(
    words: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze("--time-only", "-o", "-", *words) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err


def test_processes_do_not_show_in_the_result_and_broken_ranks_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = [str(file) for file in write_ranks(tmp_path, 3)]
    (tmp_path / "rank3.sqlite").write_bytes(b"")
    found = []
    for jobs in ("1", "2"):
        words = ["--jobs", jobs, "--on-error", "skip", "-q", "-o", "-"]
        with pytest.raises(SystemExit) as left:
            main(["analyze", *files, str(tmp_path / "rank3.sqlite"), *words])
        assert not left.value.code
        found.append(capsys.readouterr().out)

    assert found[0] == found[1]
    (caveat,) = [c for c in json.loads(found[0])["caveats"] if c["slug"] == "rank-left-out"]
    assert caveat["n"] == 1
    assert "rank3.sqlite (unreadable-file)" in caveat["text"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--jobs", "2", "--scheduler", "tcp://x:1"), "--jobs and --scheduler were both given"),
        (("--on-error", "ignore"), "--on-error 'ignore' is not known"),
        (("--scheduler", "nonsense://x"), "error[scheduler]: no Dask scheduler answers at"),
    ],
)
def test_workers_that_cannot_be_had_end_with_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze("-o", "-", *words) == 2

    assert said in capsys.readouterr().err


def test_a_run_that_fits_no_powers_loads_nothing_heavy(tmp_path: Path) -> None:
    """A page of a short run: scipy's parts and plotly's classes took half a second of each."""
    words = ["analyze", str(FIXTURE / "trace.sqlite"), "--time-only", "-q"]
    words += ["-o", str(tmp_path / "x.html"), "-o", str(tmp_path / "x.json")]
    code = (
        "import atexit, sys; from traceenergy.cli.app import main;"
        "heavy = {'scipy.linalg', 'scipy.sparse', 'plotly', 'narwhals', 'sqlite_utils', 'pandas',"
        "'rich', 'multiprocessing', 'traceenergy.cli.simulate',"
        "'traceenergy.read.pytorch'};"
        "atexit.register(lambda: print(*sorted(heavy & set(sys.modules))));"
        f"main({words!r})"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (tmp_path / "x.html").stat().st_size > 1_000_000
    assert done.stdout.split() == []
