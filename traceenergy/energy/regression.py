"""Power of each kernel class of one device, or why it cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.activity import measure_activity
from traceenergy.energy.alignment import align
from traceenergy.energy.class_power import Rows, fit_class_power
from traceenergy.energy.coverage import ClassTimes, covered_s, sort_classes
from traceenergy.energy.power_model import PowerModel
from traceenergy.energy.prior import Prior, category_of, prior_by_activity, prior_by_name
from traceenergy.energy.update_clock import fit_updates
from traceenergy.intervals import union
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.device_work import DeviceWork, WorkClasses
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MIN_BUSY_ROWS = 20  # fewer windows with work say less than the prior
MIN_WINDOWS = 5.0  # the run must last this many averaging windows
# Pieces that run beside others draw this part of what they draw alone; see docs/method.md.
CONCURRENCY_FACTOR = 0.88
LEAST_POWER_SHARE = 0.01  # no class runs for less than this part of the board's limit
USUAL_LIMIT_W = 500.0  # scale of the prior for a board that is not known


def model_power(
    series: PowerSeries,
    work: DeviceWork,
    classes: WorkClasses,
    clock: ShareClock,
    limit_w: float | None,
) -> PowerModel | str:
    """Fit the power of each class to the readings of a device.

    Parameters
    ----------
    series : PowerSeries
    work : DeviceWork
    classes : WorkClasses
    clock : ShareClock
        Of all work of the device.
    limit_w : float or None [W]
        Power limit of the board.

    Returns
    -------
    PowerModel or str
        The reason, if the readings cannot tell.
    """
    start_ns, end_ns = work.all_start_ns, work.all_end_ns
    scale_w = limit_w or USUAL_LIMIT_W
    weight, share_rate = _concurrency(clock, start_ns, end_ns)
    n_classes = len(classes.names)
    by_class = sort_classes(start_ns, end_ns, weight, classes.of_all, n_classes)
    category = [category_of(name) for name in classes.names]
    codes = np.unique(category, return_inverse=True)[1].astype(np.int64)
    by_category = sort_classes(
        start_ns, end_ns, weight, codes[classes.of_all], int(codes.max()) + 1
    )
    busy = _as_one_class(*union(start_ns, end_ns))
    series = _at_updates(series)
    window_ms = max(series.sensor.window_ms, 1.0)
    found = align(series.sample_ns, series.power_w, window_ms, busy, by_category)
    if found.is_trusted:
        series = replace(series, sensor=replace(series.sensor, lag_ms=found.lag_ms))
    rows = _rows(series, window_ms, busy, by_class)
    refusal = _refuse(rows, window_ms)
    if refusal:
        return refusal
    prior = _prior(classes, category, by_category, by_class, scale_w)
    fit = fit_class_power(rows, prior)
    class_w = np.maximum(fit.mean_w[2:], LEAST_POWER_SHARE * scale_w)
    power_w = class_w[classes.of_all] * weight + fit.mean_w[1] * share_rate
    return PowerModel(series, found, prior.source, power_w, fit, classes.of_all, weight, share_rate)


def _concurrency(clock: ShareClock, start_ns: Int, end_ns: Int) -> tuple[Float, Float]:
    length_ns = np.maximum((end_ns - start_ns).astype(np.float64), 1.0)
    share_rate = np.clip((clock.share_at(end_ns) - clock.share_at(start_ns)) / length_ns, 0, 1)
    # With one other piece beside it for a part o of its time, a piece's share is 1 - o/2.
    beside = np.clip(2 * (1 - share_rate), 0, 1)
    return 1 - (1 - CONCURRENCY_FACTOR) * beside, share_rate


def _as_one_class(start_ns: Int, end_ns: Int) -> ClassTimes:
    one = np.zeros(len(start_ns), dtype=np.int64)
    return sort_classes(start_ns, end_ns, np.ones(len(start_ns)), one, 1)


def _at_updates(series: PowerSeries) -> PowerSeries:
    updates = fit_updates(series.read_ns, series.read_w, series.sensor.period_ms)
    if updates is None:
        return series
    seen = updates.seen
    sensor = replace(series.sensor, period_ms=updates.period_ms, lag_ms=0.0)
    return replace(
        series, sample_ns=updates.update_ns[seen], power_w=updates.power_w[seen], sensor=sensor
    )


def _rows(series: PowerSeries, window_ms: float, busy: ClassTimes, by_class: ClassTimes) -> Rows:
    window_ns = round(window_ms * NS_PER_MS)
    high_ns = series.sample_ns - round(series.sensor.lag_ms * NS_PER_MS)
    low_ns = high_ns - window_ns
    window_s = window_ns * S_PER_NS
    design = np.column_stack(
        (
            np.ones(len(high_ns)),
            covered_s(busy, low_ns, high_ns) / window_s,
            covered_s(by_class, low_ns, high_ns) / window_s,
        )
    )
    origin_ns = busy.origin_ns
    low_s = (low_ns - origin_ns).astype(np.float64) * S_PER_NS
    return Rows(design, series.power_w, low_s, low_s + window_s)


def _refuse(rows: Rows, window_ms: float) -> str | None:
    busy = rows.design[:, 1] > 0
    if busy.sum() < MIN_BUSY_ROWS:
        return f"only {int(busy.sum())} readings show GPU work, {MIN_BUSY_ROWS} are needed"
    span_s = float(rows.high_s[busy].max() - rows.low_s[busy].min())
    if span_s * 1000 < MIN_WINDOWS * window_ms:
        return f"the run lasts {span_s:.2g} s, less than {MIN_WINDOWS:.0f} averaging windows"
    if np.ptp(rows.power_w[busy]) == 0:
        return "power is constant"
    return None


def _prior(
    classes: WorkClasses,
    category: Sequence[str],
    by_category: ClassTimes,
    by_class: ClassTimes,
    scale_w: float,
) -> Prior:
    activity = None
    if len(classes.metrics):
        activity = measure_activity(classes.metrics, by_category, by_class)
    if activity is None:
        return prior_by_name(category, scale_w)
    return prior_by_activity(activity.mean, activity.se, scale_w)
