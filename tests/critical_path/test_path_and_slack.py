"""Critical path and slack of runs drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.critical_path.drawn import (
    Call,
    Piece,
    as_calls,
    as_events,
    as_parts,
    as_pieces,
    find,
)
from traceenergy.critical_path.slack import path_and_slack


def test_a_window_without_work_is_one_part_of_idle() -> None:
    assert find([], (0, 100)).parts == [(0, 100, "IDLE", -1)]


def test_an_empty_window_has_no_parts() -> None:
    assert find([Piece(0, 10)], (5, 5)).parts == []


def test_one_stream_back_to_back() -> None:
    found = find([Piece(0, 10), Piece(10, 30)], (0, 35))
    assert found.parts == [(0, 10, "WORK", 0), (10, 30, "WORK", 1), (30, 35, "IDLE", -1)]
    assert found.slack == [0, 0]


def test_an_event_hands_the_path_to_the_stream_that_ended_later() -> None:
    pieces = [Piece(0, 10, 0), Piece(0, 30, 1), Piece(30, 60, 0), Piece(30, 45, 1)]
    found = find(pieces, (0, 60), events=[(1, 2)])
    assert found.parts == [(0, 30, "WORK", 1), (30, 60, "WORK", 2)]
    assert found.slack == [20, 0, 0, 15]


def test_without_its_event_the_wait_is_idle() -> None:
    pieces = [Piece(0, 10, 0), Piece(0, 30, 1), Piece(40, 60, 0)]
    assert find(pieces, (0, 60)).parts == [
        (0, 10, "WORK", 0),
        (10, 40, "IDLE", 2),
        (40, 60, "WORK", 2),
    ]


def test_a_usual_lag_behind_a_known_constraint_is_a_wait_for_the_launch() -> None:
    parts = find([Piece(0, 10), Piece(13, 20)], (0, 20)).parts
    assert parts == [(0, 10, "WORK", 0), (10, 13, "HOST", 1), (13, 20, "WORK", 1)]


def test_an_event_that_its_times_contradict_holds_nothing_up() -> None:
    pieces = [Piece(0, 30, 1), Piece(0, 20, 0), Piece(20, 40, 0)]
    found = find(pieces, (0, 40), events=[(0, 2)])
    assert found.parts == [(0, 20, "WORK", 1), (20, 40, "WORK", 2)]
    assert found.slack == [10, 0, 0]


def test_an_all_reduce_goes_on_with_the_rank_that_arrived_last() -> None:
    pieces = [
        Piece(0, 10, 0),
        Piece(10, 40, 0, group=7),
        Piece(40, 50, 0),
        Piece(0, 30, 1),
        Piece(30, 40, 1, group=7),
        Piece(40, 45, 1),
    ]
    found = find(pieces, (0, 50))
    assert found.parts == [(0, 30, "WORK", 3), (30, 40, "WORK", 1), (40, 50, "WORK", 2)]
    assert found.slack == [20, 0, 0, 0, 0, 5]


def test_a_collective_of_nobody_else_is_plain_work() -> None:
    found = find([Piece(0, 10), Piece(10, 30, group=3)], (0, 30))
    assert found.parts == [(0, 10, "WORK", 0), (10, 30, "WORK", 1)]


def test_a_member_that_ended_before_the_last_arrived_did_not_wait_for_it() -> None:
    pieces = [Piece(0, 10, 0, group=1), Piece(20, 30, 1, group=1), Piece(10, 40, 0)]
    found = find(pieces, (0, 40))
    assert found.parts == [(0, 10, "WORK", 0), (10, 40, "WORK", 2)]
    assert found.slack == [0, 10, 0]


def pipeline(stages: int, batches: int) -> tuple[list[Piece], list[tuple[int, int]]]:
    """1F1B: forwards of 10, backwards of 20; each device runs its order as early as it can."""
    orders = []
    for stage in range(stages):
        warm = min(stages - stage, batches)
        order = [("F", batch) for batch in range(warm)]
        for batch in range(batches):
            order.append(("B", batch))
            order += [("F", batch + warm)] if batch + warm < batches else []
        orders.append(order)
    row: dict[tuple[str, int, int], int] = {}
    pieces: list[Piece] = []
    events: list[tuple[int, int]] = []
    free = [0] * stages
    while any(orders):
        for stage, order in enumerate(orders):
            kind, batch = order[0] if order else ("", 0)
            source = stage - 1 if kind == "F" else stage + 1
            edge = kind == "F" and stage == 0
            if kind == "B" and stage == stages - 1:
                kind_before, source = "F", stage
            else:
                kind_before = kind
            needed = row.get((kind_before, batch, source))
            if not order or (needed is None and not edge):
                continue
            start = max(free[stage], 0 if needed is None else pieces[needed].end)
            free[stage] = start + (10 if kind == "F" else 20)
            if needed is not None and source != stage:
                events.append((needed, len(pieces)))
            row[kind, batch, stage] = len(pieces)
            pieces.append(Piece(start, free[stage], stage))
            order.pop(0)
    return pieces, events


def test_a_pipeline_of_four_devices_is_held_by_work_alone() -> None:
    pieces, events = pipeline(4, 8)
    elapsed = (8 + 3) * 30  # closed form: (batches + stages - 1) (forward + backward)
    assert max(one.end for one in pieces) == elapsed
    found = find(pieces, (0, elapsed), events)
    assert {kind for _, _, kind, _ in found.parts} == {"WORK"}
    on_last = [row for row, one in enumerate(pieces) if one.stream == 3]
    assert [found.slack[row] for row in on_last] == [0] * 16
    # The fourth forward of the first device is needed when the second has run its first backward.
    fourth = pieces.index(Piece(30, 40, 0))
    assert found.slack[fourth] == 60


def test_host_bound_decode_is_held_by_its_launches() -> None:
    tokens, kernels = 3, 4
    pieces, calls, host = [], [], 0
    for _ in range(tokens):
        for _ in range(kernels):
            host += 10
            pieces.append(Piece(host + 2, host + 5, launch=host, thread=0))
        calls.append(Call(0, host, host + 7, len(pieces) - 1))
        host += 7
    found = find(pieces, (0, 141), calls=calls)
    work = sum(end - start for start, end, kind, _ in found.parts if kind == "WORK")
    host_us = sum(end - start for start, end, kind, _ in found.parts if kind == "HOST")
    assert work == tokens * 3  # the last kernel of each token alone: the thread waits for it
    assert host_us == max(one.end for one in pieces) - work
    # Each kernel has ended 5 before the next is launched: three such gaps absorb a late first one.
    assert found.slack == [15, 10, 5, 0] * 3


def test_a_launch_in_time_does_not_hold_its_work() -> None:
    pieces = [Piece(10, 50, launch=8, thread=0), Piece(50, 60, launch=12, thread=0)]
    assert find(pieces, (0, 60)).parts == [
        (0, 10, "HOST", 0),
        (10, 50, "WORK", 0),
        (50, 60, "WORK", 1),
    ]


def test_a_call_that_returned_at_once_did_not_wait() -> None:
    pieces = [
        Piece(10, 20, launch=8, thread=0),
        Piece(70, 80, launch=68, thread=0),
    ]
    found = find(pieces, (0, 80), calls=[Call(0, 40, 41, 0)])
    assert found.parts == [(0, 70, "HOST", 1), (70, 80, "WORK", 1)]
    assert found.slack == [20, 0]


def test_a_second_wait_absorbs_what_the_first_is_late() -> None:
    pieces = [
        Piece(0, 10, 0),
        Piece(0, 40, 1),
        Piece(52, 60, 0, launch=50, thread=0),
    ]
    calls = [Call(0, 5, 12, 0), Call(0, 15, 45, 1)]
    found = find(pieces, (0, 60), calls=calls)
    assert found.parts == [(0, 40, "WORK", 1), (40, 52, "HOST", 2), (52, 60, "WORK", 2)]
    assert found.slack == [25, 0, 0]


def test_a_launch_queued_behind_other_work_absorbs_that_it_comes_late() -> None:
    pieces = [Piece(0, 10, 0), Piece(0, 40, 1), Piece(40, 60, 1, launch=15, thread=0)]
    assert find(pieces, (0, 60), calls=[Call(0, 0, 12, 0)]).slack == [25, 0, 0]


def test_a_call_that_returned_before_its_piece_ended_by_a_clock_error_did_wait() -> None:
    pieces = [Piece(10, 50, launch=8, thread=0), Piece(62, 80, launch=60, thread=0)]
    for returned, waited in ((47, True), (44, False)):
        parts = find(pieces, (0, 80), calls=[Call(0, 20, returned, 0)]).parts
        assert ((10, 50, "WORK", 0) in parts) == waited


def test_one_thread_waits_for_work_that_another_launched() -> None:
    pieces = [Piece(3, 30, 0, 2, 0), Piece(42, 50, 1, 40, 1)]
    found = find(pieces, (0, 50), calls=[Call(1, 1, 35, 0)])
    assert found.parts == [
        (0, 3, "HOST", 0),
        (3, 30, "WORK", 0),
        (30, 42, "HOST", 1),
        (42, 50, "WORK", 1),
    ]


def test_a_graph_launch_explains_its_branches_from_within() -> None:
    pieces = [
        Piece(10, 100, 0, 5, 0),
        Piece(101, 300, 1, 5, 0),
        Piece(100, 200, 0, 5, 0),
        Piece(302, 400, 0, 5, 0),
    ]
    found = find(pieces, (0, 400))
    assert [part for part in found.parts if part[2] == "WORK"] == [
        (10, 100, "WORK", 0),
        (101, 300, "WORK", 1),
        (302, 400, "WORK", 3),
    ]
    assert not [part for part in found.parts if part[2] == "IDLE"]
    assert found.slack == [0, 0, 100, 0]


def test_a_graph_whose_call_returns_late_is_launched_when_its_first_node_begins() -> None:
    pieces = [Piece(10, 20, 0, 60, 0), Piece(22, 40, 0, 60, 0), Piece(61, 90, 0, 60, 0)]
    found = find(pieces, (0, 90))
    assert [part[3] for part in found.parts if part[2] == "WORK"] == [0, 1, 2]
    assert found.slack == [0, 0, 0]


def test_launches_apart_do_not_explain_each_other() -> None:
    pieces = [Piece(10, 100, 0, 5, 0), Piece(101, 300, 1, 6, 0)]
    assert (6, 101, "IDLE", 1) in find(pieces, (0, 300)).parts


def test_work_inside_other_work_of_its_stream_holds_nothing_up() -> None:
    pieces = [Piece(0, 100), Piece(10, 20), Piece(100, 120)]
    found = find(pieces, (0, 120))
    assert found.parts == [(0, 100, "WORK", 0), (100, 120, "WORK", 2)]
    assert found.slack == [0, 80, 0]


def test_work_that_began_before_its_predecessor_ended_takes_over_when_it_began() -> None:
    found = find([Piece(0, 10), Piece(8, 20)], (0, 20))
    assert found.parts == [(0, 8, "WORK", 0), (8, 20, "WORK", 1)]
    assert found.slack == [0, 0]


def test_zero_lengths_and_equal_times() -> None:
    pieces = [Piece(0, 10), Piece(10, 10), Piece(10, 10), Piece(10, 20), Piece(10, 20, 1)]
    found = find(pieces, (0, 20), events=[(1, 2), (2, 1), (0, 4), (0, 0)])
    assert [part[:3] for part in found.parts] == [(0, 10, "WORK"), (10, 20, "WORK")]
    assert found.slack == [0, 0, 0, 0, 0]


def test_work_cut_by_the_window() -> None:
    pieces = [Piece(0, 15), Piece(15, 40), Piece(60, 90), Piece(-9, 3)]
    found = find(pieces, (10, 30))
    assert found.parts == [(10, 15, "WORK", 0), (15, 30, "WORK", 1)]
    assert found.slack == [0, 0, 20, 20]  # outside: the whole window


@pytest.mark.parametrize("offset", [0, 10**18])
def test_times_may_be_those_of_utc(offset: int) -> None:
    pieces = [Piece(0, 10, 0, -5, 0), Piece(0, 30, 10**12), Piece(30, 60, 0, 29, 0)]
    moved = [
        replace(one, start=one.start + offset, end=one.end + offset, launch=one.launch + offset)
        for one in pieces
    ]
    columns = as_pieces(moved, 1), as_events([(1, 2)]), as_calls([], 1)
    window = (offset, offset + 60)
    path, slack_ns = path_and_slack(*columns, window)
    assert [part[1] - offset for part in as_parts(path, 1)] == [30, 60]
    assert np.array_equal(slack_ns, [19 + 1, 0, 0])


@pytest.mark.parametrize(("begun", "waited"), [(9, True), (10, False)])
def test_a_thread_that_began_to_wait_before_the_end_waited(begun: int, waited: bool) -> None:  # noqa: FBT001 - a case
    pieces = as_pieces([Piece(0, 10), Piece(32, 40, 0, 30, 0)], 1)

    path, _ = path_and_slack(
        pieces, as_events([]), as_calls([Call(0, begun, 12, 0)], 1), (0, 40)
    )  # fmt: skip

    before = [(0, 10, "WORK", 0), (10, 32, "HOST", 1)] if waited else [(0, 32, "HOST", 1)]
    assert as_parts(path, 1) == [*before, (32, 40, "WORK", 1)]


def test_a_call_that_waited_for_nothing_known_absorbs_nothing() -> None:
    pieces = as_pieces([Piece(0, 10), Piece(32, 40, 0, 30, 0)], 1)
    calls = as_calls([Call(0, 5, 12, 0), Call(0, 12, 13, -1)], 1)

    path, slack_ns = path_and_slack(pieces, as_events([]), calls, (0, 40))

    assert as_parts(path, 1)[:2] == [(0, 10, "WORK", 0), (10, 32, "HOST", 1)]
    assert slack_ns.tolist() == [0, 0]


def test_streams_beside_one_with_overlapping_work_stay_in_order() -> None:
    pieces = [
        Piece(0, 100, 0), Piece(10, 20, 0),
        Piece(0, 40, 1), Piece(40, 70, 1), Piece(70, 120, 1),
        Piece(0, 30, 2), Piece(30, 60, 2),
    ]  # fmt: skip

    found = find(pieces, (0, 120))

    assert found.parts == [(0, 40, "WORK", 2), (40, 70, "WORK", 3), (70, 120, "WORK", 4)]
    assert found.slack == [20, 100, 0, 0, 0, 60, 60]


def test_work_one_after_the_other_inside_longer_work_holds_nothing_up() -> None:
    found = find([Piece(0, 100), Piece(10, 20), Piece(30, 50), Piece(100, 120)], (0, 120))

    assert found.parts == [(0, 100, "WORK", 0), (100, 120, "WORK", 3)]
    # The third follows the second by a fixed lag, and could end 50 later.
    assert found.slack == [0, 50, 50, 0]


def test_work_beside_other_work_of_its_stream_follows_what_had_ended() -> None:
    # us       0  10   20 25 30          100   120
    # stream 0 [a--)   [b-----------------)      b launched at 18
    #                     [c-)                   beside b, behind a
    # stream 1               [d-----------------)   waits for c by an event
    pieces = [Piece(0, 10), Piece(20, 100, 0, 18, 0), Piece(25, 30), Piece(30, 120, 1)]

    found = find(pieces, (0, 120), events=[(2, 3)])

    assert found.parts == [
        (0, 10, "WORK", 0),
        (10, 25, "HOST", 2),
        (25, 30, "WORK", 2),
        (30, 120, "WORK", 3),
    ]
    assert found.slack == [0, 20, 0, 0]


def test_a_collective_that_begins_the_window_stays_in_front_of_what_overlaps_it() -> None:
    pieces = [
        Piece(0, 100, 0, group=1), Piece(10, 20, 0), Piece(90, 120, 0),
        Piece(0, 30, 1), Piece(30, 100, 1, group=1),
    ]  # fmt: skip

    assert find(pieces, (0, 120)).parts == [
        (0, 30, "WORK", 3),
        (30, 90, "WORK", 0),
        (90, 120, "WORK", 2),
    ]


def test_of_work_that_begins_at_one_time_the_shorter_comes_first_in_any_order_of_rows() -> None:
    pieces = [Piece(0, 4), Piece(0, 10), Piece(10, 10), Piece(10, 30)]

    found = find(pieces, (0, 30))
    turned = find(pieces[::-1], (0, 30))

    assert found.parts == [(0, 10, "WORK", 1), (10, 30, "WORK", 3)]
    assert turned.parts == [(0, 10, "WORK", 2), (10, 30, "WORK", 0)]
    assert turned.slack == found.slack[::-1] == [0, 0, 0, 0]
