"""Power of a device while it has no GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.intervals import gaps
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.sensor import SensorModel

MIN_IDLE_SAMPLES = 3  # a median of fewer says little
MARGIN_NS = 1_000_000  # clocks of log and trace agree to about a millisecond
LOWEST_SHARE = 0.01  # fall-back: mean of the lowest one per cent of samples
LOWEST = "lowest samples"
FITTED = "fitted with the power of kernels"


@dataclass(frozen=True)
class IdlePower:
    """Idle power of one device.

    Attributes
    ----------
    power_w
        The static part of power [W].
    source
        `given`, `idle stretches in the window`, `idle stretches around the window`, `FITTED` or
        `LOWEST`.
    n_samples
        How many samples it rests on; 0 if given.
    """

    power_w: float
    source: str
    n_samples: int

    @property
    def is_measured(self) -> bool:
        """Whether it was seen without GPU work, or given by the user."""
        return self.source not in {LOWEST, FITTED}


def measure_idle(
    sample_ns: NDArray[np.int64],
    power_w: NDArray[np.float64],
    busy: tuple[NDArray[np.int64], NDArray[np.int64]],
    window: tuple[int, int],
    sensor: SensorModel,
) -> IdlePower:
    """Measure idle power from samples that can hold no GPU work.

    Parameters
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
        Time of reading.
    power_w : ndarray of float64 (n_samples,) [W]
    busy : tuple of ndarray of int64 (n_stretches,) [ns]
        Starts and ends of the device's busy stretches, as `intervals.union` returns them.
    window : tuple of int [ns]
        Analysis window.
    sensor : SensorModel
        Says how far back a sample reaches.

    Returns
    -------
    IdlePower
        From stretches inside the window if they hold enough samples (clocks as found), else
        from stretches around it, else the mean of the lowest 1 % of samples.

    Notes
    -----
    A sample counts as idle if the whole time it may stand for lies in one stretch::

        busy    ######                      ######
        sample      |<-- reach -->x               x read here, all before it idle: counts
    """
    everything = (
        int(min(sample_ns[0], window[0])) - sensor.reach_ns - 2 * MARGIN_NS,
        int(max(sample_ns[-1], window[1])) + 2 * MARGIN_NS,
    )
    low_ns, high_ns = gaps(*busy, everything)
    # A last, empty stretch at the end, so that a search among no stretches finds one.
    low_ns, high_ns = np.append(low_ns, everything[1]), np.append(high_ns, everything[1])
    oldest_ns = sample_ns - sensor.reach_ns - MARGIN_NS
    at = np.searchsorted(low_ns, oldest_ns, side="right") - 1
    idle = (at >= 0) & (sample_ns + MARGIN_NS <= high_ns[at])
    inside = idle & (sample_ns > window[0]) & (sample_ns <= window[1])
    for chosen, where in ((inside, "in"), (idle, "around")):
        if chosen.sum() >= MIN_IDLE_SAMPLES:
            power = float(np.median(power_w[chosen]))
            return IdlePower(power, f"idle stretches {where} the window", int(chosen.sum()))
    n_lowest = max(1, round(LOWEST_SHARE * len(power_w)))
    lowest_w = float(np.sort(power_w)[:n_lowest].mean())
    return IdlePower(lowest_w, LOWEST, n_lowest)
