"""Words that columns declare are those that views have names for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import traceenergy as te
from tests.report import sample
from tests.report.sample_sweep import rich_sweep
from traceenergy.analysis import levels, throttling
from traceenergy.errors import NotAResultError
from traceenergy.report import (
    path_figure,
    render_json,
    sweep_model_view,
    sweep_slo_tables,
    sweep_tables,
    view_blocks,
    view_clocks,
    view_flattening,
)
from traceenergy.report.sweep_json import render_sweep_json
from traceenergy.report.sweep_part_tables import PART_TABLES
from traceenergy.report.tables import DECLARED
from traceenergy.sweeps.result import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = DECLARED | TABLES | PART_TABLES
NAMED = {
    ("blocks", "layer_kind"): view_blocks.LAYER_NAMES,
    ("throttling", "cause"): view_clocks.CAUSE_NAMES,
    ("power_flattening", "what"): view_flattening.ASSUMED,
    ("pareto", "per"): sweep_tables.PER_NAMES,
    ("sweet_spots", "measure"): sweep_tables.MEASURES,
    ("repeats", "quantity"): sweep_tables.QUANTITY_NAMES,
    ("router", "part"): sweep_tables.PART_NAMES,
    ("model_drift", "target"): sweep_model_view.TARGET_NAMES,
    ("replay_curve", "role"): sweep_slo_tables.ROLE_NAMES,
    ("replay_requests", "latency"): sweep_slo_tables.LATENCY_NAMES,
}


@pytest.mark.parametrize(("place", "names"), NAMED.items())
def test_each_word_has_a_name(place: tuple[str, str], names: Iterable[str]) -> None:
    table, name = place

    (words,) = (column.words for column in ALL[table] if column.name == name)

    assert set(words) == set(names)


def test_each_quadrant_has_a_symbol_each_cause_a_word() -> None:
    assert set(levels.QUADRANTS.values()) == set(path_figure.SYMBOLS)
    assert set(throttling.CAUSES) <= set(view_clocks.CAUSE_NAMES)


def refused(tree: dict[str, Any], folder: Path) -> str:
    path = folder / "result.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(NotAResultError) as caught:
        te.load(path)
    return caught.value.details


def test_other_words_are_refused(tmp_path: Path) -> None:
    tree = json.loads(render_json(sample.rich_analysis()))
    tree["blocks"][0]["layer_kind"] = "sparse"

    assert refused(tree, tmp_path) == "blocks.layer_kind: expected one of moe, dense"


def test_what_is_declared_to_be_known_beside_another_is(tmp_path: Path) -> None:
    tree = json.loads(render_json(sample.rich_analysis()))
    tree["phases"][0]["energy_hi_j"] = None

    assert refused(tree, tmp_path) == (
        "phases.energy_hi_j: null where energy_lo_j is known, or known where that is null"
    )


def test_a_result_of_a_power_model_alone_comes_back(tmp_path: Path) -> None:
    fixture = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "decode"
    parts = tmp_path / "parts.toml"
    parts.write_text("[gpu]\nidle_w = 70\nactive_w = 600\n", encoding="utf-8")
    trace = te.read_trace(fixture / "trace.sqlite")
    result = te.analyze(trace, te.AnalysisOptions(power_model=parts))
    path = tmp_path / "result.json"
    path.write_text(render_json(result), encoding="utf-8")

    assert result.phases["energy_j"].null_count() == 0
    assert result.phases["energy_lo_j"].null_count() == result.phases.height
    assert render_json(te.load(path)) == render_json(result)


def test_lists_hold_no_null(tmp_path: Path) -> None:
    tree = json.loads(render_json(sample.rich_analysis()))
    tree["phases"][0]["inseparable_with"] = ["moe", None]

    assert refused(tree, tmp_path) == "phases.inseparable_with: null in a list"


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("options", {"weights": {"energy": "much"}}, "of another type: options"),
        ("model", {"n_runs": 3}, "of another type: model"),
        ("slo", {"slos": [], "clocks_mhz": [], "engine": {}}, "of another type: slo"),
        ("replay", [], "of another type: replay"),
        ("energy_delay", {"basis": "joule"}, "of another type: basis"),
        ("confidence_level", True, "confidence_level: expected a number between 0 and 1"),
    ],
)
def test_parts_of_a_sweep_of_another_type_are_refused(
    part: str, value: object, said: str, tmp_path: Path
) -> None:
    tree = json.loads(render_sweep_json(rich_sweep()))

    assert refused(tree | {part: value}, tmp_path).startswith(said)


def test_a_whole_sweep_comes_back(tmp_path: Path) -> None:
    text = render_sweep_json(rich_sweep())
    path = tmp_path / "sweep.json"
    path.write_text(text, encoding="utf-8")

    assert render_sweep_json(te.load(path)) == text
