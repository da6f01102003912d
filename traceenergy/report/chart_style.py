"""Look that all charts share: colors, margins, titles."""

from __future__ import annotations

from typing import Any

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
PLAIN = "#3a7fd5"
_BALANCE_COLORS = {
    "static": "#6d9bd8",
    "dynamic": "#2c62b0",
    "idle": "#a3a8b0",
    "unattributed": "#c2504f",
}
_VERDICT_COLORS = {
    "better": "#13967c",
    "worse": "#c2504f",
    "same": "#85858c",
    "undecided": "#c9a227",
}
_WAIT_COLORS = {"host": "#c9a227", "collective_wait": "#a0527d", "idle": "#a3a8b0"}


def phase_color(phase: str) -> str:
    """Return the color that stands for a phase on all charts."""
    return PHASE_COLORS.get(phase, PHASE_COLORS["other"])


def change_color(key: str) -> str:
    """Return the color of a verdict, else of a phase."""
    return _VERDICT_COLORS.get(key) or phase_color(key)


def balance_color(part: str) -> str:
    """Return the color of a part of the balance; empty for sums of parts."""
    return _BALANCE_COLORS.get(part, "")


def part_color(key: str) -> str:
    """Return the color of a part of the path or of energy: a phase, a wait, or what is left."""
    waits = _WAIT_COLORS | {"unattributed": _BALANCE_COLORS["unattributed"]}
    return waits.get(key) or phase_color(key)


def chart_layout(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's attributes
    """Return the layout that all charts share, with more attributes of one chart."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "font": {"family": "system-ui, DejaVu Sans, sans-serif", "size": 13},
        "hoverlabel": {"align": "left"},
        "bargap": 0.35,
    } | more


def axis_title(text: str) -> dict[str, Any]:
    """Return the title of an axis."""
    return {"text": text, "font": {"size": 13}, "standoff": 8}


def escape_markup(text: str) -> str:
    """Escape what plotly would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
