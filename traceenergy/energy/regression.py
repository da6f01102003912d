"""Power of each kernel class of one device, or why it cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.energy.class_power import Rows, begin_fit
from traceenergy.energy.clock_factor import clock_factor
from traceenergy.energy.design import Design, SensorShape, build_design
from traceenergy.energy.hidden_clock import find_hidden_updates
from traceenergy.energy.lag_mixture import SURE, fit_at_lags
from traceenergy.energy.log_clock import read_clock, undo_drift
from traceenergy.energy.power_model import PowerModel
from traceenergy.energy.prior import Prior, class_traits, prior_by_activity, prior_by_name
from traceenergy.energy.sensor import COUNTED, GIVEN, KNOWN, LARGEST_LAG_MS
from traceenergy.energy.sensor_fit import find_sensor, refine_sensor
from traceenergy.energy.sensor_search import BOARD_MS
from traceenergy.energy.untraced import without_untraced
from traceenergy.energy.update_clock import fit_updates
from traceenergy.energy.work_grid import CoarseWork
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.calibration import Calibration
    from traceenergy.energy.class_power import BegunFit, ClassPower
    from traceenergy.energy.clock_drift import Drift
    from traceenergy.energy.device_energy import Evidence
    from traceenergy.energy.device_work import DeviceWork, WorkClasses
    from traceenergy.energy.lag_mixture import LagMixture
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.energy.sensor_fit import SensorFit
    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]

MIN_WINDOWS = 8  # fewer different readings of work say nothing about its parts
LEAST_COVERAGE = 0.5
USUAL_LIMIT_W = 500.0  # scale of the prior for a board that is not known
ROUNDS = 2  # of fitting power and sensor in turn
STEADY_AGE = 0.2  # readings whose age differs by less of a period are all equally late
UNUSUAL_MS = 20.0  # a lag so much longer than a value is old is e times less likely
LEAST_WINDOW_MS = 1.0  # an instant is read as this long


def model_power(
    series: PowerSeries,
    work: DeviceWork,
    evidence: Evidence,
    clock: ShareClock,
    limit_w: float | None,
) -> PowerModel | str:
    """Fit the power of each class to the readings of a device.

    Parameters
    ----------
    series : PowerSeries
    work : DeviceWork
    evidence : Evidence
        With its kernel classes.
    clock : ShareClock
        Of all work of the device.
    limit_w : float or None [W]
        Power limit of the board.

    Returns
    -------
    PowerModel or str
        The reason, if the readings cannot tell.
    """
    classes = evidence.classes
    if classes is None:
        return "kernels were not put into classes"
    refusal = _refuse(without_untraced(at_updates(series), work), work)
    if refusal:
        return refusal
    traits = class_traits(classes, work.all_start_ns, work.all_end_ns)
    coarse = _coarse(work, traits.category_code.astype(np.int16)[classes.of_all], clock)
    whole, series, found, drift = _in_step(series, work, coarse)
    del coarse  # may be large
    span_ns = int(series.sample_ns[0]), int(series.sample_ns[-1])
    log_clock = read_clock(series, found, drift)
    clocks = None if evidence.clocks is None else evidence.clocks.in_step(log_clock)
    design = build_design(
        work,
        classes,
        clock,
        traits=traits,
        span_ns=span_ns,
        limit_w=limit_w or USUAL_LIMIT_W,
        clock_factor=clock_factor(clocks, work.all_start_ns, work.all_end_ns),
    )
    prior = _prior(work, classes, design, evidence.calibration)
    found, shape, fit = _fit_in_turn(series, work, design.on_grids(), prior, found)
    return PowerModel(
        series=_as_seen(whole, shape, found),
        shape=shape,
        found=found,
        log_clock=log_clock,
        prior_source=prior.source,
        names=classes.names,
        design=design,
        fit=fit,
        power_w=design.likely_w(fit.mean),
        n_rows=len(series.sample_ns),
    )


def _fit_in_turn(
    series: PowerSeries, work: DeviceWork, design: Design, prior: Prior, found: SensorFit
) -> tuple[SensorFit, SensorShape, ClassPower]:
    """Fit power and sensor in turn; at several lags, where the readings leave them open."""
    shape = _first_shape(series, found)
    begun = _begin_fit(series, design, shape, prior)
    if found.other_lags_ms:
        mixed = _fit_at_lags(series, design, shape, begun, found.other_lags_ms)
        if not (found.is_trusted and mixed.best == 0 and mixed.share[0] > SURE):
            return replace(found, is_trusted=False), mixed.shape, mixed.fit
    fit = begun.finish()
    for _ in range(ROUNDS if found.is_trusted else 0):
        found = refine_sensor(
            series.sample_ns,
            series.power_w - design.background_w(series.sample_ns, fit.mean),
            work.all_start_ns,
            work.all_end_ns,
            design.likely_w(fit.mean),
            found,
        )
        shape = _shape_of(found)
        fit = _begin_fit(series, design, shape, prior).finish()
    return found, shape, fit


def _fit_at_lags(
    series: PowerSeries,
    design: Design,
    first: SensorShape,
    begun: BegunFit,
    others_ms: Sequence[float],
) -> LagMixture:
    """Fit power at a first lag and others; what was found beside that lag is not theirs."""

    def fit_at(shape: SensorShape) -> BegunFit:
        if shape == first:
            return begun
        # How noisy the readings are hardly depends on the lag.
        rows, known = lay_rows(series, design, shape), begun.trial.prior
        return begin_fit(rows, known.mean, known.covariance, begun.log_noise)

    sensor = series.sensor
    window_ms = sensor.window_ms if sensor.source in {KNOWN, GIVEN, COUNTED} else first.window_ms
    window_ms = max(window_ms, LEAST_WINDOW_MS)
    others = [SensorShape(window_ms, BOARD_MS, lag_ms) for lag_ms in others_ms]
    # Sensors take some ms beyond the age of a value, seldom many.
    most_ms = series.usual_lags_ms[1] - LARGEST_LAG_MS
    return fit_at_lags(
        fit_at,
        [first, *others],
        lambda shape: max(shape.lag_ms + shape.smoothing_ms - most_ms, 0.0) / UNUSUAL_MS,
    )


def _as_seen(series: PowerSeries, shape: SensorShape, found: SensorFit) -> PowerSeries:
    sensor = series.sensor
    is_instant = shape.window_ms <= LEAST_WINDOW_MS
    seen = replace(
        sensor,
        window_ms=sensor.window_ms if is_instant else shape.window_ms,
        lag_ms=shape.lag_ms + shape.smoothing_ms,
        source=found.source if found.is_trusted and found.source != GIVEN else sensor.source,
    )
    return replace(series, sensor=seen)


def at_updates(series: PowerSeries) -> PowerSeries:
    """Put readings at the updates of the sensor, where the log was polled faster than that.

    Parameters
    ----------
    series : PowerSeries

    Returns
    -------
    PowerSeries
        The same where no straight clock of updates is seen.
    """
    updates = fit_updates(series.read_ns, series.read_w, series.sensor.period_ms)
    if updates is None:
        return series
    seen = updates.seen
    sensor = replace(series.sensor, period_ms=updates.period_ms, lag_ms=0.0)
    return replace(
        series, sample_ns=updates.update_ns[seen], power_w=updates.power_w[seen], sensor=sensor
    )


def _refuse(series: PowerSeries, work: DeviceWork) -> str | None:
    first_ns, last_ns = int(work.all_start_ns.min()), int(work.all_end_ns.max())
    inside = (series.sample_ns > first_ns) & (series.sample_ns <= last_ns + series.sensor.reach_ns)
    power_w = series.power_w[inside]
    n_windows = 1 + int((np.diff(power_w) != 0).sum()) if len(power_w) else 0
    if len(power_w) > MIN_WINDOWS and np.ptp(series.power_w) == 0:
        return "the power readings never change"
    if n_windows < MIN_WINDOWS:
        return f"only {n_windows} different readings show GPU work, {MIN_WINDOWS} are needed"
    span_ms = (last_ns - first_ns) / NS_PER_MS
    if span_ms < series.sensor.window_ms:
        return (
            f"the run lasts {span_ms / 1000:.2g} s, less than the "
            f"{series.sensor.window_ms / 1000:g} s over which the sensor averages"
        )
    covered = len(power_w) * series.sensor.period_ms / span_ms
    if covered < LEAST_COVERAGE:
        return f"readings cover {covered:.0%} of the run, {LEAST_COVERAGE:.0%} are needed"
    return None


def _prior(
    work: DeviceWork, classes: WorkClasses, design: Design, calibration: Calibration | None
) -> Prior:
    activity = None
    if len(classes.metrics):
        # What this loads takes half a second.
        from traceenergy.energy.activity import measure_activity  # noqa: PLC0415 - slow to load

        activity = measure_activity(
            classes.metrics,
            work.all_start_ns,
            work.all_end_ns,
            classes.of_all,
            design.traits.category_code,
        )
    if activity is None:
        prior = prior_by_name(design.traits, design.limit_w)
    else:
        prior = prior_by_activity(design.traits, activity.mean, activity.se, design.limit_w)
    if calibration is None:
        return prior
    return calibration.inform(prior, classes.names, design.traits)


def _coarse(work: DeviceWork, of_category: Codes, clock: ShareClock) -> CoarseWork:
    alike = np.broadcast_to(1.0, len(of_category))
    return CoarseWork(work.all_start_ns, work.all_end_ns, alike, of_category, *clock.stretches)


def _in_step(
    series: PowerSeries, work: DeviceWork, coarse: CoarseWork
) -> tuple[PowerSeries, PowerSeries, SensorFit, Drift | None]:
    """Put readings at updates, on a clock that keeps in step with the trace; find the sensor.

    Gives all readings, those that the traced work can explain, and what drift was undone.
    """
    whole = _at_hidden_updates(at_updates(series), coarse)
    known = without_untraced(whole, work)
    found = _find_sensor(known, coarse)
    in_step = replace(found, drift=None)
    if found.drift is None or not found.is_trusted:
        return whole, known, in_step, None
    drift, still_ns = found.drift, found.lag_at_ns
    whole, known = (
        replace(series, sample_ns=undo_drift(series.sample_ns, drift, still_ns))
        for series in (whole, known)
    )
    return whole, known, in_step, drift


def _find_sensor(series: PowerSeries, coarse: CoarseWork) -> SensorFit:
    sensor = series.sensor
    # Readings that are up to a period old, by how much is not seen, fit longer windows as well.
    is_sure = sensor.source in {COUNTED, GIVEN} or (
        sensor.source == KNOWN and not _is_placed(series)
    )
    return find_sensor(
        series.sample_ns,
        series.power_w,
        coarse,
        period_ms=sensor.period_ms,
        known_window_ms=sensor.window_ms if sensor.source == KNOWN else None,
        given_window_ms=sensor.window_ms if is_sure else None,
        usual_lags_ms=series.usual_lags_ms,
    )


def _is_placed(series: PowerSeries) -> bool:
    return len(series.sample_ns) < len(series.read_ns)


def _at_hidden_updates(series: PowerSeries, coarse: CoarseWork) -> PowerSeries:
    sensor = series.sensor
    if _is_placed(series) or sensor.source != KNOWN:
        return series
    hidden = find_hidden_updates(
        series.sample_ns,
        series.power_w,
        coarse,
        period_ms=sensor.period_ms,
        window_ms=sensor.window_ms,
    )
    if hidden is None:
        return series
    age_ns = series.sample_ns - hidden.update_ns
    if np.ptp(age_ns) < STEADY_AGE * sensor.period_ms * NS_PER_MS:
        return series  # polled in step with the updates: readings are late by one lag
    update_ns, first = np.unique(hidden.update_ns, return_index=True)
    seen = replace(sensor, period_ms=hidden.period_ms, lag_ms=0.0)
    return replace(series, sample_ns=update_ns, power_w=series.power_w[first], sensor=seen)


def _first_shape(series: PowerSeries, found: SensorFit) -> SensorShape:
    if found.is_trusted:
        return _shape_of(found)
    window_ms = max(series.sensor.window_ms, LEAST_WINDOW_MS)
    return SensorShape(window_ms, 0.0, series.sensor.lag_ms)


def _shape_of(found: SensorFit) -> SensorShape:
    return SensorShape(max(found.window_ms, LEAST_WINDOW_MS), found.smoothing_ms, found.lag_ms)


def _begin_fit(series: PowerSeries, design: Design, shape: SensorShape, prior: Prior) -> BegunFit:
    mean, covariance = design.prior(prior.mean_w, prior.covariance_w2)
    return begin_fit(lay_rows(series, design, shape), mean, covariance)


def lay_rows(series: PowerSeries, design: Design, shape: SensorShape) -> Rows:
    """Make each reading a row of the model.

    Parameters
    ----------
    series : PowerSeries
        Readings at the sensor's updates.
    design : Design
    shape : SensorShape

    Returns
    -------
    Rows
    """
    end_ms = shape.lag_ms + shape.smoothing_ms
    high_s = (series.sample_ns - series.sample_ns[0]) * S_PER_NS - end_ms * NS_PER_MS * S_PER_NS
    low_s = high_s - shape.window_ms * NS_PER_MS * S_PER_NS
    return Rows(
        design.rows(series.sample_ns, shape), series.power_w, low_s, high_s, design.n_background
    )
