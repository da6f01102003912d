"""How steps scatter that no feature tells apart: quantiles, the law of mean steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import norm

from tests.sweep.engine_reference import LineLaw
from traceenergy.sweeps.measured_engine import RestingLaw
from traceenergy.sweeps.served import Latency
from traceenergy.sweeps.step_sample import StepSample
from traceenergy.sweeps.step_scores import N_SCATTER, scatter_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sample_of(run: NDArray[np.int64]) -> StepSample:
    n = len(run)
    ones, every = np.ones(n), np.ones(n, dtype=np.bool_)
    return StepSample(
        np.ones((n, 4)), every[:4], every[:4], ones, ones, run, np.arange(n), every, n, ()
    )


def test_scatter_is_that_of_steps_around_the_median_of_their_run() -> None:
    """Runs may be off as a whole, which is an error of the model, not scatter."""
    rng = np.random.default_rng(1)
    run = np.repeat(np.arange(20), 2000)
    off = rng.normal(0, 1, 20)
    measured = np.exp(rng.normal(0, 0.2, len(run)) + 0.05 * (off - off.mean())[run])

    scatter = scatter_of(sample_of(run), measured, np.ones(len(run)))

    expected = np.exp(0.2 * norm.ppf((np.arange(N_SCATTER) + 0.5) / N_SCATTER))
    assert scatter == pytest.approx(expected, rel=0.05)
    assert scatter.mean() == pytest.approx(np.exp(0.02), rel=0.01)


def test_a_law_that_is_off_everywhere_is_put_right() -> None:
    """Where scatter is lopsided, laws tell neither the median nor the mean."""
    rng = np.random.default_rng(2)
    measured = 1 + rng.exponential(1, 40_000)

    scatter = scatter_of(
        sample_of(np.repeat(np.arange(10), 4000)), measured, np.full(len(measured), 1.7)
    )

    assert scatter.mean() * 1.7 == pytest.approx(measured.mean(), rel=0.01)


def test_steps_that_were_not_measured_and_long_runs_do_not_count_more() -> None:
    run = np.repeat([0, 1], [300, 3000])
    measured = np.where(run == 0, np.tile([0.5, 2.0, np.nan], 1100), 1.0)

    scatter = scatter_of(sample_of(run), measured, np.ones(len(run)))

    assert (np.isclose(scatter, 1.0).sum(), len(scatter)) == (N_SCATTER // 2, N_SCATTER)


def test_the_law_of_mean_steps_takes_what_steps_take_on_average() -> None:
    point = [np.array([value]) for value in (4.0, 100.0, 0.0, 1000.0)]
    typical = LineLaw()

    law = RestingLaw(typical, 0.5, time_factor=1.1, energy_factor=1.2)

    assert law.step_s(*point) == pytest.approx(1.1 * typical.step_s(*point))
    assert law.step_j(*point) == pytest.approx(1.2 * typical.step_j(*point) + 0.5)


@pytest.mark.parametrize(
    ("name", "expected_ns"),
    [("p50", 100), ("p90", 100), ("p95", 300), ("p99", 300), ("max", 300), ("mean", 120)],
)
def test_percentiles_of_scattered_lengths_are_those_of_the_mixture(
    name: str, expected_ns: float
) -> None:
    """Nine tenths as long as told, a tenth three times as long."""
    factors = np.array([1.0] * 9 + [3.0]) / 1.2

    found = Latency(np.array([120]), np.array([50]), factors)

    assert found.statistic(name) == pytest.approx(expected_ns, abs=1)
    assert found.share_within(120) == pytest.approx(0.9)
