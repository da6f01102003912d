"""How a power sensor turns power into samples: period, averaging window, lag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import MS_PER_NS, NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A sensor that is polled faster than it updates repeats its value; below this share of
# changing neighbors the distance between changes is taken as the update period.
HELD_VALUE_SHARE = 0.7
HELD_POLLS = 1.5  # a value is held if it stays for more polls than this
MIN_CHANGES = 3  # fewer say nothing about a period
# Update period of every board sensor measured so far, or longer than it [ms].
UPDATE_MS = 100.0
MOST_UPDATE_MS = 150.0  # values that stay longer than any known update period are no held values
LARGEST_LAG_MS = 60.0  # no sensor is known to give a value later than this after its window

GIVEN = "given"
COUNTED = "time between updates of the energy counter"
KNOWN = "known GPU"
UNKNOWN = "unknown GPU, read as instantaneous"
RULED_OUT = "ruled out by the data, read as instantaneous"
FOUND = "found in the data"
AGAINST_KNOWN = "found in the data, against what is known of the GPU"
NOT_TOLD = "not told by the data"


@dataclass(frozen=True)
class SensorModel:
    """What one sample stands for.

    A sample read at time t is the mean power over ``[t - lag - window, t - lag]``.

    Attributes
    ----------
    period_ms
        How often the sensor gives a new value [ms].
    window_ms
        Over how long it averages [ms].
    lag_ms
        How long before the reading its window ended, on average [ms].
    source
        One of `GIVEN`, `COUNTED`, `KNOWN`, `UNKNOWN`, `RULED_OUT`.
    """

    period_ms: float
    window_ms: float
    lag_ms: float
    source: str

    @property
    def window_ns(self) -> int:
        """Averaging window [ns]."""
        return round(self.window_ms * NS_PER_MS)

    @property
    def center_delay_ns(self) -> int:
        """From the middle of the averaging window to the reading [ns]."""
        return round((self.lag_ms + self.window_ms / 2) * NS_PER_MS)

    @property
    def reach_ns(self) -> int:
        """Oldest power that a reading may still contain, before the reading [ns]."""
        return round((self.window_ms + 2 * self.lag_ms) * NS_PER_MS)


@dataclass(frozen=True)
class _Known:
    gpu: str
    field: str
    period_ms: float
    window_ms: float


# Measured by Yang, Adamek, Armour, "Part-time Power Measurements", SC24,
# https://arxiv.org/abs/2312.02741 (table of its result sheet, by chip, field and driver),
# with the NVML documentation of nvmlDeviceGetPowerUsage: "average over 1 s" on Ampere
# (except GA100) and newer. Not measured for Blackwell; taken as Hopper.
_HOPPER = r"H100|H200|H800|H20\b|GH200|B100|B200|GB200|GB300|B300"
_AMPERE_ADA = r"L40|L4\b|RTX (30|40|50)|A10\b|A40\b|A[4-6]000|RTX [4-6]000 Ada"
_ANY_FIELD = "power"
_KNOWN = (
    _Known(_HOPPER, "instant", 100.0, 25.0),
    _Known(r"A100|A800|A30\b", _ANY_FIELD, 100.0, 25.0),
    _Known(r"V100|P100|TITAN V", _ANY_FIELD, 20.0, 10.0),
    _Known(r"T4\b|RTX 20|Quadro RTX|TITAN RTX|GTX 16", _ANY_FIELD, 100.0, 100.0),
    _Known(_AMPERE_ADA, "instant", 100.0, 100.0),
    _Known(f"{_HOPPER}|{_AMPERE_ADA}", _ANY_FIELD, 100.0, 1000.0),
)


def identify_sensor(  # noqa: PLR0913 - one keyword per fact about a sensor
    sample_ns: NDArray[np.int64],
    power_w: NDArray[np.float64],
    *,
    gpu_name: str | None,
    field: str,
    most_w: float | None = None,
    window_ms: float | None = None,
) -> SensorModel:
    """Say what the samples of one device stand for.

    Parameters
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
        Sorted, n_samples >= 2.
    power_w : ndarray of float64 (n_samples,) [W]
        The readings.
    gpu_name : str or None
        As the driver names it.
    field : str
        Sensor field, such as `power.draw.instant`.
    most_w : float or None [W]
        Power that the board cannot exceed.
    window_ms : float or None [ms]
        Averaging window given by the user; 0 for an instant sensor.

    Returns
    -------
    SensorModel

    Notes
    -----
    A reading is up to one update period old, half of one on average; that is the lag, unless
    values repeat: then `drop_held` keeps the reading next to each update, which is at most one
    polling period late. The update period is the spacing of changes where values repeat, else
    the known one.

    Samples of a sensor that the user calls instant are taken as they are. A known sensor is
    ruled out by the data where readings change at every poll although it was polled twice or
    more in each known period.

    A window W is ruled out by the data where readings move faster than a moving average can:
    over a time d it cannot change by more than ``most_w * d / W``. What is not known, or was
    ruled out, is read as instantaneous.

    References
    ----------
    .. [1] Yang, Adamek, Armour, "Part-time Power Measurements: nvidia-smi's Lack of
       Attention", SC24, https://arxiv.org/abs/2312.02741
    """
    poll_ms = float(np.median(np.diff(sample_ns))) * MS_PER_NS
    held_ms = _update_period_ms(sample_ns, power_w)
    hold_lag_ms = 0.0 if held_ms is None else poll_ms / 2
    if window_ms is not None:
        lag_ms = hold_lag_ms if window_ms > 0 else 0.0
        return SensorModel(held_ms or poll_ms, window_ms, lag_ms, GIVEN)
    known = _known_sensor(gpu_name, field)
    if known is None:
        return SensorModel(held_ms or poll_ms, 0.0, hold_lag_ms, UNKNOWN)
    if most_w is not None and _fastest_w_per_ms(sample_ns, power_w) * known.window_ms > most_w:
        return SensorModel(held_ms or poll_ms, 0.0, hold_lag_ms, RULED_OUT)
    if held_ms is not None:
        return SensorModel(held_ms, known.window_ms, hold_lag_ms, KNOWN)
    if poll_ms <= known.period_ms / 2:
        return SensorModel(poll_ms, 0.0, 0.0, RULED_OUT)
    return SensorModel(known.period_ms, known.window_ms, known.period_ms / 2, KNOWN)


def drop_held(
    sample_ns: NDArray[np.int64], power_w: NDArray[np.float64], sensor: SensorModel
) -> NDArray[np.bool_]:
    """Choose one reading per update of the sensor.

    Parameters
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
    power_w : ndarray of float64 (n_samples,) [W]
    sensor : SensorModel

    Returns
    -------
    ndarray of bool (n_samples,)
        True for readings that differ from the one before, for one reading a period where the
        value stays, and for the last.
    """
    changed = np.append([True], np.diff(power_w) != 0)
    instant = sensor.source == GIVEN and sensor.window_ms == 0
    if instant or _update_period_ms(sample_ns, power_w) is None:
        return np.ones(len(power_w), dtype=bool)
    since_ns = sample_ns - sample_ns[np.flatnonzero(changed)][np.cumsum(changed) - 1]
    # Half a polling period of slack, or jitter would delay the reading that renews a value.
    slack_ns = np.median(np.diff(sample_ns)) / 2
    turn = np.floor((since_ns + slack_ns) / (sensor.period_ms * NS_PER_MS))
    renewed = np.append([True], np.diff(turn) > 0)
    keep = changed | renewed
    keep[-1] = True
    return np.asarray(keep)


def _update_period_ms(sample_ns: NDArray[np.int64], power_w: NDArray[np.float64]) -> float | None:
    changed = np.flatnonzero(np.diff(power_w) != 0)
    if len(changed) < MIN_CHANGES or len(changed) >= HELD_VALUE_SHARE * (len(power_w) - 1):
        return None
    period_ms = float(np.median(np.diff(sample_ns[changed + 1]))) * MS_PER_NS
    # Changes from one poll to the next hold nothing, however often the value also stays.
    poll_ms = float(np.median(np.diff(sample_ns))) * MS_PER_NS
    return period_ms if HELD_POLLS * poll_ms <= period_ms <= MOST_UPDATE_MS else None


def _fastest_w_per_ms(sample_ns: NDArray[np.int64], power_w: NDArray[np.float64]) -> float:
    # Over at least half an update period, .
    step_ms = np.maximum(np.diff(sample_ns) * MS_PER_NS, UPDATE_MS)
    return float(np.max(np.abs(np.diff(power_w)) / step_ms))


def _known_sensor(gpu_name: str | None, field: str) -> _Known | None:
    if gpu_name is None:
        return None
    for known in _KNOWN:
        if re.search(known.gpu, gpu_name) and re.search(known.field, field, re.IGNORECASE):
            return known
    return None
