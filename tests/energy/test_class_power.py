"""Power of classes from windows that hold several of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from traceenergy.energy.class_power import (
    MISFIT_SHARE,
    READ_SD_W,
    SHAPE_RANGE,
    Rows,
    begin_fit,
    fit_class_power,
    information_of,
    inverse_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.class_power import ClassPower

    Float = NDArray[np.float64]

# Static power, busy power, and six classes on a board of 700 W, in watts: two of gemm, attention,
# two elementwise, communication. All are off by 30 % in common, each by 22 % alone.
MEAN_W = np.array([91, 28, 294, 294, 350, 168, 168, 98.0])
COVARIANCE_W2 = np.diag(np.square([70.0, 21, 0, 0, 0, 0, 0, 0]))
COVARIANCE_W2[2:, 2:] = np.outer(MEAN_W[2:], MEAN_W[2:]) * (0.09 + 0.0484 * np.eye(6))
N_CLASSES = 6


def fit(rows: Rows) -> ClassPower:
    return fit_class_power(rows, MEAN_W, COVARIANCE_W2)


def windows(
    rng: np.random.Generator,
    n: int,
    n_classes: int = N_CLASSES,
    *,
    length_s: float = 0.025,
    step_s: float = 0.1,
) -> Rows:
    """Fill windows at random, each to a random part, with power yet to be told."""
    busy = rng.uniform(0.3, 1.0, n)
    share = rng.dirichlet(np.full(n_classes, 0.7), n) * busy[:, None]
    low_s = np.arange(n, dtype=np.float64) * step_s
    design = np.column_stack((np.ones(n), busy, share))
    return Rows(design, np.zeros(n), low_s, low_s + length_s, 1)


def moving(rng: np.random.Generator, n: int, length_s: float, step_s: float) -> Rows:
    """Average work that changes class every 10 ms over overlapping windows."""
    slots = round((n * step_s + length_s) / 0.01) + 1
    of_slot = rng.integers(-1, N_CLASSES, slots)
    used = of_slot[:, None] == np.arange(N_CLASSES)
    running = np.concatenate((np.zeros((1, N_CLASSES)), np.cumsum(used, axis=0)))
    first = np.round(np.arange(n) * step_s / 0.01).astype(int)
    width = round(length_s / 0.01)
    share = (running[first + width] - running[first]) / width
    low_s = np.asarray(first * 0.01, dtype=np.float64)
    design = np.column_stack((np.ones(n), share.sum(axis=1), share))
    return Rows(design, np.zeros(n), low_s, low_s + length_s, 1)


def draw(rng: np.random.Generator) -> Float:
    """Draw powers from the prior, above zero."""
    while True:
        theta = rng.multivariate_normal(MEAN_W, COVARIANCE_W2)
        if (theta > 0).all():
            return np.asarray(theta)


def dense_noise(rows: Rows, theta: Float, process_w2_s: float) -> Float:
    """Build the covariance of noise entry by entry."""
    overlap = np.minimum.outer(rows.high_s, rows.high_s) - np.maximum.outer(rows.low_s, rows.low_s)
    length = rows.high_s - rows.low_s
    predicted = rows.design[:, 1:] @ theta[1:]
    shape = np.clip(predicted / predicted.mean(), *SHAPE_RANGE)
    process = np.maximum(overlap, 0) / np.outer(length, length) * np.outer(shape, shape)
    return np.asarray(process_w2_s * process + READ_SD_W**2 * np.eye(len(length)))


def cost(rows: Rows, theta: Float, process_w2_s: float) -> float:
    """Tell -2 log of the marginal likelihood of readings, but for a constant."""
    off_w = rows.power_w - rows.design @ MEAN_W
    whole = dense_noise(rows, theta, process_w2_s) + rows.design @ COVARIANCE_W2 @ rows.design.T
    return float(np.linalg.slogdet(whole)[1] + off_w @ np.linalg.solve(whole, off_w))


def least_noise_w2_s(rows: Rows, theta: Float) -> float:
    """Tell the noise of windows that the model misses by its least share of dynamic power."""
    mean_w = float((rows.design[:, 1:] @ theta[1:]).mean())
    return (MISFIT_SHARE * mean_w) ** 2 * float(np.median(rows.high_s - rows.low_s))


def told_share(found: ClassPower) -> Float:
    """Say how much the readings told of each parameter: 1 less posterior over prior variance."""
    return 1 - np.diag(found.covariance) / np.diag(found.prior_covariance)


def test_many_windows_without_noise_tell_every_power() -> None:
    rng = np.random.default_rng(1)
    rows, true_w = windows(rng, 2000), np.array([80.0, 30.0, 350, 220, 400, 120, 200, 60])

    found = fit(replace(rows, power_w=rows.design @ true_w))

    # Where no two pieces run at once, busy power is in every class alike: only sums are told.
    # A reading is believed to 2 W and 5 % of some 150 W, and 8 / sqrt(2000) = 0.2, times a few
    # for what is alike.
    assert found.mean[0] == pytest.approx(80, abs=1)
    assert found.mean[1] + found.mean[2:] == pytest.approx(true_w[1] + true_w[2:], abs=1)
    together = np.column_stack((np.ones(6), np.eye(6)))
    error_w = np.sqrt(np.diag(together @ found.covariance[1:, 1:] @ together.T))
    assert error_w.max() < 2.5
    # and so no class is surer than busy power, 0.03 of 700 W; of gemm that is 7 % of its power
    assert told_share(found)[2:4].min() > 0.95


def test_readings_that_fit_are_not_believed_further_than_the_model_is() -> None:
    # A linear model of few numbers misses some of every window, however well it fits these.
    rng = np.random.default_rng(2)
    rows, true_w = windows(rng, 300), draw(rng)

    found = fit(replace(rows, power_w=rows.design @ true_w))

    assert found.process_w2_s == pytest.approx(least_noise_w2_s(rows, true_w), rel=0.05)


def test_a_window_that_shows_no_work_leaves_classes_as_they_were() -> None:
    # one idle reading at the static power that was expected
    rows = Rows(np.eye(1, 8), MEAN_W[:1], np.zeros(1), np.full(1, 0.025), 1)

    found = fit(rows)

    assert found.mean == pytest.approx(MEAN_W)
    assert found.covariance[1:, 1:] == pytest.approx(COVARIANCE_W2[1:, 1:])
    assert told_share(found)[1:] == pytest.approx(np.zeros(7), abs=1e-9)
    # 2 W of a reading after 70 W
    assert told_share(found)[0] == pytest.approx(1 - 1 / (1 + (70 / READ_SD_W) ** 2))


def test_no_reading_leaves_the_prior() -> None:
    rows = Rows(np.zeros((1, 8)), np.zeros(1), np.zeros(1), np.full(1, 0.025), 1)

    found = fit(rows)

    assert found.mean == pytest.approx(MEAN_W)
    assert found.covariance == pytest.approx(COVARIANCE_W2)
    assert told_share(found) == pytest.approx(np.zeros(8), abs=1e-9)
    assert found.prior_mean.tolist() == MEAN_W.tolist()
    assert found.prior_covariance.tolist() == COVARIANCE_W2.tolist()


def test_a_class_that_never_runs_learns_only_from_its_kin() -> None:
    # class 5, communication, shares the common part of the prior with the rest, no more
    rng = np.random.default_rng(3)
    rows = windows(rng, 500, 5)
    design = np.column_stack((rows.design, np.zeros(500)))
    # the rest draw half of what was expected
    true_w = np.concatenate((MEAN_W[:2], MEAN_W[2:] * 0.5))

    found = fit(replace(rows, design=design, power_w=design @ true_w))

    assert 0.5 * MEAN_W[7] < found.mean[7] < MEAN_W[7]
    assert told_share(found)[7] < 0.6 < told_share(found)[2:7].min()


def test_columns_before_the_first_dynamic_one_make_no_noise() -> None:
    # static power five times that of work; noise is in proportion to the power of work
    rng = np.random.default_rng(4)
    rows, true_w = windows(rng, 300), draw(rng)
    true_w[0] = 1000.0

    found = fit(replace(rows, power_w=rows.design @ true_w))

    assert found.process_w2_s == pytest.approx(least_noise_w2_s(rows, true_w), rel=0.05)


@pytest.mark.parametrize(("length_s", "step_s"), [(0.025, 0.1), (0.1, 0.1), (1.0, 0.1), (1.0, 0.4)])
def test_banded_noise_gives_what_dense_noise_gives(length_s: float, step_s: float) -> None:
    rng = np.random.default_rng(5)
    rows = moving(rng, 60, max(length_s, 0.02), step_s)
    rows = replace(rows, high_s=rows.low_s + length_s)
    rows = replace(rows, power_w=rows.design @ draw(rng) + rng.normal(0, 5, 60))

    found = fit(rows)

    # noise follows the power of a first fit, which is near that of the last
    noise = dense_noise(rows, found.mean, found.process_w2_s)
    gain = np.linalg.solve(noise, rows.design)
    inverse = np.linalg.inv(COVARIANCE_W2)
    covariance = np.linalg.inv(rows.design.T @ gain / found.temper + inverse)
    off_w = rows.power_w - rows.design @ MEAN_W
    mean = MEAN_W + covariance @ (gain.T @ off_w) / found.temper
    sd = np.sqrt(np.diag(covariance))
    assert np.abs(mean - found.mean).max() < 0.03 * sd.max()
    assert np.abs(covariance - found.covariance).max() < 0.03 * covariance.max()
    # its size is the likeliest of steps of e, but for a little where two are as likely
    best = cost(rows, found.mean, found.process_w2_s)
    assert best < cost(rows, found.mean, found.process_w2_s * np.e) + 0.5
    if found.process_w2_s > 1.5 * least_noise_w2_s(rows, found.mean):
        assert best < cost(rows, found.mean, found.process_w2_s / np.e) + 0.5


@pytest.mark.parametrize("seed", range(5))
def test_the_size_of_noise_is_found_to_a_step(seed: int) -> None:
    # 400 W^2 s in windows of 1 s that follow each other: 20 W, some three steps of e over the least
    rng = np.random.default_rng(seed)
    rows, true_w = windows(rng, 400, length_s=1.0, step_s=1.0), draw(rng)
    noise = rng.multivariate_normal(
        np.zeros(400), dense_noise(rows, true_w, 400.0), method="cholesky"
    )

    found = fit(replace(rows, power_w=rows.design @ true_w + noise))

    # half a step of e on either side, and sqrt(2 / 400) = 7 % of luck
    assert abs(np.log(found.process_w2_s / 400)) < 0.5 + 3 * 0.07
    assert found.temper < 1.3


@pytest.mark.parametrize("step_s", [0.1, 0.01])  # apart, or overlapping
@pytest.mark.parametrize("seed", range(12))
def test_noise_is_the_same_from_wherever_it_is_searched(seed: int, step_s: float) -> None:
    rng = np.random.default_rng(seed)
    rows, theta = windows(rng, 60, step_s=step_s), draw(rng)
    missed_w = rng.normal(0, rng.choice([2.0, 20.0, 120.0]), 60)
    rows = replace(rows, power_w=rows.design @ theta + missed_w)

    found = [
        begin_fit(rows, MEAN_W, COVARIANCE_W2, log_noise)
        for log_noise in (None, -np.inf, *np.arange(-6.0, 14.0, 2.5), np.inf)
    ]

    assert len({round(one.log_noise, 9) for one in found}) == 1
    assert len({round(one.cost, 9) for one in found}) == 1


def test_overlapping_windows_say_less_than_as_many_apart() -> None:
    # the same shares, in windows of 1 s every second, and every 0.1 s
    rng = np.random.default_rng(6)
    true_w = draw(rng)
    apart = windows(rng, 200, length_s=1.0, step_s=1.0)
    beside = replace(apart, low_s=apart.low_s / 10, high_s=apart.low_s / 10 + 1.0)
    error_w = []
    for rows in (apart, beside):
        noise = rng.multivariate_normal(
            np.zeros(200), dense_noise(rows, true_w, 400.0), method="cholesky"
        )
        found = fit(replace(rows, power_w=rows.design @ true_w + noise))
        # of the mean window, which noise that windows share does not leave alone
        mean_row = rows.design.mean(axis=0)
        error_w.append(float(np.sqrt(mean_row @ found.covariance @ mean_row)))

    # 20 W of noise over the root of 200 windows, and over the root of about 20 seconds; noise
    # comes in steps of e, so its root is off by up to a quarter
    assert error_w[0] == pytest.approx(20 / np.sqrt(200), rel=0.4)
    assert error_w[1] == pytest.approx(20 / np.sqrt(20), rel=0.4)


def test_residuals_that_hang_together_say_less() -> None:
    # noise of 20 W whose neighbors correlate by 0.8: (1 + 0.8) / (1 - 0.8) = 9 windows as one
    rng = np.random.default_rng(9)
    rows, true_w = windows(rng, 1000), draw(rng)
    noise_w = rng.normal(0, 20 * np.sqrt(1 - 0.8**2), 1000)
    for index in range(1, 1000):
        noise_w[index] += 0.8 * noise_w[index - 1]

    found = fit(replace(rows, power_w=rows.design @ true_w + noise_w))

    # Noise in proportion to power is whitened by another size each window, which takes some of it.
    assert 5 < found.temper < 11
    mean_row = rows.design.mean(axis=0)
    error_w = float(np.sqrt(mean_row @ found.covariance @ mean_row))
    assert error_w == pytest.approx(20 * np.sqrt(9 / 1000), rel=0.4)


def cover(seeds: range, *, length_s: float, step_s: float, n: int) -> float:
    """Tell the part of all powers that lie in their 90 % intervals."""
    inside = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        true_w = draw(rng)
        rows = moving(rng, n, length_s, step_s)
        noise_w2 = dense_noise(rows, MEAN_W, 20.0)
        power_w = rows.design @ true_w + rng.multivariate_normal(
            np.zeros(n), noise_w2, method="cholesky"
        )
        found = fit(replace(rows, power_w=power_w))
        inside.append(np.abs(found.mean - true_w) <= 1.645 * np.sqrt(np.diag(found.covariance)))
    return float(np.mean(inside))


@pytest.mark.parametrize(
    ("length_s", "step_s", "n"),
    [(0.03, 0.1, 100), (0.1, 0.1, 100), (1.0, 0.1, 150), (0.03, 0.1, 20)],
    ids=["part-time", "full-time", "1 s average", "few"],
)
def test_intervals_hold_about_as_often_as_they_say(length_s: float, step_s: float, n: int) -> None:
    # 100 problems of 8 powers; powers of a problem go together, so that the standard deviation
    # of the share lies between 1 % (800 alone) and 3 % (100 alone): two of the larger. Powers
    # below zero are not drawn, which the prior does not know, and residuals that hang together by
    # luck say less but never more: the intervals hold rather too much
    share = cover(range(100), length_s=length_s, step_s=step_s, n=n)

    assert 0.84 < share < 0.97


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_read_the_answer_is_a_distribution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = windows(rng, 60)
    # readings that fall with more work, and some beyond reason
    power_w = 400 - 600 * rows.design[:, 1] + rng.normal(0, 80, 60)
    power_w[rng.integers(0, 60, 3)] = rng.choice([0.0, 5000.0], 3)

    found = fit(replace(rows, power_w=power_w))

    assert np.isfinite(found.mean).all()
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()
    assert found.temper >= 1
    # readings never make it less sure than it was
    assert (np.diag(found.covariance) <= np.diag(COVARIANCE_W2) * (1 + 1e-9)).all()


def test_a_reading_far_off_is_pulled_in() -> None:
    rng = np.random.default_rng(7)
    rows, true_w = windows(rng, 400), draw(rng)
    power_w = rows.design @ true_w + rng.normal(0, 3, 400)
    spoiled = power_w.copy()
    spoiled[[50, 200, 350]] += 3000.0

    clean = fit(replace(rows, power_w=power_w))
    found = fit(replace(rows, power_w=spoiled))

    # three readings 3000 W off move a mean of 400 by 22 W; pulled in to 4.5 deviations, by far less
    assert np.abs(found.mean - clean.mean).max() < 22 / 2


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_columns_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = windows(rng, 80)
    rows = replace(rows, power_w=rows.design @ draw(rng) + rng.normal(0, 5, 80))
    order = np.concatenate(([0, 1], 2 + rng.permutation(6)))

    found = fit(rows)
    other = fit_class_power(
        replace(rows, design=rows.design[:, order]),
        MEAN_W[order],
        COVARIANCE_W2[np.ix_(order, order)],
    )

    assert other.mean == pytest.approx(found.mean[order])
    assert other.covariance == pytest.approx(found.covariance[np.ix_(order, order)], abs=1e-6)


def test_information_of_the_rows_of_a_fit_is_what_they_told() -> None:
    rng = np.random.default_rng(11)
    rows = moving(rng, 100, 1.0, 0.1)
    rows = replace(rows, power_w=rows.design @ draw(rng) + rng.normal(0, 20, 100))

    found = fit(rows)

    # noise follows the power of the last fit, which is near that of the first
    after = inverse_of(information_of(rows, found) + inverse_of(COVARIANCE_W2))
    assert np.abs(after - found.covariance).max() < 0.03 * found.covariance.max()


def test_information_depends_on_the_work_not_on_what_is_read() -> None:
    rng = np.random.default_rng(12)
    rows = windows(rng, 100)
    found = fit(replace(rows, power_w=rows.design @ draw(rng)))

    silent = information_of(rows, found)
    loud = information_of(replace(rows, power_w=np.full(100, 1e4)), found)

    assert loud.tolist() == silent.tolist()


def test_the_same_work_recorded_twice_tells_twice_as_much() -> None:
    # in windows that do not overlap
    rng = np.random.default_rng(13)
    rows = windows(rng, 100)
    found = fit(replace(rows, power_w=rows.design @ draw(rng)))
    twice = Rows(
        np.tile(rows.design, (2, 1)),
        np.zeros(200),
        np.concatenate((rows.low_s, rows.low_s + 20)),
        np.concatenate((rows.high_s, rows.high_s + 20)),
        1,
    )

    assert information_of(twice, found) == pytest.approx(2 * information_of(rows, found))


def test_the_inverse_of_a_covariance_undoes_it() -> None:
    assert inverse_of(COVARIANCE_W2) @ COVARIANCE_W2 == pytest.approx(np.eye(8), abs=1e-9)
