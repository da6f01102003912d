"""Kernel names that four frameworks launch, as their public traces and sources have them.

Each with the subphase that its name alone can tell, by hand; a product or an element-wise kernel
says no more than that.
"""

from __future__ import annotations

_SM100 = "void deep_gemm::sm100_fp8_gemm_1d1d_impl<(cute::UMMA::Major)0, (cute::UMMA::Major)0, {}>"
_OLD = "void deep_gemm::fp8_gemm_kernel<{}, 128u, 160u, 128u, 0u, 64u, 9u, 4u, 128u, 128u, 1u, true"
_FLASH3 = (
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<flash::"
    "CollectiveMainloopFwdSm90<2, cute::tuple<cute::C<1>, cute::C<1>, cute::C<1> >, cute::tuple<"
    "cute::C<128>, cute::C<80>, cute::C<256> >, 256, cutlass::bfloat16_t, float, X> > > >(P)"
)
_AT = "void at::native::"
_TRT = "void tensorrt_llm::kernels::"
_CUTLASS_MOE = _TRT + "cutlass_kernels::"
_TE = "void transformer_engine::"
_DSL = "kernel_cutlass_kernel_"

TENSORRT_LLM = {
    "fmhaSm103aKernel_QkvBfloat16OBfloat16HQk192HV128SeparateQkvCausalVarSeqQ128Kv128Persistent"
    "Context": "attention.mla",
    "fmhaSm100fKernel_QkvBfloat16OBfloat16HQk576HV512PagedKvDenseP32VarSeqQ16Kv128Persistent"
    "SwapsAbForGen": "attention.mla",
    "fmhaSm100fKernel_QkvE4m3OBfloat16HQk576HV512PagedKvDenseStaticTokenSparseP1VarSeqQ8Kv128"
    "PersistentSwapsAbForGen": "attention.mla",
    "fmhaSm100fKernel_QkvBfloat16OBfloat16H128PagedKvCausalP64VarSeqQ128Kv128PersistentContext": (
        "attention.core"
    ),
    _TRT + "fmhaReductionKernel<128, true>(P)": "attention.core",
    "fmha_v2_flash_attention_e4m3_64_128_S_qkv_192x128_causal_tma_ws_sm90_kernel": "attention.core",
    _TRT + "mmha::masked_multihead_attention_kernel<__nv_bfloat16, __nv_fp8_e4m3, 256>(P)": (
        "attention.core"
    ),
    "kernel_mha": "attention.core",
    _TRT + "applyMLARopeAndAssignQKVKernelOptContext<__nv_bfloat16, (int)256>(T1 *)": (
        "attention.q_up_rope"
    ),
    _TRT + "applyMLARopeAppendPagedKVAssignQKernel<__nv_bfloat16>(P)": "attention.q_up_rope",
    _TRT + "loadPagedKVCacheForMLAKernel<__nv_bfloat16>(P)": "attention.kv_cache",
    _TRT + "applyBiasRopeUpdateKVCacheV2<__nv_bfloat16, KVBlockArray>(P)": "attention.kv_cache",
    _TRT + "updateSparseKvCacheAfterFmha<__nv_bfloat16>(P)": "attention.kv_cache",
    _TRT + "fusedQKNormRopeKernel<128, false>(P)": "attention.rope",
    _TRT + "computeSeqAndPaddingOffsets<int, 256>(P)": "attention.kv_cache",
    "fused_a_gemm_kernel": "attention.qkv_proj",
    _TRT + "dsv3MinLatencyKernels::router_gemm_kernel<__nv_bfloat16, 128, 8, 1, 256, 7168>(P)": (
        "moe.router"
    ),
    "void moe::dev::routing::routingRenormalize::routingIndicesClusterKernel<T>(P)": "moe.router",
    "void moe::dev::routing::routingDeepSeek::routingIndicesCoopKernel<T>(P)": "moe.router",
    _TRT + "customMoeRoutingKernel<float, __nv_bfloat16, int, 128, 8>(P)": "moe.router",
    _TRT + "deepseek_v3_topk_kernel<float, __nv_bfloat16, int, 256>(P)": "moe.router",
    "bmm_MxE4m3_MxE2m1MxE4m3_Fp32_Ab32_Bb32_Cb32_t128x8x512u2_s3_et128x8_m128x8x32_c1x1x1_swiGlu": (
        "moe.routed_fc1"
    ),
    "bmm_Bfloat16_E4m3E4m3_Fp32_t128x8x128u2_s8_et64x8_m64x8x32_c1x1x1_rM_TN_transOut": (
        "moe.routed_fc2"
    ),
    _CUTLASS_MOE + "expandInputRowsKernel<__nv_fp8_e4m3, __nv_fp8_e4m3, (bool)0>(P)": "moe.gather",
    _CUTLASS_MOE + "fusedBuildExpertMapsSortFirstTokenKernel<32, 256, 8>(P)": "moe.gather",
    _CUTLASS_MOE + "globalExpertPrefixSumKernel<1024>(P)": "moe.gather",
    _CUTLASS_MOE + "doActivationKernel<__nv_fp8_e4m3, __nv_bfloat16>(P)": "moe.activation",
    _CUTLASS_MOE + "finalizeMoeRoutingKernel<__nv_bfloat16, __nv_bfloat16>(P)": "moe.scatter",
    "void moe::dev::finalize::finalizeKernelVecLoad<moe::dev::finalize::KernelParams<T> >(P)": (
        "moe.scatter"
    ),
    "void moe::dev::activation::activationDeepSeekK"
    "ernel<moe::dev::activation::KernelParams<T>>(P)": ("moe.activation"),
    _TRT + "moe_comm::moeA2ADispatchKernel<moe_comm::BlockPolicy, 8>(P)": "moe.dispatch",
    _TRT + "moe_comm::moeA2ACombineKernel<__nv_bfloat16, moe_comm::BlockPolicy, 8>(P)": (
        "moe.combine"
    ),
    _TRT + "moeAllToAllKernel<false>(P)": "moe.dispatch",
    _TRT + "computeCountAndIndiceDevice(P)": "moe.dispatch",
    _TRT + "ar_fusion::allreduce_fusion_kernel_oneshot_lamport<(tensorrt_llm::kernels::ar_fusion::"
    "AllReduceFusionPattern)3, __nv_bfloat16, 8, true>(P)": "allreduce.fused_norm",
    _TRT
    + "ar_fusion::moe::moefinalize_allreduce_fusion_kernel_oneshot_lamport<__nv_bfloat16>(P)": (
        "allreduce.fused_norm"
    ),
    _TRT + "mnnvl::oneshotAllreduceFusionKernel<8, __nv_bfloat16, true>(P)": "allreduce.custom",
    _TRT
    + "quantize_with_block_size<(tensorrt_llm::BlockScaleQuantizationType)0, __nv_bfloat16>(P)": (
        "quantize"
    ),
    _TRT + "fp8_blockscale_gemm::scale_1x128_kernel<__nv_bfloat16, __nv_fp8_e4m3, float>(P)": (
        "quantize"
    ),
    _TRT + "indexerKCacheScatterUnifiedKernel(P)": "attention.indexer",
    _TRT + "indexerTopKDecodeKernel<512, true>(P)": "attention.indexer",
    "void flashinfer::norm::FusedAddRMSNormKernel<(unsigned int)8, __nv_bfloat16>(T2 *)": (
        "norm.rms"
    ),
    "void cublasLt::splitKreduce_kernel<(int)32, (int)16, int, float, __nv_bfloat16>(P)": (
        "other.gemm"
    ),
    "ncclSymkDevKernel_AllReduce_LDMC_STMC_bf16": "allreduce.nccl",
    "ncclSymkDevKernel_AllGather_STMC": "collective.allgather",
    _DSL + "tensorrt_llm_torchcute_dsl_kernelsblackwellblockscaled_contiguous_grouped_gemm_swiglu_"
    "fusion_object_at__0": "moe.routed_fc1",
}

VLLM = {
    _FLASH3: "attention.core",
    "flash::prepare_varlen_num_blocks_kernel(int, int, int, int const*)": "attention.core",
    _DSL + "vllmvllm_flash_attncuteflash_fwd_sm100FlashAttentionForwardSm100_object_at__0": (
        "attention.core"
    ),
    "kernel_unified_attention": "attention.core",
    "kernel_unified_attention_3d": "attention.core",
    "reduce_segments": "attention.core",
    "void vllm::merge_attn_states_kernel<__nv_bfloat16, (unsigned int)128, (bool)0>(T2 *)": (
        "attention.core"
    ),
    "void vllm::paged_attention_v2_kernel<__nv_bfloat16, __nv_bfloat16, 128, 16, 128>(P)": (
        "attention.core"
    ),
    "_fwd_kernel_stage1": "attention.core",
    "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16>(P)": (
        "attention.kv_cache"
    ),
    "void vllm::gather_and_maybe_dequant_cache<__nv_bfloat16, __nv_bfloat16>(P)": (
        "attention.kv_cache"
    ),
    "void vllm::concat_and_cache_mla_kernel<__nv_bfloat16, __nv_bfloat16>(P)": "attention.kv_cache",
    "void vllm::cp_gather_cache<__nv_bfloat16>(P)": "attention.kv_cache",
    "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(P)": "attention.rope",
    "void tensorrt_llm::kernels::fusedQKNormRopeKernel<c10::BFloat16, 128, true>(P)": (
        "attention.rope"
    ),
    "fused_moe_kernel": "moe.routed",
    "void marlin_moe_wna16::Marlin<1125899906909960l, 562949953487106l, 1125899906909960l>(P)": (
        "moe.routed"
    ),
    "_matmul_ogs_NNT_bf16xbf16xmxfp4_16x256x128x1": "moe.routed",
    "void vllm::moe::moe_align_block_size_kernel<int>(P)": "moe.gather",
    "void vllm::moe::topkGating<8, 512, 4, 16, 32, int, __nv_bfloat16>(P)": "moe.router",
    "void vllm::moe::moe_sum_kernel<c10::BFloat16, 8>(P)": "moe.scatter",
    "void vllm::moe::grouped_topk_fused_small_expert_count_kernel<float, __nv_bfloat16>(P)": (
        "moe.router"
    ),
    "void vllm::act_and_mul_kernel<c10::BFloat16, __nv_bfloat162, &vllm::silu_kernel<c10::BFloat16>"
    ", (bool)1>(T1 *)": "mlp.activation",
    "void vllm::rms_norm_kernel<c10::BFloat16, (int)8, (int)2, (bool)1>(T1 *)": "norm.rms",
    "std::enable_if<(T2 > 0), void>::type vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(P)": (
        "norm.rms"
    ),
    "triton_red_fused__to_copy_add_copy__fused_add_rms_norm_moe_forward_shared_3": "norm.rms",
    "triton_poi_fused_mul_silu_slice_1": "mlp.activation",
    "triton_poi_fused_add_4": "other.elementwise",
    "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>(vllm::RankData*)": "allreduce.custom",
    "void (anonymous namespace)::two_shot_all_reduce_kernel_inplace<c10::BFloat16, 16, 2>(P)": (
        "allreduce.custom"
    ),
    "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<X>(P)": (
        "allreduce.fused_norm"
    ),
    "void per_token_group_quant_8bit_packed_kernel<c10::BFloat16, __nv_fp8_e4m3>(const T1 *)": (
        "quantize"
    ),
    "void vllm::scaled_fp8_quant_kernel_strided<c10::BFloat16, __nv_fp8_e4m3>(P)": "quantize",
    "void vllm::cvt_fp16_to_fp4<__nv_bfloat16, false>(P)": "quantize",
    _SM100.format("0u, 7168u, 16384u, 128u, 112u, 128u, 1u, (deep_gemm::GemmType)0"): (
        "attention.out_proj"
    ),
    "void marlin::Marlin<__nv_bfloat16, 128, 4, 4, 8>(P)": "other.gemm",
    "_topk_topp_kernel": "sampling",
    "_temperature_kernel": "sampling",
    "_penalties_kernel": "sampling",
    "_min_p_kernel": "sampling",
    "_gumbel_sample_kernel": "sampling",
    "void vllm::apply_repetition_penalties_kernel<float>(P)": "sampling",
    _AT + "<unnamed>::cunn_SoftMaxForward<(int)4, float, float, float, X>(P)": "other.softmax",
    # Linear attention, state-space models
    "fused_recurrent_gated_delta_rule_packed_decode_kernel": "attention.linear",
    "_fused_recurrent_gated_delta_rule_packed_decode_kernel_fp32_beta": "attention.linear",
    "fused_sigmoid_gating_delta_rule_update_kernel": "attention.linear",
    "chunk_gated_delta_rule_fwd_kernel_h_blockdim64": "attention.linear",
    "chunk_fwd_kernel_o": "attention.linear",
    "chunk_scaled_dot_kkt_fwd_kernel": "attention.linear",
    "chunk_local_cumsum_scalar_kernel": "attention.linear",
    "merge_16x16_to_64x64_inverse_kernel": "attention.linear",
    "recompute_w_u_fwd_kernel": "attention.linear",
    "fused_gdn_gating_kernel": "attention.linear",
    "fused_recurrent_kda_packed_decode_kernel": "attention.linear",
    "_causal_conv1d_update_kernel": "attention.linear",
    "_causal_conv1d_fwd_kernel": "attention.linear",
    "void cutlass::device_kernel<flat::kernel::FlatKernelTmaWarpSpecializedDeltaRule<X> >(P)": (
        "attention.linear"
    ),
    "_selective_scan_update_kernel": "attention.linear",
    "layer_norm_gated_fwd_kernel": "norm.layer",
    "void selective_scan_fwd_kernel<Selective_Scan_fwd_kernel_traits<64, 4, 1, true>>(P)": (
        "attention.linear"
    ),
}

SGLANG = {
    "void deep_ep::internode_ll::dispatch<(bool)1, (bool)1, (int)6144>(void *, void *)": (
        "moe.dispatch"
    ),
    "void deep_ep::internode_ll::combine<(bool)0, (int)6144, (int)11, (int)4>(void *)": (
        "moe.combine"
    ),
    "void deep_ep::intranode::dispatch<(int)2, (int)768, (int)8192>(int4 *, float *)": (
        "moe.dispatch"
    ),
    "void deep_ep::layout::get_dispatch_layout<256, 32, 8>(long const*)": "moe.dispatch",
    _OLD.format("4096u, 7168u") + ", (deep_gemm::GemmType)1>(P)": "moe.routed_fc1",
    _OLD.format("7168u, 2048u") + ", (deep_gemm::GemmType)2>(P)": "moe.routed_fc2",
    _OLD.format("24576u, 1536u") + ", (deep_gemm::GemmType)0>(P)": "attention.q_up_rope",
    _OLD.format("2112u, 7168u") + ", (deep_gemm::GemmType)0>(P)": "attention.qkv_proj",
    "void deep_gemm::sm100_mqa_logits<(bool)0, (unsigned int)32, (unsigned int)128>(P)": (
        "attention.indexer"
    ),
    "void sm100::decode::head64::flash_fwd_splitkv_mla_fp8_sparse_kernel<X>(P)": "attention.mla",
    "void smxx::decode::flash_fwd_mla_combine_kernel<cutlass::bfloat16_t, (int)512, (int)8>(P)": (
        "attention.mla"
    ),
    "<unnamed>::concat_mla_absorb_q_kernel(__nv_bfloat16 *, __nv_bfloat16 *)": "attention.kv_cache",
    "void <unnamed>::concat_mla_k_kernel<X>(P)": "attention.kv_cache",
    "void <unnamed>::fused_rope_kernel<(bool)0, (long)64, (bool)1, __nv_bfloat16, long>(P)": (
        "attention.rope"
    ),
    "void sglang::fused_rope_kernel<true, 128l, false, __nv_bfloat16, __nv_bfloat16, long>(P)": (
        "attention.rope"
    ),
    "void sglang::store_kvcache<512l, 512l, 1, false, long>(P)": "attention.kv_cache",
    "void <unnamed>::silu_mul_quant_varlen_kernel<(bool)1, (bool)1, (bool)0>(P)": "moe.activation",
    "void <unnamed>::per_token_group_quant_8bit_v2_"
    "kernel<<unnamed>::NaiveScheduler, (int)128>(P)": ("quantize"),
    "void <unnamed>::act_and_mul_kernel<__nv_bfloat16, (<unnamed>::ActivationKind)0, (bool)1>(P)": (
        "mlp.activation"
    ),
    _DSL
    + "flashinfernormkernelsfused_add_rmsnormFusedAddRMSNormKernel_object_at__tensorptrbf16g_0": (
        "norm.rms"
    ),
    _DSL
    + "flashinfergemmkernelsdense_blockscaled_gemm_sm100Sm100BlockScaledPersistentDenseGemm_0": (
        "other.gemm"
    ),
    _DSL + "flashinferquantizationkernelsnvfp4_quantizeNVFP4QuantizeSwizzledKernel_object_at__0": (
        "quantize"
    ),
    "_router_triton_kernel": "moe.router",
    "void kimi_k2_moe_fused_gate_kernel<float>(P)": "moe.router",
    "void moe_fused_gate_kernel<float, 32, 8>(P)": "moe.router",
    "void apply_shuffle_mul_sum_kernel<__nv_bfloat16>(__nv_bfloat16 const*)": "moe.scatter",
    "void flashinfer::BatchDecodeWithPagedKVCacheKernel<X>(P)": "attention.core",
    "void flashinfer::BatchPrefillWithRaggedKVCacheKernel<X>(P)": "attention.core",
    "void flashinfer::PersistentVariableLengthMergeStatesKernel<X>(P)": "attention.core",
    "_fwd_grouped_kernel_stage1": "attention.core",
    "_fwd_kernel_stage2": "attention.core",
    "_fwd_kernel": "attention.core",
    "set_mla_kv_buffer_kernel": "attention.kv_cache",
    "create_flashinfer_kv_indices_triton": "attention.kv_cache",
    "write_req_to_token_pool_triton": "attention.kv_cache",
    "compute_position_kernel": "other.prepare",
    "void flashinfer::norm::RMSNormKernel<8u, __nv_bfloat16>(P)": "norm.rms",
    "void flashinfer::sampling::TopPSamplingFromProbKernel<1024u>(P)": "sampling",
    "void build_tree_efficient<X>(P)": "sampling",
    "_fwd_kernel_ep_scatter_1": "moe.gather",
    "void prepare_moe_input_kernel<X>(P)": "moe.gather",
    "fused_qk_norm_mrope_kernel": "attention.rope",
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16"
    "_s16816gemm_relu_bf16_128x64_64x3_tn_align8>(P)": ("other.gemm"),
    "nvjet_sm103_tst_256x128_64x5_2x1_2cta_v_bz_TNT": "other.gemm",
}

MEGATRON = {
    _TE + "normalization::rmsnorm_fwd_general_kernel<transformer_engine::normalization::X>(P)": (
        "norm.rms"
    ),
    _TE + "normalization::rmsnorm_fwd_tuned_kernel<transformer_engine::normalization::X>(P)": (
        "norm.rms"
    ),
    _TE + "normalization::rmsnorm_bwd_finalize_tuned_kernel<X>(P)": "norm.rms.bwd",
    _TE + "normalization::ln_bwd_tuned_kernel<X>(P)": "norm.layer.bwd",
    _TE + "fused_rope_backward_kernel<__nv_bfloat16>(P)": "attention.rope.bwd",
    "rotary_fwd_kv_kernel": "attention.rope",
    "rotary_bwd_q_kernel": "attention.rope.bwd",
    "cudnn_generated_fort_native_sdpa_sm90_flash_fp"
    "rop_wgmma_f16_knob_7_64x128x128_4x1x1_kernel0_0": ("attention.core"),
    "cudnn_generated_fort_native_sdpa_sm100_flash_bprop_f16_knob_32_128x128x128_4x1x1_kernel0_0": (
        "attention.core.bwd"
    ),
    "void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<X>(P)": "attention.core.bwd",
    "void flash::flash_bwd_convert_dq_kernel<X>(P)": "attention.core.bwd",
    "void scaled_aligned_causal_masked_softmax_warp_backward<__nv_bfloat16, float, 12>(P)": (
        "attention.core.bwd"
    ),
    "_permute_kernel": "moe.gather",
    "_unpermute_kernel": "moe.scatter",
    "_unpermute_bwd_with_merging_probs_kernel": "moe.scatter.bwd",
    "_sort_chunks_by_map_kernel": "moe.gather",
    "_row_id_map_pass_1_kernel": "moe.gather",
    _TE + "fused_router::fused_topk_with_score_function_forward_kernel<float>(P)": "moe.router",
    "void deep_ep::intranode::combine<__nv_bfloat16, (int)2, (int)768, (int)4096>(T1 *)": (
        "moe.combine"
    ),
    _TE + "gated_kernels::cast_fp8_gated_kernel<false, X>(P)": "mlp.activation",
    _TE + "detail::cast_transpose_general_kernel<8, 8, float, __nv_bfloat16, __nv_fp8_e4m3>(P)": (
        "quantize"
    ),
    _TE + "mxfp8_kernel::cast_mxfp8_2D_kernel<false, X>(P)": "quantize",
    _TE + "amax_kernel<8, true, __nv_bfloat16>(P)": "quantize",
    "ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)": (
        "collective.reducescatter"
    ),
    "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)": (
        "collective.allgather"
    ),
    "ncclDevKernel_AllReduce_Sum_u32_TREE_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)": (
        "allreduce.nccl"
    ),
    "void userbuffers_pushrecv<X>(P)": "collective.sendrecv",
    "void userbuffers_fp16_sum_inplace_gpu_rr_rs_oop<2>(int, int)": "collective.reducescatter",
    _AT + "<unnamed>::multi_tensor_apply_kernel<at::native::<unnamed>::FusedOptimizerTensorList"
    "Metadata<4>, X>(P)": "optimizer",
    "void multi_tensor_apply_kernel<TensorListMetad"
    "ata<4>, AdamFunctorMasterParamRemainder<X>>(P)": ("optimizer"),
    _TE + "multi_tensor_adam::adam_kernel<X>(P)": "optimizer",
    "_chunk_scan_fwd_kernel": "attention.linear",
    "_chunk_state_fwd_kernel": "attention.linear",
    "_state_passing_fwd_kernel": "attention.linear",
    "_bmm_chunk_fwd_kernel": "attention.linear",
    "_chunk_scan_bwd_dc_kernel": "attention.linear.bwd",
    "void causal_conv1d_channellast_fwd_kernel<Causa"
    "l_conv1d_channellast_fwd_kernel_traits<(int)X>>": ("attention.linear"),
    "void causal_conv1d_bwd_kernel<X>(P)": "attention.linear.bwd",
    "cross_entropy_kernel": "lm_head.loss",
    "online_softmax_kernel": "lm_head.loss",
    "at::native::detail::split_with_sizes_copy_out_contiguous_no_cast_kernel(char **, char **)": (
        "other.copy"
    ),
    "void cutlass::device_kernel<at::cuda::detail::e"
    "nable_3x_kernel_for_sm9x<cutlass::gemm::kernel::"
    "GemmUniversal<cutlass::gemm::GroupProblemShape<X> > > >(P)": "moe.routed",
    "triton_poi_fused_bias_swiglu_back_0": "mlp.activation.bwd",
    "nvjet_tst_320x128_64x3_1x2_h_bz_coopB_NTT": "other.gemm",
}

FRAMEWORKS = {
    "tensorrt_llm": TENSORRT_LLM,
    "vllm": VLLM,
    "sglang": SGLANG,
    "megatron": MEGATRON,
}
