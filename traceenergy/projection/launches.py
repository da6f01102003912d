"""The CPU calls that caused GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.projection.enclosure import max_tree
from traceenergy.projection.process_ids import look_up, number_processes

if TYPE_CHECKING:
    from traceenergy.intervals import Int
    from traceenergy.projection.nesting import OrderedRanges
    from traceenergy.trace.tables import GpuWork, Launches


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
    group, wanted_group = number_processes(launches, work)
    wanted = work["correlation_id"].fill_null(0).to_numpy()
    ids = launches["correlation_id"].to_numpy()
    found[asked] = look_up(group, ids, wanted_group[asked], wanted[asked])
    return found


def innermost_ordered(launches: Launches, ordered: OrderedRanges) -> Int:
    """Find the innermost range around each call.

    Parameters
    ----------
    launches : Launches
    ordered : OrderedRanges

    Returns
    -------
    ndarray of int64 (n_launches,)
        Row in the table of ranges, or -1 where the call lies in none.

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
    found = np.full(len(launches), -1, dtype=np.int64)
    if len(ordered.row) == 0:
        return found
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
