"""Work of a device up to any time, read from an even grid instead of the kernels."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from traceenergy.energy.coverage import parts_in_order
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_US, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.sensor_response import Response

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]
    Bool = NDArray[np.bool_]

FINEST_NS = 250_000
MOST_POINTS = 150_000
CELLS_AT_ONCE = 1 << 14
FINEST_POWER_NS, POINTS_PER_WINDOW, MOST_POWER_POINTS = 20_000, 250, 2_000_000
# What readings show is not further from them: lag and window, seconds of slow smoothing.
BEFORE_S, AFTER_S = 4.0, 1.0
# Kernels of one category draw more the longer they run: they fill the GPU. Split at these lengths.
LENGTH_EDGES_NS = np.array([20, 100]) * NS_PER_US


@dataclass(frozen=True)
class CoarseWork:
    """GPU work of one device by a few categories.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        In any order, at least one.
    weight : ndarray of float64 (n_work,)
        What a second of each piece counts for.
    of_category : ndarray of int (n_work,)
        From 0 on.
    busy_start_ns, busy_end_ns : ndarray of int64 (n_busy,) [ns]
        Stretches in which anything ran, as `intervals.union` makes them.
    """

    start_ns: Int
    end_ns: Int
    weight: Float
    of_category: Codes
    busy_start_ns: Int
    busy_end_ns: Int

    @property
    def origin_ns(self) -> int:
        """First start; seconds count from here [ns]."""
        return int(self.busy_start_ns[0])

    @property
    def length_s(self) -> float:
        """From the first start to the last end [s]."""
        return float(self.busy_end_ns[-1] - self.busy_start_ns[0]) * S_PER_NS


@dataclass(frozen=True)
class WorkGrid:
    """Work since the first point of an even grid, exact at its points.

    Attributes
    ----------
    first_s, step_s : float [s]
        Place of the first point, distance of the points.
    done : ndarray of float64 (n_points, n_columns)
        Weight times seconds of each column. Nothing runs before the grid, or after it.
    category : ndarray of int64 (n_columns,)
        Which columns belong together, ascending; 0 is busy time.
    """

    first_s: float
    step_s: float
    done: Float
    category: Int

    def covers(self, at_s: Float) -> bool:
        """Say whether it holds what readings at sorted times may show."""
        last_s = self.first_s + self.step_s * (len(self.done) - 1)
        slack_s = self.step_s
        starts = self.first_s <= float(at_s[0]) - BEFORE_S + slack_s
        return starts and last_s >= float(at_s[-1]) + AFTER_S - slack_s

    def read(self, at_s: Float) -> Float:
        """Read the work up to times, on straight lines between the points.

        Parameters
        ----------
        at_s : ndarray of float64 (...,) [s]

        Returns
        -------
        ndarray of float64 (..., n_columns)
        """
        below, part = self._find(at_s)
        low = self.done[below]
        line: Float = low + part[..., None] * (self.done[below + 1] - low)
        return line

    def shown(self, end_s: Float, response: Response) -> Float:
        """Say what a sensor shows of each column.

        Parameters
        ----------
        end_s : ndarray of float64 (n_rows,) [s]
            End of the window of each reading.
        response : Response

        Returns
        -------
        ndarray of float64 (n_rows, n_columns)
            Mean weight over the past that the sensor sees.
        """
        n_columns = self.done.shape[1]
        if n_columns == 1:
            return self.shown_by(end_s, [(0.0, response)])
        below, part = self._find(end_s[:, None] - response.delay_s)
        done = self._pairs[below].reshape(len(end_s), -1, n_columns)
        weight = np.stack((1 - part, part), axis=-1) * response.weight_hz[:, None]
        share: Float = (weight.reshape(len(end_s), 1, -1) @ done)[:, 0]
        return share

    @cached_property
    def _pairs(self) -> Float:
        """A point and the next one, which lie side by side in memory, ``(n_points - 1, ...)``."""
        n_columns = self.done.shape[1]
        return sliding_window_view(self.done.ravel(), 2 * n_columns)[::n_columns]

    def shown_by(self, end_s: Float, sensors: Sequence[tuple[float, Response]]) -> Float:
        """Say what several sensors show of the only column.

        Parameters
        ----------
        end_s : ndarray of float64 (n_rows,) [s]
        sensors : sequence of (float [s], Response)
            How much before `end_s` the window of each ends, and how it sees the past.

        Returns
        -------
        ndarray of float64 (n_rows, n_sensors)
        """
        delay_s = np.concatenate([late_s + one.delay_s for late_s, one in sensors])
        weight_hz = np.concatenate([one.weight_hz for _, one in sensors])
        n_steps = [len(one.delay_s) for _, one in sensors]
        first = np.cumsum([0, *n_steps[:-1]])
        # What a search asks for most, in parts that stay in the cache of a core.
        share, done = np.empty((len(end_s), len(sensors))), self.done[:, 0]
        n_rows = max(CELLS_AT_ONCE // len(delay_s), 1)
        for begin in range(0, len(end_s), n_rows):
            rows = slice(begin, begin + n_rows)
            below, part = self._find(end_s[rows] - delay_s[:, None])
            low = done[below]
            line = done[below + 1]
            line -= low
            line *= part
            line += low
            line *= weight_hz[:, None]
            share[rows] = np.add.reduceat(line, first, axis=0).T
        return share

    def _find(self, at_s: Float) -> tuple[Int, Float]:
        place = at_s - self.first_s
        place /= self.step_s
        np.clip(place, 0.0, len(self.done) - 1.0, out=place)
        below = place.astype(np.int64)
        np.minimum(below, len(self.done) - 2, out=below)
        place -= below
        return below, place

    def fold(self, column_w: Float) -> WorkGrid:
        """Add the columns up to one, each times its power [W]."""
        # A product by BLAS would wake its threads for this little.
        done = np.einsum("ij,j->i", self.done, column_w)[:, None]
        return WorkGrid(self.first_s, self.step_s, done, self.category[:1])

    def drawn_by(
        self, column_w: Float, end_s: Float, sensors: Sequence[tuple[float, Response]]
    ) -> Float:
        """Say what several sensors show of all columns, each times its power.

        Parameters
        ----------
        column_w : ndarray of float64 (n_columns,) [W]
        end_s, sensors
            As `shown_by` takes them.

        Returns
        -------
        ndarray of float64 (n_rows, n_sensors) [W]
        """
        delays_s = [late_s + one.delay_s[[0, -1]] for late_s, one in sensors]
        low, _ = self._find(end_s - np.max(delays_s))
        n_points = self._find(end_s - np.min(delays_s))[0] + 2 - low
        if 2 * int(n_points.sum()) > len(self.done):
            return self.fold(column_w).shown_by(end_s, sensors)
        # The rest of a long run is not looked at.
        point = np.repeat(low - np.cumsum(n_points) + n_points, n_points)
        point += np.arange(len(point))
        done = np.empty(len(self.done))
        done[point] = np.einsum("ij,j->i", self.done[point], column_w)
        one = WorkGrid(self.first_s, self.step_s, done[:, None], self.category[:1])
        return one.shown_by(end_s, sensors)

    def by_category(self) -> WorkGrid:
        """Add up the columns that belong together."""
        category, first = np.unique(self.category, return_index=True)
        done = np.add.reduceat(self.done, first, axis=1)
        return WorkGrid(self.first_s, self.step_s, done, category)


def lay_grid(work: CoarseWork, at_s: Float) -> WorkGrid:
    """Sum up the work that readings may show, along a grid.

    Parameters
    ----------
    work : CoarseWork
    at_s : ndarray of float64 (n_rows,) [s]
        When the readings became available, sorted; since the origin of the work.

    Returns
    -------
    WorkGrid
        Busy time, then time of each category and length, at points `FINEST_NS` apart, further
        apart where these would be more than `MOST_POINTS`.

    Notes
    -----
    O(n_work + n_points): each start and each end changes the slope from its cell on, and adds to
    its own cell what of it lies before the cell's end; what lies within one cell adds to it
    alone.
    """
    cells = _cells(work.origin_ns, at_s, FINEST_NS, MOST_POINTS)
    n_lengths = len(LENGTH_EDGES_NS) + 1
    n_columns = n_lengths * (1 + int(work.of_category.max()))
    sums, present = _Sums.empty(cells, n_columns), np.zeros(n_columns, dtype=bool)
    for part in cells.parts(work.start_ns, work.end_ns):
        start_ns, end_ns = work.start_ns[part], work.end_ns[part]
        column = work.of_category[part] * n_lengths
        for edge_ns in LENGTH_EDGES_NS:
            column += end_ns - start_ns > edge_ns
        present |= np.bincount(column, minlength=n_columns) > 0
        sums.add(start_ns, end_ns, work.weight[part], column)
    present[0] |= not present.any()
    one = np.broadcast_to(1.0, len(work.busy_start_ns))
    busy_s = _sum_up(cells, work.busy_start_ns, work.busy_end_ns, one)
    category = np.concatenate(([0], 1 + np.flatnonzero(present) // n_lengths))
    return WorkGrid(
        (cells.first_ns - work.origin_ns) * S_PER_NS,
        cells.step_ns * S_PER_NS,
        np.column_stack((busy_s, sums.done_s(present))),
        category,
    )


def lay_power(  # noqa: PLR0913, PLR0917 - work is this much
    start_ns: Int, end_ns: Int, power_w: Float, origin_ns: int, at_s: Float, window_ms: float
) -> WorkGrid:
    """Sum up the expected energy that readings may show, along a fine grid.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    power_w : ndarray of float64 (n_work,) [W]
        Expected of each piece.
    origin_ns : int [ns]
        From where seconds count.
    at_s : ndarray of float64 (n_rows,) [s]
        When the readings became available, sorted.
    window_ms : float [ms]
        Averaging window; points are a small part of it apart.

    Returns
    -------
    WorkGrid
        Of one column [J].
    """
    finest_ns = max(FINEST_POWER_NS, round(window_ms * NS_PER_MS / POINTS_PER_WINDOW))
    cells = _cells(origin_ns, at_s, min(finest_ns, FINEST_NS), MOST_POWER_POINTS)
    energy_j = _sum_up(cells, start_ns, end_ns, power_w)
    first_s = (cells.first_ns - origin_ns) * S_PER_NS
    step_s = cells.step_ns * S_PER_NS
    return WorkGrid(first_s, step_s, energy_j, np.zeros(1, dtype=np.int64))


def _cells(origin_ns: int, at_s: Float, finest_ns: int, most_points: int) -> _Cells:
    first_ns = origin_ns + round((float(at_s[0]) - BEFORE_S) / S_PER_NS)
    span_ns = origin_ns + round((float(at_s[-1]) + AFTER_S) / S_PER_NS) - first_ns
    step_ns = max(finest_ns, -(-span_ns // most_points))
    return _Cells(first_ns, step_ns, -(-span_ns // step_ns) + 1)


@dataclass(frozen=True)
class _Cells:
    first_ns: int
    step_ns: int
    n_cells: int

    @property
    def last_ns(self) -> int:
        """End of the last cell."""
        return self.first_ns + self.n_cells * self.step_ns

    def parts(self, start_ns: Int, end_ns: Int) -> Iterator[slice | Int]:
        """Choose the pieces that touch the cells, some at a time, in order of their starts."""
        for part in parts_in_order(start_ns):
            inside = (end_ns[part] > self.first_ns) & (start_ns[part] < self.last_ns)
            rows = np.flatnonzero(inside)
            if len(rows) == len(inside):
                yield part
            elif len(rows):
                yield part.start + rows if isinstance(part, slice) else part[rows]

    def place(self, time_ns: Int) -> Int:
        """Say how many cells from the first one times lie."""
        return (time_ns - self.first_ns) // self.step_ns


@dataclass(frozen=True)
class _Sums:
    """Work of each cell and column, in nanoseconds, flat.

    Attributes
    ----------
    cells : _Cells
    n_columns : int
    slope : ndarray of float64 (n_cells * n_columns,)
        Weight that is there from the next cell on, less what is gone.
    rest_ns : ndarray of float64 (n_cells * n_columns,) [ns]
        Work within the cell where a piece starts or ends.
    """

    cells: _Cells
    n_columns: int
    slope: Float
    rest_ns: Float

    @classmethod
    def empty(cls, cells: _Cells, n_columns: int) -> _Sums:
        size = cells.n_cells * n_columns
        return cls(cells, n_columns, np.zeros(size), np.zeros(size))

    def add(self, start_ns: Int, end_ns: Int, weight: Float, column: Codes) -> None:
        """Add pieces that touch the cells, in order of their starts."""
        first, last = self.cells.place(start_ns), self.cells.place(end_ns)
        weighted_ns = weight * (end_ns - start_ns)
        cut = np.flatnonzero(first != last)
        if len(cut):
            weighted_ns[cut] = 0.0
            self._turn(start_ns[cut], weight[cut], column[cut])
            self._turn(end_ns[cut], -weight[cut], column[cut])
        # All others lie within one cell; those of one turn within few.
        np.maximum(first, 0, out=first)
        low, high = int(first[0]), int(first[-1]) + 1
        at = (first - low) * self.n_columns + column
        part = slice(low * self.n_columns, high * self.n_columns)
        self.rest_ns[part] += np.bincount(at, weighted_ns, part.stop - part.start)

    def _turn(self, time_ns: Int, weight: Float, column: Codes) -> None:
        """Add to the weight that runs from given times on."""
        cells = self.cells
        time_ns = np.clip(time_ns, cells.first_ns, cells.last_ns)
        cell = np.minimum(cells.place(time_ns), cells.n_cells - 1)
        at = cell * self.n_columns + column
        np.add.at(self.slope, at, weight)
        until_next_ns = cells.first_ns + (cell + 1) * cells.step_ns - time_ns
        np.add.at(self.rest_ns, at, weight * until_next_ns)

    def done_s(self, columns: Bool | slice) -> Float:
        """Sum up the work of some columns to each point, ``(n_cells + 1, n_chosen)`` [s]."""
        shape = self.cells.n_cells, self.n_columns
        of_cell_ns = self.rest_ns.reshape(shape)[:, columns]
        running_ns = np.cumsum(self.slope.reshape(shape)[:, columns], axis=0)
        running_ns *= self.cells.step_ns
        of_cell_ns[1:] += running_ns[:-1]
        done = np.zeros((len(of_cell_ns) + 1, of_cell_ns.shape[1]))
        np.cumsum(of_cell_ns, axis=0, out=done[1:])
        done *= S_PER_NS
        return done


def _sum_up(cells: _Cells, start_ns: Int, end_ns: Int, weight: Float) -> Float:
    """Sum up weight times seconds of all pieces to each point, ``(n_cells + 1, 1)``."""
    sums = _Sums.empty(cells, 1)
    for part in cells.parts(start_ns, end_ns):
        none = np.broadcast_to(np.int64(0), len(start_ns[part]))
        sums.add(start_ns[part], end_ns[part], weight[part], none)
    return sums.done_s(slice(None))
