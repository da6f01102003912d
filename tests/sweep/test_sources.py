"""Descriptions of runs: what they state, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from traceenergy.errors import BadSweepError, UnreadableFileError, UsageError
from traceenergy.sweeps.reduce import run_of_numbers
from traceenergy.sweeps.result import SweepOptions
from traceenergy.sweeps.sources import list_sources, read_description
from traceenergy.sweeps.step_file import read_steps

if TYPE_CHECKING:
    from pathlib import Path


def described(folder: Path, text: str) -> Path:
    path = folder / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_description_states_settings_and_names_files_from_its_folder(tmp_path: Path) -> None:
    (run,) = read_description(
        described(
            tmp_path,
            """
            [[run]]
            trace = ["r0.sqlite", "r1.sqlite"]
            power = "smi.csv"
            label = "tp 2"
            gpu = "H100"
            tp = 2
            clock_mhz = 1410
            perfect_router = true
            tokens_per_step = 64
            """,
        )
    )

    assert run.files == (tmp_path / "r0.sqlite", tmp_path / "r1.sqlite")
    assert run.power == (tmp_path / "smi.csv",)
    assert run.tokens_per_step == 64
    assert run.stated == {
        "label": "tp 2", "gpu_name": "H100", "tensor_parallel": 2, "clock_mhz": 1410.0,
        "perfect_router": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[run]]\ntrace = 3", "run[0].trace: expected a text, or a list of texts, got '3'"),
        ("[[run]]\ntrace = 'a'\nclock_mhz = 'x'", "run[0].clock_mhz: expected a number from 0"),
        (
            "[[run]]\ntrace = 'a'\n[[run]]\ntrace = 'b'\ntp = 0",
            "run[1].tp: expected a whole number",
        ),
        ("[[run]]\ntrace = 'a'\nperfect_router = 1", "run[0].perfect_router: expected true or"),
        ("[[run]]\ntrace = 'a'\nclok_mhz = 1", "run[0].clok_mhz: expected one of"),
        ("[[run]]\nlabel = 'a'", "run[0]: expected `trace`, or `elapsed_s`"),
        ("[[run]]\nelapsed_s = 1\npower = 'a'", "run[0]: `power`, `requests` and `step_pattern`"),
        ("[[run]]\nelapsed_s = 0", "run[0].elapsed_s: expected more than 0"),
        ("", "run: expected at least one table"),
        ("[[runs]]", "runs: expected one of run"),
        ("[[run", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named_by_file_table_and_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadSweepError) as caught:
        read_description(described(tmp_path, text))

    assert said in str(caught.value)
    assert "fleet.toml" in caught.value.what


def test_a_description_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        read_description(tmp_path / "none.toml")


def test_a_run_named_twice_is_no_repeat(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is named twice"):
        list_sources([tmp_path / "a.json", tmp_path / "b.json", tmp_path / "." / "a.json"])
    with pytest.raises(UsageError, match="no run is named"):
        list_sources([])


def test_steps_of_a_table_give_users_times_and_intervals(tmp_path: Path) -> None:
    lines = [f"{0.1 if i % 2 else 0.3},{2.0 if i % 2 else 6.0},4,4,decode" for i in range(20)]
    steps = tmp_path / "steps.csv"
    steps.write_text("\n".join(["step_s,energy_j,tokens,batch,kind", *lines]), encoding="utf-8")
    text = "[[run]]\nelapsed_s = 4.0\nenergy_j = 80\noutput_tokens = 80\nsteps = 'steps.csv'"
    (source,) = read_description(described(tmp_path, text))

    assert source.steps is not None
    found = run_of_numbers(source, SweepOptions(most_steps=5), steps=read_steps(source.steps))

    assert (found.n_steps, len(found.steps), found.users, found.setting.batch) == (20, 5, 4.0, 4)
    assert found.steps["start_ns"].to_list() == [0, 800_000_000, 1_600_000_000, 2_400_000_000,
                                                 3_200_000_000]  # fmt: skip
    assert found.latency_ms["step_mean"] == pytest.approx(200.0)
    assert found.latency_ms["step_p50"] == pytest.approx(200.0)
    assert found.latency_ms["step_p99"] == pytest.approx(300.0)
    # 20 blocks of one step: 2 and 6 J about 4; standard error 2 sqrt(20 / 19) / sqrt(20) J; t of 19
    # degrees at 90 % is 1.7291.
    assert found.interval_shares["energy_j"] == pytest.approx(1.7291 * 2 / 19**0.5 / 4, rel=1e-4)
    assert found.total_hi_j == pytest.approx(80 * (1 + found.interval_shares["energy_j"]))


def test_cells_that_a_row_lacks_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text('step_s, tokens ,energy_j\n0.5, 64,\n"0.25"\n\n', encoding="utf-8")

    found = read_steps(path)

    assert found["step_s"].to_list() == [0.5, 0.25]
    assert found["tokens"].to_list() == [64, None]
    assert found["energy_j"].null_count() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2", "column 'step_s' is missing"),
        ("step_s,watts\n1,2", "column 'watts' is not known"),
        ("step_s\n0", "1 of 1 values are not above 0"),
        ("step_s\nnan", "1 of 1 values are not above 0"),
        ("step_s,tokens\n1,-1", "column 'tokens' has values below 0"),
        ("step_s\nx", "is no table of steps"),
        ('step_s\n"', "is no table of steps"),
        ("step_s\n1,2", "line 2 has 2 cells, the head 1"),
        ("step_s,step_s\n1,2", "is no table of steps"),
        ("", "is no table of steps"),
    ],
)
def test_tables_that_are_no_steps_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BadSweepError) as caught:
        read_steps(path)

    assert said in str(caught.value)
