"""Waits drawn by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.build import Node, Record, Wait, Work, build_trace
from traceenergy.analysis.waiting import waits_of
from traceenergy.critical_path.model import PartKind
from traceenergy.critical_path.slack import path_and_slack
from traceenergy.projection.project import project_work

if TYPE_CHECKING:
    from traceenergy.caveats import Caveat
    from traceenergy.critical_path.model import EventWaits, HostWaits, Pieces
    from traceenergy.trace.model import Trace

SIDE = 20


def waits(
    trace: Trace, rows: list[int] | None = None
) -> tuple[Pieces, EventWaits, HostWaits, tuple[Caveat, ...]]:
    projection = project_work(
        trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names, trace.graph_nodes
    )
    chosen = range(len(trace.gpu_work)) if rows is None else rows
    return waits_of(trace, projection.work["launch_row"], np.array(chosen, dtype=np.int64))


def kernel(  # noqa: PLR0913 - as `Work`
    start: int,
    end: int,
    launch: int,
    *,
    stream: int = 7,
    context: int = 1,
    device: int = 0,
    pid: int = 1,
    rank: int = 0,
) -> Work:
    """Launch a kernel by a call of 2 ns."""
    launch_ns = (launch, launch + 2)
    return Work(
        "k", start, end, device, stream, launch=launch_ns, pid=pid, rank=rank, context=context
    )


def sync_call(start: int, end: int, name: str, correlation: int = 99) -> Work:
    return Work("", 0, 0, launch=(start, end), api=name, correlation=correlation)


def edges(events: EventWaits) -> list[tuple[int, int]]:
    return sorted(zip(events.before.tolist(), events.after.tolist(), strict=True))


def test_streams_are_apart_by_rank_process_device_context() -> None:
    works = [
        kernel(10, 20, 1), kernel(30, 40, 3), kernel(30, 40, 3, context=2),
        kernel(30, 40, 3, device=1), kernel(30, 40, 3, pid=2), kernel(30, 40, 3, rank=1),
        kernel(30, 40, 3, stream=SIDE),
    ]  # fmt: skip

    pieces, *_ = waits(build_trace(works))

    assert pieces.stream[0] == pieces.stream[1]
    assert len(set(pieces.stream.tolist())) == len(works) - 1


def test_a_piece_is_launched_when_its_call_ends() -> None:
    pieces, *_ = waits(build_trace([kernel(10, 20, 1), kernel(30, 40, 29), Work("k", 50, 60)]))

    assert pieces.launch_ns.tolist() == [3, 31, 50]
    assert len(set(pieces.thread.tolist())) == 1


def test_work_without_a_launch_has_no_thread() -> None:
    pieces, _, _, caveats = waits(build_trace([Work("k", 10, 20, launch=None)]))

    assert pieces.thread.tolist() == [-1]
    assert [(caveat.slug, caveat.n) for caveat in caveats] == [("path-assumptions", 1)]


def test_all_nodes_of_a_graph_are_launched_by_its_call() -> None:
    nodes = [(10, 20, 7, 1), (22, 30, 7, 2), (23, 33, SIDE, 3), (34, 40, SIDE, 4)]
    works = [
        Work("k", start, end, stream=stream, launch=(1, 5), node=node, correlation=1)
        for start, end, stream, node in nodes
    ]

    pieces, _, _, (caveat,) = waits(build_trace(works, nodes=[Node(1, 0)]))

    assert len(set(pieces.thread.tolist())) == 1
    assert pieces.launch_ns.tolist() == [5, 5, 5, 5]
    assert "nodes of 1 launches" in caveat.text


def test_a_branch_inside_a_graph_that_others_join_holds_the_path() -> None:
    # Of one launch:  a --- ........ d      d waits for c, though b before it on its stream ended
    #                     bb                 long ago; nothing of that is recorded.
    #                     cccccccc
    us = 10_000  # ten of them, so that no lag is usual
    nodes = [(10, 20, 7, 1), (20, 30, 7, 2), (21, 90, SIDE, 3), (91, 99, 7, 4)]
    works = [
        Work("k", start * us, end * us, stream=stream, launch=(us, 5 * us), node=node,
             correlation=1)
        for start, end, stream, node in nodes
    ]  # fmt: skip

    pieces, events, calls, _ = waits(build_trace(works, nodes=[Node(1, 0)]))
    path, slack_ns = path_and_slack(pieces, events, calls, (us, 99 * us))

    assert path.piece[path.kind == PartKind.WORK].tolist() == [0, 2, 3]
    assert slack_ns.tolist() == [0, 60 * us, 0, 0]


def test_work_behind_an_event_waits_for_the_work_before_it() -> None:
    works = [
        kernel(10, 20, 1),  # 0: the event is recorded behind it
        kernel(20, 60, 6),  # 1: behind the record
        kernel(25, 30, 10, stream=SIDE),  # 2: the first behind the wait
        kernel(31, 35, 12, stream=SIDE),
    ]
    trace = build_trace(
        works, records=[Record(3, 4)], waits=[Wait("stream_wait", 8, 9, stream=SIDE, event=3)]
    )

    _, events, _, caveats = waits(trace)

    assert edges(events) == [(0, 2)]
    assert caveats == ()


def test_the_latest_record_before_the_wait_counts() -> None:
    works = [
        kernel(10, 20, 1), kernel(20, 30, 5), kernel(30, 40, 15), kernel(45, 50, 12, stream=SIDE),
    ]  # fmt: skip
    wait = Wait("stream_wait", 10, 11, stream=SIDE, event=3)
    records = [Record(3, 20), Record(3, 4), Record(3, 8), Record(3, 9, pid=2), Record(4, 9)]

    _, events, _, _ = waits(build_trace(works, records=records, waits=[wait]))

    assert edges(events) == [(1, 3)]


def test_a_numbered_record_counts_before_a_later_one() -> None:
    works = [kernel(10, 20, 1), kernel(20, 30, 5), kernel(45, 50, 12, stream=SIDE)]
    wait = Wait("stream_wait", 10, 11, stream=SIDE, event=3, event_sync=1)
    records = [Record(3, 4, event_sync=1), Record(3, 8, event_sync=2)]

    _, events, _, _ = waits(build_trace(works, records=records, waits=[wait]))

    assert edges(events) == [(0, 2)]


@pytest.mark.parametrize(
    ("records", "n_lost"),
    [((), 1), ([Record(3, None)], 1), ([Record(3, 7)], 1), ([Record(3, 0)], None)],
    ids=["not recorded", "without a call", "contradicts the times", "nothing before it"],
)
def test_a_wait_that_binds_nothing_is_no_edge(records: list[Record], n_lost: int | None) -> None:
    works = [kernel(10, 20, 1), kernel(20, 60, 6), kernel(25, 30, 10, stream=SIDE)]
    wait = Wait("stream_wait", 8, 9, stream=SIDE, event=3)

    _, events, _, caveats = waits(build_trace(works, records=records, waits=[wait]))

    assert edges(events) == []
    assert [caveat.n for caveat in caveats] == ([] if n_lost is None else [n_lost])


def test_a_call_waits_for_its_stream_or_its_context() -> None:
    works = [
        kernel(10, 20, 1), kernel(20, 30, 4), kernel(20, 35, 6, stream=SIDE),
        kernel(50, 90, 45), kernel(21, 38, 8, context=2),
    ]  # fmt: skip
    stream = Wait("stream", 10, 33, stream=7)
    context = Wait("context", 10, 37)

    _, _, calls, _ = waits(build_trace(works, waits=[stream, context]))

    starts = build_trace(works).gpu_work["start_ns"].to_list()
    assert [starts[row] for row in calls.piece] == [20, 20]
    ends = build_trace(works).gpu_work["end_ns"].to_list()
    assert [ends[row] for row in calls.piece] == [30, 35]
    assert calls.start_ns.tolist() == [10, 10]
    assert calls.end_ns.tolist() == [33, 37]


def test_a_call_waits_for_the_work_before_an_event() -> None:
    works = [kernel(10, 20, 1), kernel(20, 30, 6)]
    wait = Wait("event", 8, 22, event=3)

    _, _, calls, caveats = waits(build_trace(works, records=[Record(3, 4)], waits=[wait]))

    assert calls.piece.tolist() == [0]
    assert caveats == ()


def test_a_call_that_finds_nothing_to_wait_for_has_no_piece() -> None:
    trace = build_trace([kernel(50, 60, 40)], waits=[Wait("stream", 8, 9, stream=7)])

    assert waits(trace)[2].piece.tolist() == [-1]


@pytest.mark.parametrize(
    "name",
    [
        "cudaDeviceSynchronize_v3020", "cudaStreamSynchronize", "cuEventSynchronize",
        "cuCtxSynchronize", "cudaThreadSynchronize_v3020", "cuStreamSynchronize_ptsz",
    ],
)  # fmt: skip
def test_a_call_without_a_record_waits_for_its_process(name: str) -> None:
    works = [kernel(10, 20, 1), kernel(12, 30, 4, stream=SIDE), kernel(12, 31, 4, pid=2)]
    trace = build_trace(works, extra_launches=[sync_call(8, 33, name)])

    _, _, calls, (caveat,) = waits(trace)

    assert calls.piece.tolist() == [1]
    assert "1 synchronizing calls" in caveat.text


def test_a_recorded_call_counts_once() -> None:
    call = sync_call(8, 33, "cudaStreamSynchronize_v3020")
    wait = Wait("stream", 9, 32, stream=7, correlation=99)

    _, _, calls, caveats = waits(
        build_trace([kernel(10, 20, 1)], waits=[wait], extra_launches=[call])
    )

    assert calls.start_ns.tolist() == [9]
    assert caveats == ()


@pytest.mark.parametrize(
    ("api", "end", "launch_ns", "n_calls"),
    [
        ("cudaMemcpy_v3020", 20, 1, 1),
        ("cuMemcpyDtoH_v2", 20, 1, 1),
        ("cudaMemcpyAsync_v3020", 20, 25, 0),
        ("cudaMemcpy_v3020", 26, 25, 0),
    ],
    ids=["synchronous", "of the driver", "asynchronous", "returned before its end"],
)
def test_a_synchronous_copy_holds_its_call(
    api: str, end: int, launch_ns: int, n_calls: int
) -> None:
    copy = Work("c", 10, end, table="MEMCPY", n_bytes=1, launch=(1, 25), api=api)

    pieces, _, calls, _ = waits(build_trace([copy]))

    assert pieces.launch_ns.tolist() == [launch_ns]
    assert calls.piece.tolist() == [0] * n_calls


def test_streams_that_no_wait_ties_are_said() -> None:
    works = [kernel(10, 20, 1), kernel(10, 20, 2, stream=SIDE), kernel(10, 20, 1, pid=2)]

    *_, (caveat,) = waits(build_trace(works))

    assert "2 streams" in caveat.text
    assert caveat.n == 2


def test_rows_in_another_order_are_tied_alike() -> None:
    works = [kernel(10, 20, 1), kernel(20, 60, 6), kernel(25, 30, 10, stream=SIDE)]
    trace = build_trace(
        works,
        records=[Record(3, 4)],
        waits=[Wait("stream_wait", 8, 9, stream=SIDE, event=3), Wait("context", 12, 70)],
    )

    pieces, events, calls, _ = waits(trace, [2, 0, 1])

    assert pieces.start_ns.tolist() == [25, 10, 20]
    assert edges(events) == [(1, 0)]
    assert calls.piece.tolist() == [2]


def test_a_trace_without_work_has_no_waits() -> None:
    trace = build_trace([], waits=[Wait("stream", 1, 2, stream=7)])

    pieces, events, _, caveats = waits(trace)

    assert len(pieces.start_ns) == len(events.before) == 0
    assert caveats == ()
