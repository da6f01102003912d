"""Figures carry intervals, colors, titles with units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import pytest

from tests.report import sample
from traceenergy.report.chart_style import PHASE_COLORS, phase_color
from traceenergy.report.figures import page_figures
from traceenergy.report.view import page_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.analysis import Analysis


def test_every_chart_has_its_figure() -> None:
    figures = page_figures(page_view(sample.rich_analysis()))

    assert set(figures) == {
        "clock-chart-0", "clock-chart-1", "clock-points-chart",
        "balance-chart",
        *(f"{row}-{kind}-chart" for row in ("phase", "kernel") for kind in ("energy", "time")),
        "layer-energy-chart", "layer-path-chart", "path-chart", "lanes-chart", "expert-chart",
        "flame-chart",
        *(f"quadrant-{level}-chart" for level in ("phase", "kernel", "layer")),
        "power-chart-0", "power-chart-1", "block-chart-0", "maxima-chart", "swing-chart",
        "flattening-chart", "latency-chart",
    }  # fmt: skip


def test_without_power_only_time_is_drawn() -> None:
    figures = page_figures(page_view(sample.time_only_analysis()))

    assert not [name for name in figures if "energy" in name or "balance" in name]
    assert "yaxis" not in figures["power-chart-0"]["layout"]


def test_energy_bars_carry_their_interval() -> None:
    bar = page_figures(page_view(sample.rich_analysis()))["phase-energy-chart"]["data"][0]

    # MoE: 600 J, 540 to 660
    assert bar["error_x"]["array"][0] == pytest.approx(60.0)
    assert bar["error_x"]["arrayminus"][0] == pytest.approx(60.0)


def test_a_phase_has_one_color_everywhere() -> None:
    figures = page_figures(page_view(sample.rich_analysis()))

    bars = figures["phase-energy-chart"]["data"][0]["marker"]["color"]
    areas = [trace["fillcolor"] for trace in figures["power-chart-0"]["data"][1:]]
    assert bars[:4] == areas
    assert phase_color("no such phase") == PHASE_COLORS["other"]


def test_axes_wear_units() -> None:
    figures = page_figures(page_view(sample.rich_analysis()))

    titles = {
        axis["title"]["text"]
        for figure in figures.values()
        for name, axis in figure["layout"].items()
        if name.startswith(("xaxis", "yaxis")) and "title" in axis
    }
    assert titles >= {"energy [J]", "sum: energy [J]", "time: busy [s]", "power [W]"}


def test_names_are_no_markup_for_plotly() -> None:
    names = page_figures(page_view(sample.rich_analysis()))["kernel-energy-chart"]["data"][0]["y"]

    assert names[0].startswith("&lt;/script&gt;")


@pytest.mark.parametrize(
    "make", [sample.rich_analysis, sample.bare_analysis, sample.time_only_analysis]
)
def test_plotly_knows_all_that_figures_say(make: Callable[[], Analysis]) -> None:
    """Its own classes refuse unknown attributes, which its script would pass over in silence."""
    for figure in page_figures(page_view(make())).values():
        drawn = go.Figure(figure).to_dict()

        assert [trace["type"] for trace in drawn["data"]] == [t["type"] for t in figure["data"]]
        assert figure["layout"].keys() <= drawn["layout"].keys()
