"""Time in which devices have no work, with the energy that they draw in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.intervals import gaps, union
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class IdlePart:
    """A part of the idle time of all devices.

    Attributes
    ----------
    time_s : float
        Summed over devices.
    energy_j : float or None
        Each device draws the mean power of its idle time; None where not measured.
    n_gaps : int
        Stretches that hold any of it.
    """

    time_s: float
    energy_j: float | None
    n_gaps: int


@dataclass(frozen=True)
class DeviceIdle:
    """Stretches without work of each device.

    Attributes
    ----------
    gaps_ns : tuple of (start_ns, end_ns)
        Of each device, sorted.
    energy_j : tuple of float or None
        Measured in all of them [J]; None where not measured.
    """

    gaps_ns: tuple[tuple[Int, Int], ...]
    energy_j: tuple[float | None, ...]

    def whole(self) -> IdlePart:
        """Take all of it."""
        return self.part([(high - low).astype(np.float64) for low, high in self.gaps_ns])

    def inside(self, intervals_ns: tuple[Int, Int]) -> list[Float]:
        """Measure how much of each stretch lies within intervals.

        Parameters
        ----------
        intervals_ns : tuple of ndarray of int64 (n,) [ns]
            Starts and ends, sorted, not overlapping.

        Returns
        -------
        list of ndarray of float64 (n_gaps,) [ns]
            Of each device.
        """
        return [shared_ns(intervals_ns, low, high) for low, high in self.gaps_ns]

    def holding(self, at_ns: Int) -> list[Bool]:
        """Mark the stretches that hold one of some times.

        Parameters
        ----------
        at_ns : ndarray of int64 (m,) [ns]
            Sorted.

        Returns
        -------
        list of ndarray of bool (n_gaps,)
            Of each device.
        """
        return [_holds(low, high, at_ns) for low, high in self.gaps_ns]

    def part(self, inside_ns: Sequence[Float]) -> IdlePart:
        """Take a part of each stretch.

        Parameters
        ----------
        inside_ns : sequence of ndarray of float64 (n_gaps,) [ns]
            Of each device.

        Returns
        -------
        IdlePart
        """
        sums_ns = [float(inside.sum()) for inside in inside_ns]
        totals_ns = [float((high - low).sum()) for low, high in self.gaps_ns]
        known_j = [
            energy_j * inside / total if total else 0.0
            for energy_j, inside, total in zip(self.energy_j, sums_ns, totals_ns, strict=True)
            if energy_j is not None
        ]
        n_gaps = sum(int((inside > 0).sum()) for inside in inside_ns)
        return IdlePart(sum(sums_ns) * S_PER_NS, sum(known_j) if known_j else None, n_gaps)


def idle_of_devices(ledger: Ledger, window: tuple[int, int], idle_gap_j: pl.Series) -> DeviceIdle:
    """Find the stretches without work.

    Parameters
    ----------
    ledger : Ledger
    window : tuple of int [ns]
    idle_gap_j : polars.Series of Float64 (n_devices,) [J]
        Null where not measured.

    Returns
    -------
    DeviceIdle
    """
    free = tuple(
        gaps(*union(ledger.start_ns[work.row], ledger.end_ns[work.row]), window)
        for work in ledger.devices
    )
    return DeviceIdle(free, tuple(idle_gap_j.to_list()))


def shared_ns(intervals_ns: tuple[Int, Int], start_ns: Int, end_ns: Int) -> Float:
    """Measure how much of each of some intervals lies within others.

    Parameters
    ----------
    intervals_ns : tuple of ndarray of int64 (n,) [ns]
        The others: starts and ends, sorted, not overlapping.
    start_ns, end_ns : ndarray of int64 (m,) [ns]

    Returns
    -------
    ndarray of float64 (m,) [ns]
    """
    low_ns, high_ns = intervals_ns
    if not len(low_ns):
        return np.zeros(len(start_ns))
    origin_ns = low_ns[0]
    edge_ns = (np.column_stack((low_ns, high_ns)).ravel() - origin_ns).astype(np.float64)
    ends = np.cumsum(high_ns - low_ns).astype(np.float64)
    total = np.column_stack((np.append(0.0, ends[:-1]), ends)).ravel()

    def until(at_ns: Int) -> Float:
        return np.asarray(np.interp((at_ns - origin_ns).astype(np.float64), edge_ns, total))

    return until(end_ns) - until(start_ns)


def shared(first: tuple[Int, Int], second: tuple[Int, Int]) -> tuple[Int, Int]:
    """Intersect two sets of intervals.

    Parameters
    ----------
    first, second : tuple of ndarray of int64 [ns]
        Starts and ends of each, sorted, not overlapping.

    Returns
    -------
    start_ns, end_ns : ndarray of int64 (m,) [ns]
    """
    edge_ns = np.unique(np.concatenate((*first, *second)))
    both = np.ones(max(len(edge_ns) - 1, 0), dtype=bool)
    for low_ns, high_ns in (first, second):
        place = np.searchsorted(low_ns, edge_ns[:-1], side="right") - 1
        inside = place >= 0
        inside[inside] = edge_ns[:-1][inside] < high_ns[place[inside]]
        both &= inside
    return edge_ns[:-1][both], edge_ns[1:][both]


def _holds(low_ns: Int, high_ns: Int, at_ns: Int) -> Bool:
    first = np.searchsorted(at_ns, low_ns, side="left")
    return np.searchsorted(at_ns, high_ns, side="right") > first
