"""First of many regular expressions."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from traceenergy.phases.match import (
    first_by_groups,
    first_match,
    matches_any,
    matches_each,
    without_numbering,
)


def test_the_first_pattern_counts() -> None:
    texts = pl.Series(["ab", "b", "c", ""])

    assert first_match(texts, ["b", "a", "ab"]).tolist() == [0, 0, -1, -1]
    assert first_match(texts, ["a", "b"]).tolist() == [0, 1, -1, -1]
    assert first_match(texts, []).tolist() == [-1, -1, -1, -1]


def test_flags_stay_with_their_pattern() -> None:
    assert first_match(pl.Series(["AB", "CD"]), ["(?i)ab", "cd"]).tolist() == [0, -1]


def test_patterns_too_large_to_join_still_work() -> None:
    # Each compiles alone; all together exceed the engine's size limit.
    patterns = [rf"name{i} .*\w{{40}}\d+" for i in range(60)]
    text = "name59 " + "x" * 40 + "7"

    assert matches_any(pl.Series([text, "name59"]), patterns).tolist() == [True, False]
    assert first_match(pl.Series([text, "name59"]), patterns).tolist() == [59, -1]
    assert first_by_groups(pl.Series([text, "name59"]), patterns).tolist() == [59, -1]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text("abc", max_size=4), min_size=1, max_size=8, unique=True),
    st.lists(st.text("abc", min_size=1, max_size=2), max_size=30),
)
def test_as_if_tried_one_by_one(texts: list[str], patterns: list[str]) -> None:
    expected = [next((i for i, p in enumerate(patterns) if p in text), -1) for text in texts]

    assert first_match(pl.Series(texts), patterns).tolist() == expected
    assert first_by_groups(pl.Series(texts), patterns).tolist() == expected


def test_numbering_of_pytorch_is_cut() -> None:
    texts = pl.Series(["aten::mm, seq = 17", "aten::mm, op_id = 3", "a, b", "step, seq 4"])

    assert without_numbering(texts).to_list() == ["aten::mm", "aten::mm", "a, b", "step, seq 4"]


def test_each_pattern_has_a_row_of_its_hits() -> None:
    texts = pl.Series(["ab", "b", ""])

    assert matches_each(texts, ["b", "^a"]).tolist() == [[True, True, False], [True, False, False]]
    assert matches_each(texts, []).shape == (0, 3)
    assert matches_each(texts.head(0), ["b"]).shape == (1, 0)


def test_of_many_texts_all_find_their_pattern() -> None:
    """Many patterns joined in one were a hundred times slower on them."""
    texts = pl.Series([f"step {i}, {'xyz'[i % 3]}" for i in range(6_000)])
    patterns = [*(f"none{i}" for i in range(20)), "y$", "x$"]

    found = first_match(texts, patterns)

    assert [*found[:4], len(found)] == [21, 20, -1, 21, 6_000]
