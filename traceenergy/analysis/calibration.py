"""Another run as the source of what kernels draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.ledger import open_ledger
from traceenergy.analysis.model import Window
from traceenergy.energy.calibration import calibrate
from traceenergy.errors import BadCalibrationError, NoPowerError
from traceenergy.trace.tables import ENERGY_COUNTER

if TYPE_CHECKING:
    from traceenergy.energy.attribute import AttributionOptions
    from traceenergy.energy.calibration import Calibration
    from traceenergy.trace.model import Trace


def read_calibration(trace: Trace, options: AttributionOptions) -> Calibration:
    """Fit the power of kernels in a calibration run.

    Parameters
    ----------
    trace : Trace
        With power.
    options : AttributionOptions
        As for the run itself.

    Returns
    -------
    Calibration
        Of the GPU with the most readings.

    Raises
    ------
    NoPowerError
        If the run has no power.
    BadCalibrationError
        If its readings cannot tell the power of kernels.
    """
    if len(trace.power_samples) == 0 and not (trace.readings["quantity"] == ENERGY_COUNTER).any():
        raise NoPowerError(
            "the calibration run has no power data",
            next_step="pass its power log by --calibration-power",
        )
    start_ns, end_ns = trace.gpu_work.select(pl.col("start_ns").min(), pl.col("end_ns").max()).row(
        0
    )
    if start_ns is None:
        raise _untold(["it holds no GPU work"])
    window = Window(start_ns, end_ns, None)
    ledger, doubts = open_ledger(trace, window, options, time_only=False)
    models = [
        (energy.model, work)
        for energy, work in zip(ledger.energies, ledger.devices, strict=True)
        if energy is not None and energy.model is not None
    ]
    if not models:
        raise _untold([doubt.text for doubt in doubts if doubt.slug == "regression-refused"])
    model, work = max(models, key=lambda pair: pair[0].n_rows)
    return calibrate(model, model.names, work.name)


def _untold(reasons: list[str]) -> BadCalibrationError:
    return BadCalibrationError(
        "the calibration run does not tell the power of kernels",
        details="\n".join(reasons),
        next_step="repeat each kernel alone for about half a second, with power read every "
        "20 ms, and record the whole stretch",
    )
