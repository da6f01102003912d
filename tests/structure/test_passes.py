"""Layer numbers and steps, on sequences drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.structure.drawn import lane_of
from traceenergy.structure.blocks import find_blocks
from traceenergy.structure.graphs import graph_passes
from traceenergy.structure.passes import cut_steps, extent, number_layers

LAYER = "norm gemm attn gemm norm gemm silu gemm"
STACK = " ".join([LAYER] * 4)
STEP = f"copy emb {STACK} norm gemm sample"


def numbers(text: str) -> tuple[list[int], list[int], float]:
    blocks = find_blocks(lane_of(text))
    assert blocks is not None
    passes = number_layers(blocks)
    assert passes is not None
    return passes.layer.tolist(), passes.number.tolist(), passes.fit_share


def test_layers_are_numbered_anew_in_each_pass() -> None:
    layer, number, share = numbers(f"{STEP} {STEP}")
    assert layer == [0, 1, 2, 3] * 2
    assert number == [0] * 4 + [1] * 4
    assert share == 1


def test_a_layer_behind_the_head_goes_on_counting() -> None:
    once = f"{STEP} emb gemm {LAYER} norm gemm sample"
    layer, number, _ = numbers(" ".join([once] * 3))
    assert layer == [0, 1, 2, 3, 4] * 3
    assert number == [0] * 5 + [1] * 5 + [2] * 5


def test_a_recording_may_begin_within_a_pass() -> None:
    layer, number, _ = numbers(f"{LAYER} {LAYER} {LAYER} norm gemm sample {STEP} {STEP}")
    assert layer == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]
    assert number[:3] == [0] * 3


def test_a_recording_may_end_within_a_pass() -> None:
    layer, number, _ = numbers(f"{STEP} {STEP} copy emb {LAYER} {LAYER}")
    assert layer[-2:] == [0, 1]
    assert number[-1] == 2


def test_a_pass_of_an_odd_length_has_no_numbers() -> None:
    odd = f"copy emb {' '.join([LAYER] * 3)} norm gemm sample"
    layer, _, share = numbers(f"{STEP} {STEP} {odd} {STEP}")
    assert layer == [0, 1, 2, 3, 0, 1, 2, 3, -1, -1, -1, 0, 1, 2, 3]
    assert share == pytest.approx(12 / 15)


def numbers_in_steps(*steps: str) -> list[int]:
    lane = lane_of(" ".join(steps))
    step = np.repeat(np.arange(len(steps)), [len(step.split()) for step in steps])
    blocks = find_blocks(replace(lane, step=step))
    assert blocks is not None
    passes = number_layers(blocks)
    assert passes is not None
    return passes.layer.tolist()


@pytest.mark.parametrize("n_passes", [(2, 2), (1, 2, 3), (3,)])
def test_layers_are_numbered_anew_in_each_pass_of_a_marked_step(n_passes: tuple[int, ...]) -> None:
    found = numbers_in_steps(*(" ".join([STEP] * n) for n in n_passes))
    assert found == [0, 1, 2, 3] * sum(n_passes)


def test_a_layer_behind_the_head_of_a_marked_step_goes_on_counting() -> None:
    step = f"{STEP} emb gemm {LAYER} norm gemm sample"
    assert numbers_in_steps(step, step) == [0, 1, 2, 3, 4] * 2


def test_layers_of_a_draft_model_before_the_model_count_behind_it() -> None:
    draft = f"emb {LAYER} norm gemm sample"
    found = numbers_in_steps(*[f"{draft} {draft} {STEP}"] * 3)
    assert found == [4, 5, 0, 1, 2, 3] * 3


def test_a_decoder_goes_on_counting_behind_its_encoder_in_a_marked_step() -> None:
    cross = "norm gemm attn gemm norm gemm attn gemm norm gemm silu gemm"
    step = f"emb {STACK} emb {' '.join([cross] * 4)} norm gemm sample"
    assert numbers_in_steps(step, step) == list(range(8)) * 2
    assert numbers_in_steps(f"{step} {step}") == list(range(8)) * 2


def test_three_blocks_are_no_model() -> None:
    few = f"emb {' '.join([LAYER] * 3)} norm gemm sample"
    blocks = find_blocks(lane_of(f"{few} {few}"))
    assert blocks is not None
    assert number_layers(blocks) is None


def edges(text: str, **drawn: object) -> list[int]:
    lane = lane_of(text, **drawn)
    blocks = find_blocks(lane)
    assert blocks is not None
    passes = number_layers(blocks)
    assert passes is not None
    return cut_steps(lane, *extent(blocks, passes)).tolist()


def test_a_step_begins_after_the_pause_between_output_and_input() -> None:
    n = len(STEP.split())
    assert edges(f"{STEP} {STEP} {STEP}", pause_before=(n, 2 * n)) == [0, n, 2 * n, 3 * n]


def test_a_pause_within_the_model_begins_no_step() -> None:
    n = len(STEP.split())
    assert edges(f"{STEP} {STEP}", pause_before=(5, n, n + 8)) == [0, n, 2 * n]


def test_what_stands_long_before_the_first_step_belongs_to_none() -> None:
    n = len(STEP.split())
    text = f"{'copy ' * 50} {STEP} {STEP} {'add ' * 30}"
    found = edges(text, pause_before=(50, 50 + n, 50 + 2 * n))
    assert found == [50, 50 + n, 50 + 2 * n]


def test_one_pass_alone_is_no_step() -> None:
    assert edges(STEP) == []


def test_each_launch_of_a_whole_graph_is_a_pass() -> None:
    first, after = graph_passes(lane_of("copy graph:1 add copy graph:2 add copy graph:1 add"))
    assert first.tolist() == [1, 4, 7]
    assert after.tolist() == [2, 5, 8]


def test_a_model_captured_in_pieces_is_one_pass_per_turn() -> None:
    first, after = graph_passes(lane_of("graph:1 attn graph:2 attn graph:3 sample " * 4))
    assert first.tolist() == [0, 6, 12, 18]
    assert after.tolist() == [5, 11, 17, 23]


def test_a_model_captured_in_pieces_for_each_batch_size_is_one_pass_per_turn() -> None:
    rng = np.random.default_rng(0)
    turn = "graph:{0}1 attn graph:{0}2 attn graph:{0}3 sample "
    lane = lane_of("".join(turn.format(size) for size in rng.choice([1, 2, 3], 40)))
    first, after = graph_passes(lane)
    assert first.tolist() == list(range(0, 240, 6))
    assert (after == first + 5).all()


def test_a_draft_model_and_the_model_behind_it_are_one_pass() -> None:
    first, after = graph_passes(lane_of("graph:1 graph:1 graph:1 graph:2 sample " * 5))
    assert first.tolist() == [0, 5, 10, 15, 20]
    assert after.tolist() == [4, 9, 14, 19, 24]


def test_whole_graphs_of_several_batch_sizes_are_a_pass_each() -> None:
    rng = np.random.default_rng(0)
    lane = lane_of(" ".join(f"copy graph:{size} sample" for size in rng.choice([1, 2, 4], 60)))
    assert graph_passes(lane)[0].tolist() == list(range(1, 180, 3))


def test_without_graphs_there_are_no_graph_passes() -> None:
    assert not len(graph_passes(lane_of("gemm add"))[0])
