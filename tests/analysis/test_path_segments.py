"""Few stretches of many, against counting each moment."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.analysis.path_segments import few_stretches

PARTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=25)


@given(PARTS, st.integers(1, 8))
def test_each_stretch_shows_who_holds_most_of_it_of_several_the_first(
    parts: list[tuple[int, int]], most: int
) -> None:
    holder, length_ns = np.array(parts, dtype=np.int64).T
    edge_ns = np.append(0, np.cumsum(length_ns)) + 7
    edges, holders = few_stretches(edge_ns, holder, most)

    moments = np.repeat(holder, length_ns).tolist()
    n_turns = 1 + int((holder[1:] != holder[:-1]).sum())
    if n_turns <= most:
        shown = moments
    else:
        grid = np.unique(np.linspace(0, len(moments), most + 1).astype(np.int64)).tolist()
        shown = []
        for low, high in pairwise(grid):
            inside = moments[low:high]
            shown += [max(dict.fromkeys(inside), key=inside.count)] * (high - low)
    assert (edges[0], edges[-1]) == (7, 7 + len(moments))
    assert np.repeat(holders, np.diff(edges)).tolist() == shown
    assert (holders[1:] != holders[:-1]).all()
