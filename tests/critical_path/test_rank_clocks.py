"""Clocks of ranks found by common ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import Work, build_trace
from tests.critical_path.collective_runs import ALL_REDUCE, US, lockstep, trace_of
from traceenergy import read_trace
from traceenergy.critical_path import rank_clocks as module
from traceenergy.critical_path.collectives import find_calls, match_collectives
from traceenergy.critical_path.rank_clocks import find_rank_clocks, on_one_clock, shift_ranks
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

MS = 1_000_000
N_RANKS = 8


def offsets_ns(trace: Trace) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return find_rank_clocks(find_calls(trace.gpu_work, trace.names)).offset_ns


@pytest.mark.parametrize("seed", range(5))
def test_clocks_of_eight_ranks_are_found_within_20_us(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start_ns, end_ns = lockstep(N_RANKS, 100, rng, jitter_us=5.0)
    true_ns = np.concatenate([[0], rng.integers(-5 * MS, 5 * MS, N_RANKS - 1)])

    found_ns = offsets_ns(trace_of(start_ns, end_ns, clock_ns=true_ns.tolist()))

    assert np.abs(found_ns - true_ns).max() < 20 * US
    # The others are told against the first.
    assert found_ns[0] == 0


def test_stated_error_holds_the_true_offset() -> None:
    rng = np.random.default_rng(7)
    held, spreads_ns = [], []
    for _ in range(20):
        start_ns, end_ns = lockstep(4, 60, rng, jitter_us=5.0)
        true_ns = np.concatenate([[0], rng.integers(-5 * MS, 5 * MS, 3)])
        trace = trace_of(start_ns, end_ns, clock_ns=true_ns.tolist())
        found = find_rank_clocks(find_calls(trace.gpu_work, trace.names))
        held.append(np.abs(found.offset_ns - true_ns)[1:] <= 2 * found.offset_sd_ns[1:])
        spreads_ns.append(found.spread_ns)

    assert np.mean(held) > 0.9
    assert found.offset_sd_ns[0] == 0  # the measure of the others
    assert np.mean(spreads_ns) == pytest.approx(5 * US, rel=0.1)
    assert 0.3 * US < found.offset_sd_ns[1] < 2 * US


@settings(max_examples=15)
@given(shift_ns=st.integers(-4 * MS, 4 * MS), rank=st.integers(1, 3))
def test_a_clock_moved_by_any_constant_is_moved_back(shift_ns: int, rank: int) -> None:
    start_ns, end_ns = lockstep(4, 40, np.random.default_rng(3))
    trace = trace_of(start_ns, end_ns)

    back = on_one_clock(shift_ranks(trace, {rank: shift_ns}))

    assert back.gpu_work.sort("rank", "trace_row").equals(
        on_one_clock(trace).gpu_work.sort("rank", "trace_row")
    )


def test_matched_collectives_survive_clocks_that_differ() -> None:
    start_ns, end_ns = lockstep(3, 50, np.random.default_rng(1))
    trace = trace_of(start_ns, end_ns, clock_ns=[0, 3 * MS, -2 * MS])

    apart = match_collectives(trace.gpu_work, trace.names)
    together = on_one_clock(trace)
    joined = match_collectives(together.gpu_work, together.names)

    assert apart.n_groups == 0
    assert (joined.n_groups, joined.caveats) == (50, ())
    assert [caveat.slug for caveat in together.caveats] == ["rank-clocks"]
    record = together.read_options["rank_clocks"]
    assert isinstance(record, dict)
    assert record["1"]["offset_ms"] == pytest.approx(3.0)
    assert record["2"] == {
        "offset_ms": pytest.approx(-2.0), "offset_sd_us": 0, "drift_ppm": 0, "spread_us": 0,
        "n_collectives": 50,
    }  # fmt: skip


def test_clocks_that_run_faster_are_slowed() -> None:
    start_ns, end_ns = lockstep(3, 400, np.random.default_rng(4), jitter_us=5.0)
    later_ns = np.arange(400) * 50 * MS
    start_ns, end_ns = start_ns + later_ns, end_ns + later_ns
    faster = np.array([0.0, 20e-6, -10e-6])
    # 20 s at 20 ppm: 0.4 ms.
    far_ns = np.rint(end_ns * faster[:, None]).astype(np.int64)
    trace = trace_of(start_ns + far_ns, end_ns + far_ns, clock_ns=[0, 2 * MS, -3 * MS])

    together = on_one_clock(trace)

    true = trace_of(start_ns, end_ns).gpu_work.sort("rank", "trace_row")
    found = together.gpu_work.sort("rank", "trace_row")
    assert np.abs((found["end_ns"] - true["end_ns"]).to_numpy()).max() < 5 * US
    assert match_collectives(together.gpu_work, together.names).n_groups == 400
    record = together.read_options["rank_clocks"]
    assert isinstance(record, dict)
    assert record["1"]["drift_ppm"] == pytest.approx(20, abs=0.2)
    assert record["0"]["drift_ppm"] == record["0"]["offset_ms"] == 0
    # The offset is that in the middle of the collectives.
    assert record["1"]["offset_ms"] == pytest.approx(2 + end_ns[0, 200] * 20e-6 / MS, abs=0.01)


def test_the_record_of_clocks_is_in_the_units_it_names() -> None:
    start_ns, end_ns = lockstep(4, 400, np.random.default_rng(8), jitter_us=5.0)

    record = on_one_clock(trace_of(start_ns, end_ns, clock_ns=[0, 0, 3 * MS, 0])).read_options[
        "rank_clocks"
    ]

    assert isinstance(record, dict)
    assert record["2"]["offset_ms"] == pytest.approx(3.0, abs=0.002)
    assert record["2"]["spread_us"] == pytest.approx(5.0, rel=0.15)
    # Of two medians of 400 ends each: 1.25 sqrt(2 / 400) of the spread.
    assert record["2"]["offset_sd_us"] == pytest.approx(5.0 * 1.2533 * 0.0707, rel=0.15)


@pytest.mark.parametrize("parallel", ["tensor", "expert"])
def test_reports_of_simulated_ranks_come_onto_one_clock(parallel: str, tmp_path: Path) -> None:
    options = Options(
        gpus=8, steps=2, layers=4, seed=5, parallel=parallel, reports="per-gpu",
        rank_clock_spread_ns=5 * MS,
    )  # fmt: skip
    simulate_run(tmp_path, options)
    trace = read_trace(sorted(tmp_path.glob("*.sqlite")))
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    true_ns = [rank["clock_offset_ns"] for rank in truth["ranks"]]

    found_ns = offsets_ns(trace)

    assert max(abs(offset) for offset in true_ns) > MS
    assert np.abs(found_ns - true_ns).max() < 20 * US


def test_few_collectives_move_no_clock() -> None:
    start_ns, end_ns = lockstep(2, 7, np.random.default_rng(1))
    trace = trace_of(start_ns, end_ns, clock_ns=[0, MS])

    assert on_one_clock(trace) is trace


def test_devices_of_one_report_share_a_clock() -> None:
    start_ns, end_ns = lockstep(2, 50, np.random.default_rng(1))
    trace = trace_of(start_ns, end_ns, clock_ns=[0, MS], one_report=True)

    assert on_one_clock(trace) is trace


def test_ranks_that_never_meet_keep_their_distance() -> None:
    rng = np.random.default_rng(2)
    one, other = lockstep(2, 60, rng), lockstep(2, 60, rng)
    trace = trace_of([*one[0], *other[0]], [*one[1], *other[1]], clock_ns=[0, 2 * MS, MS, -3 * MS])

    found_ns = offsets_ns(trace)

    # Rank 3 is told against rank 2, whose own clock nobody tells.
    assert found_ns == pytest.approx([0, 2 * MS, 0, -4 * MS], abs=1.0)


def test_two_reports_of_two_gpus_are_one_group_of_four() -> None:
    start_ns, end_ns = lockstep(4, 40, np.random.default_rng(6), jitter_us=3.0)
    ahead_ns = [0, 0, 4 * MS, 4 * MS]
    trace = build_trace(
        [
            Work(
                ALL_REDUCE, int(begin) + ahead_ns[lane], int(end) + ahead_ns[lane],
                rank=lane // 2, device=lane % 2, pid=lane + 1,
            )
            for lane in range(4)
            for begin, end in zip(start_ns[lane], end_ns[lane], strict=True)
        ]
    )  # fmt: skip

    together = on_one_clock(trace)
    found = match_collectives(together.gpu_work, together.names)

    assert offsets_ns(trace) == pytest.approx([0, 4 * MS], abs=3 * US)
    assert np.bincount(found.group).tolist() == [4] * 40


def test_clocks_are_told_along_a_chain_of_ranks() -> None:
    rng = np.random.default_rng(2)
    true_ns = [0, 4 * MS, -2 * MS, 3 * MS, -5 * MS, MS]
    work = []
    for pair in range(5):
        start_ns, end_ns = lockstep(2, 60, rng, jitter_us=2.0)
        for rank, starts, ends in zip((pair, pair + 1), start_ns, end_ns, strict=True):
            work += [
                Work(
                    f"ncclDevKernel_AllReduce_{'abcde'[pair]}",
                    int(begin) + true_ns[rank],
                    int(end) + true_ns[rank],
                    rank=rank,
                    pid=rank + 1,
                )
                for begin, end in zip(starts, ends, strict=True)
            ]

    assert offsets_ns(build_trace(work)) == pytest.approx(true_ns, abs=5 * US)


def test_drifts_are_told_along_a_chain_of_ranks() -> None:
    rng = np.random.default_rng(2)
    true_ppm = np.array([0, 15, 30, 45])
    work = []
    for pair in range(3):
        start_ns, end_ns = lockstep(2, 80, rng, jitter_us=2.0)
        later_ns = np.arange(80) * 100 * MS
        for rank, starts, ends in zip((pair, pair + 1), start_ns, end_ns, strict=True):
            far_ns = np.rint((ends + later_ns) * (true_ppm[rank] * 1e-6)).astype(np.int64)
            work += [
                Work(
                    f"ncclDevKernel_AllReduce_{'abc'[pair]}",
                    int(begin),
                    int(end),
                    rank=rank,
                    pid=rank + 1,
                )
                for begin, end in zip(
                    starts + later_ns + far_ns, ends + later_ns + far_ns, strict=True
                )
            ]
    trace = build_trace(work)

    found = find_rank_clocks(find_calls(trace.gpu_work, trace.names))

    assert found.drift * 1e6 == pytest.approx(true_ppm, abs=1.5)


def test_a_rank_that_missed_calls_is_on_the_clock_too() -> None:
    start_ns, end_ns = lockstep(3, 80, np.random.default_rng(5))
    starts, ends = list(start_ns), list(end_ns)
    starts[2], ends[2] = np.delete(starts[2], [10, 11, 50]), np.delete(ends[2], [10, 11, 50])

    found_ns = offsets_ns(trace_of(starts, ends, clock_ns=[0, 0, 4 * MS]))

    assert found_ns == pytest.approx([0, 0, 4 * MS], abs=1.0)


def test_senders_may_be_done_early_and_tell_no_clock() -> None:
    start_ns, end_ns = lockstep(2, 50, np.random.default_rng(1))

    trace = trace_of(start_ns, end_ns, clock_ns=[0, MS], name="ncclDevKernel_SendRecv(x)")

    assert on_one_clock(trace) is trace


def test_all_tables_of_a_rank_move() -> None:
    start_ns, end_ns = lockstep(2, 3, np.random.default_rng(1))
    trace = trace_of(start_ns, end_ns)

    moved = shift_ranks(trace, {1: 700})

    for name in ("gpu_work", "launches"):
        before = getattr(trace, name).sort("rank", "correlation_id")
        after = getattr(moved, name).sort("rank", "correlation_id")
        by_ns = (before["rank"] * 700).cast(int)
        for column in ("start_ns", "end_ns"):
            assert (after[column] - before[column]).to_list() == by_ns.to_list()


def test_a_long_chain_of_few_collectives_is_walked() -> None:
    rng = np.random.default_rng(2)
    true_ns = [0, *rng.integers(-5 * MS, 5 * MS, 19).tolist()]
    work = [
        Work(
            f"ncclDevKernel_AllReduce_Sum_{chr(97 + pair)}",
            int(begin) + true_ns[rank],
            int(end) + true_ns[rank],
            rank=rank,
            pid=rank + 1,
        )
        for pair in range(19)
        for rank, *lane in zip((pair, pair + 1), *lockstep(2, 8, rng), strict=True)
        for begin, end in zip(*lane, strict=True)
    ]

    trace = build_trace(work)
    found = find_rank_clocks(find_calls(trace.gpu_work, trace.names))

    assert found.offset_ns.tolist() == true_ns
    assert found.n_groups.tolist() == [8] + [16] * 18 + [8]


def test_of_very_many_collectives_some_tell_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ENDS", 200)
    start_ns, end_ns = lockstep(2, 110, np.random.default_rng(1))
    trace = trace_of(start_ns, end_ns, clock_ns=[0, 3 * MS])

    found = find_rank_clocks(find_calls(trace.gpu_work, trace.names))

    # 220 ends are too many: every other collective.
    assert found.n_groups.tolist() == [55, 55]
    assert found.offset_ns.tolist() == [0, 3 * MS]


def test_the_caveat_says_which_ranks_were_moved() -> None:
    start_ns, end_ns = lockstep(4, 40, np.random.default_rng(1))

    (told,) = on_one_clock(trace_of(start_ns, end_ns, clock_ns=[0, 3 * MS, 0, -8 * MS])).caveats

    assert told.text == (
        "Ranks were moved so that collectives end together: rank 3 by +8.0000 ms (± 0.01 us), "
        "rank 1 by -3.0000 ms (± 0.01 us). Single ends spread by 0.01 us about that."
    )
    assert told.n == 2


def test_of_many_ranks_the_caveat_names_the_farthest() -> None:
    start_ns, end_ns = lockstep(7, 60, np.random.default_rng(1), jitter_us=30.0)
    ahead_ns = [0, 3 * MS, -2 * MS, 7 * MS, MS, -6 * MS, MS // 2]

    (told,) = on_one_clock(trace_of(start_ns, end_ns, clock_ns=ahead_ns)).caveats

    named = ["rank 3 by -7.0", "rank 5 by +6.0", "rank 1 by -3.0", "rank 2 by +"]
    assert [told.text.index(name) for name in named] == sorted(map(told.text.index, named))
    assert ", 2 others by less. Single ends spread by " in told.text
    assert told.text.endswith("; waits shorter than this mean nothing.")
    assert "rank 4" not in told.text
    assert told.n == 6


def test_a_clock_that_runs_fast_is_slowed_about_its_middle_and_others_stay() -> None:
    start_ns, end_ns = lockstep(2, 3, np.random.default_rng(1))
    trace = trace_of(start_ns + 10**9, end_ns + 10**9)

    moved = shift_ranks(trace, {1: 700}, {1: 1e-3}, at_ns=10**9)

    for name in ("gpu_work", "launches"):
        before = getattr(trace, name).sort("rank", "correlation_id")
        after = getattr(moved, name).sort("rank", "correlation_id")
        is_second = (before["rank"] == 1).to_numpy()
        for column in ("start_ns", "end_ns"):
            since_ns = before[column].to_numpy() - 10**9
            by_ns = np.where(is_second, 700 - np.rint(since_ns * 1e-3), 0)
            assert (after[column] - before[column]).to_list() == by_ns.tolist()
