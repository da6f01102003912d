"""Power of classes from windows that hold several of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from traceenergy.energy.class_power import READ_SD_W, SHAPE_RANGE, Rows, fit_class_power
from traceenergy.energy.prior import Prior, prior_by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

CATEGORIES = ["gemm", "gemm", "attention", "elementwise", "elementwise", "communication"]
PRIOR = prior_by_name(CATEGORIES, 700.0)


def windows(
    rng: np.random.Generator,
    n: int,
    n_classes: int = len(CATEGORIES),
    *,
    length_s: float = 0.025,
    step_s: float = 0.1,
) -> Rows:
    """Fill windows at random, each to a random part, with power yet to be told."""
    busy = rng.uniform(0.3, 1.0, n)
    share = rng.dirichlet(np.full(n_classes, 0.7), n) * busy[:, None]
    low_s = np.arange(n) * step_s
    return Rows(np.column_stack((np.ones(n), busy, share)), np.zeros(n), low_s, low_s + length_s)


def moving(rng: np.random.Generator, n: int, length_s: float, step_s: float) -> Rows:
    """Average work that changes class every 10 ms over overlapping windows."""
    slots = round((n * step_s + length_s) / 0.01) + 1
    of_slot = rng.integers(-1, len(CATEGORIES), slots)
    used = of_slot[:, None] == np.arange(len(CATEGORIES))
    running = np.concatenate((np.zeros((1, len(CATEGORIES))), np.cumsum(used, axis=0)))
    first = np.round(np.arange(n) * step_s / 0.01).astype(int)
    width = round(length_s / 0.01)
    share = (running[first + width] - running[first]) / width
    low_s = first * 0.01
    design = np.column_stack((np.ones(n), share.sum(axis=1), share))
    return Rows(design, np.zeros(n), low_s, low_s + length_s)


def draw(rng: np.random.Generator, prior: Prior = PRIOR) -> Float:
    """Draw powers from the prior, above zero."""
    while True:
        theta = rng.multivariate_normal(prior.mean_w, prior.covariance_w2)
        if (theta > 0).all():
            return np.asarray(theta)


def dense_noise(rows: Rows, prior: Prior, density_w2s: float) -> Float:
    """Build the covariance of noise entry by entry."""
    overlap = np.minimum.outer(rows.high_s, rows.high_s) - np.maximum.outer(rows.low_s, rows.low_s)
    length = rows.high_s - rows.low_s
    predicted = rows.design[:, 1:] @ prior.mean_w[1:]
    shape = np.clip(predicted / predicted.mean(), *SHAPE_RANGE)
    process = np.maximum(overlap, 0) / np.outer(length, length) * np.outer(shape, shape)
    return np.asarray(density_w2s * process + READ_SD_W**2 * np.eye(len(length)))


def test_many_windows_without_noise_tell_every_power() -> None:
    rng = np.random.default_rng(1)
    rows, true_w = windows(rng, 2000), np.array([80.0, 30.0, 350, 220, 400, 120, 200, 60])

    fit = fit_class_power(replace(rows, power_w=rows.design @ true_w), PRIOR)

    # Where no two pieces run at once, busy power is in every class alike: only sums are told.
    # A reading is believed to 2 W, and 2 / sqrt(2000) = 0.04, times a few for what is alike.
    assert fit.mean_w[0] == pytest.approx(80, abs=0.5)
    assert fit.mean_w[1] + fit.mean_w[2:] == pytest.approx(true_w[1] + true_w[2:], abs=0.5)
    together = np.column_stack((np.ones(6), np.eye(6)))
    error_w = np.sqrt(np.diag(together @ fit.covariance_w2[1:, 1:] @ together.T))
    assert error_w.max() < 1
    # and so no class is surer than busy power, 0.03 of 700 W; of gemm that is 7 % of its power
    assert fit.told_share[2:4].min() > 0.95
    assert fit.residual_sd_w < 0.5


def test_a_window_that_shows_no_work_leaves_classes_as_they_were() -> None:
    # one idle reading at the static power that was expected
    rows = Rows(np.eye(1, 8), PRIOR.mean_w[:1], np.zeros(1), np.full(1, 0.025))

    fit = fit_class_power(rows, PRIOR)

    assert fit.mean_w == pytest.approx(PRIOR.mean_w)
    assert fit.covariance_w2[1:, 1:] == pytest.approx(PRIOR.covariance_w2[1:, 1:])
    assert fit.told_share[1:] == pytest.approx(np.zeros(7), abs=1e-9)
    assert fit.told_share[0] > 0.5


def test_no_reading_leaves_the_prior() -> None:
    rows = Rows(np.zeros((1, 8)), np.zeros(1), np.zeros(1), np.full(1, 0.025))

    fit = fit_class_power(rows, PRIOR)

    assert fit.mean_w == pytest.approx(PRIOR.mean_w)
    assert fit.covariance_w2 == pytest.approx(PRIOR.covariance_w2)
    assert fit.told_share == pytest.approx(np.zeros(8), abs=1e-9)


def test_a_class_that_never_runs_learns_only_from_its_kin() -> None:
    # class 5, communication, shares the common part of the prior with the rest, no more
    rng = np.random.default_rng(3)
    rows = windows(rng, 500, 5)
    design = np.column_stack((rows.design, np.zeros(500)))
    # the rest draw half of what was expected
    true_w = np.concatenate((PRIOR.mean_w[:2], PRIOR.mean_w[2:] * 0.5))

    fit = fit_class_power(replace(rows, design=design, power_w=design @ true_w), PRIOR)

    assert 0.5 * PRIOR.mean_w[7] < fit.mean_w[7] < PRIOR.mean_w[7]
    assert fit.told_share[7] < 0.6 < fit.told_share[2:7].min()


@pytest.mark.parametrize(("length_s", "step_s"), [(0.025, 0.1), (0.1, 0.1), (1.0, 0.1), (1.0, 0.4)])
def test_banded_noise_gives_what_dense_noise_gives(length_s: float, step_s: float) -> None:
    rng = np.random.default_rng(5)
    rows = moving(rng, 60, max(length_s, 0.02), step_s)
    rows = replace(rows, high_s=rows.low_s + length_s)
    rows = replace(rows, power_w=rows.design @ draw(rng) + rng.normal(0, 5, 60))

    fit = fit_class_power(rows, PRIOR)

    # The size of process noise is not told. It is a number, chosen by likelihood: some density
    # must reproduce the whole posterior, and be about the likeliest of all.
    inverse = np.linalg.inv(PRIOR.covariance_w2)
    off_w = rows.power_w - rows.design @ PRIOR.mean_w
    costs, misses = [], []
    for density in np.exp(np.arange(-9, 9, 0.05)):
        noise = dense_noise(rows, PRIOR, density)
        gain = np.linalg.solve(noise, rows.design)
        covariance = np.linalg.inv(rows.design.T @ gain + inverse)
        mean_w = PRIOR.mean_w + covariance @ (gain.T @ off_w)
        whole = noise + rows.design @ PRIOR.covariance_w2 @ rows.design.T
        costs.append(np.linalg.slogdet(whole)[1] + off_w @ np.linalg.solve(whole, off_w))
        sd_w = np.sqrt(np.diag(covariance))
        misses.append(
            np.abs(np.maximum(mean_w, 0) - fit.mean_w).max() / sd_w.max()
            + np.abs(covariance - fit.covariance_w2).max() / covariance.max()
        )
    assert min(misses) < 0.03
    assert costs[int(np.argmin(misses))] - min(costs) < 0.5


def test_overlapping_windows_say_less_than_as_many_apart() -> None:
    # the same shares, in windows of 1 s every second, and every 0.1 s
    rng = np.random.default_rng(6)
    true_w = draw(rng)
    apart = windows(rng, 200, length_s=1.0, step_s=1.0)
    beside = replace(apart, low_s=apart.low_s / 10, high_s=apart.low_s / 10 + 1.0)
    error_w = []
    for rows in (apart, beside):
        noise = rng.multivariate_normal(np.zeros(200), dense_noise(rows, PRIOR, 400.0))
        fit = fit_class_power(replace(rows, power_w=rows.design @ true_w + noise), PRIOR)
        # of the mean window, which noise that windows share does not leave alone
        mean_row = rows.design.mean(axis=0)
        error_w.append(float(np.sqrt(mean_row @ fit.covariance_w2 @ mean_row)))

    # 20 W of noise over the root of 200 windows, and over the root of about 20 seconds
    assert error_w[0] == pytest.approx(20 / np.sqrt(200), rel=0.4)
    assert error_w[1] == pytest.approx(20 / np.sqrt(20), rel=0.4)


def cover(seeds: range, *, length_s: float, step_s: float, n: int) -> float:
    """Tell the part of all powers that lie in their 90 % intervals."""
    inside = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        true_w = draw(rng)
        rows = moving(rng, n, length_s, step_s)
        noise = dense_noise(rows, PRIOR, 20.0)
        power_w = rows.design @ true_w + rng.multivariate_normal(np.zeros(n), noise)
        fit = fit_class_power(replace(rows, power_w=power_w), PRIOR)
        inside.append(np.abs(fit.mean_w - true_w) <= 1.645 * np.sqrt(np.diag(fit.covariance_w2)))
    return float(np.mean(inside))


@pytest.mark.parametrize(
    ("length_s", "step_s", "n"),
    [(0.03, 0.1, 100), (0.1, 0.1, 100), (1.0, 0.1, 150), (0.03, 0.1, 20)],
    ids=["part-time", "full-time", "1 s average", "few"],
)
def test_intervals_hold_about_as_often_as_they_say(length_s: float, step_s: float, n: int) -> None:
    # 100 problems of 8 powers; powers of a problem go together, so that the standard deviation
    # of the share lies between 1 % (800 alone) and 3 % (100 alone): two of the larger. Powers
    # below zero are not drawn, which the prior does not know: the intervals hold rather too much
    share = cover(range(100), length_s=length_s, step_s=step_s, n=n)

    assert share == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("seed", range(20))
def test_powers_are_never_negative_whatever_is_read(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = windows(rng, 60)
    # readings that fall with more work, and some beyond reason
    power_w = 400 - 600 * rows.design[:, 1] + rng.normal(0, 80, 60)
    power_w[rng.integers(0, 60, 3)] = rng.choice([0.0, 5000.0], 3)

    fit = fit_class_power(replace(rows, power_w=power_w), PRIOR)

    assert (fit.mean_w >= 0).all()
    assert (fit.told_share >= 0).all()
    assert (fit.told_share <= 1).all()
    assert (np.linalg.eigvalsh(fit.covariance_w2) > 0).all()


def test_a_reading_far_off_is_pulled_in() -> None:
    rng = np.random.default_rng(7)
    rows, true_w = windows(rng, 400), draw(rng)
    power_w = rows.design @ true_w + rng.normal(0, 3, 400)
    spoiled = power_w.copy()
    spoiled[[50, 200, 350]] += 3000.0

    clean = fit_class_power(replace(rows, power_w=power_w), PRIOR)
    fit = fit_class_power(replace(rows, power_w=spoiled), PRIOR)

    # three readings 3000 W off move a mean of 400 by 22 W; pulled in to 4.5 deviations, by far less
    assert np.abs(fit.mean_w - clean.mean_w).max() < 22 / 2
    assert fit.residual_sd_w < 30


def test_the_spread_of_what_is_left_is_that_of_the_noise() -> None:
    rng = np.random.default_rng(8)
    rows, true_w = windows(rng, 1000), draw(rng)
    power_w = rows.design @ true_w + rng.normal(0, 10, 1000)

    fit = fit_class_power(replace(rows, power_w=power_w), PRIOR)

    assert fit.residual_sd_w == pytest.approx(10, rel=0.15)
