"""Would the numbers of this recording be right, were the truth known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.alternatives import Alternative, list_alternatives
from traceenergy.analysis.analyze import attribute_run
from traceenergy.analysis.expected_error import expect_error, lay_rows, modelled
from traceenergy.analysis.label_cells import label_cells
from traceenergy.analysis.options import AnalysisOptions
from traceenergy.analysis.placed_run import place_run
from traceenergy.analysis.redrawing import Draw, recorded_devices, redraw
from traceenergy.energy.attribute import AUTO
from traceenergy.energy.expected_error import expect_errors, gain_of
from traceenergy.energy.replay import POSTERIOR, PRIOR
from traceenergy.errors import RegressionRefusedError, UsageError
from traceenergy.records import dataclass
from traceenergy.trace.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from traceenergy.analysis.analyze import AttributedRun
    from traceenergy.analysis.expected_error import Rows
    from traceenergy.analysis.model import ExpectedError
    from traceenergy.analysis.redrawing import RowEnergies
    from traceenergy.caveats import Caveat
    from traceenergy.energy.design import SensorShape
    from traceenergy.energy.replay import RecordedDevice
    from traceenergy.trace.model import Origin, Trace

    Float = NDArray[np.float64]

SOURCES = (POSTERIOR, PRIOR)
SAME_WINDOW = 0.1  # part of the window within which it counts as found again
SAME_DELAY_MS, SAME_DELAY_WINDOWS = 3.0, 0.05  # likewise the delay of its middle, the larger

VALIDATION_ROW = (
    Column("name", pl.String, "", "what the row stands for"),
    Column("label", pl.String, "", "name for people; of kernels, the phase"),
    Column("energy_j", pl.Float64, "J", "as attributed"),
    Column("expected_share", pl.Float64, "", "expected size of the error over the energy"),
    Column("posterior_error_share", pl.Float64, "", "mean size of the error over the true energy"),
    Column("posterior_held_share", pl.Float64, "", "draws whose interval holds the truth"),
    Column("prior_error_share", pl.Float64, "", "as above, of powers drawn from the prior"),
    Column("prior_held_share", pl.Float64, "", "as above, of powers drawn from the prior"),
)


@dataclass(frozen=True)
class Redrawn:
    """How far off all rows were on runs with known powers.

    Attributes
    ----------
    source : str
        What powers were drawn from: `posterior`, `prior`.
    kernel_share, phase_share : float
        Sizes of the errors of all rows, summed, over the true energy; mean over draws.
    kernel_held_share, phase_held_share : float
        Part of the true energy in rows whose interval held it.
    n_refused : int
        Draws on which a regression was refused for a device.
    """

    source: str
    kernel_share: float
    phase_share: float
    kernel_held_share: float
    phase_held_share: float
    n_refused: int


@dataclass(frozen=True)
class SensorCheck:
    """Whether the sensor of a device was found again.

    Attributes
    ----------
    rank, device_id : int
    window_ms, lag_ms : float [ms]
        As the recording tells them, and as the draws were read.
    window_found_share, lag_found_share : float
        Draws on which they were found again.
    lag_off_ms : float [ms]
        Median size of the error of the delay, from the middle of the window to the update; None
        if a regression was refused on all draws.
    """

    rank: int
    device_id: int
    window_ms: float
    lag_ms: float
    window_found_share: float
    lag_found_share: float
    lag_off_ms: float | None


@dataclass(frozen=True)
class Validation:
    """How good the numbers of one recording are.

    Attributes
    ----------
    origins, options, confidence_level
        As in `Analysis`.
    n_draws, seed : int
        Draws of each source.
    expected : ExpectedError
        In closed form.
    redrawn : tuple of Redrawn
    sensors : tuple of SensorCheck
    phases, kernels : polars.DataFrame
        `VALIDATION_ROW`, most energy first.
    alternatives : tuple of Alternative
    caveats : tuple of Caveat
        Of the attribution.
    """

    origins: tuple[Origin, ...]
    options: dict[str, Any]
    confidence_level: float
    n_draws: int
    seed: int
    expected: ExpectedError
    redrawn: tuple[Redrawn, ...]
    sensors: tuple[SensorCheck, ...]
    phases: pl.DataFrame
    kernels: pl.DataFrame
    alternatives: tuple[Alternative, ...]
    caveats: tuple[Caveat, ...]


def validate(  # noqa: PLR0913 - what to validate, how often, who listens
    trace: Trace,
    options: AnalysisOptions | None = None,
    *,
    calibration: Trace | None = None,
    n_draws: int = 8,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> Validation:
    """Attribute the energy of made-up powers on the work of a run, and compare with the truth.

    Parameters
    ----------
    trace : Trace
        With power.
    options : AnalysisOptions or None
        As for `analyze`; the method is that of a regression in any case.
    calibration : Trace or None
        As for `analyze`.
    n_draws : int
        Runs with powers drawn from the posterior, and as many from the prior.
    seed : int
    say : callable or None
        Is told in a few words what is being done.

    Returns
    -------
    Validation

    Raises
    ------
    RegressionRefusedError
        If the readings of no device tell the power of kernels.
    NoPowerError, TooFewSamplesError
        If there is no power, or too little.
    UsageError
        If an option means nothing.

    Notes
    -----
    Each draw is `replay` of every device, then the attribution from the samples on: updates,
    sensor, powers, shares, intervals. Work, its phases, and metrics stay as recorded.
    """
    if n_draws < 1:
        raise UsageError(f"draws must be at least 1, got {n_draws}", next_step="pass --draws 8")
    options = replace(options or AnalysisOptions(), method=AUTO, time_only=False)
    say = say or (lambda _: None)
    say("attributing energy")
    run = attribute_run(place_run(trace, options), options, calibration)
    rows = lay_rows(run.ledger, run.labels)
    expected = expect_error(label_cells(run.ledger, run.labels), options.confidence_level)
    if expected is None:
        raise _refused(run.caveats)
    devices = recorded_devices(run)
    drawn: dict[str, list[Draw]] = {source: [] for source in SOURCES}
    for turn in range(len(SOURCES) * n_draws):
        say(f"run {turn + 1} of {len(SOURCES) * n_draws} with known powers")
        source = SOURCES[turn % len(SOURCES)]
        drawn[source].append(redraw(run, rows, devices, source, (seed, turn)))
    kernels, phases = _tables(trace, run, rows, drawn)
    return Validation(
        origins=trace.origins,
        options={**options.record(), **trace.read_options},
        confidence_level=options.confidence_level,
        n_draws=n_draws,
        seed=seed,
        expected=expected,
        redrawn=tuple(_redrawn(source, draws) for source, draws in drawn.items()),
        sensors=_sensors(devices, [draw for draws in drawn.values() for draw in draws]),
        phases=phases,
        kernels=kernels,
        alternatives=list_alternatives(run.ledger, rows),
        caveats=run.caveats,
    )


def _refused(caveats: tuple[Caveat, ...]) -> RegressionRefusedError:
    reasons = [c for c in caveats if c.slug == RegressionRefusedError.slug]
    return RegressionRefusedError(
        "the readings do not tell the power of kernels, so there is no model to validate",
        details="\n".join(f"{caveat.where}: {caveat.text}" for caveat in reasons),
        next_step="`traceenergy inspect TRACE` says how to record power that does",
    )


def _redrawn(source: str, draws: list[Draw]) -> Redrawn:
    def shares(all_sums: list[RowEnergies]) -> tuple[float, float]:
        off = [sums.error_j.sum() / sums.true_j.sum() for sums in all_sums]
        held = [sums.true_j[sums.held].sum() / sums.true_j.sum() for sums in all_sums]
        return float(np.mean(off)), float(np.mean(held))

    kernel_share, kernel_held_share = shares([draw.kernels for draw in draws])
    phase_share, phase_held_share = shares([draw.phases for draw in draws])
    n_refused = sum(None in draw.shapes for draw in draws)
    return Redrawn(
        source, kernel_share, phase_share, kernel_held_share, phase_held_share, n_refused
    )


def _tables(
    trace: Trace, run: AttributedRun, rows: Rows, drawn: dict[str, list[Draw]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    energy_j = np.zeros(len(rows.kernels))
    kernel_j, phase_j = np.zeros(len(rows.kernels)), np.zeros(len(rows.phases))
    for energy, model in modelled(run.ledger):
        group = rows.kernel[energy.work.row]
        energy_j += np.bincount(
            group, np.nan_to_num(energy.static_j + energy.dynamic_j), len(energy_j)
        )
        gain = gain_of(model, energy, group, len(energy_j))
        kernel_j += expect_errors(model, gain).expected_j
        phase_j += expect_errors(model, rows.by_phase(gain)).expected_j
    names = trace.names.gather(rows.kernels["name_id"])
    of_kernels = {source: [draw.kernels for draw in found] for source, found in drawn.items()}
    of_phases = {source: [draw.phases for draw in found] for source, found in drawn.items()}
    labels = rows.phases.replace(run.labels.phase_names)
    return (
        _table(names, rows.kernels["phase"].cast(pl.String), energy_j, kernel_j, of_kernels),
        _table(rows.phases, labels, rows.by_phase(energy_j), phase_j, of_phases),
    )


def _table(
    names: pl.Series,
    labels: pl.Series,
    energy_j: Float,
    expected_j: Float,
    drawn: dict[str, list[RowEnergies]],
) -> pl.DataFrame:
    columns = {
        "name": names.cast(pl.String),
        "label": labels.cast(pl.String),
        "energy_j": energy_j,
        "expected_share": _over(expected_j, energy_j),
    }
    for source, all_sums in drawn.items():
        true_j = np.mean([sums.true_j for sums in all_sums], axis=0)
        error_j = np.mean([sums.error_j for sums in all_sums], axis=0)
        columns[f"{source}_error_share"] = _over(error_j, true_j)
        columns[f"{source}_held_share"] = np.mean([sums.held for sums in all_sums], axis=0)
    frame = pl.DataFrame(columns, schema={column.name: column.dtype for column in VALIDATION_ROW})
    known = frame.with_columns(pl.col(pl.Float64).fill_nan(None)).filter(pl.col("energy_j") > 0)
    return known.sort("energy_j", descending=True, maintain_order=True)


def _over(part: Float, whole: Float) -> Float:
    ratio: Float = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _sensors(devices: list[RecordedDevice], draws: list[Draw]) -> tuple[SensorCheck, ...]:
    return tuple(
        _check_sensor(device, [draw.shapes[number] for draw in draws])
        for number, device in enumerate(devices)
    )


def _check_sensor(device: RecordedDevice, shapes: list[SensorShape | None]) -> SensorCheck:
    true = device.model.shape
    found = [shape for shape in shapes if shape is not None]
    window_off = [abs(shape.window_ms - true.window_ms) / true.window_ms for shape in found]
    delay_off_ms = [abs(shape.delay_ms - true.delay_ms) for shape in found]
    near_ms = max(SAME_DELAY_MS, SAME_DELAY_WINDOWS * true.window_ms)
    return SensorCheck(
        rank=device.energy.work.rank,
        device_id=device.energy.work.device_id,
        window_ms=true.window_ms,
        lag_ms=true.lag_ms,
        window_found_share=sum(off <= SAME_WINDOW for off in window_off) / len(shapes),
        lag_found_share=sum(off_ms <= near_ms for off_ms in delay_off_ms) / len(shapes),
        lag_off_ms=float(np.median(delay_off_ms)) if delay_off_ms else None,
    )
