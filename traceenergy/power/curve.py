"""Power that is constant between given times."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.power.cells import cells_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.power.cells import Cells

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class PowerCurve:
    """Power over time, piecewise constant.

    Attributes
    ----------
    edge_ns : ndarray of int64 (n + 1,) [ns]
        Increasing; power is ``power_w[k]`` over ``[edge_ns[k], edge_ns[k + 1])``.
    power_w : ndarray of float64 (n,) [W]
        NaN where it is not known.
    """

    edge_ns: Int
    power_w: Float

    @property
    def begin_ns(self) -> int:
        """Begin of the curve [ns]."""
        return int(self.edge_ns[0])

    @property
    def end_ns(self) -> int:
        """End of the curve [ns]."""
        return int(self.edge_ns[-1])

    @cached_property
    def at_ns(self) -> Float:
        """Edges since the begin [ns]; float64 holds them exactly for 104 days."""
        return np.asarray(self.edge_ns - self.edge_ns[0], dtype=np.float64)

    @cached_property
    def energy_j(self) -> Float:
        """Known energy from the begin to each edge [J], ``(n + 1,)``."""
        known_w = np.nan_to_num(self.power_w) if self.has_gaps else self.power_w
        return _until(known_w * S_PER_NS, self.at_ns)

    @cached_property
    def unknown_ns(self) -> Float:
        """Time without known power from the begin to each edge [ns], ``(n + 1,)``."""
        return _until(np.isnan(self.power_w).astype(np.float64), self.at_ns)

    @cached_property
    def has_gaps(self) -> bool:
        """Whether power is not known somewhere."""
        return bool(np.isnan(self.power_w).any())

    @property
    def total_j(self) -> float:
        """Known energy under the curve [J]."""
        return float(self.energy_j[-1])

    @property
    def known_s(self) -> float:
        """Time with known power [s]."""
        unknown_ns = float(self.unknown_ns[-1]) if self.has_gaps else 0.0
        return (self.end_ns - self.begin_ns - unknown_ns) * S_PER_NS

    @cached_property
    def cells(self) -> Cells:
        """Range of its energy in even cells of time."""
        return cells_of(self.at_ns, self.energy_j)

    @cached_property
    def turn(self) -> NDArray[np.int8]:
        """Whether power rises (1) or falls (-1) at each edge, ``(n + 1,)``.

        It rises at the begin and falls at the end.
        """
        turn = np.empty(len(self.power_w) + 1, dtype=np.int8)
        turn[0], turn[-1] = 1, -1
        before_w, after_w = self.power_w[:-1], self.power_w[1:]
        np.subtract(after_w > before_w, after_w < before_w, out=turn[1:-1], dtype=np.int8)
        return turn

    def between(self, start_ns: Float, end_ns: Float) -> Float:
        """Say how much energy lies in windows.

        Parameters
        ----------
        start_ns, end_ns : ndarray of float64 (m,) [ns]
            Since the begin of the curve, within it; start before end. Fastest in order.

        Returns
        -------
        ndarray of float64 (m,) [J]
            NaN where power is not known throughout.
        """
        energy_j = self._at(end_ns, self.energy_j) - self._at(start_ns, self.energy_j)
        if not self.has_gaps:
            return energy_j
        gone_ns = self._at(end_ns, self.unknown_ns) - self._at(start_ns, self.unknown_ns)
        # Half a nanosecond is less than any gap, and more than rounding.
        return np.where(gone_ns < 0.5, energy_j, np.nan)  # noqa: PLR2004 - see above

    def until(self, at_ns: Float) -> Float:
        """Give the known energy from the begin of the curve to times since then [J]."""
        return self._at(at_ns, self.energy_j)

    def _at(self, at_ns: Float, summed: Float) -> Float:
        return np.asarray(np.interp(at_ns, self.at_ns, summed))


@dataclass(frozen=True)
class Places:
    """Times that lie at one distance from others at which the energy of a curve is known.

    Attributes
    ----------
    curve : PowerCurve
    near_ns : ndarray of float64 (n,) [ns]
        Since the begin of the curve, in order: its edges, mostly.
    near_j : ndarray of float64 (n,) [J]
        Energy until then.
    shift_ns : float [ns]
        From those to the times that are meant.
    """

    curve: PowerCurve
    near_ns: Float
    near_j: Float
    shift_ns: float = 0.0

    @property
    def at_ns(self) -> Float:
        """The times, ``(n,)`` [ns]."""
        return self.near_ns + self.shift_ns

    def until_j(self, later_ns: float) -> Float:
        """Give the known energy until some time after each [J]."""
        off_ns = self.shift_ns + later_ns
        return self.near_j if off_ns == 0 else self.curve.until(self.near_ns + off_ns)

    def between_j(self, from_ns: float, until_ns: float) -> Float:
        """Give the energy between two times after each [J]; NaN where power is not known."""
        if self.curve.has_gaps:
            return self.curve.between(self.at_ns + from_ns, self.at_ns + until_ns)
        return self.until_j(until_ns) - self.until_j(from_ns)


def _until(rate: Float, at_ns: Float) -> Float:
    return np.concatenate(([0.0], np.cumsum(rate * np.diff(at_ns))))


def merge_times(*times_ns: Int) -> Int:
    """Merge times to one row without equal ones.

    Parameters
    ----------
    times_ns : ndarray of int64 [ns]
        Each in order, or nearly: then it is fast, other than `numpy.union1d`.

    Returns
    -------
    ndarray of int64 [ns]
        Increasing.
    """
    all_ns = np.sort(np.concatenate(times_ns), kind="stable")
    return all_ns[np.append(np.diff(all_ns) > 0, True)] if len(all_ns) else all_ns


def stack_power(
    start_ns: Int, end_ns: Int, power_w: Float, idle_w: float, more_ns: Int
) -> tuple[Int, Float]:
    """Add up the power of pieces of work that run.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        Pieces of work; those of no length count for nothing.
    power_w : ndarray of float64 (n,) [W]
        NaN where it is not known.
    idle_w : float [W]
        Where nothing runs.
    more_ns : ndarray of int64 [ns]
        Further times at which a stretch begins.

    Returns
    -------
    at_ns : ndarray of int64 (m,) [ns]
        Each time at which power changes, sorted.
    power_w : ndarray of float64 (m,) [W]
        From there on; NaN where a piece runs whose power is not known.
    """
    lasts = end_ns > start_ns
    if not lasts.all():
        start_ns, end_ns, power_w = start_ns[lasts], end_ns[lasts], power_w[lasts]
    times_ns = np.concatenate((more_ns, start_ns, end_ns))
    # Times are runs in order, or nearly, which this sort merges.
    order = np.argsort(times_ns, kind="stable")
    times_ns = times_ns[order]
    last = np.append(times_ns[1:] > times_ns[:-1], True)

    def running(weight: NDArray[Any], sums: type) -> NDArray[Any]:
        steps = np.concatenate((np.zeros(len(more_ns), weight.dtype), weight, -weight))
        return np.asarray(np.cumsum(steps[order], dtype=sums)[last])

    # Counts are exact; what the sum of powers keeps of rounding is not taken for power.
    unknown = np.isnan(power_w)
    some_unknown = bool(unknown.any())
    total_w = running(np.where(unknown, 0.0, power_w) if some_unknown else power_w, np.float64)
    np.maximum(total_w, 0.0, out=total_w)
    total_w[running(np.ones(len(power_w), dtype=np.int8), np.int32) == 0] = idle_w
    if some_unknown:
        total_w[running(unknown.astype(np.int8), np.int32) > 0] = np.nan
    return times_ns[last], total_w
