"""Figures of max beside sum: two bars, quadrants, the path through the lanes of devices."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from traceenergy.report.chart_style import (
    PLAIN,
    axis_title,
    chart_layout,
    escape_markup,
    part_color,
)

if TYPE_CHECKING:
    from traceenergy.report.view_collectives import ExpertView
    from traceenergy.report.view_path import QuadrantView, ShareBar
    from traceenergy.report.view_path_lanes import LanesView

SYMBOLS = {
    "time+energy": "circle",
    "time only": "triangle-up",
    "energy only": "square",
    "neither": "x-thin-open",
}
_HATCHED = {"host": "/", "collective_wait": "x", "unattributed": "/"}
# A dark line in a light halo is seen on every phase, on white, on near-black.
_HALO, _LINE, _WAITING = "rgba(255, 255, 255, 0.9)", "#16191d", "#e0459b"
_MANY = 100  # handovers; from here on they are drawn the paler the more they are
_LANE_PX = 34
_STRIP = "the path"


def draw_bars(bars: tuple[ShareBar, ...]) -> dict[str, Any]:
    """Draw elapsed time above energy, each in per cent of its whole.

    Parameters
    ----------
    bars : tuple of ShareBar

    Returns
    -------
    dict
        Figure as plotly takes it.
    """
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [bar.name],
            "x": [share],
            "marker": {"color": part_color(key), "pattern": {"shape": _HATCHED.get(key, "")}},
            "text": [escape_markup(name)],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "hovertemplate": f"{escape_markup(name)}: {text}, %{{x:.1%}}<extra></extra>",
        }
        for bar in bars
        for key, name, share, text in zip(bar.keys, bar.names, bar.shares, bar.texts, strict=True)
        if share
    ]
    layout = chart_layout(
        barmode="relative",
        height=80 + 46 * len(bars),
        bargap=0.2,
        uniformtext={"mode": "hide", "minsize": 10},
        margin={"l": 8, "r": 12, "t": 4, "b": 44},
        xaxis={"title": axis_title("part of the whole [%]"), "tickformat": ".0%",
               "automargin": True},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True, "ticksuffix": "  "},
    )  # fmt: skip
    return {"data": traces, "layout": layout}


def draw_quadrants(view: QuadrantView) -> dict[str, Any]:
    """Draw rows as points: time they gate, energy they cost.

    Parameters
    ----------
    view : QuadrantView

    Returns
    -------
    dict
        Figure as plotly takes it.
    """
    bounds = zip(view.energy_lo_share, view.energy_share, view.energy_hi_share, strict=True)
    below, above = zip(
        *((max(0, e - low), max(0, high - e)) for low, e, high in bounds), strict=True
    )
    end = 1.1 * max(view.path_share)
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "x": list(view.path_share),
        "y": list(view.energy_share),
        "error_y": {"type": "data", "symmetric": False, "array": above, "arrayminus": below,
                    "thickness": 1.2, "width": 3},
        "text": [escape_markup(name) for name in view.names],
        "textposition": ["middle left" if x > end / 2 else "middle right" for x in view.path_share],
        "textfont": {"size": 12},
        "customdata": [escape_markup(title) for title in view.titles],
        "hovertemplate": "%{customdata}<br>path %{x:.1%}, energy %{y:.1%}<extra></extra>",
        "marker": {
            "symbol": [SYMBOLS[quadrant] for quadrant in view.quadrants],
            "color": [part_color(phase) if phase else PLAIN for phase in view.phases],
            "size": 11,
            "line": {"width": 1.5},
        },
        "cliponaxis": False,
    }  # fmt: skip
    equal = 1.05 * max(1e-9, min(max(view.path_share), max(view.energy_hi_share)))
    line = {"type": "line", "x0": 0, "y0": 0, "x1": equal, "y1": equal, "layer": "below",
            "line": {"dash": "dot", "width": 1.2, "color": "#85858c"}}  # fmt: skip
    axis = {"tickformat": ".3~p", "automargin": True, "rangemode": "tozero"}
    layout = chart_layout(
        height=360,
        margin={"l": 60, "r": 24, "t": 12, "b": 48},
        shapes=[line],
        xaxis=axis | {"title": axis_title("max: part of the elapsed time [%]")},
        yaxis=axis | {"title": axis_title("sum: part of the work's energy [%]")},
    )
    return {"data": [points], "layout": layout}


def draw_lanes(view: LanesView) -> dict[str, Any]:
    """Draw the path as a line through the lanes of devices.

    Parameters
    ----------
    view : LanesView

    Returns
    -------
    dict
        Figure as plotly takes it.
    """
    n = len(view.lanes)
    span = [view.segment_edge_s[0], view.segment_edge_s[-1]]
    layout = chart_layout(
        height=96 + _LANE_PX * (n + 1),
        margin={"l": 8, "r": 12, "t": 8, "b": 48},
        hovermode="closest",
        meta="window-time",
        xaxis={"title": axis_title("time since start of the window [s]"), "range": span,
               "hoverformat": ".6~g", "showgrid": False, "zeroline": False},
        yaxis={"range": [n + 0.5, -0.5], "tickvals": list(range(n + 1)), "fixedrange": True,
               "ticktext": [*view.lanes, _STRIP], "automargin": True, "ticksuffix": "  ",
               "showgrid": False, "zeroline": False},
    )  # fmt: skip
    lines = [
        _line(view, _HALO, 6),
        _handovers(view),
        _line(view, _LINE, 2.5),
        _line(view, _WAITING, 2.5, waits=True),
    ]
    return {"data": [*_activity(view), _strip(view), *lines], "layout": layout}


def draw_experts(view: ExpertView) -> dict[str, Any]:
    """Draw the time of routed experts by layer, that of the busiest GPU over that of the mean.

    Parameters
    ----------
    view : ExpertView

    Returns
    -------
    dict
        Figure as plotly takes it.
    """
    color = part_color("moe")
    bars = [
        {"type": "bar", "x": list(view.layers), "y": list(time_s), "marker": marker,
         "hovertemplate": f"layer %{{x}}: {what} %{{y:.4s}}s<extra></extra>"}
        for time_s, what, marker in (
            (view.mean_s, "mean GPU", {"color": color}),
            (view.over_s, "busiest GPU longer by", {"color": color, "pattern": {"shape": "/"}}),
        )
    ]  # fmt: skip
    layout = chart_layout(
        height=260,
        barmode="stack",
        margin={"l": 60, "r": 12, "t": 8, "b": 48},
        xaxis={"title": axis_title("layer"), "automargin": True},
        yaxis={"title": axis_title("routed experts [s]"), "rangemode": "tozero",
               "automargin": True},
    )  # fmt: skip
    return {"data": bars, "layout": layout}


def _activity(view: LanesView) -> list[dict[str, Any]]:
    if not view.edge_s:
        return []
    lanes = {"y": list(range(len(view.lanes))), "z": [list(lane) for lane in view.activity]}
    return [_grid(view) | lanes | {"x": list(view.edge_s), "opacity": 0.6, "hoverinfo": "skip"}]


def _strip(view: LanesView) -> dict[str, Any]:
    return _grid(view) | {
        "x": list(view.segment_edge_s),
        "y": [len(view.lanes)],
        "z": [list(view.segment_key)],
        "customdata": [list(view.segment_texts)],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _grid(view: LanesView) -> dict[str, Any]:
    """Fill cells in the colors of phases, which plotly takes as one scale of steps."""
    n = len(view.keys)
    steps = [
        [edge / n, part_color(key)]
        for number, key in enumerate(view.keys)
        for edge in (number, number + 1)
    ]
    return {"type": "heatmap", "colorscale": steps, "zmin": -0.5, "zmax": n - 0.5,
            "showscale": False, "ygap": 8}  # fmt: skip


def _line(view: LanesView, color: str, width: float, *, waits: bool = False) -> dict[str, Any]:
    """Go along the lane that holds the path; a gap where another one does, or none."""
    x: list[float | None] = []
    y: list[int | None] = []
    at: int | None = None
    for number, (lane, key) in enumerate(zip(view.segment_lane, view.segment_key, strict=True)):
        drawn = None if waits and view.keys[key] not in _HATCHED else lane
        begin_s, end_s = view.segment_edge_s[number : number + 2]
        if drawn is not None and drawn == at:
            x[-1] = end_s
        elif drawn is not None:
            x += [None, begin_s, end_s]
            y += [None, drawn, drawn]
        at = drawn
    return _lines(x, y, color, width)


def _handovers(view: LanesView) -> dict[str, Any]:
    """Go from lane to lane, thinly: many handovers would hide what they connect."""
    x: list[float | None] = []
    y: list[int | None] = []
    for number, (lane, then) in enumerate(pairwise(view.segment_lane), start=1):
        if lane is not None and then is not None and lane != then:
            x += [None, *[view.segment_edge_s[number]] * 2]
            y += [None, lane, then]
    n = len(x) // 3
    if n <= _MANY:
        return _lines(x, y, _LINE, 1.5)
    return _lines(x, y, f"rgba(110, 116, 124, {max(0.1, _MANY / n):.2f})", 0.6)


def _lines(x: list[float | None], y: list[int | None], color: str, width: float) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip",
            "line": {"color": color, "width": width}, "connectgaps": False}  # fmt: skip
