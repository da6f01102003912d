"""Pieces of work cut at the times from which another reading counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.clock_series import Zones

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class Cover:
    """Parts of pieces that readings cover, ``(n_parts,)`` each.

    Attributes
    ----------
    piece, zone : ndarray of int64
        Number of the piece, of the reading.
    time_ns : ndarray of float64 [ns]
    """

    piece: Int
    zone: Int
    time_ns: Float


def cover(zones: Zones, start_ns: Int, end_ns: Int) -> Cover:
    """Cut pieces of work at the edges of readings.

    Parameters
    ----------
    zones : Zones
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        Fastest in order.

    Returns
    -------
    Cover
    """
    edge_ns = zones.edge_ns
    # Even stretches between edges are readings, odd ones the time between them.
    first = stretch_of(edge_ns, start_ns)
    stays = end_ns <= np.append(edge_ns, np.iinfo(np.int64).max)[first + 1]
    whole = np.flatnonzero(stays & (first % 2 == 0) & (end_ns > start_ns))
    across = np.flatnonzero(~stays)
    last = np.searchsorted(edge_ns, end_ns[across], side="left") - 1
    n_cells = last - first[across] + 1
    piece = np.repeat(across, n_cells)
    begin = np.cumsum(n_cells) - n_cells
    cell = np.arange(len(piece)) - np.repeat(begin - first[across], n_cells)
    inside = (cell >= 0) & (cell % 2 == 0)
    piece, zone = piece[inside], cell[inside] // 2
    low_ns = np.maximum(start_ns[piece], zones.low_ns[zone])
    cut_ns = np.minimum(end_ns[piece], zones.high_ns[zone]) - low_ns
    return Cover(
        np.concatenate((whole, piece)),
        np.concatenate((first[whole] // 2, zone)),
        np.concatenate((end_ns[whole] - start_ns[whole], cut_ns)).astype(np.float64),
    )


def stretch_of(edge_ns: Int, time_ns: Int) -> Int:
    """Find the stretch between edges that each time lies in.

    Parameters
    ----------
    edge_ns : ndarray of int64 (n,) [ns]
        Increasing.
    time_ns : ndarray of int64 (m,) [ns]
        Fastest in order.

    Returns
    -------
    ndarray of int64 (m,)
        Number of the last edge that is not after it; -1 before all.
    """
    if (time_ns[1:] < time_ns[:-1]).any():
        return np.searchsorted(edge_ns, time_ns, side="right") - 1
    # Edges are few: each is looked for among the times.
    cuts = np.concatenate(([0], np.searchsorted(time_ns, edge_ns), [len(time_ns)]))
    return np.repeat(np.arange(-1, len(edge_ns)), np.diff(cuts))
