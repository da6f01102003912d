"""Errors to expect: closed forms, drawn recordings, laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.device import (
    ATTENTION,
    EPOCH_NS,
    GEMM,
    MS,
    classes_of,
    design_of,
    model_of,
    pieces,
    series_of,
)
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.class_power import Rows, fit_class_power, inverse_of
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.expected_error import (
    MEAN_SIZE,
    GroupErrors,
    expect_errors,
    expected_size_j,
    gain_of,
)
from traceenergy.energy.power_model import MODEL_SD, PowerModel
from traceenergy.trace.tables import POWER_SAMPLES, PowerSamples

SERIES = series_of(EPOCH_NS + np.arange(10) * 100 * MS, np.full(10, 100.0))
ONE_CLASS = design_of(pieces((0, 100)), classes_of([0], [GEMM]))
TWO_CLASSES = design_of(pieces((0, 100), (100, 200)), classes_of([0, 1], [GEMM, ATTENTION]))
Z_90 = 1.6449


def one_class(mean_w: float, sd_w: float, prior_w: float, prior_sd_w: float) -> PowerModel:
    """Know the power of one class, and of nothing else anything new."""
    n = ONE_CLASS.n_columns
    mean, covariance = np.zeros(n), np.eye(n)
    mean[-1], covariance[-1, -1] = mean_w, sd_w**2
    model = model_of(ONE_CLASS, mean, covariance, SERIES)
    prior_mean, prior_covariance = mean.copy(), covariance.copy()
    prior_mean[-1], prior_covariance[-1, -1] = prior_w, prior_sd_w**2
    fit = replace(model.fit, prior_mean=prior_mean, prior_covariance=prior_covariance)
    return replace(model, fit=fit)


def seconds_of_class(length_s: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    gain = np.zeros((1, ONE_CLASS.n_columns))
    gain[0, -1] = length_s
    return gain


def test_one_class_by_hand() -> None:
    # 2 s of a class of 300 W to 10 W: 20 J; what the model misses, 5 % of 600 J: 30 J
    model = one_class(mean_w=300, sd_w=10, prior_w=280, prior_sd_w=20)

    errors = expect_errors(model, seconds_of_class(2.0))

    sd_j = np.hypot(20, MODEL_SD * 600)
    assert errors.sd_j == pytest.approx(sd_j)
    assert errors.expected_j == pytest.approx(MEAN_SIZE * sd_j)
    # Recorded again, 10^2 / 20^2 of the 20 W that the prior is too low remains: 5 W, 10 J.
    assert errors.again_bias_j == pytest.approx(-10)
    # The same share of the spread of drawn powers, 2.5 W; noise that 3/4 of the variance is due
    # to: 10 * sqrt(3/4) W. Both for 2 s.
    again_j2 = (2 * 2.5) ** 2 + (2 * 10) ** 2 * 3 / 4 + (MODEL_SD * 600) ** 2
    assert errors.again_sd_j == pytest.approx(np.sqrt(again_j2))


def test_readings_that_say_nothing_leave_the_prior_and_intervals_that_hold() -> None:
    model = one_class(mean_w=300, sd_w=30, prior_w=300, prior_sd_w=30)

    errors = expect_errors(model, seconds_of_class(1.0))

    assert errors.again_sd_j == pytest.approx(errors.sd_j)
    assert errors.held_share(0.9) == pytest.approx(0.9)
    assert errors.held_share(0.5) == pytest.approx(0.5)


def test_a_prior_that_the_readings_contradict_makes_intervals_miss() -> None:
    # Half the variance is told; the prior lies 4 of its deviations off, so that 2 remain.
    model = one_class(mean_w=400, sd_w=30 / np.sqrt(2), prior_w=280, prior_sd_w=30)

    errors = expect_errors(model, seconds_of_class(1.0))

    # Interval +-1.64 * 29.2 J (21.2 W told, 20 W missed), error -60 +- 27.2 J: above -48.0 J
    # lies what is 0.44 deviations off or more.
    assert errors.again_bias_j == pytest.approx(-60)
    assert errors.held_share(0.9) == pytest.approx(0.33, abs=0.01)


def test_energies_of_groups_are_seconds_of_their_classes_where_readings_cover_them() -> None:
    # GEMM runs for 1 s in each of two groups, for 2 s in none, attention for 1 s after the log
    work = pieces((0, 1000), (1000, 2000), (2000, 4000), (9000, 10_000))
    classes = classes_of([0, 0, 0, 1], [GEMM, ATTENTION])
    design = design_of(work, classes, span_s=10.0)
    mean_w = np.zeros(design.n_columns)
    mean_w[design.first_class :] = 300.0, 200.0
    model = model_of(design, mean_w, np.eye(design.n_columns), SERIES)
    columns = {column.name: column.dtype for column in POWER_SAMPLES}
    rows = [(0, 0, EPOCH_NS + at_s * 1000 * MS, 400.0, "power.draw", "test") for at_s in range(7)]
    log = PowerSamples(pl.DataFrame(rows, schema=columns, orient="row"))
    span_ns = EPOCH_NS, EPOCH_NS + 10_000 * MS
    energy, _ = attribute_device(work, Evidence(log), span_ns, AttributionOptions())

    gain = gain_of(model, energy, np.array([0, 2, -1, 2]), 3)

    assert np.isnan(energy.dynamic_j).tolist() == [False, False, False, True]
    assert gain @ mean_w == pytest.approx([300.0, 0.0, 300.0])
    assert gain[:, design.first_class :] == pytest.approx(np.array([[1, 0], [0, 0], [1, 0]]))


def test_no_energy_has_no_error() -> None:
    errors = expect_errors(one_class(300, 10, 280, 20), seconds_of_class(0.0))

    assert errors.expected_j == pytest.approx(0)
    assert errors.held_share(0.9) == pytest.approx(1)


def test_errors_of_two_devices_go_together_as_their_intervals_do() -> None:
    one = GroupErrors(np.array([3.0]), np.array([1.0]), np.array([2.0]))
    two = GroupErrors(np.array([4.0]), np.array([-2.0]), np.array([2.5]))

    both = one + two

    assert both.expected_j == pytest.approx(MEAN_SIZE * 7)
    assert (both.again_bias_j[0], both.again_sd_j[0]) == (-1, 4.5)


def test_it_is_what_drawn_recordings_come_to() -> None:
    """Draw powers, make readings, fit them again with the same design and noise."""
    rng = np.random.default_rng(1)
    n_rows, n = 40, TWO_CLASSES.n_columns
    design = np.abs(rng.normal(0, 1, (n_rows, n)))
    distance = np.abs(np.arange(n_rows)[:, None] - np.arange(n_rows))
    noise = 300 * np.maximum(1 - distance / 5, 0) + 4 * np.eye(n_rows)
    prior_covariance = np.diag([40.0, 20, 10, 10, 30, 60, 60][:n]) ** 2
    prior_mean = rng.uniform(50, 150, n)
    to_readings = design.T @ np.linalg.inv(noise)
    covariance = np.linalg.inv(to_readings @ design + np.linalg.inv(prior_covariance))
    off = rng.multivariate_normal(np.zeros(n), prior_covariance)
    mean = prior_mean + covariance @ to_readings @ (design @ off)
    model = model_of(TWO_CLASSES, mean, covariance, SERIES)
    fit = replace(model.fit, prior_mean=prior_mean, prior_covariance=prior_covariance)
    model = replace(model, fit=fit)
    gain = rng.uniform(0, 2, (3, n))
    n_draws = 20_000
    drawn = rng.multivariate_normal(mean, covariance, n_draws)
    read_w = drawn @ design.T + rng.multivariate_normal(np.zeros(n_rows), noise, n_draws)
    again = prior_mean + (read_w - design @ prior_mean) @ (covariance @ to_readings).T
    missed_j = rng.normal(0, np.sqrt(model.model_variance_j2(gain)), (n_draws, 3))
    error_j = (again - drawn) @ gain.T + missed_j

    errors = expect_errors(model, gain)

    # Standard errors over 20,000 draws: of a mean 0.7 % of the deviation, of that 0.5 %.
    sd_j = error_j.std(axis=0)
    assert errors.again_bias_j == pytest.approx(error_j.mean(axis=0), abs=0.04 * sd_j.min())
    assert errors.again_sd_j == pytest.approx(sd_j, rel=0.02)
    held = (np.abs(error_j) <= Z_90 * errors.sd_j).mean(axis=0)
    assert errors.held_share(0.9) == pytest.approx(held, abs=0.01)


def test_errors_are_as_large_and_intervals_as_good_as_foreseen() -> None:
    """Draw powers from the prior: the whole of fitting and foreseeing against the truth."""
    n_seeds, n = 100, TWO_CLASSES.n_columns
    gain = np.zeros((2, n))
    gain[0, -2], gain[1, -1] = 1.0, 1.0
    prior_mean = np.array([90.0, 20, 0, 0, 0, 300, 200])
    prior_covariance = np.diag([30.0, 5, 0.1, 0.1, 0.1, 90, 70]) ** 2
    found_j, foreseen_j, held, foreseen_held = [], [], [], []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        true_w = rng.multivariate_normal(prior_mean, prior_covariance)
        share = rng.dirichlet([1.0, 1.0, 1.0], 60)[:, :2]
        design = np.column_stack((np.ones(60), share.sum(axis=1), np.zeros((60, 3)), share))
        low_s = np.linspace(0.0, 5.9, 60)
        noise_w = rng.normal(0, 0.15, 60) * (design[:, 1:] @ true_w[1:])
        rows = Rows(design, design @ true_w + noise_w, low_s, low_s + 0.1, 1)
        fit = fit_class_power(rows, prior_mean, prior_covariance)
        model = replace(model_of(TWO_CLASSES, fit.mean, fit.covariance, SERIES), fit=fit)
        errors = expect_errors(model, gain)
        missed_j = rng.normal(0, np.sqrt(model.model_variance_j2(gain)))
        error_j = gain @ (fit.mean - true_w) + missed_j
        found_j.append(np.abs(error_j))
        foreseen_j.append(errors.expected_j)
        held.append(np.abs(error_j) <= Z_90 * errors.sd_j)
        foreseen_held.append(errors.held_share(0.9))

    # 200 errors: the mean size is known to 0.75 / sqrt(200) = 5 %, a share of 90 % to 2 %.
    assert np.mean(found_j) == pytest.approx(np.mean(foreseen_j), rel=0.15)
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)
    assert np.mean(foreseen_held) == pytest.approx(0.9, abs=0.05)


@given(seed=st.integers(0, 10_000), more=st.floats(1.0, 100.0))
def test_more_information_never_raises_the_expected_error(seed: int, more: float) -> None:
    rng = np.random.default_rng(seed)
    n = TWO_CLASSES.n_columns
    root, prior_root = rng.normal(0, 1, (n, n)), rng.normal(0, 1, (n, n)) + 3 * np.eye(n)
    information, precision = root @ root.T, prior_root @ prior_root.T
    model = model_of(TWO_CLASSES, rng.uniform(0, 300, n), np.eye(n), SERIES)
    gain = rng.uniform(0, 3, (4, n))

    now_j = expected_size_j(model, gain, inverse_of(information + precision))
    then_j = expected_size_j(model, gain, inverse_of(more * information + precision))

    assert (then_j <= now_j * (1 + 1e-9)).all()
