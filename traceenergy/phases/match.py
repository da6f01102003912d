"""Which of many regular expressions a text matches first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_MATCH = -1
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

    Notes
    -----
    One pass finds the texts that match at all; then the patterns are halved until one is left,
    so that a text is scanned about log2(n_patterns) times, not n_patterns times.
    """
    found = np.full(len(texts), NO_MATCH, dtype=np.int64)
    rows = np.flatnonzero(matches_any(texts, patterns))
    if len(rows):
        _descend(texts.gather(rows), rows, patterns, 0, found)
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
