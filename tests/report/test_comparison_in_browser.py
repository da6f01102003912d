"""The page of a comparison in a real browser: quiet, offline, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

from tests.report import sample_comparison
from tests.report.chromium import (
    browser,
    charts,
    look,
    needs_axe,
    needs_chromium,
    troubles,
    violations,
)
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
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("comparisons")
    made = {
        "rich": sample_comparison.rich_comparison(),
        "time_only": sample_comparison.time_only_comparison(),
        "bare": sample_comparison.bare_comparison(),
    }
    return {name: write(one, folder / f"{name}.html") for name, one in made.items()}


@pytest.mark.parametrize(
    ("name", "scheme", "width_px"),
    [
        ("rich", "light", 1440),
        ("rich", "dark", 1440),
        ("rich", "light", 390),
        ("time_only", "light", 390),
        ("bare", "light", 1440),
    ],
)
def test_page_is_quiet_offline_drawn(
    driver: Chrome, pages: dict[str, Path], name: str, scheme: str, width_px: int
) -> None:
    shot = f"comparison-{name}-{scheme}-{width_px}"

    found = troubles(driver, pages[name], width_px=width_px, scheme=scheme, shot=shot)

    assert found == {}
    assert charts(driver) == ("none" if name == "bare" else "drawn")


def test_every_difference_has_its_bar_and_its_interval(
    driver: Chrome, pages: dict[str, Path]
) -> None:
    look(driver, pages["rich"])

    for chart in ("phase-energy-chart", "phase-time-chart"):
        place = driver.find_element(By.ID, chart)
        assert len(place.find_elements(By.CSS_SELECTOR, ".point path")) == 3
        assert len(place.find_elements(By.CSS_SELECTOR, ".xerror")) == 3
    parts = driver.find_element(By.ID, "parts-chart")
    assert len(parts.find_elements(By.CSS_SELECTOR, ".point path")) == 5


def names(driver: Chrome) -> list[str | None]:
    cells = driver.find_elements(By.CSS_SELECTOR, "#phase-table tbody th .value")
    return [cell.get_attribute("textContent") for cell in cells]


def test_tables_sort_by_what_changed(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])
    button = driver.find_element(By.XPATH, "//*[@id='phase-table']//th[4]/button")

    button.click()
    assert names(driver) == ["MoE", "Norm", "MLA"]
    button.click()
    assert names(driver) == ["MLA", "Norm", "MoE"]


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_of_weight(driver: Chrome, pages: dict[str, Path], scheme: str) -> None:
    look(driver, pages["rich"], scheme=scheme, width_px=1440)

    assert violations(driver) == []
