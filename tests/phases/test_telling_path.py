"""Which path classifies work that was captured in one place and launched in another."""

from __future__ import annotations

import polars as pl
import pytest

from tests.phases.naming import Launched, tables_of
from traceenergy.phases.rules import read_rules
from traceenergy.phases.telling_path import telling_path

STEP, LAYERLESS, MOE = ("forward step 3",), ("warm up", "lm_head"), ("warm up", "moe")
LAYER, LAYER_MLP = ("warm up", "layer_4"), ("warm up", "layer_4", "mlp")
BARE = ("warm up",)


def told(launch: tuple[str, ...], capture: tuple[str, ...]) -> str | None:
    """Path that one piece of work is judged by."""
    _, path_id, paths, names = tables_of([Launched("k", launch), Launched("k", capture)])
    chosen = telling_path(path_id[:1], path_id[1:], paths, names, read_rules())
    return paths["path"].gather(chosen).to_list()[0]


@pytest.mark.parametrize("capture", [LAYER, LAYER_MLP, LAYERLESS, MOE, BARE])
def test_the_path_at_capture_tells_more_than_a_step(capture: tuple[str, ...]) -> None:
    assert told(STEP, capture) == "/".join(capture)


@pytest.mark.parametrize("capture", [BARE, MOE])
def test_a_launch_that_alone_names_a_layer_is_asked(capture: tuple[str, ...]) -> None:
    assert told(LAYER, capture) == "warm up/layer_4"


def test_a_launch_that_alone_names_a_phase_is_asked_where_neither_names_a_layer() -> None:
    assert told(LAYERLESS, BARE) == "warm up/lm_head"
    assert told(LAYERLESS, LAYER) == "warm up/layer_4"


@pytest.mark.parametrize("path", [(), STEP, LAYER])
def test_outside_every_range_at_capture_the_launch_is_asked(path: tuple[str, ...]) -> None:
    assert told(path, ()) == ("/".join(path) or None)


def test_outside_every_range_at_launch_the_capture_is_asked() -> None:
    assert told((), LAYER) == "warm up/layer_4"


def test_each_piece_of_work_is_judged_for_itself() -> None:
    launched = [Launched("k", path) for path in (STEP, STEP, LAYER, (), LAYER, BARE)]
    _, path_id, paths, names = tables_of(launched)
    launch, capture = path_id[:3], path_id[3:]

    chosen = telling_path(launch, capture, paths, names, read_rules())

    assert chosen.dtype == pl.UInt32
    assert paths["path"].gather(chosen).to_list() == [STEP[0], "warm up/layer_4", "warm up/layer_4"]
