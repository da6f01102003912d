"""Slack of work for which a thread waits before it launches more, drawn by hand."""

from __future__ import annotations

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
