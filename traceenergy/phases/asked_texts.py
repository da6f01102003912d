"""Distinct texts with the answers to what was asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import number_codes
from traceenergy.phases.match import NO_MATCH, first_match, matches_any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_LARGEST_LAYER = 2**31 - 1


class AskedTexts:
    """Distinct texts, of which each question is asked once.

    Parameters
    ----------
    texts : polars.Series of String (n,)
        Without nulls.
    """

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts
        self._answers: dict[tuple[str, tuple[str, ...]], Int] = {}

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.texts)

    def matches_any(self, patterns: Sequence[str]) -> Bool:
        """Tell which texts match at least one pattern, ``(n,)``."""
        return self._ask("any", patterns, lambda: matches_any(self.texts, patterns)) > 0

    def first_match(self, patterns: Sequence[str]) -> Int:
        """Find for each text the first pattern that it matches, ``(n,)``; -1 for none."""
        return self._ask("first", patterns, lambda: first_match(self.texts, patterns))

    def layers(self, patterns: Sequence[str]) -> Int:
        """Read the group `layer` of the first pattern that each text matches; -1 for none."""
        return self._ask("layer", patterns, lambda: _layers(self.texts, patterns))

    def _ask(self, kind: str, patterns: Sequence[str], answer: Callable[[], Int | Bool]) -> Int:
        question = kind, tuple(patterns)
        if question not in self._answers:
            self._answers[question] = answer().astype(np.int64)
        return self._answers[question]

    def kinds(self) -> tuple[Int, int]:
        """Give texts with the same answers to all questions the same number.

        Returns
        -------
        kind : ndarray of int64 (n,)
        n_kinds : int
        """
        kind, n_kinds = np.zeros(len(self), dtype=np.int64), 1
        for answer in self._answers.values():
            n_answers = int(answer.max(initial=NO_MATCH)) + 2
            there, kind = number_codes(kind * n_answers + answer + 1, n_kinds * n_answers)
            n_kinds = len(there)
        return kind, n_kinds


def _layers(texts: pl.Series, patterns: Sequence[str]) -> Int:
    layer = pl.Series("layer", [None] * len(texts), dtype=pl.Int64)
    for pattern in patterns:
        found = texts.str.extract_groups(pattern).struct.field("layer")
        number = found.cast(pl.Int64, strict=False)
        layer = layer.zip_with(layer.is_not_null(), number)
    numbers = layer.fill_null(NO_MATCH).to_numpy()
    return np.where(numbers > _LARGEST_LAYER, NO_MATCH, numbers)
