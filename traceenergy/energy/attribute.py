"""Joules per cause: the one door to whichever estimator is in use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.caveats import Caveat
from traceenergy.energy.board import board_limit_w
from traceenergy.energy.device_energy import DeviceEnergy, Evidence
from traceenergy.energy.doubts import find_doubts
from traceenergy.energy.effort import TimeEffort, effort_by_power
from traceenergy.energy.full_time import (
    Compared,
    compare_fields,
    placed_by_work,
    window_energy_j,
)
from traceenergy.energy.idle import FITTED, IdlePower, measure_idle
from traceenergy.energy.possible_range import Blocks, Presence, cut_blocks, find_presence
from traceenergy.energy.power_model import PowerModel
from traceenergy.energy.power_series import MOST_APART, PowerSeries, read_series
from traceenergy.energy.sensor_windows import cut_samples
from traceenergy.energy.unseen_time import fill_unseen
from traceenergy.energy.untraced import without_untraced
from traceenergy.energy.window_share import (
    MAX_OVER_LIMIT,
    BoardPower,
    share_windows,
    share_work,
)
from traceenergy.errors import TooFewSamplesError
from traceenergy.intervals import ShareClock, share_clock
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.energy.calibration import Calibration
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.effort import Effort

CROWDED = 16  # pieces of work in a block, beyond which limits of the possible are far apart
GAIN_TOLERANCE = 0.05  # by which board sensors are known to be off (arXiv 2312.02741)
MIN_SAMPLES = 2  # one sample or none says nothing about energy
_THREADS = 2  # devices at once: each takes memory of its own
AUTO = "auto"
WINDOW_SHARE = "window-share"
REGRESSION = "regression"
METHODS = (AUTO, WINDOW_SHARE, REGRESSION)


@dataclass(frozen=True)
class AttributionOptions:
    """What the user may know better.

    Attributes
    ----------
    idle_power_w
        Idle power of every device [W]; None: measure it.
    sensor_window_ms
        Averaging window of the sensor [ms], 0 for instant; None: find out.
    method
        One of `METHODS`. `auto` and `regression` share energy by time where the readings cannot
        tell more, and say so.
    confidence_level
        Of the intervals that a regression gives.
    calibration
        What another run tells of the power of kernels.
    """

    idle_power_w: float | None = None
    sensor_window_ms: float | None = None
    method: str = AUTO
    confidence_level: float = 0.9
    calibration: Calibration | None = None


def attribute_devices(
    devices: Sequence[DeviceWork],
    evidences: Sequence[Evidence | None],
    window: tuple[int, int],
    options: AttributionOptions,
) -> list[tuple[DeviceEnergy, tuple[Caveat, ...]] | None]:
    """Share the measured energy of each device, of two at once: numpy works without Python's lock.

    Parameters
    ----------
    devices : sequence of DeviceWork
    evidences : sequence of Evidence or None
        What is known of each; None: nothing, and nothing is shared.
    window, options
        As for `attribute_device`, whose errors are raised.

    Returns
    -------
    list of tuple or None
        What `attribute_device` gives.
    """

    def attribute(
        work: DeviceWork, evidence: Evidence | None
    ) -> tuple[DeviceEnergy, tuple[Caveat, ...]] | None:
        return None if evidence is None else attribute_device(work, evidence, window, options)

    with ThreadPoolExecutor(min(len(devices), _THREADS)) as threads:
        return list(threads.map(attribute, devices, evidences))


def attribute_device(
    work: DeviceWork, evidence: Evidence, window: tuple[int, int], options: AttributionOptions
) -> tuple[DeviceEnergy, tuple[Caveat, ...]]:
    """Share the measured energy of one device over its GPU work.

    Parameters
    ----------
    work : DeviceWork
    evidence : Evidence
    window : tuple of int [ns]
        Analysis window.
    options : AttributionOptions

    Returns
    -------
    DeviceEnergy
    caveats : tuple of Caveat

    Raises
    ------
    TooFewSamplesError
        If fewer than two samples lie in or next to the window.

    Notes
    -----
    See `docs/method.md`. Where the readings cannot tell the power of kernels, energy is shared
    by time, with a caveat that says why.
    """
    where = f"rank {work.rank}, device {work.device_id}"
    limit_w = evidence.limit_w or board_limit_w(work.name)
    most_w = None if limit_w is None else MAX_OVER_LIMIT * limit_w
    series = read_series(evidence.samples, work.name, most_w, options.sensor_window_ms)
    if not series:
        raise _too_few(len(evidence.samples), where)
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    model = _model(series[0], work, evidence, clock, limit_w, options)
    idle, power = _idle_power(series[0], work, clock, window, model, most_w, options.idle_power_w)
    measured = _measured(series[0], model, clock)
    whole = measured
    if isinstance(model, PowerModel) and measured.sees_part_of_time:
        whole = fill_unseen(model, work.all_start_ns, work.all_end_ns)
    others = [_moved(other, model, clock) for other in series[1:]]
    counter_j = _counter_j(evidence, [whole, *others], clock, power.background_w, window)
    # A counter that does not tell the window's energy cannot put another field right.
    others = [other for other in others if counter_j is not None or not other.is_counted]
    chosen, beside = _calibrate([whole, *others], clock, power.background_w, window)
    effort = _effort(model, work, clock)
    windows = cut_samples(chosen.center_ns, chosen.power_w, chosen.sensor, window)
    cells = share_windows(windows, clock, effort, power, window)
    if not (cells.covered | cells.gap).any():
        raise _too_few(0, where)
    shared = share_work(cells, clock, effort, work)
    blocks = cut_blocks(cells, clock, chosen.sensor.window_ns)
    energy = DeviceEnergy(
        work=work,
        static_j=shared.static_j,
        dynamic_j=shared.dynamic_j,
        cells=cells,
        blocks=blocks,
        presence=_presence(blocks, clock, work, model),
        series=measured,
        idle=idle,
        most_w=most_w,
        model=model if isinstance(model, PowerModel) else None,
        confidence_level=options.confidence_level,
        counter_j=counter_j,
        field_j=None if counter_j is None else _field_j([whole, *others], clock, power, window),
    )
    compared = () if beside is None else _doubts_of_fields(measured, beside, where)
    refused = (_refused(model, where),) if isinstance(model, str) else ()
    return energy, (*find_doubts(energy), *compared, *_restarts(evidence, where), *refused)


def _effort(model: PowerModel | str | None, work: DeviceWork, clock: ShareClock) -> Effort:
    if not isinstance(model, PowerModel):
        return TimeEffort(clock)
    return effort_by_power(work.all_start_ns, work.all_end_ns, model.power_w)


def _model(  # noqa: PLR0913, PLR0917 - all that is known of a device
    series: PowerSeries,
    work: DeviceWork,
    evidence: Evidence,
    clock: ShareClock,
    limit_w: float | None,
    options: AttributionOptions,
) -> PowerModel | str | None:
    if options.method == WINDOW_SHARE or evidence.classes is None:
        return None
    from traceenergy.energy.regression import model_power  # noqa: PLC0415 - scipy is slow to load

    return model_power(series, work, evidence, clock, limit_w)


def _presence(
    blocks: Blocks, clock: ShareClock, work: DeviceWork, model: PowerModel | str | None
) -> Presence | None:
    # Where many pieces of work share a block, what is possible says nothing beside what is likely,
    # and would take more memory than everything else.
    if isinstance(model, PowerModel):
        n_blocks = max(len(blocks.busy_ns), 1)
        if len(work.row) > CROWDED * n_blocks:
            return None
    return find_presence(blocks.edge_ns, clock, work.start_ns, work.end_ns)


def _idle_power(  # noqa: PLR0913, PLR0917 - all that may tell it
    series: PowerSeries,
    work: DeviceWork,
    clock: ShareClock,
    window: tuple[int, int],
    model: PowerModel | str | None,
    most_w: float | None,
    given_w: float | None,
) -> tuple[IdlePower, BoardPower]:
    if isinstance(model, PowerModel) and model.found.is_trusted:
        series = model.series.in_step
    seen = _seen_idle(series, work, clock, window)
    if not seen.is_measured and isinstance(model, PowerModel):
        seen = IdlePower(max(float(model.fit.mean[0]), 0.0), FITTED, model.n_rows)
    idle = seen if given_w is None else IdlePower(given_w, "given", 0)
    # Only means over time reach from idle stretches into the run, so only they need a level.
    knows_level = seen.is_measured and series.sensor.window_ms > 0
    return idle, BoardPower(idle.power_w, seen.power_w if knows_level else idle.power_w, most_w)


def _refused(reason: str, where: str) -> Caveat:
    return Caveat(
        "regression-refused",
        f"{reason}: energy is shared by time, and intervals are limits of what is possible",
        where,
    )


def _seen_idle(
    series: PowerSeries, work: DeviceWork, clock: ShareClock, window: tuple[int, int]
) -> IdlePower:
    known = without_untraced(series, work)
    if len(known.sample_ns) == 0:
        known = series
    return measure_idle(known.sample_ns, known.power_w, clock.stretches, window, series.sensor)


def _measured(
    series: PowerSeries, model: PowerModel | str | None, clock: ShareClock
) -> PowerSeries:
    if isinstance(model, PowerModel):
        return model.series
    return placed_by_work(series, clock, 0.0) if series.is_counted else series


def _moved(other: PowerSeries, model: PowerModel | str | None, clock: ShareClock) -> PowerSeries:
    # All fields of a log were read by one clock: if it is off, it is off for all.
    if other.is_counted:
        # A lag that power sensors have is not the counter's.
        off_ms = model.log_clock.off_ms if isinstance(model, PowerModel) else 0.0
        return placed_by_work(other, clock, off_ms)
    if not isinstance(model, PowerModel) or not model.found.is_trusted:
        return other
    lag_ms = other.sensor.lag_ms + model.found.lag_ms
    return replace(other, sensor=replace(other.sensor, lag_ms=lag_ms))


def _counter_j(
    evidence: Evidence,
    series: list[PowerSeries],
    clock: ShareClock,
    idle_power_w: float,
    window: tuple[int, int],
) -> float | None:
    counted = next((one for one in series if one.is_counted), None)
    if evidence.counter is None or counted is None:
        return None
    late_ns = round(counted.sensor.lag_ms * NS_PER_MS)
    if not evidence.counter.counts_through((window[0] + late_ns, window[1] + late_ns)):
        return None
    return window_energy_j(counted, clock, idle_power_w, window)


def _field_j(
    series: list[PowerSeries], clock: ShareClock, power: BoardPower, window: tuple[int, int]
) -> float | None:
    field = next((one for one in series if not one.is_counted), None)
    return None if field is None else window_energy_j(field, clock, power.background_w, window)


def _calibrate(
    series: list[PowerSeries], clock: ShareClock, idle_power_w: float, window: tuple[int, int]
) -> tuple[PowerSeries, tuple[PowerSeries, Compared] | None]:
    first, *others = series
    # A counter misses nothing, whatever its updates; other fields only put part-time ones right.
    full = [other for other in others if other.is_counted]
    if first.is_counted or first.sees_part_of_time:
        full += [other for other in others if other.sees_all_time and not other.is_counted]
    found = ((other, compare_fields(first, other, clock, idle_power_w, window)) for other in full)
    other, compared = next(((o, c) for o, c in found if c is not None), (first, None))
    if compared is None:
        return first, None
    if not first.sees_part_of_time or abs(compared.factor - 1) > MOST_APART:
        return first, (other, compared)
    above_w = np.maximum(first.power_w - idle_power_w, 0.0)
    return first.scaled(first.power_w + (compared.factor - 1) * above_w), (other, compared)


def _doubts_of_fields(
    first: PowerSeries, beside: tuple[PowerSeries, Compared], where: str
) -> tuple[Caveat, ...]:
    other, compared = beside
    doubts = []
    if first.sees_part_of_time:
        doubts.append(_compared(compared.factor, first, other, where))
    apart = abs(compared.other_j / compared.one_j - 1)
    if (first.is_counted or other.is_counted) and apart > GAIN_TOLERANCE:
        text = (
            f"the window holds {compared.one_j:.4g} J by {first.source}, {compared.other_j:.4g} J "
            f"by {other.source}: {apart:.1%} apart, more than the {GAIN_TOLERANCE:.0%} by which "
            "board sensors are known to be off"
        )
        doubts.append(Caveat("energy-counter-disagrees", text, where))
    return tuple(doubts)


def _compared(factor: float, first: PowerSeries, other: PowerSeries, where: str) -> Caveat:
    if abs(factor - 1) > MOST_APART:
        return Caveat(
            "power-fields-disagree",
            f"above idle, {other.source} shows {factor:.2f} times the energy of {first.source}; "
            "the second is used as it is",
            where,
        )
    seen = first.sensor.window_ms / first.sensor.period_ms
    return Caveat(
        "power-calibrated",
        f"{first.source} sees {seen:.0%} of the time; what it shows above idle was scaled by "
        f"{factor:.4f}, so that the energy of the window is that of {other.source}, which sees all "
        "of it",
        where,
    )


def _restarts(evidence: Evidence, where: str) -> tuple[Caveat, ...]:
    counter = evidence.counter
    if counter is None or not counter.n_restarts:
        return ()
    text = (
        "the energy counter went down and was taken to begin anew (a driver that was loaded "
        "again, or a counter that ran over); what it would have added meanwhile is not known"
    )
    return (Caveat("energy-counter-restarted", text, where, counter.n_restarts),)


def _too_few(n: int, where: str) -> TooFewSamplesError:
    return TooFewSamplesError(
        f"{n} power samples for the window of {where}; at least {MIN_SAMPLES} are needed",
        next_step="start the power log before the run and stop it after, "
        "or choose a longer window; --time-only analyzes without power",
    )
