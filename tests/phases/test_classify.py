"""Which rule wins, what layer it is, what it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.phases.naming import Launched, classify, subphase, subphases, tables_of
from traceenergy.phases.classify import classify_work
from traceenergy.phases.explain import EXPLAINED, explain
from traceenergy.phases.rules import RuleSet, read_rules
from traceenergy.trace.tables import check_table

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

HEAD = 'format_version = 1\nname = "mine"\n'
GEMM = "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_bias_TNN"
ALLREDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"


def rules_of(folder: Path, text: str) -> RuleSet:
    file = folder / "mine.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return read_rules([file])


def test_the_innermost_range_with_a_rule_wins() -> None:
    assert subphase(GEMM, "model.layers.3.self_attn", "aten::linear", "aten::mm") == "attention"
    assert subphase(GEMM, "model.layers.3.mlp", "down_proj") == "mlp.fc2"
    assert subphase(GEMM, "self_attn", "mlp") == "mlp"


def test_ranges_win_over_kernel_names() -> None:
    silu = "void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel, true>(T1*)"

    assert subphase(silu) == "mlp.activation"
    assert subphase(silu, "self_attn") == "attention"


def test_norms_and_quantization_are_themselves_inside_any_range() -> None:
    # As for collectives: a trace of CUDA graphs, which has no ranges, must say the same.
    assert subphase("void vllm::rms_norm_kernel<c10::BFloat16>()", "self_attn") == "norm.rms"
    assert subphase("void vllm::scaled_fp8_quant_kernel<c10::BFloat16>()", "moe") == "quantize"


def test_a_collective_is_one_inside_any_range() -> None:
    assert subphase(ALLREDUCE, "model.layers.3.self_attn") == "allreduce.nccl"
    assert subphase(ALLREDUCE, "model.layers.3.mlp.experts") == "allreduce.nccl"
    assert subphase("ncclDevKernel_SendRecv(x)", "mlp") == "collective.sendrecv"


def test_what_carries_experts_is_moe() -> None:
    send = "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)"
    layer = "megatron.core.transformer.moe.moe_layer.MoELayer.forward"

    assert subphase(send, layer, "token_dispatch") == "moe.dispatch"
    assert subphase(send, layer, "token_combine") == "moe.combine"
    assert subphase(send, layer) == "moe"
    assert subphase("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(x)", layer) == "moe.combine"
    assert subphase("ncclDevKernel_AllGather_RING_LL(x)", layer) == "moe.dispatch"


def test_a_broad_range_gets_its_part_from_the_kernel() -> None:
    silu = "void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel, true>(T1*)"

    assert subphase(silu, "mlp") == "mlp.activation"
    assert subphase(silu, "model.layers.3.mlp.experts") == "moe.activation"
    assert subphase("void flash::flash_fwd_kernel<T>(P)", "self_attn") == "attention.core"
    assert subphase("softmax_warp_forward", "self_attn") == "attention.core"
    assert subphase("softmax_warp_forward") == "other.softmax"


def test_copies_follow_their_range_else_their_kind() -> None:
    assert subphase("[CUDA memcpy DtoD]", "self_attn", table="MEMCPY") == "attention"
    assert subphase("[CUDA memcpy HtoD]", table="MEMCPY") == "memory.memcpy"
    assert subphase("[CUDA memset]", table="MEMSET") == "memory.memset"


def test_a_whole_graph_is_what_its_range_says() -> None:
    assert subphase("[CUDA graph 3]", table="GRAPH") == "unclassified"
    assert subphase("[CUDA graph 3]", "sampler", table="GRAPH") == "sampling"


def test_user_rules_come_first(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "[[rule]]\nphase = 'other.mine'\nkernel = 'nvjet'\n")

    assert subphase(GEMM, "self_attn", rules=rules) == "other.mine"
    assert subphase(ALLREDUCE, "self_attn", rules=rules) == "allreduce.nccl"


def test_weak_user_rules_stay_behind_the_shipped_ones(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path, "[[rule]]\nphase = 'other.mine'\nkernel = 'nvjet|saxpy'\nstrength = 'weak'\n"
    )

    assert subphase(GEMM, "self_attn", rules=rules) == "attention"
    assert subphase("saxpy", rules=rules) == "other.mine"


def test_within_asks_for_a_range_around(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path, "[[rule]]\nphase = 'other.draft'\nmodule = 'mlp'\nwithin = '^draft'\n"
    )

    assert subphase(GEMM, "draft model", "layers.0", "mlp", rules=rules) == "other.draft"
    assert subphase(GEMM, "target model", "layers.0", "mlp", rules=rules) == "mlp"


def test_kernel_with_range_asks_for_both(tmp_path: Path) -> None:
    text = "[[rule]]\nphase = 'sampling.draft'\nkernel = 'nvjet'\nrange = '^draft'\n"
    rules = rules_of(tmp_path, text)

    assert subphase(GEMM, "draft", "self_attn", rules=rules) == "sampling.draft"
    assert subphase(GEMM, "self_attn", rules=rules) == "attention"
    assert subphase("saxpy", "draft", rules=rules) == "unclassified"


def test_domain_restricts_ranges(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path, "[[rule]]\nphase = 'other.trt'\nrange = 'block'\ndomain = '^TensorRT$'\n"
    )

    assert subphase("k", "block@TensorRT", rules=rules) == "other.trt"
    assert subphase("k", "block@MyApp", "x", rules=rules) == "unclassified"
    assert subphase("k", "block", rules=rules) == "unclassified"


def test_the_first_of_two_rules_counts(tmp_path: Path) -> None:
    text = "".join(f"[[rule]]\nphase = 'other.{x}'\nkernel = 'sax'\n" for x in ("a", "b"))

    assert subphase("saxpy", rules=rules_of(tmp_path, text)) == "other.a"


def test_backward_is_a_part_of_the_name() -> None:
    assert subphase("void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<T>(P)") == (
        "attention.core.bwd"
    )
    assert subphase(GEMM, "autograd::engine::evaluate_function: MmBackward0", "MmBackward0") == (
        "other.gemm.bwd"
    )
    assert subphase("saxpy", "MulBackward0, seq = 12") == "unclassified"
    assert subphase("[CUDA memcpy HtoD]", "MulBackward0", table="MEMCPY") == "memory.memcpy"


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("layer_3", 3),
        ("layers.3", 3),
        ("model.layers.12.mlp", 12),
        ("decoder.layers.3", 3),
        ("transformer.h.7", 7),
        ("Layer 3", 3),
        ("block_5", 5),
        ("encoder.block.17.layer.1", 17),  # T5: a block, then a sub-layer of it
        ("{'Module': 'model.layers.40.self_attn.qkv_proj', 'Inputs': [[1, 7168]]}", 40),
        ("LlamaDecoderLayer_3", 3),
        ("GPTForCausalLM/transformer/layers/31/attention/qkv", 31),
        ("layer1.0.conv1", None),  # ResNet: a stage, not a transformer block
        ("layer_norm_2", None),
        ("aten::mm, seq = 17", None),
        ("layers.99999999999", None),
    ],
)
def test_layer_is_read_from_the_range(text: str, layer: int | None) -> None:
    assert classify([Launched("k", (text,))]).work["layer"].to_list() == [layer]


def test_the_innermost_layer_counts() -> None:
    ranges = ("model.layers.2", "model.layers.3", "mlp", "aten::mm")

    assert classify([Launched("k", ranges)]).work["layer"].to_list() == [3]


def test_attention_is_called_mla_where_names_betray_it() -> None:
    plain = classify([Launched("void flash::flash_fwd_kernel<T>(P)")])
    by_kernel = classify([Launched("void flash_fwd_splitkv_mla_kernel<T>(P)")])
    by_range = classify([Launched("k", ("model.layers.0.self_attn.q_a_proj", "o_proj"))])

    assert plain.labels["attention"] == "Attention"
    assert by_kernel.labels["attention"] == "MLA"
    assert by_range.labels["attention"] == "MLA"
    assert plain.labels["allreduce"] == "AllReduce"


def test_unknown_names_are_unclassified_and_listed_first() -> None:
    launched = [Launched("saxpy"), Launched("saxpy"), Launched(GEMM, ("mlp", "fc1"))]
    tables = tables_of(launched)
    explained = explain(*tables, classify(launched))

    check_table(explained, EXPLAINED, "explained")
    assert explained.select("rule", "subphase", "range", "kernel", "n_kernels").rows() == [
        (None, "unclassified", None, "saxpy", 2),
        ("llama:mlp-fc1", "mlp.fc1", "mlp/fc1", GEMM, 1),
    ]
    # Work i takes 10 ns: two of three pieces.
    assert explained["busy_s"].to_list() == pytest.approx([20e-9, 10e-9])
    assert explained["busy_share"].to_list() == pytest.approx([2 / 3, 1 / 3])


def test_explain_forgets_the_numbering_of_pytorch() -> None:
    launched = [Launched(GEMM, ("fwd", f"aten::mm, seq = {i}")) for i in range(3)]

    explained = explain(*tables_of(launched), classify(launched))

    assert explained.select("range", "n_kernels").rows() == [("fwd/aten::mm", 3)]


def test_explain_sums_energy_where_power_covers_it() -> None:
    launched = [Launched("saxpy"), Launched("saxpy"), Launched(GEMM, ("mlp",)), Launched("late")]
    energy_j = pl.Series([1.0, None, 3.0, None], dtype=pl.Float64)

    explained = explain(*tables_of(launched), classify(launched), energy_j=energy_j)

    found = {row["kernel"]: row for row in explained.iter_rows(named=True)}
    assert [found[name]["energy_j"] for name in ("saxpy", GEMM, "late")] == [1.0, 3.0, None]
    assert [found[name]["energy_share"] for name in ("saxpy", GEMM, "late")] == [0.25, 0.75, None]
    without = explain(*tables_of(launched), classify(launched))
    assert without["energy_j"].to_list() == without["energy_share"].to_list() == [None] * 3
    check_table(explained, EXPLAINED, "explained")
    check_table(without, EXPLAINED, "explained")


def test_no_work_gives_empty_tables() -> None:
    nothing = classify([])

    assert nothing.work.columns == ["phase", "subphase", "layer", "rule"]
    assert len(nothing.work) == 0
    assert len(explain(*tables_of([]), nothing)) == 0


NAMES = st.sampled_from([GEMM, ALLREDUCE, "saxpy", "void flash::flash_fwd_kernel<T>(P)", "softmax"])
RANGES = st.lists(
    st.sampled_from(["model.layers.1", "self_attn", "mlp", "MmBackward0", "aten::mm, seq = 3"]),
    max_size=4,
).map(tuple)
LAUNCHED = st.tuples(NAMES, RANGES).map(lambda item: Launched(*item))


@settings(max_examples=25, deadline=None)
@given(st.lists(LAUNCHED, max_size=12), st.randoms())
def test_row_order_changes_nothing(launched: list[Launched], random: Random) -> None:
    shuffled = list(range(len(launched)))
    random.shuffle(shuffled)

    straight = classify(launched).work.cast({"subphase": pl.String, "rule": pl.String})
    mixed = classify([launched[i] for i in shuffled]).work

    assert straight[shuffled].rows() == mixed.rows()


@settings(max_examples=10, deadline=None)
@given(st.lists(LAUNCHED, max_size=5))
def test_each_piece_is_judged_alone(launched: list[Launched]) -> None:
    assert subphases(launched) == [subphases([item])[0] for item in launched]


def test_work_is_left_as_it_was() -> None:
    tables = tables_of([Launched(GEMM, ("mlp",))])
    before = tables.work.clone()

    classify_work(*tables, read_rules())

    assert before.equals(tables.work)
