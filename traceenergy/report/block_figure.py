"""Average block: power over its microseconds, filled in the colors of phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.report.chart_style import axis_title, chart_layout, escape_markup, phase_color

if TYPE_CHECKING:
    from traceenergy.report.view_blocks import WaveView

_STATIC = "#a3a8b0"
_BAND = "rgba(128, 134, 144, 0.25)"
# Intervals of short parts reach far above all powers; the axis ends here over the highest power.
_ROOM = 1.45


def draw_waveform(view: WaveView) -> dict[str, Any]:
    """Draw static power, what runs on the main stream, what runs beside it, and the interval.

    Parameters
    ----------
    view : WaveView

    Returns
    -------
    dict
        Figure as plotly takes it. Names stand in the bars they fit into; the others are told on
        hover.
    """
    main_w = [
        power - view.static_w - beside
        for power, beside in zip(view.power_w, view.beside_w, strict=True)
    ]
    base_w = [power - beside for power, beside in zip(view.power_w, view.beside_w, strict=True)]
    bars = [
        _idle_bar(view),
        _bars(view, main_w, view.static_w, {"color": _colors(view.phases)}, text=view.texts),
        _bars(view, view.beside_w, base_w,
              {"color": _colors(view.beside_phases), "pattern": {"shape": "/", "size": 6}}),
    ]  # fmt: skip
    layout = chart_layout(
        height=340,
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        margin={"l": 64, "r": 12, "t": 8, "b": 48},
        uniformtext={"mode": "hide", "minsize": 10},
        xaxis={"title": axis_title("time since the begin of the block [µs]"),
               "range": [0, view.end_us[-1]]},
        yaxis={"title": axis_title("power [W]"), "range": [0, _ROOM * max(view.power_w)]},
    )  # fmt: skip
    return {"data": [*bars, *_band(view)], "layout": layout}


def _idle_bar(view: WaveView) -> dict[str, Any]:
    length_us = view.end_us[-1]
    return {
        "type": "bar",
        "x": [length_us / 2],
        "width": [length_us],
        "y": [view.static_w],
        "marker": {"color": _STATIC, "opacity": 0.55, "line": {"width": 0}},
        "hovertemplate": "idle power: %{y:.4~g} W<extra></extra>",
    }


def _bars(
    view: WaveView,
    height_w: list[float] | tuple[float, ...],
    base_w: list[float] | float,
    marker: dict[str, Any],
    text: tuple[str, ...] = (),
) -> dict[str, Any]:
    edges = list(zip(view.start_us, view.end_us, strict=True))
    named = {"text": [escape_markup(one) for one in text], "textposition": "inside",
             "insidetextanchor": "middle"} if text else {}  # fmt: skip
    return {
        "type": "bar",
        "x": [(start + end) / 2 for start, end in edges],
        "width": [end - start for start, end in edges],
        "y": list(height_w),
        "base": base_w,
        "marker": marker | {"line": {"width": 0}},
        "customdata": [escape_markup(title) for title in view.titles],
        "hovertemplate": "%{customdata}<extra></extra>",
        **named,
    }


def _band(view: WaveView) -> list[dict[str, Any]]:
    x = [edge for pair in zip(view.start_us, view.end_us, strict=True) for edge in pair]
    bounds = [
        [bound for bound in bounds_w for _ in range(2)]
        for bounds_w in (view.power_lo_w, view.power_hi_w)
    ]
    return [
        {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": {"width": 0}, "fill": fill,
         "fillcolor": _BAND, "hoverinfo": "skip"}
        for y, fill in zip(bounds, ("none", "tonexty"), strict=True)
    ]  # fmt: skip


def _colors(phases: tuple[str, ...]) -> list[str]:
    return [phase_color(phase) for phase in phases]
