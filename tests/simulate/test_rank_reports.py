"""Clocks of simulated ranks."""

from __future__ import annotations

from traceenergy.simulate.host import UTC_EPOCH_NS
from traceenergy.simulate.options import Options
from traceenergy.simulate.rank_reports import LATEST_SESSION_NS, rank_clocks

OPTIONS = Options(gpus=8, reports="per-gpu", rank_clock_spread_ns=5_000_000)


def test_rank_0_is_right_and_begins_first_by_all_clocks() -> None:
    for seed in range(20):
        first, *others = rank_clocks(Options(**{**OPTIONS.__dict__, "seed": seed}))

        assert first.utc_epoch_ns == UTC_EPOCH_NS
        assert all(clock.utc_epoch_ns >= UTC_EPOCH_NS for clock in others)
        assert all(abs(clock.clock_offset_ns) <= 5_000_000 for clock in others)
        assert all(clock.session_start_ns <= LATEST_SESSION_NS + 5_000_000 for clock in others)


def test_clocks_without_a_spread_agree() -> None:
    clocks = rank_clocks(Options(gpus=4, reports="per-gpu"))

    assert [clock.clock_offset_ns for clock in clocks] == [0, 0, 0, 0]
    assert len({clock.session_start_ns for clock in clocks}) == 4
