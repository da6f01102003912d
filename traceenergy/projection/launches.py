"""The CPU calls that caused GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.projection.enclosure import max_tree
from traceenergy.projection.nesting import OrderedRanges, order_ranges
from traceenergy.projection.thread_line import distinct, index_of

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.intervals import Int
    from traceenergy.trace.tables import GpuWork, Launches, NvtxRanges

_CELLS_PER_ROW = 4  # what direct indexing may cost; correlation ids are dense in real traces


def match_launches(work: GpuWork, launches: Launches) -> Int:
    """Find the call that launched each piece of GPU work.

    Parameters
    ----------
    work : GpuWork
    launches : Launches

    Returns
    -------
    ndarray of int64 (n_work,)
        Row in `launches`, or -1 where the trace holds no such call.

    Notes
    -----
    The key is (rank, process_id, correlation_id): correlation ids start anew in each process.
    It is unique in `launches` by declaration; if it is not, the first row counts.
    """
    found = np.full(len(work), -1, dtype=np.int64)
    asked = np.flatnonzero(work["correlation_id"].is_not_null().to_numpy())
    group, wanted_group = _groups(launches, work)
    wanted = work["correlation_id"].fill_null(0).to_numpy()
    asked = asked[wanted_group[asked] >= 0]
    if len(launches) and len(asked):
        ids = launches["correlation_id"].to_numpy()
        found[asked] = _look_up(group, ids, wanted_group[asked], wanted[asked])
    return found


def _groups(launches: pl.DataFrame, work: pl.DataFrame) -> tuple[Int, Int]:
    """Give the processes of all ranks a number; -1 for work of a process that launched nothing."""
    ranks = distinct(launches["rank"].to_numpy().astype(np.int64))
    processes = distinct(launches["process_id"].to_numpy())
    pairs = []
    for frame in (launches, work):
        rank = index_of(frame["rank"].to_numpy().astype(np.int64), ranks)
        process = index_of(frame["process_id"].to_numpy(), processes)
        pairs.append(np.where((rank < 0) | (process < 0), -1, rank * len(processes) + process))
    groups = distinct(pairs[0])
    return index_of(pairs[0], groups), index_of(pairs[1], groups)


def _look_up(group: Int, ids: Int, wanted_group: Int, wanted: Int) -> Int:
    """Row of each wanted (group, id), or -1."""
    n_groups = int(group.max()) + 1
    low, high = int(ids.min()), int(ids.max())
    if n_groups * (high - low + 1) > _CELLS_PER_ROW * (len(ids) + len(wanted)):
        return _look_up_sparse(group, ids, wanted_group, wanted)
    width = high - low + 1
    row = np.full(n_groups * width, -1, dtype=np.int64)
    row[(group * width + (ids - low))[::-1]] = np.arange(len(ids))[::-1]
    inside = (wanted >= low) & (wanted <= high)
    cell = wanted_group * width + np.where(inside, wanted - low, 0)
    return np.where(inside, row[cell], -1)


def _look_up_sparse(group: Int, ids: Int, wanted_group: Int, wanted: Int) -> Int:
    known = distinct(ids)
    key = group * len(known) + index_of(ids, known)
    order = np.argsort(key, kind="stable")
    code = index_of(wanted, known)
    wanted_key = np.where(code >= 0, wanted_group * len(known) + code, -1)
    at = np.minimum(np.searchsorted(key[order], wanted_key), len(key) - 1)
    return np.where(key[order[at]] == wanted_key, order[at], -1)


def innermost_ranges(launches: Launches, ranges: NvtxRanges) -> Int:
    """Find the innermost range around each call.

    Parameters
    ----------
    launches : Launches
    ranges : NvtxRanges

    Returns
    -------
    ndarray of int64 (n_launches,)
        Row in `ranges`, or -1 where the call lies in none.

    Notes
    -----
    A range holds a call of its own thread if it begins no later and ends no earlier; a call
    that straddles a border belongs to the range around both. Of the ranges that hold a call
    the innermost is the one begun last, then the one ended first, then the one of the highest
    `range_id`.

    >>>   outer  [------------------)
    ...   inner     [-----)   [--)
    ...   calls     ||   ===         the first: inner; the second: outer

    A range that another thread ended counts for the thread that began it; nsys drops it.
    """
    return innermost_ordered(launches, order_ranges(ranges))


def innermost_ordered(launches: Launches, ordered: OrderedRanges) -> Int:
    """Find the innermost range around each call, as `innermost_ranges` does.

    Parameters
    ----------
    launches : Launches
    ordered : OrderedRanges

    Returns
    -------
    ndarray of int64 (n_launches,)
        Row in the table of ranges, or -1 where the call lies in none.
    """
    found = np.full(len(launches), -1, dtype=np.int64)
    line = ordered.line
    lane = line.lane(launches)
    start_ns, end_ns = launches["start_ns"].to_numpy(), launches["end_ns"].to_numpy()
    inside = np.flatnonzero(line.covers(lane, start_ns, end_ns))
    lane = lane[inside]
    begun = np.searchsorted(ordered.start_ns, line.place(lane, start_ns[inside]), side="right")
    # Sorted by start, then latest end first: the last range that reaches far enough is innermost.
    reach_ns = line.place(lane, end_ns[inside])
    last = max_tree(ordered.end_ns).last_at_least(begun, reach_ns)
    found[inside] = np.where(last >= 0, ordered.row[last], -1)
    return found
