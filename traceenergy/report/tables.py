"""Result tables as every renderer names them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from traceenergy.analysis import clock_columns, model, power_columns
from traceenergy.analysis.activity_columns import ACTIVITY_ROW
from traceenergy.analysis.block_columns import BLOCK_ROW, BLOCK_WAVEFORM
from traceenergy.analysis.collective_columns import (
    COLLECTIVE_ROW,
    EXPERT_BALANCE_ROW,
    STRAGGLER_ROW,
)
from traceenergy.analysis.component_columns import COMPONENT_CURVE, COMPONENT_ROW
from traceenergy.analysis.cost_columns import STEP_COST
from traceenergy.analysis.device_columns import DEVICE_ROW
from traceenergy.analysis.flame_columns import FLAME
from traceenergy.analysis.path_columns import OPPORTUNITY, OVERLAP, PATH_SEGMENT
from traceenergy.serving import columns as serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.analysis.model import Analysis
    from traceenergy.trace.tables import Column

DECLARED: dict[str, tuple[Column, ...]] = {
    "devices": DEVICE_ROW,
    "phases": model.PHASE_ROW,
    "subphases": model.PHASE_ROW,
    "layers": model.LAYER_ROW,
    "kernels": model.KERNEL_ROW,
    "ranges": model.RANGE_ROW,
    "capture_ranges": model.RANGE_ROW,
    "steps": model.STEP_ROW,
    "step_kinds": model.STEP_KIND_ROW,
    "blocks": BLOCK_ROW,
    "block_waveform": BLOCK_WAVEFORM,
    "path_segments": PATH_SEGMENT,
    "overlap": OVERLAP,
    "opportunities": OPPORTUNITY,
    "collectives": COLLECTIVE_ROW,
    "stragglers": STRAGGLER_ROW,
    "expert_balance": EXPERT_BALANCE_ROW,
    "step_costs": STEP_COST,
    "flame": FLAME,
    "work": model.WORK_ROW,
    "timeline": model.TIMELINE,
    "power_curve": model.POWER_CURVE,
    "clock_curve": model.CLOCK_CURVE,
    "clocks": clock_columns.CLOCK_ROW,
    "clock_bins": clock_columns.CLOCK_BIN,
    "clock_points": clock_columns.CLOCK_POINT,
    "clock_contrast": clock_columns.CLOCK_CONTRAST,
    "throttling": clock_columns.THROTTLING,
    "temperature_drift": clock_columns.TEMPERATURE_DRIFT,
    "duty_cycle": clock_columns.DUTY_CYCLE,
    "activity": ACTIVITY_ROW,
    "components": COMPONENT_ROW,
    "component_curve": COMPONENT_CURVE,
    "power_limits": power_columns.POWER_LIMIT,
    "power_transients": power_columns.POWER_TRANSIENT,
    "power_transitions": power_columns.POWER_TRANSITION,
    "power_swing": power_columns.POWER_SWING,
    "power_buffer": power_columns.POWER_BUFFER,
    "power_flattening": power_columns.POWER_FLATTENING,
    "power_flattened": power_columns.POWER_FLATTENED,
    "power_map": power_columns.POWER_MAP,
    "serving": serving.SERVING_ROW,
    "serving_stages": serving.SERVING_STAGE_ROW,
    "serving_latencies": serving.LATENCY_ROW,
    "requests": serving.REQUEST_ROW,
}


def declared_table(result: Analysis, table: str) -> pl.DataFrame:
    """Return a result table with its declared columns in order.

    Parameters
    ----------
    result : Analysis
    table : str
        One of `DECLARED`.

    Returns
    -------
    polars.DataFrame
    """
    frame: pl.DataFrame = getattr(result, table)
    return frame[[column.name for column in DECLARED[table]]]


def finite(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with null for NaN and infinity, which JSON does not know."""
    if frame.is_empty():  # most tables of most runs, and a query takes as long on them
        return frame
    floats = cs.float()
    return frame.with_columns(pl.when(floats.is_finite()).then(floats).name.keep())


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with lists written as JSON text, for formats without lists."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(
        pl.Series(name, [_json_list(value) for value in frame[name].to_list()], dtype=pl.String)
        for name in lists
    )


def column_facts(table: str) -> list[dict[str, str]]:
    """List name, unit, meaning and meaning of null of each column of a table."""
    return facts_of_columns(DECLARED[table])


def facts_of_columns(columns: Iterable[Column]) -> list[dict[str, str]]:
    """List name, unit, meaning and meaning of null of columns."""
    return [
        {
            "column": column.name,
            "unit": column.unit,
            "meaning": column.meaning,
            "null_means": column.null_means,
        }
        for column in columns
    ]


def _json_list(value: list[object] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
