"""What the page of a sweep shows of its model of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report import sweep_columns as col
from traceenergy.report.change_text import interval_text, share_change_text
from traceenergy.report.chart_style import PLAIN, axis_title, chart_layout
from traceenergy.report.quantities import UNKNOWN, duration_text, energy_text, share_text
from traceenergy.report.view_columns import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.report.view_tables import TableView

TARGET_NAMES = {"step_s": "Time of a step", "step_j": "Energy of a step"}
_METHODS = {
    "law": "a law alone",
    "gaussian-process": "a law, corrected by a Gaussian process",
    "trees": "a law, corrected by gradient-boosted trees",
}
_UNITS = {"step_s": "s", "step_j": "J"}


@dataclass(frozen=True)
class ModelView:
    """Sentences, tables, and measured against predicted by target."""

    words: tuple[str, ...]
    scores: TableView
    features: TableView
    drift: TableView
    measured: dict[str, tuple[float, ...]]
    predicted: dict[str, tuple[float, ...]]


def model_view(model: dict[str, Any] | None, labels: Sequence[str]) -> ModelView | None:
    """Choose and round what is shown of a model, as `describe` told it; None without one.

    Parameters
    ----------
    model : dict or None
    labels : sequence of str
        Of the runs of the sweep, in their order.
    """
    if model is None:
        return None
    points = model["points"]
    return ModelView(
        words=tuple(_words(model)),
        scores=_score_table(model),
        features=_feature_table(model),
        drift=_drift_table(model, labels),
        measured=_by_target(points, "measured"),
        predicted=_by_target(points, "predicted"),
    )


def draw_model(view: ModelView, target: str) -> dict[str, Any]:
    """Draw predicted against measured steps, with the line where both are equal.

    Parameters
    ----------
    view : ModelView
    target
        One of `TARGET_NAMES`.

    Returns
    -------
    dict
        Figure as plotly takes it.
    """
    x, y = view.measured[target], view.predicted[target]
    ends = [min(*x, *y), max(*x, *y)]
    unit = _UNITS[target]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": {"color": PLAIN, "size": 5, "opacity": 0.6},
        "hovertemplate": f"measured %{{x:.4g}} {unit}, predicted %{{y:.4g}} {unit}<extra></extra>",
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "line": {"color": "#d9722e", "width": 1.2},
        "hoverinfo": "skip",
    }
    axis = {"type": "log", "automargin": True}
    layout = chart_layout(
        height=320,
        margin={"l": 64, "r": 24, "t": 12, "b": 48},
        xaxis={**axis, "title": axis_title(f"measured [{unit}]")},
        yaxis={**axis, "title": axis_title(f"predicted [{unit}]")},
        showlegend=False,
    )
    return {"data": [line, marks], "layout": layout}


def _words(model: dict[str, Any]) -> list[str]:
    n_used, n_steps, n_runs = (model[name] for name in ("n_sampled", "n_steps", "n_runs"))
    said = [f"Learned from {n_used:,} of {n_steps:,} steps of {n_runs:,} runs."]
    level = share_text(model["confidence_level"])
    for target, name in TARGET_NAMES.items():
        method = model[f"method_{target}"]
        if method is None:
            continue
        step, run = model[f"margin_{target}"], model[f"margin_run_{target}"]
        text = f"{name}: {_METHODS[method]}."
        if step is not None and run is not None:
            text += (
                f" At {level}, a step of a new run lies within {share_text(step)} of what is"
                f" predicted, the sum over a run within {share_text(run)}."
            )
        said.append(text)
    said += [_drift_sentence(row) for row in model["drift"] if row["run"] is None]
    return said


def _drift_sentence(row: dict[str, Any]) -> str:
    name = TARGET_NAMES[row["target"]]
    slope, low, high = (row[key] for key in ("drift_per_1000_steps", "drift_lo", "drift_hi"))
    if slope is None or low is None:
        return f"{name}: whether it drifts along the runs is not known."
    change = {"delta_share": slope, "delta_lo_share": low, "delta_hi_share": high}
    text = f"{share_change_text(slope)} ({interval_text(change)})"
    verdict = "no drift beyond its interval" if low <= 0 <= high else "it drifts"
    return f"{name}, measured over predicted: {text} over 1,000 steps, {verdict}."


def _score_table(model: dict[str, Any]) -> TableView:
    frame = pl.DataFrame(model["scores"], infer_schema_length=None)
    columns = [
        Column("Of", "", lambda row: _word(TARGET_NAMES[row["target"]]), is_number=False),
        col.number_column("Learned from", "training_share", "share of runs, or of blocks of time",
                          share_text),
        col.number_column("R2", "r2", "share of variance that is explained",
                          lambda value: UNKNOWN if value is None else f"{value:.4f}"),
        col.number_column("MAPE", "mape", "mean of the error over what was measured", share_text),
        Column("MAE", "mean of the error", _mae),
        col.number_column("MAE [1/s]", "mae_iterations_per_s", "of steps per second",
                          col.plain_text),
        col.number_column("Steps to learn from", "n_train", "median over splits", col.count),
        col.number_column("Steps predicted", "n_test", "median over splits", col.count),
        Column("Held out", "what no model saw", lambda row: _word(f"whole {row['grouped_by']}s"),
               is_number=False),
    ]  # fmt: skip
    return col.lay_out("model-score-table", "Steps that were held out", frame, columns)


def _feature_table(model: dict[str, Any]) -> TableView:
    rise = "rise of the MAPE when its values are dealt out anew"
    frame = pl.DataFrame(model["features"], infer_schema_length=None)
    columns = [
        Column("Feature", "", lambda row: _word(row["name"]), is_number=False),
        col.number_column("From", "min", "outside, the model guesses", col.plain_text),
        col.number_column("To", "max", "outside, the model guesses", col.plain_text),
        col.number_column("Counts for time", "importance_step_s", rise, share_text),
        col.number_column("Counts for energy", "importance_step_j", rise, share_text),
    ]
    return col.lay_out("model-feature-table", "What steps are told by", frame, columns)


def _drift_table(model: dict[str, Any], labels: Sequence[str]) -> TableView:
    """Lay out how each run is off the model, the worst first, those of all runs on top."""
    rows = [
        row | {"label": "all runs" if row["run"] is None else labels[row["run"]]}
        for row in model["drift"]
    ]
    rows.sort(key=lambda row: (row["run"] is not None, -abs(row["mean_error"])))
    columns = [
        Column("Of", "", lambda row: _word(TARGET_NAMES[row["target"]]), is_number=False),
        col.label_column(),
        col.number_column("Steps", "n_steps", "held out and predicted", col.count),
        col.number_column("Off", "mean_error", "mean of measured over predicted, less 1",
                          share_change_text),
        col.number_column("Drift", "drift_per_1000_steps", "how that changes over 1,000 steps",
                          share_change_text),
    ]  # fmt: skip
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return col.lay_out("model-drift-table", "Drift of runs off the model", frame, columns)


def _word(text: str) -> Cell:
    return Cell(text, sort=text)


def _mae(row: col.Row) -> Cell:
    write = duration_text if row["target"] == "step_s" else energy_text
    return Cell(write(row["mae"]), sort=row["mae"])


def _by_target(points: list[dict[str, Any]], name: str) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for target in TARGET_NAMES:
        values = tuple(float(f"{p[name]:.4g}") for p in points if p["target"] == target)
        if values:
            found[target] = values
    return found
