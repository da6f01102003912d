"""The span of energy that a set of GPU work can have caused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.window_share import SharedCells
    from traceenergy.intervals import ShareClock


@dataclass(frozen=True)
class Blocks:
    """Stretches of time within which the sensor cannot tell work apart.

    Attributes
    ----------
    edge_ns : ndarray of int64 (n_blocks + 1,) [ns]
    dynamic_j : ndarray of float64 (n_blocks,) [J]
        Dynamic energy of the GPU work in each block.
    busy_ns : ndarray of float64 (n_blocks,) [ns]
        Time with GPU work.
    """

    edge_ns: NDArray[np.int64]
    dynamic_j: NDArray[np.float64]
    busy_ns: NDArray[np.float64]


def cut_blocks(cells: SharedCells, clock: ShareClock, window_ns: int) -> Blocks:
    """Cut the analysis window into blocks as long as the sensor averages.

    Parameters
    ----------
    cells : SharedCells
    clock : ShareClock
    window_ns : int [ns]
        Averaging window of the sensor.

    Returns
    -------
    Blocks
        The cells themselves where they are no shorter than half a window.
    """
    if np.median(cells.width_ns) * 2 >= window_ns:
        return Blocks(cells.edge_ns, cells.dynamic_j, cells.busy_ns)
    first_ns, last_ns = int(cells.edge_ns[0]), int(cells.edge_ns[-1])
    edge_ns = np.append(np.arange(first_ns, last_ns, window_ns), last_ns)
    cell_busy_ns = clock.busy_at(cells.edge_ns)
    reached_j = np.concatenate(([0.0], np.cumsum(cells.dynamic_j)))
    busy_ns = clock.busy_at(edge_ns)
    # Dynamic energy grows evenly along busy time within a cell; ties of cells without work
    # are harmless, as none has dynamic energy.
    dynamic_j = np.diff(np.interp(busy_ns, cell_busy_ns, reached_j))
    return Blocks(edge_ns, dynamic_j, np.diff(busy_ns))


@dataclass(frozen=True)
class Presence:
    """Which piece of GPU work ran in which block, one row per pair.

    Attributes
    ----------
    work : ndarray of int64 (n_pairs,)
        Row of the piece of work.
    block : ndarray of int64 (n_pairs,)
        Block of its device.
    share_ns : ndarray of float64 (n_pairs,) [ns]
        Its share of the block's time.
    """

    work: NDArray[np.int64]
    block: NDArray[np.int64]
    share_ns: NDArray[np.float64]


def find_presence(
    edge_ns: NDArray[np.int64],
    clock: ShareClock,
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
) -> Presence:
    """List the blocks that each piece of work runs in.

    Parameters
    ----------
    edge_ns : ndarray of int64 (n_blocks + 1,) [ns]
    clock : ShareClock
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the window.

    Returns
    -------
    Presence

    Notes
    -----
    Kernels are far shorter than blocks, so there are hardly more pairs than pieces of work.
    """
    top = len(edge_ns) - 2
    first = np.clip(np.searchsorted(edge_ns, start_ns, side="right") - 1, 0, top)
    last = np.clip(np.searchsorted(edge_ns, end_ns, side="left") - 1, first, top)
    count = last - first + 1
    work = np.repeat(np.arange(len(start_ns)), count)
    offset = np.arange(len(work)) - np.repeat(np.cumsum(count) - count, count)
    block = first[work] + offset
    low_ns = np.maximum(start_ns[work], edge_ns[block])
    high_ns = np.minimum(end_ns[work], edge_ns[block + 1])
    share_ns = clock.share_at(high_ns) - clock.share_at(low_ns)
    return Presence(work, block, share_ns)


def bound_dynamic(
    presence: Presence,
    blocks: Blocks,
    group: NDArray[np.int64],
    n_groups: int,
    most_w: float | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound the dynamic energy of groups of work on one device.

    Parameters
    ----------
    presence, blocks
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
    In a block with dynamic energy D, a group that ran there for the share h may have caused
    nothing or all of D. It cannot have caused more than h times the power limit allows, nor
    less than what all others together cannot have caused::

        high = min(D, most_w * h)        low = max(0, D - most_w * (busy - h))

    Without a limit: all of D where the group ran, none unless it ran alone. These are limits of
    what is possible, not of what is likely.
    """
    member = group[presence.work]
    keep = member >= 0
    n_blocks = len(blocks.dynamic_j)
    # Work of no interest competes for the energy like any other group.
    key = np.where(keep, member, n_groups) * n_blocks + presence.block
    pairs, index = np.unique(key, return_inverse=True)
    share_ns = np.bincount(index, weights=presence.share_ns, minlength=len(pairs))
    pair_group, pair_block = pairs // n_blocks, pairs % n_blocks
    dynamic_j = blocks.dynamic_j[pair_block]
    others_ns = np.maximum(0.0, blocks.busy_ns[pair_block] - share_ns)
    if most_w is None:
        alone = np.bincount(pair_block, minlength=n_blocks)[pair_block] == 1
        high_j, low_j = dynamic_j, np.where(alone, dynamic_j, 0.0)
    else:
        high_j = np.minimum(dynamic_j, most_w * share_ns * S_PER_NS)
        low_j = np.maximum(0.0, dynamic_j - most_w * others_ns * S_PER_NS)
    low = np.bincount(pair_group, weights=low_j, minlength=n_groups + 1)[:n_groups]
    high = np.bincount(pair_group, weights=high_j, minlength=n_groups + 1)[:n_groups]
    return low.astype(np.float64), high.astype(np.float64)
