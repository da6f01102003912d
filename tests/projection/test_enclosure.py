"""Searches over many intervals against a search one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.projection.enclosure import first_of_prefix, max_tree


@given(st.data())
def test_the_last_value_that_reaches_a_threshold_is_found(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(-5, 5), max_size=40))
    asked = data.draw(
        st.lists(st.tuples(st.integers(0, len(values)), st.integers(-6, 6)), max_size=20)
    )

    found = max_tree(np.array(values, dtype=np.int64)).last_at_least(
        np.array([before for before, _ in asked], dtype=np.int64),
        np.array([least for _, least in asked], dtype=np.int64),
    )

    assert found.tolist() == [
        max((i for i in range(before) if values[i] >= least), default=-1) for before, least in asked
    ]


@given(st.data())
def test_the_first_choice_of_a_prefix_that_reaches_far_enough_is_found(data: st.DataObject) -> None:
    ends = data.draw(st.lists(st.integers(0, 9), max_size=20))
    priority = data.draw(st.permutations(range(len(ends))))
    asked = data.draw(
        st.lists(st.tuples(st.integers(0, len(ends)), st.integers(0, 10)), max_size=20)
    )

    found = first_of_prefix(
        np.array(ends, dtype=np.int64),
        np.array(priority, dtype=np.int64),
        np.array([count for count, _ in asked], dtype=np.int64),
        np.array([least for _, least in asked], dtype=np.int64),
    )

    assert found.tolist() == [
        min((i for i in range(count) if ends[i] >= least), key=lambda i: priority[i], default=-1)
        for count, least in asked
    ]
