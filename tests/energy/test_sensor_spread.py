"""Standard errors of a sensor's lag, against sums over pairs of readings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from traceenergy.energy import sensor_spread as module
from traceenergy.energy.sensor_likelihood import FLOOR_W2, Explained, Limits, place
from traceenergy.energy.sensor_spread import MOST_LEVERAGE, NEAR_ROWS, spread

N_ROWS, LAG = 120, 0
NOWHERE = np.zeros(3)
NO_WORK: Any = None  # only its slopes count, which are given


def hang_together(apart: int, near: int) -> float:
    """Newey-West: how far two misfits count together, less the farther they are apart."""
    return max(0.0, 1 - apart / (near + 1))


@pytest.mark.parametrize("course", ["alone", "in turns", "together"])
@pytest.mark.parametrize("reach_rows", [0, 5])
@pytest.mark.parametrize("usual_sd_ms", [np.inf, 0.05])
def test_errors_of_the_lag_are_sums_over_pairs(
    course: str, reach_rows: int, usual_sd_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    rate = rng.normal(0.0, 3.0, N_ROWS)
    rate[60] = 60.0  # nearly decides alone
    # With the rate, against it in turns, or as noise.
    sign = {"alone": rng.choice([-1, 1], N_ROWS), "in turns": (-1) ** np.arange(N_ROWS)}
    left_w = sign.get(course, np.ones(N_ROWS)) * np.sign(rate) * rng.uniform(0.5, 1.5, N_ROWS)
    monkeypatch.setattr(module, "slopes", lambda *_: rate[:, None])
    readings = place(np.linspace(0.0, 2.0, N_ROWS), np.zeros(N_ROWS))
    columns = rng.normal(0.0, 1.0, (N_ROWS, 1))
    limits = Limits(NOWHERE, NOWHERE, NOWHERE, np.array([usual_sd_ms, np.inf, np.inf]))
    explained = Explained(NOWHERE, left_w, columns, np.ones(1))

    found = spread(readings, NO_WORK, explained, limits, [LAG], reach_rows)

    misfit_w2 = np.mean(left_w**2) + FLOOR_W2
    level = np.column_stack((np.ones(N_ROWS), np.linspace(-1, 1, N_ROWS)))
    leverage = sum(
        np.diag(part @ np.linalg.inv(part.T @ part) @ part.T)
        for part in (rate[:, None], columns, level)
    )
    score = rate * left_w / (1 - np.minimum(leverage, MOST_LEVERAGE)) / misfit_w2
    near = NEAR_ROWS + reach_rows
    pairs = sum(
        hang_together(abs(i - j), near) * score[i] * score[j]
        for i in range(N_ROWS)
        for j in range(N_ROWS)
    )
    known = usual_sd_ms**-2
    told = rate @ rate / misfit_w2 + known
    variance = max(1 / told, (pairs + known) / told**2)
    assert found.se_ms == pytest.approx([np.sqrt(variance), 0, 0], rel=1e-3)
    beside = [(rate[max(i - reach_rows, 0) : i + reach_rows + 1] ** 2).sum() for i in range(N_ROWS)]
    assert found.n_edges == pytest.approx((rate @ rate) ** 2 / (rate**2 @ beside))


def test_errors_that_hang_together_tell_less(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = np.ones((N_ROWS, 1))
    monkeypatch.setattr(module, "slopes", lambda *_: rate)
    readings = place(np.linspace(0.0, 2.0, N_ROWS), np.zeros(N_ROWS))
    limits = Limits(NOWHERE, NOWHERE, NOWHERE, np.full(3, np.inf))

    def lag_se_ms(n_alike: int) -> float:
        left_w = np.where(np.arange(N_ROWS) // n_alike % 2, 1.0, -1.0)
        explained = Explained(NOWHERE, left_w, rate, np.ones(1))
        return float(spread(readings, NO_WORK, explained, limits, [LAG], 0).se_ms[LAG])

    in_turns = lag_se_ms(1)
    assert in_turns == pytest.approx(np.sqrt((1 + FLOOR_W2) / N_ROWS))  # as if independent
    assert lag_se_ms(10) > 1.5 * in_turns
