"""Texts that no question tells apart are of one kind, whatever else they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.phases import asked_texts
from traceenergy.phases.asked_texts import AskedTexts

if TYPE_CHECKING:
    import pytest

LAYERS = [r"layer (?P<layer>\d+)"]


def kinds(texts: list[str], *patterns: str) -> list[int]:
    asked = AskedTexts(pl.Series(texts))
    for pattern in patterns:
        asked.matches_any([pattern])
    asked.layers(LAYERS)
    return [int(kind) for kind in asked.kinds()[0]]


def test_texts_with_equal_answers_are_of_one_kind() -> None:
    texts = ["step 1", "layer 3", "step 2", "layer 4 mlp", "mlp of layer 4"]
    assert kinds(texts, "mlp") == [0, 1, 0, 2, 2]
    assert kinds(texts, "mlp", "^mlp") == [0, 1, 0, 2, 3]


def test_the_first_match_tells_texts_apart() -> None:
    asked = AskedTexts(pl.Series(["ab", "b", "a", "c"]))
    asked.first_match(["a", "b"])
    kind, n_kinds = asked.kinds()
    assert kind.tolist() == [1, 2, 1, 0]
    assert n_kinds == 3


def test_a_layer_beyond_all_numbers_is_none() -> None:
    asked = AskedTexts(pl.Series([f"layer {2**31}", f"layer {2**31 - 1}", "layer"]))
    assert asked.layers(LAYERS).tolist() == [-1, 2**31 - 1, -1]


def test_a_question_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = AskedTexts(pl.Series(["a", "b"]))
    first = asked.matches_any(["a"]).tolist()
    monkeypatch.setattr(asked_texts, "matches_any", None)
    assert asked.matches_any(["a"]).tolist() == first == [True, False]
