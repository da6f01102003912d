"""Steps of programs that are no transformer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.structure.drawn import lane_of
from traceenergy.structure.repeats import repeated_steps


def steps_of(words: str, *, pause_before: tuple[int, ...] = ()) -> list[int]:
    lane = lane_of(" ".join(["add"] * len(words)), pause_before=pause_before)
    lane = replace(lane, name=np.array([ord(word) for word in words], dtype=np.uint32))
    return repeated_steps(lane).tolist()


def test_a_loop_begins_after_its_pause() -> None:
    body = "abbbcbbbdb"
    assert steps_of(body * 4, pause_before=(10, 20, 30)) == [0, 10, 20, 30, 40]
    assert steps_of("bb" + body * 4, pause_before=(2, 12, 22, 32)) == [2, 12, 22, 32, 42]


def test_what_stands_between_turns_does_not_end_the_loop() -> None:
    body = "abbbcbbbdb"
    assert steps_of(body * 10 + "xyz" + body * 10)[-3:] == [183, 193, 203]


@pytest.mark.parametrize("words", ["ab" * 40, "a" * 50, "abcdefghij", "abcdefghij" * 2, "a"])
def test_short_loops_and_few_turns_are_no_steps(words: str) -> None:
    assert steps_of(words) == []


def test_without_repetition_there_are_no_steps() -> None:
    rng = np.random.default_rng(0)
    words = "".join(chr(97 + k) for k in rng.integers(0, 20, 400))
    assert steps_of(words) == []
