"""Rows by process and id, against a dictionary."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.projection.process_ids import look_up, number_processes

# Close together, as correlation ids are; so far apart that a table of all would be too large.
DENSE, SPARSE = st.integers(-3, 12), st.sampled_from([-(10**12), -1, 0, 1, 7, 10**9, 10**15])


def columns(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@pytest.mark.parametrize("ids", [DENSE, SPARSE], ids=["dense", "sparse"])
@given(data=st.data())
def test_the_first_row_of_a_process_with_an_id_is_found(
    ids: st.SearchStrategy[int], data: st.DataObject
) -> None:
    n_groups = data.draw(st.integers(1, 4))
    rows = data.draw(st.lists(st.tuples(st.integers(0, n_groups - 1), ids), max_size=20))
    rows = [*rows, (n_groups - 1, data.draw(ids))] if rows else rows
    wanted = data.draw(st.lists(st.tuples(st.integers(-1, n_groups - 1), ids), max_size=20))
    first: dict[tuple[int, int], int] = {}
    for number, row in enumerate(rows):
        first.setdefault(row, number)

    found = look_up(*columns(rows), *columns(wanted))

    assert found.tolist() == [first.get(want, -1) for want in wanted]


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([5, 6, 2**40])), max_size=12)


@given(PAIRS, PAIRS)
def test_a_process_has_one_number_in_both_tables(
    known: list[tuple[int, int]], asking: list[tuple[int, int]]
) -> None:
    frames = [
        pl.DataFrame(rows, schema={"rank": pl.Int32, "process_id": pl.Int64}, orient="row")
        for rows in (known, asking)
    ]

    of_known, of_asking = number_processes(*frames)

    number = dict(zip(known, of_known.tolist(), strict=True))
    assert sorted(number.values()) == list(range(len(set(known))))
    assert of_known.tolist() == [number[row] for row in known]
    assert of_asking.tolist() == [number.get(row, -1) for row in asking]
