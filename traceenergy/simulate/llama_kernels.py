"""Kernels of a dense Llama-like model, with their cost."""

from __future__ import annotations

from dataclasses import replace

from traceenergy.simulate.deepseek_kernels import TENSOR_PARALLEL
from traceenergy.simulate.kernel_class import KernelClass, matrix_product, streaming

HIDDEN, HEAD = 4096, 128
HEADS, KV_HEADS = 32 // TENSOR_PARALLEL, 8 // TENSOR_PARALLEL
INNER = 14336 // TENSOR_PARALLEL
VOCAB = 128256 // TENSOR_PARALLEL
_XMMA = (
    "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize{}_warpgroupsize{}x1x1_execute_segment_k_off_"
    "kernel__5x_cublas"
)


def _product(
    subphase: str, k: int, n: int, first: str, *later: tuple[int, str], tokens: str = "tokens"
) -> KernelClass:
    # cuBLAS picks by shape; its names tell tiles, nothing of what is multiplied.
    kernel = matrix_product(first, first, subphase, k, n, tokens=tokens, operand=2)
    variants = tuple((fewest, name, _function_of(name)) for fewest, name in later)
    return replace(kernel, variants=variants)


def _function_of(name: str) -> str:
    return name.partition("<")[0].rpartition("::")[2]


_NORM = "void vllm::{}<c10::BFloat16{}>(T1 *, {}const T1 *, float, int, int)"
_FA3 = (
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<flash::"
    "CollectiveMainloopFwdSm90<(int)2, cute::tuple<cute::C<(int)1>, cute::C<(int)1>, cute::C<(int)"
    "1>>, cute::tuple<cute::C<(int)128>, cute::C<(int)128>, cute::C<(int)128>>, (int)128, cutlass::"
    "bfloat16_t, float, cutlass::arch::Sm90, (bool)1, (bool)0, (bool)0, (bool)1, (bool)1, (bool)0>,"
    " flash::VarlenDynamicPersistentTileScheduler<(int)128, (int)256, (int)128, (bool)0>>>>"
    "(T1::Params)"
)
_CUTLASS = (
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_64x4_tn_align8>"
    "(T1::Params)"
)
_PAIRS = 4.0 * HEADS * HEAD
_CACHE_BYTES = 4.0 * KV_HEADS * HEAD

LLAMA: dict[str, KernelClass] = {
    "llama_embedding": streaming(
        "void at::native::<unnamed>::indexSelectLargeIndex<c10::BFloat16, long, unsigned int, (int)"
        "2, (int)2, (int)-2, (bool)1>(at::cuda::detail::TensorInfo<T1, T3>, at::cuda::detail::"
        "TensorInfo<const T1, T3>, at::cuda::detail::TensorInfo<const T2, T3>, int, int, T3, T3)",
        "indexSelectLargeIndex", "embedding", 4.0 * HIDDEN, 2.0,
    ),
    "llama_first_norm": streaming(
        _NORM.format("rms_norm_kernel", "", ""), "rms_norm_kernel", "norm.rms", 4.0 * HIDDEN
    ),
    "llama_norm": streaming(
        _NORM.format("fused_add_rms_norm_kernel", ", (int)8", "T1 *, "),
        "fused_add_rms_norm_kernel", "norm.rms", 8.0 * HIDDEN,
    ),
    "llama_qkv": _product(
        "attention.qkv_proj", HIDDEN, (HEADS + 2 * KV_HEADS) * HEAD,
        "nvjet_tst_64x8_64x16_4x1_v_bz_TNT",
        (17, "nvjet_tst_64x32_64x16_4x1_v_bz_TNT"),
        (65, "nvjet_tst_64x64_64x13_2x1_v_bz_TNT"),
        (513, "nvjet_tst_192x128_64x5_1x2_h_bz_coopA_TNT"),
    ),
    "llama_rope": streaming(
        "void vllm::rotary_embedding_kernel<c10::BFloat16, (bool)1>(const long *, T1 *, T1 *, const"
        " T1 *, int, long, long, long, int, int, int)",
        "rotary_embedding_kernel", "attention.rope", 4.0 * (HEADS + KV_HEADS) * HEAD,
    ),
    "llama_cache": streaming(
        "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16, (vllm::"
        "Fp8KVCacheDataType)0>(const T1 *, const T1 *, T2 *, T2 *, const long *, long, long, long, "
        "long, long, int, int, int, const float *, const float *)",
        "reshape_and_cache_flash_kernel", "attention.kv_cache", 2 * _CACHE_BYTES,
    ),
    "llama_prefill": KernelClass(
        _FA3, "device_kernel", "attention.core", flops={"ctx_pairs": _PAIRS},
        bytes_moved={"ctx_tokens": 4.0 * HEADS * HEAD + _CACHE_BYTES}, operand_bytes=2,
        fixed_us=6.0, block=384, registers=168, shared_bytes=213_248,
        api="cudaLaunchKernelExC_v11060",
    ),
    "llama_decode": KernelClass(
        "void flashinfer::BatchDecodeWithPagedKVCacheKernel<(flashinfer::PosEncodingMode)0, "
        "(unsigned int)2, (unsigned int)4, (unsigned int)8, (unsigned int)16, (unsigned int)2, "
        "(unsigned int)4, flashinfer::DefaultAttention<(bool)0, (bool)0, (bool)0, (bool)0>, "
        "BatchDecodeParams<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16, int>>(T9)",
        "BatchDecodeWithPagedKVCacheKernel", "attention.core", flops={"gen_kv": _PAIRS},
        bytes_moved={"gen_kv": _CACHE_BYTES, "gen_tokens": 4.0 * HEADS * HEAD}, operand_bytes=2,
        fixed_us=5.0, block=128, registers=128, shared_bytes=33_792,
    ),
    "llama_merge": KernelClass(
        "void flashinfer::PersistentVariableLengthMergeStatesKernel<(unsigned int)8, (unsigned int)"
        "16, (unsigned int)8, (unsigned int)4, float, __nv_bfloat16, int>(T5 *, float *, T7 *, T6 "
        "*, float *, unsigned int, unsigned int *, unsigned int)",
        "PersistentVariableLengthMergeStatesKernel", "attention.core",
        bytes_moved={"gen_tokens": 24.0 * HEADS * HEAD}, fixed_us=2.2, registers=48,
    ),
    "llama_out": _product(
        "attention.out_proj", HEADS * HEAD, HIDDEN,
        "nvjet_tst_64x16_64x16_4x1_v_bz_TNT",
        (17, "nvjet_tst_64x32_64x16_2x1_v_bz_TNT"),
        (65, "nvjet_tst_64x64_64x13_2x1_v_bz_TNT"),
        (513, _XMMA.format("128x128x64", 1)),
    ),
    "llama_custom_reduce": KernelClass(
        "void vllm::cross_device_reduce_1stage<__nv_bfloat16, (int)8>(vllm::RankData *, vllm::"
        "RankSignals, vllm::Signal *, T1 *, int, int)",
        "cross_device_reduce_1stage", "allreduce.custom", bytes_moved={"tokens": 6.0 * HIDDEN},
        link_bytes={"tokens": 2.0 * HIDDEN * (TENSOR_PARALLEL - 1)}, fixed_us=6.0, collective=True,
        block=512, registers=40,
    ),
    "llama_ring": KernelClass(
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "allreduce.nccl",
        bytes_moved={"tokens": 6.0 * HIDDEN},
        link_bytes={"tokens": 4.0 * HIDDEN * (TENSOR_PARALLEL - 1) / TENSOR_PARALLEL},
        fixed_us=14.0, collective=True, block=544, registers=96, shared_bytes=82_240,
        api="cudaLaunchKernelExC_v11060",
    ),
    "llama_gate_up": _product(
        "mlp.fc1", HIDDEN, 2 * INNER,
        "nvjet_tst_64x16_64x16_4x1_v_bz_TNT",
        (17, "nvjet_tst_128x32_64x10_1x2_h_bz_coopA_TNT"),
        (65, "nvjet_tst_128x64_64x8_2x1_v_bz_TNT"),
        (513, "nvjet_tst_256x128_64x4_1x2_h_bz_coopA_TNT"),
    ),
    "llama_activation": streaming(
        "void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel<c10::BFloat16>, (bool)1>"
        "(T1 *, const T1 *, int)",
        "act_and_mul_kernel", "mlp.activation", 6.0 * INNER,
    ),
    "llama_down": _product(
        "mlp.fc2", INNER, HIDDEN,
        "nvjet_tst_64x8_64x16_4x1_v_bz_splitK_TNT",
        (17, "nvjet_tst_64x32_64x16_4x1_v_bz_splitK_TNT"),
        (65, "nvjet_tst_64x64_64x13_4x1_v_bz_splitK_TNT"),
        (513, _XMMA.format("256x128x64", 2)),
    ),
    # Splitting the inner dimension needs a kernel that adds the parts up; few tokens only.
    "llama_split_reduce": streaming(
        "void cublasLt::splitKreduce_kernel<(int)32, (int)16, int, float, __nv_bfloat16, float, "
        "__nv_bfloat16, (bool)0, (bool)1, (bool)0>(cublasLt::cublasSplitKParams<T6>, const T4 *, "
        "const T5 *, T5 *, const T6 *, const T6 *, const T7 *, const T4 *, T7 *, void *, long, T6 "
        "*, int *)",
        "splitKreduce_kernel", "mlp.fc2", 8.0 * HIDDEN,
    ),
    "llama_head": _product(
        "lm_head", HIDDEN, VOCAB, "nvjet_tst_128x32_64x10_1x2_h_bz_coopA_TNT",
        (17, _CUTLASS),
        tokens="sequences",
    ),
    # As a compiler fuses what is small, and FlashInfer an AllReduce with the norm behind it.
    "fused_reduce_norm": KernelClass(
        "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<(flash"
        "infer::trtllm_allreduce_fusion::AllReduceFusionPattern)1, __nv_bfloat16, (int)8, (bool)0>"
        "(flashinfer::trtllm_allreduce_fusion::AllReduceFusionParams<T2>)",
        "allreduce_fusion_kernel_oneshot_lamport", "allreduce.fused_norm",
        bytes_moved={"tokens": 12.0 * HIDDEN},
        link_bytes={"tokens": 2.0 * HIDDEN * (TENSOR_PARALLEL - 1)}, fixed_us=6.5, collective=True,
        block=512, registers=40, api="cudaLaunchKernelExC_v11060",
    ),
    "fused_norm": streaming(
        "triton_red_fused__to_copy_add_mean_mul_pow_rsqrt_0",
        "triton_red_fused__to_copy_add_mean_mul_pow_rsqrt_0", "norm.rms", 8.0 * HIDDEN,
    ),
    "fused_rope": streaming(
        "triton_poi_fused_cat_index_mul_sub_1", "triton_poi_fused_cat_index_mul_sub_1",
        "attention.rope", 4.0 * (HEADS + KV_HEADS) * HEAD,
    ),
    "fused_activation": streaming(
        "triton_poi_fused_mul_silu_slice_2", "triton_poi_fused_mul_silu_slice_2", "mlp.activation",
        6.0 * INNER,
    ),
    "stage_inputs": KernelClass(
        "[CUDA memcpy Device-to-Device]", "memcpy DtoD", "memory.memcpy",
        bytes_moved={"tokens": 16.0}, fixed_us=1.3, table="MEMCPY", api="cudaMemcpyAsync_v3020",
        copy_kind=8,
    ),
}  # fmt: skip
