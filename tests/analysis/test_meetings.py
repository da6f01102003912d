"""Unions from pairs of pieces, against counting each moment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.analysis.meetings import find_meetings
from traceenergy.analysis.pieces import Pieces

WORK = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40), st.integers(0, 9)), max_size=14)


def pieces_of(work: list[tuple[int, int, int]]) -> Pieces:
    device, start, length = np.array(work, dtype=np.int64).reshape(-1, 3).T
    return Pieces(np.arange(len(work)), device, start, start + length)


def moments(pieces: Pieces, one: int) -> set[tuple[int, int]]:
    begin, end = int(pieces.start_ns[one]), int(pieces.end_ns[one])
    return {(int(pieces.device[one]), moment) for moment in range(begin, end)}


@given(WORK, st.data())
def test_lengths_less_what_pairs_share_are_the_union(
    work: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    pieces = pieces_of(work)
    met = find_meetings(pieces)
    crowd = set(met.crowd.row.tolist())
    group = [one for one in range(len(work)) if data.draw(st.booleans()) and one not in crowd]

    union = set().union(*(moments(pieces, one) for one in group))
    both = np.isin(met.one, group) & np.isin(met.other, group)
    lengths = sum(work[one][2] for one in group)
    assert lengths - met.both_ns[both].sum() == len(union)


@given(WORK)
def test_a_crowd_is_what_hangs_together_with_three_at_one_time(
    work: list[tuple[int, int, int]],
) -> None:
    pieces = pieces_of(work)
    met = find_meetings(pieces)
    crowd = set(met.crowd.row.tolist())

    runs = [moments(pieces, one) for one in range(len(work))]
    for moment in set().union(*runs):
        together = {one for one, run in enumerate(runs) if moment in run}
        assert len(together) < 3 or together <= crowd
        assert together <= crowd or not together & crowd
    assert (met.both_ns > 0).all()
    assert met.crowd.end_ns.tolist() == [work[one][1] + work[one][2] for one in sorted(crowd)]


def test_two_streams_are_pairs_and_no_crowd() -> None:
    met = find_meetings(pieces_of([(0, 0, 6), (0, 3, 6), (0, 8, 4), (0, 20, 2)]))

    assert list(zip(met.one.tolist(), met.other.tolist(), met.both_ns.tolist(), strict=True)) == [
        (0, 1, 3),
        (1, 2, 1),
    ]
    assert not len(met.crowd.row)
