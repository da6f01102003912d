"""Path and slack where work of a stream overlaps, lags or is out of order, drawn by hand."""

from __future__ import annotations

import pytest

from tests.critical_path.drawn import Piece, find


def test_streams_beside_one_with_work_inside_other_work_stay_in_order() -> None:
    # On the second stream the third takes over while the second runs.
    pieces = [Piece(0, 50), Piece(10, 20), Piece(0, 5, 1), Piece(5, 40, 1), Piece(35, 70, 1)]

    found = find(pieces, (0, 70))

    assert found.parts == [(0, 5, "WORK", 2), (5, 35, "WORK", 3), (35, 70, "WORK", 4)]


@pytest.mark.parametrize(("start", "kind"), [(30, "HOST"), (31, "IDLE")])
def test_a_usual_lag_is_up_to_20_us(start: int, kind: str) -> None:
    found = find([Piece(0, 10), Piece(start, 40)], (0, 40))

    assert found.parts == [(0, 10, "WORK", 0), (10, start, kind, 1), (start, 40, "WORK", 1)]


def test_rows_of_a_stream_may_come_in_any_order() -> None:
    # The second row takes over while the third runs.
    found = find([Piece(0, 10), Piece(20, 35), Piece(10, 22)], (0, 35))

    assert found.parts == [(0, 10, "WORK", 0), (10, 20, "WORK", 2), (20, 35, "WORK", 1)]


def test_work_that_ends_with_longer_work_of_its_stream_holds_up_what_follows() -> None:
    found = find([Piece(0, 100), Piece(50, 100), Piece(100, 120)], (0, 120))

    assert found.parts == [(0, 50, "WORK", 0), (50, 100, "WORK", 1), (100, 120, "WORK", 2)]
    assert found.slack == [0, 0, 0]


def test_what_began_before_work_inside_other_work_ended_did_not_wait_for_it() -> None:
    found = find([Piece(0, 100), Piece(10, 20), Piece(16, 120)], (0, 120))

    assert found.parts == [(0, 16, "WORK", 0), (16, 120, "WORK", 2)]
    assert found.slack == [0, 100, 0]


def test_work_that_begins_when_the_window_ends_is_outside() -> None:
    found = find([Piece(0, 30), Piece(30, 50, 1), Piece(-9, 0, 1)], (0, 30))

    assert found.parts == [(0, 30, "WORK", 0)]
    assert found.slack == [0, 30, 30]


def test_nothing_on_another_stream_follows_the_last_work_of_one() -> None:
    found = find([Piece(0, 100), Piece(10, 20), Piece(30, 60, 1)], (0, 100))

    assert found.parts == [(0, 100, "WORK", 0)]
    assert found.slack == [0, 80, 40]


@pytest.mark.parametrize(("group", "slack"), [(-1, 0), (5, 27)])
def test_clocks_may_contradict_a_wait_but_for_that_of_a_collective(group: int, slack: int) -> None:
    # The second is said to have waited for the first, which ended 3 us after it began.
    pieces = [Piece(0, 33, 2), Piece(30, 60, 0, group=group), Piece(20, 60, 1, group=group)]

    assert find(pieces, (0, 60), events=[(0, 1)]).slack == [slack, 0, 0]
