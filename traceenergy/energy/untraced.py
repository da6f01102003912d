"""Readings around a run, left out where they show work that was not traced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.power_series import PowerSeries

    Bool = NDArray[np.bool_]
    Float = NDArray[np.float64]

FAR_MS = 60_000.0  # power more than a minute away says little of the static power of a run
# Known sensors show work for no longer than this after its end, and logs are no more than this off.
SETTLE_MS = 2000.0
EDGE_MS = 300.0  # by which a reading may look further back than its sensor says
FEW = 3  # outermost readings that speak for a log which ends before it has settled
SMOOTH = 5  # readings of which the median is taken, against noise; odd
# Idle power lies below so much of the way from low readings of the run to high ones.
LOW_SHARE, HIGH_SHARE, IDLE_PART = 0.1, 0.9, 0.25


def without_untraced(series: PowerSeries, work: DeviceWork) -> PowerSeries:
    """Keep the readings that the traced work of a device can explain.

    Parameters
    ----------
    series : PowerSeries
    work : DeviceWork

    Returns
    -------
    PowerSeries
        Readings during the run, and up to a minute on either side of it as long as they are as
        low as those of an idle GPU. Where a side is not idle next to the run, readings that may
        reach into it are gone too. All, where there is no run to compare with.

    Notes
    -----
    A log often lasts longer than a trace: over a warm-up before `--delay` or before a capture
    range, or all day. Taken for readings without work, they would pass for static power::

        traced work                      #########
        power        hhhhhhhhhhh         hhhhhhhhh            hhhhh    high
                                lllllllll         llllllllllll         low
        kept                      xxxxxxxxxxxxxxxxxxxxxxxx
    """
    if len(work.all_start_ns) == 0:
        return series
    before_ms = (int(work.all_start_ns.min()) - series.sample_ns) / NS_PER_MS
    after_ms = (series.sample_ns - int(work.all_end_ns.max())) / NS_PER_MS
    run_w = series.power_w[(before_ms < 0) & (after_ms <= 0)]
    if len(run_w) == 0:
        return series
    low_w, high_w = np.quantile(run_w, (LOW_SHARE, HIGH_SHARE))
    is_high = _smoothed_w(series.power_w) > low_w + IDLE_PART * (high_w - low_w)
    # A reading looks back, so the first ones of a run may show what was before it.
    reach_ms = series.sensor.reach_ns / NS_PER_MS + EDGE_MS
    keep = (before_ms < _idle_for_ms(before_ms, is_high, -reach_ms)) & (
        after_ms <= _idle_for_ms(after_ms, is_high, 0.0)
    )
    return replace(series, sample_ns=series.sample_ns[keep], power_w=series.power_w[keep])


def _smoothed_w(power_w: Float) -> Float:
    beside = np.pad(power_w, SMOOTH // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(beside, SMOOTH), axis=1)


def _idle_for_ms(outside_ms: Float, is_high: Bool, not_idle_ms: float) -> float:
    # For how long a side of the run is idle; `not_idle_ms` where it is not from the start.
    settled = (outside_ms > SETTLE_MS) & (outside_ms <= FAR_MS)
    if not settled.any():
        settled = outside_ms > max(0.0, float(np.sort(outside_ms)[-FEW - 1 :][0]))
    high_ms = outside_ms[settled & is_high]
    if len(high_ms) == 0:
        return FAR_MS
    nearest_ms = float(high_ms.min())
    return nearest_ms - SETTLE_MS if nearest_ms > 2 * SETTLE_MS else not_idle_ms
