"""What other recordings of the same work would tell of the power of kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.class_power import information_of, inverse_of
from traceenergy.energy.prior import LEAST_SHARE, METRIC_BOARD_W, METRIC_WATTS, prior_by_activity
from traceenergy.energy.regression import lay_rows
from traceenergy.energy.sensor import KNOWN
from traceenergy.energy.untraced import FAR_MS
from traceenergy.records import dataclass
from traceenergy.units import MS_PER_NS, NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.power_model import PowerModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

CALIBRATION = "calibration"  # in the source of a prior
FAST_MS = 20.0  # as often as nvidia-smi is usefully asked
SAME_PACE = 1.25  # readings this much further apart than updates miss none that matters
LONGER = 10
# Activity of SMs, tensor cores, DRAM, NVLink that is usual while kernels of a category run.
USUAL_ACTIVITY = {
    "gemm": (0.8, 0.4, 0.5, 0.0),
    "attention": (0.7, 0.3, 0.5, 0.0),
    "elementwise": (0.6, 0.0, 0.7, 0.0),
    "communication": (0.3, 0.0, 0.3, 0.7),
}


@dataclass(frozen=True)
class OtherRecording:
    """Another way to record the same work.

    Attributes
    ----------
    name : str
        What would be other.
    covariance : ndarray of float64 (n_columns, n_columns) or None
        Of the parameters, after its readings; None where it would tell nothing more.
    why : str
        What stands against it; empty where nothing does.
    """

    name: str
    covariance: Float | None
    why: str = ""


def other_recordings(model: PowerModel) -> tuple[OtherRecording, ...]:
    """List other ways to record the work of a device, with what they would tell.

    Parameters
    ----------
    model : PowerModel

    Returns
    -------
    tuple of OtherRecording
        Faster readings, a longer run, GPU metrics.
    """
    return read_faster(model), run_longer(model, LONGER), sample_metrics(model)


def read_faster(model: PowerModel) -> OtherRecording:
    """Read power every 20 ms, or as often as the sensor updates.

    Parameters
    ----------
    model : PowerModel

    Returns
    -------
    OtherRecording
        With rows of the model at every update, and noise as it was found.
    """
    series = model.series
    name = f"readings every {FAST_MS:g} ms"
    sensor_ms = series.sensor.period_ms
    spacing_ms = float(np.median(np.diff(series.sample_ns))) * MS_PER_NS
    if spacing_ms <= SAME_PACE * FAST_MS:
        return OtherRecording(name, None, f"the log has one every {spacing_ms:.3g} ms already")
    if spacing_ms <= SAME_PACE * sensor_ms and not _may_be_faster(model):
        return OtherRecording(
            name, None, f"the sensor updates every {sensor_ms:.3g} ms, and the log shows each one"
        )
    every_ms = FAST_MS if _may_be_faster(model) else max(FAST_MS, sensor_ms)
    dense_ns = _denser(model, round(every_ms * NS_PER_MS))
    dense = replace(series, sample_ns=dense_ns, power_w=np.zeros(len(dense_ns)))
    told = information_of(lay_rows(dense, model.design, model.shape), model.fit)
    covariance = inverse_of(told + inverse_of(model.fit.prior_covariance))
    why = "if the sensor updates that fast, which is not known" if _may_be_faster(model) else ""
    return OtherRecording(f"readings every {every_ms:.3g} ms", covariance, why)


def _denser(model: PowerModel, every_ns: int) -> Int:
    # Readings as they are around the run, up to where they were of use; others during the run.
    at_ns, busy = model.series.sample_ns, model.design.busy
    first_ns = busy.origin_ns
    last_ns = int(busy.end_ns[-1])
    far_ns = round(FAR_MS * NS_PER_MS)
    before_ns = at_ns[(at_ns < first_ns) & (at_ns >= first_ns - far_ns)]
    after_ns = at_ns[(at_ns > last_ns) & (at_ns <= last_ns + far_ns)]
    during_ns = np.arange(first_ns, last_ns + 1, every_ns)
    return np.concatenate((before_ns, during_ns, after_ns))


def _may_be_faster(model: PowerModel) -> bool:
    # A sensor whose period no table tells, and that showed a new value at every reading.
    series = model.series
    return series.sensor.source != KNOWN and len(series.sample_ns) == len(series.read_ns)


def run_longer(model: PowerModel, times: int) -> OtherRecording:
    """Run the same work so many times as long.

    Parameters
    ----------
    model : PowerModel
    times : int

    Returns
    -------
    OtherRecording
        Readings tell so many times as much of all that stays; static power, which wanders, has
        to be found anew in each part.
    """
    fit, n_columns = model.fit, model.design.n_columns
    stays = np.append([0], np.arange(model.design.n_background, n_columns))
    block = np.ix_(stays, stays)
    # With the wander integrated out, as it is in a block of the covariance.
    before = inverse_of(fit.prior_covariance[block])
    covariance = fit.covariance.copy()
    covariance[block] = inverse_of(times * fit.told(stays) + before)
    return OtherRecording(f"a run {times} times as long", covariance)


def sample_metrics(model: PowerModel) -> OtherRecording:
    """Sample GPU metrics beside, so that the prior knows what each kernel keeps busy.

    Parameters
    ----------
    model : PowerModel

    Returns
    -------
    OtherRecording
        With the widths of a prior by metrics, around activity that is usual for the category
        of each class and explains its power.
    """
    name = "GPU metrics"
    if name in model.prior_source:
        return OtherRecording(name, None, "they are in the trace already")
    if CALIBRATION in model.prior_source:
        return OtherRecording(name, None, "what they add to a calibration is not foreseen")
    fit, design = model.fit, model.design
    first, limit_w = design.first_class, design.limit_w
    mean_w = np.maximum(fit.mean[first:], LEAST_SHARE * limit_w)
    usual = np.array([USUAL_ACTIVITY[category] for category in design.traits.category])
    watts = METRIC_WATTS * limit_w / METRIC_BOARD_W
    activity = usual * (mean_w / (usual @ watts))[:, None]
    prior = prior_by_activity(design.traits, activity, np.zeros_like(activity), limit_w)
    _, with_metrics = design.prior(prior.mean_w, prior.covariance_w2)
    told = fit.told(np.arange(design.n_columns))
    return OtherRecording(name, inverse_of(told + inverse_of(with_metrics)))
