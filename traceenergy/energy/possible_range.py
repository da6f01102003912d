"""The span of energy that a set of GPU work can have caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.window_share import SharedCells
    from traceenergy.intervals import ShareClock


@dataclass(frozen=True)
class Presence:
    """Which piece of GPU work ran in which cell, one row per pair.

    Attributes
    ----------
    work : ndarray of int64 (n_pairs,)
        Row of the piece of work.
    cell : ndarray of int64 (n_pairs,)
        Cell of its device.
    share_ns : ndarray of float64 (n_pairs,) [ns]
        Its share of the cell's time.
    """

    work: NDArray[np.int64]
    cell: NDArray[np.int64]
    share_ns: NDArray[np.float64]


def find_presence(
    edge_ns: NDArray[np.int64],
    clock: ShareClock,
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
) -> Presence:
    """List the cells that each piece of work runs in.

    Parameters
    ----------
    edge_ns : ndarray of int64 (n_cells + 1,) [ns]
    clock : ShareClock
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the window.

    Returns
    -------
    Presence

    Notes
    -----
    Kernels are far shorter than cells, so there are hardly more pairs than pieces of work.
    """
    top = len(edge_ns) - 2
    first = np.clip(np.searchsorted(edge_ns, start_ns, side="right") - 1, 0, top)
    last = np.clip(np.searchsorted(edge_ns, end_ns, side="left") - 1, first, top)
    count = last - first + 1
    work = np.repeat(np.arange(len(start_ns)), count)
    offset = np.arange(len(work)) - np.repeat(np.cumsum(count) - count, count)
    cell = first[work] + offset
    low_ns = np.maximum(start_ns[work], edge_ns[cell])
    high_ns = np.minimum(end_ns[work], edge_ns[cell + 1])
    share_ns = clock.share_at(high_ns) - clock.share_at(low_ns)
    return Presence(work, cell, share_ns)


def bound_dynamic(
    presence: Presence,
    cells: SharedCells,
    group: NDArray[np.int64],
    n_groups: int,
    most_w: float | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound the dynamic energy of groups of work on one device.

    Parameters
    ----------
    presence, cells
        Of the device.
    group : ndarray of int64 (n_work,)
        Group of each piece of work; negative for none of interest.
    n_groups : int
    most_w : float or None [W]
        Power that no work can exceed.

    Returns
    -------
    low_j, high_j : ndarray of float64 (n_groups,) [J]

    Notes
    -----
    In a cell with dynamic energy D, a group that ran there for the share h may have caused
    nothing or all of D. It cannot have caused more than h times the power limit allows, nor
    less than what all others together cannot have caused::

        high = min(D, most_w * h)        low = max(0, D - most_w * (busy - h))

    Without a limit: all of D where the group ran, none unless it ran alone. These are limits of
    what is possible, not of what is likely.
    """
    member = group[presence.work]
    keep = member >= 0
    n_cells = len(cells.dynamic_j)
    # Work of no interest competes for the energy like any other group.
    key = np.where(keep, member, n_groups) * n_cells + presence.cell
    pairs, index = np.unique(key, return_inverse=True)
    share_ns = np.bincount(index, weights=presence.share_ns, minlength=len(pairs))
    pair_group, pair_cell = pairs // n_cells, pairs % n_cells
    dynamic_j = cells.dynamic_j[pair_cell]
    others_ns = np.maximum(0.0, cells.busy_ns[pair_cell] - share_ns)
    if most_w is None:
        alone = np.bincount(pair_cell, minlength=n_cells)[pair_cell] == 1
        high_j, low_j = dynamic_j, np.where(alone, dynamic_j, 0.0)
    else:
        high_j = np.minimum(dynamic_j, most_w * share_ns * S_PER_NS)
        low_j = np.maximum(0.0, dynamic_j - most_w * others_ns * S_PER_NS)
    low = np.bincount(pair_group, weights=low_j, minlength=n_groups + 1)[:n_groups]
    high = np.bincount(pair_group, weights=high_j, minlength=n_groups + 1)[:n_groups]
    return low.astype(np.float64), high.astype(np.float64)
