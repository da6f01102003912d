"""Figures of the page, drawn by plotly in the reader's browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.report.block_figure import draw_waveform
from traceenergy.report.chart_style import (
    PLAIN,
    axis_title,
    balance_color,
    chart_layout,
    escape_markup,
    phase_color,
)
from traceenergy.report.clock_figure import draw_clocks, draw_points
from traceenergy.report.flame_figure import draw_flame
from traceenergy.report.path_figure import draw_bars, draw_experts, draw_lanes, draw_quadrants
from traceenergy.report.power_figure import draw_heat, draw_maxima, draw_parts, draw_steps
from traceenergy.report.serving_figure import draw_latencies

if TYPE_CHECKING:
    from traceenergy.report.view import PageView
    from traceenergy.report.view_charts import BalanceView, BarsView, PowerView

_TIME = "#7a8794"
_ROW_PX = 30
_BARS_MARGIN_PX = 70


def page_figures(view: PageView) -> dict[str, Any]:
    """Build all figures of a page.

    Parameters
    ----------
    view : PageView

    Returns
    -------
    dict
        Figure as plain JSON by the id of its place in the page.
    """
    figures: dict[str, Any] = {}
    if view.balance_chart:
        figures["balance-chart"] = _balance(view.balance_chart)
    for name, bars in (("phase", view.phase_chart), ("kernel", view.kernel_chart)):
        if bars:
            figures |= _rows(name, bars, has_power=view.has_power)
    if view.layer_chart:
        figures |= _columns("layer", view.layer_chart, has_power=view.has_power)
    figures |= _path(view)
    if view.flame:
        figures["flame-chart"] = draw_flame(view.flame)
    if view.components and view.components.curve:
        figures["parts-chart"] = draw_parts(view.components.curve)
    for index, chart in enumerate(view.power_charts):
        figures[f"power-chart-{index}"] = _power(chart)
    figures |= _power_over_time(view) | _clocks(view) | _serving(view)
    for index, block in enumerate(view.blocks):
        if block.waveform:
            figures[f"block-chart-{index}"] = draw_waveform(block.waveform)
    return figures


def _path(view: PageView) -> dict[str, dict[str, Any]]:
    if not view.path:
        return {}
    figures = {"path-chart": draw_bars(view.path.bars)}
    for quadrants in view.path.quadrants:
        figures[f"quadrant-{quadrants.level}-chart"] = draw_quadrants(quadrants)
    if view.path.expert_chart:
        figures["expert-chart"] = draw_experts(view.path.expert_chart)
    if view.path.lanes:
        figures["lanes-chart"] = draw_lanes(view.path.lanes)
    return figures


def _power_over_time(view: PageView) -> dict[str, dict[str, Any]]:
    if not view.power:
        return {}
    figures = {"maxima-chart": draw_maxima(view.power.maxima, view.power.limits)}
    if view.power.heat:
        figures["swing-chart"] = draw_heat(view.power.heat)
    if view.power.flattening and view.power.flattening.lines:
        figures["flattening-chart"] = draw_steps(view.power.flattening.lines)
    return figures


def _clocks(view: PageView) -> dict[str, dict[str, Any]]:
    if not view.clocks:
        return {}
    figures = {
        f"clock-chart-{index}": draw_clocks(line) for index, line in enumerate(view.clocks.lines)
    }
    if view.clocks.points:
        figures["clock-points-chart"] = draw_points(view.clocks.points)
    return figures


def _serving(view: PageView) -> dict[str, dict[str, Any]]:
    if not view.serving or not view.serving.lines:
        return {}
    return {"latency-chart": draw_latencies(view.serving.lines)}


def _balance(view: BalanceView) -> dict[str, Any]:
    total_j = sum(view.energy_j) or 1.0
    bars = [
        {
            "type": "bar",
            "name": name,
            "y": ["energy"],
            "x": [energy_j],
            "orientation": "h",
            "marker": {
                "color": balance_color(key),
                "pattern": {"shape": "/" if key == "unattributed" else ""},
            },
            "hovertemplate": f"{name}: %{{x:.4s}}J, {energy_j / total_j:.1%}<extra></extra>",
        }
        for key, name, energy_j in zip(view.keys, view.names, view.energy_j, strict=True)
    ]
    layout = chart_layout(
        barmode="relative",
        height=96,
        margin={"l": 8, "r": 8, "t": 4, "b": 44},
        xaxis={"title": axis_title("energy [J]"), "automargin": True},
        yaxis={"visible": False},
    )
    return {"data": bars, "layout": layout}


def _rows(name: str, bars: BarsView, *, has_power: bool) -> dict[str, Any]:
    """Lay bars on their side: energy in one figure, busy time in its neighbor."""
    figures = {}
    colors = [phase_color(phase) for phase in bars.phases]
    labels = [escape_markup(name) for name in bars.names]
    layout = chart_layout(
        height=_BARS_MARGIN_PX + _ROW_PX * len(bars.names),
        margin={"l": 8, "r": 24, "t": 8, "b": 48},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True, "ticksuffix": "  "},
    )
    for kind in _kinds(has_power=has_power):
        trace = {
            "type": "bar",
            "y": labels,
            "x": _values(bars, kind),
            "orientation": "h",
            "marker": {"color": colors},
            "customdata": [escape_markup(title) for title in bars.titles],
            **_hover(bars, kind, "x"),
        }
        axis = {"title": axis_title(_AXIS[kind]), "rangemode": "tozero", "automargin": True}
        figures[f"{name}-{kind}-chart"] = {"data": [trace], "layout": layout | {"xaxis": axis}}
    return figures


def _columns(name: str, bars: BarsView, *, has_power: bool) -> dict[str, Any]:
    """Stand bars up, for rows that have an order of their own."""
    figures = {}
    index = [int(label) for label in bars.names]
    layout = chart_layout(height=260, margin={"l": 60, "r": 12, "t": 8, "b": 48})
    layout["xaxis"] = {"title": axis_title("layer"), "automargin": True}
    kinds = _kinds(has_power=has_power)
    if any(bars.path_s):
        kinds = (*kinds[:-1], "path")
    for kind in kinds:
        color = PLAIN if kind == "energy" else _TIME
        trace = {
            "type": "bar",
            "x": index,
            "y": _values(bars, kind),
            "marker": {"color": color},
            "customdata": [escape_markup(title) for title in bars.titles],
            **_hover(bars, kind, "y"),
        }
        axis = {"title": axis_title(_AXIS[kind]), "rangemode": "tozero", "automargin": True}
        figures[f"{name}-{kind}-chart"] = {"data": [trace], "layout": layout | {"yaxis": axis}}
    return figures


_AXIS = {
    "energy": "sum: energy [J]",
    "time": "time: busy [s]",
    "path": "max: on the critical path [s]",
}


def _kinds(*, has_power: bool) -> tuple[str, ...]:
    return ("energy", "time") if has_power else ("time",)


def _values(bars: BarsView, kind: str) -> list[float | None]:
    return list({"energy": bars.energy_j, "time": bars.busy_s, "path": bars.path_s}[kind])


def _hover(bars: BarsView, kind: str, axis: str) -> dict[str, Any]:
    if kind != "energy":
        what = {"time": "busy", "path": "on the critical path"}[kind]
        return {"hovertemplate": f"%{{customdata}}<br>%{{{axis}:.4s}}s {what}<extra></extra>"}
    error = {
        "type": "data",
        "symmetric": False,
        "array": _distance(bars.energy_j, bars.energy_hi_j),
        "arrayminus": _distance(bars.energy_lo_j, bars.energy_j),
        "thickness": 1.5,
        "width": 4 if axis == "x" else 2,
    }
    template = f"%{{customdata}}<br>%{{{axis}:.4s}}J<extra></extra>"
    return {f"error_{axis}": error, "hovertemplate": template}


def _distance(low: tuple[float | None, ...], high: tuple[float | None, ...]) -> list[float]:
    return [
        0.0 if a is None or b is None else max(0.0, b - a) for a, b in zip(low, high, strict=True)
    ]


def _power(chart: PowerView) -> dict[str, Any]:
    """Draw measured power under what ran, on one axis of time."""
    traces = [_measured(chart)] if chart.time_s else []
    traces += [_activity(chart, phase, label, share) for phase, label, share in chart.phases]
    low, high = (0.5, 0.58) if chart.time_s else (0.0, 0.0)
    span = [chart.edge_s[0], chart.edge_s[-1]] if chart.edge_s else None
    layout = chart_layout(
        height=380 if chart.time_s else 220,
        margin={"l": 64, "r": 12, "t": 8, "b": 48},
        hovermode="x unified",
        meta="window-time",
        xaxis={"title": axis_title("time since start of the window [s]"), "range": span,
               "anchor": "y" if chart.time_s else "y2", "hoverformat": ".6~g"},
        yaxis={"title": axis_title("power [W]"), "domain": [0, low], "rangemode": "tozero"},
        yaxis2={"title": axis_title("GPU time [%]"), "domain": [high, 1], "range": [0, 1],
                "tickformat": ".0%"},
    )  # fmt: skip
    if not chart.time_s:
        del layout["yaxis"]
    if chart.idle_power_w is not None and chart.time_s:
        layout["shapes"] = [_idle_line(chart.idle_power_w)]
        layout["annotations"] = [_idle_label(chart.idle_power_w)]
    return {"data": traces, "layout": layout}


def _measured(chart: PowerView) -> dict[str, Any]:
    few = len(chart.time_s) <= 400  # noqa: PLR2004 - markers would touch beyond
    return {
        "type": "scatter",
        "name": "measured power",
        "x": list(chart.time_s),
        "y": list(chart.power_w),
        "mode": "lines+markers" if few else "lines",
        "line": {"shape": "hvh", "width": 1.4, "color": PLAIN},
        "marker": {"size": 4},
        "connectgaps": False,
        "hovertemplate": "%{y:.4~g} W<extra>measured</extra>",
        "meta": "measured",
    }


def _activity(chart: PowerView, phase: str, label: str, share: tuple[float, ...]) -> dict[str, Any]:
    # The last share is repeated at the last edge, so that its step is drawn.
    return {
        "type": "scatter",
        "name": escape_markup(label),
        "x": list(chart.edge_s),
        "y": [*share, share[-1]],
        "yaxis": "y2",
        "stackgroup": "work",
        "mode": "lines",
        "line": {"shape": "hv", "width": 0},
        "fillcolor": phase_color(phase),
        "hovertemplate": "%{y:.1%}<extra>" + escape_markup(label) + "</extra>",
    }


def _idle_line(power_w: float) -> dict[str, Any]:
    line = {"dash": "dot", "width": 1.2, "color": "#85858c"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": power_w,
            "y1": power_w, "line": line}  # fmt: skip


def _idle_label(power_w: float) -> dict[str, Any]:
    text = f"idle {power_w:.0f} W"
    place = {"xref": "paper", "x": 1, "xanchor": "right", "yref": "y", "y": power_w}
    return place | {"yanchor": "bottom", "text": text, "showarrow": False, "font": {"size": 11}}
