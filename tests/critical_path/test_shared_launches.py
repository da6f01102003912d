"""Pieces of one launch: drawn by hand."""

from __future__ import annotations

import numpy as np

from traceenergy.critical_path.shared_launches import first_start, launched_with

#                    a graph  its branch  same time, other thread  later  nobody knows  the graph
THREAD = np.array([0, 0, 1, 0, -1, 0])
LAUNCH_NS = np.array([50, 50, 50, 70, 50, 50])


def test_pieces_of_a_call_share_its_thread_with_its_time() -> None:
    place, call = launched_with(THREAD, LAUNCH_NS, np.array([1, 3]))

    # Both calls of the time asked for are told apart; the piece of no known launch is in none.
    assert place.tolist() == [0, 1, 5, 2, 3]
    assert call.tolist() == [0, 0, 0, 1, 2]


def test_calls_of_a_thread_are_told_apart_by_time() -> None:
    thread, launch_ns = np.zeros(5, dtype=np.int64), np.array([10, 10, 20, 30, 20])

    place, call = launched_with(thread, launch_ns, np.array([0, 2]))

    assert place.tolist() == [0, 1, 2, 4]
    assert call.tolist() == [0, 0, 1, 1]


def test_calls_of_one_time_are_told_apart_by_thread() -> None:
    thread, launch_ns = np.array([1, 0, 1, 0, 1]), np.full(5, 50)

    place, call = launched_with(thread, launch_ns, np.array([0]))

    assert place.tolist() == [1, 3, 0, 2, 4]
    assert call.tolist() == [0, 0, 1, 1, 1]


def test_a_launch_is_not_after_the_first_start_of_what_it_launched() -> None:
    start_ns = np.array([60, 40, 55, 71, 10, 90])

    moved_ns = first_start(THREAD, LAUNCH_NS, start_ns)

    # The branch begins at 40, before its call returned at 50: so does the launch of the graph.
    assert moved_ns.tolist() == [40, 40, 50, 70, 50, 40]
    assert LAUNCH_NS.tolist() == [50, 50, 50, 70, 50, 50]


def test_launches_in_time_stay() -> None:
    start_ns = np.array([50, 60, 50, 70, 10, 51])

    assert first_start(THREAD, LAUNCH_NS, start_ns).tolist() == LAUNCH_NS.tolist()
