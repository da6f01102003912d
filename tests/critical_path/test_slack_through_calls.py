"""Path and slack through calls in which a thread waits before it launches more, drawn by hand."""

from __future__ import annotations

import pytest

from tests.critical_path.drawn import Call, Piece, find


def test_a_delay_goes_through_a_call_to_all_that_is_launched_behind_it() -> None:
    # us       0    20   32 40 50  60     100
    # stream 0 [waited)                         the thread waits for it until 22
    # stream 1           [--)                   launched at 30
    # stream 2 [--------------)[----------)     the second launched at 34: 16 before it can begin
    # stream 3              [-----)             launched at 38
    pieces = [
        Piece(0, 20, 0),
        Piece(32, 40, 1, launch=30, thread=0),
        Piece(0, 50, 2),
        Piece(50, 100, 2, launch=34, thread=0),
        Piece(40, 60, 3, launch=38, thread=0),
    ]

    found = find(pieces, (0, 100), calls=[Call(0, 5, 22, 0)])

    assert found.parts == [(0, 50, "WORK", 2), (50, 100, "WORK", 3)]
    assert found.slack == [16, 60, 0, 0, 40]


def test_launches_of_two_threads_take_turns_on_a_stream() -> None:
    # us       0  10  20   40  50  60     100
    # stream 0             [a--)[b-)[c----)     a and c launched by thread 0 at 30, 55; b by 1 at 35
    # stream 1 [------)                         thread 0 waits for it until 22
    # stream 2 [--)                             thread 1 waits for it until 12
    # stream 3 [-----------)                    a waits for it by an event
    pieces = [
        Piece(40, 50, 0, launch=30, thread=0),
        Piece(50, 60, 0, launch=35, thread=1),
        Piece(60, 100, 0, launch=55, thread=0),
        Piece(0, 20, 1),
        Piece(0, 10, 2),
        Piece(0, 40, 3),
    ]

    found = find(pieces, (0, 100), events=[(5, 0)], calls=[Call(0, 5, 22, 3), Call(1, 5, 12, 4)])

    # Thread 0 may be late by 5 for c, by 10 for a; thread 1 by 15 for b.
    assert found.slack == [0, 0, 0, 5, 15, 0]


def test_what_is_launched_behind_a_call_may_be_the_first_of_all() -> None:
    pieces = [Piece(30, 100, 0, launch=28, thread=0), Piece(0, 20, 1)]

    found = find(pieces, (0, 100), calls=[Call(0, 5, 22, 1)])

    assert found.parts == [(0, 20, "WORK", 1), (20, 30, "HOST", 0), (30, 100, "WORK", 0)]
    assert found.slack == [0, 0]


@pytest.mark.parametrize("thread", [0, 1])
def test_what_one_thread_waited_for_holds_no_other_thread(thread: int) -> None:
    # Thread 0 waits for the first piece; thread 1 asks after it when it has ended.
    pieces = [Piece(0, 20, 0), Piece(0, 30, 1), Piece(40, 60, 2, launch=38, thread=thread)]

    found = find(pieces, (0, 60), calls=[Call(0, 5, 22, 0), Call(1, 23, 24, 0)])

    of_first = [(0, 20, "WORK", 0), (20, 40, "HOST", 2)]
    before = of_first if thread == 0 else [(0, 40, "HOST", 2)]
    assert found.parts == [*before, (40, 60, "WORK", 2)]


def test_a_thread_that_asks_again_has_waited_before() -> None:
    pieces = [Piece(0, 20, 0), Piece(40, 60, 1, launch=38, thread=1)]
    calls = [Call(0, 2, 3, -1), Call(1, 5, 22, 0), Call(1, 23, 24, 0)]

    found = find(pieces, (0, 60), calls=calls)

    assert found.parts == [(0, 20, "WORK", 0), (20, 40, "HOST", 1), (40, 60, "WORK", 1)]
    assert found.slack == [0, 0]


def test_calls_that_return_outside_the_window_say_nothing() -> None:
    pieces = [Piece(0, 20, 0), Piece(40, 60, 1, launch=38, thread=1), Piece(60, 90, 0)]
    inside = [Call(0, 2, 3, -1), Call(1, 5, 22, 0)]
    # Of thread 0, until long after the window.
    outside = [Call(0, end - 4, end, 2) for end in (-40, *range(70, 150, 5))]

    found = find(pieces, (0, 60), calls=inside)

    assert found.parts == [(0, 20, "WORK", 0), (20, 40, "HOST", 1), (40, 60, "WORK", 1)]
    assert find(pieces, (0, 60), calls=[*outside, *inside]) == found


def test_numbers_of_threads_may_be_large() -> None:
    pieces = [Piece(0, 20, 0), Piece(40, 60, 1, launch=38, thread=10**12)]

    alone = find(pieces, (0, 60), calls=[Call(0, 5, 22, 0)])
    waits = find(pieces, (0, 60), calls=[Call(0, 2, 3, -1), Call(10**12, 5, 22, 0)])

    assert alone.parts == [(0, 40, "HOST", 1), (40, 60, "WORK", 1)]
    assert waits.parts == [(0, 20, "WORK", 0), (20, 40, "HOST", 1), (40, 60, "WORK", 1)]
