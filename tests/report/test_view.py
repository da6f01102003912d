"""The view says in words what a result holds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.report import sample
from traceenergy.analysis.model import EnergyTotals
from traceenergy.report.quantities import UNKNOWN
from traceenergy.report.view import banners, facts, page_view, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.analysis.model import Analysis

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
ACTUAL = Path(__file__).parents[1] / "golden" / "actual" / "report"


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rich", sample.rich_analysis),
        ("time_only", sample.time_only_analysis),
        ("bare", sample.bare_analysis),
    ],
)
def test_view_is_the_golden_one(name: str, make: Callable[[], Analysis]) -> None:
    """On a wanted change, move the file from tests/golden/actual/report over the golden one."""
    made_at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    view = replace(page_view(make(), made_at=made_at), version="VERSION")
    found = json.dumps(asdict(view), indent=1, ensure_ascii=False, default=str) + "\n"
    golden = GOLDEN / f"view_{name}.json"

    if not golden.exists() or found != golden.read_text(encoding="utf-8"):
        ACTUAL.mkdir(parents=True, exist_ok=True)
        (ACTUAL / golden.name).write_text(found, encoding="utf-8")
    assert golden.exists(), f"accept {golden.name} from tests/golden/actual/report"
    assert json.loads(found) == json.loads(golden.read_text(encoding="utf-8"))


def test_verdict_says_how_much_and_where() -> None:
    # 1,600 J in 2 s on two GPUs of 400 W; 1,200 + 280 + 120 = 1,600
    assert verdict(sample.rich_analysis()) == (
        "1.600 kJ in 2.00 s on 2 GPUs, 800 W on average: 75.0 % went to GPU work, "
        "17.5 % to idle gaps, 7.5 % is unattributed. "
        "Most goes to MoE: 600 J, 50.0 % of the energy of GPU work."
    )


def test_verdict_without_power_speaks_of_time() -> None:
    assert verdict(sample.time_only_analysis()) == (
        "No power data: time only. GPU work ran 80.0 % of 2.00 s on 2 GPUs. "
        "Most time goes to MoE: 1.40 s of busy time."
    )


def test_doubts_of_weight_are_banners() -> None:
    coverage, rest, idle = banners(sample.rich_analysis())

    assert "92.5 %" in coverage
    assert "7.5 %" in rest
    assert "1 of 2 GPUs" in idle


def test_a_good_measurement_has_no_banner() -> None:
    result = sample.rich_analysis()
    devices = result.devices.with_columns(
        coverage_share=pl.lit(0.99), idle_power_source=pl.lit("idle stretches in the window")
    )
    energy = EnergyTotals(1_600.0, 1_200.0, 380.0, 20.0, 300.0, 900.0, None, "window-share")

    assert banners(replace(result, devices=devices, energy=energy)) == ()


def test_energy_per_token_is_shown_where_tokens_are_known() -> None:
    result = sample.rich_analysis()

    # 1,600 J over 56 tokens
    assert facts(result)[-1].value == "28.6 J"
    no_tokens = replace(result, energy=replace(result.energy, tokens=None))
    assert "Energy per token" not in {fact.name for fact in facts(no_tokens)}


def test_without_energy_tables_are_sorted_by_time() -> None:
    result = sample.time_only_analysis()
    shuffled = replace(result, phases=result.phases.reverse())

    view = page_view(shuffled)

    assert [row[0].text for row in view.phases.rows] == [
        "MoE", "MLA", "AllReduce", "Norm", "unclassified",
    ]  # fmt: skip
    assert view.phases.caption == "Phases, first level, by busy time"


def test_unknown_options_are_dashes_not_none() -> None:
    assert ("idle_power_w", UNKNOWN) in page_view(sample.rich_analysis()).options
