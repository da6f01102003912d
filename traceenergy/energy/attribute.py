"""Joules per cause: the one door to whichever estimator is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.caveats import Caveat
from traceenergy.energy.board import board_limit_w
from traceenergy.energy.device_energy import DeviceEnergy, DeviceWork
from traceenergy.energy.doubts import find_doubts
from traceenergy.energy.full_time import full_time_factor
from traceenergy.energy.idle import IdlePower, measure_idle
from traceenergy.energy.possible_range import cut_blocks, find_presence
from traceenergy.energy.power_series import PowerSeries, read_series
from traceenergy.energy.sensor_windows import cut_samples
from traceenergy.energy.window_share import MAX_OVER_LIMIT, share_windows, share_work
from traceenergy.errors import TooFewSamplesError
from traceenergy.intervals import ShareClock, share_clock, union

if TYPE_CHECKING:
    from traceenergy.trace.tables import PowerSamples

MIN_SAMPLES = 2  # one sample or none says nothing about energy


@dataclass(frozen=True)
class AttributionOptions:
    """What the user may know better.

    Attributes
    ----------
    idle_power_w
        Idle power of every device [W]; None: measure it.
    sensor_window_ms
        Averaging window of the sensor [ms], 0 for instant; None: find out.
    """

    idle_power_w: float | None = None
    sensor_window_ms: float | None = None


def attribute_device(
    work: DeviceWork,
    samples: PowerSamples,
    window: tuple[int, int],
    options: AttributionOptions,
    limit_w: float | None = None,
) -> tuple[DeviceEnergy, tuple[Caveat, ...]]:
    """Share the measured energy of one device over its GPU work.

    Parameters
    ----------
    work : DeviceWork
    samples : PowerSamples
        Of this device; any order, any fields.
    window : tuple of int [ns]
        Analysis window.
    options : AttributionOptions
    limit_w : float or None [W]
        Power limit as the log states it; None: look the board up.

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
    Method `window-share`: see `docs/method.md`.
    """
    where = f"rank {work.rank}, device {work.device_id}"
    limit_w = limit_w or board_limit_w(work.name)
    most_w = None if limit_w is None else MAX_OVER_LIMIT * limit_w
    series = read_series(samples, work.name, most_w, options.sensor_window_ms)
    if not series:
        raise _too_few(len(samples), where)
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    idle = _idle_power(series[0], work, window, options)
    chosen, factor = _calibrate(series, clock, idle.power_w, window)
    windows = cut_samples(chosen.center_ns, chosen.power_w, chosen.sensor, window)
    cells = share_windows(windows, clock, idle.power_w, most_w, window)
    if not (cells.covered | cells.gap).any():
        raise _too_few(0, where)
    shared = share_work(cells, clock, work.start_ns, work.end_ns)
    blocks = cut_blocks(cells, clock, chosen.sensor.window_ns)
    energy = DeviceEnergy(
        work=work,
        static_j=shared.static_j,
        dynamic_j=shared.dynamic_j,
        cells=cells,
        blocks=blocks,
        presence=find_presence(blocks.edge_ns, clock, work.start_ns, work.end_ns),
        series=series[0],
        idle=idle,
        most_w=most_w,
    )
    calibrated = () if factor is None else (_calibrated(factor, series, where),)
    return energy, (*find_doubts(energy), *calibrated)


def _idle_power(
    series: PowerSeries, work: DeviceWork, window: tuple[int, int], options: AttributionOptions
) -> IdlePower:
    if options.idle_power_w is not None:
        return IdlePower(options.idle_power_w, "given", 0)
    busy = union(work.all_start_ns, work.all_end_ns)
    return measure_idle(series.sample_ns, series.power_w, busy, window, series.sensor)


def _calibrate(
    series: list[PowerSeries], clock: ShareClock, idle_power_w: float, window: tuple[int, int]
) -> tuple[PowerSeries, float | None]:
    first = series[0]
    full = [other for other in series[1:] if other.sees_all_time]
    if first.sees_all_time or not full:
        return first, None
    factor = full_time_factor(first, full[0], clock, idle_power_w, window)
    if factor is None:
        return first, None
    above_w = np.maximum(first.power_w - idle_power_w, 0.0)
    return first.scaled(first.power_w + (factor - 1) * above_w), factor


def _calibrated(factor: float, series: list[PowerSeries], where: str) -> Caveat:
    first = series[0]
    full = next(other for other in series[1:] if other.sees_all_time)
    seen = first.sensor.window_ms / first.sensor.period_ms
    return Caveat(
        "power-calibrated",
        f"{first.source} sees {seen:.0%} of the time; what it shows above idle was scaled by "
        f"{factor:.4f}, so that the energy of the window is that of {full.source}, which sees all "
        "of it",
        where,
    )


def _too_few(n: int, where: str) -> TooFewSamplesError:
    return TooFewSamplesError(
        f"{n} power samples for the window of {where}; at least {MIN_SAMPLES} are needed",
        next_step="start the power log before the run and stop it after, "
        "or choose a longer window; --time-only analyzes without power",
    )
