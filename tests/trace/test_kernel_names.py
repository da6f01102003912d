"""Short kernel names, by real full names of public traces and issues."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.trace.kernel_names import short_kernel_names

_AT = "void at::native::"
_FA3 = (
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<"
    "flash::CollectiveMainloopFwdSm90<2, cute::tuple<cute::C<1>, cute::C<1>, cute::C<1> >, "
    "cute::tuple<cute::C<{}>, cute::C<{}>, cute::C<{}> >, {}, cutlass::bfloat16_t, float, "
    "cutlass::arch::Sm90, {}, false, false, true, true, false, {}, false>, flash::"
    "CollectiveEpilogueFwd<cute::tuple<cute::C<128>, cute::C<128>, cute::C<128> >, cute::tuple<"
    "cute::C<1>, cute::C<1>, cute::C<1> >, cutlass::bfloat16_t, cutlass::arch::Sm90, 256, true, "
    "false, false, false>, flash::VarlenDynamicPersistentTileScheduler<128, 256, 32, false> > > >"
    "(P)"
)
_GROUPED = (
    "void cutlass::device_kernel<{}cutlass::gemm::kernel::GemmUniversal<cutlass::gemm::"
    "GroupProblemShape<cute::tuple<long, long, long>>, cutlass::gemm::collective::CollectiveMma<"
    "cutlass::gemm::MainloopSm90ArrayTmaGmmaWarpSpecialized<(int)12, cute::tuple<cute::C<(int)1>, "
    "cute::C<(int)2>, cute::C<(int)1>>, cutlass::gemm::KernelPtrArrayTmaWarpSpecialized{}>, "
    "cute::tuple<cute::C<(int){}>, cute::C<(int){}>, cute::C<(int)64>>, cutlass::{}, S>>>(T1::P)"
)
_PLAIN = (
    "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int,int,int>, "
    "cutlass::gemm::collective::CollectiveMma<cutlass::gemm::MainloopSm90TmaGmmaWarpSpecialized<9, "
    "cute::tuple<cute::C<1>,cute::C<1>,cute::C<1> >, cutlass::gemm::"
    "KernelTmaWarpSpecializedPingpong>, cute::tuple<cute::C<128>,cute::C<64>,cute::C<64> >, "
    "cutlass::bfloat16_t, X> > >(P)"
)
_DELTA = (
    "void cutlass::device_kernel<flat::kernel::FlatKernelTmaWarpSpecializedDeltaRule<flat::"
    "collective::FlatMainloopTmaWarpSpecializedDeltaRule<cutlass::bfloat16_t, float, float, "
    "cute::tuple<cute::C<64>, cute::C<64>, cute::C<128> >, X> > >(P)"
)
_FLASH = (
    "void {0}flash::flash_{1}_kernel<Flash_{2}_kernel_traits<{3}, false, false, cutlass::{4}, "
    "Flash_kernel_traits<{3}, cutlass::{4}> >, {5}>({0}flash::Flash_fwd_params)"
)
_FLASH_OF_NSYS = (
    "void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<(int)128, (int)128, (int)64, (int)4, "
    "(bool)0, (bool)0, cutlass::bfloat16_t, Flash_kernel_traits<(int)128, (int)128, (int)64, "
    "(int)4, cutlass::bfloat16_t>>, (bool)0, (bool)1, (bool)0, (bool)0, (bool)0, (bool)1, (bool)0, "
    "(bool)0>(flash::Flash_fwd_params)"
)
_PREFILL = (
    "void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::KernelTraits<(flashinfer::"
    "MaskMode){}, __nv_bfloat16, __nv_bfloat16, __nv_bfloat16, float, int, flashinfer::"
    "DefaultAttention<false, false, false, false> >, PagedParams>(PagedParams)"
)
_DEEP_GEMM = (
    "void deep_gemm::{}, 128u, 128u, 1u, true, (deep_gemm::GemmType){}>(__nv_bfloat16*, float*, "
    "int*, unsigned int, CUtensorMap_st)"
)
_COPY = (
    "at::native::direct_copy_kernel_cuda(at::TensorIteratorBase &)::[lambda() (instance 3)]::"
    "operator ()() const::[lambda() (instance 10)]::operator ()() const::[lambda({}) (instance 1)]"
)
_ONE_SHOT = "allreduce_fusion_kernel_oneshot_lamport"
_SDPA = "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1"
_LONG_TRITON = (
    "triton_red_fused__to_copy_abs_clamp_cutlass_scaled_mm_max_mul_reciprocal_unsqueeze_0"
)

# nsys's short name, full name -> name.
NAMES = [
    # CUTLASS
    (
        "Kernel2",
        ("void "
         "cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_64x3_tn_align8>"
        "(T1::Params)"),
        "cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_64x3_tn_align8",
    ),
    (
        "Kernel",
        "void cutlass::Kernel<cutlass_75_tensorop_f16_s1688gemm_f16_128x128_32x2_nn_align8>(P)",
        "cutlass_75_tensorop_f16_s1688gemm_f16_128x128_32x2_nn_align8",
    ),
    (
        "Kernel",
        ("void cutlass::Kernel<cutlass::gemm::kernel::GemmGrouped<cutlass::gemm::threadblock::"
        "MmaMultistage<cutlass::gemm::GemmShape<(int)64, (int)128, (int)32>, cutlass::half_t, "
        "float>>>(T1::Params)"),
        "GemmGrouped<64x128x32,f16>",
    ),
    ("device_kernel", _PLAIN, "GemmUniversal<sm90,128x64x64,bf16,pingpong>"),
    (
        "device_kernel",
        _GROUPED.format("", "Pingpong", 64, 128, "bfloat16_t"),
        "GemmUniversal<sm90,grouped,64x128x64,c1x2x1,bf16,pingpong>",
    ),
    (
        "device_kernel",
        _GROUPED.format(
            "at::cuda::detail::enable_3x_kernel_for_sm9x<", "Cooperative", 256, 128, "float_e4m3_t"
        ),
        "GemmUniversal<sm90,grouped,256x128x64,c1x2x1,e4m3,cooperative>",
    ),
    (
        "device_kernel",
        ("void "
         "cutlass::device_kernel<cutlass::fmha::kernel::Sm100FmhaFwdMlaKernelTmaWarpspecialized"
        "<cute::tuple<cute::C<128>, cute::C<128>, cute::tuple<cute::C<512>, cute::C<64>>>, "
        "cutlass::bfloat16_t>>(P)"),
        "Sm100FmhaFwdMlaKernelTmaWarpspecialized<128x128x512,bf16>",
    ),
    ("device_kernel", _DELTA, "FlatKernelTmaWarpSpecializedDeltaRule<64x64x128,bf16>"),
    # FlashAttention 3, 2, MLA, 4
    (
        "device_kernel",
        _FA3.format(128, 128, 192, 128, "true", "false, true, true, false, false"),
        "FlashAttnFwdSm90<128x128x192,v128,bf16,causal>",
    ),
    (
        "device_kernel",
        _FA3.format(64, 64, 64, 512, "false", "true, false, false, true, true"),
        "FlashAttnFwdSm90<64x64x64,v512,bf16,split>",
    ),
    (
        "device_kernel",
        ("void cutlass::device_kernel<flash::FlashAttnFwdCombine<cute::tuple<cute::C<8>, "
        "cute::C<128> >, 6, 256, 1, false, true, cutlass::bfloat16_t, float, cutlass::arch::Sm90> >"
        "(P)"),
        "FlashAttnFwdCombine<sm90,8x128,bf16>",
    ),
    ("flash_fwd_kernel", _FLASH_OF_NSYS, "flash_fwd_kernel<hd128,128x64,bf16,causal>"),
    (
        "flash_fwd_kernel",
        _FLASH.format(
            "pytorch_", "fwd", "fwd", "64, 128, 128, 4", "half_t",
            "false, false, false, false, true, true, false, false",
        ),
        "flash_fwd_kernel<hd64,128x128,f16>",
    ),
    (
        "flash_fwd_splitkv_kernel",
        _FLASH.format(
            "", "fwd_splitkv", "fwd", "128, 64, 128, 4", "bfloat16_t",
            "true, false, false, false, true, false, true, false",
        ),
        "flash_fwd_splitkv_kernel<hd128,64x128,bf16,causal,split>",
    ),
    (
        "flash_fwd_splitkv_kernel",
        _FLASH.format(
            "", "fwd_splitkv", "fwd", "128, 64, 128, 4", "bfloat16_t",
            "false, false, false, false, true, false, false, false",
        ),
        "flash_fwd_splitkv_kernel<hd128,64x128,bf16>",
    ),
    (
        "flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel",
        _FLASH.format(
            "", "bwd_dq_dk_dv_loop_seqk_parallel", "bwd", "128, 64, 128, 8, 2, 4, 2", "bfloat16_t",
            "false, true, false, false, true, true, false",
        ),
        "flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<hd128,64x128,bf16,causal>",
    ),
    (
        "flash_fwd_splitkv_mla_kernel",
        ("void "
         "flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<(int)576, (int)64, (int)64, "
        "(int)8, cutlass::bfloat16_t, (int)512>, (bool)0, flash::SharedStorageMLA<X>>(P)"),
        "flash_fwd_splitkv_mla_kernel<hd576,64x64,bf16>",
    ),
    (
        ("kernel_cutlass_kernel_flash_attncuteflash_fwd_sm100FlashAttentionForwardSm100_object_at__"
        "tensor0000o1281110_0"),
        "",
        "flash_attncuteflash_fwd_sm100FlashAttentionForwardSm100",
    ),
    (
        ("kernel_cutlass_kernel_flashinfernormkernelsfused_add_rmsnormFusedAddRMSNormKernel_object_"
        "at__tensorptrbf16gmemalign128o409640961_0"),
        "",
        "flashinfernormkernelsfused_add_rmsnormFusedAddRMSNormKernel<bf16>",
    ),
    # trtllm-gen
    (
        ("fmhaSm100fKernel_QkvBfloat16OBfloat16HQk576HV512HVPerCta256PagedKvDenseP64MultiCtasKv"
        "VarSeqQ16Kv128StaticSwapsAbForGen"),
        "",
        "fmhaSm100f_Bf16_Qk576V512c256PagedDenseP64MultiQ16Kv128SwapsGen",
    ),
    (
        ("fmhaSm103aKernel_QkvBfloat16OBfloat16HQk192HV128SeparateQkvCausalVarSeqQ128Kv128"
        "PersistentContext"),
        "",
        "fmhaSm103a_Bf16_Qk192V128SeparateCausalQ128Kv128PersContext",
    ),
    (
        ("fmhaSm100aKernel_QkvE4m3OBfloat16H64PagedKvSlidingOrChunkedCausalP16VarSeqQ128Kv128"
        "PersistentContext"),
        "",
        "fmhaSm100a_E4m3OBf16_H64PagedSlidingCausalP16Q128Kv128PersContext",
    ),
    (
        ("bmm_E4m3_E4m3E4m3_Fp32_t128x8x128u2_s8_et64x8_m64x8x32_c1x1x1_rM_TN_transOut_noShfl_dsFp8"
        "_schPd4x2x2x3_bN_tma_tmaSf_rgTma_clmp_lbW2_dynB_sm100f"),
        "",
        "bmm_E4m3_E4m3E4m3_Fp32_t128x8x128u2_s8_et64x8_schPd4x2x2x3",
    ),
    # DeepGEMM
    (
        "fp8_gemm_kernel",
        _DEEP_GEMM.format("fp8_gemm_kernel<4096u, 7168u, 256u, 128u, 128u, 0u, 128u, 4u, 3u", 2),
        "fp8_gemm_kernel<4096x7168,256x128x128,masked>",
    ),
    (
        "fp8_gemm_kernel",
        _DEEP_GEMM.format("fp8_gemm_kernel<2112u, 7168u, 64u, 32u, 128u, 0u, 64u, 1u, 8u", 0),
        "fp8_gemm_kernel<2112x7168,64x32x128>",
    ),
    (
        "sm90_fp8_gemm_1d2d_impl",
        _DEEP_GEMM.format(
            "sm90_fp8_gemm_1d2d_impl<(cute::UMMA::Major)0, 0u, 4096u, 7168u, 8u, 128u, 96u, 128u, "
            "128u",
            1,
        ),
        "sm90_fp8_gemm_1d2d_impl<4096x7168,128x96x128,contiguous>",
    ),
    (
        "sm100_fp8_gemm_1d1d_impl",
        _DEEP_GEMM.format(
            "sm100_fp8_gemm_1d1d_impl<(cute::UMMA::Major)0, (cute::UMMA::Major)0, (unsigned int)0, "
            "(unsigned int)7168, (unsigned int)2048, (unsigned int)128, (unsigned int)112, "
            "(unsigned int)128",
            0,
        ),
        "sm100_fp8_gemm_1d1d_impl<7168x2048,128x112x128>",
    ),
    # FlashInfer, vLLM, SGLang
    (
        "BatchPrefillWithPagedKVCacheKernel",
        _PREFILL.format("1, 128u, 2u, 2u, 8u, 8u, 4u, 1u, (flashinfer::PosEncodingMode)0"),
        "BatchPrefillWithPagedKVCacheKernel<hd128,q128,bf16,causal>",
    ),
    (
        "BatchPrefillWithPagedKVCacheKernel",
        _PREFILL.format("0, 16u, 1u, 4u, 4u, 4u, 1u, 4u, (flashinfer::PosEncodingMode)0"),
        "BatchPrefillWithPagedKVCacheKernel<hd64,q16,bf16>",
    ),
    (
        "BatchDecodeWithPagedKVCacheKernel",
        ("void "
         "flashinfer::BatchDecodeWithPagedKVCacheKernel<(flashinfer::PosEncodingMode)0, 2u, 4u,"
        " 8u, 16u, 8u, 1u, flashinfer::DefaultAttention<false, false, false, false>, flashinfer::"
        "BatchDecodeParams<__half, __half, __half, int> >(P)"),
        "BatchDecodeWithPagedKVCacheKernel<hd128,f16>",
    ),
    (
        "paged_attention_v1_kernel",
        ("void vllm::paged_attention_v1_kernel<unsigned short, unsigned short, 128, 16, 128, "
        "(vllm::Fp8KVCacheDataType)0, false>(float*)"),
        "paged_attention_v1_kernel<hd128,block16>",
    ),
    (
        "act_and_mul_kernel",
        ("void vllm::act_and_mul_kernel<c10::BFloat16, __nv_bfloat162, &vllm::silu_kernel<c10::"
        "BFloat16>, &vllm::packed_silu_kernel<__nv_bfloat162>, (bool)1>(T1 *)"),
        "act_and_mul_kernel<silu,bf16>",
    ),
    (
        "FusedAddRMSNormKernel",
        "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(__nv_bfloat16*)",
        "FusedAddRMSNormKernel<bf16>",
    ),
    ("Marlin", "void marlin_moe_wna16::Marlin<1125899906909960l>(P)", "marlin_moe_wna16::Marlin"),
    # Between GPUs
    (
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        None,
    ),
    (
        "dispatch",
        "void deep_ep::internode_ll::dispatch<(bool)1, (bool)1, (int)6144>(void *, void *, int *)",
        "deep_ep::internode_ll::dispatch",
    ),
    (
        "combine",
        "void deep_ep::intranode::combine<__nv_bfloat16, (int)2, (int)768, (int)4096>(T1 *)",
        "deep_ep::intranode::combine",
    ),
    (
        "notify_dispatch",
        "void deep_ep::internode::notify_dispatch<false, 4>(int const*)",
        "deep_ep::internode::notify_dispatch",
    ),
    (
        "cross_device_reduce_1stage",
        "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>(vllm::RankData*)",
        "cross_device_reduce_1stage<bf16,2>",
    ),
    (
        _ONE_SHOT,
        (f"void flashinfer::trtllm_allreduce_fusion::{_ONE_SHOT}<(flashinfer::"
        "trtllm_allreduce_fusion::AllReduceFusionPattern)1, __nv_bfloat16, 2, true, true>(X)"),
        f"{_ONE_SHOT}<pattern1,bf16,2>",
    ),
    (
        "two_shot_all_reduce_kernel_inplace",
        "void (anonymous namespace)::two_shot_all_reduce_kernel_inplace<c10::BFloat16, 16, 2>(X)",
        "two_shot_all_reduce_kernel_inplace<bf16>",
    ),
    # PyTorch
    (
        "vectorized_elementwise_kernel",
        _AT + "vectorized_elementwise_kernel<4, at::native::FillFunctor<float>, at::detail::Array<"
        "char*, 1> >(int, at::native::FillFunctor<float>, at::detail::Array<char*, 1>)",
        "vectorized_elementwise_kernel<fill,f32>",
    ),
    (
        "vectorized_elementwise_kernel",
        _AT + "vectorized_elementwise_kernel<8, at::native::bfloat16_copy_kernel_cuda(at::"
        "TensorIteratorBase&)::{lambda(float)#1}, std::array<char*, 2ul> >(int)",
        "vectorized_elementwise_kernel<bfloat16_copy,f32>",
    ),
    (
        "elementwise_kernel",
        _AT + "elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<at::native::"
        "BinaryFunctor<c10::BFloat16, c10::BFloat16, c10::BFloat16, at::native::binary_internal::"
        "MulFunctor<float> > >(at::TensorIteratorBase&)::{lambda(int)#1}>(int, X)",
        "elementwise_kernel<mul,bf16>",
    ),
    (
        "vectorized_elementwise_kernel",
        _AT + "vectorized_elementwise_kernel<(int)4, at::native::BUnaryFunctor<float, float, bool, "
        "at::native::<unnamed>::CompareFunctor<float>>, std::array<char *, (unsigned long)2>>(T3)",
        "vectorized_elementwise_kernel<compare_scalar,f32>",
    ),
    (
        "vectorized_elementwise_kernel",
        _AT + "vectorized_elementwise_kernel<(int)8, at::native::CUDAFunctorOnSelf_add<c10::"
        "BFloat16>, std::array<char *, (unsigned long)2>>(int, T2, T3)",
        "vectorized_elementwise_kernel<add_scalar,bf16>",
    ),
    (
        "elementwise_kernel",
        _AT + "elementwise_kernel<(int)128, (int)4, void at::native::gpu_kernel_impl_nocast<"
        + _COPY.format("c10::Half")
        + ">(at::TensorIteratorBase &, const T1 &)::[lambda(int) (instance 1)]>(int, T3)",
        "elementwise_kernel<direct_copy,f16>",
    ),
    (
        "elementwise_kernel",
        _AT + "elementwise_kernel<(int)128, (int)2, void at::native::gpu_kernel_impl_nocast<at::"
        "native::<unnamed>::where_kernel_impl(at::TensorIterator &)::[lambda() (instance 1)]::"
        "operator ()() const::[lambda(bool, float, float) (instance 1)]>(at::TensorIterator &)>",
        "elementwise_kernel<where,f32>",
    ),
    (
        "index_elementwise_kernel",
        _AT + "index_elementwise_kernel<128, 4, at::native::gpu_index_kernel<at::native::"
        "index_put_kernel_impl<at::native::OpaqueType<2> >(at::TensorIterator&)::{lambda(char*, "
        "char const*, long)#1}>(at::TensorIteratorBase&)::{lambda(int)#1}>(long)",
        "index_elementwise_kernel<index_put,2B>",
    ),
    (
        "vectorized_elementwise_kernel",
        _AT + "vectorized_elementwise_kernel<(int)8, at::native::GeluCUDAKernelImpl(at::"
        "TensorIteratorBase &, at::native::GeluType)::[lambda() (instance 1)]::operator ()() const"
        "::[lambda(c10::BFloat16) (instance 1)], std::array<char *, (unsigned long)2>>(int)",
        "vectorized_elementwise_kernel<gelu,bf16>",
    ),
    (
        "reduce_kernel",
        _AT + "reduce_kernel<(int)512, (int)1, at::native::ReduceOp<float, at::native::"
        "func_wrapper_t<float, at::native::sum_functor<float, float, float>::operator ()(at::"
        "TensorIterator &)::[lambda(float, float) (instance 1)]>, unsigned int, float, (int)4>>(T)",
        "reduce_kernel<sum,f32>",
    ),
    (
        "reduce_kernel",
        _AT + "reduce_kernel<512, 1, at::native::ReduceOp<c10::BFloat16, at::native::MeanOps<c10::"
        "BFloat16, float, float, c10::BFloat16>, unsigned int, c10::BFloat16, 4, 4> >(X)",
        "reduce_kernel<mean,bf16>",
    ),
    (
        "softmax_warp_forward",
        "void <unnamed>::softmax_warp_forward<float, float, float, (int)11, (bool)0, (bool)0>(T2)",
        "softmax_warp_forward<f32,11>",
    ),
    (
        "cunn_SoftMaxForward",
        _AT + "<unnamed>::cunn_SoftMaxForward<(int)4, float, float, float, at::native::<unnamed>::"
        "LogSoftMaxForwardEpilogue>(T4 *, const T2 *, int)",
        "cunn_SoftMaxForward<f32,log>",
    ),
    (
        "vectorized_layer_norm_kernel",
        _AT + "(anonymous namespace)::vectorized_layer_norm_kernel<c10::BFloat16, float, false>(X)",
        "vectorized_layer_norm_kernel<bf16>",
    ),
    (
        "multi_tensor_apply_kernel",
        "void multi_tensor_apply_kernel<TensorListMetadata<2>, L2NormFunctor<float>, float*>(long)",
        "multi_tensor_apply_kernel<l2norm,f32>",
    ),
    (
        "CatArrayBatchedCopy",
        _AT + "<unnamed>::CatArrayBatchedCopy<at::native::<unnamed>::OpaqueType<(unsigned int)2>, "
        "unsigned int, (int)3, (int)64, (int)64>(X)",
        "CatArrayBatchedCopy<2B,3d>",
    ),
    # CUB, Thrust, cuBLAS
    (
        "DeviceRadixSortOnesweepKernel",
        ("void at_cuda_detail::cub::DeviceRadixSortOnesweepKernel<at_cuda_detail::cub::"
        "DeviceRadixSortPolicy<float, at::cuda::cub::detail::OpaqueType<8>, unsigned long long>::"
        "Policy900, false, float>(X)"),
        "DeviceRadixSortOnesweepKernel<f32,i64>",
    ),
    (
        "_kernel_agent",
        ("void thrust::cuda_cub::core::_kernel_agent<thrust::cuda_cub::__parallel_for::"
        "ParallelForAgent<thrust::cuda_cub::__uninitialized_fill::functor<thrust::device_ptr<float>"
        ", float>, unsigned long>, X>(T2, T3)"),
        "ParallelForAgent<uninitialized_fill>",
    ),
    (
        "splitKreduce_kernel",
        "void cublasLt::splitKreduce_kernel<32, 16, int, float, __nv_bfloat16, float, true>(X)",
        "splitKreduce_kernel<32x16,f32,bf16>",
    ),
    (
        "kernel",
        ("std::enable_if<!T7, void>::type internal::gemvx::kernel<int, int, __nv_bfloat16, "
        "__nv_bfloat16, __nv_bfloat16, float, (bool)0, (bool)1>(T13)"),
        "gemvx::kernel<bf16,f32>",
    ),
    (
        ("sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize64x256x8_stage3_warpsize1x4x1_ffma_aligna4_"
        "alignc4_execute_split_k_kernel__5x_cublas"),
        "",
        "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_64x256x8_s3_w1x4x1_ffma_split_k",
    ),
    # Not in these families, but with a name that says nothing
    ("run_kernel", "void foo::run_kernel<foo::Stencil<float, 3>>(P)", "Stencil<f32>"),
    # As nsys has them
    ("nvjet_tst_192x192_64x4_2x1_v_bz_coopB_bias_TNN", "", None),
    ("triton_poi_fused_mul_silu_slice_1", "", None),
    (_LONG_TRITON, "", None),
    ("triton_per_fused__to_copy_native_layer_norm_0", "", None),
    ("_matmul_ogs_NNT_bf16xbf16xmxfp4_32x256x128x1_swiglu", "", None),
    (_SDPA, "", None),
    ("nvfuser_pointwise_f0_c1_r0_g0", "<unnamed>::nvfuser_pointwise_f0_c1_r0_g0(T)", None),
    ("vectorized_gather_kernel", _AT + "vectorized_gather_kernel<(int)16, long>(char *)", None),
    ("saxpy", "saxpy(double *, double *, double *, double, int)", None),
    ("jacobi_kernel", "void jacobi_kernel<32, 32>(float*, float const*)", None),
    ("kernel", "kernel(int)", None),
    ("kernel", "void (anonymous namespace)::kernel<128>(P)", None),
    ("memcpy HtoD", "[CUDA memcpy Host-to-Device]", None),
]  # fmt: skip
GENERIC = {"Kernel", "Kernel2", "device_kernel", "run_kernel", "_kernel_agent"}


def named(full: str, short: str) -> str:
    return str(short_kernel_names(pl.Series([full]), pl.Series([short]))[0])


@pytest.mark.parametrize(("short", "full", "name"), NAMES, ids=[name[0] for name in NAMES])
def test_real_names(short: str, full: str, name: str | None) -> None:
    assert named(full or short, short) == (name or short)


def test_names_are_short() -> None:
    long = [name for _, _, name in NAMES if name and len(name) > 64]

    # Class names of the CuTe DSL, of CUTLASS itself, and of cuBLAS leave no more room.
    assert max(map(len, long)) <= 70
    assert len(long) <= 6


def test_what_means_nothing_is_never_a_name() -> None:
    assert not {name for short, _, name in NAMES if name} & GENERIC


def test_spellings_of_nsys_and_of_demanglers_agree() -> None:
    for short, full, name in NAMES:
        other = full.replace("<unnamed>", "(anonymous namespace)").replace("(bool)1", "true")
        other = other.replace("(bool)0", "false").replace("(int)", "").replace("__nv_", "nv_")
        if "lambda(int)" not in full:
            assert named(other or short, short) == (name or short)


def test_types_have_one_spelling() -> None:
    spelled = ("__nv_bfloat16", "nv_bfloat16", "c10::BFloat16", "cutlass::bfloat16_t")
    full = "void vllm::rms_norm_kernel<{}, 8>(T1 *)"

    assert {named(full.format(text), "rms_norm_kernel") for text in spelled} == {
        "rms_norm_kernel<bf16>"
    }


def test_a_name_does_not_depend_on_its_neighbours() -> None:
    full = pl.Series([full or short for short, full, _ in NAMES])
    short = pl.Series("kernel", [short for short, _, _ in NAMES])

    together = short_kernel_names(full, short)

    assert together.name == "kernel"
    assert together.to_list() == [named(*pair) for pair in zip(full, short, strict=True)]
    assert short_kernel_names(full[:0], short[:0]).dtype == pl.String


def test_a_full_name_in_place_of_the_short_one_says_as_much() -> None:
    # Old exports may lack nsys's short name.
    for _, full, name in NAMES:
        if name and full:
            assert full.startswith("std::enable_if") or named(full, full) == name


TEXT = st.text("ab<>(), :0123xu_&*", min_size=1, max_size=60)
PIECES = st.lists(
    st.sampled_from(
        ["void ", "at::native::", "reduce_kernel", "<", ">", "(", ")", "ReduceOp<", "float", ", ",
         "(int)4", "128u", "cutlass::", "device_kernel", "Kernel2", "C<64>", "tuple<",
         "deep_gemm::", "flash_fwd_kernel", "elementwise_kernel", "::", "lambda(int)"]
    ),
    min_size=1, max_size=20,
).map("".join)  # fmt: skip
SHORT = st.sampled_from([short for short, _, _ in NAMES])


@given(st.one_of(TEXT, PIECES), st.one_of(SHORT, TEXT))
def test_a_name_is_never_empty(full: str, short: str) -> None:
    assert named(full, short)


@given(st.from_regex(r"\A[a-z_]{1,12}_k\Z"))
def test_plain_names_stay(name: str) -> None:
    assert named(name, name) == name
    assert named(f"{name}(int, float *)", name) == name


TILE = st.tuples(*[st.sampled_from((8, 16, 64, 96, 128, 192, 256))] * 2)


@given(TILE, TILE)
def test_another_tile_is_another_name(one: tuple[int, int], other: tuple[int, int]) -> None:
    def names(tile: tuple[int, int]) -> list[str]:
        m, n = tile
        grouped = _GROUPED.format("", "Pingpong", m, n, "bfloat16_t")
        deep = _DEEP_GEMM.format(f"fp8_gemm_kernel<{m}u, {n}u, {m}u, {n}u, 128u, 0u, 1u, 1u", 0)
        flash = _FA3.format(m, n, 128, 128, "true", "false, true, true, false, false")
        traits = f"128, {m}, {n}, 4"
        second = _FLASH.format("", "fwd", "fwd", traits, "half_t", "false, true, false, false")
        xmma = f"sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize{m}x{n}x8_stage3_execute_kernel"
        return [
            named(grouped, "device_kernel"),
            named(deep, "fp8_gemm_kernel"),
            named(flash, "device_kernel"),
            named(second, "flash_fwd_kernel"),
            named(xmma, xmma),
        ]

    same = [a == b for a, b in zip(names(one), names(other), strict=True)]
    assert set(same) == {one == other}
