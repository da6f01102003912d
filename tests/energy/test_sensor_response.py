"""Weights of the past, against closed forms of a box after an exponential."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.sensor_response import RESPONSE_ERROR, Response, respond


def shown(response: Response, end_s: float, power_w: float, since_s: float) -> float:
    """Show a step of power, from 0 to `power_w` at `since_s`."""
    energy_j = power_w * np.maximum(end_s - response.delay_s - since_s, 0.0)
    return float(response.weight_hz @ energy_j)


def step_answer(window_ms: float, smoothing_ms: float, after_ms: float) -> float:
    """Integrate 1 - exp(-x / tau) over the window that ends `after_ms` after a step."""

    def integral(x_ms: float) -> float:
        x_ms = max(x_ms, 0.0)
        return x_ms - smoothing_ms * (1 - float(np.exp(-x_ms / smoothing_ms)))

    return (integral(after_ms) - integral(after_ms - window_ms)) / window_ms


def test_a_bare_window_is_a_mean() -> None:
    response = respond(25.0, 0.0)

    assert response.delay_s.tolist() == [0.0, 0.025]
    assert response.weight_hz.tolist() == [40.0, -40.0]
    # 10 of the 25 ms after the step to 300 W
    assert shown(response, 0.010, 300.0, 0.0) == pytest.approx(120.0)


@pytest.mark.parametrize("window_ms", [1.0, 10.0, 25.0, 1000.0])
@pytest.mark.parametrize("smoothing_ms", [0.3, 1.2, 10.0, 100.0])
def test_a_step_is_answered_as_by_the_closed_form(window_ms: float, smoothing_ms: float) -> None:
    after_ms = np.linspace(0.0, window_ms + 5 * smoothing_ms, 40)

    steps = [shown(respond(window_ms, smoothing_ms), a * 1e-3, 1.0, 0.0) for a in after_ms]
    exact = [step_answer(window_ms, smoothing_ms, float(a)) for a in after_ms]

    # While the window fills, the response rises by t / (W tau); a level step as long as 0.2 tau
    # (W = 25, tau = 100) is off by 20^2 / (8 W tau) = 0.02 in its middle.
    assert np.abs(np.array(steps) - exact).max() < 0.02


@given(st.floats(0.5, 1300.0), st.floats(0.0, 500.0))
def test_what_is_steady_is_shown_as_it_is(window_ms: float, smoothing_ms: float) -> None:
    response = respond(window_ms, smoothing_ms)

    assert (np.diff(response.delay_s) >= 0).all()
    assert response.weight_hz.sum() == pytest.approx(0.0, abs=1e-6)
    # energy of 1 W up to t is t; the mean of 1 W is 1 W
    assert response.weight_hz @ -response.delay_s == pytest.approx(1.0, rel=1e-9)


@given(st.floats(0.5, 1300.0), st.floats(0.01, 500.0))
def test_middle_and_width_are_those_of_both_together(window_ms: float, smoothing_ms: float) -> None:
    response = respond(window_ms, smoothing_ms)
    level_hz, edge_s = np.cumsum(response.weight_hz)[:-1], response.delay_s

    middle_s = float(level_hz @ np.diff(edge_s**2)) / 2
    square_s2 = float(level_hz @ np.diff(edge_s**3)) / 3

    # W/2 + tau; W^2/12 + tau^2
    off_s = RESPONSE_ERROR * smoothing_ms * 1e-3
    assert middle_s == pytest.approx((window_ms / 2 + smoothing_ms) * 1e-3, abs=off_s + 1e-9)
    width_s2 = (window_ms**2 / 12 + smoothing_ms**2) * 1e-6
    assert square_s2 - middle_s**2 == pytest.approx(width_s2, rel=2 * RESPONSE_ERROR)
