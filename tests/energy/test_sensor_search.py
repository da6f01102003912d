"""Lags where a search may go astray: steps shorter than its own, few readings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.energy.sensor_loads import Load, load_of, read, serve
from traceenergy.energy.sensor_fit import find_sensor

if TYPE_CHECKING:
    from traceenergy.energy.work_grid import CoarseWork

MS, S = 1_000_000, 1_000_000_000


def short_steps(step_ms: float, seed: int, seconds: float = 4.0) -> Load:
    """Run for about half of each step; the other half rests."""
    n_steps = int(seconds * 1000 / step_ms)
    busy_us = step_ms * 1000 * np.random.default_rng(seed).normal(0.5, 0.05, n_steps)
    return load_of(
        np.linspace(0.0, (n_steps - 1) * step_ms * 1000, n_steps),
        busy_us,
        np.zeros(n_steps, dtype=np.int64),
        np.full(n_steps, 300.0),
    )


def test_a_lag_is_not_taken_for_one_a_short_step_of_the_model_away() -> None:
    # 6 ms: lags are tried first in steps of 5 ms, of which every sixth sees the same phase
    off_ms, is_trusted = [], []
    for seed in range(3):
        load, lag_ms = short_steps(6.0, seed), 13.0 + 1.7 * seed
        first_ns, last_ns = load.span_ns
        end_ns = np.arange(first_ns - S // 10, last_ns + 3 * S // 10, round(13.3 * MS))
        low_j, high_j = (load.curve.smoothed_energy_j(at_ns, MS) for at_ns in (end_ns - MS, end_ns))
        power_w = (high_j - low_j) / 1e-3 + np.random.default_rng(seed).normal(0, 1, len(end_ns))
        fit = find_sensor(end_ns + round(lag_ms * MS), power_w, load.work, period_ms=13.3)
        off_ms.append(abs(fit.lag_ms - lag_ms))
        is_trusted.append(fit.is_trusted)

    assert max(np.array(off_ms)[is_trusted]) < 0.5
    # steps are nearly alike: a search may go astray where it says so
    assert np.median(off_ms) < 0.5


def in_short_pieces(work: CoarseWork, most_ns: int) -> CoarseWork:
    """Cut each kernel where it has run for a time, again and again."""
    n_parts = -(-(work.end_ns - work.start_ns) // most_ns)
    of = np.repeat(np.arange(len(n_parts)), n_parts)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    start_ns = work.start_ns[of] + nth * most_ns
    return replace(
        work,
        start_ns=start_ns,
        end_ns=np.minimum(start_ns + most_ns, work.end_ns[of]),
        weight=work.weight[of],
        of_category=work.of_category[of],
    )


def test_few_readings_do_not_tell_short_kernels_of_a_category_from_long_ones() -> None:
    # 33 readings, of 6 columns: busy time, four categories, one of these in two lengths
    load = serve(1, 1.4)
    first_ns, last_ns = load.span_ns
    shown = read(load, "a100", 1).within(first_ns - S, last_ns + S)
    work = in_short_pieces(load.work, 20_000)

    whole, cut = (
        find_sensor(shown.at_ns, shown.power_w, one, period_ms=shown.period_ms)
        for one in (load.work, work)
    )

    assert len(work.start_ns) > 10 * len(load.work.start_ns)
    assert (cut.lag_ms, cut.smoothing_ms) == pytest.approx((whole.lag_ms, whole.smoothing_ms))
    assert cut.explained_share == pytest.approx(whole.explained_share, rel=1e-9)
