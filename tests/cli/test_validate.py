"""The command `validate`, from files to text and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from traceenergy.cli.app import main

FIXTURES = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0"
TRACE, POWER = str(FIXTURES / "decode" / "trace.sqlite"), str(FIXTURES / "decode" / "power.csv")


def validate(*words: str) -> int:
    """Run `validate` and give its exit code."""
    with pytest.raises(SystemExit) as left:
        main(["validate", *words])
    return left.value.code if isinstance(left.value.code, int) else 0


def test_text_is_one_screen_and_files_are_beside_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    outs = (str(tmp_path / "v.json"), str(tmp_path / "v.md"))

    code = validate(TRACE, "--power", POWER, "--draws", "1", "-o", outs[0], "-o", outs[1])

    assert code == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("On 1 run of the same work")
    assert len(lines) < 50
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("MLA") for line in lines)
    assert any(line.startswith("a run 10 times as long") for line in lines)
    assert shown.err.splitlines() == [f"Wrote {out}" for out in outs]
    found = json.loads(Path(outs[0]).read_text())
    assert found["options"]["draws"] == 1
    assert sum(row["energy_j"] for row in found["phases"]) == pytest.approx(
        sum(row["energy_j"] for row in found["kernels"])
    )


def test_json_on_stdout_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(TRACE, "--power", POWER, "--draws", "1", "--seed", "3", "-q", "-o", "-") == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == "traceenergy.validation"
    assert shown.err == ""


def test_readings_that_tell_nothing_end_with_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # the same power in every line
    head, *lines = Path(POWER).read_text().splitlines()
    fields = [name.strip() for name in head.split(",")]
    still = []
    for line in lines:
        values = line.split(", ")
        still.append(
            ", ".join(
                "300.00 W" if name.startswith("power.draw") else value
                for name, value in zip(fields, values, strict=True)
            )
        )
    log = tmp_path / "power.csv"
    log.write_text("\n".join([head, *still]) + "\n")

    assert validate(TRACE, "--power", str(log)) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error[regression-refused]" in shown.err
    assert "the power readings never change" in shown.err


def test_no_power_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(TRACE) == 3

    assert "error[no-power]" in capsys.readouterr().err


def test_an_output_that_cannot_be_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert validate(TRACE, "--power", POWER, "-o", "v.html") == 2

    assert "use one of .json .md" in capsys.readouterr().err
