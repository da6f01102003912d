"""Seconds of kernel classes that readings see, from the few pieces of work around each."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.coverage import until_s
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from traceenergy.energy.coverage import ClassTimes

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

PIECES_PER_CELL, MOST_CELLS = 4, 1 << 16
MOST_SUMS = 1 << 21  # points with sums times classes: 16 MB
PAIRS_AT_ONCE = 1 << 14  # of a reading and a piece, in the cache of a core
MOST_PAIRS_SHARE = 0.5  # of the pieces; with more pairs it is quicker to sum up all work once
_FOREVER_NS = 1 << 62


@dataclass(frozen=True)
class Looks:
    """Windows of readings, several for each, alike but for when the last one ends.

    Attributes
    ----------
    last_ns : ndarray of int64 (n_rows,) [ns]
        End of the last window of each reading.
    before_ns : ndarray of int64 (n_windows,) [ns]
        How much earlier its windows end; 0 for the last.
    width_ns : int [ns]
        Length of each window.
    """

    last_ns: Int
    before_ns: Int
    width_ns: int


@dataclass(frozen=True)
class TimeGrid:
    """Pieces of work in order of their starts, found from even points in time.

    Attributes
    ----------
    columns : tuple of ClassTimes
        Of the same pieces: weights and classes may differ.
    order : ndarray of int64 (n_work,) or None
        Their rows in order of starts; None if they come so.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        In that order.
    first_ns, step_ns : int [ns]
        First point, not after the first start; distance of the points.
    begun : ndarray of int64 (n_points,)
        Pieces that start before each point; no piece ends after the last point.
    carried_from : ndarray of int64 (n_points + 1,)
        Where those of each point begin in `carried`.
    carried : ndarray of int64
        Pieces that run at each point, point by point.
    """

    columns: tuple[ClassTimes, ...]
    order: Int | None
    start_ns: Int
    end_ns: Int
    first_ns: int
    step_ns: int
    begun: Int
    carried_from: Int
    carried: Int

    def seen_s(self, looks: Looks) -> list[Float]:
        """Sum the weighted time of each class over all windows of a reading.

        Parameters
        ----------
        looks : Looks

        Returns
        -------
        list of ndarray of float64 (n_rows, n_classes) [s]
            One per entry of `columns`.

        Notes
        -----
        Exact: a window sees of a piece what lies in it, in whole nanoseconds. Where windows are
        short, only pieces in them are looked at: O(n_rows * pieces around a reading). Else sums up
        to points before the ends of windows are subtracted, and only pieces from there to the end
        are looked at.
        """
        longest_ns = looks.width_ns + int(looks.before_ns.max())
        near = self._near(looks.last_ns, self._cell(looks.last_ns - longest_ns))
        if int(near.n_pairs.sum()) <= MOST_PAIRS_SHARE * len(self.start_ns):
            return self._since(looks, near)
        until = replace(looks, width_ns=_FOREVER_NS)
        before = replace(until, last_ns=looks.last_ns - looks.width_ns)
        both = zip(self._until_s(until), self._until_s(before), strict=True)
        return [high_s - low_s for high_s, low_s in both]

    @cached_property
    def _done_s(self) -> tuple[int, list[Float]]:
        """Weighted time of each class up to every so many-th point, ``(n, n_classes)`` [s]."""
        n_classes = max(times.n_classes for times in self.columns)
        apart = -(-len(self.begun) * n_classes // MOST_SUMS)
        point_ns = self.first_ns + self.step_ns * np.arange(0, len(self.begun), apart)
        return apart, [until_s(times, point_ns) for times in self.columns]

    def _until_s(self, looks: Looks) -> list[Float]:
        apart, done_s = self._done_s
        place = self._cell(looks.last_ns - int(looks.before_ns.max())) // apart
        near = self._near(looks.last_ns, place * apart)
        since = zip(done_s, self._since(looks, near), strict=True)
        n_windows = len(looks.before_ns)
        return [n_windows * so_far_s[place] + since_s for so_far_s, since_s in since]

    def _since(self, looks: Looks, near: _Near) -> list[Float]:
        """Sum what windows see of the pieces near them."""
        found = [np.empty((len(near.cell), times.n_classes)) for times in self.columns]
        for rows in _parts(near.n_pairs):
            row, piece, seen_ns = self._seen_ns(looks, near, rows)
            for times, seen_s in zip(self.columns, found, strict=True):
                n_cells = (rows.stop - rows.start) * times.n_classes
                code = row * times.n_classes + times.of_class[piece]
                weighted = np.bincount(code, times.weight[piece] * seen_ns, n_cells)
                seen_s[rows] = weighted.reshape(-1, times.n_classes) * S_PER_NS
        return found

    def _seen_ns(self, looks: Looks, near: _Near, rows: slice) -> tuple[Int, Int, Int]:
        """Pair readings with pieces, ``(n_pairs,)``: row from 0 on, row of the piece, time seen."""
        last_ns, cell = looks.last_ns[rows], near.cell[rows]
        since = _ranges(near.begun[rows], near.since[rows])
        ran = _ranges(near.carried[rows], near.ran[rows])
        row = np.concatenate((since[0], ran[0]))
        place = np.concatenate((since[1], self.carried[ran[1]]))
        from_ns = np.maximum(self.start_ns[place], (self.first_ns + self.step_ns * cell)[row])
        until_end_ns = last_ns[row]
        began_ns, ended_ns = until_end_ns - from_ns, until_end_ns - self.end_ns[place]
        seen_ns = np.zeros(len(row), dtype=np.int64)
        for before_ns in looks.before_ns.tolist():
            seen_ns += np.clip(began_ns - before_ns, 0, looks.width_ns)
            seen_ns -= np.clip(ended_ns - before_ns, 0, looks.width_ns)
        return row, place if self.order is None else self.order[place], seen_ns

    def _cell(self, at_ns: Int) -> Int:
        return np.clip((at_ns - self.first_ns) // self.step_ns, 0, len(self.begun) - 1)

    def _near(self, last_ns: Int, cell: Int) -> _Near:
        begun, carried = self.begun[cell], self.carried_from[cell]
        since = np.searchsorted(self.start_ns, last_ns) - begun
        return _Near(cell, begun, since, carried, self.carried_from[cell + 1] - carried)


@dataclass(frozen=True)
class _Near:
    """Pieces from a point on, before a time, ``(n_rows,)`` each.

    Attributes
    ----------
    cell : ndarray of int64
        The point.
    begun, since : ndarray of int64
        The first that starts from there on; how many do.
    carried, ran : ndarray of int64
        The first of `TimeGrid.carried` that runs there; how many do.
    """

    cell: Int
    begun: Int
    since: Int
    carried: Int
    ran: Int

    @property
    def n_pairs(self) -> Int:
        return self.since + self.ran


def on_grid(*columns: ClassTimes) -> TimeGrid:
    """Lay even points over work, so that it can be read for many readings, many times.

    Parameters
    ----------
    *columns : ClassTimes
        At least one, all of the same pieces.

    Returns
    -------
    TimeGrid
    """
    start_ns, end_ns, order = columns[0].start_ns, columns[0].end_ns, None
    if (start_ns[1:] < start_ns[:-1]).any():
        order = np.argsort(start_ns, kind="stable")
        start_ns, end_ns = start_ns[order], end_ns[order]
    first_ns = columns[0].origin_ns
    span_ns = int(end_ns.max()) - first_ns if len(end_ns) else 0
    n_cells = max(1, min(len(start_ns) // PIECES_PER_CELL, MOST_CELLS))
    step_ns = max(1, -(-span_ns // n_cells))
    point_ns = first_ns + step_ns * np.arange(n_cells + 1)
    begun = np.searchsorted(start_ns, point_ns)
    # A piece runs at the points after its start and before its end, which few have.
    next_ns = np.repeat(point_ns[1:], np.diff(begun))
    late = np.flatnonzero(end_ns[: len(next_ns)] > next_ns)
    first = np.searchsorted(point_ns, start_ns[late], side="right")
    place, point = _ranges(first, np.searchsorted(point_ns, end_ns[late]) - first)
    by_point = np.argsort(point, kind="stable")
    carried_from = np.searchsorted(point[by_point], np.arange(n_cells + 2))
    carried = late[place[by_point]]
    return TimeGrid(
        columns, order, start_ns, end_ns, first_ns, step_ns, begun, carried_from, carried
    )


def _parts(n_pairs: Int) -> Iterator[slice]:
    """Cut rows into parts of about `PAIRS_AT_ONCE` pairs, one row at least."""
    part = np.cumsum(n_pairs) // PAIRS_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(n_pairs)]
    for begin, end in pairwise(edges):
        yield slice(begin, end)


def _ranges(first: Int, count: Int) -> tuple[Int, Int]:
    """Count so many from each first one on: which range each is of, and what it is."""
    of_range = np.repeat(np.arange(len(first)), count)
    begin = np.cumsum(count) - count
    return of_range, np.arange(len(of_range)) + np.repeat(first - begin, count)
