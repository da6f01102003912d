"""A validation in words: one screen of text, Markdown that is safe, JSON that is whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.report import sample
from traceenergy.analysis.alternatives import Alternative
from traceenergy.analysis.model import ExpectedError
from traceenergy.analysis.validation import VALIDATION_ROW, Redrawn, SensorCheck, Validation
from traceenergy.caveats import Caveat
from traceenergy.errors import OutputExistsError, UsageError
from traceenergy.report.validation_report import (
    render_validation_json,
    render_validation_markdown,
    validation_summary,
    write_validation,
)

if TYPE_CHECKING:
    from pathlib import Path


def rows(*names: str) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in VALIDATION_ROW}
    numbers = (600.0, 0.02, 0.03, 0.75, 0.05, 1.0)
    return pl.DataFrame([(name, name.upper(), *numbers) for name in names], schema, orient="row")


def validation() -> Validation:
    return Validation(
        origins=sample.rich_analysis().origins,
        options={"idle_power_w": None},
        confidence_level=0.9,
        n_draws=4,
        seed=7,
        expected=ExpectedError(0.11, 0.056, 0.9, 0.91),
        redrawn=(
            Redrawn("posterior", 0.10, 0.067, 0.98, 0.807, 0),
            Redrawn("prior", 0.096, 0.036, 0.963, 0.975, 0),
        ),
        sensors=(SensorCheck(0, 1, 25.0, 2.2, 1.0, 0.5, 0.18),),
        phases=rows("moe", "attention"),
        kernels=rows(sample.SCRIPT, "gemm"),
        alternatives=(
            Alternative("readings every 20 ms", None, None, "the log has one already"),
            Alternative("a run 10 times as long", 0.083, 0.039, ""),
        ),
        caveats=(Caveat("power-gap", f"samples are missing {sample.SCRIPT}", "rank 0", 3),),
    )


def test_the_verdict_says_how_far_off_and_how_often_held() -> None:
    summary = validation_summary(validation())

    assert summary.verdict == (
        "On 4 runs of the same work with powers drawn as the readings tell them, kernels were "
        "10.0 % off, phases 6.7 %; intervals at 90.0 % held 98.0 % and 80.7 % of the energy."
    )
    assert summary.warnings == ()
    assert dict(summary.facts) == {
        "Expected, in closed form": "kernels 11.0 %, phases 5.6 %",
        "4 runs with powers from the prior": "kernels 9.6 % off, phases 3.6 %; intervals held "
        "96.3 % and 97.5 %",
        "Sensor": "window of 25.0 ms found again on 8 of 8 logs, its delay on 4 of 8 (0.18 ms "
        "off in the median)",
    }


def test_phases_stand_by_label_with_counts_of_draws() -> None:
    phases, others = validation_summary(validation()).tables

    # 75 % and all of 4 draws
    assert phases.rows[0] == ("MOE", "600 J", "2.0 %", "3.0 %", "3 of 4", "5.0 %", "4 of 4")
    assert others.rows == (
        ("as recorded", "11.0 %", "5.6 %", ""),
        ("readings every 20 ms", "—", "—", "the log has one already"),
        ("a run 10 times as long", "8.3 %", "3.9 %", ""),
    )


@pytest.mark.parametrize(("held", "n_warnings"), [(0.61, 0), (0.59, 1)])
def test_intervals_that_hold_far_less_than_they_say_are_a_warning(
    held: float, n_warnings: int
) -> None:
    # 0.9 less 0.6 over the root of 4 draws
    result = validation()
    told = replace(result.redrawn[0], phase_held_share=held)

    warnings = validation_summary(replace(result, redrawn=(told, result.redrawn[1]))).warnings

    assert len(warnings) == n_warnings


def test_a_regression_that_is_refused_on_a_draw_is_a_warning() -> None:
    result = validation()
    refused = replace(result.redrawn[1], n_refused=2)

    (warning,) = validation_summary(replace(result, redrawn=(result.redrawn[0], refused))).warnings

    assert warning.startswith("On 2 of 4 runs with powers from the prior")


def test_a_sensor_that_was_never_found_has_no_delay() -> None:
    result = validation()
    lost = replace(result.sensors[0], window_found_share=0.0, lag_found_share=0.0, lag_off_ms=None)

    text = dict(validation_summary(replace(result, sensors=(lost,))).facts)["Sensor"]

    assert text == "window of 25.0 ms found again on 0 of 8 logs, its delay on 0 of 8"


def test_one_draw_is_one_run() -> None:
    result = replace(validation(), n_draws=1)

    assert validation_summary(result).verdict.startswith("On 1 run of the same work")


def test_markdown_escapes_names() -> None:
    text = render_validation_markdown(validation())

    assert "### Phases" in text
    assert "### Kernels" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_json_holds_everything() -> None:
    found = json.loads(render_validation_json(validation()))

    assert (found["format"], found["format_version"]) == ("traceenergy.validation", 1)
    assert found["options"] == {"idle_power_w": None, "draws": 4, "seed": 7}
    assert found["expected_error"]["kernel_share"] == 0.11
    assert [one["source"] for one in found["redrawn"]] == ["posterior", "prior"]
    assert found["sensors"][0]["lag_off_ms"] == 0.18
    assert found["kernels"][0]["name"] == sample.SCRIPT
    assert found["alternatives"][0]["kernel_share"] is None
    assert found["caveats"][0]["slug"] == "power-gap"


def test_the_ending_chooses_the_form(tmp_path: Path) -> None:
    written = [write_validation(validation(), tmp_path / name) for name in ("v.json", "v.md")]

    assert written[0].read_text() == render_validation_json(validation())
    assert written[1].read_text() == render_validation_markdown(validation())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.json", "v.md"]


@pytest.mark.parametrize("name", ["v.html", "v.csv", "v/"])
def test_other_forms_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        write_validation(validation(), f"{tmp_path}/{name}")

    assert refused.value.next_step == "use one of .json .md, or - for JSON on stdout"


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    out = tmp_path / "v.md"
    out.write_text("mine")

    with pytest.raises(OutputExistsError):
        write_validation(validation(), out)
    assert out.read_text() == "mine"
    write_validation(validation(), out, force=True)
    assert out.read_text() != "mine"
