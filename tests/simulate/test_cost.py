"""Costs follow the roofline."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.simulate.catalog import CATALOG, FEATURES
from traceenergy.simulate.cost import UNITS, Cost, cost_of
from traceenergy.simulate.target import BOARDS
from traceenergy.simulate.template import CLASS_KEYS


def cost(stretch: float = 1.0, board: str = "h100", **load: float) -> Cost:
    features = np.array([[load.get(name, 0.0) for name in FEATURES]])
    return cost_of(features, BOARDS[board], stretch, np.random.default_rng(1))


def test_a_kernel_bound_by_memory_takes_bytes_over_bandwidth() -> None:
    made = cost(gen_kv=1_000_000)
    mla = CLASS_KEYS.index("mla")

    # 1,000,000 cache entries of 1152 bytes at 82 % of 3.35 TB/s, after 7 us.
    assert made.duration_us[0, mla] == pytest.approx(7.0 + 1.152e9 / (0.82 * 3.35e12) * 1e6)
    assert made.activity[0, mla, UNITS.index("dram")] == pytest.approx(0.82, rel=0.02)


def test_stretching_changes_time_not_power() -> None:
    load = {"one": 1.0, "tokens": 64.0, "experts": 200.0}
    once, tenfold = cost(1.0, "h100", **load), cost(10.0, "h100", **load)

    assert tenfold.duration_us == pytest.approx(10.0 * once.duration_us)
    assert (tenfold.dynamic_w == once.dynamic_w).all()


@pytest.mark.parametrize("board", BOARDS)
def test_no_unit_does_more_than_it_can(board: str) -> None:
    load = dict.fromkeys(FEATURES, 5_000.0)
    activity = cost(1.0, board, **load).activity

    assert activity.shape == (1, len(CATALOG), len(UNITS))
    assert (activity >= 0).all()
    assert (activity <= 1).all()
