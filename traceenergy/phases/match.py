"""Which of many regular expressions a text matches first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_MATCH = -1
# To compile an expression takes longer than to search hundreds of texts for it. Patterns are joined
# by so many that a group that matches nothing is compiled once, and one that does, once more.
_GROUP = 8
_FEW_PAIRS = 100_000  # of text with pattern: all of them are searched in less than 20 ms
# PyTorch numbers the operators it marks (`aten::mm, seq = 17`, `aten::mm, op_id = 314359`), which
# makes nearly every text unique. Rules see the text without that tail.
NUMBERING = r", (?:seq|op_id|seq_id|scope|sizes|input_op_ids) = .*$"


def without_numbering(texts: pl.Series) -> pl.Series:
    """Cut the numbering that PyTorch appends to the text of its ranges.

    Parameters
    ----------
    texts : polars.Series of String

    Returns
    -------
    polars.Series of String
    """
    return texts.str.replace(NUMBERING, "")


def matches_any(texts: pl.Series, patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which texts match at least one pattern.

    Parameters
    ----------
    texts : polars.Series of String (n,)
        Without nulls.
    patterns : sequence of str
        Regular expressions in the dialect of polars, searched anywhere in the text.

    Returns
    -------
    ndarray of bool (n,)
    """
    if not patterns:
        return np.zeros(len(texts), dtype=bool)
    try:
        return texts.str.contains("|".join(f"(?:{p})" for p in patterns)).to_numpy()
    except pl.exceptions.ComputeError:
        # Together too large to compile; each alone was tried when the rules were read.
        if len(patterns) == 1:
            raise
        half = len(patterns) // 2
        return matches_any(texts, patterns[:half]) | matches_any(texts, patterns[half:])


def matches_each(texts: pl.Series, patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which texts match which pattern.

    Parameters
    ----------
    texts : polars.Series of String (n_texts,)
        Without nulls.
    patterns : sequence of str

    Returns
    -------
    ndarray of bool (n_patterns, n_texts)
    """
    if not patterns:
        return np.zeros((0, len(texts)), dtype=bool)
    asked = [pl.col("text").str.contains(p).alias(str(i)) for i, p in enumerate(patterns)]
    return np.stack([hit.to_numpy() for hit in texts.to_frame("text").select(asked)])


def first_of(hits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find for each text the first pattern that it matches.

    Parameters
    ----------
    hits : ndarray of bool (n_patterns, n_texts)
        As `matches_each` gives them.

    Returns
    -------
    ndarray of int64 (n_texts,)
        Index of the pattern, -1 for none.
    """
    if not len(hits):
        return np.full(hits.shape[1], NO_MATCH, dtype=np.int64)
    return np.where(hits.any(axis=0), hits.argmax(axis=0), NO_MATCH)


def first_match(texts: pl.Series, patterns: Sequence[str]) -> NDArray[np.int64]:
    """Find for each text the first pattern that it matches.

    Parameters
    ----------
    texts : polars.Series of String (n,)
        Without nulls; best distinct.
    patterns : sequence of str
        In order of precedence.

    Returns
    -------
    ndarray of int64 (n,)
        Index of the pattern, -1 for none.

    """
    if len(texts) * len(patterns) <= _FEW_PAIRS:
        return first_of(matches_each(texts, patterns))
    return first_by_groups(texts, patterns)


def first_by_groups(texts: pl.Series, patterns: Sequence[str]) -> NDArray[np.int64]:
    """Find what `first_match` does, in a time that grows slowly with the number of patterns.

    Patterns are joined in groups, tried in order on what no former group matched. A group that
    matches is halved until one pattern is left.
    """
    found = np.full(len(texts), NO_MATCH, dtype=np.int64)
    rows = np.arange(len(texts))
    for first in range(0, len(patterns), _GROUP):
        group = patterns[first : first + _GROUP]
        hit = matches_any(texts, group)
        if hit.any():
            _descend(texts.filter(pl.Series(hit)), rows[hit], group, first, found)
            texts, rows = texts.filter(pl.Series(~hit)), rows[~hit]
        if not len(rows):
            break
    return found


def _descend(
    texts: pl.Series,
    rows: NDArray[np.int64],
    patterns: Sequence[str],
    first: int,
    found: NDArray[np.int64],
) -> None:
    # Every text here matches at least one of the patterns.
    if len(patterns) == 1:
        found[rows] = first
        return
    half = len(patterns) // 2
    left = matches_any(texts, patterns[:half])
    for side, part, offset in ((left, patterns[:half], 0), (~left, patterns[half:], half)):
        if side.any():
            _descend(texts.filter(pl.Series(side)), rows[side], part, first + offset, found)
