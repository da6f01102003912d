"""Tables of what a sweep holds as plain JSON: its model of steps, objectives, replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.report.json_load import declared_rows
from traceenergy.report.json_report import plain
from traceenergy.report.tables import finite
from traceenergy.sweeps.slo_of_runs import REPLAY_TABLES, SLO_TABLES
from traceenergy.sweeps.slo_plan import TABLES as PLAN_TABLES
from traceenergy.sweeps.step_importance import MODEL_FEATURE
from traceenergy.sweeps.step_scores import MODEL_DRIFT, MODEL_POINT, MODEL_SCORE

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.sweeps.result import Sweep
    from traceenergy.trace.tables import Column

# Columns of each table, by its name; the part of a sweep and the key there that it stands at.
PART_TABLES: dict[str, tuple[Column, ...]] = {
    "model_scores": MODEL_SCORE,
    "model_features": MODEL_FEATURE,
    "model_drift": MODEL_DRIFT,
    "model_points": MODEL_POINT,
    **PLAN_TABLES,
}
_PLACES: dict[str, tuple[str, str]] = {
    **{f"model_{key}": ("model", key) for key in ("scores", "features", "drift", "points")},
    **{table: ("slo", key) for key, table in SLO_TABLES.items()},
    **{table: ("replay", key) for key, table in REPLAY_TABLES.items()},
}


def part_table(sweep: Sweep, name: str) -> pl.DataFrame:
    """Give one of `PART_TABLES`; empty where it was not asked for, or could not be made."""
    part, key = _PLACES[name]
    rows = plain((getattr(sweep, part) or {}).get(key) or [])
    return declared_rows(rows, PART_TABLES[name], name)


def with_declared_parts(parts: dict[str, Any]) -> dict[str, Any]:
    """Give the parts of a sweep that was read from JSON rows as `PART_TABLES` declare them."""
    found = {part: None if told is None else dict(told) for part, told in parts.items()}
    for name, (part, key) in _PLACES.items():
        told = found[part]
        if told is not None:
            rows = told.get(key) or []
            told[key] = finite(declared_rows(rows, PART_TABLES[name], name)).to_dicts()
    return found


def beside_part_tables(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a sweep's JSON object what `PART_TABLES` hold."""
    held = set(_PLACES.values())
    return {
        key: {name: one for name, one in value.items() if (key, name) not in held}
        if key in {"model", "slo", "replay"} and value is not None
        else value
        for key, value in found.items()
    }
