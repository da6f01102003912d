"""The page of a sweep in a real browser: quiet, offline, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.report.chromium import (
    browser,
    charts,
    look,
    needs_axe,
    needs_chromium,
    troubles,
    violations,
)
from tests.report.sample_slo import slo_sweep
from traceenergy.report import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = slo_sweep("tbt_p99=16ms", "e2e_p99=2s")
    return write(sweep, tmp_path_factory.mktemp("sweep") / "sweep.html")


@pytest.mark.parametrize(("scheme", "width_px"), [("light", 1400), ("dark", 400)])
def test_page_is_quiet_offline_drawn(
    driver: Chrome, page: Path, scheme: str, width_px: int
) -> None:
    shot = f"sweep-{scheme}-{width_px}"

    assert troubles(driver, page, width_px=width_px, scheme=scheme, shot=shot) == {}
    undrawn = driver.execute_script(
        "return [...document.querySelectorAll('.chart')]"
        ".filter((chart) => !chart.querySelector('.scatterlayer .trace path'))"
        ".map((chart) => chart.id)"
    )
    assert undrawn == []
    assert charts(driver) == "drawn"
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('.chart')].map((chart) => chart.id)"
    )
    assert {f"{name}-{i}-{kind}-chart" for i in (0, 1) for name, kind in (
        ("slo", "energy"), ("slo", "limit"), ("replay", "power"), ("replay", "batch"),
    )} <= set(drawn)  # fmt: skip


@needs_axe
def test_page_has_nothing_that_axe_objects_to(driver: Chrome, page: Path) -> None:
    look(driver, page)

    assert violations(driver) == []
