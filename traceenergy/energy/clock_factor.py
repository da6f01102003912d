"""How much less a piece of work draws at a lower clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.intervals import union
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.log_clock import LogClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Voltage falls with frequency, so dynamic power falls faster than the clock; see docs/method.md.
EXPONENT = 2.2
MIN_READINGS = 8
LEAST_CLOCK = 0.5  # below this part of the usual one the GPU was resting, at an edge of the work
LEAST_CHANGE = 0.01  # clocks that differ by less change power by less than the model misses


@dataclass(frozen=True)
class Clocks:
    """Readings of the clock of the SMs.

    Attributes
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
        Sorted.
    clock_mhz : ndarray of float64 (n_samples,) [MHz]
    """

    sample_ns: Int
    clock_mhz: Float

    def in_step(self, clock: LogClock) -> Clocks:
        """Put readings on the clock of the trace.

        Parameters
        ----------
        clock : LogClock
            That of the computer that read them.

        Returns
        -------
        Clocks
            Each at the moment of its poll: what a power value read beside it is late by, it is not.
        """
        return replace(self, sample_ns=clock.undo(self.sample_ns))


def clock_factor(clocks: Clocks | None, start_ns: Int, end_ns: Int) -> Float | None:
    """Compare what each piece draws at the clock it ran at with the usual clock.

    Parameters
    ----------
    clocks : Clocks or None
    start_ns, end_ns : ndarray of int64 (n_all,) [ns]
        All work of the device.

    Returns
    -------
    ndarray of float64 (n_all,) or None
        None where no clock was read, or it never changed while work ran.

    Notes
    -----
    ``(f / median f) ** 2.2``. Readings in gaps, and those far below the usual clock, are left out:
    an idle GPU clocks down, which says nothing of the work before and after.
    """
    if clocks is None:
        return None
    low_ns, high_ns = union(start_ns, end_ns)
    if len(low_ns) == 0:
        return None
    at = np.searchsorted(low_ns, clocks.sample_ns, side="right") - 1
    busy = (at >= 0) & (clocks.sample_ns <= high_ns[np.maximum(at, 0)])
    at_ns, clock_mhz = clocks.sample_ns[busy], clocks.clock_mhz[busy]
    if len(clock_mhz) < MIN_READINGS:
        return None
    awake = clock_mhz > LEAST_CLOCK * float(np.median(clock_mhz))
    at_ns, clock_mhz = at_ns[awake], clock_mhz[awake]
    if len(clock_mhz) < MIN_READINGS:
        return None
    usual_mhz = float(np.median(clock_mhz))
    if np.ptp(clock_mhz) < LEAST_CHANGE * usual_mhz:
        return None
    at_mhz = np.interp(
        (start_ns - at_ns[0]).astype(np.float64), (at_ns - at_ns[0]).astype(np.float64), clock_mhz
    )
    return np.asarray((at_mhz / usual_mhz) ** EXPONENT, dtype=np.float64)
