"""The waveform stacks idle power, what runs, what runs beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report import sample
from traceenergy.report.chart_style import phase_color
from traceenergy.report.figures import page_figures
from traceenergy.report.view import page_view


def figure() -> dict[str, Any]:
    found: dict[str, Any] = page_figures(page_view(sample.rich_analysis()))["block-chart-0"]
    return found


def test_bars_add_up_to_the_power() -> None:
    idle, main, beside = figure()["data"][:3]

    assert (idle["x"], idle["width"], idle["y"]) == ([17.5], [35.0], [100.0])
    assert main["base"] == 100.0
    assert main["y"] == [150.0, 0.0, 400.0, 400.0, 400.0]  # 250, 100, 500, 600 - 100, 500
    assert beside["y"] == [0.0, 0.0, 0.0, 100.0, 0.0]
    assert beside["base"][3] + beside["y"][3] == 600.0


def test_bars_cover_the_block_without_overlap() -> None:
    main = figure()["data"][1]

    edges = [(x - w / 2, x + w / 2) for x, w in zip(main["x"], main["width"], strict=True)]
    assert edges[0][0] == 0.0
    assert [end for _, end in edges[:-1]] == pytest.approx([start for start, _ in edges[1:]])
    assert edges[-1][1] == 35.0


def test_phases_have_their_colors_and_names_are_escaped() -> None:
    main, beside = figure()["data"][1:3]

    assert main["marker"]["color"][:3:2] == [phase_color("norm"), phase_color("moe")]
    assert beside["marker"]["color"][3] == phase_color("moe")
    assert not any("<" in text for text in main["text"] + main["customdata"])


def test_the_band_is_the_interval_step_by_step() -> None:
    low, high = figure()["data"][3:]

    assert low["x"][:4] == [0.0, 4.0, 4.0, 5.0]
    assert low["y"][:4] == pytest.approx([225.0, 225.0, 90.0, 90.0])
    assert high["y"][:4] == pytest.approx([300.0, 300.0, 120.0, 120.0])
    assert high["fill"] == "tonexty"
