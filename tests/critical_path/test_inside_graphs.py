"""Path and slack among the nodes of graphs, drawn by hand."""

from __future__ import annotations

from tests.critical_path.drawn import Piece, find


def test_a_node_that_begins_a_usual_lag_after_its_predecessor_waited_for_no_other_branch() -> None:
    pieces = [Piece(10, 90, 0, 5, 0), Piece(10, 95, 1, 5, 0), Piece(100, 200, 0, 5, 0)]

    found = find(pieces, (0, 200))

    assert found.parts[1:] == [(10, 90, "WORK", 0), (90, 100, "HOST", 2), (100, 200, "WORK", 2)]
    assert found.slack == [0, 105, 0]


def test_a_node_may_begin_at_once_when_its_predecessor_ends() -> None:
    pieces = [Piece(10, 100, 0, 5, 0), Piece(100, 300, 1, 5, 0)]

    found = find(pieces, (0, 300))

    assert found.parts[1:] == [(10, 100, "WORK", 0), (100, 300, "WORK", 1)]
    assert found.slack == [0, 0]


def test_nodes_of_one_launch_do_not_explain_those_of_the_next() -> None:
    pieces = [
        Piece(10, 100, 0, 5, 0),
        Piece(100, 300, 1, 5, 0),
        Piece(10, 640, 2, 5, 0),
        Piece(410, 500, 0, 400, 0),
        Piece(550, 700, 1, 400, 0),
    ]

    assert find(pieces, (0, 700)).parts == [
        (0, 410, "HOST", 3),
        (410, 500, "WORK", 3),
        (500, 550, "IDLE", 4),
        (550, 700, "WORK", 4),
    ]
