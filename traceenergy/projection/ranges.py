"""Projected ranges: the GPU time of work launched inside a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

import numpy as np
import polars as pl

from traceenergy.intervals import busy_of_runs
from traceenergy.projection.thread_line import draw_line
from traceenergy.trace.tables import Column, check_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from traceenergy.intervals import Float, Int
    from traceenergy.projection.project import Projection
    from traceenergy.trace.tables import GpuWork, Launches, NvtxRanges

ProjectedRanges = NewType("ProjectedRanges", pl.DataFrame)

PROJECTED_RANGES = (
    Column("range_row", pl.Int64, "", "row in the ranges; only ranges with GPU work are here"),
    Column("n_work", pl.Int64, "", "pieces of GPU work, those of ranges inside included"),
    Column("n_launches", pl.Int64, "", "launches of that work; `NumGPUOps` of nsys"),
    Column("projected_start_ns", pl.Int64, "ns", "first start of the work"),
    Column("projected_end_ns", pl.Int64, "ns", "last end of the work"),
    Column("busy_ns", pl.Int64, "ns", "union of the work, summed over devices"),
)

_PAIRS_AT_ONCE = 2**21  # pieces of work, each counted in every range around it


@dataclass(frozen=True)
class _Calls:
    """Pieces of GPU work that lie in some range, in order of their calls on the line.

    Attributes
    ----------
    work_row
        Row in the GPU work.
    start_ns, end_ns
        Of the calls, on the line.
    is_first
        First piece of its launch.
    device
        Code of (rank, device).
    by_start
        The same pieces in order of their own start.
    """

    work_row: Int
    start_ns: Int
    end_ns: Int
    is_first: NDArray[np.bool]
    device: Int
    by_start: Int


@dataclass(frozen=True)
class _Sets:
    """Distinct sets of work: pieces low to high - 1 whose calls end by a time.

    Ranges around the same calls share a set, so a stack of wrappers costs no more than one.
    """

    low: Int
    high: Int
    end_ns: Int


def project_ranges(
    work: GpuWork,
    projection: Projection,
    launches: Launches,
    ranges: NvtxRanges,
    weights: Mapping[str, Float] | None = None,
) -> ProjectedRanges:
    """Sum up the GPU work launched inside each range, ranges inside it included.

    Parameters
    ----------
    work : GpuWork
    projection : Projection
        Of the same tables.
    launches : Launches
    ranges : NvtxRanges
    weights : mapping of str to ndarray of float64 (n_work,), optional
        Further columns to sum, such as energy [J], by name.

    Returns
    -------
    ProjectedRanges
        `PROJECTED_RANGES` with one more column per weight, sorted by `range_row`. A range
        without GPU work has no row.

    Notes
    -----
    Each row counts a piece of work once; rows of ranges that enclose or cross one another
    count it each, so rows are not to be added up. For parts of a whole, group the GPU work by
    its innermost range.

    The cost is n log n of pairs (piece of work, distinct range around it).
    """
    weights = dict(weights or {})
    calls, sets, of_set, range_row = _sets_of_work(work, projection, launches, ranges)
    start_ns, end_ns = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    parts = [_empty(weights)]
    for first, last in _batches(sets):
        found, piece, key = _pairs(calls, sets, first, last)
        if len(found):
            row = calls.work_row[piece]
            part = _sums(found, key, start_ns[row], end_ns[row], calls.is_first[piece])
            starts = _run_starts(found)
            for name, weight in weights.items():
                part[name] = np.add.reduceat(np.asarray(weight, dtype=np.float64)[row], starts)
            parts.append(pl.DataFrame(part))
    of_range = pl.DataFrame({"range_row": range_row, "set": of_set})
    rows = of_range.join(pl.concat(parts), on="set").sort("range_row")
    columns = (*PROJECTED_RANGES, *(Column(name, pl.Float64, "", "") for name in weights))
    return ProjectedRanges(check_table(rows, columns, "projected_ranges"))


def _empty(weights: Mapping[str, Float]) -> pl.DataFrame:
    names = ["set", *(column.name for column in PROJECTED_RANGES[1:])]
    return pl.DataFrame(schema=dict.fromkeys(names, pl.Int64) | dict.fromkeys(weights, pl.Float64))


def _sets_of_work(
    work: GpuWork, projection: Projection, launches: Launches, ranges: NvtxRanges
) -> tuple[_Calls, _Sets, Int, Int]:
    """Find the set of each range that holds calls; last two: set by range, rows of these."""
    line, lane = draw_line(ranges)
    rows = projection.work["range_row"]
    work_row = np.flatnonzero(rows.is_not_null().to_numpy())
    launch = projection.work["launch_row"].gather(work_row).to_numpy()
    # The lane of the innermost range is the lane of the call.
    call_lane = lane[rows.gather(work_row).to_numpy()]
    call_start_ns = line.place(call_lane, launches["start_ns"].gather(launch).to_numpy())
    call_end_ns = line.place(call_lane, launches["end_ns"].gather(launch).to_numpy())
    order = np.lexsort((work_row, launch, call_start_ns))
    calls = _in_order(
        work, work_row[order], launch[order], call_start_ns[order], call_end_ns[order]
    )
    start_ns = line.place(lane, ranges["start_ns"].to_numpy())
    row = np.argsort(start_ns, kind="stable")  # searches in order are several times faster
    start_ns, end_ns = start_ns[row], line.place(lane, ranges["end_ns"].to_numpy())[row]
    low = np.searchsorted(calls.start_ns, start_ns)
    high = np.searchsorted(calls.start_ns, end_ns, side="right")
    # A call is inside if it is none of those before the first one begun and one of those that
    # ended by then: so these two numbers tell sets apart.
    n_ended = np.searchsorted(np.sort(calls.end_ns), end_ns, side="right")
    holds = np.flatnonzero(low < high)
    key = low[holds] * (len(order) + 1) + n_ended[holds]
    _, first, of_set = np.unique(key, return_index=True, return_inverse=True)
    some = holds[first]
    return calls, _Sets(low[some], high[some], end_ns[some]), of_set, row[holds]


def _in_order(work: GpuWork, work_row: Int, launch: Int, start_ns: Int, end_ns: Int) -> _Calls:
    some = work[work_row]
    device = some.select(
        (pl.col("rank").cast(pl.Int64) * 2**32 + pl.col("device_id")).rank("dense").cast(pl.Int64)
    ).to_series()
    is_first = np.insert(np.diff(launch) != 0, 0, True)[: len(launch)]
    by_start = np.argsort(some["start_ns"].to_numpy(), kind="stable")
    return _Calls(work_row, start_ns, end_ns, is_first, device.to_numpy(), by_start)


def _batches(sets: _Sets) -> Iterator[tuple[int, int]]:
    """Cut the sets into runs of about as many pairs as fit into memory."""
    total = np.cumsum(sets.high - sets.low)
    first = 0
    while first < len(total):
        done = total[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(total, done + _PAIRS_AT_ONCE, side="right")))
        yield first, last
        first = last


def _pairs(calls: _Calls, sets: _Sets, first: int, last: int) -> tuple[Int, Int, Int]:
    """List set, piece, (set, device) of each pair; sorted by set, device, start of the work."""
    low = sets.low[first:last]
    size = sets.high[first:last] - low
    begin = np.cumsum(size) - size
    found = np.repeat(np.arange(last - first), size)
    piece = np.arange(len(found)) + (low - begin)[found]
    inside = calls.end_ns[piece] <= sets.end_ns[first:last][found]
    found, piece = found[inside], piece[inside]
    n_devices = int(calls.device.max()) + 1
    rank = np.empty(len(calls.by_start), dtype=np.int64)
    rank[calls.by_start] = np.arange(len(rank))
    bits = len(rank).bit_length()
    key = np.sort(((found * n_devices + calls.device[piece]) << bits) | rank[piece])
    group = key >> bits
    return first + group // n_devices, calls.by_start[key & ((1 << bits) - 1)], group


def _run_starts(sorted_key: Int) -> Int:
    """Where a new value begins."""
    return np.flatnonzero(np.insert(np.diff(sorted_key) != 0, 0, True))


def _sums(
    found: Int, key: Int, start_ns: Int, end_ns: Int, is_first: NDArray[np.bool]
) -> dict[str, NDArray[np.generic]]:
    """Sum up the pairs of each set."""
    runs, starts = _run_starts(key), _run_starts(found)
    busy_ns = busy_of_runs(runs, start_ns, end_ns)
    return {
        "set": found[starts],
        "n_work": np.diff(np.append(starts, len(found))),
        "n_launches": np.add.reduceat(is_first.astype(np.int64), starts),
        "projected_start_ns": np.minimum.reduceat(start_ns, starts),
        "projected_end_ns": np.maximum.reduceat(end_ns, starts),
        "busy_ns": np.add.reduceat(busy_ns, np.searchsorted(runs, starts)),
    }
