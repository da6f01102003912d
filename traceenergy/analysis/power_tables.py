"""All tables of power over time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.analysis.power_columns import (
    POWER_BUFFER,
    POWER_FLATTENED,
    POWER_FLATTENING,
    POWER_LIMIT,
    POWER_MAP,
    POWER_SWING,
    POWER_TRANSIENT,
)
from traceenergy.analysis.power_content import Contents
from traceenergy.analysis.power_curves import device_powers
from traceenergy.analysis.power_flattening import flattening
from traceenergy.analysis.power_limits import limit_rows
from traceenergy.analysis.power_swing import bin_power, buffer_rows, map_rows, swing_rows
from traceenergy.analysis.power_transients import transient_rows
from traceenergy.analysis.power_transitions import transition_rows
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from traceenergy.analysis.analyze import AttributedRun
    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.trace.tables import Column


@dataclass(frozen=True)
class PowerTables:
    """Power over time, held against limits; as declared in `power_columns`, empty without power.

    Attributes
    ----------
    limits, transients, transitions, swing, buffer, flattening, flattened, heat : polars.DataFrame
    """

    limits: pl.DataFrame
    transients: pl.DataFrame
    transitions: pl.DataFrame
    swing: pl.DataFrame
    buffer: pl.DataFrame
    flattening: pl.DataFrame
    flattened: pl.DataFrame
    heat: pl.DataFrame


def power_tables(
    found: AttributedRun, names: pl.Series, steps: pl.DataFrame, options: AnalysisOptions
) -> PowerTables:
    """Hold the power of a run against limits, with its ramps and swings.

    Parameters
    ----------
    found : AttributedRun
    names : polars.Series of String
        Names of kernels.
    steps : polars.DataFrame
        `STEP_ROW`.
    options : AnalysisOptions

    Returns
    -------
    PowerTables

    Raises
    ------
    UsageError
        If the run has not what should be flattened.
    """
    ledger, labels, window = found.ledger, found.labels, found.window
    powers = device_powers(ledger, window)
    contents = Contents(ledger, labels, names)
    binned = bin_power(powers, window)
    heat = map_rows(powers, window)
    tried = flattening(powers, contents, steps, options)
    return PowerTables(
        _table(limit_rows(powers, contents, options), POWER_LIMIT),
        _table(transient_rows(powers, contents), POWER_TRANSIENT),
        transition_rows(powers, contents),
        _table([] if binned is None else swing_rows(binned, steps), POWER_SWING),
        _table([] if binned is None else buffer_rows(binned, options.buffer), POWER_BUFFER),
        _table(tried.rows, POWER_FLATTENING),
        _table(tried.drawn, POWER_FLATTENED),
        empty_table(POWER_MAP) if heat is None else heat.select(one.name for one in POWER_MAP),
    )


def _table(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in columns})
