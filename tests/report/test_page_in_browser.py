"""The page in a real browser: quiet, offline, drawn, usable by keyboard."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.report import sample
from tests.report.chromium import (
    ARTIFACTS,
    LONGEST_WAIT_S,
    browser,
    charts,
    look,
    needs_chromium,
    theme,
    troubles,
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
    folder = tmp_path_factory.mktemp("pages")
    results = {
        "rich": sample.rich_analysis(),
        "time_only": sample.time_only_analysis(),
        "bare": sample.bare_analysis(),
    }
    return {name: write(result, folder / f"{name}.html") for name, result in results.items()}


@pytest.mark.parametrize("name", ["rich", "time_only", "bare"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [1400, 400])
def test_page_is_quiet_offline_drawn(
    driver: Chrome, pages: dict[str, Path], name: str, scheme: str, width_px: int
) -> None:
    shot = f"{name}-{scheme}-{width_px}"

    found = troubles(driver, pages[name], width_px=width_px, scheme=scheme, shot=shot)

    assert found == {}
    assert charts(driver) == ("none" if name == "bare" else "drawn")


def test_every_figure_of_the_page_has_bars_or_lines(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])

    empty = driver.execute_script(
        "return [...document.querySelectorAll('.chart')].filter((chart) =>"
        " !chart.querySelector('.trace path, .trace .point path, .fills path, .hm image'))"
        ".map((chart) => chart.id)"
    )
    assert empty == []
    assert len(driver.find_elements(By.CSS_SELECTOR, ".chart")) == 24


def test_charts_over_time_zoom_together(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])

    driver.execute_script("Plotly.relayout('lanes-chart', {'xaxis.range': [0.5, 1]})")

    ranges = (
        "return ['lanes-chart', 'power-chart-0', 'power-chart-1']"
        ".map((id) => document.getElementById(id).layout.xaxis.range)"
    )
    WebDriverWait(driver, LONGEST_WAIT_S).until(
        lambda d: d.execute_script(ranges) == [[0.5, 1]] * 3
    )
    # back, from one of the others
    driver.execute_script("Plotly.relayout('power-chart-1', {'xaxis.range': [0, 2]})")
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: d.execute_script(ranges) == [[0, 2]] * 3)


def test_the_path_is_drawn_through_the_lanes(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])

    lanes = driver.find_element(By.ID, "lanes-chart")
    names = [tick.text for tick in lanes.find_elements(By.CSS_SELECTOR, ".ytick text")]
    assert [name.strip() for name in names] == ["rank 0, GPU 0", "rank 0, GPU 1", "the path"]
    # activity and strip as images, the path as lines over them
    assert len(lanes.find_elements(By.CSS_SELECTOR, ".heatmaplayer image")) == 2
    lines = lanes.find_elements(By.CSS_SELECTOR, ".scatterlayer .trace")
    strokes = [line.find_elements(By.CSS_SELECTOR, ".js-line") for line in lines]
    # a turn is one stroke on each GPU; it waits twice, and goes over once: four turns
    assert [len(of_one) for of_one in strokes] == [8, 4, 8, 8]


def test_every_phase_is_a_point_with_its_symbol(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])

    points = driver.find_elements(By.CSS_SELECTOR, "#quadrant-phase-chart .points path")
    assert len(points) == 5
    shapes = {point.get_attribute("d") for point in points}
    assert len(shapes) == 4
    bars = driver.find_elements(By.CSS_SELECTOR, "#quadrant-phase-chart .yerror")
    assert len(bars) == 5


def flame_texts(driver: Chrome) -> list[str]:
    slices = driver.find_elements(By.CSS_SELECTOR, "#flame-chart g.slice text")
    return [slice_.get_attribute("data-unformatted") for slice_ in slices]


def test_the_flame_graph_switches_widths_and_layers_by_keyboard(
    driver: Chrome, pages: dict[str, Path]
) -> None:
    look(driver, pages["rich"])
    tools = driver.find_element(By.ID, "flame-tools")
    joules, seconds, together, each = tools.find_elements(By.TAG_NAME, "button")
    assert "run<br>1.60kJ" in flame_texts(driver)
    n_together = len(flame_texts(driver))

    seconds.send_keys(Keys.ENTER)
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: "run<br>4.00s" in flame_texts(d))
    pressed = [button.get_attribute("aria-pressed") for button in (joules, seconds)]
    assert pressed == ["false", "true"]
    each.send_keys(Keys.SPACE)
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: len(flame_texts(d)) > n_together)
    # still seconds: a third of 2.9 s
    assert "layer 4<br>967ms" in flame_texts(driver)
    together.send_keys(Keys.SPACE)
    joules.send_keys(Keys.ENTER)
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: len(flame_texts(d)) == n_together)
    assert "run<br>1.60kJ" in flame_texts(driver)
    assert driver.get_log("browser") == []


def test_the_flame_graph_zooms_by_keyboard_and_by_click(
    driver: Chrome, pages: dict[str, Path]
) -> None:
    look(driver, pages["rich"])
    field = driver.find_element(By.CSS_SELECTOR, "#flame-tools select")
    names = [option.text.strip() for option in field.find_elements(By.TAG_NAME, "option")]
    assert names[:3] == ["run", "decode", "layers 3\N{EN DASH}5 (3)"]

    field.send_keys(Keys.ARROW_DOWN)
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: "run<br>1.60kJ" not in flame_texts(d))
    assert "decode<br>1.10kJ" in flame_texts(driver)
    # the topmost leads back
    driver.find_element(By.CSS_SELECTOR, "#flame-chart g.slice path").click()
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: "run<br>1.60kJ" in flame_texts(d))
    assert field.get_attribute("value") == "0"


def test_without_power_the_flame_graph_is_seconds(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["time_only"])

    tools = driver.find_element(By.ID, "flame-tools")
    names = [button.text for button in tools.find_elements(By.TAG_NAME, "button")]
    assert names == ["Alike layers together", "Each layer"]
    assert "run<br>4.00s" in flame_texts(driver)


def first_names(driver: Chrome, table: str, n: int = 3) -> list[str]:
    rows = driver.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not([hidden]) th .value")
    return [row.get_attribute("textContent") for row in rows[:n]]


def test_tables_sort_by_keyboard(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])
    heading = driver.find_element(By.XPATH, "//*[@id='phase-table']//th[3]")
    button = driver.find_element(By.XPATH, "//*[@id='phase-table']//th[2]/button")

    button.send_keys(Keys.ENTER)
    down = first_names(driver, "phase-table")
    button.send_keys(Keys.SPACE)
    up = first_names(driver, "phase-table")

    assert down == ["MoE", "MLA", "AllReduce"]
    assert up == ["unclassified", "Norm", "AllReduce"]
    own = button.find_element(By.XPATH, "..")
    assert own.get_attribute("aria-sort") == "ascending"
    assert heading.get_attribute("aria-sort") is None


def test_numbers_sort_by_size_with_the_unknown_last(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])
    button = driver.find_element(By.XPATH, "//*[@id='kernel-table']//th[3]/button")

    for _ in range(2):
        button.send_keys(Keys.ENTER)
        assert first_names(driver, "kernel-table", 99)[-1] == "no_energy"


def test_search_finds_by_any_part_of_the_full_name(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])
    box = driver.find_element(By.XPATH, "//*[@id='kernel-table']/ancestor::*[@class='table-box']")
    field = box.find_element(By.CSS_SELECTOR, "input[type=search]")

    field.send_keys("CUTE::TUPLE")

    # the shown name is cutlass::device_kernel<...>; tuple is in the full name only
    assert first_names(driver, "kernel-table", 99) == ["cutlass::device_kernel<…>"]
    assert box.find_element(By.TAG_NAME, "output").text == "1 of 47 rows"
    field.clear()
    field.send_keys("zzz")
    assert first_names(driver, "kernel-table", 99) == []


def test_keyboard_reaches_the_main_part_first(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"])

    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)

    assert driver.switch_to.active_element.text == "Skip to the numbers"


def test_charts_follow_the_theme(driver: Chrome, pages: dict[str, Path]) -> None:
    look(driver, pages["rich"], scheme="light")
    color = "return document.getElementById('phase-energy-chart')._fullLayout.font.color"
    error = "return document.getElementById('phase-energy-chart')._fullData[0].error_x.color"
    light = driver.execute_script(color), driver.execute_script(error)

    theme(driver, "dark")
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: d.execute_script(color) != light[0])

    assert light == ("#1b1f24", "#1b1f24")
    assert driver.execute_script(color) == "#e6e9ed"
    WebDriverWait(driver, LONGEST_WAIT_S).until(lambda d: d.execute_script(error) == "#e6e9ed")


def test_a_browser_that_cannot_unpack_says_so(driver: Chrome, pages: dict[str, Path]) -> None:
    script = {"source": "delete window.DecompressionStream"}
    mark = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        look(driver, pages["rich"])
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", mark)
        driver.get_log("browser")

    assert charts(driver) == "failed"
    assert "cannot draw the chart" in driver.find_element(By.ID, "phase-energy-chart").text


def _html(chrome: Chrome) -> str:
    document = chrome.execute_cdp_cmd("DOM.getDocument", {"depth": -1})
    asked = {"nodeId": document["root"]["nodeId"]}
    return str(chrome.execute_cdp_cmd("DOM.getOuterHTML", asked)["outerHTML"])


def test_without_scripts_headline_and_phases_can_be_read(pages: dict[str, Path]) -> None:
    with browser(scripts=False) as chrome:
        chrome.get(pages["rich"].as_uri())
        # The browser may number its nodes anew between two questions, once.
        text = WebDriverWait(chrome, 10, ignored_exceptions=[WebDriverException]).until(_html)
        shot = chrome.execute_cdp_cmd("Page.captureScreenshot", {})
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "rich-without-scripts.png").write_bytes(base64.b64decode(shot["data"]))

    assert "1.600 kJ in 2.00 s on 2 GPUs" in text
    assert 'id="phase-table"' in text
    assert "<button" not in text
    assert "Charts need JavaScript" in text
