"""Collectives matched over GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import Work, build_trace
from tests.critical_path.collective_runs import ALL_REDUCE, US, lockstep, ordinals, trace_of
from traceenergy.critical_path.collectives import Collectives, match_collectives
from traceenergy.trace import tables
from traceenergy.trace.tables import GpuWork

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace


def match(trace: Trace) -> Collectives:
    return match_collectives(trace.gpu_work, trace.names)


def members(trace: Trace, lane: str = "rank") -> set[frozenset[tuple[int, int]]]:
    """List collectives as sets of (lane, the how-manieth call of it)."""
    found = match(trace)
    place = ordinals(trace, lane)
    lanes = trace.gpu_work[lane].to_numpy()
    return {
        frozenset((int(lanes[row]), int(place[row])) for row in np.flatnonzero(found.group == code))
        for code in range(found.n_groups)
    }


def test_calls_of_one_order_are_one_collective() -> None:
    start_ns, end_ns = lockstep(3, 20, np.random.default_rng(0), jitter_us=2.0)

    found = members(trace_of(start_ns, end_ns))

    assert found == {frozenset((rank, i) for rank in range(3)) for i in range(20)}


def test_one_slow_rank_is_in_every_collective() -> None:
    start_ns, end_ns = lockstep(4, 20, np.random.default_rng(0))
    start_ns[:3] -= 200 * US

    found = members(trace_of(start_ns, end_ns, one_report=True), "device_id")

    assert found == {frozenset((rank, i) for rank in range(4)) for i in range(20)}


def test_a_rank_that_misses_a_collective_is_in_all_others() -> None:
    start_ns, end_ns = lockstep(3, 20, np.random.default_rng(0))
    missed = [*start_ns[:2], np.delete(start_ns[2], 7)], [*end_ns[:2], np.delete(end_ns[2], 7)]

    found = members(trace_of(*missed))

    assert found == {
        frozenset({(0, i), (1, i)} | ({(2, i - (i > 7))} if i != 7 else set())) for i in range(20)
    }


def test_a_rank_recorded_later_is_matched_by_its_ends() -> None:
    start_ns, end_ns = lockstep(2, 30, np.random.default_rng(0))
    # As many calls each: the first one's last five were not recorded, nor the other's first five.
    later = [start_ns[0][:25], start_ns[1][5:]], [end_ns[0][:25], end_ns[1][5:]]

    trace = trace_of(*later)

    assert members(trace) == {frozenset({(0, i), (1, i - 5)}) for i in range(5, 25)}
    (told,) = match(trace).caveats
    assert (told.slug, told.n) == ("collectives-unmatched", 10)
    assert "ncclDevKernel_AllReduce_Sum_bf (10)." in told.text


@pytest.mark.parametrize("one_report", [True, False])
def test_two_tensor_parallel_groups_stay_apart(one_report: bool) -> None:  # noqa: FBT001 - a case
    rng = np.random.default_rng(0)
    one, other = lockstep(2, 40, rng), lockstep(2, 40, rng)
    # Lanes 0 and 2 are one group.
    start_ns = [one[0][0], other[0][0], one[0][1], other[0][1]]
    end_ns = [one[1][0], other[1][0], one[1][1], other[1][1]]
    trace = trace_of(start_ns, end_ns, one_report=one_report)

    found = members(trace, "device_id" if one_report else "rank")

    assert found == {frozenset({(a, i), (a + 2, i)}) for a in range(2) for i in range(40)}


def test_streams_of_one_device_are_matched_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    work = []
    for stream in (7, 20):
        start_ns, end_ns = lockstep(2, 15, rng)
        work += [
            Work(ALL_REDUCE, int(a), int(b), device=lane, pid=lane + 1, stream=stream + 10 * lane)
            for lane in range(2)
            for a, b in zip(start_ns[lane], end_ns[lane], strict=True)
        ]
    trace = build_trace(work)

    found = match(trace)
    of_group = trace.gpu_work.with_columns(group=pl.Series(found.group)).group_by("group").agg(
        pl.col("stream_id").sort(), pl.col("device_id").n_unique()
    )  # fmt: skip

    assert found.n_groups == 30
    assert of_group["device_id"].to_list() == [2] * 30
    assert {tuple(streams) for streams in of_group["stream_id"].to_list()} == {(7, 17), (20, 30)}


def test_contexts_need_not_be_recorded() -> None:
    start_ns, end_ns = lockstep(2, 15, np.random.default_rng(0))
    trace = trace_of(start_ns, end_ns)
    nowhere = pl.lit(None, dtype=pl.Int64).alias("context_id")

    found = match_collectives(GpuWork(trace.gpu_work.with_columns(nowhere)), trace.names)

    assert found.group.tolist() == match(trace).group.tolist()
    assert found.n_groups == 15


@pytest.mark.parametrize(("late_ns", "is_one"), [(50 * US, True), (50 * US + 1, False)])
def test_collectives_that_share_no_instant_are_not_matched(late_ns: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    start_ns, end_ns = lockstep(2, 20, np.random.default_rng(0))
    # The second one begins after the first one is done: by 50 us clocks may be wrong.
    start_ns[1, 4] = end_ns[0, 4] + late_ns
    end_ns[1, 4] = end_ns[0, 4] + 80 * US

    trace = trace_of(start_ns, end_ns)

    assert members(trace) == {frozenset({(0, i), (1, i)}) for i in range(20) if i != 4 or is_one}
    assert [caveat.n for caveat in match(trace).caveats] == ([] if is_one else [2])


def test_sends_are_matched_between_two_that_have_as_many() -> None:
    start_ns, end_ns = lockstep(3, 20, np.random.default_rng(0))
    name = "ncclDevKernel_SendRecv(x)"
    fewer = [*start_ns[:2], start_ns[2][1:]], [*end_ns[:2], end_ns[2][1:]]

    trace = trace_of(*fewer, name=name)

    assert members(trace) == {frozenset({(0, i), (1, i)}) for i in range(20)}
    assert match(trace).caveats[0].n == 19


def test_calls_that_two_of_four_made_between_those_of_all_are_matched_too() -> None:
    # Two GPUs make two calls of their own; a third is of nobody else.
    all_ns = np.arange(1, 11) * 1000 * US
    two_ns, alone_ns = np.array([1300, 5400]) * US, np.array([8600]) * US
    third, fourth = (
        np.sort(np.concatenate(own)) for own in ((all_ns, two_ns, alone_ns), (all_ns, two_ns))
    )
    end_ns = [all_ns, all_ns, third, fourth]
    trace = trace_of([ends - 20 * US for ends in end_ns], end_ns)

    found = members(trace)

    assert sorted(map(len, found)) == [2] * 2 + [4] * 10
    assert {one for one in found if len(one) == 2} == {
        frozenset({(2, 1), (3, 1)}), frozenset({(2, 6), (3, 6)}),
    }  # fmt: skip
    assert [(c.slug, c.n) for c in match(trace).caveats] == [("collectives-unmatched", 1)]


def test_what_was_not_matched_is_told_the_most_frequent_first() -> None:
    # Each name on one GPU only: 1, 2, 3 and 4 calls; of four names three are told.
    names = ["AllGather", "Broadcast", "Reduce", "ReduceScatter"]
    work = [
        Work(f"ncclDevKernel_{name}_RING_LL(x)", i * 100 * US, (i * 100 + 20) * US, device=lane)
        for lane, name in enumerate(names)
        for i in range(lane + 1)
    ]

    (told,) = match(build_trace(work)).caveats

    assert told.n == 10
    assert told.text.startswith("10 of 10 kernels of collectives have no counterpart")
    listed = [told.text.index(f"{name} ({n})") for n, name in ((4, names[3]), (3, names[2]))]
    assert sorted(listed) == listed
    assert "AllGather" not in told.text


def test_one_gpu_alone_cannot_tell_waiting() -> None:
    start_ns, end_ns = lockstep(1, 5, np.random.default_rng(0))

    found = match(trace_of(start_ns, end_ns))

    assert (found.group.tolist(), found.n_groups) == ([-1] * 5, 0)
    assert [(caveat.slug, caveat.n) for caveat in found.caveats] == [
        ("other-ranks-not-recorded", 5)
    ]


def test_kernels_that_talk_to_nobody_need_no_word() -> None:
    found = match(build_trace([("gemm", 0, 10), ("reduce_kernel", 10, 20)]))

    assert not found.is_collective.any()
    assert (found.n_groups, found.caveats) == (0, ())


def test_protocols_of_one_operation_are_one_family() -> None:
    start_ns, end_ns = lockstep(2, 10, np.random.default_rng(0))
    trace = trace_of(start_ns, end_ns)
    names = trace.names.to_list()
    other = ALL_REDUCE.replace("RING_LL", "TREE_LL128")
    on_second = pl.when(pl.col("rank") == 1).then(pl.lit(len(names), dtype=pl.UInt32))
    work = trace.gpu_work.with_columns(full_name_id=on_second.otherwise("full_name_id"))

    found = match_collectives(GpuWork(work), pl.Series([*names, other]))

    assert found.n_groups == 10


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), order=st.integers(0, 1000))
def test_order_of_rows_changes_nothing(seed: int, order: int) -> None:
    start_ns, end_ns = lockstep(3, 12, np.random.default_rng(seed))
    trace = trace_of(start_ns, end_ns)
    found = match(trace)
    rows = np.random.default_rng(order).permutation(len(trace.gpu_work))

    again = match_collectives(GpuWork(trace.gpu_work[rows]), trace.names)

    pairs = set(zip(again.group.tolist(), found.group[rows].tolist(), strict=True))
    assert len(pairs) == again.n_groups == found.n_groups == 12


def test_a_million_pieces_are_matched() -> None:
    n_ranks, n_calls, n_between = 8, 12_500, 9
    start_ns, end_ns = lockstep(n_ranks, n_calls, np.random.default_rng(0), jitter_us=3.0)
    n_each = n_calls * (n_between + 1)
    is_call = np.tile(np.arange(n_each) % (n_between + 1) == 0, n_ranks)
    repeated = np.repeat(start_ns.ravel(), n_between + 1)
    begin_ns = np.where(is_call, repeated, repeated - 150 * US)
    finish_ns = np.where(is_call, np.repeat(end_ns.ravel(), n_between + 1), begin_ns + 10)
    rank = np.repeat(np.arange(n_ranks), n_each)
    columns = {
        "rank": rank, "device_id": 0 * rank, "stream_id": 7 + 0 * rank, "context_id": 1 + 0 * rank,
        "process_id": rank, "table": ["KERNEL"] * len(rank), "trace_row": np.arange(len(rank)),
        "start_ns": begin_ns, "end_ns": finish_ns, "name_id": is_call + 1,
        "full_name_id": is_call + 1, "correlation_id": None, "graph_node_id": None,
        "grid_blocks": None, "bytes": None,
    }  # fmt: skip
    frame = pl.DataFrame(columns).select(
        pl.col(column.name).cast(column.dtype) for column in tables.GPU_WORK
    )
    frame = frame.sort("start_ns", "end_ns")
    names = pl.Series(["", "gemm", ALL_REDUCE])

    found = match_collectives(GpuWork(frame), names)

    assert found.n_groups == n_calls
    assert len(frame) == 1_000_000
