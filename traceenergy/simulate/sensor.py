"""Power sensors as they are known to behave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.power import PowerCurve

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class SensorField:
    """One field that a driver offers.

    Attributes
    ----------
    update_ns
        Time between two new values [ns].
    window_ns
        A value is the mean over so long before its update [ns]; 0 for no mean: it is the power of
        that moment, smoothed.
    """

    update_ns: int
    window_ns: int


@dataclass(frozen=True)
class Sensor:
    """What nvidia-smi can ask of a board.

    Attributes
    ----------
    draw
        Field `power.draw`.
    instant
        Field `power.draw.instant`; None where the driver says `[N/A]`.
    lag_ns
        From the end of the window to the moment the value can be read [ns].
    noise_w
        Standard deviation of a value [W].
    smoothing_ns
        Time constant of the board's own first-order smoothing before the sensor [ns].
    """

    draw: SensorField
    instant: SensorField | None
    lag_ns: int
    noise_w: float
    smoothing_ns: float


QUANTUM_W = 0.01
COUNTED_J = 5.0e6  # that a counter already shows; drivers stay loaded for days
_AVERAGE_1S = SensorField(100 * NS_PER_MS, NS_PER_S)
_PART_TIME = SensorField(100 * NS_PER_MS, 25 * NS_PER_MS)
_FAST = SensorField(20 * NS_PER_MS, 10 * NS_PER_MS)
_FULL = SensorField(10 * NS_PER_MS, 10 * NS_PER_MS)
_FULL_20MS = SensorField(20 * NS_PER_MS, 20 * NS_PER_MS)
_FULL_50MS = SensorField(50 * NS_PER_MS, 50 * NS_PER_MS)
_FULL_100MS = SensorField(100 * NS_PER_MS, 100 * NS_PER_MS)
_CAPACITOR = SensorField(15 * NS_PER_MS, 0)

# Windows and update periods as measured in arXiv 2312.02741; "slow" is the first-order filter that
# it found on Kepler and Maxwell. The "full" ones see all of the time, as no known board does.
SENSORS = {
    "h100-instant": Sensor(_AVERAGE_1S, _PART_TIME, 2 * NS_PER_MS, 0.8, 1.2 * NS_PER_MS),
    "h100-average": Sensor(_AVERAGE_1S, None, 2 * NS_PER_MS, 0.8, 1.2 * NS_PER_MS),
    "a100": Sensor(_PART_TIME, _PART_TIME, 2 * NS_PER_MS, 0.6, 1.2 * NS_PER_MS),
    "v100": Sensor(_FAST, None, 2 * NS_PER_MS, 0.5, 1.2 * NS_PER_MS),
    "ada": Sensor(_AVERAGE_1S, _FULL_100MS, 2 * NS_PER_MS, 0.6, 1.2 * NS_PER_MS),
    "turing": Sensor(_FULL_100MS, None, 2 * NS_PER_MS, 0.5, 1.2 * NS_PER_MS),
    "slow": Sensor(_CAPACITOR, None, 2 * NS_PER_MS, 0.5, 100 * NS_PER_MS),
    "full-50ms": Sensor(_FULL_50MS, _FULL_50MS, 2 * NS_PER_MS, 0.5, 1.2 * NS_PER_MS),
    "full-20ms": Sensor(_FULL_20MS, _FULL_20MS, 2 * NS_PER_MS, 0.5, 1.2 * NS_PER_MS),
    "ideal": Sensor(_FULL, _FULL, 0, 0.0, 0.0),
}


def read_field(  # noqa: PLR0913, PLR0917 - a sensor is described by this much
    curve: PowerCurve,
    field: SensorField,
    sensor: Sensor,
    poll_ns: Int,
    gain: float,
    rng: np.random.Generator,
    quantum_w: float = QUANTUM_W,
) -> Float:
    """Read a field at given times.

    Parameters
    ----------
    curve : PowerCurve
        True power.
    field : SensorField
        Which field.
    sensor : Sensor
        Whose noise, lag and smoothing.
    poll_ns : ndarray of int64 (n,) [ns]
        When the driver is asked, sorted.
    gain : float
        What the sensor shows over what is true.
    rng : numpy.random.Generator
        For noise and the hidden phase of the updates.
    quantum_w : float, optional [W]
        Values are multiples of it; nvidia-smi prints no finer than 0.01 W.

    Returns
    -------
    ndarray of float64 (n,) [W]
        Exact means over the field's window, held until the next update, with noise, rounded.

    Notes
    -----
    A mean comes from two readings of the cumulative energy, so there is no time grid. First-order
    smoothing with time constant tau keeps energy but for what it still holds back:
    `smoothed energy = energy - tau * (smoothed power - its first value)`.
    """
    phase_ns = int(rng.integers(field.update_ns))
    ready_ns = poll_ns - sensor.lag_ns - phase_ns
    update = ready_ns // field.update_ns
    which, back = np.unique(update, return_inverse=True)
    end_ns = which * field.update_ns + phase_ns
    seen_w = _seen(curve, field.window_ns, sensor.smoothing_ns, end_ns)
    shown_w = gain * seen_w + rng.normal(0.0, 1.0, len(which)) * sensor.noise_w
    if quantum_w > QUANTUM_W:
        shown_w = np.round(shown_w / quantum_w) * quantum_w
    return np.asarray(np.round(np.maximum(shown_w, 0.0), 2)[back], dtype=np.float64)


def _seen(curve: PowerCurve, window_ns: int, smoothing_ns: float, end_ns: Int) -> Float:
    if window_ns == 0:
        return curve.smoothed_power_w(end_ns, smoothing_ns)
    edge_ns = np.concatenate((end_ns - window_ns, end_ns))
    begin_j, done_j = np.split(curve.smoothed_energy_j(edge_ns, smoothing_ns), 2)
    return (done_j - begin_j) / (window_ns / NS_PER_S)


def read_counter(
    curve: PowerCurve, sensor: Sensor, poll_ns: Int, gain: float, rng: np.random.Generator
) -> Float:
    """Read the board's cumulative energy counter at given times.

    Parameters
    ----------
    curve : PowerCurve
        True power.
    sensor : Sensor
        Whose lag and smoothing; the counter updates as often as its `draw`.
    poll_ns : ndarray of int64 (n,) [ns]
        When the driver is asked, sorted.
    gain : float
        What the counter adds up over what is true.
    rng : numpy.random.Generator
        For the hidden phase of the updates.

    Returns
    -------
    ndarray of float64 (n,) [J]
        In whole millijoules, held until the next update: the counter sees all of the time, so
        what two values differ by is exact.
    """
    update_ns = sensor.draw.update_ns
    phase_ns = int(rng.integers(update_ns))
    update = (poll_ns - sensor.lag_ns - phase_ns) // update_ns
    which, back = np.unique(update, return_inverse=True)
    seen_j = gain * curve.smoothed_energy_j(which * update_ns + phase_ns, sensor.smoothing_ns)
    return np.asarray(np.round(COUNTED_J + seen_j - seen_j[0], 3)[back], dtype=np.float64)


def poll_times(  # noqa: PLR0913 - a logger is described by this much
    start_ns: int,
    end_ns: int,
    period_ns: int,
    *,
    jitter_ns: int,
    missing_share: float,
    rng: np.random.Generator,
) -> Int:
    """Say when a logger asks.

    Parameters
    ----------
    start_ns, end_ns : int [ns]
        The log's span.
    period_ns : int [ns]
        Intended time between questions.
    jitter_ns : int [ns]
        Standard deviation of their delay; delays are never negative.
    missing_share : float
        Part that is lost, 0 to 1. The first and last question are never lost.
    rng : numpy.random.Generator
        For both.

    Returns
    -------
    ndarray of int64 (n,) [ns]
        Strictly increasing.
    """
    planned_ns = np.arange(start_ns, end_ns + 1, period_ns, dtype=np.int64)
    delay_ns = np.abs(rng.normal(0.0, 1.0, len(planned_ns))) * jitter_ns
    asked_ns = planned_ns + np.minimum(delay_ns, 0.9 * period_ns).astype(np.int64)
    kept = rng.random(len(asked_ns)) >= missing_share
    kept[[0, -1]] = True
    return np.asarray(asked_ns[kept], dtype=np.int64)
