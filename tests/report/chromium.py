"""A browser without a window, for tests of pages."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
ARTIFACTS = Path(__file__).parents[1] / "artifacts"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip
LONGEST_WAIT_S = 60
# Pages of the browser's own, such as that of a new tab, may still load.
WITHIN = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")
TALLEST_PX = 12_000

# Brought by the Makefile; not part of this project.
AXE = Path(
    os.environ.get("TRACEENERGY_AXE", f"{sys.prefix}/npm/node_modules/axe-core/axe.min.js")
)  # fmt: skip
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not here; `make test` brings it by npm"
)
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM.exists() and CHROMEDRIVER.exists()), reason="Chromium is not installed"
)


@contextmanager
def browser(*, scripts: bool = True) -> Iterator[Chrome]:
    """Start Chromium with a profile of its own; close it, whatever happens."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tempfile.mkdtemp()
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    try:
        if not scripts:
            driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


def look(driver: Chrome, page: Path, *, width_px: int = 1400, scheme: str = "light") -> None:
    """Open a page, wait until its charts are drawn."""
    size = {"width": width_px, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    theme(driver, scheme)
    driver.get(page.as_uri())
    WebDriverWait(driver, LONGEST_WAIT_S).until(charts)


def theme(driver: Chrome, scheme: str) -> None:
    """Have the system ask for light or dark."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def charts(driver: Chrome) -> Any:  # noqa: ANN401 - text or None
    """Say how far the charts are; None while they are drawn."""
    return driver.execute_script("return document.documentElement.dataset.charts")


def screenshot(driver: Chrome, name: str) -> None:
    """Keep a picture of the whole page."""
    ARTIFACTS.mkdir(exist_ok=True)
    width, height = driver.execute_script(
        "const e = document.documentElement; return [e.clientWidth, e.scrollHeight]"
    )
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST_PX), "scale": 1}
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    (ARTIFACTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def requested(driver: Chrome) -> list[str]:
    """List what the browser asked for since it was asked last."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def troubles(
    driver: Chrome, page: Path, *, width_px: int, scheme: str = "light", shot: str = ""
) -> dict[str, Any]:
    """Open a page: what its console says, who else was asked, charts not drawn, what sticks out.

    With a picture if it has a name. What is not wrong is not there.
    """
    driver.get_log("browser")
    driver.get_log("performance")
    look(driver, page, width_px=width_px, scheme=scheme)
    if shot:
        screenshot(driver, shot)
    urls = requested(driver)
    assert urls
    # Wide tables scroll within their box.
    scroll_px = driver.execute_script("return document.documentElement.scrollWidth")
    found = {
        "console": driver.get_log("browser"),
        "urls": [url for url in urls if not url.startswith(WITHIN)],
        "undrawn": driver.execute_script(
            "return [...document.querySelectorAll('.chart')]"
            ".filter((chart) => !chart.querySelector('svg.main-svg')).map((chart) => chart.id)"
        ),
        "too_wide_px": max(0, scroll_px - width_px),
    }
    return {name: one for name, one in found.items() if one}


def violations(driver: Chrome) -> list[Any]:
    """Have axe look at the whole page, folds open; what is of weight."""
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    script = """
    const done = arguments[0];
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    axe.run(document).then(({ passes, violations }) => done([passes.length, violations
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])]));
    """
    n_passes, found = driver.execute_async_script(script)
    assert n_passes > 30
    return list(found)
