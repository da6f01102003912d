"""Energies of a simulated run, held against what was true."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from naive import last_sample, plain_nnls, trapezoid, window_share

from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.sensor import SENSORS
from traceenergy.simulate.template import CLASS_KEYS
from traceenergy.units import MS_PER_NS, NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from recorded import Recorded

    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.simulate.in_memory import Run

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

LEAST_SHARE = 0.002  # intervals of classes with less of the energy are not judged
PHASE_STEPS = 200  # update phases tried; then once more between the best one's neighbors
GROUPS = ("class", "phase", "layer", "step")


@dataclass(frozen=True)
class Intervals:
    """How intervals of one kind of group fared.

    Attributes
    ----------
    n, n_inside
        How many were judged; how many hold the truth.
    half_width
        Median, over the true energy.
    """

    n: int
    n_inside: int
    half_width: float


@dataclass(frozen=True)
class Found:
    """What was found of the sensor, less what was true [ms]; NaN where nothing was."""

    window_ms: float
    lag_ms: float
    is_trusted: bool


@dataclass(frozen=True)
class Judgement:
    """One run, attributed.

    Attributes
    ----------
    errors : dict of str to float
        Energy given to the wrong group, over all energy, by `GROUPS`; `total`, with its sign.
    intervals : dict of str to Intervals
        Of classes and phases.
    found : Found
    cpu_s : float [s]
        Of attribution.
    slugs : tuple of str
        Of its caveats.
    naive : dict of str to dict
        Errors by method.
    """

    errors: dict[str, float]
    intervals: dict[str, Intervals]
    found: Found
    cpu_s: float
    slugs: tuple[str, ...]
    naive: dict[str, dict[str, float]]


def judge(recorded: Recorded, *, with_naive: bool) -> Judgement:
    """Attribute a run by the default method and hold it against its truth.

    Parameters
    ----------
    recorded : Recorded
    with_naive : bool
        Judge naive methods too.

    Returns
    -------
    Judgement
        Relative to the sensor: the truth is multiplied by the sensor's gain, which nobody could
        see from inside a trace.
    """
    began_s = time.process_time()
    energy, caveats = attribute_device(
        recorded.work, recorded.evidence, recorded.window_ns, AttributionOptions()
    )
    cpu_s = time.process_time() - began_s
    groups = group_codes(recorded)
    true_j = true_energy_j(recorded)
    found_j = np.nan_to_num(energy.static_j + energy.dynamic_j)
    naive: dict[str, Float] = {}
    if with_naive:
        methods = (last_sample, trapezoid, window_share)
        naive = {method.__name__: method(recorded) for method in methods}
        if energy.model is not None:
            naive["plain_nnls"] = plain_nnls(recorded, energy.model)
    return Judgement(
        errors=errors_of(found_j, true_j, groups),
        intervals={name: _intervals(energy, groups[name], true_j) for name in ("class", "phase")},
        found=_sensor_errors(energy, recorded.run),
        cpu_s=cpu_s,
        slugs=tuple(caveat.slug for caveat in caveats),
        naive={name: errors_of(energy_j, true_j, groups) for name, energy_j in naive.items()},
    )


def true_energy_j(recorded: Recorded) -> Float:
    """Give the energy of each piece of work as a sensor without noise would see it [J]."""
    energy_j = recorded.run.truth.work["energy_j"].to_numpy()[recorded.work.all_row]
    return np.asarray(energy_j * recorded.run.options.gain, dtype=np.float64)


def group_codes(recorded: Recorded) -> dict[str, Int]:
    """Give the true group of each piece of work, by `GROUPS`.

    Parameters
    ----------
    recorded : Recorded

    Returns
    -------
    dict of str to ndarray of int64 (n_work,)
        A class is a kernel's full name in a subphase of a kind of step.
    """
    full_name = pl.Series([CATALOG[key].full for key in CLASS_KEYS])
    frame = recorded.run.timeline.work.with_columns(
        recorded.run.truth.work.select("phase", "subphase"),
        full_name=full_name.gather(recorded.run.timeline.work["class_id"]),
    )[recorded.work.all_row]
    columns = {"class": ["full_name", "subphase", "kind"], "phase": ["phase"]}
    return {
        name: frame.select(pl.struct(columns.get(name, [name])).rank("dense").cast(pl.Int64) - 1)
        .to_series()
        .to_numpy()
        for name in GROUPS
    }


def errors_of(found_j: Float, true_j: Float, groups: dict[str, Int]) -> dict[str, float]:
    """Sum the sizes of errors of each kind of group, over all energy."""
    whole_j = float(true_j.sum())
    errors = {
        name: float(np.abs(np.bincount(code, found_j) - np.bincount(code, true_j)).sum()) / whole_j
        for name, code in groups.items()
    }
    return errors | {"total": float(found_j.sum()) / whole_j - 1}


def _intervals(energy: DeviceEnergy, code: Int, true_j: Float) -> Intervals:
    group_j = np.bincount(code, true_j)
    low_j, high_j = energy.bounds(code, len(group_j))
    judged = group_j > LEAST_SHARE * group_j.sum()
    inside = (low_j <= group_j) & (group_j <= high_j) & judged
    half = ((high_j - low_j) / 2)[judged] / group_j[judged]
    return Intervals(int(judged.sum()), int(inside.sum()), float(np.median(half)))


def _sensor_errors(energy: DeviceEnergy, run: Run) -> Found:
    if energy.model is None:
        return Found(np.nan, np.nan, is_trusted=False)
    sensor, found = SENSORS[run.options.sensor], energy.model.found
    field = sensor.instant or sensor.draw
    return Found(
        energy.model.shape.window_ms - field.window_ns * MS_PER_NS,
        energy.model.shape.lag_ms - true_lag_ms(run, energy.model.series),
        found.is_trusted,
    )


def true_lag_ms(run: Run, series: PowerSeries) -> float:
    """Say how long before the time given to it a reading's window ended, on average [ms].

    Parameters
    ----------
    run : Run
    series : PowerSeries
        Readings with the times that attribution gave them, on the log's clock: those of polls,
        or of updates as fitted.

    Returns
    -------
    float [ms]
        Lag of the sensor, offset of the log's clock, and what is wrong with fitted updates.
    """
    sensor, read = SENSORS[run.options.sensor], run.readings[0]
    update_ns = (sensor.instant or sensor.draw).update_ns
    phase_ns = _update_phase_ns(run)
    logged_ns = run.logged_ns(0)
    row = np.clip(np.searchsorted(logged_ns, series.sample_ns), 0, len(logged_ns) - 1)
    if (logged_ns[row] == series.sample_ns).all():
        number = (read.poll_ns[row] - sensor.lag_ns - phase_ns) // update_ns
    else:
        at_ns = series.sample_ns - run.options.clock_offset_ns - sensor.lag_ns
        number = np.round((at_ns - phase_ns) / update_ns).astype(np.int64)
    return float(np.mean(series.sample_ns - (number * update_ns + phase_ns))) * MS_PER_NS


def _update_phase_ns(run: Run) -> int:
    # The simulator keeps it to itself; the readings and the true power tell it.
    sensor = SENSORS[run.options.sensor]
    update_ns = (sensor.instant or sensor.draw).update_ns
    step_ns = update_ns // PHASE_STEPS
    coarse_ns = _best_phase_ns(run, np.arange(0, update_ns, step_ns))
    fine_ns = np.arange(-step_ns, step_ns, max(1, 2 * step_ns // PHASE_STEPS))
    return _best_phase_ns(run, coarse_ns + fine_ns)


def _best_phase_ns(run: Run, phases_ns: Int) -> int:
    sensor, read, curve = SENSORS[run.options.sensor], run.readings[0], run.truth.curves[0]
    field = sensor.instant or sensor.draw
    number = (read.poll_ns - sensor.lag_ns - phases_ns[:, None]) // field.update_ns
    first = int(number.min())
    n_updates = int(number.max()) - first + 1
    end_ns = phases_ns[:, None] + (first + np.arange(n_updates)) * field.update_ns
    edge_ns = np.concatenate(((end_ns - field.window_ns).ravel(), end_ns.ravel()))
    begun_j, done_j = np.split(curve.smoothed_energy_j(edge_ns, sensor.smoothing_ns), 2)
    seen_w = (done_j - begun_j).reshape(end_ns.shape) * NS_PER_S / field.window_ns
    shown_w = run.options.gain * np.take_along_axis(seen_w, number - first, axis=1)
    return int(phases_ns[np.argmin(np.mean((shown_w - read.sharp_w) ** 2, axis=1))])
