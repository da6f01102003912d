"""Which work was launched before a moment, which of it ended last."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import order_of, places_in
from traceenergy.critical_path.model import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]


class LaunchOrder:
    """GPU work in lanes (streams, contexts or processes), each in the order of launches.

    Parameters
    ----------
    lane : ndarray of int64 (n,)
        From 0.
    launch_ns, start_ns, end_ns : ndarray of int64 (n,) [ns]
        Start of the call that launched each piece; its time on the GPU. Pieces launched at one
        moment follow in the order of their start.
    """

    def __init__(self, lane: Int, launch_ns: Int, start_ns: Int, end_ns: Int) -> None:
        self._lane, self._launch_ns, self._start_ns, self._end_ns = (
            lane,
            launch_ns,
            start_ns,
            end_ns,
        )

    def last_before(self, lane: Int, asked_ns: Int) -> Int:
        """Find the last work of a lane that was launched before a moment.

        Parameters
        ----------
        lane : ndarray of int64 (n_asked,)
            -1 for none.
        asked_ns : ndarray of int64 (n_asked,) [ns]

        Returns
        -------
        ndarray of int64 (n_asked,)
            Row, or -1 if there is none.
        """
        if not len(lane):
            return lane
        order, launched = self._by_launch
        first, at, _ = launched.places(lane, asked_ns)
        return _rows(order, at - 1, at > first)

    def first_after(self, lane: Int, asked_ns: Int) -> Int:
        """Find the first work of a lane that was launched at a moment or after it.

        Parameters
        ----------
        lane : ndarray of int64 (n_asked,)
            -1 for none.
        asked_ns : ndarray of int64 (n_asked,) [ns]

        Returns
        -------
        ndarray of int64 (n_asked,)
            Row, or -1 if there is none.
        """
        if not len(lane):
            return lane
        order, launched = self._by_launch
        _, at, end = launched.places(lane, asked_ns)
        return _rows(order, at, at < end)

    def last_ended(self, lane: Int, launched_ns: Int, ended_ns: Int) -> Int:
        """Find the work of a lane that ended last, of that launched before a moment.

        Parameters
        ----------
        lane : ndarray of int64 (n_asked,)
            -1 for none.
        launched_ns, ended_ns : ndarray of int64 (n_asked,) [ns]
            It was launched before the first moment, ended by the second one: clocks of host and
            device may differ a little.

        Returns
        -------
        ndarray of int64 (n_asked,)
            Row, or -1 if there is none.
        """
        if not len(lane) or not len(self._lane):
            return np.full(len(lane), NONE, dtype=np.int64)
        row = self._latest(lane, launched_ns)
        early = np.flatnonzero((row >= 0) & (self._end_ns[row] > ended_ns))
        if len(early):
            # It was not waited for: what had ended by then is the best that is known.
            first, ended, _ = self._by_end.places(lane[early], ended_ns[early] + 1)
            row[early] = _rows(self._by_end.order, ended - 1, ended > first)
        return row

    def _latest(self, lane: Int, launched_ns: Int) -> Int:
        """Find the work of a lane that ends last, of that launched before a moment; -1 for none.

        Pieces between two moments that are asked for count as one, so that nothing is sorted.
        """
        launches, ends = _Keys(self._launch_ns), _Keys(self._end_ns)
        asked, place = np.unique(launches.of(lane, launched_ns), return_inverse=True)
        # Each piece lies before the moment of this place, not before those in front of it.
        place_of = places_in(asked, launches.of(self._lane, self._launch_ns) + 1)
        end = ends.of(self._lane, self._end_ns)
        latest = np.full(len(asked) + 1, NONE, dtype=np.int64)
        run = np.flatnonzero(np.append(True, place_of[1:] != place_of[:-1]))
        np.maximum.at(latest, place_of[run], np.maximum.reduceat(end, run))
        row = np.flatnonzero(end == latest[place_of])
        row_of = np.full(len(asked) + 1, NONE, dtype=np.int64)
        row_of[place_of[row]] = row  # of several the one written last stays
        order = np.lexsort((row_of, latest))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        found = row_of[order[np.maximum.accumulate(rank)]][place]
        return np.where((found >= 0) & (lane >= 0) & (self._lane[found] == lane), found, NONE)

    @cached_property
    def _by_launch(self) -> tuple[Int, _Line]:
        by_start = np.argsort(self._start_ns, kind="stable")
        launched = _Line(self._lane[by_start], self._launch_ns[by_start])
        return by_start[launched.order], launched

    @cached_property
    def _by_end(self) -> _Line:
        return _Line(self._lane, self._end_ns)


class _Keys:
    """Moments of all lanes, laid end to end."""

    def __init__(self, time_ns: Int) -> None:
        self.least_ns = int(time_ns.min(initial=0))
        self.width = int(time_ns.max(initial=0)) - self.least_ns + 2

    def of(self, lane: Int, time_ns: Int) -> Int:
        """Join lanes with moments; what lies beyond all is put at the end of its lane."""
        since_ns = np.clip(time_ns - self.least_ns, 0, self.width - 1)
        return since_ns if not lane.any() else lane * self.width + since_ns


class _Line:
    """Moments of all lanes in order."""

    def __init__(self, lane: Int, time_ns: Int) -> None:
        self._keys = _Keys(time_ns)
        key = self._keys.of(lane, time_ns)
        self.order: Int = order_of(lane, key)
        self._key = key[self.order]

    def places(self, lane: Int, asked_ns: Int) -> tuple[Int, Int, Int]:
        """Find where a lane begins, how far it lies before a moment, where it ends."""
        lane = np.where(lane >= 0, lane, -1)
        begin = lane * self._keys.width
        first, at, end = (
            np.searchsorted(self._key, key)
            for key in (begin, self._keys.of(lane, asked_ns), begin + self._keys.width)
        )
        return first, at, np.where(lane >= 0, end, 0)


def _rows(order: Int, place: Int, is_there: NDArray[np.bool_]) -> Int:
    return np.append(order, NONE)[np.where(is_there, place, len(order))]
