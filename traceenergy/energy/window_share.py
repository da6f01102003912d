"""Energy of sensor windows, shared over the GPU work in them by busy time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.coverage import PIECES_AT_ONCE
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.effort import Effort
    from traceenergy.energy.sensor_windows import SensorWindows
    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Boards may draw more than their limit for less than a sampling period; twice the limit
# is beyond any published excursion factor, so energy above it had another cause.
MAX_OVER_LIMIT = 2.0


@dataclass(frozen=True)
class BoardPower:
    """Limits of a board's power.

    Attributes
    ----------
    idle_w
        With no GPU work: the static part [W].
    background_w
        As seen with no GPU work [W]; differs from `idle_w` where the user knows better.
    most_w
        That GPU work cannot exceed [W]; None if the board is not known.
    """

    idle_w: float
    background_w: float
    most_w: float | None


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
    dynamic_per_effort
        Dynamic energy [J] for each unit of effort of the work in the cell.
    """

    edge_ns: Int
    busy_ns: Float
    static_j: Float
    dynamic_j: Float
    idle_j: Float
    unattributed_j: Float
    covered: NDArray[np.bool_]
    gap: NDArray[np.bool_]
    dynamic_per_effort: Float

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
    effort: Effort,
    power: BoardPower,
    span: tuple[int, int],
) -> SharedCells:
    """Split the measured energy into static, dynamic and idle, then cut it to a span.

    Parameters
    ----------
    windows : SensorWindows
        Of one device.
    clock : ShareClock
        Of all GPU work of the device, in the span or not.
    effort : Effort
        By what dynamic energy is shared over that work.
    power : BoardPower
    span : tuple of int [ns]
        Analysis window.

    Returns
    -------
    SharedCells

    Notes
    -----
    Of a piece with energy E and zone length d, ``S = min(E, P0 d)`` is static: it belongs to
    the zone, where the busy part of it goes to GPU work and the rest to idle gaps. Before the
    first work and after the last, power up to the background is idle as well. What is above
    it is dynamic, ``D``: it goes to the GPU work in the piece's window in
    proportion to effort, at most ``(most_w - S/d) b d/w`` for a window of length w with
    busy time b; or to the idle gap if nothing ran in the window. Windows overlap, so dynamic
    power at any time is a sum over windows, taken with prefix sums at their ends.
    """
    extent = _extent(clock, span)
    edge_ns = _edges(windows, extent, span)
    outside_ns = _outside_ns(windows, extent)
    parts = _split(windows, clock, power, outside_ns)
    in_zone = (windows.zone_start_ns, windows.zone_end_ns)
    in_window = (windows.window_start_ns, windows.window_end_ns)
    in_gap = (windows.gap_start_ns, windows.gap_end_ns)
    window_ns = (windows.window_end_ns - windows.window_start_ns).astype(np.float64)
    gap_ns = (windows.gap_end_ns - windows.gap_start_ns).astype(np.float64)
    # All work is gone through once for all times.
    at_ns = np.concatenate((windows.window_start_ns, windows.window_end_ns, edge_ns))
    n_windows = len(windows.window_start_ns)
    before, after, at_edge = np.split(effort.until(at_ns), (n_windows, 2 * n_windows))

    width_ns = np.diff(edge_ns).astype(np.float64)
    busy_ns = np.clip(np.diff(clock.busy_at(edge_ns)), 0.0, width_ns)
    static_per_ns = _sum_at(edge_ns, *in_zone, parts.static_j / parts.zone_ns)
    outside = (edge_ns[:-1] < extent[0]) | (edge_ns[:-1] >= extent[1])
    level_per_ns = _sum_at(edge_ns, *in_zone, _ratio(parts.level_j, outside_ns)) * outside
    idle_per_ns = _sum_at(edge_ns, *in_window, parts.idle_j / window_ns)
    excess_per_ns = _sum_at(edge_ns, *in_window, parts.excess_j / window_ns)
    gap_per_ns = _sum_at(edge_ns, *in_gap, _ratio(windows.gap_j, gap_ns))
    per_effort = _sum_at(edge_ns, *in_window, _ratio(parts.dynamic_j, after - before))
    return SharedCells(
        edge_ns=edge_ns,
        busy_ns=busy_ns,
        static_j=static_per_ns * busy_ns,
        dynamic_j=per_effort * np.maximum(np.diff(at_edge), 0.0),
        idle_j=static_per_ns * (width_ns - busy_ns) + (idle_per_ns + level_per_ns) * width_ns,
        unattributed_j=(excess_per_ns + gap_per_ns) * width_ns,
        covered=_count_at(edge_ns, *in_zone) > 0,
        gap=_count_at(edge_ns, *in_gap) > 0,
        dynamic_per_effort=per_effort,
    )


@dataclass(frozen=True)
class _Parts:
    zone_ns: Float
    static_j: Float
    level_j: Float
    dynamic_j: Float
    excess_j: Float
    idle_j: Float


def _split(
    windows: SensorWindows, clock: ShareClock, power: BoardPower, outside_ns: Float
) -> _Parts:
    zone_ns = (windows.zone_end_ns - windows.zone_start_ns).astype(np.float64)
    window_ns = (windows.window_end_ns - windows.window_start_ns).astype(np.float64)
    busy_ns = clock.busy_at(windows.window_end_ns) - clock.busy_at(windows.window_start_ns)
    static_j = np.minimum(windows.energy_j, power.idle_w * zone_ns * S_PER_NS)
    level_w = max(power.background_w - power.idle_w, 0.0)
    level_j = level_w * outside_ns * S_PER_NS
    background_j = np.minimum(windows.energy_j, static_j + level_j)
    above_j = windows.energy_j - background_j
    dynamic_j = np.where(busy_ns > 0, above_j, 0.0)
    excess_j = np.zeros_like(dynamic_j)
    if power.most_w is not None:
        most_j = (power.most_w * zone_ns * S_PER_NS - background_j) * busy_ns / window_ns
        excess_j = np.maximum(0.0, dynamic_j - np.maximum(0.0, most_j))
        dynamic_j = dynamic_j - excess_j
    level_j = background_j - static_j
    return _Parts(zone_ns, static_j, level_j, dynamic_j, excess_j, above_j - dynamic_j - excess_j)


def _extent(clock: ShareClock, span: tuple[int, int]) -> tuple[int, int]:
    # First start, last end of the device's work; work of no length takes no energy.
    if len(clock.edge_ns) == 0:
        return span[0], span[0]
    return int(clock.edge_ns[0]), int(clock.edge_ns[-1])


def _outside_ns(windows: SensorWindows, extent: tuple[int, int]) -> Float:
    # Time of each zone before the first work of the device, or after its last.
    low_ns = np.maximum(windows.zone_start_ns, extent[0])
    high_ns = np.minimum(windows.zone_end_ns, extent[1])
    inside_ns = np.maximum(high_ns - low_ns, 0)
    outside_ns: Int = windows.zone_end_ns - windows.zone_start_ns - inside_ns
    return outside_ns.astype(np.float64)


def _edges(windows: SensorWindows, work: tuple[int, int], span: tuple[int, int]) -> Int:
    edges = np.concatenate(
        [
            windows.zone_start_ns, windows.zone_end_ns, windows.window_start_ns,
            windows.window_end_ns, windows.gap_start_ns, windows.gap_end_ns, work,
        ]
    )  # fmt: skip
    inside = (edges > span[0]) & (edges < span[1])
    return np.unique(np.concatenate((edges[inside], span)).astype(np.int64))


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


def share_work(
    cells: SharedCells, clock: ShareClock, effort: Effort, work: DeviceWork
) -> WorkEnergy:
    """Give each piece of work its share of the cells that it runs in.

    Parameters
    ----------
    cells, clock, effort
        Of one device.
    work : DeviceWork
        Cut to the span of the cells.

    Returns
    -------
    WorkEnergy

    Notes
    -----
    Within a cell static energy runs evenly along the share clock, dynamic energy along the
    course of effort: a piece within one cell has that rate times its way. For others one
    cumulative function per part, read at both ends, gives it: O((n + q) log n), no loop.
    """
    share_ns, course = clock.share_at(cells.edge_ns), effort.course(cells.edge_ns)
    static = _Along(share_ns, _ratio(cells.static_j, cells.busy_ns))
    presence = _Along(share_ns, cells.covered.astype(np.float64))
    dynamic = _Along(course, cells.dynamic_per_effort)
    static_j, dynamic_j = np.empty((2, len(work.start_ns)))
    for begin in range(0, len(work.start_ns), PIECES_AT_ONCE):
        part = slice(begin, begin + PIECES_AT_ONCE)
        start_ns, end_ns, row = work.start_ns[part], work.end_ns[part], work.all_row[part]
        first, last = _cell_of(cells.edge_ns, start_ns), _cell_of(cells.edge_ns, end_ns)
        share_ns = _share_ns(clock, start_ns, end_ns, work.all_alone[row])
        gained_j = static.rate[first] * share_ns
        drawn_j = dynamic.rate[first] * effort.way(start_ns, end_ns, share_ns)
        known = cells.covered[first]
        # Few pieces run in several cells.
        cut = np.flatnonzero(first != last)
        of_cell, ends_ns = (first[cut], last[cut]), (start_ns[cut], end_ns[cut])
        shares_ns = [clock.share_at(time_ns) for time_ns in ends_ns]
        known[cut] = presence.between(of_cell, shares_ns) > 0
        gained_j[cut] = static.between(of_cell, shares_ns)
        drawn_j[cut] = dynamic.between(of_cell, [effort.course(time_ns) for time_ns in ends_ns])
        static_j[part] = np.where(known, gained_j, np.nan)
        dynamic_j[part] = np.where(known, effort.weight(row) * drawn_j, np.nan)
    return WorkEnergy(static_j, dynamic_j)


def _share_ns(clock: ShareClock, start_ns: Int, end_ns: Int, alone: NDArray[np.bool_]) -> Float:
    share_ns = (end_ns - start_ns).astype(np.float64)
    rest = np.flatnonzero(~alone)
    share_ns[rest] = clock.share_at(end_ns[rest]) - clock.share_at(start_ns[rest])
    return share_ns


class _Along:
    """What grows along a course, in each cell at a rate of its own."""

    def __init__(self, edge: Float, rate: Float) -> None:
        self.edge, self.rate = edge, rate
        self.reached = np.concatenate(([0.0], np.cumsum(rate * np.diff(edge))))

    def between(self, of_cell: tuple[Int, Int], course: Sequence[Float]) -> Float:
        """Say by how much it grows between two places, given by their cells as well."""
        lower, upper = (
            self.reached[cell] + self.rate[cell] * (at - self.edge[cell])
            for cell, at in zip(of_cell, course, strict=True)
        )
        return np.asarray(np.maximum(0.0, upper - lower))


def _cell_of(edge_ns: Int, time_ns: Int) -> Int:
    at = np.searchsorted(edge_ns, time_ns, side="right") - 1
    return np.clip(at, 0, len(edge_ns) - 2)
