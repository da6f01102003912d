"""Columns of the model of power: against drawings, brute force, and each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import (
    ATTENTION,
    EPOCH_NS,
    FILL,
    GEMM,
    LIMIT_W,
    MS,
    S,
    classes_of,
    design_of,
    pieces,
    work_of,
)
from traceenergy.energy.design import (
    BESIDE,
    BESIDE_SD,
    BUSY_SHARE,
    BUSY_SHARE_SD,
    KNOT_S,
    LARGEST_SIZE,
    NODES,
    SIZE_SLOPE_SD,
    STATIC_SHARE,
    STATIC_SHARE_SD,
    WANDER_W,
    SensorShape,
)
from traceenergy.energy.prior import CATEGORY_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.design import Design
    from traceenergy.energy.device_work import DeviceWork

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

NAMES = [GEMM, ATTENTION, FILL]
GEMM_W, ATTENTION_W, FILL_W = 0.42 * LIMIT_W, 0.50 * LIMIT_W, 0.24 * LIMIT_W
EXACT_25_MS = SensorShape(25.0, 0.0, 0.0)


def at_ms(*time_ms: float) -> Int:
    return EPOCH_NS + np.round(np.array(time_ms) * MS).astype(np.int64)


def test_a_sensor_without_smoothing_shows_one_window() -> None:
    # update     1000 ms
    # lag         -30 ms  window ends at 970
    # window      -25 ms  and begins at 945
    shape = SensorShape(25.0, 0.0, 30.0)

    [(low_ns, high_ns)] = shape.windows(np.array([1000 * MS]))

    assert (low_ns.tolist(), high_ns.tolist()) == ([945 * MS], [970 * MS])


def test_smoothing_delays_windows_by_equal_parts_of_an_exponential() -> None:
    shape = SensorShape(25.0, 40.0, 30.0)

    windows = shape.windows(np.array([1000 * MS]))

    delay_s = np.array([(970 * MS - high_ns[0]) / S for _, high_ns in windows])
    # where the distribution function of an exponential of 40 ms is 10, 30, 50, 70, 90 %
    assert 1 - np.exp(-delay_s / 0.040) == pytest.approx(np.arange(0.1, 1, 1 / NODES), abs=1e-6)
    assert all(high_ns - low_ns == 25 * MS for low_ns, high_ns in windows)


def test_a_step_of_work_is_seen_as_a_smoothed_mean_of_it() -> None:
    # work from 0 to 1 s, first-order smoothing of 50 ms, then a mean over 20 ms, 10 ms late
    design = design_of(pieces((0, 1000)), classes_of([0], [GEMM]))
    time_ms = np.arange(-50.0, 400.0, 7.0)

    seen = design.rows(at_ms(*time_ms), SensorShape(20.0, 50.0, 10.0))[:, design.first_class]

    # mean of 1 - exp(-t / tau) over the window; the integral of it is t + tau exp(-t / tau) - tau
    high, low = np.maximum(time_ms - 10, 0), np.maximum(time_ms - 30, 0)
    integral = [t + 50 * np.exp(-t / 50) - 50 for t in (low, high)]
    # an exponential in five steps is at most half a step off
    assert seen == pytest.approx((integral[1] - integral[0]) / 20, abs=0.5 / NODES)


# Hand-drawn: ms      0    10   20   30   40   50   60
# gemm (class 0)      [---------)              [----)      20 and 10 ms
# attention (1)            [---------)                     beside gemm for half of its time
# fill (2)                                [-)              5 ms
DRAWN = pieces((0, 20), (10, 30), (50, 60), (40, 45))
DRAWN_CLASSES = classes_of([0, 1, 0, 2], NAMES)
BUSY, BESIDE_COLUMN, FIRST_SLOPE, FIRST_CLASS = 1, 2, 3, 6


def test_columns_lie_as_they_are_listed() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES)

    assert design.n_background == BUSY
    assert design.first_class == FIRST_CLASS
    assert design.n_columns == FIRST_CLASS + 3


def test_rows_of_a_drawing() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES)

    rows = design.rows(at_ms(25, 50, 1000), EXACT_25_MS)

    # 0 to 25: all busy; 20 ms of gemm, 15 of attention. 25 to 50: 5 of attention, 5 of fill.
    assert rows[:, 0].tolist() == [1, 1, 1]
    assert rows[:, BUSY] == pytest.approx([1, 10 / 25, 0])
    # alphabetic codes of categories: attention, elementwise, gemm
    assert rows[:, FIRST_CLASS:] == pytest.approx(
        np.array([[20, 15, 0], [0, 5, 5], [0, 0, 0]]) / 25, abs=1e-9
    )
    # Half of the first gemm and half of attention have the other beside them; the column takes
    # it as spread over each piece.
    beside = np.array([20 * 0.5 * GEMM_W + 15 * 0.5 * ATTENTION_W, 5 * 0.5 * ATTENTION_W, 0]) / 25
    assert rows[:, BESIDE_COLUMN] == pytest.approx(beside)
    # Only gemm comes in two sizes. Usual log: (20 log 20 + 10 log 10) / 30 = log 20 - log(2) / 3
    sizes = np.zeros((3, 3))
    sizes[0, 2] = 20 / 25 * np.log(2) / 3 * GEMM_W
    assert rows[:, FIRST_SLOPE:FIRST_CLASS] == pytest.approx(sizes, abs=1e-9)


def test_lag_and_window_move_what_a_row_shows() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES)

    on_time = design.rows(at_ms(25), EXACT_25_MS)
    late = design.rows(at_ms(325), SensorShape(25.0, 0.0, 300.0))

    assert late == pytest.approx(on_time)


def test_longer_pieces_than_usual_draw_more_where_the_slope_is_above_zero() -> None:
    # 20 ms and 10 ms of gemm: log 20 is log(2) / 3 above the usual, log 10 twice that below
    design = design_of(DRAWN, DRAWN_CLASSES)
    theta = np.zeros(design.n_columns)
    theta[FIRST_CLASS] = 300.0
    theta[FIRST_SLOPE + 2] = 0.1  # gemm is the third category by name

    power_w = design.power_w(theta)

    over_w = 0.1 * GEMM_W * np.log(2) / 3
    assert power_w == pytest.approx([300 + over_w, 0, 300 - 2 * over_w, 0])


def test_slopes_of_a_category_do_not_touch_another() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES)
    theta = np.zeros(design.n_columns)
    theta[FIRST_SLOPE : FIRST_SLOPE + 2] = 0.1

    assert design.power_w(theta) == pytest.approx(np.zeros(4))


def test_the_slope_ends_where_a_piece_only_waits() -> None:
    # a barrier that once waits for a second instead of 1 us does not draw the log of a million
    short = [(10.0 * turn, 10.0 * turn + 0.001) for turn in range(1000)]
    design = design_of(pieces((20_000, 21_000), *short), classes_of([0] * 1001, [FILL]))

    assert design.sizes.weight.min() == pytest.approx(-LARGEST_SIZE * FILL_W)
    assert np.abs(design.sizes.weight).max() <= LARGEST_SIZE * FILL_W


def test_a_piece_beside_others_draws_what_the_column_says_less() -> None:
    # one alone; two at once; three at once; one with another beside it for a quarter of its time
    work = pieces((0, 4), (10, 14), (10, 14), (20, 24), (20, 24), (20, 24), (30, 34), (33, 37))
    design = design_of(work, classes_of([0] * 8, [GEMM]))
    theta = np.zeros(design.n_columns)
    theta[BESIDE_COLUMN] = -0.12

    power_w = design.power_w(theta) / (-0.12 * GEMM_W)

    assert power_w == pytest.approx([0, 1, 1, 1, 1, 1, 0.25, 0.25])


def test_busy_power_is_shared_by_what_runs_at_once() -> None:
    design = design_of(pieces((0, 4), (10, 14), (10, 14)), classes_of([0] * 3, [GEMM]))
    theta = np.zeros(design.n_columns)
    theta[BUSY] = 30.0

    assert design.power_w(theta) == pytest.approx([30, 15, 15])
    # and a window that holds it all sees it once
    row = design.rows(at_ms(25), EXACT_25_MS)[0]
    assert row @ theta == pytest.approx(30 * 8 / 25)


def test_the_clock_weighs_classes_and_nothing_else() -> None:
    factor = np.array([1.0, 0.8, 0.5, 1.1])
    plain = design_of(DRAWN, DRAWN_CLASSES)
    slow = design_of(DRAWN, DRAWN_CLASSES, clock_factor=factor)

    rows, slow_rows = (d.rows(at_ms(25, 50, 75), EXACT_25_MS) for d in (plain, slow))

    assert slow_rows[:, :FIRST_CLASS] == pytest.approx(rows[:, :FIRST_CLASS])
    # ms of gemm: 20 at 1.0, 10 at 0.5; of attention at 0.8, of fill at 1.1
    assert slow_rows[:, FIRST_CLASS:] == pytest.approx(
        np.array([[20, 15 * 0.8, 0], [0, 5 * 0.8, 5 * 1.1], [10 * 0.5, 0, 0]]) / 25, abs=1e-9
    )


def test_a_short_log_has_no_wander() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES, span_s=KNOT_S - 0.001)

    assert design.n_background == 1
    theta = np.arange(1.0, 1 + design.n_columns)
    assert design.background_w(at_ms(-5000, 0, 5000), theta).tolist() == [1, 1, 1]


def test_wander_goes_straight_from_knot_to_knot_and_stays_level_outside() -> None:
    # 25 s of log: two pieces, knots at 0, 12.5, 25 s
    design = design_of(DRAWN, DRAWN_CLASSES, span_s=25.0)
    theta = np.zeros(design.n_columns)
    theta[:4] = [100.0, 3.0, -1.0, 5.0]

    background_w = design.background_w(at_ms(-9000, 0, 6250, 12_500, 15_000, 25_000, 40_000), theta)

    assert design.knot_ns.tolist() == at_ms(0, 12_500, 25_000).tolist()
    assert background_w == pytest.approx([103, 103, 101, 99, 99 + 6 / 5, 105, 105])


def test_a_row_has_the_background_of_the_middle_of_what_it_shows() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES, span_s=20.0)
    shape = SensorShape(1000.0, 200.0, 300.0)
    update_ns = at_ms(*np.arange(500, 20_000, 900))
    theta = np.zeros(design.n_columns)
    theta[:4] = [100.0, 3.0, -1.0, 5.0]

    row_w = design.rows(update_ns, shape) @ theta

    # a step takes a mean of 200 ms through a smoothing, 500 ms to the middle of the window
    assert row_w == pytest.approx(design.background_w(update_ns - 1000 * MS, theta))


def test_the_prior_has_each_width_in_its_column() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES, span_s=20.0)
    mean_w, root = np.array([300.0, 350, 170]), np.array([[50.0, 0, 0], [20, 60, 0], [5, 5, 30]])

    mean, covariance = design.prior(mean_w, root @ root.T)

    # static, 3 knots, busy, beside, 3 slopes, 3 classes
    sd = [STATIC_SHARE_SD * LIMIT_W, *[WANDER_W] * 3, BUSY_SHARE_SD * LIMIT_W, BESIDE_SD]
    assert mean.tolist() == pytest.approx(
        [STATIC_SHARE * LIMIT_W, 0, 0, 0, BUSY_SHARE * LIMIT_W, BESIDE, 0, 0, 0, *mean_w]
    )
    assert np.sqrt(np.diag(covariance)[:9]) == pytest.approx([*sd, *[SIZE_SLOPE_SD] * 3])
    assert covariance[9:, 9:] == pytest.approx(root @ root.T)
    assert not covariance[:9, 9:].any()
    assert np.linalg.eigvalsh(covariance).min() > 0


Piece = tuple[int, int, int]  # start and length [ms], class
PIECES = st.lists(
    st.tuples(st.integers(0, 120), st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=25
)
FOUR = [GEMM, ATTENTION, FILL, "nvjet_tst_128x64"]


def drawn(of_pieces: list[Piece]) -> tuple[DeviceWork, Design]:
    """Lay out pieces, with a clock that differs for each."""
    work = pieces(*((start, start + length) for start, length, _ in of_pieces))
    of_all = np.array([code for *_, code in of_pieces])
    used, of_all = np.unique(of_all, return_inverse=True)
    factor = np.linspace(0.7, 1.2, len(of_pieces))
    classes = classes_of(of_all, [FOUR[code] for code in used])
    return work, design_of(work, classes, clock_factor=factor)


def power_by_ms(of_pieces: list[Piece], design: Design, theta: Float) -> Float:
    """Add up dynamic power ms by ms, from what the model says of a running piece."""
    traits, shares = design.traits, np.zeros(len(of_pieces))
    running = np.zeros((len(of_pieces), 200), dtype=bool)
    for index, (start, length, _) in enumerate(of_pieces):
        running[index, start : start + length] = True
    at_once = running.sum(axis=0)
    for index, mine in enumerate(running):
        shares[index] = (1 / at_once[mine]).mean()
    length_ms = np.array([length for _, length, _ in of_pieces])
    power = np.zeros(200)
    for index, mine in enumerate(running):
        code = design.classes.of_class[index]
        alike = design.classes.of_class == code
        usual = np.average(np.log(length_ms[alike]), weights=length_ms[alike])
        usual_w = CATEGORY_SHARE[traits.category[code]] * LIMIT_W
        others = min(2 * (1 - shares[index]), 1.0)
        power[mine] += (
            theta[design.first_class + code] * np.linspace(0.7, 1.2, len(of_pieces))[index]
            + theta[3 + traits.category_code[code]]
            * usual_w
            * np.clip(np.log(length_ms[index]) - usual, -LARGEST_SIZE, LARGEST_SIZE)
            + theta[2] * others * usual_w
        )
    return np.asarray(power + theta[1] * (at_once > 0), dtype=np.float64)


@settings(max_examples=40)
@given(PIECES, st.integers(0, 2**32))
def test_rows_equal_the_integral_of_power_over_each_window(
    of_pieces: list[Piece], seed: int
) -> None:
    _, design = drawn(of_pieces)
    theta = np.random.default_rng(seed).normal(0, 1, design.n_columns)
    shape = SensorShape(30.0, 12.0, 5.0)
    update_ns = at_ms(20, 60.5, 101.25, 180)

    row_w = design.rows(update_ns, shape) @ theta

    reached_j = np.concatenate(([0.0], np.cumsum(power_by_ms(of_pieces, design, theta))))
    grid_ms = np.arange(201.0)
    expected_w = np.zeros(4)
    for low_ns, high_ns in shape.windows(update_ns):
        low_ms, high_ms = ((t - EPOCH_NS).astype(np.float64) / MS for t in (low_ns, high_ns))
        inside_j = np.interp(high_ms, grid_ms, reached_j) - np.interp(low_ms, grid_ms, reached_j)
        expected_w += inside_j / 30 / NODES
    assert row_w == pytest.approx(theta[0] + expected_w, abs=1e-4)


@settings(max_examples=40)
@given(PIECES, st.integers(0, 2**32), st.integers(1, 5))
def test_gain_times_parameters_is_power_times_length(
    of_pieces: list[Piece], seed: int, n_groups: int
) -> None:
    _, design = drawn(of_pieces)
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 100, design.n_columns)
    # some of all work, in another order, of it some only in part
    row = rng.permutation(len(of_pieces))[: rng.integers(1, len(of_pieces) + 1)]
    length_s, group = rng.uniform(0, 2, len(row)), rng.integers(0, n_groups, len(row))

    gain = design.gain(design.parts(row, length_s), group, n_groups)

    energy_j = np.bincount(group, design.power_w(theta)[row] * length_s, n_groups)
    assert gain @ theta == pytest.approx(energy_j, abs=1e-6)


@settings(max_examples=40)
@given(PIECES)
def test_a_window_over_everything_holds_the_gain_of_all_work(of_pieces: list[Piece]) -> None:
    work, design = drawn(of_pieces)
    length_s = (work.end_ns - work.start_ns) / S

    row = design.rows(at_ms(300), SensorShape(400.0, 0.0, 0.0))[0]
    gain = design.gain(design.parts(work.row, length_s), np.zeros_like(work.row), 1)[0]

    # readings and energies are two views of one model: what was read is what is shared out
    assert row[1:] * 0.4 == pytest.approx(gain[1:], abs=1e-5)
    assert gain[0] == 0


def test_a_group_without_work_has_no_gain() -> None:
    design = design_of(DRAWN, DRAWN_CLASSES)

    gain = design.gain(design.parts(np.array([0]), np.array([2.0])), np.array([1]), 3)

    assert gain[[0, 2]].tolist() == np.zeros((2, design.n_columns)).tolist()
    assert gain[1].any()


def test_pieces_of_no_length_count_for_nothing_and_break_nothing() -> None:
    with_empty = pieces((0, 20), (5, 5), (30, 30))
    design = design_of(with_empty, classes_of([0, 0, 1], [GEMM, FILL]))
    plain = design_of(pieces((0, 20)), classes_of([0], [GEMM]))

    rows, plain_rows = (d.rows(at_ms(25, 50), EXACT_25_MS) for d in (design, plain))

    assert np.isfinite(rows).all()
    assert rows[:, [0, BUSY, 5]] == pytest.approx(plain_rows[:, [0, BUSY, 4]])
    assert rows[:, 6] == pytest.approx([0, 0])


def test_typical_duration_is_that_of_the_piece_at_a_random_moment() -> None:
    # 1 ms nine times, 9 ms once: half of the time belongs to each
    spans = [(20.0 * turn, 20.0 * turn + 1) for turn in range(9)]
    design = design_of(pieces(*spans, (300, 309)), classes_of([0] * 10, [GEMM]))

    assert design.traits.duration_us.tolist() == pytest.approx([5000.0])
    assert design.traits.category == ["gemm"]


def test_work_in_any_order_gives_the_same_rows() -> None:
    order = np.array([3, 1, 0, 2])
    shuffled = work_of(DRAWN.start_ns[order], DRAWN.end_ns[order])
    classes = replace(DRAWN_CLASSES, of_all=DRAWN_CLASSES.of_all[order])

    rows = [
        design_of(work, of).rows(at_ms(25, 50, 75), EXACT_25_MS)
        for work, of in ((DRAWN, DRAWN_CLASSES), (shuffled, classes))
    ]

    assert rows[1] == pytest.approx(rows[0])
