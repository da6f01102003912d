"""The tree of ranges, made stretch by stretch: where no range is open, one ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.nesting import OrderedRanges, nest_ordered, none_below_zero
from traceenergy.projection.paths import join_paths, number_paths, spell_paths
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.intervals import Int
    from traceenergy.trace.tables import NvtxRanges, RangePaths

    Rows = NDArray[np.int32]

ROWS = 200_000  # of a stretch, or more: what is looked at together fits a processor's cache
_THREADS = 2


@dataclass(frozen=True)
class RangeForest:
    """What encloses each range of a table, by rows of the table.

    Attributes
    ----------
    parent_row : ndarray of int32 (n_ranges,)
        Row of the tightest enclosing range of the same thread; -1 where outermost, or left out.
    depth : ndarray of int32 (n_ranges,)
        Number of ranges from here up to the outermost, 0 there; -1 where left out.
    path_id : ndarray of int32 (n_ranges,)
        Row in `paths`; -1 where left out.
    paths : RangePaths
    """

    parent_row: Rows
    depth: Rows
    path_id: Rows
    paths: RangePaths


def grow_ranges(
    ranges: NvtxRanges, ordered: OrderedRanges, names: pl.Series, rows: int = ROWS
) -> RangeForest:
    """Find parent, depth, path of each range.

    Parameters
    ----------
    ranges : NvtxRanges
    ordered : OrderedRanges
        Rows of that table; others are left out.
    names : polars.Series of String
        Text by id.
    rows : int
        Ranges in a stretch, or more where some are open at its end.

    Returns
    -------
    RangeForest

    Notes
    -----
    Stretches know nothing of each other, so that two threads work at them, each with arrays that
    are small. A run inside one range from begin to end is one stretch.
    """
    parent_row, depth, path_id = (np.full(len(ranges), -1, dtype=np.int32) for _ in range(3))
    texts = ranges.select("name_id", "domain_name_id", "style")

    def grow(begin: int, end: int) -> pl.DataFrame:
        row = ordered.row[begin:end]
        place = _place_of(row)
        mine = texts[place]
        start_ns, end_ns = ordered.start_ns[begin:end], ordered.end_ns[begin:end]
        part = OrderedRanges(ordered.line, np.arange(len(row)), start_ns, end_ns)
        nesting = nest_ordered(part, (mine["style"] == "start_end").to_numpy())
        numbered, own_path = number_paths(mine, nesting, len(names))
        parent = nesting["parent_row"].fill_null(-1).to_numpy()
        parent_row[place] = np.where(parent >= 0, row[parent], -1)
        depth[place] = nesting["depth"].to_numpy()
        path_id[place] = own_path.to_numpy()
        return numbered

    bounds = cut_stretches(ordered, rows)
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(grow, bounds[:-1], bounds[1:]))
    numbered, new_id = join_paths(found, len(names))
    for (begin, end), ids in zip(pairwise(bounds), new_id, strict=True):
        place = _place_of(ordered.row[begin:end])
        path_id[place] = ids.to_numpy()[path_id[place]]
    return RangeForest(parent_row, depth, path_id, spell_paths(numbered, names))


def cut_stretches(ordered: OrderedRanges, rows: int) -> list[int]:
    """Find where ranges in order can be cut: where none is open.

    Parameters
    ----------
    ordered : OrderedRanges
    rows : int
        Least length of a stretch but the last.

    Returns
    -------
    list of int
        Where each begins, and the number of ranges; [0, 0] without any.
    """
    n = len(ordered.row)
    # A range of no length counts as 1 ns long.
    reach_ns = np.maximum.accumulate(np.maximum(ordered.end_ns, ordered.start_ns + 1))
    cuts = np.flatnonzero(ordered.start_ns[1:] > reach_ns[:-1]) + 1
    bounds = [0]
    while (at := np.searchsorted(cuts, bounds[-1] + rows)) < len(cuts):
        bounds.append(int(cuts[at]))
    return [*bounds, n]


def _place_of(row: Int) -> Int | slice:
    """Write rows that follow each other as a slice: nothing is copied then."""
    if len(row) and row[-1] - row[0] + 1 == len(row) and np.all(row[1:] > row[:-1]):
        return slice(int(row[0]), int(row[-1]) + 1)
    return row


def nesting_frame(tree: RangeForest) -> pl.DataFrame:
    """Lay parent and depth out as `NESTING`, null for ranges that were left out."""
    return pl.DataFrame(
        {"parent_row": none_below_zero(tree.parent_row), "depth": none_below_zero(tree.depth)}
    )
