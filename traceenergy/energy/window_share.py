"""Energy of sensor windows, shared over the GPU work in them by busy time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.sensor_windows import SensorWindows
    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Boards may draw more than their limit for less than a sampling period; twice the limit
# is beyond any published excursion factor, so energy above it had another cause.
MAX_OVER_LIMIT = 2.0


@dataclass(frozen=True)
class SharedCells:
    """How the energy of one device was split, cell by cell.

    Cell k is ``[edge_ns[k], edge_ns[k + 1])``; cells fill the analysis window, and nothing
    changes within one but whether GPU work runs. The other arrays are ``(n_cells,)``; their
    energies sum to the measured energy.

    Attributes
    ----------
    edge_ns : ndarray of int64 (n_cells + 1,) [ns]
    busy_ns
        Time with GPU work.
    static_j, dynamic_j
        Given to GPU work.
    idle_j
        While no GPU work ran.
    unattributed_j
        Given to no cause: samples missing, or more than the board can draw.
    covered
        Whether a sample stands for the cell, so that work in it has a known energy.
    gap
        Whether the cell lies between two samples that are too far apart.
    """

    edge_ns: Int
    busy_ns: Float
    static_j: Float
    dynamic_j: Float
    idle_j: Float
    unattributed_j: Float
    covered: NDArray[np.bool_]
    gap: NDArray[np.bool_]

    @property
    def width_ns(self) -> Int:
        """Length of each cell [ns]."""
        return np.diff(self.edge_ns)

    @property
    def covered_ns(self) -> int:
        """Time that samples cover [ns]."""
        return int(self.width_ns[self.covered].sum())

    @property
    def energy_j(self) -> Float:
        """Measured energy of each cell [J]."""
        return self.static_j + self.dynamic_j + self.idle_j + self.unattributed_j


def share_windows(
    windows: SensorWindows,
    clock: ShareClock,
    idle_power_w: float,
    most_w: float | None,
    span: tuple[int, int],
) -> SharedCells:
    """Split the measured energy into static, dynamic and idle, then cut it to a span.

    Parameters
    ----------
    windows : SensorWindows
        Of one device.
    clock : ShareClock
        Of all GPU work of the device, in the span or not.
    idle_power_w : float [W]
    most_w : float or None [W]
        Power that GPU work cannot exceed.
    span : tuple of int [ns]
        Analysis window.

    Returns
    -------
    SharedCells

    Notes
    -----
    Of a piece with energy E and zone length d, ``S = min(E, P0 d)`` is static: it belongs to
    the zone, where the busy part of it goes to GPU work and the rest to idle gaps. What is
    above, ``D = E - S``, is dynamic: it goes to the GPU work in the piece's window in
    proportion to busy time b, at most ``(most_w - S/d) b d/w`` for a window of length w; or
    to the idle gap if nothing ran in the window. Windows overlap, so dynamic power at any
    time is a sum over windows, taken with prefix sums at their ends.
    """
    zone_ns = (windows.zone_end_ns - windows.zone_start_ns).astype(np.float64)
    window_ns = (windows.window_end_ns - windows.window_start_ns).astype(np.float64)
    busy_ns = clock.busy_at(windows.window_end_ns) - clock.busy_at(windows.window_start_ns)
    static_j = np.minimum(windows.energy_j, idle_power_w * zone_ns * S_PER_NS)
    above_j = windows.energy_j - static_j
    dynamic_j = np.where(busy_ns > 0, above_j, 0.0)
    excess_j = np.zeros_like(dynamic_j)
    if most_w is not None:
        most_j = (most_w * zone_ns * S_PER_NS - static_j) * busy_ns / window_ns
        excess_j = np.maximum(0.0, dynamic_j - np.maximum(0.0, most_j))
        dynamic_j = dynamic_j - excess_j
    idle_extra_j = above_j - dynamic_j - excess_j

    edges = np.concatenate(
        [
            windows.zone_start_ns, windows.zone_end_ns, windows.window_start_ns,
            windows.window_end_ns, windows.gap_start_ns, windows.gap_end_ns,
        ]
    )  # fmt: skip
    inside = (edges > span[0]) & (edges < span[1])
    edge_ns = np.unique(np.concatenate((edges[inside], span)).astype(np.int64))
    in_zone = (windows.zone_start_ns, windows.zone_end_ns)
    in_window = (windows.window_start_ns, windows.window_end_ns)
    in_gap = (windows.gap_start_ns, windows.gap_end_ns)
    gap_ns = windows.gap_end_ns - windows.gap_start_ns

    width_ns = np.diff(edge_ns).astype(np.float64)
    cell_busy_ns = np.clip(np.diff(clock.busy_at(edge_ns)), 0.0, width_ns)
    static_per_ns = _sum_at(edge_ns, *in_zone, static_j / zone_ns)
    dynamic_per_ns = _sum_at(edge_ns, *in_window, _ratio(dynamic_j, busy_ns))
    idle_per_ns = _sum_at(edge_ns, *in_window, idle_extra_j / window_ns)
    excess_per_ns = _sum_at(edge_ns, *in_window, excess_j / window_ns)
    gap_per_ns = _sum_at(edge_ns, *in_gap, _ratio(windows.gap_j, gap_ns.astype(np.float64)))
    return SharedCells(
        edge_ns=edge_ns,
        busy_ns=cell_busy_ns,
        static_j=static_per_ns * cell_busy_ns,
        dynamic_j=dynamic_per_ns * cell_busy_ns,
        idle_j=static_per_ns * (width_ns - cell_busy_ns) + idle_per_ns * width_ns,
        unattributed_j=(excess_per_ns + gap_per_ns) * width_ns,
        covered=_count_at(edge_ns, *in_zone) > 0,
        gap=_count_at(edge_ns, *in_gap) > 0,
    )


def _ratio(over: Float, under: Float) -> Float:
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)


def _count_at(edge_ns: Int, start_ns: Int, end_ns: Int) -> Int:
    begun = np.searchsorted(np.sort(start_ns), edge_ns[:-1], side="right")
    ended = np.searchsorted(np.sort(end_ns), edge_ns[:-1], side="right")
    return np.asarray(begun - ended)


def _sum_at(edge_ns: Int, start_ns: Int, end_ns: Int, value: Float) -> Float:
    # Sum of the values of all intervals that hold each cell. Starts and ends each come in
    # order, as samples do, so two running sums are enough.
    begun = np.searchsorted(start_ns, edge_ns[:-1], side="right")
    ended = np.searchsorted(end_ns, edge_ns[:-1], side="right")
    running = np.concatenate(([0.0], np.cumsum(value)))
    held = running[begun] - running[ended]
    return np.where(begun > ended, np.maximum(held, 0.0), 0.0)


@dataclass(frozen=True)
class WorkEnergy:
    """Energy of each piece of GPU work of one device, ``(n_work,)``; NaN where not covered.

    Attributes
    ----------
    static_j, dynamic_j
        Parts of its energy.
    """

    static_j: Float
    dynamic_j: Float


def share_work(cells: SharedCells, clock: ShareClock, start_ns: Int, end_ns: Int) -> WorkEnergy:
    """Give each piece of work its share of the cells that it runs in.

    Parameters
    ----------
    cells, clock
        Of one device.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the span of the cells.

    Returns
    -------
    WorkEnergy

    Notes
    -----
    Within a cell energy runs evenly along the share clock, so one cumulative function per part,
    read at both ends of each piece of work, gives its energy: O((n + q) log n), no loop.
    """
    edge_share_ns = clock.share_at(cells.edge_ns)
    low_ns, high_ns = clock.share_at(start_ns), clock.share_at(end_ns)
    first, last = _cell_of(cells.edge_ns, start_ns), _cell_of(cells.edge_ns, end_ns)

    def between(per_share: Float) -> Float:
        reached = np.concatenate(([0.0], np.cumsum(per_share * np.diff(edge_share_ns))))
        upper = reached[last] + per_share[last] * (high_ns - edge_share_ns[last])
        lower = reached[first] + per_share[first] * (low_ns - edge_share_ns[first])
        return np.asarray(np.maximum(0.0, upper - lower))

    instant = end_ns <= start_ns
    known = np.where(instant, cells.covered[first], between(cells.covered.astype(np.float64)) > 0)
    return WorkEnergy(
        static_j=np.where(known, between(_ratio(cells.static_j, cells.busy_ns)), np.nan),
        dynamic_j=np.where(known, between(_ratio(cells.dynamic_j, cells.busy_ns)), np.nan),
    )


def _cell_of(edge_ns: Int, time_ns: Int) -> Int:
    at = np.searchsorted(edge_ns, time_ns, side="right") - 1
    return np.clip(at, 0, len(edge_ns) - 2)
