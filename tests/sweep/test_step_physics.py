"""Laws of time and energy against truth, and against what physics allows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sweep.fleet import Law, Noise, fleet
from traceenergy.sweeps import law_fit
from traceenergy.sweeps.law_fit import fit_energy_law, fit_time_law
from traceenergy.sweeps.step_physics import TimeLaw, soft_max_slopes, time_terms
from traceenergy.sweeps.step_sample import StepSample, sample_steps

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def exact() -> StepSample:
    return sample_steps(fleet(noise=Noise(0, 0), n_steps=40))


@pytest.fixture(scope="module")
def law(exact: StepSample) -> TimeLaw:
    return fit_time_law(exact.features, exact.time_s)


def test_law_finds_times_without_noise(law: TimeLaw, exact: StepSample) -> None:
    error = np.abs(law.step_s(exact.features) / exact.time_s - 1)

    assert error.mean() < 0.005
    assert error.max() < 0.05


@settings(max_examples=50)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 170_000), st.integers(0, 4000)),
    st.integers(600, 1900),
    st.integers(1, 500),
)
def test_time_never_rises_with_the_clock_nor_falls_with_work(
    law: TimeLaw, work: tuple[int, int, int], clock: int, more: int
) -> None:
    batch, context, prefill = work
    now, faster, longer = law.step_s(
        np.array(
            [
                [batch, context, prefill, clock],
                [batch, context, prefill, clock + more],
                [batch + 1, context + more, prefill + more, clock],
            ],
            dtype=np.float64,
        )
    )

    assert faster <= now * (1 + 1e-12)
    assert longer >= now * (1 - 1e-12)


def test_stalls_do_not_move_the_law(exact: StepSample) -> None:
    stalled = exact.time_s.copy()
    stalled[::50] *= 20

    law = fit_time_law(exact.features, stalled)

    assert np.median(np.abs(law.step_s(exact.features) / exact.time_s - 1)) < 0.01


def test_slopes_are_those_of_times() -> None:
    rng = np.random.default_rng(3)
    low, high = [1, 100, 0, 600], [90, 90_000, 3000, 2000]
    features = rng.uniform(low, high, (40, 4))
    terms = time_terms(features, features.max(axis=0))
    at = np.append(rng.random(12), [-0.5, 0.7])

    def told(parameters: Floats) -> tuple[Floats, Floats]:
        guess = law_fit._Guess(parameters[:12], parameters[12:])  # noqa: SLF001 - hard to see from outside
        return law_fit._time_slopes(guess, terms)  # noqa: SLF001 - likewise

    little = 1e-6
    expected = [
        (told(at + little * one)[0] - told(at - little * one)[0]) / (2 * little)
        for one in np.eye(14)
    ]

    assert told(at)[1] == pytest.approx(np.transpose(expected), abs=1e-6)


@pytest.mark.parametrize(("one", "other"), [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0), (2.0, 2.0)])
def test_the_soft_maximum_has_slopes_at_its_edges(one: float, other: float) -> None:
    both, by_one, by_other, by_order = soft_max_slopes(np.array([one]), np.array([other]), 2.0)

    assert both[0] == pytest.approx(np.hypot(one, other))
    # Euler: a sum of both, each times its derivative.
    assert by_one[0] * one + by_other[0] * other == pytest.approx(both[0])
    assert np.isfinite(by_order[0])


def test_many_steps_settle_a_law_in_spite_of_their_scatter() -> None:
    """A law of 14 parameters: sqrt(14 / n) x scatter, here 0.5 %; four times that is allowed."""
    rng = np.random.default_rng(7)
    n, scatter = 60_000, 0.3
    features = np.column_stack(
        [np.rint(rng.uniform(1, 96, n)), rng.uniform(100, 200_000, n),
         np.where(rng.random(n) < 0.2, rng.uniform(50, 4000, n), 0.0),
         rng.choice(np.arange(600.0, 2001, 200), n)]
    )  # fmt: skip
    true_s = Law().step_s(*features.T)

    law = fit_time_law(features, true_s * np.exp(rng.normal(0, scatter, n)))

    error = np.log(law.step_s(features) / true_s)
    assert np.sqrt((error**2).mean()) < 4 * np.sqrt(14 / n) * scatter


def test_energy_law_finds_a_sum_of_its_terms() -> None:
    rng = np.random.default_rng(4)
    features = rng.uniform([1, 100, 0, 600], [90, 90_000, 3000, 2000], (300, 4))
    batch, _, prefill, clock = features.T
    time_s = rng.uniform(0.01, 0.1, 300)
    step_j = 150 * time_s + 1e-6 * clock**2 * (batch + prefill) + 0.02 * batch

    law = fit_energy_law(features, time_s, step_j)

    assert law.step_j(features, time_s) == pytest.approx(step_j, rel=1e-6)


def test_energy_of_work_that_always_rests_is_power_times_time() -> None:
    sample = sample_steps(fleet(noise=Noise(0, 0), n_steps=10))

    law = fit_energy_law(sample.features, sample.time_s, 110 * sample.time_s)

    assert law.step_j(sample.features, 2 * sample.time_s) == pytest.approx(220 * sample.time_s)


def test_true_energies_are_near_the_law(exact: StepSample) -> None:
    law = fit_energy_law(exact.features, exact.time_s, exact.step_j)
    error = np.abs(law.step_j(exact.features, exact.time_s) / exact.step_j - 1)

    assert error.mean() < 0.03
    assert Law().static_w < law.step_j(exact.features, exact.time_s).max() / exact.time_s.max()


def test_energies_that_scatter_widely_move_the_law_little() -> None:
    """Errors over what is measured would make it low by exp(-1.5 x 0.3^2), which is 13 %."""
    rng = np.random.default_rng(3)
    features = np.column_stack(
        [rng.uniform(1, 64, 8000), rng.uniform(100, 50_000, 8000), np.zeros(8000),
         rng.choice([900.0, 1400.0, 1900.0], 8000)]
    )  # fmt: skip
    step_s = 0.01 + 1e-4 * features[:, 0]
    true_j = 300 * step_s + 2e-5 * features[:, 1]
    law = fit_energy_law(features, step_s, true_j * np.exp(rng.normal(0, 0.3, 8000)))

    ratio = law.step_j(features, step_s) / true_j

    assert np.abs(ratio - 1).mean() < 0.03


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from([14, 60, 300]), st.sets(st.integers(0, 3)),
    st.integers(-9, 5), st.floats(0, 2),
)  # fmt: skip
def test_any_steps_give_a_law_of_finite_times_and_energies(
    seed: int, n: int, constant: set[int], power: int, scatter: float
) -> None:
    """Also where features never change, in any unit."""
    rng = np.random.default_rng(seed)
    features = rng.uniform([1, 0, 0, 600], [90, 90_000, 3000, 2000], (n, 4))
    for column in constant:
        features[:, column] = features[0, column] if column in {0, 3} else 0.0
    measured_s = 10.0**power * rng.lognormal(0, scatter, n)

    law = fit_time_law(features, measured_s)
    step_s = law.step_s(features)
    step_j = fit_energy_law(features, step_s, 100 * measured_s).step_j(features, step_s)

    assert np.isfinite(step_s).all()
    assert (step_s > 0).all()
    assert np.isfinite(step_j).all()
