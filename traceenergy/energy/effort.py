"""By what the dynamic energy of a sensor window is shared over the work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from traceenergy.energy.coverage import ClassTimes, effort_until, one_class
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


class Effort(Protocol):
    """What each piece of work counts for.

    Each piece advances along a common course while it runs; its effort over a stretch is its
    weight times the way it goes.
    """

    def until(self, time_ns: Int) -> Float:
        """Sum the effort of all work up to given times."""

    def course(self, time_ns: Int) -> Float:
        """Give the common course at given times."""

    def way(self, start_ns: Int, end_ns: Int, share_ns: Float) -> Float:
        """Say how far pieces of work go along it, of which the share times are known."""

    def weight(self, row: Int) -> Float:
        """Give the weight of pieces of work, by their row among all work of the device."""


@dataclass(frozen=True)
class TimeEffort:
    """Busy time, concurrent work sharing equally."""

    clock: ShareClock

    def until(self, time_ns: Int) -> Float:
        """Sum busy time [ns]."""
        return self.clock.busy_at(time_ns)

    def course(self, time_ns: Int) -> Float:
        """Give the share clock [ns]."""
        return self.clock.share_at(time_ns)

    def way(self, start_ns: Int, end_ns: Int, share_ns: Float) -> Float:  # noqa: ARG002 - Effort
        """Give the share times [ns]."""
        return share_ns

    def weight(self, row: Int) -> Float:
        """Count all work alike."""
        return np.ones(len(row))


@dataclass(frozen=True)
class PowerEffort:
    """Expected dynamic energy: power of the piece's class times its time.

    Attributes
    ----------
    times : ClassTimes
        All work of the device as one class, weighted by power.
    power_w : ndarray of float64 (n_all,) [W]
        Expected dynamic power of each piece, concurrency included.
    """

    times: ClassTimes
    power_w: Float

    def until(self, time_ns: Int) -> Float:
        """Sum expected dynamic energy [J]."""
        return effort_until(self.times, time_ns)

    def course(self, time_ns: Int) -> Float:
        """Give time itself [s]."""
        return (time_ns - self.times.origin_ns).astype(np.float64) * S_PER_NS

    def way(self, start_ns: Int, end_ns: Int, share_ns: Float) -> Float:  # noqa: ARG002 - Effort
        """Give the lengths [s]."""
        return (end_ns - start_ns).astype(np.float64) * S_PER_NS

    def weight(self, row: Int) -> Float:
        """Give expected power [W]."""
        return self.power_w[row]


def effort_by_power(start_ns: Int, end_ns: Int, power_w: Float) -> PowerEffort:
    """Build the effort of work with known expected powers.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_all,) [ns]
        All work of one device.
    power_w : ndarray of float64 (n_all,) [W]
        Above zero.

    Returns
    -------
    PowerEffort
    """
    return PowerEffort(one_class(start_ns, end_ns, power_w), power_w)
