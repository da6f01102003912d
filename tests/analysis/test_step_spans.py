"""First start, last end of groups of work: as looking at each piece gives them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.analysis.step_spans import extents

PIECE = st.tuples(st.integers(-1, 3), st.integers(-20, 20), st.integers(0, 9))


@given(st.lists(PIECE))
def test_extents_are_those_of_each_piece(pieces: list[tuple[int, int, int]]) -> None:
    group, start_ns, length_ns = (
        np.array([piece[at] for piece in pieces], dtype=np.int64) for at in range(3)
    )
    first_ns, last_ns = extents(group, 4, start_ns, start_ns + length_ns)
    for one in range(4):
        mine = [(start, start + length) for at, start, length in pieces if at == one]
        none = np.iinfo(np.int64)
        assert first_ns[one] == min((start for start, _ in mine), default=none.max)
        assert last_ns[one] == max((end for _, end in mine), default=none.min)
