"""How well a window, a smoothing, a lag explain the readings of a power sensor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from traceenergy.energy.sensor_response import S_PER_MS, Response, respond
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

LAG, SMOOTHING, WINDOW = range(3)  # order of what is searched, all in ms
# Ways to go, in columns: later by itself; smoother, or longer, about the same middle of what is
# seen. Data tell these three nearly apart, smoothing and lag not.
DIRECTIONS = np.array([[1.0, -1.0, -0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
RIDGE = 1e-6  # W^-2 per reading: a category of 500 W costs as much as a misfit of 0.5 W
FLOOR_W2 = 0.25  # misfit that quantization and noise leave at least
ROUNDS = 8
LEAST_GAIN = 1e-4  # share of the misfit that another round must be worth
NATS = 3.0  # what is within e^-3 of the best likelihood is not ruled out
WITHIN_NATS_SE = float(np.sqrt(2 * NATS))
MOST_TEMPER_ROWS = 200
ROWS_AT_ONCE = 1024  # readings at all lags that are looked at together
LEAST_VARIANCE = 0.05  # of a reading, over the mean of all: idle is never that sure


class Source(Protocol):
    """Work that a sensor may show."""

    def shown(self, end_s: Float, response: Response) -> Float:
        """Say what a sensor shows of each column."""

    def drawn_by(
        self, column_w: Float, end_s: Float, sensors: Sequence[tuple[float, Response]]
    ) -> Float:
        """Say what several sensors show of all columns, each times its power."""


@dataclass(frozen=True)
class Readings:
    """Readings of a sensor, one per update, each with a weight.

    Attributes
    ----------
    at_s : ndarray of float64 (n_rows,) [s]
    power_w : ndarray of float64 (n_rows,) [W]
    weight : ndarray of float64 (n_rows,)
        Inverse standard deviation of what a model may miss, 1 on the whole.
    level : ndarray of float64 (n_rows, n_levels)
        Orthonormal; what may be added to power whatever runs: a constant, a slope. Weighted.
    """

    at_s: Float
    power_w: Float
    weight: Float
    level: Float

    def free(self, columns: Float) -> Float:
        """Weigh, and take out what the level explains."""
        weighted = columns * (self.weight if columns.ndim == 1 else self.weight[:, None])
        rest: Float = weighted - self.level @ (self.level.T @ weighted)
        return rest

    def thin(self, most: int) -> Readings:
        """Keep every so many-th reading, `most` at most."""
        step = -(-len(self.at_s) // most)
        return place(self.at_s[::step], self.power_w[::step], self.weight[::step])


def place(at_s: Float, power_w: Float, weight: Float | None = None) -> Readings:
    """Make readings with a level that may rise or fall by a straight line."""
    course = (at_s - at_s.mean()) / max(float(np.ptp(at_s)), 1e-9)
    weight = np.ones(len(at_s)) if weight is None else weight
    level = np.column_stack((weight, weight * course))
    return Readings(at_s, power_w, weight, np.linalg.qr(level)[0])


def liveliest(at_s: Float, power_w: Float, span_s: float, most_rows: int) -> slice:
    """Choose the stretch in which readings move most, no longer than asked."""
    moved_w = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(power_w)))))
    until = np.searchsorted(at_s, at_s + span_s, side="right")
    until = np.minimum(until, np.arange(len(at_s)) + most_rows) - 1
    begin = int(np.argmax(moved_w[until] - moved_w))
    return slice(begin, int(until[begin]) + 1)


def weigh(readings: Readings, work: Source, found: Explained) -> Readings:
    """Weigh readings by how much a model may miss of them.

    Kernels of one category differ in power, so a reading is missed by more the more runs: its
    variance is taken as a line in the power that the work explains, fitted to the squares of
    what is left. Readings at edges of activity, which tell the lag, so count for more.
    """
    column_w = found.column_w[:, None]
    drawn_w = np.maximum(_shown(readings, work, found.shape_ms) @ column_w, 0.0)[:, 0]
    square_w2 = (found.left_w / readings.weight) ** 2
    mean_w, mean_w2 = float(drawn_w.mean()), float(square_w2.mean())
    off_w = drawn_w - mean_w
    rise = float(off_w @ square_w2) / max(float(off_w @ off_w), 1e-12)
    rise = float(np.clip(rise, 0.0, mean_w2 / max(mean_w, 1e-12)))
    variance_w2 = mean_w2 + rise * off_w
    variance_w2 = np.maximum(variance_w2, LEAST_VARIANCE * mean_w2) + FLOOR_W2
    weight = np.sqrt(variance_w2.mean() / variance_w2)
    return place(readings.at_s, readings.power_w, weight)


@dataclass(frozen=True)
class Limits:
    """Where to look for lag, smoothing, window, in this order.

    Attributes
    ----------
    low_ms, high_ms : ndarray of float64 (3,) [ms]
        Equal where it is given.
    usual_ms, usual_sd_ms : ndarray of float64 (3,) [ms]
        Weak prior; infinite deviations for none.
    """

    low_ms: Float
    high_ms: Float
    usual_ms: Float
    usual_sd_ms: Float

    def hold(self, index: int, value_ms: float) -> Limits:
        """Give one of the three."""
        low_ms, high_ms = self.low_ms.copy(), self.high_ms.copy()
        low_ms[index] = high_ms[index] = value_ms
        return replace(self, low_ms=low_ms, high_ms=high_ms)

    def prior_nats(self, shape_ms: Float) -> float:
        """Say how unusual values are."""
        return float((((shape_ms - self.usual_ms) / self.usual_sd_ms) ** 2).sum()) / 2


@dataclass(frozen=True)
class Explained:
    """What is left of the readings, and how it would change.

    Attributes
    ----------
    shape_ms : ndarray of float64 (3,) [ms]
        Lag, smoothing, window.
    left_w : ndarray of float64 (n_rows,) [W]
        Weighted, less the level.
    columns : ndarray of float64 (n_rows, n_columns)
        What the sensor shows of each column of the work, weighted, less the level.
    column_w : ndarray of float64 (n_columns,) [W]
        Power of each.
    """

    shape_ms: Float
    left_w: Float
    columns: Float
    column_w: Float

    @property
    def misfit_w2(self) -> float:
        """Mean square of what is left."""
        return float(self.left_w @ self.left_w) / len(self.left_w)

    def cost_nats(self, n_rows: float, limits: Limits) -> float:
        """Give minus the log of the likelihood of so many independent rows, and of the prior."""
        misfit = n_rows / 2 * float(np.log(self.misfit_w2 + FLOOR_W2))
        return misfit + limits.prior_nats(self.shape_ms)


def explain(readings: Readings, work: Source, shape_ms: Float) -> Explained:
    """Regress the readings on what the sensor would show of the work."""
    columns = readings.free(_shown(readings, work, shape_ms))
    power_w = readings.free(readings.power_w)
    gain = columns.T @ columns
    gain[np.diag_indices_from(gain)] += RIDGE * len(columns)
    column_w: Float = np.linalg.solve(gain, columns.T @ power_w).astype(np.float64)
    return Explained(shape_ms, power_w - columns @ column_w, columns, column_w)


def misfits_w2(readings: Readings, work: Source, shape_ms: Float, lag_ms: Float) -> Float:
    """Say how much is left of the readings at each of some lags.

    Parameters
    ----------
    readings : Readings
    work : Source
    shape_ms : ndarray of float64 (3,) [ms]
        Smoothing and window of the sensor.
    lag_ms : ndarray of float64 (n_lags,) [ms]

    Returns
    -------
    ndarray of float64 (n_lags,) [W^2]
        `Explained.misfit_w2` of each, without what else `explain` tells.
    """
    _, response = _sensor(shape_ms)
    power_w, n_rows = readings.free(readings.power_w), len(readings.at_s)
    found = []
    at_once = max(1, ROWS_AT_ONCE // n_rows)
    for begin in range(0, len(lag_ms), at_once):
        late_s = lag_ms[begin : begin + at_once, None] * S_PER_MS
        shown = work.shown((readings.at_s - late_s).ravel(), response)
        columns = shown.reshape(len(late_s), n_rows, -1) * readings.weight[:, None]
        columns -= readings.level @ (readings.level.T @ columns)
        gain = columns.transpose(0, 2, 1) @ columns
        gain += RIDGE * n_rows * np.eye(gain.shape[1])
        column_w = np.linalg.solve(gain, (power_w @ columns)[..., None])
        left_w = power_w - (columns @ column_w)[..., 0]
        found.append(np.einsum("ij,ij->i", left_w, left_w) / n_rows)
    return np.concatenate(found)


def slopes(readings: Readings, work: Source, found: Explained, moves: Sequence[int]) -> Float:
    """Say how what is left falls along some of `DIRECTIONS` [W/ms].

    The powers of the columns follow: to first order what they can make up for is taken out
    (the projection of Kaufman, BIT 15, 1975), so one column is enough to differentiate.
    """
    steps_ms = _steps_ms(found.shape_ms)
    # Smoothing ends at zero.
    backs_ms = (-steps_ms[0], *(-min(steps_ms[i], float(found.shape_ms[i])) for i in (1, 2)))
    sensors = [
        _sensor(found.shape_ms + apart_ms * DIRECTIONS[:, index])
        for index in moves
        for apart_ms in (backs_ms[index], steps_ms[index])
    ]
    shown_w = work.drawn_by(found.column_w, readings.at_s, sensors)
    apart_ms = np.array([steps_ms[index] - backs_ms[index] for index in moves])
    rate = readings.free((shown_w[:, 1::2] - shown_w[:, ::2]) / apart_ms)
    columns = found.columns
    gain = columns.T @ columns
    gain[np.diag_indices_from(gain)] += RIDGE * len(columns)
    return np.asarray(rate - columns @ np.linalg.solve(gain, columns.T @ rate))


def _shown(readings: Readings, work: Source, shape_ms: Float) -> Float:
    late_s, response = _sensor(shape_ms)
    return work.shown(readings.at_s - late_s, response)


def _sensor(shape_ms: Float) -> tuple[float, Response]:
    """Say how late the window of a sensor ends [s], and how it sees the past."""
    response = respond(float(shape_ms[WINDOW]), float(shape_ms[SMOOTHING]))
    return float(shape_ms[LAG]) * S_PER_MS, response


def _steps_ms(shape_ms: Float) -> tuple[float, float, float]:
    window_ms, smoothing_ms = float(shape_ms[WINDOW]), float(shape_ms[SMOOTHING])
    lag_step_ms = float(np.clip((window_ms + smoothing_ms) / 50, 0.25, 5.0))
    return lag_step_ms, max(0.25, smoothing_ms / 20), min(max(0.25, window_ms / 50), window_ms / 2)


def descend(
    readings: Readings, work: Source, start_ms: Float, limits: Limits, rounds: int = ROUNDS
) -> Explained:
    """Walk from a start to the nearest best explanation within limits.

    Parameters
    ----------
    readings : Readings
    work : Source
    start_ms : ndarray of float64 (3,) [ms]
    limits : Limits
    rounds : int, optional

    Returns
    -------
    Explained

    Notes
    -----
    Levenberg-Marquardt: Gauss-Newton steps, shortened while they do not help. Without smoothing
    data say little of where to go, so a walk that ends there is tried again from the usual.
    """
    best = _walk_down(readings, work, start_ms, limits, rounds)
    usual_ms = float(limits.usual_ms[SMOOTHING])
    if best.shape_ms[SMOOTHING] > 0 or limits.high_ms[SMOOTHING] < usual_ms:
        return best
    start_ms = best.shape_ms + usual_ms * DIRECTIONS[:, SMOOTHING]
    other = _walk_down(readings, work, start_ms, limits, rounds)
    weight_w2 = best.misfit_w2 + FLOOR_W2
    better = _cost_w2(other, limits, weight_w2) < _cost_w2(best, limits, weight_w2)
    return other if better else best


def _walk_down(
    readings: Readings, work: Source, start_ms: Float, limits: Limits, rounds: int
) -> Explained:
    best = explain(readings, work, np.clip(start_ms, limits.low_ms, limits.high_ms))
    moves = np.flatnonzero(limits.high_ms > limits.low_ms)
    shorten = 1e-3
    for _ in range(rounds if len(moves) else 0):
        ways = DIRECTIONS[:, moves]
        rate = slopes(readings, work, best, moves.tolist())
        weight_w2 = best.misfit_w2 + FLOOR_W2
        usual = weight_w2 / limits.usual_sd_ms**2
        gain = rate.T @ rate + ways.T @ (usual[:, None] * ways)
        pull = rate.T @ best.left_w - ways.T @ (usual * (best.shape_ms - limits.usual_ms))
        before = _cost_w2(best, limits, weight_w2)
        for _ in range(5):
            damped = gain + np.diag(shorten * np.diag(gain) + 1e-12)
            shape_ms = best.shape_ms + ways @ np.linalg.solve(damped, pull)
            tried = explain(readings, work, np.clip(shape_ms, limits.low_ms, limits.high_ms))
            after = _cost_w2(tried, limits, weight_w2)
            if after < before:
                break
            shorten = max(8 * shorten, 1e-2)
        else:
            return best
        best, shorten = tried, shorten / 10
        if before - after < LEAST_GAIN * before:
            break
    return best


def _cost_w2(found: Explained, limits: Limits, weight_w2: float) -> float:
    square_w2 = float(found.left_w @ found.left_w)
    return square_w2 + 2 * weight_w2 * limits.prior_nats(found.shape_ms)


def independent_rows(left_w: Float) -> float:
    """Count the rows that misfits like these are worth.

    Misfits that follow each other repeat themselves: n rows are worth n over the sum of their
    autocorrelation, as far as it is not noise.
    """
    n_rows = len(left_w)
    off_w = left_w - left_w.mean()
    scale = max(float(off_w @ off_w), 1e-300)
    repeat = 1.0
    for apart in range(1, min(n_rows // 4, MOST_TEMPER_ROWS)):
        alike = float(off_w[apart:] @ off_w[:-apart]) / scale
        if alike < 2 / np.sqrt(n_rows):
            break
        repeat += 2 * alike
    return n_rows / repeat
