"""Where transformer blocks begin and end, on sequences drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.structure.drawn import lane_of
from traceenergy.structure.blocks import find_blocks

LAYER = "norm gemm rope attn gemm norm gemm silu gemm"
FUSED = "gemm rope attn gemm arnorm gemm silu gemm arnorm"
EXPERTS = "norm gemm rope attn gemm norm gemm topk gemm gemm fin"


def borders(text: str) -> list[tuple[int, int]]:
    blocks = find_blocks(lane_of(text))
    assert blocks is not None
    return list(zip(blocks.begin.tolist(), blocks.end.tolist(), strict=True))


def test_a_layer_begins_with_its_norm() -> None:
    assert borders(f"emb {LAYER} {LAYER} {LAYER} norm gemm sample") == [(1, 10), (10, 19), (19, 28)]


def test_a_norm_fused_into_the_collective_ends_the_layer() -> None:
    found = borders(f"emb norm {FUSED} {FUSED} {FUSED} gemm sample")
    assert found == [(1, 11), (11, 20), (20, 29)]


def test_dense_layers_stand_before_layers_of_experts() -> None:
    found = borders(f"emb {LAYER} {EXPERTS} {EXPERTS} norm gemm sample")
    assert found == [(1, 10), (10, 21), (21, 32)]


def test_of_two_norms_in_a_row_the_first_ends_the_layer() -> None:
    layer = "norm gemm attn gemm norm norm gemm silu gemm norm"
    assert borders(f"emb {layer} {layer} {layer} norm gemm sample")[:2] == [(1, 11), (11, 21)]


def test_without_norms_a_layer_ends_after_its_collective() -> None:
    layer = "gemm attn gemm ar gemm silu gemm ar"
    assert borders(f"emb {layer} {layer} {layer}")[:2] == [(1, 9), (9, 17)]


def test_feed_forward_without_a_name_stands_between_norms() -> None:
    layer = "norm gemm attn gemm norm gemm gemm"
    found = borders(f"emb {layer} {layer} {layer} norm gemm sample")
    assert found == [(1, 8), (8, 15), (15, 22)]


def test_attention_of_single_kernels_is_a_softmax_between_products() -> None:
    layer = "norm gemm gemm add soft gemm gemm norm gemm silu gemm"
    found = borders(f"emb {layer} {layer} {layer} norm gemm sample")
    assert found == [(1, 12), (12, 23), (23, 34)]


def test_norms_of_single_kernels_are_reductions() -> None:
    layer = "mean add gemm attn gemm mean add gemm gemm"
    assert borders(f"{layer} {layer} {layer} mean add gemm")[:2] == [(0, 9), (9, 18)]


def test_passes_are_split_where_the_model_ends() -> None:
    once = f"emb {LAYER} {LAYER} norm gemm sample"
    blocks = find_blocks(lane_of(f"{once} {once}"))
    assert blocks is not None
    assert blocks.stack.tolist() == [0, 0, 1, 1]


def test_passes_without_named_ends_are_split_at_the_long_gap() -> None:
    stack = " ".join([LAYER] * 5)
    blocks = find_blocks(lane_of(" ".join([f"{stack} norm gemm add add add add add"] * 3)))
    assert blocks is not None
    assert np.bincount(blocks.stack).tolist() == [5, 5, 5]


def stacks(text: str, *pause_before: int) -> list[int]:
    blocks = find_blocks(lane_of(text, pause_before=pause_before))
    assert blocks is not None
    return np.bincount(blocks.stack).tolist()


def test_passes_of_a_pipeline_stage_are_split_at_its_pauses() -> None:
    stage = f"ar {' '.join([LAYER] * 5)} ar"
    n = len(stage.split())
    assert stacks(" ".join([stage] * 4), n, 2 * n, 3 * n) == [5, 5, 5, 5]


def test_pauses_that_come_now_and_then_split_nothing() -> None:
    n = len(LAYER.split())
    assert stacks(" ".join([LAYER] * 20), 3 * n, 8 * n, 15 * n) == [20]


def test_a_feed_forward_part_ends_with_its_pass() -> None:
    # Three layers of a kind without a name before each layer with attention.
    hybrid = f"{'norm gemm conv gemm norm gemm silu gemm ' * 3} {LAYER}"
    once = f"emb {' '.join([hybrid] * 5)} norm gemm sample"
    assert stacks(" ".join([once] * 3)) == [5, 5, 5]


def test_linear_attention_makes_a_layer_as_other_attention_does() -> None:
    linear = LAYER.replace("attn", "lin lin")
    once = f"emb {' '.join([linear, linear, linear, LAYER] * 2)} norm gemm sample"
    assert stacks(f"{once} {once}") == [8, 8]


def test_attention_without_anything_named_between_is_no_layer() -> None:
    once = f"emb {'un un attn un un un ' * 8} norm gemm sample"
    assert find_blocks(lane_of(" ".join([once] * 6))) is None


@pytest.mark.parametrize(
    "text",
    [
        "conv add norm " * 20,
        "gemm silu gemm " * 20,
        "attn " * 20,
        "copy add copy add " * 20,
        LAYER,
        "gemm",
    ],
)
def test_what_takes_no_turns_has_no_blocks(text: str) -> None:
    assert find_blocks(lane_of(text)) is None


@given(
    st.lists(st.sampled_from(["gemm", "add", "copy"]), max_size=4),
    st.integers(2, 12),
)
def test_kernels_without_a_meaning_change_no_count(inserted: list[str], n_layers: int) -> None:
    layer = f"norm gemm attn {' '.join(inserted)} gemm norm gemm silu gemm"
    lane = lane_of(f"emb {' '.join([layer] * n_layers)} norm gemm sample")
    blocks = find_blocks(lane)
    assert blocks is not None
    assert len(blocks.begin) == n_layers
    assert (blocks.end[:-1] == blocks.begin[1:]).all()
    assert len(np.unique(blocks.end - blocks.begin)) == 1


@pytest.mark.parametrize(
    "iteration",
    [
        "copy gemm silu gemm soft",
        "copy gemm silu gemm silu gemm silu gemm soft copy mean",
        "conv norm conv norm conv norm gemm soft mean gemm gemm gemm gemm",
        "gemm silu gemm soft",
    ],
)
def test_the_softmax_of_a_classifier_is_no_attention(iteration: str) -> None:
    assert find_blocks(lane_of(" ".join([iteration] * 20))) is None
