"""The window of a power sensor decided, with how sure window, smoothing, lag are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor import AGAINST_KNOWN, FOUND, GIVEN, KNOWN
from traceenergy.energy.sensor_likelihood import (
    LAG,
    NATS,
    SMOOTHING,
    WINDOW,
    WITHIN_NATS_SE,
    Explained,
    Readings,
    Source,
    descend,
    explain,
    independent_rows,
    weigh,
)
from traceenergy.energy.sensor_response import RESPONSE_ERROR
from traceenergy.energy.sensor_search import (
    WINDOW_FREEDOM,
    WINDOWS_MS,
    Asked,
    is_contradicted,
    limits_of,
    misfit_ratio,
)
from traceenergy.energy.sensor_spread import spread
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.sensor_scan import Kind

    Float = NDArray[np.float64]

SNAP_MISFIT = 1.04


@dataclass(frozen=True)
class Settled:
    """Explanation with its window decided.

    Attributes
    ----------
    kind : Kind
    readings : Readings
        As weighed for it.
    found : Explained
    low_ms, high_ms : ndarray of float64 (3,) [ms]
        Lag, smoothing, window that are not ruled out next to it.
    n_edges : float
        About how many changes of power tell the lag.
    source : str
        What told the window: `sensor.GIVEN`, `sensor.KNOWN`, `FOUND`, `AGAINST_KNOWN`.
    """

    kind: Kind
    readings: Readings
    found: Explained
    low_ms: Float
    high_ms: Float
    n_edges: float
    source: str

    @property
    def explained_share(self) -> float:
        """Part of the variance of the readings that the work explains."""
        moved_w = self.readings.free(self.readings.power_w)
        left_w, n_columns = self.found.left_w, self.found.columns.shape[1]
        # Columns are free to follow so many readings.
        left_w2 = float(left_w @ left_w) * len(left_w) / max(len(left_w) - n_columns, 1)
        return float(1 - left_w2 / max(float(moved_w @ moved_w), 1e-12))


def settle(readings: Readings, work: Source, asked: Asked, kind: Kind, start_ms: Float) -> Settled:
    """Walk on with the window free, then set it to a known one where the data do not object.

    Parameters
    ----------
    readings : Readings
    work : Source
    asked : Asked
    kind : Kind
        Of sensor.
    start_ms : ndarray of float64 (3,) [ms]
        Lag, smoothing, window.

    Returns
    -------
    Settled

    Notes
    -----
    The window that is known of the GPU stays unless another is clearly better; else the best of
    those that boards have is taken where it costs less than `SNAP_MISFIT` of the misfit or `NATS`,
    or is no further off than the free window is unsure.
    """
    limits = limits_of(kind)
    readings = weigh(readings, work, explain(readings, work, start_ms))
    fixed = asked.given_ms is not None or kind.is_slow
    free = descend(
        readings, work, start_ms, limits.hold(WINDOW, kind.window_ms) if fixed else limits
    )
    seen_ms = float(free.shape_ms[WINDOW] + free.shape_ms[SMOOTHING])
    reach_rows = int(np.ceil(seen_ms / asked.period_ms))
    loose = spread(readings, work, free, limits, (LAG, SMOOTHING, WINDOW), reach_rows)
    held, source = _hold(readings, work, asked, kind, free, float(loose.se_ms[WINDOW]))
    sure, se_ms = loose, loose.se_ms
    if source in {GIVEN, KNOWN} or kind.is_slow:
        sure = spread(readings, work, held, limits, (LAG, SMOOTHING), reach_rows)
        se_ms = sure.se_ms.copy()
        se_ms[WINDOW] = 0.0 if source == GIVEN else loose.se_ms[WINDOW]
    low_ms, high_ms = _reach(kind, held.shape_ms, float(free.shape_ms[WINDOW]), se_ms)
    return Settled(kind, readings, held, low_ms, high_ms, sure.n_edges, source)


def _hold(  # noqa: PLR0913, PLR0917 - what was found, and of what
    readings: Readings, work: Source, asked: Asked, kind: Kind, free: Explained, se_ms: float
) -> tuple[Explained, str]:
    if asked.given_ms is not None:
        return free, GIVEN
    source = FOUND if asked.known_ms is None else AGAINST_KNOWN
    if kind.is_slow:
        return free, source
    limits, n_rows = limits_of(kind), independent_rows(free.left_w)
    free_nats, free_ms = free.cost_nats(n_rows, limits), float(free.shape_ms[WINDOW])
    if asked.is_known(kind):
        held = descend(readings, work, free.shape_ms, limits.hold(WINDOW, kind.window_ms))
        held_nats = held.cost_nats(n_rows, limits)
        if not is_contradicted(held_nats, free_nats, misfit_ratio(held, free)):
            return held, KNOWN
    ways = [
        descend(readings, work, free.shape_ms, limits.hold(WINDOW, one_ms))
        for one_ms in WINDOWS_MS
        if limits.low_ms[WINDOW] <= one_ms <= limits.high_ms[WINDOW]
    ]
    held = min(ways, key=lambda one: one.misfit_w2, default=free)
    snaps = (
        held.cost_nats(n_rows, limits) < free_nats + NATS
        or misfit_ratio(held, free) < SNAP_MISFIT
        or abs(float(held.shape_ms[WINDOW]) - free_ms) < WITHIN_NATS_SE * se_ms
    )
    return held if snaps else free, source


def _reach(kind: Kind, best_ms: Float, free_window_ms: float, se_ms: Float) -> tuple[Float, Float]:
    free_ms = best_ms.copy()
    free_ms[WINDOW] = free_window_ms
    wide_ms = WITHIN_NATS_SE * se_ms
    wide_ms[[LAG, SMOOTHING]] += RESPONSE_ERROR * best_ms[SMOOTHING]
    limits = limits_of(kind)
    least_ms = np.array([limits.low_ms[LAG], 0.0, 0.0])
    most_ms = limits.high_ms.copy()
    most_ms[WINDOW] = max(WINDOWS_MS) * WINDOW_FREEDOM[1]
    low_ms = np.maximum(np.minimum(best_ms, free_ms - wide_ms), least_ms)
    return low_ms, np.minimum(np.maximum(best_ms, free_ms + wide_ms), most_ms)
