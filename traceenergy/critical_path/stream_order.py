"""Pieces of a window in lanes, where each piece waits for the one before it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import dense_codes, joined_key, order_of
from traceenergy.critical_path.arrivals import find_arrivals
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.arrivals import Arrivals
    from traceenergy.critical_path.model import Pieces

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Lanes:
    """Pieces that run within a window, ``(m,)`` each, lane by lane.

    A lane is a stream, without the pieces that run beside its others. In a lane, starts and ends
    never decrease.

    Attributes
    ----------
    row : ndarray of int64
        Of `Pieces`.
    start_ns, end_ns : ndarray of int64 [ns]
        Since the start of the window, cut by it.
    first : ndarray of bool
        Whether a lane begins.
    arrivals : Arrivals
    before, after : ndarray of int64 (n_edges,)
        Places of pieces off the lane of their stream, with what they follow, and what follows them.
    """

    row: Int
    start_ns: Int
    end_ns: Int
    first: Bool
    arrivals: Arrivals
    before: Int
    after: Int

    def place_of(self, row: Int) -> Int:
        """Find where rows of `Pieces` stand; -1 for those outside, and for -1."""
        place = self._places[np.minimum(row, len(self._places) - 1)]
        return place.astype(np.int64)

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        # What is behind all rows, and -1, find the last.
        places = np.full(int(self.row.max(initial=-1)) + 2, -1, dtype=np.int32)
        places[self.row] = np.arange(len(self.row), dtype=np.int32)
        return places


def order_streams(pieces: Pieces, window: tuple[int, int]) -> Lanes:
    """Cut pieces by a window, and put them in the order of their streams.

    A piece that ends before an earlier one of its stream did not hold up what came next: it gets a
    lane of its own, behind what had ended when it began, in front of what began after it ended. So
    does a member of a collective that began before its predecessor ended.

    Parameters
    ----------
    pieces : Pieces
    window : tuple of int [ns]
        Start and end.

    Returns
    -------
    Lanes
    """
    begin_ns, finish_ns = window
    row, stream, start_ns = _by_stream_and_start(pieces, window)
    end_ns = np.minimum(pieces.end_ns[row], finish_ns) - begin_ns
    group = pieces.group[row]
    arrivals = find_arrivals(start_ns, end_ns, group)
    first = np.append(True, stream[1:] != stream[:-1])[: len(row)]
    reach_ns = _reach_before(end_ns, first)
    beside = (end_ns < reach_ns) | ((arrivals.group >= 0) & (start_ns < reach_ns))
    none = np.zeros(0, dtype=np.int64)
    if not beside.any():
        return Lanes(row, start_ns, end_ns, first, arrivals, none, none)
    before, after = _around(np.flatnonzero(beside), beside, stream, start_ns, end_ns)
    order = np.concatenate([np.flatnonzero(~beside), np.flatnonzero(beside)])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    alone, stream = beside[order], stream[order]
    first = np.append(True, (stream[1:] != stream[:-1]) | alone[1:])
    start_ns, end_ns = start_ns[order], end_ns[order]
    arrivals = find_arrivals(start_ns, end_ns, group[order])
    return Lanes(row[order], start_ns, end_ns, first, arrivals, place[before], place[after])


def _by_stream_and_start(pieces: Pieces, window: tuple[int, int]) -> tuple[Int, Int, Int]:
    """Sort the pieces in a window by stream, start, end: their rows, streams, starts in it."""
    row = np.flatnonzero((pieces.end_ns > window[0]) & (pieces.start_ns < window[1]))
    stream = dense_codes(pieces.stream[row])
    if stream.any():
        order = order_of(stream, stream)
        row, stream = row[order], stream[order]
    start_ns = np.maximum(pieces.start_ns[row] - window[0], 0)
    begins = stream[1:] != stream[:-1]
    if not ((start_ns[1:] >= start_ns[:-1]) | begins).all():
        order = order_of(stream, joined_key(stream, start_ns, window[1] - window[0]))
        row, start_ns = row[order], start_ns[order]
    same = np.concatenate(([False], (start_ns[1:] == start_ns[:-1]) & ~begins, [False]))
    # Of those that start together, the shortest goes first.
    tied = np.flatnonzero(same[1:] | same[:-1])[: len(row)]
    rows = row[tied]
    times_ns = pieces.start_ns[rows], pieces.end_ns[rows], start_ns[tied]
    row[tied] = rows[np.lexsort((*times_ns, stream[tied]))]
    return row, stream, start_ns


def _reach_before(end_ns: Int, first: Bool) -> Int:
    """Last end of what came before each piece on its stream; -1 for the first."""
    if len(end_ns) == 0:
        return end_ns
    before_ns = np.append(-1, end_ns[:-1])
    before_ns[first] = -1
    if (before_ns <= end_ns).all():
        return before_ns
    lift_ns = (np.cumsum(first) - 1) * (end_ns.max() + 1)
    reach_ns = np.maximum.accumulate(end_ns + lift_ns) - lift_ns
    return np.where(first, -1, np.append(-1, reach_ns[:-1]))


def _around(
    beside: Int, is_beside: Bool, stream: Int, start_ns: Int, end_ns: Int
) -> tuple[Int, Int]:
    """Pairs of places: what had ended when a piece began, and what began after it ended."""
    span_ns = int(end_ns.max()) + 1
    by_end = np.lexsort((end_ns, stream))
    ends = joined_key(stream, end_ns, span_ns)[by_end]
    asked = joined_key(stream[beside], start_ns[beside], span_ns)
    found = np.searchsorted(ends, asked, side="right") - 1
    before = by_end[np.maximum(found, 0)]
    has_before = (found >= 0) & (stream[before] == stream[beside])
    on_lane = np.flatnonzero(~is_beside)
    starts = joined_key(stream, start_ns, span_ns)[on_lane]
    found = np.searchsorted(starts, joined_key(stream[beside], end_ns[beside], span_ns))
    after = on_lane[np.minimum(found, len(on_lane) - 1)]
    has_after = (found < len(on_lane)) & (stream[after] == stream[beside])
    return (
        np.concatenate([before[has_before], beside[has_after]]),
        np.concatenate([beside[has_before], after[has_after]]),
    )
