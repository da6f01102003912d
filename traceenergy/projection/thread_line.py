"""One line of time on which no two threads meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.errors import BadTableError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.intervals import Int

_LINE_LIMIT = 2**62  # keeps sums of two places inside int64
_FEW = 8  # values: looking for each of them costs less than a search


@dataclass(frozen=True)
class ThreadLine:
    """Stretches of one integer axis, one after the other, one per thread.

    What happens on different threads never touches here, so that one sort or one search
    serves all threads.

    >>>   thread 1   |---a---|
    ...   thread 2   |--b--|
    ...   line       |---a---| |--b--|

    Attributes
    ----------
    ranks, threads : ndarray of int64
        Distinct values, sorted.
    lanes : ndarray of int64 (n_lanes,)
        Distinct (rank, thread) pairs as rank index times number of threads plus thread index.
    low_ns, high_ns : ndarray of int64 (n_lanes,) [ns]
        First start and last end on each thread.
    shift_ns : ndarray of int64 (n_lanes,) [ns]
        Place on the line minus trace time.
    """

    ranks: Int
    threads: Int
    lanes: Int
    low_ns: Int
    high_ns: Int
    shift_ns: Int

    def lane(self, frame: pl.DataFrame) -> Int:
        """Find the lane of each row by `rank` and `thread_id`; -1 for threads without ranges."""
        rank = index_of(frame["rank"].to_numpy().astype(np.int64), self.ranks)
        thread = index_of(frame["thread_id"].to_numpy(), self.threads)
        known = (rank >= 0) & (thread >= 0)
        return np.where(known, index_of(rank * len(self.threads) + thread, self.lanes), -1)

    def covers(
        self, lane: Int, start_ns: Int, end_ns: Int
    ) -> np.ndarray[tuple[int], np.dtype[np.bool]]:
        """Tell which intervals lie on a known lane between its first start and last end."""
        if len(self.lanes) == 0:
            return np.zeros(len(lane), dtype=bool)
        return (lane >= 0) & (start_ns >= self.low_ns[lane]) & (end_ns <= self.high_ns[lane])

    def place(self, lane: Int, time_ns: Int) -> Int:
        """Move times [ns] of covered intervals onto the line."""
        return time_ns + self.shift_ns[lane]


@dataclass(frozen=True)
class PlacedRanges:
    """Ranges on the line of their threads.

    Attributes
    ----------
    line : ThreadLine
    start_ns, end_ns : ndarray of int64 (n_ranges,) [ns]
        Places on the line; none ends before it starts.
    """

    line: ThreadLine
    start_ns: Int
    end_ns: Int


def place_ranges(ranges: pl.DataFrame) -> PlacedRanges:
    """Place a table of ranges on the line of its threads.

    Parameters
    ----------
    ranges : NvtxRanges

    Returns
    -------
    PlacedRanges
        In the order of the table.

    Raises
    ------
    BadTableError
        As `draw_line` does.
    """
    line, lane = draw_line(ranges)
    start_ns = line.place(lane, ranges["start_ns"].to_numpy())
    end_ns = line.place(lane, ranges["end_ns"].to_numpy())
    return PlacedRanges(line, start_ns, np.maximum(start_ns, end_ns, out=end_ns))


def distinct(values: Int) -> Int:
    """List distinct values in order."""
    if len(values) and values.min() == values.max():  # one rank, process or thread: the usual case
        return values[:1].astype(np.int64)
    return np.sort(pl.Series(values).unique().to_numpy())


def index_of(values: Int, known: Int) -> Int:
    """Find values in a sorted list of distinct ones; -1 if not there."""
    if len(known) == 0:
        return np.full(len(values), -1, dtype=np.int64)
    if len(known) <= _FEW:  # ranks, processes, threads: the usual case, and no search
        index = np.full(len(values), -1, dtype=np.int64)
        for place, value in enumerate(known.tolist()):
            index[values == value] = place
        return index
    index = np.searchsorted(known, values)
    index[index == len(known)] = 0
    return np.where(known[index] == values, index, -1)


def draw_line(ranges: pl.DataFrame) -> tuple[ThreadLine, Int]:
    """Lay the threads of a table of ranges end to end.

    Parameters
    ----------
    ranges : NvtxRanges
        A range that ends before it starts counts as one of no length.

    Returns
    -------
    line : ThreadLine
    lane : ndarray of int64 (n_ranges,)
        Lane of each range.

    Raises
    ------
    BadTableError
        If the lengths of all threads together exceed 146 years.
    """
    rank = ranges["rank"].to_numpy().astype(np.int64)
    thread = ranges["thread_id"].to_numpy()
    ranks, threads = distinct(rank), distinct(thread)
    pair = index_of(rank, ranks) * len(threads) + index_of(thread, threads)
    lanes = distinct(pair)
    lane = index_of(pair, lanes)
    low_ns, high_ns = _spans(ranges, lane, len(lanes))
    # Two apart, because containment counts both ends and a range of no length weighs 1 ns.
    width_ns = high_ns.astype(np.float64) - low_ns + 2
    if width_ns.sum() > _LINE_LIMIT:
        raise BadTableError(
            "NVTX ranges span more time than can be counted in ns",
            details=f"{len(lanes)} threads, {width_ns.sum():.3g} ns in all",
            next_step="this is a defect of the trace or of its reader; please report it",
        )
    base_ns = np.concatenate(([0], np.cumsum(high_ns - low_ns + 2)[:-1])) if len(lanes) else low_ns
    return ThreadLine(ranks, threads, lanes, low_ns, high_ns, base_ns - low_ns), lane


def _spans(ranges: pl.DataFrame, lane: Int, n_lanes: int) -> tuple[Int, Int]:
    """First start and last time of each lane."""
    start_ns, end_ns = ranges["start_ns"].to_numpy(), ranges["end_ns"].to_numpy()
    if n_lanes == 1:
        last_ns = np.maximum(start_ns.max(), end_ns.max())
        return start_ns.min(keepdims=True), np.array([last_ns])
    low_ns = np.full(n_lanes, np.iinfo(np.int64).max)
    high_ns = np.full(n_lanes, np.iinfo(np.int64).min)
    np.minimum.at(low_ns, lane, start_ns)
    np.maximum.at(high_ns, lane, start_ns)
    np.maximum.at(high_ns, lane, end_ns)
    return low_ns, high_ns
