"""Figures of the page, drawn by plotly in the reader's browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

if TYPE_CHECKING:
    from traceenergy.report.view import PageView
    from traceenergy.report.view_charts import BalanceView, BarsView, PowerView

# Told apart with the common kinds of color blindness where they are neighbors; each is legible
# on white and on near-black (contrast 3:1 or more).
PHASE_COLORS = {
    "attention": "#3a7fd5",
    "moe": "#d9722e",
    "mlp": "#b8860b",
    "allreduce": "#13967c",
    "collective": "#5b9e3f",
    "norm": "#b35fb5",
    "embedding": "#4f97b8",
    "lm_head": "#7d6fc9",
    "sampling": "#cc5f86",
    "quantize": "#8a8a2e",
    "memory": "#6d7f92",
    "optimizer": "#a9623f",
    "other": "#85858c",
    "unclassified": "#c2504f",
}
_PLAIN = "#3a7fd5"
_TIME = "#7a8794"
_BALANCE_COLORS = {
    "static": "#6d9bd8",
    "dynamic": "#2c62b0",
    "idle": "#a3a8b0",
    "unattributed": "#c2504f",
}
_ROW_PX = 30
_BARS_MARGIN_PX = 70


def phase_color(phase: str) -> str:
    """Return the color that stands for a phase on all charts."""
    return PHASE_COLORS.get(phase, PHASE_COLORS["other"])


def balance_color(part: str) -> str:
    """Return the color of a part of the balance; empty for sums of parts."""
    return _BALANCE_COLORS.get(part, "")


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
    figures: dict[str, go.Figure] = {}
    if view.balance_chart:
        figures["balance-chart"] = _balance(view.balance_chart)
    for name, bars in (("phase", view.phase_chart), ("kernel", view.kernel_chart)):
        if bars:
            figures |= _rows(name, bars, has_power=view.has_power)
    if view.layer_chart:
        figures |= _columns("layer", view.layer_chart, has_power=view.has_power)
    for index, chart in enumerate(view.power_charts):
        figures[f"power-chart-{index}"] = _power(chart)
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def plotly_script() -> tuple[str, str]:
    """Return plotly's own script, compressed for a page.

    Returns
    -------
    packed : str
        gzip in base64, the same for the same version of plotly.
    digest : str
        SHA-256 of the script in base64, as a Content-Security-Policy writes it.
    """
    script = get_plotlyjs().encode()
    packed = base64.b64encode(gzip.compress(script, mtime=0)).decode()
    return packed, base64.b64encode(hashlib.sha256(script).digest()).decode()


def _layout(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's attributes
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "font": {"family": "system-ui, DejaVu Sans, sans-serif", "size": 13},
        "hoverlabel": {"align": "left"},
        "bargap": 0.35,
    } | more


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 13}, "standoff": 8}


def _balance(view: BalanceView) -> go.Figure:
    total_j = sum(view.energy_j) or 1.0
    bars = [
        go.Bar(
            name=name,
            y=["energy"],
            x=[energy_j],
            orientation="h",
            marker={
                "color": balance_color(key),
                "pattern": {"shape": "/" if key == "unattributed" else ""},
            },
            hovertemplate=f"{name}: %{{x:.4s}}J, {energy_j / total_j:.1%}<extra></extra>",
        )
        for key, name, energy_j in zip(view.keys, view.names, view.energy_j, strict=True)
    ]
    layout = _layout(
        barmode="relative",
        height=96,
        margin={"l": 8, "r": 8, "t": 4, "b": 44},
        xaxis={"title": _title("energy [J]"), "automargin": True},
        yaxis={"visible": False},
    )
    return go.Figure(bars, layout)


def _rows(name: str, bars: BarsView, *, has_power: bool) -> dict[str, go.Figure]:
    """Lay bars on their side: energy in one figure, busy time in its neighbor."""
    figures = {}
    colors = [phase_color(phase) for phase in bars.phases]
    labels = [_escape(name) for name in bars.names]
    layout = _layout(
        height=_BARS_MARGIN_PX + _ROW_PX * len(bars.names),
        margin={"l": 8, "r": 24, "t": 8, "b": 48},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True, "ticksuffix": "  "},
    )
    for kind in _kinds(has_power=has_power):
        trace = go.Bar(
            y=labels,
            x=_values(bars, kind),
            orientation="h",
            marker={"color": colors},
            customdata=[_escape(title) for title in bars.titles],
            **_hover(bars, kind, "x"),
        )
        axis = {"title": _title(_AXIS[kind]), "rangemode": "tozero", "automargin": True}
        figures[f"{name}-{kind}-chart"] = go.Figure(trace, layout | {"xaxis": axis})
    return figures


def _columns(name: str, bars: BarsView, *, has_power: bool) -> dict[str, go.Figure]:
    """Stand bars up, for rows that have an order of their own."""
    figures = {}
    index = [int(label) for label in bars.names]
    layout = _layout(height=260, margin={"l": 60, "r": 12, "t": 8, "b": 48})
    layout["xaxis"] = {"title": _title("layer"), "automargin": True}
    for kind in _kinds(has_power=has_power):
        color = _PLAIN if kind == "energy" else _TIME
        trace = go.Bar(
            x=index,
            y=_values(bars, kind),
            marker={"color": color},
            customdata=[_escape(title) for title in bars.titles],
            **_hover(bars, kind, "y"),
        )
        axis = {"title": _title(_AXIS[kind]), "rangemode": "tozero", "automargin": True}
        figures[f"{name}-{kind}-chart"] = go.Figure(trace, layout | {"yaxis": axis})
    return figures


_AXIS = {"energy": "sum: energy [J]", "time": "time: busy [s]"}


def _kinds(*, has_power: bool) -> tuple[str, ...]:
    return ("energy", "time") if has_power else ("time",)


def _values(bars: BarsView, kind: str) -> list[float | None]:
    return list(bars.energy_j if kind == "energy" else bars.busy_s)


def _hover(bars: BarsView, kind: str, axis: str) -> dict[str, Any]:
    if kind == "time":
        return {"hovertemplate": f"%{{customdata}}<br>%{{{axis}:.4s}}s busy<extra></extra>"}
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


def _power(chart: PowerView) -> go.Figure:
    """Draw measured power above what ran, on one axis of time."""
    traces = [_measured(chart)] if chart.time_s else []
    traces += [_activity(chart, phase, label, share) for phase, label, share in chart.phases]
    split = (0.42, 0.5) if chart.time_s else (1.0, 1.0)
    span = [chart.edge_s[0], chart.edge_s[-1]] if chart.edge_s else None
    layout = _layout(
        height=380 if chart.time_s else 220,
        margin={"l": 64, "r": 12, "t": 8, "b": 48},
        hovermode="x unified",
        xaxis={"title": _title("time since start of the window [s]"), "range": span,
               "anchor": "y2", "hoverformat": ".6~g"},
        yaxis={"title": _title("power [W]"), "domain": [split[1], 1], "rangemode": "tozero"},
        yaxis2={"title": _title("GPU time by phase"), "domain": [0, split[0]], "range": [0, 1],
                "tickformat": ".0%"},
    )  # fmt: skip
    if not chart.time_s:
        del layout["yaxis"]
    if chart.idle_power_w is not None and chart.time_s:
        layout["shapes"] = [_idle_line(chart.idle_power_w)]
        layout["annotations"] = [_idle_label(chart.idle_power_w)]
    return go.Figure(traces, layout)


def _measured(chart: PowerView) -> go.Scatter:
    few = len(chart.time_s) <= 400  # noqa: PLR2004 - markers would touch beyond
    return go.Scatter(
        name="measured power",
        x=list(chart.time_s),
        y=list(chart.power_w),
        mode="lines+markers" if few else "lines",
        line={"shape": "hvh", "width": 1.4, "color": _PLAIN},
        marker={"size": 4},
        connectgaps=False,
        hovertemplate="%{y:.4~g} W<extra>measured</extra>",
        meta="measured",
    )


def _activity(chart: PowerView, phase: str, label: str, share: tuple[float, ...]) -> go.Scatter:
    # The last share is repeated at the last edge, so that its step is drawn.
    return go.Scatter(
        name=_escape(label),
        x=list(chart.edge_s),
        y=[*share, share[-1]],
        yaxis="y2",
        stackgroup="work",
        mode="lines",
        line={"shape": "hv", "width": 0},
        fillcolor=phase_color(phase),
        hovertemplate="%{y:.1%}<extra>" + _escape(label) + "</extra>",
    )


def _idle_line(power_w: float) -> dict[str, Any]:
    line = {"dash": "dot", "width": 1.2, "color": "#85858c"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": power_w,
            "y1": power_w, "line": line}  # fmt: skip


def _idle_label(power_w: float) -> dict[str, Any]:
    text = f"idle {power_w:.0f} W"
    place = {"xref": "paper", "x": 1, "xanchor": "right", "yref": "y", "y": power_w}
    return place | {"yanchor": "bottom", "text": text, "showarrow": False, "font": {"size": 11}}


def _escape(text: str) -> str:
    """Escape what plotly would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
