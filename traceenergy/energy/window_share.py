"""Joules per piece of GPU work, by its share of each measured cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.integrate import MeasuredPower
    from traceenergy.intervals import ShareClock

# Boards may draw more than their limit for less than a sampling period; twice the limit
# is beyond any published excursion factor, so energy above it had another cause.
MAX_OVER_LIMIT = 2.0


@dataclass(frozen=True)
class SharedCells:
    """How the energy of each cell of one device was split.

    All arrays are ``(n_cells,)``. ``static_j + dynamic_j + idle_j + unattributed_j`` equals
    the measured energy of the cell.

    Attributes
    ----------
    static_j, dynamic_j
        Given to GPU work.
    idle_j
        While no GPU work ran.
    unattributed_j
        Given to no cause: samples missing, or more than the board can draw.
    busy_ns
        Time with GPU work.
    covered
        Whether work in the cell has a known energy.
    """

    static_j: NDArray[np.float64]
    dynamic_j: NDArray[np.float64]
    idle_j: NDArray[np.float64]
    unattributed_j: NDArray[np.float64]
    busy_ns: NDArray[np.float64]
    covered: NDArray[np.bool_]


def share_cells(
    measured: MeasuredPower, clock: ShareClock, idle_power_w: float, most_w: float | None
) -> SharedCells:
    """Split each cell into static, dynamic and idle energy.

    Parameters
    ----------
    measured : MeasuredPower
        Of one device.
    clock : ShareClock
        Of the device's GPU work.
    idle_power_w : float [W]
    most_w : float or None [W]
        Power that GPU work cannot exceed.

    Returns
    -------
    SharedCells

    Notes
    -----
    With measured energy E, width d, busy time b and idle power P0 of a cell: the static part
    is min(E, P0 d), of which b/d goes to GPU work and the rest to idle gaps. What is above it
    is dynamic; it goes to GPU work if there is any, at no more than `most_w`, else to the
    idle gap.
    """
    width_ns = measured.width_ns.astype(np.float64)
    busy_ns = np.clip(np.diff(clock.busy_at(measured.edge_ns)), 0.0, width_ns)
    energy_j = np.where(measured.covered, measured.energy_j, 0.0)
    static_all_j = np.minimum(energy_j, idle_power_w * width_ns * S_PER_NS)
    busy_share = np.divide(busy_ns, width_ns, out=np.zeros_like(busy_ns), where=width_ns > 0)
    static_j = static_all_j * busy_share
    above_j = energy_j - static_all_j
    dynamic_j = np.where(busy_ns > 0, above_j, 0.0)
    excess_j = np.zeros_like(dynamic_j)
    if most_w is not None:
        most_j = np.maximum(0.0, most_w * busy_ns * S_PER_NS - static_j)
        excess_j = np.maximum(0.0, dynamic_j - most_j)
        dynamic_j = dynamic_j - excess_j
    idle_j = energy_j - static_j - dynamic_j - excess_j
    return SharedCells(
        static_j=static_j,
        dynamic_j=dynamic_j,
        idle_j=idle_j,
        unattributed_j=excess_j + np.where(measured.gap, measured.energy_j, 0.0),
        busy_ns=busy_ns,
        covered=measured.covered,
    )


@dataclass(frozen=True)
class WorkEnergy:
    """Energy of each piece of GPU work of one device, ``(n_work,)``; NaN where not covered.

    Attributes
    ----------
    static_j, dynamic_j
        Parts of its energy.
    """

    static_j: NDArray[np.float64]
    dynamic_j: NDArray[np.float64]


def share_work(
    measured: MeasuredPower,
    cells: SharedCells,
    clock: ShareClock,
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
) -> WorkEnergy:
    """Give each piece of work its share of the cells that it runs in.

    Parameters
    ----------
    measured, cells, clock
        Of one device.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the window.

    Returns
    -------
    WorkEnergy

    Notes
    -----
    Within a cell energy runs evenly along the share clock, so one cumulative function per part,
    read at both ends of each piece of work, gives its energy: O((n + q) log n), no loop.
    """
    edge_share_ns = clock.share_at(measured.edge_ns)
    low_ns, high_ns = clock.share_at(start_ns), clock.share_at(end_ns)
    first, last = _cell_of(measured.edge_ns, start_ns), _cell_of(measured.edge_ns, end_ns)

    def between(per_share: NDArray[np.float64]) -> NDArray[np.float64]:
        reached = np.concatenate(([0.0], np.cumsum(per_share * np.diff(edge_share_ns))))
        upper = reached[last] + per_share[last] * (high_ns - edge_share_ns[last])
        lower = reached[first] + per_share[first] * (low_ns - edge_share_ns[first])
        return np.asarray(np.maximum(0.0, upper - lower))

    def per_busy(total_j: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(
            total_j, cells.busy_ns, out=np.zeros_like(total_j), where=cells.busy_ns > 0
        )

    instant = end_ns <= start_ns
    known = np.where(instant, cells.covered[first], between(cells.covered.astype(np.float64)) > 0)
    return WorkEnergy(
        static_j=np.where(known, between(per_busy(cells.static_j)), np.nan),
        dynamic_j=np.where(known, between(per_busy(cells.dynamic_j)), np.nan),
    )


def _cell_of(edge_ns: NDArray[np.int64], time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.searchsorted(edge_ns, time_ns, side="right") - 1
    return np.clip(at, 0, len(edge_ns) - 2)
