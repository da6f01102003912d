"""Seconds of kernel classes up to any time, read from sums along a grid, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.coverage import until_s
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.coverage import ClassTimes

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

PIECES_PER_CELL = 4
MOST_CELLS = 1 << 22  # points times classes: 32 MB


@dataclass(frozen=True)
class TimeGrid:
    """Work up to even points, with what is needed to go on from there piece by piece.

    Attributes
    ----------
    times : ClassTimes
        In order of starts.
    first_ns, step_ns : int [ns]
        First point, not after the first start; distance of the points.
    done_s : ndarray of float64 (n_points, n_classes) [s]
        Weighted time of each class up to each point; the last is not before the last end.
    begun : ndarray of int64 (n_points,)
        Pieces that start before each point.
    carried_from : ndarray of int64 (n_points + 1,)
        Where those of each point begin in `carried`.
    carried : ndarray of int64
        Pieces that run at each point, point by point.
    """

    times: ClassTimes
    first_ns: int
    step_ns: int
    done_s: Float
    begun: Int
    carried_from: Int
    carried: Int

    def until_s(self, edge_ns: Int) -> Float:
        """Measure the weighted time of each class up to given times.

        Parameters
        ----------
        edge_ns : ndarray of int64 (n_edges,) [ns]

        Returns
        -------
        ndarray of float64 (n_edges, n_classes) [s]

        Notes
        -----
        From the last point before a time only pieces that ran there, or that started since, count:
        O(n_edges * (pieces of a cell + classes)), however many pieces there are.
        """
        times, last = self.times, len(self.done_s) - 1
        at_ns = np.clip(edge_ns, self.first_ns, self.first_ns + last * self.step_ns)
        cell = (at_ns - self.first_ns) // self.step_ns
        edge, piece = self._between(cell, at_ns)
        from_ns = np.maximum(times.start_ns[piece], self.first_ns + cell[edge] * self.step_ns)
        length_ns = np.minimum(times.end_ns[piece], at_ns[edge]) - from_ns
        n_classes = times.n_classes
        code = edge * n_classes + times.of_class[piece]
        since_ns = np.bincount(code, times.weight[piece] * length_ns, len(at_ns) * n_classes)
        return self.done_s[cell] + since_ns.reshape(-1, n_classes) * S_PER_NS

    def _between(self, cell: Int, at_ns: Int) -> tuple[Int, Int]:
        """Pair each time with the pieces that ran at the point before it, or started since."""
        begun = self.begun[cell]
        since = _ranges(begun, np.searchsorted(self.times.start_ns, at_ns) - begun)
        ran = _ranges(self.carried_from[cell], np.diff(self.carried_from)[cell])
        edge = np.concatenate((since[0], ran[0]))
        return edge, np.concatenate((since[1], self.carried[ran[1]]))


def on_grid(times: ClassTimes) -> ClassTimes:
    """Sum up work along a grid, so that it can be read at many times.

    Parameters
    ----------
    times : ClassTimes

    Returns
    -------
    ClassTimes
        The same with its grid; without one if there is no work.
    """
    if not len(times.start_ns):
        return times
    ordered = times
    if (times.start_ns[1:] < times.start_ns[:-1]).any():
        order = np.argsort(times.start_ns, kind="stable")
        ordered = replace(
            times,
            start_ns=times.start_ns[order],
            end_ns=times.end_ns[order],
            weight=times.weight[order],
            of_class=times.of_class[order],
        )
    return replace(times, grid=_lay(ordered))


def _lay(times: ClassTimes) -> TimeGrid:
    first_ns = int(times.start_ns[0])
    n_cells = max(1, min(len(times.start_ns) // PIECES_PER_CELL, MOST_CELLS // times.n_classes))
    step_ns = max(1, -(-(int(times.end_ns.max()) - first_ns) // n_cells))
    point_ns = first_ns + step_ns * np.arange(n_cells + 1)
    begun = np.searchsorted(times.start_ns, point_ns)
    # A piece runs at the points after its start and before its end.
    low = (times.start_ns - first_ns) // step_ns + 1
    high = -(-(times.end_ns - first_ns) // step_ns)
    piece, point = _ranges(low, np.maximum(high - low, 0))
    order = np.argsort(point, kind="stable")
    carried_from = np.searchsorted(point[order], np.arange(n_cells + 2))
    done_s = until_s(times, point_ns)
    return TimeGrid(times, first_ns, step_ns, done_s, begun, carried_from, piece[order])


def _ranges(first: Int, count: Int) -> tuple[Int, Int]:
    """Count so many from each first one on: which range each is of, and what it is."""
    of_range = np.repeat(np.arange(len(first)), count)
    begin = np.cumsum(count) - count
    return of_range, np.arange(len(of_range)) + np.repeat(first - begin, count)
