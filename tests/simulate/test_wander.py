"""Smooth walks have the size and the length they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.simulate.wander import smooth_walk

TAU = 7.0


def walks(n: int) -> np.ndarray:
    return np.array([smooth_walk(50, TAU, np.random.default_rng(seed)) for seed in range(n)])


def test_every_step_is_of_unit_size() -> None:
    size = walks(2000).std(axis=0)

    # 2000 draws: the standard error of a standard deviation is 1/sqrt(4000) = 1.6 %.
    assert size == pytest.approx(np.ones(50), abs=5 * 0.016)


def test_points_go_together_as_long_as_said() -> None:
    many = walks(2000)

    for apart in (7, 14, 28):
        found = (many[:, :-apart] * many[:, apart:]).mean()
        expected = (1.0 + apart / TAU) * np.exp(-apart / TAU)
        assert found == pytest.approx(expected, abs=0.05)
