"""Kernels of a DeepSeek-V3-like model, with their cost."""

from __future__ import annotations

from traceenergy.simulate.kernel_class import KernelClass, matrix_product, streaming

# One GPU's share of the model under tensor parallelism over eight.
TENSOR_PARALLEL = 8
HIDDEN = 7168
HEADS = 128 // TENSOR_PARALLEL
Q_LORA, KV_LORA, ROPE, NOPE, V_HEAD = 1536, 512, 64, 128, 128
EXPERTS, TOP_K = 256, 8
EXPERT_INNER = 2048 // TENSOR_PARALLEL
DENSE_INNER = 18432 // TENSOR_PARALLEL
VOCAB = 129280 // TENSOR_PARALLEL


def deep_gemm(n: int, k: int, tile: str, kind: str) -> str:
    """Name DeepGEMM's product of (tokens, k) with weights (k, n); kind 1, 2 are grouped."""
    shape = f"0u, {n}u, {k}u, {tile}"
    return (
        f"void deep_gemm::sm90_fp8_gemm_1d2d_impl<{shape}, 128u, 128u, 0u, 6u, 128u, 128u, 1u, "
        f"false, 132u, (deep_gemm::GemmType){kind}>(float *, int *, unsigned int, unsigned int, "
        "unsigned int, CUtensorMap_st, CUtensorMap_st, CUtensorMap_st, CUtensorMap_st)"
    )


DEEP_GEMM = "sm90_fp8_gemm_1d2d_impl"
QUANT = (
    "void tensorrt_llm::kernels::fp8_blockscale_gemm::scale_1x128_kernel<__nv_bfloat16, "
    "__nv_fp8_e4m3, float>(T2 *, T3 *, const T1 *, int, int)"
)
_ONESHOT = (
    "void tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_oneshot_lamport<"
    "(tensorrt_llm::kernels::ar_fusion::AllReduceFusionPattern)1, __nv_bfloat16, (int)8, (bool)1>"
    "(tensorrt_llm::kernels::ar_fusion::AllReduceFusionParams)"
)
_RING = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)"
_MLA = (
    "void flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<(int)576, (int)64, (int)64, "
    "(int)8, cutlass::bfloat16_t, (int)512>, (bool)0, flash::SharedStorageMLA<Flash_fwd_kernel_"
    "traits_mla<(int)576, (int)64, (int)64, (int)8, cutlass::bfloat16_t, (int)512>>>"
    "(Flash_fwd_mla_params)"
)
_ROPE = (
    "void tensorrt_llm::kernels::applyMLARopeAndAssignQKVKernel{}<__nv_bfloat16, (int)256, "
    "(int)512, (int)64, tensorrt_llm::kernels::KVBlockArray>(T1 *, T1 *, T1 *, const T1 *, T5, "
    "const float2 *, unsigned long, int, int, float)"
)
_FMHA = "fmha_v2_flash_attention_bf16_64_128_S_qkv_192x128_causal_tma_ws_sm90_kernel"
NORM = (
    "void flashinfer::norm::{}<(unsigned int)8, __nv_bfloat16>(T2 *, T2 *, T2 *, unsigned int, "
    "unsigned int, unsigned int, float, float)"
)
_SILU = (
    "void flashinfer::activation::act_and_mul_kernel<__nv_bfloat16, "
    "&silu(const float &)>(T1 *, const T1 *, int)"
)
_CUTLASS = "void tensorrt_llm::kernels::cutlass_kernels::"

_ATTENTION_WORK = 2.0 * HEADS * (2 * KV_LORA + ROPE)
_PREFILL_WORK = 2.0 * HEADS * (NOPE + ROPE + V_HEAD)
_CACHE_BYTES = 2.0 * (KV_LORA + ROPE)

DEEPSEEK: dict[str, KernelClass] = {
    # Attention
    "quant": streaming(QUANT, "scale_1x128_kernel", "quantize", 3.0 * HIDDEN),
    "quant_out": streaming(QUANT, "scale_1x128_kernel", "quantize", 3.0 * HEADS * V_HEAD),
    "input_norm": streaming(
        NORM.format("FusedAddRMSNormKernel"), "FusedAddRMSNormKernel", "norm.rms", 8.0 * HIDDEN
    ),
    "lora_norm": streaming(
        NORM.format("RMSNormKernel"), "RMSNormKernel", "norm.rms", 4.0 * (Q_LORA + KV_LORA)
    ),
    "qkv_a": matrix_product(
        deep_gemm(2112, HIDDEN, "1u, 64u, 96u", "0"), DEEP_GEMM, "attention.qkv_proj",
        HIDDEN, Q_LORA + KV_LORA + ROPE,
    ),
    "q_b": matrix_product(
        "nvjet_tst_128x64_64x8_2x1_v_bz_TNT", "nvjet_tst_128x64_64x8_2x1_v_bz_TNT",
        "attention.q_up_rope", Q_LORA, HEADS * (NOPE + ROPE), operand=2,
    ),
    "kv_b": matrix_product(
        "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_TNT", "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_TNT",
        "attention.q_up_rope", KV_LORA, HEADS * (NOPE + V_HEAD), tokens="ctx_tokens", operand=2,
    ),
    "rope_ctx": KernelClass(
        _ROPE.format("OptContext"), "applyMLARopeAndAssignQKVKernelOptContext",
        "attention.kv_cache",
        bytes_moved={"ctx_tokens": 4.0 * HEADS * (NOPE + ROPE) + _CACHE_BYTES},
        block=256, registers=48,
    ),
    "rope_gen": KernelClass(
        _ROPE.format("Generation"), "applyMLARopeAndAssignQKVKernelGeneration",
        "attention.kv_cache",
        bytes_moved={"gen_tokens": 4.0 * HEADS * (KV_LORA + ROPE) + _CACHE_BYTES},
        block=256, registers=48,
    ),
    "absorb": matrix_product(
        "nvjet_tst_64x64_64x13_1x2_h_bz_NNT", "nvjet_tst_64x64_64x13_1x2_h_bz_NNT",
        "attention.q_up_rope", NOPE, HEADS * KV_LORA, tokens="gen_tokens", operand=2,
    ),
    "fmha": KernelClass(
        _FMHA, _FMHA, "attention.core",
        flops={"ctx_pairs": _PREFILL_WORK},
        bytes_moved={"ctx_tokens": 2.0 * HEADS * (2 * NOPE + ROPE + 2 * V_HEAD)},
        operand_bytes=2, fixed_us=6.0, block=384, registers=168, shared_bytes=212_992,
        api="cuLaunchKernelEx",
    ),
    "mla": KernelClass(
        _MLA, "flash_fwd_splitkv_mla_kernel", "attention.mla",
        flops={"gen_kv": _ATTENTION_WORK},
        bytes_moved={"gen_kv": _CACHE_BYTES, "gen_tokens": 2.0 * HEADS * (2 * KV_LORA + ROPE)},
        operand_bytes=2, fixed_us=7.0, block=256, registers=232, shared_bytes=230_400,
    ),
    "mla_combine": KernelClass(
        "void flash_fwd_mla_combine_kernel<cutlass::bfloat16_t, float, long, (int)512, (int)32>"
        "(Flash_fwd_mla_params)",
        "flash_fwd_mla_combine_kernel", "attention.mla",
        bytes_moved={"gen_tokens": 10.0 * HEADS * KV_LORA}, fixed_us=2.0, registers=40,
    ),
    "v_up": matrix_product(
        "nvjet_tst_64x64_64x13_2x1_v_bz_NNT", "nvjet_tst_64x64_64x13_2x1_v_bz_NNT",
        "attention.out_proj", KV_LORA, HEADS * V_HEAD, tokens="gen_tokens", operand=2,
    ),
    "o_proj": matrix_product(
        deep_gemm(HIDDEN, 2048, "1u, 64u, 128u", "0"), DEEP_GEMM, "attention.out_proj",
        HEADS * V_HEAD, HIDDEN,
    ),
    # Between GPUs
    "allreduce_fused": KernelClass(
        _ONESHOT, "allreduce_fusion_kernel_oneshot_lamport", "allreduce.fused_norm",
        bytes_moved={"tokens": 6.0 * HIDDEN},
        link_bytes={"tokens": 2.0 * HIDDEN * (TENSOR_PARALLEL - 1) / 2},
        fixed_us=6.5, collective=True, block=896, registers=40, api="cudaLaunchKernelExC_v11060",
    ),
    "allreduce_ring": KernelClass(
        _RING, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "allreduce.nccl",
        bytes_moved={"tokens": 6.0 * HIDDEN},
        link_bytes={"tokens": 4.0 * HIDDEN * (TENSOR_PARALLEL - 1) / TENSOR_PARALLEL},
        fixed_us=14.0, collective=True, block=544, registers=96, shared_bytes=82_240,
        api="cudaLaunchKernelExC_v11060",
    ),
    "allgather": KernelClass(
        "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        "ncclDevKernel_AllGather_RING_LL", "collective.allgather",
        link_bytes={"sequences": 2.0 * VOCAB * (TENSOR_PARALLEL - 1)},
        fixed_us=11.0, collective=True, block=544, registers=96, shared_bytes=82_240,
        api="cudaLaunchKernelExC_v11060",
    ),
    # Mixture of experts
    "router": matrix_product(
        "void tensorrt_llm::kernels::dsv3MinLatencyKernels::router_gemm_kernel<__nv_bfloat16, "
        "(int)128, (int)8, (int)16, (int)256, (int)7168>(float *, const T1 *, const T1 *)",
        "router_gemm_kernel", "moe.router", HIDDEN, EXPERTS, operand=2,
    ),
    "topk": streaming(
        "void moe::dev::routing::routingDeepSeek::routingMainKernel<moe::dev::routing::"
        "routingDeepSeek::KernelParams<float, __nv_bfloat16, (bool)1, (bool)0>>(T1)",
        "routingMainKernel", "moe.router", 4.0 * EXPERTS, 4.2,
    ),
    "permute": streaming(
        _CUTLASS + "expandInputRowsKernel<__nv_fp8_e4m3, __nv_fp8_e4m3, (bool)0>(const T1 *, T2 *,"
        " const float *, float *, const int *, const int *, long, long, int)",
        "expandInputRowsKernel", "moe.gather", 2.0 * TOP_K * HIDDEN, 2.8,
    ),
    "fc1": KernelClass(
        deep_gemm(2 * EXPERT_INNER, HIDDEN, "256u, 64u, 128u", "1"), DEEP_GEMM, "moe.routed_fc1",
        flops={"tokens": 4.0 * TOP_K * HIDDEN * EXPERT_INNER},
        bytes_moved={
            "experts": 2.0 * HIDDEN * EXPERT_INNER, "tokens": TOP_K * (HIDDEN + 4.0 * EXPERT_INNER),
        },
        operand_bytes=1, fixed_us=5.0, block=384, registers=168, shared_bytes=197_632,
        api="cuLaunchKernelEx",
    ),
    "moe_activation": streaming(
        _CUTLASS + "doActivationKernel<__nv_fp8_e4m3, __nv_bfloat16, cutlass::epilogue::thread::"
        "SiLu>(T1 *, const T2 *, const float *, const long *, int, long, const float *, bool)",
        "doActivationKernel", "moe.activation", 6.0 * TOP_K * EXPERT_INNER, 2.2,
    ),
    "fc2": KernelClass(
        deep_gemm(HIDDEN, EXPERT_INNER, "256u, 64u, 128u", "1"), DEEP_GEMM, "moe.routed_fc2",
        flops={"tokens": 2.0 * TOP_K * HIDDEN * EXPERT_INNER},
        bytes_moved={
            "experts": 1.0 * HIDDEN * EXPERT_INNER, "tokens": TOP_K * (EXPERT_INNER + 2.0 * HIDDEN),
        },
        operand_bytes=1, fixed_us=4.5, block=384, registers=168, shared_bytes=197_632,
        api="cuLaunchKernelEx",
    ),
    "finalize": streaming(
        _CUTLASS + "finalizeMoeRoutingKernel<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16, "
        "(int)0>(const T1 *, T3 *, const T2 *, const float *, const int *, const int *, long)",
        "finalizeMoeRoutingKernel", "moe.scatter", 2.0 * (TOP_K + 2) * HIDDEN, 2.8,
    ),
    "shared_fc1": matrix_product(
        "nvjet_tst_64x32_64x16_4x1_v_bz_TNT", "nvjet_tst_64x32_64x16_4x1_v_bz_TNT",
        "moe.shared_fc1", HIDDEN, 2 * EXPERT_INNER,
    ),
    "shared_activation": streaming(
        _SILU, "act_and_mul_kernel", "moe.activation", 6.0 * EXPERT_INNER
    ),
    "shared_fc2": matrix_product(
        "nvjet_tst_64x32_64x16_2x1_v_bz_TNN", "nvjet_tst_64x32_64x16_2x1_v_bz_TNN",
        "moe.shared_fc2", EXPERT_INNER, HIDDEN,
    ),
    # Dense blocks
    "gate_up": matrix_product(
        deep_gemm(2 * DENSE_INNER, HIDDEN, "1u, 64u, 160u", "0"), DEEP_GEMM, "mlp.fc1",
        HIDDEN, 2 * DENSE_INNER,
    ),
    "mlp_activation": streaming(_SILU, "act_and_mul_kernel", "mlp.activation", 6.0 * DENSE_INNER),
    "down": matrix_product(
        deep_gemm(HIDDEN, DENSE_INNER, "1u, 64u, 112u", "0"), DEEP_GEMM, "mlp.fc2",
        DENSE_INNER, HIDDEN,
    ),
    # Ends of the model
    "embedding": streaming(
        "void at::native::vectorized_gather_kernel<(int)16, long>(char *, char *, T2 *, int, long,"
        " long, long, long, bool)",
        "vectorized_gather_kernel", "embedding", 4.0 * HIDDEN, 2.0,
    ),
    "lm_head": matrix_product(
        "nvjet_tst_128x32_64x10_1x2_h_bz_coopA_TNT", "nvjet_tst_128x32_64x10_1x2_h_bz_coopA_TNT",
        "lm_head", HIDDEN, VOCAB, tokens="sequences", operand=2,
    ),
    "softmax": KernelClass(
        "void at::native::<unnamed>::cunn_SoftMaxForward<(int)4, float, float, float, at::native::"
        "<unnamed>::SoftMaxForwardEpilogue>(T4 *, const T2 *, int)",
        "cunn_SoftMaxForward", "sampling",
        bytes_moved={"sequences": 12.0 * VOCAB * TENSOR_PARALLEL}, fixed_us=4.0, block=1024,
    ),
    "sample": KernelClass(
        "void flashinfer::sampling::TopKTopPSamplingFromProbKernel<(unsigned int)1024, "
        "(cub::BlockScanAlgorithm)0, (cub::BlockReduceAlgorithm)1, (unsigned int)4, (bool)1, "
        "float, int>(T6 *, T7 *, float *, T7 *, T7 *, unsigned int, float, unsigned int, "
        "unsigned long, unsigned long)",
        "TopKTopPSamplingFromProbKernel", "sampling",
        bytes_moved={"sequences": 4.0 * VOCAB * TENSOR_PARALLEL}, fixed_us=9.0, block=1024,
    ),
    # Copies
    "inputs": KernelClass(
        "[CUDA memcpy Host-to-Device]", "memcpy HtoD", "memory.memcpy",
        bytes_moved={"tokens": 8.0, "sequences": 512.0}, fixed_us=1.4, table="MEMCPY",
        api="cudaMemcpyAsync_v3020", copy_kind=1,
    ),
    "tokens_out": KernelClass(
        "[CUDA memcpy Device-to-Host]", "memcpy DtoH", "memory.memcpy",
        bytes_moved={"sequences": 4.0}, fixed_us=1.8, table="MEMCPY",
        api="cudaMemcpyAsync_v3020", copy_kind=2,
    ),
    "clear": KernelClass(
        "[CUDA memset]", "memset", "memory.memset",
        bytes_moved={"one": 4096.0, "sequences": 256.0}, fixed_us=1.2, table="MEMSET",
        api="cudaMemsetAsync_v3020",
    ),
}  # fmt: skip
