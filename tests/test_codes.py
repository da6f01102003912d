"""Numbers of codes and of combinations of columns: as sorting all of them would give."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.codes import (
    codes_of,
    first_places,
    joined_key,
    number_codes,
    order_of,
    places_in,
)

WIDE = 2**61  # too far apart for a table


@given(st.lists(st.integers(0, 9)), st.sampled_from([10, WIDE]))
def test_numbers_are_those_of_sorting(codes: list[int], limit: int) -> None:
    code = np.array(codes, dtype=np.int64)
    there, number = number_codes(code, limit)
    assert there.tolist() == sorted(set(codes))
    assert there[number].tolist() == codes


@given(st.lists(st.integers(0, 5), min_size=1))
def test_first_places_are_those_of_a_list(codes: list[int]) -> None:
    there, number = number_codes(np.array(codes), 6)
    assert first_places(number, len(there)).tolist() == [codes.index(code) for code in there]


def test_first_places_far_behind_the_first_look() -> None:
    number = np.repeat([1, 0, 2, 1], [40_000, 1, 300_000, 5])
    assert first_places(number, 3).tolist() == [40_000, 0, 40_001]


_INTEGERS = st.one_of(st.none(), st.sampled_from([-(2**63), -3, 0, 1, 2**40, 2**63 - 1]))
_ROWS = st.lists(st.tuples(_INTEGERS, st.sampled_from([None, "a", "b"]), st.sampled_from("xyz")))


@given(_ROWS, st.permutations(["number", "text", "kind"]))
def test_groups_are_numbered_in_order_of_appearance(
    rows: list[tuple[int | None, str | None, str]], columns: list[str]
) -> None:
    schema: dict[str, pl.DataType] = {
        "number": pl.Int64(),
        "text": pl.String(),
        "kind": pl.Enum(["z", "y", "x"]),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    group, keys = codes_of(frame, columns)

    combinations = frame.select(columns).rows()
    expected = list(dict.fromkeys(combinations))
    assert keys.rows() == expected
    assert keys.schema == frame.select(columns).schema
    assert [expected[one] for one in group] == combinations


@pytest.mark.parametrize("dtype", [pl.Int32, pl.UInt32, pl.UInt8])
def test_groups_of_narrow_integers(dtype: type[pl.DataType]) -> None:
    frame = pl.DataFrame(
        {"a": [200, None, 7, 200], "b": [1, 1, 1, 2]}, schema={"a": dtype, "b": dtype}
    )
    group, keys = codes_of(frame, ["a", "b"])
    assert group.tolist() == [0, 1, 2, 3]
    assert keys.equals(frame)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))))
def test_the_order_of_keys_is_that_of_a_stable_sort(pairs: list[tuple[int, int]]) -> None:
    code, time_ns = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (0, 1))
    order = order_of(code, joined_key(code, time_ns, 9))
    assert order.tolist() == sorted(range(len(pairs)), key=pairs.__getitem__)


@given(st.lists(st.integers(-40, 40)), st.lists(st.integers(-50, 50)))
def test_places_are_those_of_a_search(ordered: list[int], asked: list[int]) -> None:
    line, values = np.array(sorted(ordered), dtype=np.int64), np.array(asked, dtype=np.int64)
    assert places_in(line, values).tolist() == np.searchsorted(line, values).tolist()


@pytest.mark.parametrize("n_rare", [0, 1, 40_000])
def test_few_codes_far_apart_are_numbered_though_a_first_look_misses_some(n_rare: int) -> None:
    code = np.tile(np.array([WIDE, 5, WIDE // 3]), 40_000)
    code[1 : 1 + n_rare] = np.arange(n_rare) * 7 + 11
    there, number = number_codes(code, WIDE + 1)
    expected, places = np.unique(code, return_inverse=True)
    assert there.tolist() == expected.tolist()
    assert number.tolist() == places.tolist()
