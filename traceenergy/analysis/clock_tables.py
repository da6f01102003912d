"""All tables of clocks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from traceenergy.analysis.clock_contrast import contrast_rows
from traceenergy.analysis.clock_facts import ClockFacts, measured_power
from traceenergy.analysis.clock_points import bin_rows, point_rows
from traceenergy.analysis.clock_series import device_readings
from traceenergy.analysis.clocked_work import clocked_work, phase_times
from traceenergy.analysis.clocks import clock_rows
from traceenergy.analysis.duty_cycle import duty_rows, is_matmul
from traceenergy.analysis.step_spans import layer_spans, step_spans
from traceenergy.analysis.temperature_drift import drift_rows
from traceenergy.analysis.throttling import throttling_rows
from traceenergy.analysis.unit_activity import TENSOR, tensor_shares
from traceenergy.codes import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.analyze import AttributedRun
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.tables import Labels
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]


NAMES = "names of kernels"
"""What tells matrix products where no metric does."""


class ClockTables(NamedTuple):
    """Tables as declared in `clock_columns`, by their names in a result.

    Attributes
    ----------
    clocks, clock_bins, clock_points, throttling, clock_contrast, temperature_drift
        Empty where nothing was read of them.
    duty_cycle
        Matrix products in steps, layers, on GPUs.
    """

    clocks: pl.DataFrame
    clock_bins: pl.DataFrame
    clock_points: pl.DataFrame
    throttling: pl.DataFrame
    clock_contrast: pl.DataFrame
    temperature_drift: pl.DataFrame
    duty_cycle: pl.DataFrame


def clock_tables(trace: Trace, found: AttributedRun, steps: pl.DataFrame) -> ClockTables:
    """Say what clocks a run had, what held them down, what that cost.

    Parameters
    ----------
    trace : Trace
    found : AttributedRun
    steps : polars.DataFrame
        `STEP_ROW`.

    Returns
    -------
    ClockTables
    """
    ledger, labels, window = found.ledger, found.labels, found.window
    matmul = is_matmul(ledger, trace.names)
    of_steps = step_spans(ledger, labels, steps)
    # First, so that the layer of each piece in each step is not kept.
    levels = ("step", of_steps), ("layer", layer_spans(ledger, labels, steps))
    duty_cycle = duty_rows(ledger, matmul, levels)
    del levels
    groups = _number_groups(ledger, labels, trace.names)
    facts = _gather(trace, found, groups["phase"])
    tensor = None if facts.work is None else tensor_shares(trace, ledger, window)
    products = matmul.astype(np.float64)
    compute, source = (products, NAMES) if tensor is None else (tensor, TENSOR)
    return ClockTables(
        clock_rows(facts, groups, products, of_steps),
        bin_rows(facts),
        point_rows(facts),
        throttling_rows(facts),
        contrast_rows(facts, compute, source),
        drift_rows(facts, of_steps),
        duty_cycle,
    )


def _gather(trace: Trace, found: AttributedRun, phases: tuple[Int, pl.Series]) -> ClockFacts:
    ledger = found.ledger
    readings = device_readings(trace, ledger)
    work = clocked_work(ledger, readings)
    phase, names = phases
    return ClockFacts(
        ledger,
        found.window,
        readings,
        tuple(None if energy is None else measured_power(energy) for energy in ledger.energies),
        work,
        tuple(phase_times(ledger, one, work, phase, len(names)) for one in readings),
        names,
    )


def _number_groups(
    ledger: Ledger, labels: Labels, names: pl.Series
) -> dict[str, tuple[Int, pl.Series]]:
    """Give numbers to phases, kernels, layers of the work."""
    phase, keys = codes_of(pl.DataFrame({"name": labels.phase}), ["name"])
    name_id = ledger.work["name_id"].to_numpy()
    used = np.flatnonzero(np.bincount(name_id))
    number = np.full(int(used.max(initial=0)) + 1, -1)
    number[used] = np.arange(len(used))
    layer = labels.layer.fill_null(-1).to_numpy().astype(np.int64)
    n_layers = int(layer.max(initial=-1)) + 1
    return {
        "phase": (phase, keys["name"].cast(pl.String)),
        "kernel": (number[name_id], names.gather(used)),
        "layer": (
            layer,
            pl.Series([f"layer {index}" for index in range(n_layers)], dtype=pl.String),
        ),
    }
