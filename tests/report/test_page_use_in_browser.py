"""What a reader does with the page: follow links, sort, search, change colors, print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.report import sample
from tests.report.chromium import (
    LONGEST_WAIT_S,
    browser,
    charts,
    look,
    needs_axe,
    needs_chromium,
    screenshot,
    theme,
    troubles,
    violations,
)
from tests.report.pathological import pathological_analysis
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
    return write(sample.rich_analysis(), tmp_path_factory.mktemp("page") / "rich.html")


@pytest.fixture(scope="module")
def opened(driver: Chrome, page: Path) -> Chrome:
    """Open the page once for tests that leave it usable."""
    look(driver, page)
    driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    return driver


def top_of(driver: Chrome, anchor: str) -> float:
    script = "return document.getElementById(arguments[0]).getBoundingClientRect().top"
    return float(driver.execute_script(script, anchor))


def test_every_link_of_the_contents_leads_to_its_section(opened: Chrome) -> None:
    links = opened.find_elements(By.CSS_SELECTOR, ".contents a")
    anchors = [str(link.get_attribute("href")).partition("#")[2] for link in links]

    assert anchors == [
        "balance", "max-sum", "flame", "power", "power-limits", "clocks", "serving", "phases",
        "layers", "kernels", "ranges", "steps", "waiting", "findings", "doubt", "help",
        "provenance",
    ]  # fmt: skip
    for link, anchor in zip(links[:-2], anchors, strict=False):
        link.send_keys(Keys.ENTER)
        # below the bar of contents, which stays
        assert 0 <= top_of(opened, anchor) < 100, anchor


def test_headings_offer_their_link_to_the_keyboard(opened: Chrome) -> None:
    link = opened.find_element(By.CSS_SELECTOR, "#kernels .anchor")

    hidden = link.value_of_css_property("opacity")
    opened.execute_script("arguments[0].focus()", link)

    assert (hidden, link.value_of_css_property("opacity")) == ("0", "1")
    assert link.accessible_name == "Link to section Kernels"


def test_every_table_sorts_by_each_column_both_ways(opened: Chrome) -> None:
    """Numbers by size, texts as people count; unknown last. Judged by the keys of cells."""
    script = """
    const wrong = [];
    for (const table of document.querySelectorAll('table.sortable')) {
      for (const heading of table.tHead.rows[0].cells) {
        for (const _ of [1, 2]) {
          heading.querySelector('button').click();
          const way = heading.getAttribute('aria-sort');
          const keys = [...table.tBodies[0].rows].map((r) => r.cells[heading.cellIndex].dataset.sort);
          const known = keys.filter((key) => key !== undefined);
          const isLast = keys.slice(0, known.length).every((key) => key !== undefined);
          const values = heading.classList.contains('number') ? known.map(Number) : known;
          const number = (a, b) => a - b;
          const text = (a, b) => a.localeCompare(b, 'en', { numeric: true });
          const sorted = [...values].sort(heading.classList.contains('number') ? number : text);
          if (way === 'descending') sorted.reverse();
          const n_sorted = table.querySelectorAll('[aria-sort]').length;
          if (!isLast || n_sorted !== 1 || values.join() !== sorted.join()) {
            wrong.push([table.id, heading.textContent, way]);
          }
        }
      }
    }
    return wrong;
    """  # noqa: E501 - a script

    assert opened.execute_script(script) == []


def test_each_table_of_some_rows_has_one_search_that_counts(opened: Chrome) -> None:
    boxes = opened.find_elements(By.CSS_SELECTOR, ".table-box")

    assert len(boxes) >= 15
    for box in boxes:
        n = len(box.find_elements(By.CSS_SELECTOR, "tbody tr"))
        fields = box.find_elements(By.CSS_SELECTOR, "input[type=search]")
        assert len(fields) == (n > 5), box.text[:80]
        if fields:
            said = box.find_element(By.TAG_NAME, "output").get_attribute("textContent")
            assert said == f"{n} of {n} rows"


def test_colors_follow_the_choice_over_the_system(opened: Chrome) -> None:
    body = opened.find_element(By.TAG_NAME, "body")
    choice = Select(opened.find_element(By.CSS_SELECTOR, ".theme select"))
    ink = "return document.getElementById('phase-energy-chart')._fullLayout.font.color"

    def background() -> str:
        return body.value_of_css_property("background-color")

    white, black = "rgba(255, 255, 255, 1)", "rgba(20, 23, 27, 1)"
    assert background() == white
    choice.select_by_visible_text("Dark")
    assert background() == black
    WebDriverWait(opened, LONGEST_WAIT_S).until(lambda d: d.execute_script(ink) == "#e6e9ed")
    theme(opened, "dark")
    choice.select_by_visible_text("Light")
    assert background() == white
    choice.select_by_visible_text("System")
    assert background() == black


def test_paper_shows_folds_in_light_without_buttons(opened: Chrome) -> None:
    theme(opened, "dark")
    try:
        opened.execute_script("dispatchEvent(new Event('beforeprint'))")
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        screenshot(opened, "rich-paper")
        folds = opened.find_elements(By.TAG_NAME, "details")
        assert [fold.get_attribute("open") for fold in folds] == ["true"] * len(folds)
        assert not opened.find_element(By.CSS_SELECTOR, ".contents").is_displayed()
        assert not [one for one in opened.find_elements(By.CSS_SELECTOR, ".tools, .theme, .anchor")
                    if one.is_displayed()]  # fmt: skip
        body = opened.find_element(By.TAG_NAME, "body")
        assert body.value_of_css_property("background-color") == "rgba(255, 255, 255, 1)"
        box = opened.find_element(By.CSS_SELECTOR, "#kernel-table").find_element(By.XPATH, "..")
        assert box.value_of_css_property("max-height") == "none"
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        opened.execute_script("dispatchEvent(new Event('afterprint'))")
    assert opened.find_elements(By.CSS_SELECTOR, "details[open]") == []


@pytest.mark.parametrize("anchor", ["steps", "subphase-table-moe.gather"])
def test_an_address_with_an_anchor_opens_there(driver: Chrome, page: Path, anchor: str) -> None:
    """The second one is a row within a fold."""
    driver.get("about:blank")
    driver.get(f"{page.as_uri()}#{anchor}")
    WebDriverWait(driver, LONGEST_WAIT_S).until(charts)

    assert 0 <= top_of(driver, anchor) < 1_000
    assert driver.find_element(By.ID, anchor).is_displayed()


def test_names_of_ten_thousand_letters_are_harmless(driver: Chrome, tmp_path: Path) -> None:
    long = write(pathological_analysis(400), tmp_path / "long.html")

    assert troubles(driver, long, width_px=390) == {}
    box = driver.find_element(By.CSS_SELECTOR, "#kernel-table").find_element(By.XPATH, "../..")
    assert box.find_element(By.TAG_NAME, "output").text == "300 of 300 rows, cut from 400"
    titles = driver.execute_script(
        "return [...document.querySelectorAll('[title]')].map((e) => e.title.length)"
    )
    assert max(titles) <= 2_000


@needs_axe
@pytest.mark.parametrize(("scheme", "width_px"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_of_weight(
    driver: Chrome, page: Path, scheme: str, width_px: int
) -> None:
    look(driver, page, scheme=scheme, width_px=width_px)

    assert violations(driver) == []
