"""Clocks wander as asked, power follows, log and metrics show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from traceenergy.simulate.clock import HELD_NS, ClockPath, steady_clock, wandering_clock
from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.options import Options
from traceenergy.simulate.target import BOARDS
from traceenergy.units import NS_PER_S

H100 = BOARDS["h100"]
SMALL = Options(layers=4, steps=12, batch=16, stretch=300.0, gpus=2, gpu_metrics=True)


def test_a_path_holds_each_clock_until_the_next() -> None:
    path = ClockPath(2000, np.array([0, 10, 20]), np.array([2000, 1500, 1000]))

    assert path.at(np.array([-5, 0, 9, 10, 25])).tolist() == [2000, 2000, 2000, 1500, 1000]
    # (3/4) to the power 2.2.
    assert path.power_factor(np.array([0, 15])) == pytest.approx([1.0, np.exp(2.2 * np.log(0.75))])


def test_a_steady_clock_takes_nothing_off() -> None:
    path = steady_clock(H100)

    assert path.at(np.array([-(10**12), 10**12])).tolist() == [1980, 1980]
    assert path.power_factor(np.array([5])).tolist() == [1.0]


def test_a_clock_wanders_in_steps_within_its_range() -> None:
    paths = [
        wandering_clock(H100, (0, 60 * NS_PER_S), 0.04, np.random.default_rng(seed))
        for seed in range(40)
    ]

    clock_mhz = np.concatenate([path.clock_mhz for path in paths])
    assert (clock_mhz % 15 == 0).all()
    assert clock_mhz.min() >= 0.75 * 1980 - 15
    assert clock_mhz.max() <= 1980
    share = clock_mhz / 1980
    # 15 MHz are 0.8 %, of which half goes by rounding down; 2 % of the walk are cut at the top.
    assert share.mean() == pytest.approx(0.92 - 0.004, abs=0.01)
    assert share.std() == pytest.approx(0.04, rel=0.12)
    held_ns = np.diff(paths[0].edge_ns)
    assert held_ns.min() >= HELD_NS[0]
    assert held_ns.max() <= HELD_NS[1]


def test_neighbors_in_time_have_like_clocks() -> None:
    path = wandering_clock(H100, (0, 2000 * NS_PER_S), 0.04, np.random.default_rng(1))
    every = path.at(np.arange(0, 2000 * NS_PER_S, NS_PER_S // 10)).astype(np.float64)

    def together(apart_s: float) -> float:
        n = round(10 * apart_s)
        return float(np.corrcoef(every[:-n], every[n:])[0, 1])

    assert together(0.2) > 0.9
    # (1 + 2) exp(-2) = 0.41 after two time constants of 1 s.
    assert together(2.0) == pytest.approx(0.41, abs=0.1)
    assert abs(together(10.0)) < 0.15


def test_power_follows_the_clock_at_the_start_of_each_piece() -> None:
    steady = run_in_memory(SMALL)
    moving = run_in_memory(replace(SMALL, clock_spread=0.06))

    work = moving.timeline.work
    assert_frame_equal(work.drop("dynamic_w"), steady.timeline.work.drop("dynamic_w"))
    ratio = work["dynamic_w"].to_numpy() / steady.timeline.work["dynamic_w"].to_numpy()
    for device, clock in enumerate(moving.timeline.clocks):
        mine = work["device"].to_numpy() == device
        expected = (clock.at(work["start_ns"].to_numpy()[mine]) / 1980) ** 2.2
        assert ratio[mine] == pytest.approx(expected)
        assert len(np.unique(expected)) > 3


def test_log_and_metrics_show_the_clock() -> None:
    run = run_in_memory(replace(SMALL, clock_spread=0.06))

    for device, clock in enumerate(run.timeline.clocks):
        readings, metrics = run.readings[device], run.activity[device]
        at_work = (readings.poll_ns >= run.window_ns[0]) & (readings.poll_ns < run.window_ns[1])
        assert (readings.clock_mhz[at_work] == clock.at(readings.poll_ns[at_work])).all()
        assert set(readings.clock_mhz[~at_work]) == {H100.idle_clock_mhz}
        assert (metrics.values[:, 0] == clock.at(metrics.sample_ns) * 1_000_000).all()
