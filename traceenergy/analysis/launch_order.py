"""Which work was launched before a moment, which of it ended last."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import order_of
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
        ends, latest = self._by_end
        first, at, _ = self._by_launch[1].places(lane, launched_ns)
        _, ended, _ = ends.places(lane, ended_ns + 1)
        found = np.minimum(latest[np.maximum(at - 1, 0)], ended - 1)
        return _rows(ends.order, found, (at > first) & (found >= first))

    @cached_property
    def _by_launch(self) -> tuple[Int, _Line]:
        by_start = np.argsort(self._start_ns, kind="stable")
        launched = _Line(self._lane[by_start], self._launch_ns[by_start])
        return by_start[launched.order], launched

    @cached_property
    def _by_end(self) -> tuple[_Line, Int]:
        ends = _Line(self._lane, self._end_ns)
        place = np.empty(len(ends.order), dtype=np.int64)
        place[ends.order] = np.arange(len(place))
        # Places rise from lane to lane, so the greatest so far is never one of a lane before.
        return ends, np.maximum.accumulate(place[self._by_launch[0]])


class _Line:
    """Moments of all lanes, laid end to end."""

    def __init__(self, lane: Int, time_ns: Int) -> None:
        self._least_ns = int(time_ns.min(initial=0))
        self._width = int(time_ns.max(initial=0)) - self._least_ns + 2
        key = lane * self._width + (time_ns - self._least_ns)
        self.order: Int = order_of(lane, key)
        self._key = key[self.order]

    def places(self, lane: Int, asked_ns: Int) -> tuple[Int, Int, Int]:
        """Find where a lane begins, how far it lies before a moment, where it ends."""
        after_ns = np.clip(asked_ns - self._least_ns, 0, self._width - 1)
        begin = np.where(lane >= 0, lane, -1) * self._width
        first, at, end = (
            np.searchsorted(self._key, key)
            for key in (begin, begin + after_ns, begin + self._width)
        )
        return first, at, np.where(lane >= 0, end, 0)


def _rows(order: Int, place: Int, is_there: NDArray[np.bool_]) -> Int:
    return np.append(order, NONE)[np.where(is_there, place, len(order))]
