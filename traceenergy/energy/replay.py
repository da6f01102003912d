"""The same work with drawn powers, as the same sensor would read it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.class_power import READ_SD_W
from traceenergy.energy.coverage import effort_until, one_class
from traceenergy.energy.design import SensorShape
from traceenergy.energy.power_model import MODEL_SD
from traceenergy.energy.power_series import read_series
from traceenergy.energy.regression import LEAST_WINDOW_MS, at_updates
from traceenergy.intervals import share_clock
from traceenergy.records import dataclass
from traceenergy.trace.tables import PowerSamples
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.coverage import ClassTimes
    from traceenergy.energy.device_energy import DeviceEnergy, Evidence
    from traceenergy.energy.power_model import PowerModel
    from traceenergy.energy.power_series import PowerSeries

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

PIECE_SD = 0.03  # of the log of a piece's power, beside all that it shares with others
MOST_STRETCH_SD = 0.5
ROUNDING = 1e-9  # of covariances over their variances
POSTERIOR, PRIOR = "posterior", "prior"


@dataclass(frozen=True)
class Replay:
    """One device's run with powers that are known.

    Attributes
    ----------
    evidence : Evidence
        As it was, but for the power samples.
    energy_j : ndarray of float64 (n_work,) [J]
        True energy of each piece in the window, static and dynamic.
    """

    evidence: Evidence
    energy_j: Float


@dataclass(frozen=True)
class RecordedDevice:
    """A device with a model of its power, to be run again with other powers.

    Attributes
    ----------
    energy : DeviceEnergy
    evidence : Evidence
        That it came from.
    model : PowerModel
        Of it.
    sensor_window_ms : float or None [ms]
        Averaging window given by the user.
    roots : dict of str to (mean, root)
        By `POSTERIOR`, `PRIOR`: parameters are normal numbers times the root, plus the mean.
    """

    energy: DeviceEnergy
    evidence: Evidence
    model: PowerModel
    sensor_window_ms: float | None
    roots: dict[str, tuple[Float, Float]]

    def draw(self, source: str, rng: np.random.Generator) -> Float:
        """Draw all parameters.

        Parameters
        ----------
        source : str
            `POSTERIOR`: as the readings tell them. `PRIOR`: powers of kernels as expected before
            any reading; static power still as the readings tell it.
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of float64 (n_columns,)
        """
        theta = self._normal(source, rng)
        if source == PRIOR:
            n_static = self.model.design.n_background
            theta[:n_static] = self._normal(POSTERIOR, rng)[:n_static]
        return theta

    def _normal(self, source: str, rng: np.random.Generator) -> Float:
        mean, root = self.roots[source]
        return np.asarray(mean + root @ rng.standard_normal(len(mean)), dtype=np.float64)


def recorded_device(
    energy: DeviceEnergy, evidence: Evidence, model: PowerModel, sensor_window_ms: float | None
) -> RecordedDevice:
    """Prepare a device to be run again.

    Parameters
    ----------
    energy : DeviceEnergy
    evidence : Evidence
    model : PowerModel
    sensor_window_ms : float or None [ms]

    Returns
    -------
    RecordedDevice
    """
    fit = model.fit
    roots = {
        POSTERIOR: (fit.mean, _root(fit.covariance)),
        PRIOR: (fit.prior_mean, _root(fit.prior_covariance)),
    }
    return RecordedDevice(energy, evidence, model, sensor_window_ms, roots)


def _root(covariance: Float) -> Float:
    # By Cholesky: devices with the same classes draw alike from the same normal numbers.
    floor = np.diag(ROUNDING * np.diag(covariance))
    return np.asarray(np.linalg.cholesky(covariance + floor), dtype=np.float64)


def replay(device: RecordedDevice, theta: Float, rng: np.random.Generator) -> Replay:
    """Run the work of a device again with given powers, and read it as it was read.

    Parameters
    ----------
    device : RecordedDevice
    theta : ndarray of float64 (n_columns,)
        Drawn from it.
    rng : numpy.random.Generator

    Returns
    -------
    Replay

    Notes
    -----
    Power of a piece is what the model expects of it, times three lognormal factors: one for each
    class (`MODEL_SD`, what the model may miss), one for each piece (`PIECE_SD`), one for each
    stretch as long as the sensor's window: what the fit calls noise of dynamic power. Static
    power wanders as drawn. Readings are means over the sensor's windows, exact, at its updates;
    noise of `READ_SD_W` is added, and they are cut to the steps of the log. Fields beside the
    one that was fitted are read as they are known.
    """
    energy, evidence, model = device.energy, device.evidence, device.model
    work = energy.work
    power_w = _piece_power_w(model, energy, theta, rng)
    times = one_class(work.all_start_ns, work.all_end_ns, power_w)
    fields = read_series(evidence.samples, work.name, energy.most_w, device.sensor_window_ms)
    frames = []
    for series in fields:
        if series.source == model.series.source:
            stamped_ns, update_ns = at_updates(series).sample_ns, model.series.sample_ns
            shape = model.shape
        else:
            stamped_ns = update_ns = series.sample_ns
            shape = _shape_beside(series, model)
        power = _read_w(times, model, theta, update_ns, shape)
        if len(stamped_ns) != len(update_ns):
            # Polled as slowly as it updates: each reading shows the update before it.
            shown = np.searchsorted(update_ns, stamped_ns, side="right") - 1
            power = power[np.maximum(shown, 0)]
        power += rng.normal(0.0, READ_SD_W, len(power))
        frames.append(_logged(evidence.samples, series, stamped_ns, power))
    samples = PowerSamples(pl.concat(frames))
    return Replay(replace(evidence, samples=samples), _true_j(energy, model, theta, power_w))


def _shape_beside(series: PowerSeries, model: PowerModel) -> SensorShape:
    # All fields of a log were read by one clock: what it is off for one, it is off for all.
    off_ms = model.found.lag_ms if model.found.is_trusted else 0.0
    window_ms = max(series.sensor.window_ms, LEAST_WINDOW_MS)
    return SensorShape(window_ms, 0.0, series.sensor.lag_ms + off_ms)


def _piece_power_w(
    model: PowerModel, energy: DeviceEnergy, theta: Float, rng: np.random.Generator
) -> Float:
    design, work = model.design, energy.work
    expected_w = design.likely_w(theta)
    of_class = rng.normal(0.0, MODEL_SD, design.classes.n_classes)[design.classes.of_class]
    of_piece = rng.normal(0.0, PIECE_SD, len(expected_w))
    window_ns = round(model.shape.window_ms * NS_PER_MS)
    stretch = (work.all_start_ns - work.all_start_ns.min()) // window_ns
    length_s = (work.all_end_ns - work.all_start_ns).astype(np.float64) * S_PER_NS
    busy_s = max(float(design.share_rate @ length_s), S_PER_NS)
    mean_w = max(float(model.power_w @ length_s) / busy_s, 1.0)
    noise_w = np.sqrt(model.fit.process_w2_s / (window_ns * S_PER_NS))
    stretch_sd = min(float(noise_w) / mean_w, MOST_STRETCH_SD)
    of_stretch = rng.normal(0.0, stretch_sd, int(stretch.max()) + 1)[stretch]
    return np.asarray(expected_w * np.exp(of_class + of_piece + of_stretch), dtype=np.float64)


def _read_w(
    times: ClassTimes, model: PowerModel, theta: Float, update_ns: Int, shape: SensorShape
) -> Float:
    windows = shape.windows(update_ns)
    dynamic_j = np.mean(
        [effort_until(times, high_ns) - effort_until(times, low_ns) for low_ns, high_ns in windows],
        axis=0,
    )
    window_s = round(shape.window_ms * NS_PER_MS) * S_PER_NS
    return np.asarray(
        model.design.background_w(update_ns, theta) + dynamic_j / window_s, dtype=np.float64
    )


def _logged(
    samples: PowerSamples, series: PowerSeries, stamped_ns: Int, power_w: Float
) -> pl.DataFrame:
    # The log holds the value of the last update at each poll, in its own steps of power.
    last = np.searchsorted(stamped_ns, series.read_ns, side="right") - 1
    shown_w = np.maximum(power_w[np.clip(last, 0, len(power_w) - 1)], 0.0)
    steps_w = np.diff(np.unique(series.read_w))
    if len(steps_w):
        step_w = max(float(steps_w.min()), 1e-3)
        shown_w = np.round(shown_w / step_w) * step_w
    field = series.source.partition(": ")[2]
    chosen = samples.filter(pl.col("field") == field)
    chosen = chosen.unique("sample_ns", keep="first", maintain_order=True).sort("sample_ns")
    return chosen.with_columns(power_w=pl.Series(shown_w))


def _true_j(energy: DeviceEnergy, model: PowerModel, theta: Float, power_w: Float) -> Float:
    work = energy.work
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    share_s = (clock.share_at(work.end_ns) - clock.share_at(work.start_ns)) * S_PER_NS
    length_s = (work.end_ns - work.start_ns).astype(np.float64) * S_PER_NS
    static_w = model.design.background_w(work.start_ns, theta)
    return np.asarray(static_w * share_s + power_w[work.all_row] * length_s, dtype=np.float64)
