"""Layer and phase of ranges as frameworks, their hooks and PyTorch write them."""

from __future__ import annotations

import pytest

from tests.phases.naming import Launched, classify

# Text -> subphase of a kernel that no rule knows, layer.
RANGES = {
    "{'Module': 'Model.model.layers.12.self_attn.qkv_proj', 'TrainableParam"
    "s': {'weight': [3072, 2048]}, 'Inputs': [[7, 2048]]}": (
        "attention.qkv_proj",
        12,
    ),
    "{'Module': 'Model.model.layers.12.mlp.experts', 'TrainableParams': {"
    "}, 'Inputs': [[7, 2048], [7, 128]]}": (
        "moe",
        12,
    ),
    "{'Module': 'Model.model.layers.0.input_layernorm', 'TrainableParams': {'weight': [2048]}}": (
        "norm",
        0,
    ),
    "{'Module': 'Model.lm_head', 'TrainableParams': {'weight': [151936, 2048]}}": ("lm_head", None),
    "{'Module': 'model.model.layers.61.mlp.shared_experts.down_proj', 'Inputs': [[1, 2048]]}": (
        "moe.shared_fc2",
        61,
    ),
    "{'Module': 'model.layers.3.self_attn.indexer.wq_b'}": ("attention.indexer", 3),
    "{'Module': 'model.layers.3.linear_attn.in_proj_qkvz'}": ("attention.qkv_proj", 3),
    "{'Module': 'model.layers.3.linear_attn.conv1d'}": ("attention.linear", 3),
    "{'Module': 'model.layers.7.mixer'}": ("unclassified", 7),
    "{'Module': 'model.embed_tokens', 'Inputs': [[7]]}": ("embedding", None),
    "{'Module': 'model.norm'}": ("norm", None),
    "{'Module': 'logits_processor'}": ("lm_head", None),
    "model.layers.12.mlp.experts": ("moe", 12),
    "model.layers.12.mlp.gate": ("moe.router", 12),
    "model.layers.12.mlp": ("mlp", 12),
    "model.layers.12": ("unclassified", 12),
    "model.layers.12.self_attn.o_proj": ("attention.out_proj", 12),
    "megatron.core.transformer.transformer_layer.TransformerLayer._"
    "forward_attention.self_attention": (
        "attention",
        None,
    ),
    "TransformerLayer._forward_attention.self_attention": ("attention", None),
    "TransformerLayer._forward_attention.self_attn_bda": ("other.residual", None),
    "TransformerLayer._forward_mlp.mlp": ("mlp", None),
    "TELayerNormColumnParallelLinear forward": ("unclassified", None),
    "transformer_engine._LayerNormLinear.forward.norm": ("norm", None),
    "transformer_engine._LayerNormLinear.forward.gemm": ("other.gemm", None),
    "TEDotProductAttention.forward": ("attention.core", None),
    "te.FlashAttention.run_attention": ("attention.core", None),
    "nvte_rmsnorm_fwd": ("norm.rms", None),
    "nvte_layernorm_bwd": ("norm.layer.bwd", None),
    "nvte_cublas_gemm_v2": ("other.gemm", None),
    "nvte_fused_attn_fwd": ("attention.core", None),
    "nvte_cast_transpose": ("quantize", None),
    "megatron.core.transformer.moe.moe_layer.MoELayer.forward": ("moe", None),
    "megatron.core.transformer.moe.experts.TEGroupedMLP.forward.linear_fc1": (
        "moe.routed_fc1",
        None,
    ),
    "megatron.core.transformer.moe.router.TopKRouter.forward": ("moe.router", None),
    "decoder.layers.5.mlp.linear_fc2": ("mlp.fc2", 5),
    "mixer: MoE": ("moe", None),
    "mixer: NemotronV3Mamba2Mixer": ("attention.linear", None),
    "mixer: NemotronV3Attention": ("attention", None),
    "shared_experts: MLP": ("moe.shared", None),
    "experts: FSDPGroupedExpertsDeepEP": ("moe", None),
    "down_proj: Linear": ("mlp.fc2", None),
    "gate: Gate": ("moe.router", None),
    "norm: RMSNorm": ("norm", None),
    "17: FSDPCheckpointWrapper": ("unclassified", 17),
    "optimizer_step": ("optimizer", None),
    "grad_clip": ("optimizer", None),
    "model: FSDPNemotronV3Model": ("unclassified", None),
    "LlamaDecoderLayer": ("unclassified", None),
    "LlamaDecoderLayer_31": ("unclassified", 31),
    "nn.Module: LlamaDecoderLayer_31": ("unclassified", 31),
    "nn.Module: Qwen3MoeAttention_0": ("attention", None),
    "nn.Module: LlamaMLP_3": ("mlp", None),
    "nn.Module: LlamaRMSNorm_0": ("norm.rms", None),
    "nn.Module: Qwen3MoeSparseMoeBlock_1": ("moe", None),
    "nn.Module: RadixAttention_0": ("attention.core", None),
    "Qwen3DecoderLayer": ("unclassified", None),
    "FSDP::all_gather_into_tensor": ("unclassified", None),
    "FullyShardedDataParallel.forward": ("unclassified", None),
    "transformer.h.11.attn.c_proj": ("attention.out_proj", 11),
    "gpt_neox.layers.11.attention.query_key_value": ("attention.qkv_proj", 11),
    "encoder.layer.11.attention.self": ("attention", 11),
    "encoder.layer.11.intermediate.dense": ("mlp.fc1", 11),
    "decoder.block.3.layer.1.EncDecAttention": ("attention", 3),
    "blocks.7.attn.qkv": ("attention.qkv_proj", 7),
    "vllm::moe_forward_shared": ("moe", None),
    "vllm::unified_attention_with_output": ("attention.core", None),
    "vllm::qwen_gdn_attention_core": ("attention.linear", None),
    "vllm::flashinfer_trtllm_fused_allreduce_norm": ("allreduce", None),
    "_C::silu_and_mul": ("mlp.activation", None),
    "_moe_C::moe_align_block_size": ("moe.gather", None),
    "symm_mem::two_shot_all_reduce_": ("allreduce", None),
    "decoder_layer_3": ("unclassified", 3),
    "transformer_block 5": ("unclassified", 5),
}


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[str, int | None]]:
    work = classify([Launched("some_kernel", (text,)) for text in RANGES]).work
    pairs = zip(work["subphase"].cast(str).to_list(), work["layer"].to_list(), strict=True)
    return dict(zip(RANGES, pairs, strict=True))


@pytest.mark.parametrize("text", RANGES)
def test_layer_and_phase(text: str, found: dict[str, tuple[str, int | None]]) -> None:
    assert found[text] == RANGES[text]


def test_blocks_of_experts_do_not_number_the_layers() -> None:
    # The fourth layer of DeepSeek-V3 is the first with experts.
    ranges = ("nn.Module: DeepseekV3DecoderLayer_3", "nn.Module: DeepseekV3MoEBlock_0")

    assert classify([Launched("k", ranges)]).work["layer"].to_list() == [3]
