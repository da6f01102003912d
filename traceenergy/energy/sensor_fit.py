"""How a power sensor saw the work: window, smoothing, lag, found from its readings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.clock_drift import Drift, fit_drift
from traceenergy.energy.lag_rivals import REACH_MS, lags_between, rivals_ms
from traceenergy.energy.sensor import AGAINST_KNOWN, FOUND, GIVEN, KNOWN, NOT_TOLD
from traceenergy.energy.sensor_likelihood import (
    LAG,
    SMOOTHING,
    WINDOW,
    Explained,
    Readings,
    descend,
    liveliest,
    place,
)
from traceenergy.energy.sensor_scan import LAG_RANGE_MS, Kind
from traceenergy.energy.sensor_search import (
    BOARD_MS,
    BOARD_RANGE_MS,
    INSTANT_MS,
    SLOW_MS,
    SLOW_RANGE_MS,
    USUAL_LAG_MS,
    WINDOWS_MS,
    Asked,
    Search,
    limits_of,
    search,
)
from traceenergy.energy.sensor_settle import Settled, settle
from traceenergy.energy.work_grid import CoarseWork, WorkGrid, lay_grid, lay_power
from traceenergy.records import dataclass
from traceenergy.units import MS_PER_NS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


MIN_ROWS = 8
ROWS_PER_COLUMN = 6  # fewer readings are explained by whole categories
THIN_ROWS, MOST_ROWS = 400, 3000
MOST_SPAN_S = 120.0
BEFORE_S, AFTER_S = 2.0, 3.0  # readings further from the work than this show none of it
LEAST_EXPLAINED = 0.3
LEAST_EDGES = 1.5  # a single edge may lie where it lies for another reason
WIDEST_LAG_MS = 30.0
WINDOW_DOUBT = 4.0  # by which factor a window that was found may be wrong


@dataclass(frozen=True)
class SensorFit:
    """What one reading stands for, and how sure that is.

    A reading made available at time u is the mean over ``[u - lag - window, u - lag]`` of power
    after a first-order smoothing.

    Attributes
    ----------
    window_ms, smoothing_ms, lag_ms : float [ms]
        Best. The lag holds the sensor's own, any offset between the clocks of log and trace, and
        what is not known of when an update was made: up to half a poll where updates are placed
        in the middle between two polls.
    window_lo_ms, window_hi_ms, smoothing_lo_ms, smoothing_hi_ms, lag_lo_ms, lag_hi_ms : float [ms]
        Hull of what the data do not rule out, other lags that fit as well included.
    lag_at_ns : int [ns]
        When the lag is as stated, should the clocks drift.
    drift : Drift or None
        How the lag grows; None where the log is too short to tell.
    explained_share : float
        Part of the variance of the readings that the work explains.
    n_edges : float
        About how many changes of power tell the lag.
    left_w : float [W]
        Root mean square of what is left.
    is_trusted : bool
        Whether the data fix the lag well enough to use it.
    source : str
        What told the window: `sensor.GIVEN`, `sensor.KNOWN`, `FOUND`, `AGAINST_KNOWN`, `NOT_TOLD`.
    other_lags_ms : tuple of float [ms]
        Where this one may be wrong, lags that explain the readings about as well, with a board's
        usual smoothing. Empty where it cannot, or where that was not asked.
    """

    window_ms: float
    window_lo_ms: float
    window_hi_ms: float
    smoothing_ms: float
    smoothing_lo_ms: float
    smoothing_hi_ms: float
    lag_ms: float
    lag_lo_ms: float
    lag_hi_ms: float
    lag_at_ns: int
    drift: Drift | None
    explained_share: float
    n_edges: float
    left_w: float
    is_trusted: bool
    source: str
    other_lags_ms: tuple[float, ...] = ()


def find_sensor(  # noqa: PLR0913 - one keyword per fact about a sensor
    at_ns: Int,
    power_w: Float,
    work: CoarseWork,
    *,
    period_ms: float,
    known_window_ms: float | None = None,
    given_window_ms: float | None = None,
    usual_lags_ms: tuple[float, float] | None = None,
) -> SensorFit:
    """Search window, smoothing and lag at which the work explains the readings best.

    Parameters
    ----------
    at_ns : ndarray of int64 (n_rows,) [ns]
        When each reading became available, sorted, on the clock of the log.
    power_w : ndarray of float64 (n_rows,) [W]
    work : CoarseWork
        Of the device, on the clock of the trace.
    period_ms : float [ms]
        How often the sensor updates.
    known_window_ms : float or None [ms]
        Window that this GPU is known to have. It stands unless the data contradict it clearly.
    given_window_ms : float or None [ms]
        Window that is not to be doubted; 0 for an instant.
    usual_lags_ms : tuple of float or None [ms]
        Least and most that such readings are late by; None: other lags are not asked for.

    Returns
    -------
    SensorFit
        Not trusted where the work explains too little, where other lags do as well, or where a
        single edge tells the lag.

    Notes
    -----
    For each kind of sensor and each lag a small ridge regression of the readings on busy time
    and the time of each category as the sensor would show it. First all kinds and all lags in
    coarse steps, on a part of the readings; then from the lowest valleys downhill in lag and
    smoothing; then in all three. No reading is clipped: edges of activity are what tells, and
    they look like outliers. The window is then set to a known one where that costs little.

    Long runs are judged by the stretch of 120 s in which the readings vary most, and by the
    drift of the clocks over all of it.
    """
    asked = Asked(period_ms, known_window_ms, given_window_ms)
    at_s = (at_ns - work.origin_ns).astype(np.float64) * S_PER_NS
    rows = _rows_at_work(at_s, power_w, work.length_s)
    if rows is None:
        return _untold(asked, work.origin_ns)
    at_s, power_w = at_s[rows], power_w[rows]
    rows = liveliest(at_s, power_w, MOST_SPAN_S, MOST_ROWS)
    grid = lay_grid(work, at_s[rows])
    if len(at_s[rows]) < ROWS_PER_COLUMN * len(grid.category):
        grid = grid.by_category()
    readings = place(at_s[rows], power_w[rows])
    found = search(readings.thin(THIN_ROWS), grid, asked)
    fit = _conclude(readings, grid, asked, found)
    middle_s, drift = float(readings.at_s.mean()), None
    if fit.is_trusted:
        shape_ms = np.array([fit.lag_ms, fit.smoothing_ms, fit.window_ms])
        drift = fit_drift(at_s, power_w, work, grid, shape_ms, middle_s)
    if drift is not None:
        readings = place(drift.undo_s(readings.at_s, middle_s), readings.power_w)
        fit = _conclude(readings, grid, asked, found)
    if fit.source == AGAINST_KNOWN and not fit.is_trusted:
        # What is not trusted does not speak against what is known.
        known = replace(asked, given_ms=asked.known_ms)
        fit = _conclude(readings, grid, known, found.of_known(asked))
        fit = replace(fit, is_trusted=False, source=KNOWN)
    if usual_lags_ms is not None:
        window_ms = known_window_ms or given_window_ms or 0.0
        fit = _with_rivals(fit, readings.thin(THIN_ROWS), grid, window_ms, usual_lags_ms)
    return replace(fit, drift=drift, lag_at_ns=work.origin_ns + round(middle_s / S_PER_NS))


def refine_sensor(  # noqa: PLR0913, PLR0917 - readings, work, what was found
    at_ns: Int, power_w: Float, start_ns: Int, end_ns: Int, piece_w: Float, fit: SensorFit
) -> SensorFit:
    """Refine window, smoothing and lag by what each piece of work is expected to draw.

    Parameters
    ----------
    at_ns : ndarray of int64 (n_rows,) [ns]
        When each reading became available, sorted, on the clock of the log.
    power_w : ndarray of float64 (n_rows,) [W]
        Less what is expected of it whatever runs.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        All work of the device.
    piece_w : ndarray of float64 (n_work,) [W]
        Expected dynamic power of each piece, from a fit of all classes.
    fit : SensorFit
        Where to begin. A given window stays; one from the table moves only if the data
        contradict it clearly, one that was found goes where they say.

    Returns
    -------
    SensorFit
        With intervals of this fit alone; no more trusted than the first.

    Notes
    -----
    Downhill by Gauss-Newton steps in the misfit of
    ``constant + slope t + scale * what the sensor shows of the expected power``. Expected energy
    is summed exactly at points a 250th of a window apart, and read on straight lines between.
    """
    origin_ns = int(start_ns.min())
    at_s = (at_ns - origin_ns).astype(np.float64) * S_PER_NS
    rows = _rows_at_work(at_s, power_w, float(end_ns.max() - origin_ns) * S_PER_NS)
    if rows is None:
        return fit
    at_s, power_w = at_s[rows], power_w[rows]
    rows = liveliest(at_s, power_w, MOST_SPAN_S, MOST_ROWS)
    at_s, power_w = at_s[rows], power_w[rows]
    grid = lay_power(start_ns, end_ns, piece_w, origin_ns, at_s, fit.window_ms)
    period_ms = float(np.median(np.diff(at_s))) / S_PER_NS * MS_PER_NS
    if fit.drift is not None:
        at_s = fit.drift.undo_s(at_s, float(fit.lag_at_ns - origin_ns) * S_PER_NS)
    asked = Asked(
        period_ms,
        known_ms=fit.window_ms if fit.source == KNOWN else None,
        given_ms=fit.window_ms if fit.source == GIVEN else None,
    )
    readings = place(at_s, power_w)
    kind, start_ms = _refined_start(readings, grid, fit)
    settled = settle(readings, grid, asked, kind, start_ms)
    refined = _state(settled, settled.low_ms, settled.high_ms)
    return replace(
        refined,
        drift=fit.drift,
        lag_at_ns=fit.lag_at_ns,
        is_trusted=fit.is_trusted and refined.is_trusted,
        source=fit.source if settled.source == FOUND else settled.source,
    )


def _refined_start(readings: Readings, grid: WorkGrid, fit: SensorFit) -> tuple[Kind, Float]:
    """Say from where to refine; a window that was found may be another one after all."""
    start_ms = np.array([fit.lag_ms, fit.smoothing_ms, max(fit.window_ms, INSTANT_MS)])
    if fit.smoothing_ms >= SLOW_RANGE_MS[0]:
        return Kind(INSTANT_MS, SLOW_MS, is_slow=True), start_ms
    as_found = Kind(float(start_ms[WINDOW]), BOARD_MS)
    if fit.source in {GIVEN, KNOWN}:
        return as_found, start_ms
    middle_ms = fit.lag_ms + fit.smoothing_ms + fit.window_ms / 2
    tried = [(as_found, _held_at(readings, grid, as_found, start_ms))]
    for window_ms in WINDOWS_MS:
        if 1 / WINDOW_DOUBT <= window_ms / fit.window_ms <= WINDOW_DOUBT:
            kind = Kind(window_ms, BOARD_MS)
            one_ms = np.array([middle_ms - BOARD_MS - window_ms / 2, BOARD_MS, window_ms])
            tried.append((kind, _held_at(readings, grid, kind, one_ms)))
    kind, best = min(tried, key=lambda pair: pair[1].misfit_w2)
    return kind, best.shape_ms


def _held_at(readings: Readings, grid: WorkGrid, kind: Kind, start_ms: Float) -> Explained:
    return descend(readings, grid, start_ms, limits_of(kind).hold(WINDOW, kind.window_ms))


def _conclude(readings: Readings, grid: WorkGrid, asked: Asked, found: Search) -> SensorFit:
    best = found.walks[0]
    settled = settle(readings, grid, asked, best.kind, best.found.shape_ms)
    return _sum_up(settled, found)


def _rows_at_work(at_s: Float, power_w: Float, length_s: float) -> slice | None:
    first, last = (int(row) for row in np.searchsorted(at_s, (-BEFORE_S, length_s + AFTER_S)))
    if last - first < MIN_ROWS or np.ptp(power_w[first:last]) == 0:
        return None
    return slice(first, last)


def _untold(asked: Asked, origin_ns: int) -> SensorFit:
    kinds = asked.kinds()
    told = [kind for kind in kinds if asked.is_known(kind)] or kinds[:1]
    source = NOT_TOLD if asked.known_ms is None else KNOWN
    return SensorFit(
        *(told[0].window_ms, kinds[0].window_ms, max(kind.window_ms for kind in kinds)),
        *(BOARD_MS, *BOARD_RANGE_MS),
        *(USUAL_LAG_MS, *LAG_RANGE_MS),
        lag_at_ns=origin_ns,
        drift=None,
        explained_share=0.0,
        n_edges=0.0,
        left_w=0.0,
        is_trusted=False,
        source=source if asked.given_ms is None else GIVEN,
    )


def _sum_up(settled: Settled, found: Search) -> SensorFit:
    """Add other lags and kinds that explain the readings as well."""
    lag_ms = float(settled.found.shape_ms[LAG])
    near_ms, far_ms = found.likely_around(lag_ms)
    alike_ms = found.alike_ms(same_kind=settled.source == KNOWN)
    is_near = np.abs(alike_ms[:, LAG] - lag_ms) <= WIDEST_LAG_MS
    low_ms, high_ms = _hull(settled.low_ms, settled.high_ms, alike_ms[is_near], near_ms)
    fit = _state(settled, low_ms, high_ms)
    if is_near.all() and len(far_ms) == 0:
        return fit
    low_ms, high_ms = _hull(low_ms, high_ms, alike_ms, far_ms)
    fit = _state(settled, low_ms, high_ms)
    source = NOT_TOLD if settled.source == FOUND else settled.source
    return replace(fit, is_trusted=False, source=source)


def _with_rivals(
    fit: SensorFit,
    readings: Readings,
    grid: WorkGrid,
    window_ms: float,
    usual_ms: tuple[float, float],
) -> SensorFit:
    if not fit.is_trusted:
        tried = lags_between(readings, grid, window_ms, usual_ms)
        return replace(fit, other_lags_ms=tuple(float(one.shape_ms[LAG]) for one in tried))
    if not usual_ms[0] < fit.lag_ms < usual_ms[1]:
        usual_ms = fit.lag_ms - REACH_MS, fit.lag_ms + REACH_MS
    tried = lags_between(readings, grid, window_ms or fit.window_ms, usual_ms)
    lag_ms = fit.lag_ms + fit.smoothing_ms - BOARD_MS
    return replace(fit, other_lags_ms=rivals_ms(tried, lag_ms))


def _hull(low_ms: Float, high_ms: Float, shapes_ms: Float, lags_ms: Float) -> tuple[Float, Float]:
    all_ms = np.vstack((low_ms, high_ms, shapes_ms))
    low_ms, high_ms = all_ms.min(axis=0), all_ms.max(axis=0)
    low_ms[LAG] = np.append(lags_ms, low_ms[LAG]).min()
    high_ms[LAG] = np.append(lags_ms, high_ms[LAG]).max()
    return low_ms, high_ms


def _state(settled: Settled, low_ms: Float, high_ms: Float) -> SensorFit:
    window_ms = float(settled.found.shape_ms[WINDOW])
    is_trusted = (
        settled.explained_share > LEAST_EXPLAINED
        and settled.n_edges > LEAST_EDGES
        and float(high_ms[LAG] - low_ms[LAG]) < max(window_ms / 2, WIDEST_LAG_MS)
    )

    def of(index: int) -> tuple[float, float, float]:
        return float(settled.found.shape_ms[index]), float(low_ms[index]), float(high_ms[index])

    return SensorFit(
        *of(WINDOW),
        *of(SMOOTHING),
        *of(LAG),
        lag_at_ns=0,
        drift=None,
        explained_share=settled.explained_share,
        n_edges=settled.n_edges,
        left_w=float(np.sqrt(settled.found.misfit_w2)),
        is_trusted=is_trusted,
        source=NOT_TOLD if settled.source == FOUND and not is_trusted else settled.source,
    )
