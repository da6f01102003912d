"""Prefill or decode, from names of attention kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.phases.naming import SHIPPED
from traceenergy.phases.rules import read_rules
from traceenergy.phases.stage import attention_stage

if TYPE_CHECKING:
    from pathlib import Path

_TRAITS = "Flash_fwd_kernel_traits<128, 64, 128, 4, false, false, cutlass::bfloat16_t, X>"
_PREFILL = (
    "void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::KernelTraits<(flashinfer"
)
_ROPE = "void tensorrt_llm::kernels::applyMLARopeAndAssignQKVKernel"
STAGES = {
    f"void flash::flash_fwd_kernel<{_TRAITS}, false, true, false>(P)": "prefill",
    f"void flash::flash_fwd_splitkv_kernel<{_TRAITS}, true, false, true, false>(P)": "decode",
    "void flash::flash_fwd_splitkv_kernel<X, (bool)0, (bool)1, (bool)0>(P)": "decode",
    # Not split: a chunk of a prompt in a paged cache, or a short decode.
    f"void flash::flash_fwd_splitkv_kernel<{_TRAITS}, true, true, false, false>(P)": None,
    "void flash::flash_fwd_splitkv_combine_kernel<X>(P)": "decode",
    "void flash_fwd_splitkv_mla_kernel<X>(P)": "decode",
    "void flash_fwd_mla_combine_kernel<cutlass::bfloat16_t, float, long, 512, 32>(P)": "decode",
    "void sm100::decode::head64::flash_fwd_splitkv_mla_fp8_sparse_kernel<X>(P)": "decode",
    "void tensorrt_llm::kernels::mmha::masked_multihead_attention_kernel<__half>(P)": "decode",
    "kernel_mha": "decode",
    "fmha_v2_flash_attention_bf16_64_128_S_qkv_192x128_causal_tma_ws_sm90_kernel": "prefill",
    "fmhaSm100fKernel_QkvBfloat16OBfloat16HQk576HV512PagedKvDenseP32VarSeqQ16Kv128Persistent"
    "SwapsAbForGen": "decode",
    "fmhaSm100fKernel_QkvBfloat16OBfloat16H128PagedKvCausalP64VarSeqQ128Kv128PersistentContext": (
        "prefill"
    ),
    _ROPE + "Generation<__nv_bfloat16>(P)": "decode",
    _ROPE + "OptContext<__nv_bfloat16>(P)": "prefill",
    "void vllm::paged_attention_v1_kernel<X>(P)": "decode",
    "void vllm::paged_attention_v2_kernel<X>(P)": "decode",
    "_fwd_grouped_kernel_stage1": "decode",
    "void flashinfer::BatchDecodeWithPagedKVCacheKernel<X>(P)": "decode",
    "void flashinfer::BatchPrefillWithRaggedKVCacheKernel<X>(P)": "prefill",
    _PREFILL + "::MaskMode)1, 128u, 2u>, PagedParams>(P)": "prefill",
    # SGLang decodes with it where heads share a cache.
    _PREFILL + "::MaskMode)0, 16u, 1u>, PagedParams>(P)": None,
    "void flashinfer::SinglePrefillWithKVCacheKernel<X>(P)": "prefill",
    "fused_recurrent_gated_delta_rule_packed_decode_kernel": "decode",
    "chunk_gated_delta_rule_fwd_kernel_h_blockdim64": "prefill",
    "_causal_conv1d_update_kernel": "decode",
    # Both run through one kernel.
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<X>>>(P)": None,
    "kernel_unified_attention": None,
    "kernel_unified_attention_3d": None,
    # No attention
    "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_TNN": None,
    "saxpy(double *, double *)": None,
    "": None,
}


@pytest.fixture(scope="module")
def found() -> dict[str, str | None]:
    stages = attention_stage(pl.Series("kernel", list(STAGES)), SHIPPED)
    return dict(zip(STAGES, stages.to_list(), strict=True))


@pytest.mark.parametrize("name", STAGES)
def test_stages(name: str, found: dict[str, str | None]) -> None:
    assert found[name] == STAGES[name]


def test_own_stages_come_first(tmp_path: Path) -> None:
    text = "format_version = 1\nname = 'mine'\n[[stage]]\nkernel = 'unified'\nstage = 'decode'\n"
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    rules = read_rules([tmp_path / "mine.toml"])

    names = pl.Series("kernel", ["kernel_unified_attention", "kernel_mha", "x"])
    stages = attention_stage(names, rules)

    assert stages.to_list() == ["decode", "decode", None]
    assert stages.name == "kernel"
    assert attention_stage(names[:0], rules).to_list() == []
