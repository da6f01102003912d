"""A result read back from JSON is the result, as far as JSON holds it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import traceenergy as te
from tests.report import sample, sample_comparison
from traceenergy.analysis.model import ExpectedError
from traceenergy.errors import NewerResultError, NotAResultError, UnreadableFileError
from traceenergy.report import json_report
from traceenergy.report.json_load import load
from traceenergy.report.json_report import POWER_TABLES, ROW_TABLES, SERVING_TABLES, render_json
from traceenergy.report.tables import DECLARED, declared_table, finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.analysis.model import Analysis

FIXTURE = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "decode"
POWERS = (*POWER_TABLES.values(), "power_swing", "power_buffer")
SERVED = ("serving", *SERVING_TABLES.values())
ALL = [sample.rich_analysis, sample.time_only_analysis, sample.bare_analysis]


@pytest.fixture(scope="module")
def real() -> Analysis:
    """Analyze a run with steps, which can be compared row by row."""
    return te.analyze(te.read_trace(FIXTURE / "trace.sqlite", power=[FIXTURE / "power.csv"]))


def loaded(result: Analysis, folder: Path) -> Analysis:
    path = folder / "result.json"
    path.write_text(render_json(result), encoding="utf-8")
    return load(path)


def written(folder: Path, **changes: object) -> Path:
    """Write a sample with other top-level values; `...` leaves one out."""
    found = json.loads(render_json(sample.rich_analysis())) | changes
    path = folder / "result.json"
    kept = {key: value for key, value in found.items() if value is not ...}
    path.write_text(json.dumps(kept), encoding="utf-8")
    return path


@pytest.mark.parametrize("make", ALL)
def test_tables_come_back_as_they_were(make: Callable[[], Analysis], tmp_path: Path) -> None:
    before = make()

    after = loaded(before, tmp_path)

    for name in (*ROW_TABLES, *POWERS, *SERVED, "devices"):
        assert_frame_equal(getattr(after, name), finite(declared_table(before, name)))
    for name in (
        "origins",
        "options",
        "confidence_level",
        "energy",
        "findings",
        "not_evaluated",
        "caveats",
    ):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("make", ALL)
def test_what_json_does_not_hold_is_empty_with_its_columns(
    make: Callable[[], Analysis], tmp_path: Path
) -> None:
    after = loaded(make(), tmp_path)

    for name in set(DECLARED) - {*ROW_TABLES, *POWERS, *SERVED, "devices"}:
        table = getattr(after, name)
        assert len(table) == 0
        assert dict(table.schema) == {column.name: column.dtype for column in DECLARED[name]}


@pytest.mark.parametrize("make", ALL)
def test_json_of_a_loaded_result_is_the_same_json(
    make: Callable[[], Analysis], tmp_path: Path
) -> None:
    text = render_json(make())

    assert render_json(loaded(make(), tmp_path)) == text


def test_a_real_result_comes_back_too(real: Analysis, tmp_path: Path) -> None:
    assert render_json(loaded(real, tmp_path)) == render_json(real)


def test_a_result_of_times_alone_comes_back(tmp_path: Path) -> None:
    trace = te.read_trace(FIXTURE / "trace.sqlite")
    result = te.analyze(trace, te.AnalysisOptions(time_only=True))

    quadrants = {entry["quadrant"] for entry in result.max_vs_sum["levels"]}
    assert quadrants == {None}
    assert render_json(loaded(result, tmp_path)) == render_json(result)


def test_what_is_not_told_of_the_path_is_filled_up(tmp_path: Path) -> None:
    told = load(written(tmp_path, max_vs_sum={"elapsed_s": None})).max_vs_sum

    assert told["elapsed_s"] == sample.rich_analysis().window.elapsed_ns * 1e-9
    assert (told["parts"], told["holders"], told["levels"]) == (None, [], [])


def test_a_cut_table_is_not_said_to_be_cut_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(json_report, "MAX_ROWS", 25)

    text = render_json(loaded(sample.rich_analysis(), tmp_path))

    caveats = [(entry["slug"], entry["where"]) for entry in json.loads(text)["caveats"]]
    assert caveats.count(("rows-left-out", "kernels")) == 1


def test_the_expected_error_and_the_time_of_day_come_back(tmp_path: Path) -> None:
    before = sample.rich_analysis()
    error = ExpectedError(0.06, 0.02, 0.9, 0.85)
    window = replace(before.window, utc_start_ns=1_790_000_000_123_456_000)
    before = replace(before, energy=replace(before.energy, expected_error=error), window=window)

    after = loaded(before, tmp_path)

    assert after.energy.expected_error == error
    assert after.window == window


def test_comparing_loaded_results_is_comparing_the_results(real: Analysis, tmp_path: Path) -> None:
    dearer = real.step_costs.with_columns(
        block_energy_j=pl.col("block_energy_j").list.eval(pl.element() * 1.04)
    )
    head = replace(real, step_costs=dearer)
    for name in ("base", "head"):
        (tmp_path / name).mkdir()

    direct = te.compare(real, head)
    through = te.compare(loaded(real, tmp_path / "base"), loaded(head, tmp_path / "head"))

    assert len(direct.changes.filter(level="kernel")) > 0
    for table in ("changes", "parts", "kernels"):
        assert_frame_equal(getattr(through, table), getattr(direct, table))
    assert (through.verdict, through.marks) == (direct.verdict, direct.marks)


def test_a_result_of_before_there_were_comparisons_is_read(real: Analysis, tmp_path: Path) -> None:
    found = json.loads(render_json(real))
    del found["step_costs"]
    for device in found["devices"]:
        del device["sm_clock_mhz"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(found), encoding="utf-8")

    old = load(path)

    assert old.devices["sm_clock_mhz"].null_count() == len(old.devices)
    assert "no-steps" in {mark.slug for mark in te.compare(old, real).marks}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty (0 bytes)"),
        ("SQLite format 3", "line 1, column 1"),
        (render_json(sample.rich_analysis())[:-200], "is no JSON, or cut short"),
        ('{"format": NaN}', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"format": "half of a \\ud83d"}', "is no JSON"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_json_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UnreadableFileError) as caught:
        load(path)

    assert said in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["gone.json", "."])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        load(tmp_path / name)

    assert "traceenergy analyze TRACE -o result.json" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("[1, 2]", "got null"),
        ('{"traceEvents": []}', "got null"),
        ('{"format": "traceenergy.validation"}', 'got "traceenergy.validation"'),
        ('{"format": "traceenergy.analysis"}', "expected 1 to 1, got null"),
        ('{"format": "traceenergy.analysis", "format_version": "1"}', 'got "1"'),
    ],
)
def test_json_of_something_else_is_refused(text: str, got: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(NotAResultError) as caught:
        load(path)

    assert got in caught.value.details
    assert caught.value.next_step


def test_a_result_of_a_newer_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NewerResultError, match="format_version 2; this version knows up to 1"):
        load(written(tmp_path, format_version=2))


@pytest.mark.parametrize(
    "changes",
    [
        {"window": ...},
        {"window": {"start_ns": 0}},
        {"window": {"start_ns": 0, "end_ns": 2**63, "utc_start": None}},
        {"window": {"start_ns": 1, "end_ns": 0, "utc_start": None}},
        {"options": {"power_exponent": [2.2]}},
        {"options": {"power_exponent_source": "guess"}},
        {"options": {"power_exponent_interval": [1.9]}},
        {"options": {"calibration_inputs": ["run.sqlite"]}},
        {"options": {"rules": "mine.toml"}},
        {"options": {"skip_steps": 1.5}},
        {"options": {"of_a_newer_version": {"deep": [1e300]}}},
        {"max_vs_sum": []},
        {"max_vs_sum": {"parts": {"work_s": 1.0}}},
        {"max_vs_sum": {"holders": 3}},
        {"max_vs_sum": {"holders": [{"rank": 0, "device_id": 0, "path_s": 1.0}]}},
        {"max_vs_sum": {"n_handovers": "many"}},
        {"max_vs_sum": {"n_handovers": -1}},
        {"max_vs_sum": {"levels": [{"level": "phase", "name": "moe"}]}},
        {"devices": None},
        {"devices": [{"rank": 0}]},
        {"devices": 3},
        {"energy": {"total_j": 1.0}},
        {"energy": []},
        {"inputs": [None]},
        {"confidence_level": "high"},
        {"phases": [{"name": "moe"}]},
        {"phases": [{"energy_j": "much"}]},
        {"phases": "none"},
        {"kernels": [3]},
        {"steps": [{"start_ns": 1e30}]},
        {"findings": [{"slug": "x"}]},
        {"caveats": {"slug": "x"}},
    ],
)
def test_a_result_with_parts_missing_says_so(changes: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path, **changes)

    with pytest.raises(NotAResultError, match="parts missing, or of another type"):
        load(path)


@pytest.mark.parametrize("column", ["block_energy_j", "block_time_s", "block_tokens"])
def test_blocks_of_steps_have_one_value_each(column: str, tmp_path: Path) -> None:
    told = json.loads(render_json(sample_comparison.rich_comparison().head))["step_costs"]
    told[0][column] = [1.0] * (len(told[0]["block_steps"]) + 1)

    with pytest.raises(NotAResultError) as caught:
        load(written(tmp_path, step_costs=told))

    assert f"{column} has not one value for each of block_steps" in caught.value.details


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("clock_points", "phase_shares"), ("power_limits", "phase_shares"),
        ("power_limits", "kernel_shares"), ("power_limits", "kernel_layers"),
    ],
)  # fmt: skip
def test_lists_of_a_row_have_one_value_each(table: str, column: str, tmp_path: Path) -> None:
    result = sample.rich_analysis()
    longer = pl.concat_list(column, pl.lit(1).cast(getattr(result, table)[column].dtype.inner))
    changed = getattr(result, table).with_columns(longer.alias(column))

    with pytest.raises(NotAResultError) as caught:
        loaded(replace(result, **{table: changed}), tmp_path)

    assert f"{table}: {column} has not one value for each of" in caught.value.details


def test_more_than_is_known_is_no_error(tmp_path: Path) -> None:
    rows = json.loads(render_json(sample.rich_analysis()))["phases"]
    path = written(tmp_path, later={"x": 1}, phases=[{**row, "later_j": 2.0} for row in rows])

    assert load(path).phases["name"].to_list() == [row["name"] for row in rows]
