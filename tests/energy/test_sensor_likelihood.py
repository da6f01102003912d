"""How well lag, smoothing and window are told, against readings made by the model itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.energy.sensor_loads import CATEGORY_W, serve
from traceenergy.energy import sensor_likelihood
from traceenergy.energy.sensor_likelihood import (
    LAG,
    SMOOTHING,
    WINDOW,
    Limits,
    Readings,
    descend,
    explain,
    independent_rows,
    liveliest,
    misfits_w2,
    place,
    slopes,
    weigh,
)
from traceenergy.energy.sensor_response import respond
from traceenergy.energy.sensor_spread import spread
from traceenergy.energy.work_grid import WorkGrid, lay_grid

TRUE_MS = np.array([7.0, 1.5, 25.0])
COLUMN_W = np.array([30.0, *CATEGORY_W])
ANYWHERE = Limits(
    np.array([-50.0, 0.0, 15.0]),
    np.array([50.0, 10.0, 40.0]),
    np.array([0.0, 1.0, 25.0]),
    np.array([300.0, 2.0, np.inf]),
)


@cache
def laid() -> WorkGrid:
    return lay_grid(serve(3, 12.0).work, np.array([0.2, 11.8])).by_category()


def made(noise_w: float, seed: int = 0, n_rows: int = 120) -> tuple[Readings, WorkGrid]:
    """Read work of 12 s with the powers of the model, 80 W beneath and a slope."""
    at_s, grid = np.linspace(0.2, 11.8, n_rows), laid()
    shown = grid.shown(at_s - TRUE_MS[LAG] * 1e-3, respond(TRUE_MS[WINDOW], TRUE_MS[SMOOTHING]))
    rng = np.random.default_rng(seed)
    power_w = 80 + 0.5 * at_s + shown @ COLUMN_W + rng.normal(0, noise_w, n_rows)
    return place(at_s, power_w), grid


def test_the_truth_leaves_nothing() -> None:
    readings, grid = made(0.0)

    found = explain(readings, grid, TRUE_MS)

    # but for the ridge, which lowers the power of a category that runs little
    assert np.abs(found.left_w).max() < 0.1
    assert found.column_w[1:] + found.column_w[0] == pytest.approx(CATEGORY_W + 30, rel=0.03)


@pytest.mark.parametrize("start_ms", [(0.0, 1.0, 25.0), (12.0, 4.0, 30.0), (5.0, 0.0, 20.0)])
def test_downhill_ends_at_the_truth(start_ms: tuple[float, float, float]) -> None:
    readings, grid = made(0.01)

    found = descend(readings, grid, np.array(start_ms), ANYWHERE, 15)

    assert found.shape_ms == pytest.approx(TRUE_MS, abs=0.1)


def test_what_is_held_stays() -> None:
    readings, grid = made(1.0)

    found = descend(readings, grid, TRUE_MS, ANYWHERE.hold(WINDOW, 20.0))

    assert found.shape_ms[WINDOW] == 20.0


def test_downhill_keeps_within_limits() -> None:
    # the truth lies at 7 ms
    readings, grid = made(1.0)
    limits = Limits(
        np.array([-50.0, 0.0, 15.0]), np.array([3.0, 10.0, 40.0]), TRUE_MS, np.full(3, np.inf)
    )

    assert descend(readings, grid, np.array([0.0, 1.0, 25.0]), limits).shape_ms[LAG] <= 3.0


@pytest.mark.parametrize("at_once", [1, 10**6])
@pytest.mark.parametrize("columns", ["each", "folded"])
def test_misfits_of_many_lags_are_those_of_each(
    monkeypatch: pytest.MonkeyPatch, columns: str, at_once: int
) -> None:
    monkeypatch.setattr(sensor_likelihood, "ROWS_AT_ONCE", at_once)
    readings, grid = made(1.0)
    found = explain(readings, grid, TRUE_MS)
    readings = weigh(readings, grid, found)
    source = grid if columns == "each" else grid.fold(found.column_w)
    lag_ms = np.arange(-20.0, 30.0, 3.5)

    left_w2 = misfits_w2(readings, source, TRUE_MS, lag_ms)

    each = [explain(readings, source, np.array([one, *TRUE_MS[1:]])) for one in lag_ms]
    assert left_w2 == pytest.approx([one.misfit_w2 for one in each], rel=1e-9)


def test_slopes_are_those_of_what_is_left() -> None:
    readings, grid = made(0.0)
    found = explain(readings, grid, TRUE_MS)

    rates = slopes(readings, grid, found, range(3))

    # one later; smoother, and longer, about the same middle
    for index, way in enumerate(([1, 0, 0], [-1, 1, 0], [-0.5, 0, 1])):
        low, high = (
            explain(readings, grid, TRUE_MS + side * np.array(way)).left_w for side in (-0.3, 0.3)
        )
        numeric = (low - high) / 0.6
        # Kaufman leaves out a part that vanishes with what is left, as it does here
        off = float(np.linalg.norm(rates[:, index] - numeric))
        assert off < 0.05 * float(np.linalg.norm(numeric))


def test_standard_errors_hold_the_truth_as_often_as_they_say() -> None:
    # white noise of 3 W: of 40 logs, 2 standard errors hold 95 %, more as they are never less
    # than what misfits themselves say
    off = []
    for seed in range(40):
        readings, grid = made(3.0, seed)
        found = descend(readings, grid, TRUE_MS, ANYWHERE)
        se_ms = spread(readings, grid, found, ANYWHERE, (LAG, SMOOTHING, WINDOW), 1).se_ms
        off.append((found.shape_ms - TRUE_MS) / se_ms)
    z = np.array(off)

    assert ((np.abs(z) < 2).mean(axis=0) > 0.88).all()
    assert (np.sqrt((z**2).mean(axis=0)) > 0.5).all()


def test_less_noise_tells_more() -> None:
    se_ms = []
    for noise_w in (0.5, 5.0, 50.0):
        readings, grid = made(noise_w)
        found = descend(readings, grid, TRUE_MS, ANYWHERE)
        se_ms.append(spread(readings, grid, found, ANYWHERE, (LAG,), 1).se_ms[LAG])

    assert se_ms == sorted(se_ms)


def test_what_is_given_has_no_error() -> None:
    readings, grid = made(1.0)
    found = explain(readings, grid, TRUE_MS)

    se_ms = spread(readings, grid, found, ANYWHERE, (LAG, SMOOTHING), 1).se_ms

    assert se_ms[WINDOW] == 0
    assert (se_ms[:2] > 0).all()


def test_white_noise_counts_each_row_and_smooth_noise_few() -> None:
    noise_w = np.random.default_rng(1).normal(0, 1, 2000)

    assert independent_rows(noise_w) > 1900
    # means over 10 rows: their autocorrelation sums to 10
    smooth_w = np.convolve(noise_w, np.full(10, 0.1), mode="valid")
    assert independent_rows(smooth_w) == pytest.approx(200, rel=0.25)


def test_readings_of_more_work_count_less_where_they_fit_less() -> None:
    # noise of a tenth of what the work draws, and 1 W
    readings, grid = made(0.0)
    drawn_w = readings.power_w - 80
    rng = np.random.default_rng(4)
    noise_w = rng.normal(0, 1, len(drawn_w)) * (1 + 0.1 * drawn_w)
    noisy = place(readings.at_s, readings.power_w + noise_w)

    weight = weigh(noisy, grid, explain(noisy, grid, TRUE_MS)).weight

    idle, full = drawn_w < 20, drawn_w > 200
    assert weight[idle].min() > 1.5 * weight[full].max()
    assert (1 / weight**2).mean() == pytest.approx(1.0)


def test_even_noise_leaves_weights_even() -> None:
    readings, grid = made(3.0, n_rows=400)

    weight = weigh(readings, grid, explain(readings, grid, TRUE_MS)).weight

    assert weight.max() / weight.min() < 1.3


def test_the_liveliest_stretch_is_where_readings_move() -> None:
    # 100 s at a reading a second; only from 40 to 60 s they alternate
    at_s = np.arange(100.0)
    power_w = np.where((at_s >= 40) & (at_s < 60), 100 + 50 * (at_s % 2), 100.0)

    rows = liveliest(at_s, power_w, 25.0, 1000)

    assert rows.start <= 40
    assert rows.stop >= 60
    assert rows.stop - rows.start <= 26
    assert liveliest(at_s, power_w, 1000.0, 10) == slice(40, 50)


def test_thinned_readings_keep_their_span() -> None:
    readings, _ = made(1.0)

    thin = readings.thin(50)

    assert len(thin.at_s) == 40
    assert thin.at_s[0] == readings.at_s[0]
    assert len(readings.thin(500).at_s) == 120
