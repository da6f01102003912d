"""Alignment of kernel sequences, on words drawn by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.structure.align import Sequence, align, table_size


def sequence(text: str) -> Sequence:
    """Read words: upper case is a product, a digit behind the name tells variants of a family."""
    words = text.split()
    return Sequence(
        np.array([hash(word) % 10**9 for word in words], dtype=np.int64),
        np.array([hash(word.rstrip("0123456789")) % 10**9 for word in words], dtype=np.int64),
        np.array([word[0].isupper() for word in words], dtype=bool),
    )


def aligned(target: str, reference: str) -> list[int]:
    return align(sequence(target), sequence(reference)).tolist()


def test_equal_sequences_match_one_to_one() -> None:
    assert aligned("norm A1 attn B1", "norm A1 attn B1") == [0, 1, 2, 3]


def test_an_extra_kernel_has_no_match() -> None:
    assert aligned("norm copy attn", "norm attn") == [0, -1, 1]


def test_a_missing_kernel_is_stepped_over() -> None:
    assert aligned("norm attn", "norm add attn") == [0, 2]


def test_variants_of_one_family_match() -> None:
    assert aligned("norm tile64 attn", "norm tile128 attn") == [0, 1, 2]


def test_products_of_any_name_match() -> None:
    assert aligned("norm Gemm attn", "norm Jet attn") == [0, 1, 2]


def test_an_equal_name_is_worth_more_than_an_alike_one() -> None:
    assert aligned("A B", "B C") == [-1, 0] or aligned("A B", "B C") == [0, 1]
    assert aligned("norm A attn", "norm B A attn") == [0, 2, 3]


def test_kernels_that_share_nothing_match_nothing() -> None:
    assert aligned("a b c", "x y z") == [-1, -1, -1]


def test_equal_ends_need_no_table() -> None:
    one, other = sequence("norm A1 x attn B1"), sequence("norm A1 y z attn B1")
    assert table_size(one, other) == 2
    assert table_size(one, one) == 0
    assert align(one, other).tolist() == [0, 1, -1, 4, 5]


def test_equal_sequences_of_any_length_match() -> None:
    long = sequence(" ".join(["norm", "A1"] * 200_000))
    assert (align(long, long) == np.arange(400_000)).all()


words = st.lists(st.sampled_from(["norm", "attn1", "attn2", "A1", "B1", "add"]), max_size=12)


@given(words, words)
def test_matches_rise_and_are_the_most_by_brute_force(one: list[str], other: list[str]) -> None:
    target, reference = sequence(" ".join(one)), sequence(" ".join(other))
    found = align(target, reference)
    matched = found[found >= 0]
    assert (np.diff(matched) > 0).all()
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    for i in range(len(one)):
        for j in range(len(other)):
            table[i + 1, j + 1] = max(
                table[i, j + 1], table[i + 1, j], table[i, j] + worth(target, i, reference, j)
            )
    total = sum(worth(target, i, reference, j) for i, j in enumerate(found.tolist()) if j >= 0)
    assert total == table[-1, -1]


def worth(target: Sequence, i: int, reference: Sequence, j: int) -> int:
    if target.name[i] == reference.name[j]:
        return 4
    if target.family[i] == reference.family[j]:
        return 3
    return int(target.is_product[i] and reference.is_product[j])
