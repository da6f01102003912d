"""Segments of a path that are few enough to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import codes_of, number_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

_HOLDER = ["kind", "rank", "device_id", "phase"]


def few_segments(segments: pl.DataFrame, most: int) -> pl.DataFrame:
    """Join segments until they can be drawn.

    Parameters
    ----------
    segments : polars.DataFrame
        `PATH_SEGMENT`, in order, without gaps.
    most : int

    Returns
    -------
    polars.DataFrame
        As `few_stretches` joins them.
    """
    holder, holders = codes_of(segments, _HOLDER)
    edge_ns = np.append(segments["start_ns"].to_numpy(), segments["end_ns"].to_numpy()[-1:])
    edge_ns, holder = few_stretches(edge_ns, holder, most)
    few = holders[holder].with_columns(start_ns=pl.Series(edge_ns[:-1]), end_ns=edge_ns[1:])
    return few.select(segments.columns)


def few_stretches(edge_ns: Int, holder: Int, most: int) -> tuple[Int, Int]:
    """Join stretches of time, each with its holder, until they are few.

    Parameters
    ----------
    edge_ns : ndarray of int64 (n + 1,) [ns]
        Each stretch reaches from one to the next.
    holder : ndarray of int64 (n,)
        From 0.
    most : int

    Returns
    -------
    edge_ns, holder
        Likewise. Neighbors of one holder are one. Where more than `most` are left, the holder of
        most of each of so many equal stretches. The same begin, the same end.
    """
    edge_ns, holder = _join_neighbors(edge_ns, holder)
    if len(holder) <= most:
        return edge_ns, holder
    since_ns = np.linspace(0, edge_ns[-1] - edge_ns[0], most + 1)
    grid_ns = edge_ns[0] + np.unique(since_ns.astype(np.int64))
    return _join_neighbors(grid_ns, _longest_holders(edge_ns, holder, grid_ns))


def _longest_holders(edge_ns: Int, holder: Int, grid_ns: Int) -> Int:
    """Find who holds most of each stretch of a grid; of several the first."""
    n_stretches, n_holders, n_parts = len(grid_ns) - 1, int(holder.max()) + 1, len(holder)
    opens = np.searchsorted(edge_ns[:-1], grid_ns[:-1])
    in_stretch = np.repeat(np.arange(n_stretches), np.diff(opens, append=n_parts))
    # A part that goes on into a stretch counts for the one before no further than up to there.
    goes_on = np.flatnonzero(edge_ns[opens] != grid_ns[:-1])
    part = opens[goes_on] - 1
    on = goes_on * n_holders + holder[part]
    cell = np.concatenate([in_stretch * n_holders + holder, on, on - n_holders])
    there, number = number_codes(cell, n_stretches * n_holders)
    gone_on_ns = edge_ns[part + 1] - grid_ns[goes_on]
    length_ns = np.concatenate([np.diff(edge_ns), gone_on_ns, -gone_on_ns])
    held_ns = np.bincount(number, length_ns, len(there))
    stretch = there // n_holders
    first = np.flatnonzero(np.append(True, stretch[1:] != stretch[:-1]))
    is_most = held_ns == np.maximum.reduceat(held_ns, first)[stretch]
    place = np.where(is_most, 0, n_parts)
    if np.count_nonzero(is_most) > n_stretches:
        number = number[: n_parts + len(on)]
        tied = np.flatnonzero(is_most[number])
        place[is_most] = n_parts
        np.minimum.at(place, number[tied], np.append(np.arange(n_parts), part)[tied])
    chosen = np.flatnonzero(place == np.minimum.reduceat(place, first)[stretch])
    return there[chosen] % n_holders


def _join_neighbors(edge_ns: Int, holder: Int) -> tuple[Int, Int]:
    begins = np.flatnonzero(np.append(True, holder[1:] != holder[:-1])[: len(holder)])
    return np.append(edge_ns[begins], edge_ns[-1:]), holder[begins]
