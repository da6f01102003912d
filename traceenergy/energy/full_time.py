"""A field that sees all of the time beside one that sees part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.effort import TimeEffort
from traceenergy.energy.sensor_windows import cut_samples
from traceenergy.energy.window_share import BoardPower, share_windows
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.intervals import ShareClock

FARTHEST_MS = 120.0  # no reading is older than an update, which takes 100 ms at most
COARSE_MS, FINE_MS = 10.0, 1.0
LEAST_EXPLAINED = 0.3  # of the variance, to tell how late readings are


@dataclass(frozen=True)
class Compared:
    """Energy of the same window by two fields of the same board.

    Attributes
    ----------
    one_j, other_j
        By each [J].
    idle_j
        Part of it at idle power [J].
    """

    one_j: float
    other_j: float
    idle_j: float

    @property
    def factor(self) -> float:
        """Energy above idle by the other over that by the one."""
        return (self.other_j - self.idle_j) / (self.one_j - self.idle_j)


def placed_by_work(full: PowerSeries, clock: ShareClock, near_ms: float) -> PowerSeries:
    """Place a field that sees all of the time so that busy time explains it best.

    Parameters
    ----------
    full : PowerSeries
    clock : ShareClock
        Of the device's GPU work.
    near_ms : float [ms]
        How late it is about, such as by a clock that is off.

    Returns
    -------
    PowerSeries
        Late by what was found within `FARTHEST_MS` of that; by just that, where busy time explains
        less than `LEAST_EXPLAINED` of the variance.

    Notes
    -----
    How old the values of a counter are is not seen where it is polled about as slowly as it
    updates. Idle time before and after the run, and pauses in it, tell.
    """
    half_steps = round(FARTHEST_MS / COARSE_MS)
    best_ms, unexplained = near_ms, 1.0 - LEAST_EXPLAINED
    for step_ms in (COARSE_MS, FINE_MS):
        for lag_ms in best_ms + step_ms * np.arange(-half_steps, half_steps + 1):
            left = _unexplained(full, clock, lag_ms)
            if left < unexplained:
                best_ms, unexplained = float(lag_ms), left
    return replace(full, sensor=replace(full.sensor, lag_ms=best_ms))


def _unexplained(series: PowerSeries, clock: ShareClock, lag_ms: float) -> float:
    end_ns = series.sample_ns - round(lag_ms * NS_PER_MS)
    busy_ns = clock.busy_at(end_ns) - clock.busy_at(end_ns - series.sensor.window_ns)
    if np.ptp(busy_ns) == 0 or np.ptp(series.power_w) == 0:
        return 1.0
    return float(1.0 - np.corrcoef(busy_ns, series.power_w)[0, 1] ** 2)


def window_energy_j(
    series: PowerSeries, clock: ShareClock, idle_power_w: float, window: tuple[int, int]
) -> float | None:
    """Tell the energy of a window by one field alone.

    Parameters
    ----------
    series : PowerSeries
    clock : ShareClock
        Of the device's GPU work.
    idle_power_w : float [W]
    window : tuple of int [ns]
        Analysis window.

    Returns
    -------
    float or None [J]
        None where the field does not cover the window. What is above idle in a mean that reaches
        over an end of the run belongs to the run, as everywhere.
    """
    windows = cut_samples(series.center_ns, series.power_w, series.sensor, window)
    power = BoardPower(idle_power_w, idle_power_w, None)
    cells = share_windows(windows, clock, TimeEffort(clock), power, window)
    return float(cells.energy_j.sum()) if cells.covered.all() else None


def compare_fields(
    one: PowerSeries,
    full: PowerSeries,
    clock: ShareClock,
    idle_power_w: float,
    window: tuple[int, int],
) -> Compared | None:
    """Compare the energy of two fields of the same board.

    Parameters
    ----------
    one : PowerSeries
        Often of a field that averages for less time than it takes to update.
    full : PowerSeries
        Of a field that sees all of the time.
    clock, idle_power_w, window
        As for `window_energy_j`.

    Returns
    -------
    Compared or None
        None if they cannot be compared: `full` must cover the window with all its averages, and
        both must hold some energy above idle.

    Notes
    -----
    A sensor that sees 25 ms of each 100 ms misses or doubles what recurs at that pace; a mean over
    1 s misses nothing but knows little of when. The first gives the shape, the second the sum.
    """
    reaches = full.sample_ns[0] <= window[0] + full.sensor.window_ns
    lasts = full.sample_ns[-1] >= window[1] + full.sensor.window_ns
    if not (reaches and lasts):
        return None
    one_j = window_energy_j(one, clock, idle_power_w, window)
    full_j = window_energy_j(full, clock, idle_power_w, window)
    idle_j = idle_power_w * (window[1] - window[0]) * S_PER_NS
    if one_j is None or full_j is None or min(one_j, full_j) <= idle_j:
        return None
    return Compared(one_j, full_j, idle_j)
