"""Tree of NVTX ranges per thread: parent, depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.projection.enclosure import first_of_prefix, max_tree
from traceenergy.projection.held import HeldRanges, all_ranges
from traceenergy.records import dataclass
from traceenergy.trace.tables import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.intervals import Int
    from traceenergy.projection.thread_line import ThreadLine
    from traceenergy.trace.tables import NvtxRanges

    Mask = NDArray[np.bool]

_SHALLOW = 100  # ranges inside a range on average: up to here looking at each costs least

NESTING = (
    Column(
        "parent_row",
        pl.Int32,
        "",
        "row of the tightest enclosing range of the same thread",
        "outermost",
    ),
    Column("depth", pl.Int32, "", "number of ranges from here up to the outermost; 0 there"),
)


@dataclass(frozen=True)
class OrderedRanges:
    """Ranges of all threads on one line, outer before inner.

    Attributes
    ----------
    line : ThreadLine
    row : ndarray of int64 (n_ranges,)
        Row in the table of ranges; sorted by (thread, start, latest end first, range_id).
    start_ns, end_ns : ndarray of int64 (n_ranges,) [ns]
        Places on the line.
    """

    line: ThreadLine
    row: Int
    start_ns: Int
    end_ns: Int


def order_ranges(ranges: NvtxRanges, held: HeldRanges | None = None) -> OrderedRanges:
    """Sort ranges by thread so that a range comes after all that enclose it.

    Parameters
    ----------
    ranges : NvtxRanges
    held : HeldRanges, optional
        Those to take; None: all.

    Returns
    -------
    OrderedRanges
    """
    held = all_ranges(ranges) if held is None else held
    start_ns, end_ns = held.placed.start_ns, held.placed.end_ns
    if np.all(start_ns[1:] > start_ns[:-1]):  # as exports of one thread come
        return OrderedRanges(held.placed.line, held.row, start_ns, end_ns)
    place = np.argsort(start_ns, kind="stable")
    same = np.diff(start_ns[place]) == 0
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    some = place[tied]
    range_id = ranges["range_id"].to_numpy()[held.row[some]]
    place[tied] = some[np.lexsort((range_id, -end_ns[some], start_ns[some]))]
    return OrderedRanges(held.placed.line, held.row[place], start_ns[place], end_ns[place])


def nest_ordered(ordered: OrderedRanges, may_cross: Mask) -> pl.DataFrame:
    """Find the parent of each range.

    Parameters
    ----------
    ordered : OrderedRanges
    may_cross : ndarray of bool (n_ranges,)
        By row of the table: style is start/end.

    Returns
    -------
    polars.DataFrame
        `NESTING`, in the order of the table.

    Notes
    -----
    As nsys does it, the parent is the shortest range of the same thread, over all domains and
    both styles, that begins no later and ends no earlier. Of several shortest ones the last
    begun wins, then the highest `range_id`; of identical ranges each is the child of the one
    with the next lower `range_id`. A range of no length counts as 1 ns long, so that it does
    not belong to a range that ends where it stands.

    >>>   a  [------------)          parent of b and c: a
    ...   b    [--------)            parent of d: c, for it is shorter than b
    ...   c       [-------)          (c and d are start/end ranges)
    ...   d        [--)

    Ranges that nest cost a few sorts. Start/end ranges that cross others are looked up one
    against another, n log(m)^2 for m of them.
    """
    start_ns, row = ordered.start_ns, ordered.row
    end_ns = np.maximum(ordered.end_ns, start_ns + 1)
    parent, depth = _nest(start_ns, end_ns)
    odd = np.flatnonzero((parent >= 0) & (end_ns[parent] < end_ns))
    if len(odd):
        # Where no range is open, one stretch ends and the next begins: others stay as they are.
        stretch = np.cumsum(depth == 0)
        some = np.flatnonzero(np.isin(stretch, stretch[odd]))
        crossing = _crossing(start_ns[some], end_ns[some], may_cross[row[some]])
        found = _tightest(start_ns[some], end_ns[some], crossing)
        parent[some] = np.where(found >= 0, some[found], -1)
        depth[some] = _depth(found)
    parent_row = np.empty(len(row), dtype=np.int32)
    parent_row[row] = np.where(parent >= 0, row[parent], -1)
    depth_row = np.empty(len(row), dtype=np.int32)
    depth_row[row] = depth
    return pl.DataFrame({"parent_row": none_below_zero(parent_row), "depth": depth_row})


def none_below_zero(index: NDArray[np.integer]) -> pl.Series:
    """Turn an array with -1 for "none" into a column with nulls."""
    column = pl.DataFrame({"index": index}).select(pl.when(pl.col("index") >= 0).then("index"))
    return column.to_series()


def _nest(start_ns: Int, end_ns: Int) -> tuple[Int, Int]:
    """Parent, depth of sorted ranges that nest; wrong, but harmless, for those that do not.

    Depth is the number begun minus the number ended. The parent is then the last range
    before that is one level up.
    """
    n = len(start_ns)
    index = np.arange(n, dtype=np.int64)
    depth = index - np.searchsorted(np.sort(end_ns), start_ns, side="right")
    narrow = depth.astype(np.int16) if n and depth.max() < np.iinfo(np.int16).max else depth
    order = np.argsort(narrow, kind="stable")
    key = depth[order] * n + order
    above = np.searchsorted(key, key - n) - 1
    parent = np.empty(n, dtype=np.int64)
    parent[order] = np.where(depth[order] > 0, order[above], -1)
    return parent, depth


def _is_nested(parent: Int, end_ns: Int) -> bool:
    return bool(np.all((parent < 0) | (end_ns[parent] >= end_ns)))


def _crossing(start_ns: Int, end_ns: Int, may_cross: Mask) -> Mask:
    """Which ranges to leave out so that the rest nest.

    Start/end ranges that cross any other. Push/pop ranges only if they cross one another,
    which the stacks of two domains can do.
    """
    crossing = np.zeros(len(start_ns), dtype=bool)
    stacked = np.flatnonzero(~may_cross)
    if not _is_nested(_nest(start_ns[stacked], end_ns[stacked])[0], end_ns[stacked]):
        asked = np.arange(len(stacked))
        crossing[stacked] = _crosses(start_ns[stacked], end_ns[stacked], asked)
    asked = np.flatnonzero(may_cross)
    crossing[asked] = _crosses(start_ns, end_ns, asked)
    return crossing


def _crosses(start_ns: Int, end_ns: Int, asked: Int) -> Mask:
    """Which of the asked ranges begin or end strictly inside another that does not hold them."""
    mirrored = np.argsort(-end_ns, kind="stable")
    place = np.empty(len(mirrored), dtype=np.int64)
    place[mirrored] = np.arange(len(mirrored))
    return _crosses_a_later(start_ns, end_ns, asked) | _crosses_a_later(
        -end_ns[mirrored], -start_ns[mirrored], place[asked]
    )


def _crosses_a_later(start_ns: Int, end_ns: Int, asked: Int) -> Mask:
    """Which of the asked ranges hold the start, but not the end, of another."""
    begun = np.searchsorted(start_ns, end_ns[asked])
    # Ranges that begin within each: the next ones, but for those of the same start before them.
    if (begun - asked).sum() <= _SHALLOW * len(start_ns):
        crosses = np.zeros(len(asked), dtype=bool)
        some = np.flatnonzero(begun > asked + 1)
        some = some[np.argsort(asked[some], kind="stable")]  # what lies between windows costs too
        windows = np.column_stack((asked[some] + 1, begun[some])).ravel()
        last_ns = np.maximum.reduceat(np.append(end_ns, 0), windows)[::2] if len(some) else some
        crosses[some] = last_ns > end_ns[asked[some]]
        return crosses
    last = max_tree(end_ns).last_at_least(begun, end_ns[asked] + 1)
    return (last >= 0) & (start_ns[last] > start_ns[asked])


def _tightest(start_ns: Int, end_ns: Int, crossing: Mask) -> Int:
    """Shortest range that encloses each; `crossing` ones left out, the ranges nest."""
    parent = np.empty(len(start_ns), dtype=np.int64)
    tree, loose = np.flatnonzero(~crossing), np.flatnonzero(crossing)
    inner = _nest(start_ns[tree], end_ns[tree])[0]
    parent[tree] = np.where(inner >= 0, tree[inner], -1)
    n_before = np.searchsorted(tree, loose)
    outer = max_tree(end_ns[tree]).last_at_least(n_before, end_ns[loose])
    parent[loose] = np.where(outer >= 0, tree[outer], -1) if len(tree) else -1
    rival = _tightest_loose(start_ns, end_ns, loose)
    length_ns = end_ns - start_ns
    closer = (length_ns[rival] < length_ns[parent]) | (
        (length_ns[rival] == length_ns[parent]) & (rival > parent)
    )
    return np.where((rival >= 0) & ((parent < 0) | closer), rival, parent)


def _tightest_loose(start_ns: Int, end_ns: Int, loose: Int) -> Int:
    """Shortest of the crossing ranges that encloses each range, or -1."""
    found = np.full(len(start_ns), -1, dtype=np.int64)
    reach_ns = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(end_ns[loose])))
    n_before = np.searchsorted(loose, np.arange(len(start_ns)))
    asked = np.flatnonzero(reach_ns[n_before] >= end_ns)
    length_ns = end_ns[loose] - start_ns[loose]
    priority = np.empty(len(loose), dtype=np.int64)
    priority[np.lexsort((-loose, length_ns))] = np.arange(len(loose))
    best = first_of_prefix(end_ns[loose], priority, n_before[asked], end_ns[asked])
    found[asked] = np.where(best >= 0, loose[best], -1)
    return found


def _depth(parent: Int) -> Int:
    """Count steps to the root; each pass doubles the steps already counted."""
    depth = (parent >= 0).astype(np.int64)
    ancestor = parent
    while (ancestor >= 0).any():
        up = np.maximum(ancestor, 0)
        depth += np.where(ancestor >= 0, depth[up], 0)
        ancestor = np.where(ancestor >= 0, ancestor[up], -1)
    return depth
