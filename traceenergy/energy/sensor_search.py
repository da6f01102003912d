"""Search for the kind of sensor, with its lag, that explains readings best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_likelihood import (
    FLOOR_W2,
    LAG,
    NATS,
    SMOOTHING,
    WINDOW,
    Explained,
    Limits,
    Readings,
    descend,
    independent_rows,
    misfits_w2,
    weigh,
)
from traceenergy.energy.sensor_scan import LAG_RANGE_MS, STEP_MS, Kind, Scan, scan_lags
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.work_grid import WorkGrid

    Float = NDArray[np.float64]

INSTANT_MS = 1.0  # shorter windows are read as this long
# Windows of boards measured so far, and round ones between.
WINDOWS_MS = (INSTANT_MS, 10.0, 20.0, 25.0, 50.0, 100.0, 500.0, 1000.0)
WINDOW_FREEDOM = (0.7, 1.3)
# Smoothing of boards with a fast sensor, and of the capacitors before the sensors of old boards:
# where to begin, how far it may be, weak prior.
BOARD_MS, BOARD_RANGE_MS, BOARD_SD_MS = 1.0, (0.0, 10.0), 1.0
SLOW_MS, SLOW_RANGE_MS, SLOW_SD_MS = 100.0, (20.0, 500.0), 100.0
USUAL_LAG_MS, USUAL_LAG_SD_MS = 50.0, 300.0

WORTH_A_WALK = 4.0  # valleys more times as high as the lowest are out
VALLEYS_PER_KIND, MOST_WALKS, WALK_ROUNDS = 3, 12, 4
REACH_MS = 1.5 * STEP_MS
NEAR_MS = np.arange(-60.0, 61.0, 2.0)  # lags tried one by one around the best
NEAREST_MS = np.arange(-8.0, 9.0)
MOST_NEAR, KINDS_NEAR = 4, 3
AGAINST_NATS, AGAINST_MISFIT = 10.0, 1.2


@dataclass(frozen=True)
class Asked:
    """What is known of a sensor before its readings are seen.

    Attributes
    ----------
    period_ms : float [ms]
        How often it updates.
    known_ms : float or None [ms]
        Window that this GPU is known to have.
    given_ms : float or None [ms]
        Window that is not to be doubted.
    """

    period_ms: float
    known_ms: float | None
    given_ms: float | None

    def kinds(self) -> list[Kind]:
        """List the sensors that there may be."""
        if self.given_ms is not None:
            windows_ms = {max(self.given_ms, INSTANT_MS)}
        else:
            known_ms = WINDOWS_MS[:1] if self.known_ms is None else (self.known_ms,)
            windows_ms = {max(window_ms, INSTANT_MS) for window_ms in (*WINDOWS_MS, *known_ms)}
        kinds = [Kind(window_ms, BOARD_MS) for window_ms in sorted(windows_ms)]
        slow = [Kind(INSTANT_MS, SLOW_MS, is_slow=True)] if INSTANT_MS in windows_ms else []
        return kinds + slow

    def is_known(self, kind: Kind) -> bool:
        """Tell the kind that this GPU is known to have."""
        known_ms = None if self.known_ms is None else max(self.known_ms, INSTANT_MS)
        return self.given_ms is None and kind.window_ms == known_ms and not kind.is_slow


@dataclass(frozen=True)
class Walk:
    """Where going downhill from a valley of one kind of sensor ended.

    Attributes
    ----------
    kind : Kind
    found : Explained
        With the window of the kind.
    cost_nats : float
        Minus the log of likelihood and prior.
    """

    kind: Kind
    found: Explained
    cost_nats: float


@dataclass(frozen=True)
class Search:
    """Kinds and lags that may be.

    Attributes
    ----------
    walks : list of Walk
        The one to believe first: that of the known sensor unless the data contradict it clearly,
        else the best.
    likely_ms : ndarray of float64 (n,) [ms]
        Lags of its kind that coarse steps do not rule out.
    """

    walks: list[Walk]
    likely_ms: Float

    def of_known(self, asked: Asked) -> Search:
        """Leave out other kinds than the known one."""
        return Search([walk for walk in self.walks if asked.is_known(walk.kind)], self.likely_ms)

    def alike_ms(self, *, same_kind: bool) -> Float:
        """List lag, smoothing, window of walks that ended as well as the first."""
        first = self.walks[0]
        return np.array(
            [
                walk.found.shape_ms
                for walk in self.walks
                if walk.cost_nats < first.cost_nats + NATS
                and (walk.kind == first.kind or not same_kind)
            ]
        )

    def likely_around(self, lag_ms: float) -> tuple[Float, Float]:
        """Part the likely lags in those that hang together with one, and others.

        Those next to it are not listed: between the steps, finer search knows better.
        """
        part = np.cumsum(np.diff(self.likely_ms, prepend=-np.inf) > REACH_MS)
        beside = np.abs(self.likely_ms - lag_ms) <= REACH_MS
        hangs = np.isin(part, part[beside])
        return self.likely_ms[hangs & ~beside], self.likely_ms[~hangs]


def limits_of(kind: Kind) -> Limits:
    """Say where to look for lag, smoothing, window of a kind, and what is usual."""
    low_ms, high_ms = SLOW_RANGE_MS if kind.is_slow else BOARD_RANGE_MS
    sd_ms = SLOW_SD_MS if kind.is_slow else BOARD_SD_MS
    low_window_ms, high_window_ms = (kind.window_ms * factor for factor in WINDOW_FREEDOM)
    return Limits(
        np.array([LAG_RANGE_MS[0] - 2 * STEP_MS, low_ms, low_window_ms]),
        np.array([LAG_RANGE_MS[1] + 2 * STEP_MS, high_ms, high_window_ms]),
        np.array([USUAL_LAG_MS, kind.smoothing_ms, kind.window_ms]),
        np.array([USUAL_LAG_SD_MS, sd_ms, np.inf]),
    )


def is_contradicted(known_nats: float, other_nats: float, ratio: float) -> bool:
    """Say whether another explanation is so much better that what is known must be wrong.

    Parameters
    ----------
    known_nats, other_nats : float
        Costs.
    ratio : float
        Misfit of the known over that of the other.
    """
    return known_nats - other_nats > AGAINST_NATS and ratio > AGAINST_MISFIT


def misfit_ratio(one: Explained, other: Explained) -> float:
    """Compare what two explanations leave, above the noise that is always there."""
    return (one.misfit_w2 + FLOOR_W2) / (other.misfit_w2 + FLOOR_W2)


def search(readings: Readings, grid: WorkGrid, asked: Asked) -> Search:
    """Go downhill from all valleys that may be the lowest.

    Parameters
    ----------
    readings : Readings
        Some hundreds are enough.
    grid : WorkGrid
    asked : Asked

    Returns
    -------
    Search
    """
    kinds = asked.kinds()
    coarse = grid.by_category()
    scans = dict(zip(kinds, scan_lags(readings, coarse, kinds), strict=True))
    ends = [_downhill(readings, coarse, *start) for start in _starts(scans, asked)]
    best = min((found for _, found in ends), key=lambda found: found.misfit_w2)
    readings = weigh(readings, coarse, best)
    ends = [
        _downhill(readings, grid, kind, found.shape_ms)
        for kind, found in ends
        if misfit_ratio(found, best) < WORTH_A_WALK or asked.is_known(kind)
    ]
    best_of_kind: dict[Kind, Walk] = {}
    for walk in _judge(ends, asked):
        best_of_kind.setdefault(walk.kind, walk)
    for walk in list(best_of_kind.values())[:KINDS_NEAR]:
        ends += _from(readings, grid, walk, _near(readings, grid, walk.found))
    believed = _judge(ends, asked)[0]
    ends += _from(readings, grid, believed, _rivals(scans[believed.kind]))
    walks = _judge(ends, asked)
    n_rows = independent_rows(walks[0].found.left_w)
    return Search(walks, _likely(scans[walks[0].kind], n_rows))


def _starts(scans: dict[Kind, Scan], asked: Asked) -> list[tuple[Kind, Float]]:
    valleys = [
        (depth_w2, kind, np.array([lag_ms, kind.smoothing_ms, kind.window_ms]))
        for kind, scan in scans.items()
        for lag_ms, depth_w2 in scan.valleys()[:VALLEYS_PER_KIND]
    ]
    valleys.sort(key=lambda valley: valley[0])
    enough_w2 = WORTH_A_WALK * (valleys[0][0] + FLOOR_W2)
    chosen = [valley for valley in valleys if valley[0] <= enough_w2][:MOST_WALKS]
    if not any(asked.is_known(kind) for _, kind, _ in chosen):
        chosen += [valley for valley in valleys if asked.is_known(valley[1])][:1]
    return [(kind, start_ms) for _, kind, start_ms in chosen]


def _downhill(
    readings: Readings, grid: WorkGrid, kind: Kind, start_ms: Float
) -> tuple[Kind, Explained]:
    limits = limits_of(kind).hold(WINDOW, kind.window_ms)
    return kind, descend(readings, grid, start_ms, limits, WALK_ROUNDS)


def _from(
    readings: Readings, grid: WorkGrid, walk: Walk, lags_ms: Sequence[float]
) -> list[tuple[Kind, Explained]]:
    starts_ms = (np.array([lag_ms, *walk.found.shape_ms[SMOOTHING:]]) for lag_ms in lags_ms)
    return [_downhill(readings, grid, walk.kind, start_ms) for start_ms in starts_ms]


def _judge(ends: Sequence[tuple[Kind, Explained]], asked: Asked) -> list[Walk]:
    """Sort by cost, with the one to believe first."""
    n_rows = independent_rows(min((end[1] for end in ends), key=lambda end: end.misfit_w2).left_w)
    walks = [Walk(kind, end, end.cost_nats(n_rows, limits_of(kind))) for kind, end in ends]
    walks.sort(key=lambda walk: walk.cost_nats)
    best = walks[0]
    known = next((walk for walk in walks if asked.is_known(walk.kind)), best)
    ratio = misfit_ratio(known.found, best.found)
    if not is_contradicted(known.cost_nats, best.cost_nats, ratio):
        best = known
    return [best] + [walk for walk in walks if walk is not best]


def _near(readings: Readings, grid: WorkGrid, best: Explained) -> list[float]:
    """List the valleys around the best that are narrower than the steps of the scan."""
    # Steps of a model may be shorter: with the powers as found, far. Edges of windows make
    # valleys within a valley: with all columns, nearby.
    lags_ms = []
    for source, apart_ms in ((grid.fold(best.column_w), NEAR_MS), (grid, NEAREST_MS)):
        left_w2 = misfits_w2(readings, source, best.shape_ms, best.shape_ms[LAG] + apart_ms)
        left, mid, right = left_w2[:-2], left_w2[1:-1], left_w2[2:]
        enough_w2 = WORTH_A_WALK * (left_w2.min() + FLOOR_W2)
        valley = np.flatnonzero((mid <= left) & (mid <= right) & (mid <= enough_w2)) + 1
        valley = valley[np.argsort(left_w2[valley], kind="stable")][:MOST_NEAR]
        lags_ms += [float(best.shape_ms[LAG] + one_ms) for one_ms in apart_ms[valley] if one_ms]
    return lags_ms


def _rivals(scan: Scan) -> list[float]:
    # Valleys of the same kind that were not walked yet: lags a step of the model apart.
    valleys = scan.valleys()
    enough_w2 = WORTH_A_WALK * (valleys[0][1] + FLOOR_W2)
    rivals = [lag_ms for lag_ms, depth_w2 in valleys if depth_w2 <= enough_w2]
    return rivals[VALLEYS_PER_KIND:MOST_WALKS]


def _likely(scan: Scan, n_rows: float) -> Float:
    nats = n_rows / 2 * np.log((scan.misfit_w2 + FLOOR_W2) / (scan.misfit_w2.min() + FLOOR_W2))
    return np.asarray(scan.lag_ms[nats < NATS])
