"""What each piece of GPU work adds to the readings, as a linear model of power."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.energy.coverage import PIECES_AT_ONCE, ClassTimes, covered_s, one_class
from traceenergy.energy.gain_parts import GainParts
from traceenergy.energy.time_grid import Looks, TimeGrid, on_grid
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_work import DeviceWork, WorkClasses
    from traceenergy.energy.prior import ClassTraits
    from traceenergy.intervals import ShareClock

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]

KNOT_S = 10.0  # static power may wander on this scale
# Widths of the prior: of the board's limit, or relative to the usual power of a category.
STATIC_SHARE, STATIC_SHARE_SD = 0.13, 0.10
BUSY_SHARE, BUSY_SHARE_SD = 0.04, 0.03
WANDER_W = 2.0
SIZE_SLOPE_SD = 0.10
BESIDE, BESIDE_SD = -0.12, 0.08  # what a piece draws less while others run
NODES = 5  # of the delay of a first-order smoothing
LEAST_POWER_SHARE = 0.01  # no piece runs for less than this part of the board's limit
LARGEST_SIZE = 3.0  # log of duration over the usual one; waiting for others can last forever


@dataclass(frozen=True)
class SensorShape:
    """How a reading sees power: smoothed, late, averaged.

    Attributes
    ----------
    window_ms, smoothing_ms, lag_ms
        Averaging window; time constant of the smoothing before it; from the end of the window
        to the update [ms].
    """

    window_ms: float
    smoothing_ms: float
    lag_ms: float

    @property
    def delay_ms(self) -> float:
        """From the middle of the window to the update, smoothing included [ms]."""
        return self.lag_ms + self.smoothing_ms + self.window_ms / 2

    def windows(self, update_ns: Int) -> list[tuple[Int, Int]]:
        """List windows whose mean is what the sensor shows.

        Parameters
        ----------
        update_ns : ndarray of int64 (n_rows,) [ns]

        Returns
        -------
        list of (low_ns, high_ns)
            One if nothing is smoothed, else one for each of `NODES` parts of the delay.
        """
        window_ns = round(self.window_ms * NS_PER_MS)
        ends = [update_ns - before_ns for before_ns in self._before_ns]
        return [(high_ns - window_ns, high_ns) for high_ns in ends]

    @property
    def _before_ns(self) -> list[int]:
        """How much before an update its windows end, ascending [ns]."""
        delays = [0.0]
        if self.smoothing_ms > 0:
            middle = (np.arange(NODES) + 0.5) / NODES
            delays = (-self.smoothing_ms * np.log1p(-middle)).tolist()
        return [round((self.lag_ms + delay) * NS_PER_MS) for delay in delays]

    def seen(self, times: ClassTimes, update_ns: Int) -> Float:
        """Say how much of each class readings see.

        Parameters
        ----------
        times : ClassTimes
        update_ns : ndarray of int64 (n_rows,) [ns]

        Returns
        -------
        ndarray of float64 (n_rows, n_classes)
            Mean weight over the window, smoothed.
        """
        low_ns, high_ns = (
            np.concatenate(ends) for ends in zip(*self.windows(update_ns), strict=True)
        )
        window_s = self.window_ms * NS_PER_MS * S_PER_NS
        covered = covered_s(times, low_ns, high_ns)
        share = covered.reshape(-1, len(update_ns), times.n_classes).mean(axis=0)
        return np.asarray(share / window_s, dtype=np.float64)

    def seen_on(self, grid: TimeGrid, update_ns: Int) -> list[Float]:
        """Say the same of all columns of a grid."""
        before_ns = np.array(self._before_ns)
        looks = Looks(
            update_ns - before_ns[0], before_ns - before_ns[0], round(self.window_ms * NS_PER_MS)
        )
        window_s = self.window_ms * NS_PER_MS * S_PER_NS
        return [seen_s / (len(before_ns) * window_s) for seen_s in grid.seen_s(looks)]


@dataclass(frozen=True)
class Design:
    """Columns of the model: static, wander, busy, beside others, size slopes, classes.

    Attributes
    ----------
    traits : ClassTraits
    knot_ns : ndarray of int64 (n_knots,) [ns]
        Where static power may turn; empty for a short log.
    busy : ClassTimes
        Stretches with work, as one class.
    sizes : ClassTimes
        Work by category, weighted by size and usual power [W].
    classes : ClassTimes
        Work by class, weighted by clock; all pieces, as in `sizes`.
    share_rate, beside_w : ndarray of float64 (n_all,)
        What a second of each piece counts for in the columns of busy, beside.
    limit_w : float [W]
        Scale of the prior.
    grids : tuple of TimeGrid
        Of all columns in their order, for rows at many shapes of the sensor; none before
        `on_grids`.
    """

    traits: ClassTraits
    knot_ns: Int
    busy: ClassTimes
    sizes: ClassTimes
    classes: ClassTimes
    share_rate: Float
    beside_w: Float
    limit_w: float
    grids: tuple[TimeGrid, ...] = ()

    @property
    def n_background(self) -> int:
        """Columns of static power: level and wander."""
        return 1 + len(self.knot_ns)

    @property
    def first_class(self) -> int:
        """Column of the first class."""
        return self.n_background + 2 + self.sizes.n_classes

    @property
    def n_columns(self) -> int:
        """All columns."""
        return self.first_class + self.classes.n_classes

    def on_grids(self) -> Design:
        """Lay grids over the work, for rows at many shapes of the sensor; they may be large."""
        beside = one_class(self.classes.start_ns, self.classes.end_ns, self.beside_w)
        pieces = on_grid(beside, self.sizes, self.classes)
        return replace(self, grids=(on_grid(self.busy), pieces))

    def rows(self, update_ns: Int, shape: SensorShape) -> Float:
        """Build the rows of the model for readings.

        Parameters
        ----------
        update_ns : ndarray of int64 (n_rows,) [ns]
        shape : SensorShape

        Returns
        -------
        ndarray of float64 (n_rows, n_columns)
        """
        grids = self.grids or self.on_grids().grids
        shares = [seen for grid in grids for seen in shape.seen_on(grid, update_ns)]
        middle_ns = update_ns - round(shape.delay_ms * NS_PER_MS)
        return np.column_stack((np.ones(len(update_ns)), self._wander(middle_ns), *shares))

    def background_w(self, time_ns: Int, theta: Float) -> Float:
        """Give static power at given times [W]."""
        static_w = self._wander(time_ns) @ theta[1 : self.n_background]
        return np.asarray(theta[0] + static_w, dtype=np.float64)

    def _wander(self, time_ns: Int) -> Float:
        n_knots = len(self.knot_ns)
        if not n_knots:
            return np.zeros((len(time_ns), 0))
        place = np.interp(
            (time_ns - self.knot_ns[0]).astype(np.float64),
            (self.knot_ns - self.knot_ns[0]).astype(np.float64),
            np.arange(n_knots, dtype=np.float64),
        )
        near = 1 - np.abs(place[:, None] - np.arange(n_knots))
        return np.asarray(np.maximum(near, 0.0), dtype=np.float64)

    def prior(self, mean_w: Float, covariance_w2: Float) -> tuple[Float, Float]:
        """Put background, slopes and classes into one prior.

        Parameters
        ----------
        mean_w, covariance_w2
            Of the classes.

        Returns
        -------
        mean : ndarray of float64 (n_columns,)
        covariance : ndarray of float64 (n_columns, n_columns)
        """
        first, n_knots, n_slopes = self.first_class, len(self.knot_ns), self.sizes.n_classes
        mean, sd = np.zeros(self.n_columns), np.zeros(first)
        mean[0], sd[0] = STATIC_SHARE * self.limit_w, STATIC_SHARE_SD * self.limit_w
        sd[1 : 1 + n_knots] = WANDER_W
        mean[1 + n_knots], sd[1 + n_knots] = BUSY_SHARE * self.limit_w, BUSY_SHARE_SD * self.limit_w
        mean[2 + n_knots], sd[2 + n_knots] = BESIDE, BESIDE_SD
        sd[first - n_slopes :] = SIZE_SLOPE_SD
        mean[first:] = mean_w
        covariance = np.zeros((self.n_columns, self.n_columns))
        covariance[:first, :first] = np.diag(sd**2)
        covariance[first:, first:] = covariance_w2
        return mean, covariance

    def power_w(self, theta: Float) -> Float:
        """Give the expected dynamic power of each piece, ``(n_all,)`` [W]."""
        n_static, first = self.n_background, self.first_class
        class_w, slope = theta[first:], theta[n_static + 2 : first]
        power_w = np.empty(len(self.share_rate))
        # In parts that stay in the cache of a core.
        for begin in range(0, len(power_w), PIECES_AT_ONCE):
            part = slice(begin, begin + PIECES_AT_ONCE)
            power_w[part] = (
                class_w[self.classes.of_class[part]] * self.classes.weight[part]
                + slope[self.sizes.of_class[part]] * self.sizes.weight[part]
                + theta[n_static + 1] * self.beside_w[part]
                + theta[n_static] * self.share_rate[part]
            )
        return power_w

    def likely_w(self, theta: Float) -> Float:
        """Give the expected dynamic power of each piece, above zero, ``(n_all,)`` [W]."""
        power_w = self.power_w(theta)
        return np.maximum(power_w, LEAST_POWER_SHARE * self.limit_w, out=power_w)

    def parts(self, row: Int, length_s: Float) -> GainParts:
        """Say what pieces of work add to the columns.

        Parameters
        ----------
        row : ndarray of int64 (n_work,)
            Row of each piece among all work.
        length_s : ndarray of float64 (n_work,) [s]
            Its time in the window.

        Returns
        -------
        GainParts
        """
        return GainParts(
            self.share_rate[row] * length_s,
            self.beside_w[row] * length_s,
            self.sizes.weight[row] * length_s,
            self.classes.weight[row] * length_s,
            self.classes.of_class[row],
        )

    def gain(self, parts: GainParts, group: Int, n_groups: int) -> Float:
        """Say how the energy of groups of work follows from the parameters.

        Parameters
        ----------
        parts : GainParts
            Of pieces of work, or of cells.
        group : ndarray of int64 (n,)
            0 to n_groups - 1.
        n_groups : int

        Returns
        -------
        ndarray of float64 (n_groups, n_columns)
            Times the parameters: dynamic energy [J]. Static power counts for nothing.
        """
        n_static, first = self.n_background, self.first_class

        def summed(code: Codes, part: Float, n_codes: int) -> Float:
            both = np.bincount(group * n_codes + code, part, n_groups * n_codes)
            return both.astype(np.float64).reshape(n_groups, n_codes)

        gain = np.zeros((n_groups, self.n_columns))
        gain[:, n_static] = np.bincount(group, parts.busy_s, n_groups)
        gain[:, n_static + 1] = np.bincount(group, parts.beside_ws, n_groups)
        category = self.traits.category_code[parts.of_class]
        gain[:, n_static + 2 : first] = summed(category, parts.size_ws, self.sizes.n_classes)
        gain[:, first:] = summed(parts.of_class, parts.class_s, self.classes.n_classes)
        return gain


def build_design(  # noqa: PLR0913 - a model of power is described by this much
    work: DeviceWork,
    classes: WorkClasses,
    clock: ShareClock,
    *,
    traits: ClassTraits,
    span_ns: tuple[int, int],
    limit_w: float,
    clock_factor: Float | None = None,
) -> Design:
    """Lay out the model of one device.

    Parameters
    ----------
    work : DeviceWork
    classes : WorkClasses
    clock : ShareClock
        Of all work of the device.
    traits : ClassTraits
        Of the classes.
    span_ns : tuple of int [ns]
        First and last reading.
    limit_w : float [W]
        Power limit of the board.
    clock_factor : ndarray of float64 (n_all,) or None
        What each piece draws at the clock it ran at, over what it draws at the usual one.

    Returns
    -------
    Design

    Notes
    -----
    ``P(t) = static(t) + busy + sum over running pieces of (class + slope * size + beside)``:
    linear in its parameters. Size is the log of a piece's duration over the usual one of its
    class; *beside* counts the time that other work runs too.
    """
    start_ns, end_ns = work.all_start_ns, work.all_end_ns
    length_ns = np.maximum((end_ns - start_ns).astype(np.float64), 1.0)
    category = traits.category_code.astype(np.int16)
    usual_w = (traits.category_share * limit_w)[classes.of_all]
    share_rate = _share_rate(work, clock)
    # With one other piece beside it for a part o of its time, a piece's share is 1 - o/2.
    beside_w = np.clip(2 * (1 - share_rate), 0, 1) * usual_w
    size_w = _size(classes.of_all, length_ns, len(classes.names)) * usual_w
    weight = np.broadcast_to(1.0, len(start_ns)) if clock_factor is None else clock_factor
    stretches = clock.stretches
    return Design(
        traits=traits,
        knot_ns=_knots(span_ns),
        busy=one_class(*stretches, np.broadcast_to(1.0, len(stretches[0]))),
        sizes=ClassTimes(
            start_ns, end_ns, size_w, category[classes.of_all], int(category.max()) + 1
        ),
        classes=ClassTimes(start_ns, end_ns, weight, classes.of_all, len(classes.names)),
        share_rate=share_rate,
        beside_w=beside_w,
        limit_w=limit_w,
    )


def _share_rate(work: DeviceWork, clock: ShareClock) -> Float:
    start_ns, end_ns = work.all_start_ns, work.all_end_ns
    rate = np.ones(len(start_ns))
    rest = np.flatnonzero(~work.all_alone | (end_ns <= start_ns))
    start_ns, end_ns = start_ns[rest], end_ns[rest]
    share_ns = clock.share_at(end_ns) - clock.share_at(start_ns)
    rate[rest] = np.clip(share_ns / np.maximum(end_ns - start_ns, 1), 0, 1)
    return rate


def _size(of_all: Codes, length_ns: Float, n_classes: int) -> Float:
    length = np.log(length_ns)
    weighted = np.bincount(of_all, length * length_ns, n_classes)
    usual = weighted / np.bincount(of_all, length_ns, n_classes)
    return np.clip(length - usual[of_all], -LARGEST_SIZE, LARGEST_SIZE)


def _knots(span_ns: tuple[int, int]) -> Int:
    span_s = (span_ns[1] - span_ns[0]) * S_PER_NS
    n_pieces = int(span_s // KNOT_S)
    if n_pieces < 1:
        return np.zeros(0, dtype=np.int64)
    return np.linspace(*span_ns, n_pieces + 1).astype(np.int64)
