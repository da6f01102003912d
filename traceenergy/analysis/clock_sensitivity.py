"""How much of a kernel's time goes with one over the clock, where its launches tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from traceenergy.codes import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.clocked_work import ClockedWork
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

N_BLOCKS = 24  # of time: errors of launches beside each other are alike
LEAST_BLOCKS = 8
LEAST_SPREAD = 0.01  # of the clock, standard deviation over its mean
MOST_ERROR = 0.15  # of the part: more tells nothing beside 0 to 1
Z90 = 1.645
SLACK = 0.1  # beyond 0 to 1, something else than the clock changed the times
MOST_LAUNCHES = 200_000  # more tell no more, and cost time
LEAST_STEADY = 0.5  # correlation of readings beside each other


class ClockBound(NamedTuple):
    """Part of the time of groups that goes with one over the clock, ``(n,)`` each; NaN: not told.

    Bounds are 0 and 1 where the data tell nothing.
    """

    value: Float
    low: Float
    high: Float


def clock_bound(ledger: Ledger, work: ClockedWork, group: Int, n: int) -> ClockBound:
    """Fit times of launches that are alike against the clocks that they ran at.

    Parameters
    ----------
    ledger : Ledger
    work : ClockedWork
    group : ndarray of int64 (n_work,)
        Kernel of each piece.
    n : int
        Kernels.

    Returns
    -------
    ClockBound
        At the mean clock of each kernel, with 90 % intervals.

    Notes
    -----
    A launch takes ``a / f + b``. Launches of one kernel, device and grid are alike; over their
    means, the slope of time against ``1 / f`` is ``a / f`` over the whole. Its error is taken from
    blocks of time, in which launches share what else changes. Readings that come at moments miss
    part of what the clock does, which draws slopes to 0: the upper bound is divided by the
    correlation of readings beside each other.
    """
    nothing = ClockBound(np.full(n, np.nan), np.zeros(n), np.ones(n))
    mean_mhz = np.average(work.clock_mhz, weights=work.time_s) if len(work.row) else 0.0
    spread = (
        np.sqrt(np.average((work.clock_mhz - mean_mhz) ** 2, weights=work.time_s))
        if mean_mhz
        else 0.0
    )
    if spread < LEAST_SPREAD * mean_mhz or not mean_mhz:
        return nothing
    # Launches at several readings took their mean clock.
    n_work = len(group)
    cycles = np.bincount(work.row, work.time_s * work.clock_mhz, n_work)
    known_s = np.bincount(work.row, work.time_s, n_work)
    rows = np.flatnonzero((known_s > 0) & (cycles > 0) & (group >= 0))
    if len(rows) > MOST_LAUNCHES:
        # By chance, not each n-th: steps repeat.
        drawn = np.random.default_rng(0).random(len(rows)) < MOST_LAUNCHES / len(rows)
        rows = rows[drawn]
    keys = pl.DataFrame(
        {"kernel": group[rows], "device": ledger.device[rows],
         "grid": ledger.work["grid_blocks"].gather(rows)}
    )  # fmt: skip
    code, classes = codes_of(keys, keys.columns)
    length = (ledger.end_ns[rows] - ledger.start_ns[rows]).astype(np.float64)
    time = _over_mean(length, code, len(classes))
    slowness = _over_mean(known_s[rows] / cycles[rows], code, len(classes))
    block = _blocks(ledger.start_ns[rows])
    value, error = _slopes(slowness - 1, time - 1, group[rows], block, n)
    steady = _steadiness(work)
    return _bounded(value, error, steady)


def _over_mean(value: Float, code: Int, n: int) -> Float:
    mean = np.bincount(code, value, n) / np.bincount(code, minlength=n)
    return np.asarray(value / np.maximum(mean, 1e-300)[code])


def _blocks(start_ns: Int) -> Int:
    first_ns, last_ns = start_ns.min(), start_ns.max()
    since = (start_ns - first_ns) * (N_BLOCKS / max(last_ns - first_ns, 1))
    return np.asarray(np.minimum(since.astype(np.int64), N_BLOCKS - 1))


def _slopes(x: Float, y: Float, group: Int, block: Int, n: int) -> tuple[Float, Float]:
    """Fit lines through the origin, with errors from blocks of time; NaN where not told."""
    count = np.bincount(group, minlength=n)
    square = np.bincount(group, x * x, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.bincount(group, x * y, n) / square
        left = x * (y - slope[group] * x)
        cell = group * N_BLOCKS + block
        scores = np.bincount(cell, left, n * N_BLOCKS).reshape(n, N_BLOCKS)
        squares = np.bincount(cell, x * x, n * N_BLOCKS).reshape(n, N_BLOCKS)
        n_telling = (squares > square[:, None] / N_BLOCKS**2).sum(axis=1)
        error = np.sqrt((scores**2).sum(axis=1) * n_telling / (n_telling - 1)) / square
        spread = np.sqrt(square / count)
    told = (n_telling >= LEAST_BLOCKS) & (spread >= LEAST_SPREAD)
    return np.where(told, slope, np.nan), np.where(told, error, np.nan)


def _steadiness(work: ClockedWork) -> float:
    """Correlate readings with the next one of the same device, while there is work."""
    pairs = []
    for index in np.flatnonzero(work.highest_mhz).tolist():
        mine = work.of_device(index)
        zone = work.zone[mine]
        clock = np.full(int(zone.max(initial=-1)) + 1, np.nan)
        clock[zone] = work.clock_mhz[mine]
        pairs.append(np.stack((clock[:-1], clock[1:])))
    before, after = np.concatenate(pairs, axis=1)
    both = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[both], after[both]
    if len(before) < LEAST_BLOCKS or not (before.std() and after.std()):
        return 0.0
    return float(np.corrcoef(before, after)[0, 1])


def _bounded(value: Float, error: Float, steady: float) -> ClockBound:
    half = Z90 * error
    possible = (value + half > -SLACK) & (value - half < 1 + SLACK)
    told = possible & (error <= MOST_ERROR) & (steady >= LEAST_STEADY)
    low = np.where(told, np.clip(value - half, 0.0, 1.0), 0.0)
    high = np.where(told, np.clip((value + half) / max(steady, LEAST_STEADY), 0.0, 1.0), 1.0)
    return ClockBound(np.where(told, np.clip(value, low, high), np.nan), low, high)
