"""The view holds what the page shows, in order."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.report import sample
from traceenergy.report.quantities import UNKNOWN
from traceenergy.report.view import page_view

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


def test_without_energy_ranges_stay_in_order_of_time_with_inner_ranges() -> None:
    """They used to be sorted by time of their own, which put the outermost range last."""
    result = sample.time_only_analysis()
    outer_has_nothing_of_its_own = result.ranges.with_columns(busy_s=pl.int_range(pl.len()) * 0.01)

    view = page_view(replace(result, ranges=outer_has_nothing_of_its_own))

    assert view.ranges.caption == "NVTX ranges, by busy time with inner ranges"
    assert [row[0].sort for row in view.ranges.rows] == [
        name[:80] for name in result.ranges["name"]
    ]
