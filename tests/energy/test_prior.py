"""What is believed of the power of kernels by name, or by activity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.prior import (
    CATEGORY_SHARE,
    METRIC_BOARD_W,
    METRIC_WATTS,
    ClassTraits,
    Prior,
    category_of,
    prior_by_activity,
    prior_by_name,
)

# Widths of the log of power: shared by all, within a category, by duration, within a kernel, by
# size, of a class alone; by name, and what the watts of the parts leave of them.
COMMON, CATEGORY, DURATION, KERNEL, SIZE, OWN = 0.30, 0.25, 0.30, 0.20, 0.10, 0.15
LEFT_CATEGORY, LEFT_DURATION, LEFT_KERNEL, LEFT_SIZE, LEFT_OWN = 0.09, 0.09, 0.17, 0.09, 0.13

# Names as profilers show them, by library.
NAMES = {
    "gemm": [
        "ampere_sgemm_128x64_tn",
        "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_TNN",
        "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_kernel",
        "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x128_32x5_tn>",
        "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int>>>(T1)",
        "void cutlass::Kernel<cutlass::gemm::kernel::Gemm<cutlass::layout::NoPermute>>(T1::Params)",
        "void deep_gemm::sm90_fp8_gemm_1d2d_impl<0u, 7168u, 2048u, 1u, 128u>(float *, int *)",
        "void marlin::Marlin<__nv_bfloat16, 1125899906909960l, 256, 1, 8, 8, false>(const int4 *)",
        "fused_moe_kernel",
        "triton_tem_fused_mm_0",
        "cudnn_infer_ampere_scudnn_128x64_relu_xregs_large_nn_v1::implicit_convolve_sgemm",
        "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize256x64x32",
        "sm80_xmma_wgrad_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nhwc",
    ],
    "attention": [
        "void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4>>(Flash_fwd_params)",
        "void flash::flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<576, 64>>(T1)",
        "void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<T1>>>(T1::Params)",
        "void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<Flash_bwd_kernel_traits<64>>(T1)",
        "fmha_v2_flash_attention_bf16_64_128_S_qkv_192x128_causal_tma_ws_sm90_kernel",
        "fmhaSm100aKernel_QkvE4m3OBfloat16H128PagedKvCausalP32VarSeqQ128Kv128PersistentContext",
        "void vllm::paged_attention_v2_kernel<__nv_bfloat16, __nv_bfloat16, 128, 16, 128>(float *)",
        "kernel_unified_attention_2d",
        "void flashinfer::BatchDecodeWithPagedKVCacheKernel<(flashinfer::PosEncodingMode)0>(T1)",
        "void flashinfer::BatchPrefillWithRaggedKVCacheKernel<flashinfer::KernelTraits<1>>(T1)",
        "_attn_fwd",
    ],
    "communication": [
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
        "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)",
        "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>(vllm::RankData *)",
        "void tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_oneshot_lamport<4, 8>(T1)",
        "void deep_ep::internode_ll::combine<true, false, 7168, 9>(void *, void *, int *)",
        "[CUDA memcpy Host-to-Device]",
        "[CUDA memcpy HtoD]",
        "Memcpy DtoH (Device -> Pinned)",
        "[CUDA memcpy PtoP]",
    ],
    "elementwise": [
        "[CUDA memcpy DtoD]",
        "Memcpy DtoD (Device -> Device)",
        "[CUDA memset]",
        "Memset (Device)",
        "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<long>>(int, T2)",
        "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, MeanOps<float>>>(T3)",
        "void splitKreduce_kernel<32, 16, int, float, __nv_bfloat16>(cublasSplitKParams<float>)",
        "void flash::flash_fwd_splitkv_combine_kernel<Flash_fwd_kernel_traits<192, 64>>(T1)",
        "void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16 *, const c10::BFloat16 *, float)",
        "void vllm::act_and_mul_kernel<c10::BFloat16, vllm::silu_kernel<c10::BFloat16>>(T1 *)",
        "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16, 0>(T1 *)",
        "void vllm::moe::topkGatingSoftmax<8, 256, 4, 16>(const float *, const bool *, float *)",
        "void vllm::convert_fp8_kernel<unsigned char, __nv_bfloat16>(const T2 *, T1 *, float)",
        "_convert_req_index_to_global_index_kernel",
        "void tensorrt_llm::kernels::fp8_blockscale_gemm::scale_1x128_kernel<T1, T2, float>(T2 *)",
        "void tensorrt_llm::kernels::cutlass_kernels::expandInputRowsKernel<T1, T2, false>(T1 *)",
        "void tensorrt_llm::kernels::cutlass_kernels::doActivationKernel<T1, T2, cutlass::SiLu>()",
        "void tensorrt_llm::kernels::cutlass_kernels::finalizeMoeRoutingKernel<T1, T2>(T1 *)",
        "triton_poi_fused_mm_add_3",
        "triton_red_fused_convolution_native_batch_norm_1",
        "nvfuser_inner_persistent_f0_c1_r0_g2",
        "vectorAdd(const float *, const float *, float *, int)",
    ],
}


@pytest.mark.parametrize(
    ("name", "category"),
    [(name, category) for category, names in NAMES.items() for name in names],
)
def test_real_kernel_names_have_their_category(name: str, category: str) -> None:
    assert category_of(name) == category


def traits_of(
    category: list[str], kernel: list[int] | None = None, duration_us: list[float] | None = None
) -> ClassTraits:
    """Describe classes, by default each of a kernel of its own, all of 10 us."""
    n_classes = len(category)
    return ClassTraits(
        category,
        np.array(range(n_classes) if kernel is None else kernel, dtype=np.int64),
        np.full(n_classes, 10.0) if duration_us is None else np.array(duration_us),
    )


def near(apart: float, scale: float) -> float:
    """Tell how alike classes are whose logs of duration lie this far apart."""
    return float(np.exp(-((apart / scale) ** 2) / 2))


def test_powers_by_name_are_parts_of_the_limit() -> None:
    traits = traits_of(["gemm", "attention", "elementwise", "communication"])

    prior = prior_by_name(traits, 700.0)

    # 0.42, 0.50, 0.24, 0.14 of 700 W
    assert prior.mean_w.tolist() == pytest.approx([294, 350, 168, 98])
    assert prior.source == "names"


def test_categories_are_numbered_in_order_of_their_names() -> None:
    traits = traits_of(["gemm", "attention", "gemm", "elementwise"])

    assert traits.category_code.tolist() == [2, 0, 2, 1]


def test_errors_by_name_are_shared_by_all_by_category_and_by_duration() -> None:
    # two gemm kernels and attention; the second gemm lasts e times as long as the others
    traits = traits_of(["gemm", "gemm", "attention"], duration_us=[10, 10 * np.e, 10])

    covariance = prior_by_name(traits, 1000.0).covariance_w2

    # gemm 420 W, attention 500 W. Each kernel has one size, its usual one: all are alike in size.
    by_size = SIZE**2
    alone = COMMON**2 + CATEGORY**2 + DURATION**2 + KERNEL**2 + OWN**2
    assert covariance[0, 0] == pytest.approx(420**2 * (alone + by_size))
    assert covariance[2, 2] == pytest.approx(500**2 * (alone + by_size))
    shared = COMMON**2 + CATEGORY**2 + DURATION**2 * near(1, 1)
    assert covariance[0, 1] == pytest.approx(420**2 * (shared + by_size))
    assert covariance[0, 2] == pytest.approx(420 * 500 * (COMMON**2 + DURATION**2 + by_size))
    other = COMMON**2 + DURATION**2 * near(1, 1)
    assert covariance[1, 2] == pytest.approx(420 * 500 * (other + by_size))


def test_errors_of_one_kernel_are_shared_and_grow_apart_with_size() -> None:
    # gemm in two sizes, half an e-fold to either side of its usual one; attention in one
    traits = traits_of(["gemm", "gemm", "attention"], [0, 0, 1], [10, 10 * np.e, 10])

    covariance = prior_by_name(traits, 1000.0).covariance_w2

    shared = COMMON**2 + CATEGORY**2 + DURATION**2 * near(1, 1) + KERNEL**2
    assert covariance[0, 1] == pytest.approx(420**2 * (shared + SIZE**2 * near(1, 0.7)))
    # sizes are those within a kernel: a small gemm is half an e-fold from usual attention
    other = COMMON**2 + DURATION**2 + SIZE**2 * near(0.5, 0.7)
    assert covariance[0, 2] == pytest.approx(420 * 500 * other)


def test_powers_by_activity_sum_the_watts_of_parts() -> None:
    activity = np.array([[1.0, 0.5, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0]])
    traits = traits_of(["gemm", "elementwise"])

    prior = prior_by_activity(traits, activity, np.zeros((2, 4)), METRIC_BOARD_W)

    # 120 + 150 + 50 W; no class runs for less than 0.02 of 700 W. By name they draw 294 and 168 W,
    # which is right of one kernel in four.
    assert prior.mean_w.tolist() == pytest.approx([0.75 * 320 + 0.25 * 294, 0.75 * 14 + 0.25 * 168])
    assert prior.source == "GPU metrics"


def test_where_metrics_and_names_disagree_a_kernel_is_less_sure_as_a_whole() -> None:
    # Of 700 W, products draw 294 W by name. Tensor cores at 0.98 say the same, at rest next to
    # nothing (14 W); the last two classes are one kernel.
    activity = np.array([[0, 0.98, 0, 0], [0.0, 0, 0, 0], [0, 0, 0, 0]])
    traits = traits_of(["gemm"] * 3, [0, 1, 1], duration_us=[1e-9, 1.0, 1e9])

    prior = prior_by_activity(traits, activity, np.zeros((3, 4)), METRIC_BOARD_W)

    by_size = (LEFT_SIZE * 294) ** 2
    shared = 14**2 * (LEFT_CATEGORY**2 + LEFT_KERNEL**2)
    # A chance of one in four of being 280 W off, the same for both classes: 121 W.
    chance = 0.25 * 0.75 * 280**2
    assert prior.covariance_w2[1, 2] == pytest.approx(shared + chance)
    alone = 14**2 * (LEFT_CATEGORY**2 + LEFT_DURATION**2 + LEFT_KERNEL**2 + LEFT_OWN**2)
    assert prior.covariance_w2[1, 1] == pytest.approx(alone + by_size + chance)
    # What metrics say of the first is what its name says: nothing is added.
    left = LEFT_CATEGORY**2 + LEFT_DURATION**2 + LEFT_KERNEL**2 + LEFT_OWN**2
    assert prior.covariance_w2[0, 0] == pytest.approx(147**2 + 294**2 * left + by_size)
    assert prior.covariance_w2[0, 1] == pytest.approx(294 * 14 * LEFT_CATEGORY**2)


def test_errors_by_activity_are_those_of_the_watts_of_parts() -> None:
    # two kernels that only use SMs, two that only use DRAM; all categories and durations apart
    activity = np.array([[1.0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0.2, 0]])
    traits = traits_of(list(CATEGORY_SHARE), duration_us=[1e-9, 1e-3, 1e3, 1e9])

    prior = prior_by_activity(traits, activity, np.zeros((4, 4)), METRIC_BOARD_W)

    by_size = (LEFT_SIZE * METRIC_BOARD_W) ** 2
    shares = [CATEGORY_SHARE[name] for name in traits.category]
    # SMs 120 W to 50 %: 60 W in the first, 30 W in the second, together; nothing with DRAM
    assert prior.covariance_w2[0, 1] == pytest.approx(60 * 30 + by_size * shares[0] * shares[1])
    assert prior.covariance_w2[1, 2] == pytest.approx(by_size * shares[1] * shares[2])
    assert prior.covariance_w2[2, 3] == pytest.approx(100 * 20 + by_size * shares[2] * shares[3])
    left = LEFT_CATEGORY**2 + LEFT_DURATION**2 + LEFT_KERNEL**2 + LEFT_OWN**2
    # and by name the first draws 294 W
    apart = 0.25 * 0.75 * (294 - 120) ** 2
    assert prior.covariance_w2[0, 0] == pytest.approx(
        60**2 + 120**2 * left + by_size * shares[0] ** 2 + apart
    )


def test_activity_that_is_not_sure_makes_power_less_sure() -> None:
    activity, error = np.array([[0.5, 0.0, 0.5, 0.0]]), np.array([[0.1, 0.0, 0.0, 0.0]])
    traits = traits_of(["gemm"])

    sure, unsure = (
        prior_by_activity(traits, activity, se, METRIC_BOARD_W).covariance_w2[0, 0]
        for se in (np.zeros((1, 4)), error)
    )

    # 0.1 of the 120 W of SMs
    assert unsure - sure == pytest.approx((0.1 * METRIC_WATTS[0]) ** 2)


def is_prior(prior: Prior) -> bool:
    """Tell whether a prior is a distribution, of powers above zero."""
    covariance = prior.covariance_w2
    least = np.linalg.eigvalsh(covariance).min()
    return bool((prior.mean_w > 0).all() and np.allclose(covariance, covariance.T) and least > 0)


LIMITS = st.floats(10, 2000)
TRAITS = st.lists(
    st.tuples(st.sampled_from(sorted(CATEGORY_SHARE)), st.integers(0, 5), st.floats(1e-3, 1e7)),
    min_size=1,
    max_size=30,
).map(lambda rows: traits_of(*map(list, zip(*rows, strict=True))))


@given(TRAITS, LIMITS)
def test_priors_by_name_are_distributions_that_scale_with_the_limit(
    traits: ClassTraits, limit_w: float
) -> None:
    prior, half = prior_by_name(traits, limit_w), prior_by_name(traits, limit_w / 2)

    assert is_prior(prior)
    assert prior.mean_w == pytest.approx(2 * half.mean_w)
    assert prior.covariance_w2 == pytest.approx(4 * half.covariance_w2)


@given(TRAITS, LIMITS, st.permutations(range(30)))
def test_the_order_of_classes_does_not_matter(
    traits: ClassTraits, limit_w: float, shuffled: list[int]
) -> None:
    order = np.array([place for place in shuffled if place < len(traits.category)])
    other = ClassTraits(
        [traits.category[place] for place in order],
        traits.kernel[order],
        traits.duration_us[order],
    )

    prior, again = prior_by_name(traits, limit_w), prior_by_name(other, limit_w)

    assert again.mean_w == pytest.approx(prior.mean_w[order])
    assert again.covariance_w2 == pytest.approx(prior.covariance_w2[np.ix_(order, order)])


@given(TRAITS, st.integers(0, 2**32), LIMITS)
def test_priors_by_activity_are_distributions_that_scale_with_the_limit(
    traits: ClassTraits, seed: int, limit_w: float
) -> None:
    rng = np.random.default_rng(seed)
    n_classes = len(traits.category)
    # parts that rest, and classes that are alike, among them
    activity = rng.uniform(0, 1.2, (n_classes, 4)) * (rng.random((n_classes, 4)) < 0.5)
    error = rng.uniform(0, 0.3, (n_classes, 4))
    activity[-1] = activity[0]

    prior = prior_by_activity(traits, activity, error, limit_w)
    half = prior_by_activity(traits, activity, error, limit_w / 2)

    assert is_prior(prior)
    assert prior.mean_w == pytest.approx(2 * half.mean_w)
    assert prior.covariance_w2 == pytest.approx(4 * half.covariance_w2)
