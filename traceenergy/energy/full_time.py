"""Calibration of a sensor that sees part of the time by one that sees all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.energy.effort import TimeEffort
from traceenergy.energy.sensor_windows import cut_samples
from traceenergy.energy.window_share import BoardPower, share_windows
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.intervals import ShareClock

# Two fields of one board that differ by more than this do not measure the same thing.
MOST_APART = 0.2


def full_time_factor(
    part: PowerSeries,
    full: PowerSeries,
    clock: ShareClock,
    idle_power_w: float,
    window: tuple[int, int],
) -> float | None:
    """Compare the energy above idle of two fields of the same board.

    Parameters
    ----------
    part : PowerSeries
        Of a field that averages for less time than it takes to update.
    full : PowerSeries
        Of a field that sees all of the time.
    clock : ShareClock
        Of the device's GPU work.
    idle_power_w : float [W]
    window : tuple of int [ns]
        Analysis window.

    Returns
    -------
    float or None
        Energy above idle by `full` over that by `part`; None where they cannot be compared:
        `full` must cover the window with all its averages, and hold some energy above idle.

    Notes
    -----
    A sensor that sees 25 ms of each 100 ms misses or doubles what recurs at that pace; a mean over
    1 s misses nothing but knows little of when. The first gives the shape, the second the sum.
    """
    reaches = full.sample_ns[0] <= window[0] + full.sensor.window_ns
    lasts = full.sample_ns[-1] >= window[1] + full.sensor.window_ns
    if not (reaches and lasts):
        return None
    above = []
    for series in (part, full):
        windows = cut_samples(series.center_ns, series.power_w, series.sensor, window)
        power = BoardPower(idle_power_w, idle_power_w, None)
        cells = share_windows(windows, clock, TimeEffort(clock), power, window)
        if not cells.covered.all():
            return None
        idle_j = idle_power_w * (window[1] - window[0]) * S_PER_NS
        above.append(float(cells.energy_j.sum()) - idle_j)
    if min(above) <= 0:
        return None
    return above[1] / above[0]
