"""Lags of all kinds of sensors in coarse steps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.energy.sensor_loads import CATEGORY_W, serve
from traceenergy.energy.sensor_likelihood import place
from traceenergy.energy.sensor_response import respond
from traceenergy.energy.sensor_scan import STEP_MS, Kind, Scan, scan_lags
from traceenergy.energy.work_grid import lay_grid

KINDS = [Kind(window_ms, 1.0) for window_ms in (10.0, 25.0, 100.0, 1000.0)]
SLOW = Kind(1.0, 100.0, is_slow=True)


@pytest.mark.parametrize("kind", [*KINDS, SLOW])
@pytest.mark.parametrize("lag_ms", [-490.0, 13.0, 655.0])
def test_the_deepest_valley_is_at_the_lag(kind: Kind, lag_ms: float) -> None:
    at_s = np.arange(0.0, 12.0, 0.1) + lag_ms * 1e-3
    grid = lay_grid(serve(4, 12.0).work, at_s).by_category()
    shown = grid.shown(at_s - lag_ms * 1e-3, respond(kind.window_ms, kind.smoothing_ms))
    power_w = 80 + shown[:, 1:] @ CATEGORY_W

    scans = scan_lags(place(at_s, power_w), grid, [*KINDS, SLOW])

    depths = [scan.valleys()[0][1] for scan in scans]
    best = [*KINDS, SLOW][int(np.argmin(depths))]
    assert best == kind
    # the smoothing of 1 ms is left out: the mean delay is kept by 1 ms of lag
    assert scans[[*KINDS, SLOW].index(best)].valleys()[0][0] == pytest.approx(lag_ms, abs=3.0)


def test_valleys_are_parabolas_between_the_steps() -> None:
    # (lag - 12)^2 + 3 in steps of 5 ms: the lowest step, 10, has 7
    lag_ms = np.arange(0.0, 40.0, STEP_MS)
    scan = Scan(lag_ms, (lag_ms - 12) ** 2 + 3)

    (valley,) = scan.valleys()
    assert valley == pytest.approx((12.0, 3.0))


def test_all_valleys_are_listed_the_deepest_first() -> None:
    lag_ms = np.arange(0.0, 100.0, STEP_MS)
    scan = Scan(lag_ms, 2 + np.cos(2 * np.pi * lag_ms / 40) + lag_ms / 100)

    lags_ms = [lag for lag, _ in scan.valleys()]
    assert lags_ms == pytest.approx([20, 60], abs=1.0)


def test_a_slope_has_its_end_as_valley() -> None:
    lag_ms = np.arange(0.0, 40.0, STEP_MS)

    assert Scan(lag_ms, 50 - lag_ms).valleys() == [(35.0, 15.0)]
