"""The shipped rules on names as real programs have them."""

from __future__ import annotations

import polars as pl
import pytest

from tests.phases.naming import SHIPPED, Launched, classify, subphase, subphases

_FA3 = (
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<"
    "flash::CollectiveMainloopFwdSm90<2, cute::tuple<cute::C<1>, cute::C<1>, cute::C<1> >, "
    "cute::tuple<{tile}>, {v}, cutlass::bfloat16_t, float, cutlass::arch::Sm90, true> > > >(P)"
)
_OLD_DEEP_GEMM = (
    "void deep_gemm::fp8_gemm_kernel<{}, 256u, 128u, 128u, 0u, 128u, 1u, 3u, 128u, 128u, 2u, true, "
    "(deep_gemm::GemmType){}>(__nv_bfloat16*, float*, int*, unsigned int, CUtensorMap_st)"
)
_NEW_DEEP_GEMM = (
    "void deep_gemm::sm90_fp8_gemm_1d2d_impl<(cute::UMMA::Major)0, 0u, {}, 1u, 64u, 96u, 128u, "
    "(deep_gemm::GemmType){}>(float *, int *, unsigned int, CUtensorMap_st)"
)
_ELEMENTWISE = (
    "void at::native::vectorized_elementwise_kernel<(int)4, at::native::{}, "
    "std::array<char *, (unsigned long)3>>(int, T2, T3)"
)
_REDUCE = "void at::native::reduce_kernel<(int)512, (int)1, at::native::ReduceOp<float, {}>>(T3)"
_BATCH_MLA = (
    "fmhaSm100fKernel_QkvBfloat16OBfloat16HQk576HV512HVPerCta256PagedKvDenseP64MultiCtasKvVarSeq"
    "Q16Kv128StaticSwapsAbForGen"
)

KERNELS = {
    # Collectives
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "allreduce.nccl",
    "ncclDevKernel_AllReduce_Sum_f32_TREE_LL(ncclDevKernelArgsStorage<4096ul>)": "allreduce.nccl",
    "ncclKernel_AllReduce_RING_LL_Sum_half(ncclWorkElem)": "allreduce.nccl",
    "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "collective.allgather",
    "ncclKernel_AllGather_RING_LL_Sum_int8_t(ncclWorkElem)": "collective.allgather",
    "ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(x)": "collective.reducescatter",
    "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<(unsigned long)4096>)": "collective.sendrecv",
    "ncclDevKernel_Broadcast_RING_LL(x)": "collective.broadcast",
    "ncclDevKernel_Reduce_Sum_f32_RING_LL(x)": "collective.reduce",
    "ncclDevKernel_Generic_4(ncclDevKernelArgsStorage<4096ul>)": "collective",
    "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>(vllm::RankData*)": "allreduce.custom",
    "void vllm::cross_device_reduce_2stage<half, 2>(vllm::RankData*)": "allreduce.custom",
    "void (anonymous namespace)::multimem_all_reduce_kernel<c10::BFloat16, 16>(c10::BFloat16*)": (
        "allreduce.custom"
    ),
    "void (anonymous namespace)::two_shot_all_reduce_kernel_inplace<c10::BFloat16, 8>(x)": (
        "allreduce.custom"
    ),
    "void (anonymous namespace)::one_shot_all_reduce_kernel<c10::BFloat16, 16, 8>(x)": (
        "allreduce.custom"
    ),
    "void tensorrt_llm::kernels::oneShotAllReduceKernel<__nv_bfloat16, 8>(P)": "allreduce.custom",
    "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<"
    "(flashinfer::trtllm_allreduce_fusion::AllReduceFusionPattern)1, __nv_bfloat16, 8, false, "
    "false>(flashinfer::trtllm_allreduce_fusion::AllReduceFusionParams<__nv_bfloat16>)": (
        "allreduce.fused_norm"
    ),
    "void tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_twoshot_sync<(tensorrt_llm::"
    "kernels::ar_fusion::AllReduceFusionPattern)1, __nv_bfloat16, 8, true>(P)": (
        "allreduce.fused_norm"
    ),
    "void userbuffers_fp16_sum_inplace_gpu_mc<8>(int, int)": "allreduce.custom",
    "void userbuffers_fp16_sum_inplace_gpu_mc_rmsnorm<__nv_bfloat16, 8>(int)": (
        "allreduce.fused_norm"
    ),
    "void userbuffers_fp16_sum_inplace_gpu_mc_res_allgather<8>(int)": "collective.allgather",
    "void userbuffers_fp16_sum_inplace_gpu_rw_ag<2>(int, int, int)": "collective.allgather",
    "void userbuffers_fp16_sum_inplace_gpu_rr_rs<2>(int, int, int)": "collective.reducescatter",
    "void userbuffers_fp16_sum_inplace_gpu_rr_rs_oop<2>(int, int)": "collective.reducescatter",
    "triton_poi_fused_add_all_reduce_4": "allreduce.custom",
    # Experts travel
    "void deep_ep::internode_ll::dispatch<true, 3, 10, 7168>(void*, float*)": "moe.dispatch",
    "void deep_ep::internode_ll::combine<3, 10, 7168, 9>(void*, void*)": "moe.combine",
    "void deep_ep::internode::notify_dispatch<false, 4>(int const*)": "moe.dispatch",
    "void deep_ep::internode::get_dispatch_layout<256, 32, 8>(long const*)": "moe.dispatch",
    "void deep_ep::internode::dispatch<false, 4, false, 7, 4>(int4*)": "moe.dispatch",
    "void deep_ep::internode::cached_notify<false>(int)": "moe.combine",
    "void deep_ep::internode::combine<false, 4, __nv_bfloat16, 16>(int4*)": "moe.combine",
    "void deep_ep::intranode::dispatch<8, 768>(int4*)": "moe.dispatch",
    "void deep_ep::intranode::combine<__nv_bfloat16, 8, 768>(int4*)": "moe.combine",
    "void tensorrt_llm::kernels::moe_comm::moeA2ADispatchKernel<8>(P)": "moe.dispatch",
    "void tensorrt_llm::kernels::moe_comm::moeA2APrepareDispatchKernel(P)": "moe.dispatch",
    "void tensorrt_llm::kernels::moe_comm::moeA2ACombineKernel<__nv_bfloat16, 8>(P)": "moe.combine",
    "void tensorrt_llm::kernels::moe_comm::moeA2APrepareCombineKernel(P)": "moe.combine",
    # Latent attention
    "void flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<576, 64>>(P)": "attention.mla",
    "void flash::flash_fwd_splitkv_mla_combine_kernel<T>(P)": "attention.mla",
    "void flash_fwd_mla_combine_kernel<cutlass::bfloat16_t, float, long, 512, 32>(P)": (
        "attention.mla"
    ),
    "get_mla_metadata_kernel(Mla_metadata_params)": "attention.mla",
    "void sm90::fwd::sparse_attn_fwd_kernel<sm90::fwd::KernelTemplate<512, true>>(P)": (
        "attention.mla"
    ),
    _BATCH_MLA: "attention.mla",
    _FA3.format(tile="cute::C<64>, cute::C<64>, cute::C<64> ", v=512): "attention.mla",
    _FA3.format(tile="cute::C<128>, cute::C<128>, cute::C<192> ", v=128): "attention.core",
    "void tensorrt_llm::kernels::applyMLARopeAndAssignQKVKernelGeneration<__nv_bfloat16>(P)": (
        "attention.q_up_rope"
    ),
    "void vllm::concat_and_cache_mla_kernel<__nv_bfloat16, unsigned char>(P)": "attention.kv_cache",
    "set_mla_kv_buffer_kernel": "attention.kv_cache",
    "void deep_gemm::sm100_fp8_paged_mqa_logits<64u, 128u>(P)": "attention.indexer",
    "void tensorrt_llm::kernels::indexerKCacheScatterUnifiedKernel(P)": "attention.indexer",
    "void tensorrt_llm::kernels::topKPerRowDecode<1024, true>(P)": "attention.indexer",
    "void fused_a_gemm_kernel<1, 2112, 7168, 16>(P)": "attention.qkv_proj",
    _OLD_DEEP_GEMM.format("2112u, 7168u", 0): "attention.qkv_proj",
    _NEW_DEEP_GEMM.format("2112u, 7168u", 0): "attention.qkv_proj",
    _OLD_DEEP_GEMM.format("24576u, 1536u", 0): "attention.q_up_rope",
    _OLD_DEEP_GEMM.format("32768u, 512u", 0): "attention.qkv_proj",
    _OLD_DEEP_GEMM.format("7168u, 16384u", 0): "attention.out_proj",
    # Experts
    _OLD_DEEP_GEMM.format("4096u, 7168u", 1): "moe.routed_fc1",
    _OLD_DEEP_GEMM.format("7168u, 2048u", 1): "moe.routed_fc2",
    _OLD_DEEP_GEMM.format("4096u, 7168u", 2): "moe.routed_fc1",
    _OLD_DEEP_GEMM.format("7168u, 2048u", 2): "moe.routed_fc2",
    _NEW_DEEP_GEMM.format("512u, 7168u", 1): "moe.routed_fc1",
    _NEW_DEEP_GEMM.format("7168u, 256u", 1): "moe.routed_fc2",
    _OLD_DEEP_GEMM.format("4096u, 7168u", 0): "moe.shared_fc1",
    # The shared expert's second product has the shape of attention's output over eight GPUs.
    _OLD_DEEP_GEMM.format("7168u, 2048u", 0): "other.gemm",
    _NEW_DEEP_GEMM.format("36864u, 7168u", 0): "mlp.fc1",
    _NEW_DEEP_GEMM.format("7168u, 2304u", 0): "mlp.fc2",
    _NEW_DEEP_GEMM.format("34816u, 5120u", 0): "other.gemm",
    _NEW_DEEP_GEMM.format("1536u, 2048u", 1): "moe.routed",
    "fused_moe_kernel": "moe.routed",
    "fused_moe_kernel_gptq_awq": "moe.routed",
    "void marlin_moe_wna16::Marlin<1125899906909960l, 562949953487106l>(P)": "moe.routed",
    "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cutlass::gemm::"
    "GroupProblemShape<cute::tuple<long, long, long>>, X>>(P)": "moe.routed",
    "_matmul_ogs_NNT_bf16xbf16xmxfp4_32x256x128x1_swiglu": "moe.routed",
    "bmm_E2m1_E2m1E2m1_Fp32_t128x8x512_s6_et128x8_m128x8x64_cga1x1x1_16dp256b_TN_transOut_schedS": (
        "moe.routed_fc1"
    ),
    "bmm_Bfloat16_E2m1E2m1_Fp32_t128x8x512_s6_et128x8_m128x8x64_cga1x1x1_TN_transOut_schedS": (
        "moe.routed_fc2"
    ),
    "bmm_MxE4m3_MxE2m1MxE4m3_Fp32_t128x16x256_s4": "moe.routed_fc1",
    "bmm_E4m3_E4m3E4m3_Fp32_t128x8x128_s7": "moe.routed_fc1",
    "void moe_align_block_size_kernel<int>(int*, int*)": "moe.gather",
    "void vllm::moe::count_and_sort_expert_tokens_kernel<int>(int const*)": "moe.gather",
    "_moe_align_small_numel_kernel": "moe.gather",
    "void tensorrt_llm::kernels::cutlass_kernels::expandInputRowsKernel<__nv_bfloat16>(P)": (
        "moe.gather"
    ),
    "void tensorrt_llm::kernels::cutlass_kernels::computeStridesTmaWarpSpecializedKernel<T>(P)": (
        "moe.gather"
    ),
    "void tensorrt_llm::kernels::cutlass_kernels::blockExpertPrefixSumKernel<1024>(P)": (
        "moe.gather"
    ),
    "_fwd_kernel_ep_scatter_2": "moe.gather",
    "_fwd_kernel_ep_gather": "moe.scatter",
    "void tensorrt_llm::kernels::cutlass_kernels::finalizeMoeRoutingKernel<__nv_bfloat16>(P)": (
        "moe.scatter"
    ),
    "void moe::dev::finalize::finalizeKernel<moe::dev::finalize::KernelParams<T>>(P)": (
        "moe.scatter"
    ),
    "void vllm::moe::moe_sum_kernel<c10::BFloat16, 8>(P)": "moe.scatter",
    "void tensorrt_llm::kernels::cutlass_kernels::doActivationKernel<__nv_bfloat16>(P)": (
        "moe.activation"
    ),
    "_silu_and_mul_post_quant_kernel": "moe.activation",
    "void moe::dev::routing::routingDeepSeek::routingMainKernel<T>(T1)": "moe.router",
    "void moe::dev::routing::routingCustom::routingIndicesClusterKernel<T>(P)": "moe.router",
    "void tensorrt_llm::kernels::deepseek_v3_topk_kernel<float, float, int, 256>(P)": "moe.router",
    "void tensorrt_llm::kernels::dsv3MinLatencyKernels::router_gemm_kernel<__nv_bfloat16>(P)": (
        "moe.router"
    ),
    "void vllm::moe::topkGatingSoftmax<8, 256, 4, 16, int>(float const*)": "moe.router",
    "void vllm::moe::topkGatingSoftplusSqrt<8, 256>(float const*)": "moe.router",
    "void vllm::moe::grouped_topk_fused_kernel<float>(P)": "moe.router",
    "void moe_fused_gate_kernel<float, 32, 8>(P)": "moe.router",
    # Attention
    "void flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4>>(P)": "attention.core",
    "void pytorch_flash::flash_fwd_kernel<T>(pytorch_flash::Flash_fwd_params)": "attention.core",
    "void flash::flash_fwd_splitkv_kernel<T>(flash::Flash_fwd_params)": "attention.core",
    "void flash::flash_fwd_splitkv_combine_kernel<T>(flash::Flash_fwd_params)": "attention.core",
    "void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<T>(P)": "attention.core.bwd",
    "void flash::flash_bwd_dot_do_o_kernel<true, T>(P)": "attention.core.bwd",
    "flash::prepare_varlen_num_blocks_kernel(int, int)": "attention.core",
    "fmha_cutlassF_bf16_aligned_64x128_rf_sm80(PyTorchMemEffAttention::AttentionKernel<T>)": (
        "attention.core"
    ),
    "fmha_cutlassB_bf16_aligned_128x128_k128_sm80(PyTorchMemEffAttention::X)": "attention.core",
    "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1": (
        "attention.core"
    ),
    "cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16_knob_26_64x64x128_1x": (
        "attention.core.bwd"
    ),
    "void vllm::paged_attention_v1_kernel<unsigned short, 128, 16, 128>(P)": "attention.core",
    "void vllm::paged_attention_v2_reduce_kernel<__nv_bfloat16, 128, 128, 512>(P)": (
        "attention.core"
    ),
    "kernel_unified_attention_2d": "attention.core",
    "_fwd_grouped_kernel_stage1": "attention.core",
    "_fwd_kernel_stage2": "attention.core",
    "void flashinfer::BatchPrefillWithPagedKVCacheKernel<T>(P)": "attention.core",
    "void flashinfer::BatchPrefillWithRaggedKVCacheKernel<T>(P)": "attention.core",
    "void flashinfer::BatchDecodeWithPagedKVCacheKernel<T>(P)": "attention.core",
    "fmhaSm100fKernel_QkvBfloat16OBfloat16H64PagedKvCausalP64VarSeqQ128Kv128PersistentContext": (
        "attention.core"
    ),
    "fmha_v2_flash_attention_bf16_64_128_S_qkv_192x128_causal_tma_ws_sm90_kernel": "attention.core",
    "void tensorrt_llm::kernels::masked_multihead_attention_kernel<__half, 128>(P)": (
        "attention.core"
    ),
    "triton_tem_fused_flex_attention_0": "attention.core",
    "qk_int8_sv_f8_accum_f32_attn_inst_buf": "attention.core",
    "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16>(P)": "attention.kv_cache",
    "void tensorrt_llm::kernels::applyBiasRopeUpdateKVCacheV2<__nv_bfloat16>(P)": (
        "attention.kv_cache"
    ),
    "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*)": "attention.rope",
    "void flashinfer::BatchQKApplyRotaryPosIdsCosSinCacheKernel<T>(P)": "attention.rope",
    "void transformer_engine::fused_rope_forward_kernel<__nv_bfloat16>(P)": "attention.rope",
    "void scaled_upper_triang_masked_softmax_warp_forward<half, half, float, 11>(P)": (
        "attention.core"
    ),
    # Norms
    "void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16*)": "norm.rms",
    "void vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*)": "norm.rms",
    "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(P)": "norm.rms",
    "void flashinfer::norm::RMSNormKernel<8u, __nv_bfloat16>(P)": "norm.rms",
    "void tensorrt_llm::kernels::generalRmsNorm<__nv_bfloat16>(P)": "norm.rms",
    "void transformer_engine::normalization::rmsnorm_fwd_general_kernel<T>(P)": "norm.rms",
    "void transformer_engine::normalization::rmsnorm_bwd_finalize_general_kernel<T>(P)": (
        "norm.rms.bwd"
    ),
    "void transformer_engine::normalization::ln_fwd_tuned_kernel<T>(P)": "norm.layer",
    "void at::native::<unnamed>::vectorized_layer_norm_kernel<float, float, (bool)0>(P)": (
        "norm.layer"
    ),
    "void at::native::(anonymous namespace)::GammaBetaBackwardCUDAKernel<float, float>(P)": (
        "norm.layer.bwd"
    ),
    "triton_per_fused__to_copy_native_layer_norm_0": "norm.layer",
    "_layer_norm_fwd_1pass_kernel": "norm.layer",
    # Activations
    "void vllm::act_and_mul_kernel<c10::BFloat16, &(vllm::silu_kernel), true>(P)": "mlp.activation",
    "void flashinfer::activation::act_and_mul_kernel<__nv_bfloat16, &(silu)>(P)": "mlp.activation",
    "void vllm::silu_and_mul_kernel<c10::BFloat16>(P)": "mlp.activation",
    _ELEMENTWISE.format("GeluCUDAKernelImpl(at::TensorIteratorBase &)"): "mlp.activation",
    _ELEMENTWISE.format("(anonymous namespace)::silu_kernel(at::TensorIteratorBase&)"): (
        "mlp.activation"
    ),
    # Quantization
    "void vllm::dynamic_per_token_scaled_fp8_quant_kernel_strided<c10::BFloat16>(P)": "quantize",
    "void vllm::scaled_fp8_quant_kernel<c10::BFloat16>(P)": "quantize",
    "void per_token_group_quant_8bit_kernel<__nv_bfloat16, c10::Float8_e4m3fn, false>(P)": (
        "quantize"
    ),
    "_per_token_group_quant_fp8": "quantize",
    "void tensorrt_llm::kernels::quantize_with_block_size<(tensorrt_llm::"
    "BlockScaleQuantizationType)2, __nv_bfloat16, 32, true>(P)": "quantize",
    "void tensorrt_llm::kernels::fp8_blockscale_gemm::scale_1x128_kernel<__nv_bfloat16>(P)": (
        "quantize"
    ),
    "_per_token_quant_and_transform_kernel": "quantize",
    # Ends of the model
    "void at::native::vectorized_gather_kernel<(int)16, long>(char *, char *)": "embedding",
    "void at::native::(anonymous namespace)::embedding_backward_feature_kernel<float>(P)": (
        "embedding.bwd"
    ),
    "void at::native::<unnamed>::nll_loss_backward_reduce_cuda_kernel_2d<float, long>(P)": (
        "lm_head.loss.bwd"
    ),
    "void flashinfer::sampling::TopKTopPSamplingFromProbKernel<1024u>(P)": "sampling",
    "void flashinfer::sampling::OnlineSoftmaxFusedKernel<1024u>(P)": "sampling",
    "void cub::DeviceRadixSortOnesweepKernel<cub::DeviceRadixSortPolicy<float, long>>(P)": (
        "sampling"
    ),
    "void at::native::sbtopk::gatherTopK<float, unsigned int, 2, false>(P)": "sampling",
    _REDUCE.format("at::native::ArgMaxOps<float>"): "sampling",
    "void at::native::(anonymous namespace)::sampleMultinomialOnce<float, float>(P)": "sampling",
    "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<TensorListMetadata<4>, "
    "at::native::(anonymous namespace)::FusedAdamMathFunctor<float, 4>>(P)": "optimizer",
    "void multi_tensor_apply_kernel<TensorListMetadata<2>, L2NormFunctor<float>>(P)": "optimizer",
    # No context: products, copies, reductions
    "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_bias_TNN": "other.gemm",
    "nvjet_sm100_tst_64x8_64x16_2x1_v_bz_TNT": "other.gemm",
    "ampere_sgemm_128x64_tn": "other.gemm",
    "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize64x256x8_stage3_execute_split_k_kernel__5x": (
        "other.gemm"
    ),
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_64x3_tn>(P)": (
        "other.gemm"
    ),
    "void cublasLt::splitKreduce_kernel<32, 16, int, float, __nv_bfloat16>(P)": "other.gemm",
    "void gemv2T_kernel_val<int, int, float, float, float, 128, 16, 4, 4>(P)": "other.gemm",
    "void marlin::Marlin<__nv_bfloat16, 128, 4, 4, 8>(P)": "other.gemm",
    "_w8a8_block_fp8_matmul": "other.gemm",
    "triton_tem_fused_mm_3": "other.gemm",
    _REDUCE.format("at::native::MaxOps<float>"): "other.reduction",
    _ELEMENTWISE.format("CUDAFunctor_add<float>"): "other.elementwise",
    _ELEMENTWISE.format("FillFunctor<float>"): "other.copy",
    "void at::native::(anonymous namespace)::CatArrayBatchedCopy<T, unsigned int, 3, 64, 64>(P)": (
        "other.copy"
    ),
    "triton_poi_fused_mul_squeeze_0": "other.elementwise",
    "triton_red_fused_add_sum_0": "other.reduction",
    "softmax_warp_forward": "other.softmax",
    "<unnamed>::nvfuser_inner_persistent_f1_c1_r0_g2(<unnamed>::Tensor<float>)": "other.reduction",
    "void implicit_convolve_sgemm<float, float, 128, 6, 7, 3, 3, 5, 1>(P)": "other.gemm",
    # Not of this world
    "saxpy(double *, double *, double *, double, int)": "unclassified",
    "void jacobi_kernel<32, 32>(float*, float const*, float*, int, int, int, bool)": "unclassified",
    "vectorAdd(const float *, const float *, float *, int)": "unclassified",
    "void probe_group_by_GPU2<128, 4>(int*, int*)": "unclassified",
}

_MEGATRON = "megatron.core.transformer."
RANGES = {
    # vLLM and TensorRT-LLM hooks write the module as a dictionary
    "{'Module': 'model.layers.3.self_attn.qkv_proj', 'Inputs': [[8, 4096]]}": "attention.qkv_proj",
    "{'Module': 'model.layers.3.self_attn.attn', 'TrainableParams': {}}": "attention.core",
    "{'Module': 'model.layers.3.self_attn.o_proj', 'Inputs': [[8, 4096]]}": "attention.out_proj",
    "{'Module': 'model.layers.3.self_attn.rotary_emb'}": "attention.rope",
    "{'Module': 'model.layers.3.self_attn', 'Inputs': []}": "attention",
    "{'Module': 'model.layers.3.self_attn.mla_attn', 'Inputs': []}": "attention.mla",
    "{'Module': 'model.layers.3.self_attn.q_b_proj'}": "attention.q_up_rope",
    "{'Module': 'model.layers.3.self_attn.kv_a_proj_with_mqa'}": "attention.qkv_proj",
    "{'Module': 'model.layers.3.self_attn.kv_a_layernorm'}": "norm",
    "{'Module': 'model.layers.3.mlp.gate_up_proj', 'Inputs': [[8, 4096]]}": "mlp.fc1",
    "{'Module': 'model.layers.3.mlp.down_proj', 'Inputs': [[8, 14336]]}": "mlp.fc2",
    "{'Module': 'model.layers.3.mlp.act_fn'}": "mlp.activation",
    "{'Module': 'model.layers.3.mlp.gate'}": "moe.router",
    "{'Module': 'model.layers.3.mlp.experts'}": "moe",
    "{'Module': 'model.layers.3.mlp.shared_experts.gate_up_proj'}": "moe.shared_fc1",
    "{'Module': 'model.layers.3.mlp.shared_experts.down_proj'}": "moe.shared_fc2",
    "{'Module': 'model.layers.3.input_layernorm'}": "norm",
    "{'Module': 'model.embed_tokens'}": "embedding",
    "{'Module': 'lm_head'}": "lm_head",
    "{'Module': 'sampler'}": "sampling",
    # Hugging Face
    "model.layers.0.mlp.experts.5.down_proj": "moe.routed_fc2",
    "model.layers.0.mlp.experts.5.gate_proj": "moe.routed_fc1",
    "model.layers.0.block_sparse_moe": "moe",
    "transformer.h.7.attn.c_attn": "attention.qkv_proj",
    "transformer.h.7.attn.c_proj": "attention.out_proj",
    "transformer.h.7.mlp.c_fc": "mlp.fc1",
    "transformer.h.7.mlp.c_proj": "mlp.fc2",
    "transformer.h.7.ln_1": "norm",
    "transformer.wte": "embedding",
    "nn.Module: LlamaSdpaAttention_3": "attention",
    "LlamaAttention": "attention",
    "LlamaSdpaAttention": "attention",
    "Qwen2MLP": "mlp",
    "LlamaRMSNorm": "norm.rms",
    "DeepseekV3Attention": "attention",
    "DeepseekV3MoE": "moe",
    "MixtralSparseMoeBlock": "moe",
    "Optimizer.step#AdamW.step": "optimizer",
    # Megatron Core
    _MEGATRON + "attention.SelfAttention.forward.qkv": "attention.qkv_proj",
    _MEGATRON + "attention.SelfAttention.forward.core_attention": "attention.core",
    _MEGATRON + "attention.SelfAttention.forward.linear_proj": "attention.out_proj",
    _MEGATRON + "attention.SelfAttention.forward.rotary_pos_emb": "attention.rope",
    _MEGATRON + "transformer_layer.TransformerLayer._forward_attention.self_attention": "attention",
    _MEGATRON + "transformer_layer.TransformerLayer._forward_attention.input_layernorm": "norm",
    _MEGATRON + "transformer_layer.TransformerLayer._forward_mlp.mlp": "mlp",
    _MEGATRON + "transformer_layer.TransformerLayer._forward_mlp.mlp_bda": "other.residual",
    _MEGATRON + "mlp.MLP.forward.linear_fc1": "mlp.fc1",
    _MEGATRON + "mlp.MLP.forward.activation": "mlp.activation",
    _MEGATRON + "mlp.MLP.forward.linear_fc2": "mlp.fc2",
    # TensorRT engines
    "LlamaForCausalLM/transformer/layers/3/attention/qkv/MATRIX_MULTIPLY_0": "attention.qkv_proj",
    "LlamaForCausalLM/transformer/layers/3/attention/dense/MATRIX_MULTIPLY_0": "attention.out_proj",
    "LlamaForCausalLM/transformer/layers/3/mlp/proj/MATRIX_MULTIPLY_0": "mlp.fc2",
    # PyTorch operators
    "aten::scaled_dot_product_attention, seq = 12": "attention.core",
    "aten::layer_norm, op_id = 7": "norm.layer",
    "aten::embedding, seq = 1": "embedding",
    "aten::mm, op_id = 3": "other.gemm",
    "aten::add, op_id = 3": "unclassified",
    "MmBackward0, seq = 12": "other.gemm.bwd",
    "ScaledDotProductFlashAttentionBackward0, seq = 3": "attention.core.bwd",
    # Marks that say nothing of the phase
    "[Executor] _forward_step 12: 0 ctx reqs, 32 gen reqs": "unclassified",
    "gpu_model_runner: forward": "unclassified",
    "gpu_model_runner: sample": "sampling",
    "step[DECODE bs=32]": "unclassified",
    "warmup": "unclassified",
    "mla": "attention",
    "moe": "moe",
    "layer_0": "unclassified",
    # Marks by hand
    "scaled dot product attention": "attention.core",
    "computing attention scores": "attention.core",
    "computing softmax": "attention.core",
}

STEPS = {
    "[Executor] _forward_step 12: 0 ctx reqs, 32 gen reqs": True,
    "[Executor] _forward_step 12: 1 ctx reqs, 512 ctx tokens, 31 gen reqs": True,
    "execute_context_2(128)_generation_30(30)": True,
    "step[DECODE bs=32]": True,
    "step[EXTEND bs=17 toks=8192]": True,
    "ProfilerStep#3": True,
    "iteration 7": True,
    "train_step 12": True,
    "optimizer_step": False,
    "model.layers.3.mlp": False,
    "stepping stone": False,
}


def test_enough_names_are_tried() -> None:
    assert len(KERNELS) + len(RANGES) >= 150


@pytest.fixture(scope="module")
def of_kernels() -> dict[str, str]:
    return dict(zip(KERNELS, subphases([Launched(name) for name in KERNELS]), strict=True))


@pytest.fixture(scope="module")
def of_ranges() -> dict[str, str]:
    launched = [Launched("some_kernel", (text,)) for text in RANGES]
    return dict(zip(RANGES, subphases(launched), strict=True))


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_names(name: str, of_kernels: dict[str, str]) -> None:
    assert of_kernels[name] == KERNELS[name]


@pytest.mark.parametrize("text", RANGES)
def test_range_names(text: str, of_ranges: dict[str, str]) -> None:
    assert of_ranges[text] == RANGES[text]


@pytest.mark.parametrize("text", STEPS)
def test_step_names(text: str) -> None:
    found = any(pl.Series([text]).str.contains(p).item() for p in SHIPPED.step_patterns)

    assert found is STEPS[text]


def test_short_names_inside_each_other() -> None:
    gemm = "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_bias_TNN"

    assert subphase(gemm, "mlp", "gate_proj") == "mlp.fc1"
    assert subphase(gemm, "moe", "experts", "gate_proj") == "moe.routed_fc1"
    assert subphase(gemm, "moe", "shared_experts", "down_proj") == "moe.shared_fc2"
    assert subphase(gemm, "mlp", "experts") == "moe"


def test_sorting_in_the_router_is_not_sampling() -> None:
    sort = "void cub::DeviceRadixSortOnesweepKernel<cub::DeviceRadixSortPolicy<float, long>>(P)"

    assert subphase(sort, "DeepseekV3MoE") == "moe.router"
    assert subphase(sort, "sampler") == "sampling"


def test_an_ambiguous_shape_is_told_by_its_range() -> None:
    product = _OLD_DEEP_GEMM.format("7168u, 2048u", 0)

    assert subphase(product, "mla") == "attention.out_proj"
    assert subphase(product, "moe") == "moe.shared_fc2"
    assert subphase(product) == "other.gemm"


def test_deepseek_names_make_attention_mla() -> None:
    assert classify([Launched(_BATCH_MLA)]).labels["attention"] == "MLA"
