"""When a sensor updated, from a log that was polled about as slowly, found by the work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import (
    FLOOR_W2,
    LAG,
    Explained,
    Readings,
    explain,
    independent_rows,
    liveliest,
    place,
    slopes,
)
from traceenergy.energy.sensor_response import S_PER_MS, respond
from traceenergy.energy.sensor_scan import Kind, scan_lags
from traceenergy.energy.sensor_search import BOARD_MS, INSTANT_MS, WINDOWS_MS
from traceenergy.energy.work_grid import CoarseWork, WorkGrid, lay_grid
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

LONGEST_WINDOW_MS = 300.0  # readings of longer ones hardly tell when they were made
PERIOD_FREEDOM = 0.008
PHASES = 12
STEPS_PER_PERIOD = 40  # in which delays of readings are tried
REACH_STEPS = 24  # how far off a first guess of the delay may be
PROBE_ROWS, PROBE_S = 250, 30.0
MOST_ROWS, MOST_SPAN_S = 3000, 120.0
MIN_ROWS = 50
# Steps to each side of a clock that is about right.
NEAR_PERIODS, NEAR_PHASES, NEAR_DELAYS = np.arange(-8, 9), np.arange(-4, 5), np.arange(-5, 6)
LAST_ROUNDS = 2  # with all readings, in finer steps
LEAST_GAIN = 0.05
LEAST_NATS = 12.0  # the best of 10^5 clocks is some 9 nats better by chance
REACH_S = 2.0


@dataclass(frozen=True)
class HiddenUpdates:
    """Updates of a sensor that a log does not show.

    Attributes
    ----------
    update_ns : ndarray of int64 (n_samples,) [ns]
        When the value of each reading was made, but for a constant that the lag then holds.
        Equal where two readings show one update.
    period_ms : float [ms]
    gain : float
        Share of the misfit that vanishes with them.
    """

    update_ns: Int
    period_ms: float
    gain: float


@dataclass(frozen=True)
class _Clock:
    """Updates at a phase and whole periods from it, seen after a delay [s]."""

    phase_s: float
    period_s: float
    delay_s: float

    @property
    def step_s(self) -> float:
        """Between delays that are tried."""
        return self.period_s / STEPS_PER_PERIOD

    def update_s(self, at_s: Float) -> Float:
        """Give the last update before each time."""
        turn = np.floor((at_s - self.phase_s) / self.period_s)
        return np.asarray(self.phase_s + turn * self.period_s)

    def near(self, at_s: float) -> _Clock:
        """State the phase by the update nearest to a time."""
        turn = round((at_s - self.phase_s) / self.period_s)
        return replace(self, phase_s=self.phase_s + turn * self.period_s)


def find_hidden_updates(
    sample_ns: Int, power_w: Float, work: CoarseWork, *, period_ms: float, window_ms: float | None
) -> HiddenUpdates | None:
    """Search the clock of a sensor that was polled about as slowly as it updates.

    Parameters
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
        Time of reading, sorted.
    power_w : ndarray of float64 (n_samples,) [W]
    work : CoarseWork
    period_ms : float [ms]
        How often the sensor updates, to 0.8 %.
    window_ms : float or None [ms]
        Over how long it averages; None to try what is usual.

    Returns
    -------
    HiddenUpdates or None
        None where no clock explains the readings clearly better than their own times do.

    Notes
    -----
    A reading at t shows the update at ``u = phase + T floor((t - phase) / T)``: it is up to a
    period old, and how old drifts, or jumps. What the work explains of each reading at each
    delay is tabled once; then a clock is a look-up. First on a part of the readings, all
    periods and phases; then nearby with twice as many readings each time, so that the number of
    updates is never in doubt.
    """
    at_s = (sample_ns - work.origin_ns).astype(np.float64) * S_PER_NS
    first, last = np.searchsorted(at_s, (-REACH_S, work.length_s + REACH_S))
    at_work = slice(int(first), int(last))
    windows_ms = _windows_ms(period_ms, window_ms)
    if last - first < MIN_ROWS or not windows_ms or not np.ptp(power_w[at_work]):
        return None
    rows = liveliest(at_s[at_work], power_w[at_work], MOST_SPAN_S, MOST_ROWS)
    readings = place(at_s[at_work][rows], power_w[at_work][rows])
    grid = lay_grid(work, readings.at_s).by_category()
    tried = [_search(readings, grid, period_ms, one_ms) for one_ms in windows_ms]
    found = min(tried, key=lambda one: one.explained.misfit_w2)
    guess_w2 = min(one.guess.misfit_w2 for one in tried)
    gain = 1 - (found.explained.misfit_w2 + FLOOR_W2) / (guess_w2 + FLOOR_W2)
    n_rows = independent_rows(found.explained.left_w)
    if gain < LEAST_GAIN or -n_rows / 2 * float(np.log1p(-gain)) < LEAST_NATS:
        return None
    update_s = found.clock.update_s(at_s)
    update_ns = work.origin_ns + np.round(update_s / S_PER_NS).astype(np.int64)
    return HiddenUpdates(update_ns, found.clock.period_s / S_PER_MS, gain)


def _windows_ms(period_ms: float, window_ms: float | None) -> list[float]:
    if window_ms is None:
        return [one_ms for one_ms in WINDOWS_MS[1:] if one_ms <= period_ms]
    return [max(window_ms, INSTANT_MS)] if window_ms < LONGEST_WINDOW_MS else []


@dataclass(frozen=True)
class _Found:
    """Best clock for a window, what it explains, and what was explained without."""

    clock: _Clock
    explained: Explained
    guess: Explained


def _guess(readings: Readings, grid: WorkGrid, period_ms: float, window_ms: float) -> Explained:
    """Explain readings of unknown age: as of their own times, or as a mean over all ages."""
    kinds = [Kind(window_ms, BOARD_MS), Kind(window_ms + period_ms, BOARD_MS)]
    tried = []
    for kind, scan in zip(
        kinds, scan_lags(readings.thin(MOST_ROWS // 6), grid, kinds), strict=True
    ):
        lag_ms = scan.valleys()[0][0]
        tried.append(explain(readings, grid, np.array([lag_ms, BOARD_MS, kind.window_ms])))
    return min(tried, key=lambda found: found.misfit_w2)


def _search(readings: Readings, grid: WorkGrid, period_ms: float, window_ms: float) -> _Found:
    guess = _guess(readings, grid, period_ms, window_ms)
    lag_ms, _, seen_ms = guess.shape_ms
    # The middle of what the guess sees is the middle of what one update sees, half a period old.
    delay_ms = float(lag_ms + (seen_ms - window_ms) / 2) - period_ms / 2
    rows = liveliest(readings.at_s, readings.power_w, PROBE_S, PROBE_ROWS)
    part = place(readings.at_s[rows], readings.power_w[rows])
    period_s = period_ms * S_PER_MS
    clock = _Clock(float(part.at_s.mean()), period_s, delay_ms * S_PER_MS)
    table = _tabulate(part, grid, guess, clock, window_ms)
    clock = _best(part.at_s, table, clock, PERIOD_FREEDOM, 1 / (2 * PHASES))
    last_rounds = LAST_ROUNDS
    while last_rounds:
        found = _explain(part, grid, clock, window_ms)
        clock = clock.near(float(part.at_s.mean()))
        table = _tabulate(part, grid, found, clock, window_ms)
        all_rows = len(part.at_s) == len(readings.at_s)
        step = 1 / ((16 if all_rows else 4) * PHASES)
        clock = _best(part.at_s, table, clock, None, step)
        last_rounds -= all_rows
        more = (rows.stop - rows.start) // 2
        rows = slice(max(0, rows.start - more), min(len(readings.at_s), rows.stop + more))
        part = place(readings.at_s[rows], readings.power_w[rows])
    clock = _polish(readings, grid, clock, window_ms)
    return _Found(clock, _explain(readings, grid, clock, window_ms), guess)


def _polish(readings: Readings, grid: WorkGrid, clock: _Clock, window_ms: float) -> _Clock:
    """Move delay and period by one step of Gauss-Newton, if that is better."""
    found = _explain(readings, grid, clock, window_ms)
    update_s = clock.update_s(readings.at_s)
    rate = slopes(place(update_s, readings.power_w), grid, found, [LAG])[:, 0]
    number = np.round((update_s - clock.phase_s) / clock.period_s)
    later_ms = np.linalg.lstsq(np.column_stack((rate, rate * number)), found.left_w, rcond=None)[0]
    later_s, slower_s = (float(one) * S_PER_MS for one in later_ms)
    polished = _Clock(clock.phase_s, clock.period_s - slower_s, clock.delay_s + later_s)
    better = _explain(readings, grid, polished, window_ms).misfit_w2 < found.misfit_w2
    return polished if better else clock


def _explain(readings: Readings, grid: WorkGrid, clock: _Clock, window_ms: float) -> Explained:
    placed = place(clock.update_s(readings.at_s), readings.power_w)
    return explain(placed, grid, np.array([clock.delay_s / S_PER_MS, BOARD_MS, window_ms]))


def _tabulate(
    readings: Readings, grid: WorkGrid, found: Explained, clock: _Clock, window_ms: float
) -> Float:
    """Square what is left of each reading at each delay, from `REACH_STEPS` below the clock's."""
    curve, response = grid.fold(found.column_w), respond(window_ms, BOARD_MS)
    delay_s = clock.delay_s + clock.step_s * np.arange(
        -REACH_STEPS, REACH_STEPS + STEPS_PER_PERIOD + 2
    )
    shown_w = curve.shown_by(readings.at_s, [(one_s, response) for one_s in delay_s.tolist()]).T
    # The level is the one that fits the readings best, on the whole.
    off_w = readings.power_w - shown_w.mean(axis=0)
    level_w = readings.level @ (readings.level.T @ off_w)
    return np.asarray((readings.power_w - level_w - shown_w) ** 2)


def _costs(at_s: Float, table: Float, period_s: float, phases_s: Float, delays: Int) -> Float:
    """Sum the squares of each phase (rows) at each delay (columns)."""
    age = (at_s - phases_s[:, None]) % period_s * (STEPS_PER_PERIOD / period_s)
    row = np.round(age).astype(np.int64) + REACH_STEPS
    n_rows = table.shape[1]
    at, square_w2 = row * n_rows + np.arange(n_rows), table.ravel()
    return np.stack([square_w2[at + delay * n_rows].sum(axis=1) for delay in delays], axis=1)


def _best(at_s: Float, table: Float, clock: _Clock, freedom: float | None, step: float) -> _Clock:
    """Try periods and phases around a clock's, in steps that move an update by a share of them.

    All phases and delays, and periods as far off as `freedom`; without it, nearby ones.
    """
    apart = step * clock.period_s / float(np.ptp(at_s))
    if freedom is None:
        factors, phases, delays = 1 + apart * NEAR_PERIODS, step * NEAR_PHASES, NEAR_DELAYS
    else:
        factors = np.arange(1 - freedom, 1 + freedom + apart / 2, apart)
        phases = np.arange(PHASES) / PHASES
        delays = np.arange(-REACH_STEPS, REACH_STEPS + 1)
    phases_s = (clock.phase_s + phases * clock.period_s).astype(np.float64)
    tried = []
    for period_s in (clock.period_s * factors).tolist():
        costs = _costs(at_s, table, period_s, phases_s, delays)
        phase, delay = np.unravel_index(int(np.argmin(costs)), costs.shape)
        delay_s = clock.delay_s + float(delays[delay]) * clock.step_s
        tried.append((costs[phase, delay], _Clock(float(phases_s[phase]), period_s, delay_s)))
    return min(tried, key=lambda pair: float(pair[0]))[1]
