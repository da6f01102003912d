"""Work on a grid, against exact coverage."""

from __future__ import annotations

import numpy as np
import pytest

from tests.energy.sensor_loads import EPOCH_NS, serve
from traceenergy.energy.coverage import ClassTimes, covered_s, effort_until
from traceenergy.energy.sensor_response import respond
from traceenergy.energy.work_grid import (
    FINEST_NS,
    LENGTH_EDGES_NS,
    CoarseWork,
    lay_grid,
    lay_power,
)

US = 1000
MS = 1_000_000


def two_pieces() -> CoarseWork:
    # ms         0    1    2    3    4
    # category 0 [---------)
    # category 1      [--------------)    weight 0.5
    # busy       [-------------------)
    start_ns = EPOCH_NS + np.array([0, 1 * MS])
    end_ns = EPOCH_NS + np.array([2 * MS, 4 * MS])
    busy = EPOCH_NS + np.array([0]), EPOCH_NS + np.array([4 * MS])
    return CoarseWork(start_ns, end_ns, np.array([1.0, 0.5]), np.array([0, 1]), *busy)


def test_columns_are_busy_time_and_each_category() -> None:
    grid = lay_grid(two_pieces(), np.array([0.0, 0.01]))

    # up to -1, 0.6, 1.5, 3 and 100 ms
    done_ms = grid.read(np.array([-1e-3, 0.6e-3, 1.5e-3, 3e-3, 0.1])) * 1e3
    assert done_ms.tolist() == [
        pytest.approx([0, 0, 0]),
        pytest.approx([0.6, 0.6, 0]),
        pytest.approx([1.5, 1.5, 0.25]),
        pytest.approx([3, 2, 1]),
        pytest.approx([4, 2, 1.5]),
    ]
    assert grid.category.tolist() == [0, 1, 2]


def test_a_window_shows_the_mean_of_its_weights() -> None:
    grid = lay_grid(two_pieces(), np.array([0.0, 0.01]))

    # the window from 1 to 3 ms: busy all the time, category 0 half of it, 1 all at half weight
    shares = grid.shown(np.array([3e-3]), respond(2.0, 0.0))
    assert shares.tolist() == [pytest.approx([1.0, 0.5, 0.5])]


def test_a_grid_is_exact_at_its_points() -> None:
    work = serve(1, 4.0).work
    grid = lay_grid(work, np.array([1.0, 3.0]))
    times = ClassTimes(work.start_ns, work.end_ns, work.weight, work.of_category, 4)
    at_ns = work.origin_ns + round(grid.first_s * 1e9) + np.arange(len(grid.done)) * FINEST_NS

    exact_s = covered_s(times, np.full(len(at_ns), at_ns[0]), at_ns)

    # sorted prefix sums round at 1e-7 s here
    assert np.abs(grid.by_category().done[:, 1:] - exact_s).max() < 1e-6
    assert grid.by_category().category.tolist() == [0, 1, 2, 3, 4]


def test_categories_are_parted_by_the_length_of_kernels() -> None:
    # one kernel of each length class of one category, one of the longest of another
    edges = [*LENGTH_EDGES_NS.tolist(), 300 * US]
    length_ns = np.array([10 * US, *edges[1:], 300 * US])
    start_ns = EPOCH_NS + np.arange(4) * MS
    busy = start_ns, start_ns + length_ns
    work = CoarseWork(*busy, np.ones(4), np.array([0, 0, 0, 1]), *busy)

    grid = lay_grid(work, np.array([0.0, 0.01]))

    assert grid.category.tolist() == [0, 1, 1, 1, 2]
    assert grid.done[-1, 1:] * 1e9 == pytest.approx(length_ns)


def test_work_that_no_reading_can_show_is_left_out() -> None:
    # readings a minute later: nothing is left, and nothing breaks
    grid = lay_grid(two_pieces(), np.array([60.0, 61.0]))

    assert (grid.done == 0).all()
    assert grid.done.shape[1] == len(grid.category)


def test_work_that_began_before_the_grid_counts_from_its_start() -> None:
    start_ns = EPOCH_NS + np.array([0])
    end_ns = EPOCH_NS + np.array([60_000 * MS])
    work = CoarseWork(start_ns, end_ns, np.ones(1), np.zeros(1, dtype=np.int64), start_ns, end_ns)

    grid = lay_grid(work, np.array([20.0, 21.0]))

    assert grid.read(np.array([20.5]))[0] == pytest.approx([20.5 - grid.first_s] * 2)


def test_a_grid_covers_what_it_was_laid_for() -> None:
    grid = lay_grid(two_pieces(), np.array([10.0, 30.0]))

    assert grid.covers(np.array([10.0, 30.0]))
    assert grid.covers(np.array([12.0, 20.0]))
    assert not grid.covers(np.array([9.0, 20.0]))
    assert not grid.covers(np.array([12.0, 31.0]))


def test_long_spans_have_wider_steps() -> None:
    short, long = (lay_grid(two_pieces(), np.array([0.0, s])) for s in (10.0, 3600.0))

    assert short.step_s == pytest.approx(FINEST_NS * 1e-9)
    assert len(long.done) < 160_000
    assert long.done[-1] * 1e3 == pytest.approx([4, 2, 1.5], abs=1e-6)


def test_folded_columns_are_their_weighted_sum() -> None:
    grid = lay_grid(two_pieces(), np.array([0.0, 0.01]))

    folded = grid.fold(np.array([30.0, 100.0, 200.0]))

    assert folded.done[:, 0] == pytest.approx(grid.done @ [30.0, 100.0, 200.0])


def test_a_sensor_shows_folded_columns_as_it_shows_their_sum() -> None:
    # more readings than are looked up at once
    grid, response = lay_grid(serve(1, 4.0).work, np.array([0.5, 3.5])), respond(25.0, 1.2)
    column_w, end_s = np.linspace(50.0, 300.0, grid.done.shape[1]), np.linspace(-5.0, 6.0, 1500)

    shown_w = grid.fold(column_w).shown(end_s, response)[:, 0]

    assert shown_w == pytest.approx(grid.shown(end_s, response) @ column_w, abs=1e-6)


@pytest.mark.parametrize("n_rows", [20, 800])  # a few points are read, or nearly all
@pytest.mark.parametrize("window_ms", [1.0, 25.0, 400.0])
def test_several_sensors_show_columns_with_power_as_their_sum(
    n_rows: int, window_ms: float
) -> None:
    grid = lay_grid(serve(1, 4.0).work, np.array([0.5, 3.5]))
    column_w, end_s = np.linspace(50.0, 300.0, grid.done.shape[1]), np.linspace(-5.0, 6.0, n_rows)
    sensors = [(late_s, respond(window_ms, smoothing_ms))
               for late_s in (-0.01, 0.03) for smoothing_ms in (0.0, 2.0)]  # fmt: skip

    shown_w = grid.drawn_by(column_w, end_s, sensors)

    each_w = [grid.shown(end_s - late_s, one) @ column_w for late_s, one in sensors]
    assert shown_w == pytest.approx(np.transpose(each_w), abs=1e-6)


def test_work_in_parts_makes_the_same_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    load, at_s = serve(1, 4.0), np.array([1.0, 3.0])
    work = load.work
    start_ns, end_ns, power_w = work.start_ns, work.end_ns, load.piece_w
    one_part = lay_power(start_ns, end_ns, power_w, work.origin_ns, at_s, 25.0)
    whole = lay_grid(work, at_s), one_part

    monkeypatch.setattr("traceenergy.energy.coverage.PIECES_AT_ONCE", 100)
    order = np.random.default_rng(1).permutation(len(power_w))
    mixed = start_ns[order], end_ns[order], power_w[order]
    parts = lay_grid(work, at_s), lay_power(*mixed, work.origin_ns, at_s, 25.0)

    for one, other in zip(whole, parts, strict=True):
        assert np.abs(one.done - other.done).max() < 1e-9


@pytest.mark.parametrize(("window_ms", "smoothing_ms"), [(25.0, 1.2), (10.0, 0.0), (1.0, 1.0)])
def test_expected_power_is_read_as_exactly_as_it_matters(
    window_ms: float, smoothing_ms: float
) -> None:
    load = serve(2, 4.0)
    work, response = load.work, respond(window_ms, smoothing_ms)
    end_s = np.linspace(0.5, 3.5, 200)
    grid = lay_power(work.start_ns, work.end_ns, load.piece_w, work.origin_ns, end_s, window_ms)
    none = np.zeros(len(load.piece_w), dtype=np.int64)
    times = ClassTimes(work.start_ns, work.end_ns, load.piece_w, none, 1)
    at_ns = work.origin_ns + np.round((end_s[:, None] - response.delay_s) * 1e9).astype(np.int64)

    exact_w = effort_until(times, at_ns.ravel()).reshape(at_ns.shape) @ response.weight_hz

    # of some 300 W; a reading is known to half a watt
    assert np.abs(grid.shown(end_s, response)[:, 0] - exact_w).max() < 0.4


@pytest.mark.parametrize(
    ("window_ms", "step_us"), [(1.0, 20), (5.0, 20), (25.0, 100), (50.0, 200), (1000.0, 250)]
)
def test_power_is_summed_in_a_250th_of_a_window_within_limits(
    window_ms: float, step_us: int
) -> None:
    end_s = np.array([0.5, 3.5])

    grid = lay_power(
        np.array([0]), np.array([10 * MS]), np.array([200.0]), 0, end_s, window_ms
    )  # fmt: skip

    assert grid.step_s == pytest.approx(step_us * 1e-6)
    # From 4 s before the first reading to 1 s behind the last.
    assert grid.first_s == pytest.approx(-3.5)
    assert (len(grid.done) - 2) * grid.step_s == pytest.approx(8.0, abs=2 * grid.step_s)
    # 200 W over 10 ms.
    assert grid.done[-1] == pytest.approx([2.0])
