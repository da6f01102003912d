"""Full kernel names -> short ones that still tell variants apart.

nsys's short name is the bare name of the function: `vectorized_elementwise_kernel` for every
operator of PyTorch, `Kernel2` or `device_kernel` for every product of CUTLASS. The template
arguments of the full name say what it really is; this module knows, family by family, which of
them matter. What it does not know keeps nsys's short name. A name depends on nothing but its
kernel, so that it is the same in every trace.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.records import dataclass
from traceenergy.trace.attention_names import (
    flash2,
    flashinfer_decode,
    flashinfer_prefill,
    paged_attention,
    trtllm_bmm,
    trtllm_fmha,
)
from traceenergy.trace.name_parts import (
    one_spelling,
)
from traceenergy.trace.operator_names import (
    activation,
    concatenation,
    cublas,
    elementwise,
    first_type,
    key_types,
    many_tensors,
    reduction,
    softmax,
)
from traceenergy.trace.product_names import (
    cute_dsl,
    cutlass2,
    cutlass3,
    deep_gemm,
    generic,
    qualified,
    reduce_over_gpus,
    xmma,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class _Family:
    """Kernels whose names are read alike.

    Attributes
    ----------
    base
        Whole name of the function, without namespaces.
    rename
        Full name in one spelling, base -> short name, or None where it tells nothing more. None
        for kernels whose base says it all.
    within
        Expression on the full name, for bases that others use too.
    """

    base: re.Pattern[str]
    rename: Callable[[str, str], str | None] | None
    within: re.Pattern[str] | None = None


def short_kernel_names(full: pl.Series, short: pl.Series) -> pl.Series:
    """Give kernels names that are short and tell variants apart.

    Parameters
    ----------
    full : polars.Series of String (n_kernels,)
        Demangled names; best distinct.
    short : polars.Series of String (n_kernels,)
        nsys's names for them: the bare function, or any other text.

    Returns
    -------
    polars.Series of String (n_kernels,)
        `vectorized_elementwise_kernel<mul,bf16>`; nsys's name where nothing more is known.
    """
    named = [_short(*pair) for pair in zip(full.to_list(), short.to_list(), strict=True)]
    return pl.Series(short.name, named, dtype=pl.String)


def _short(full: str, short: str) -> str:
    base = short if short.isidentifier() else _base_of(short)
    for family in _families_of(base):
        if family.within is None or family.within.search(full):
            return (family.rename and family.rename(one_spelling(full), base)) or short
    return short


def _base_of(name: str) -> str:
    found = re.match(r"(?:void )?(?:(?:\w+|<unnamed>|\(anonymous namespace\))::)*(\w+)", name)
    return found[1] if found else ""


@cache
def _families_of(base: str) -> tuple[_Family, ...]:
    return tuple(family for family in _FAMILIES if family.base.fullmatch(base))


_NORMS = r"(?i:\w*(?:layer_?norm|rms_?norm)\w*)"
_FAMILIES = tuple(
    _Family(re.compile(base), rename, re.compile(within) if within else None)
    for base, rename, within in (
        # What is written in full in nsys's name already.
        (r"ncclDevKernel_\w+|ncclKernel_\w+|nvjet_\w+|triton_\w+|nvfuser_\w+", None, None),
        (r"\w+_xmma_\w+", xmma, None),
        (r"fmhaSm\w+", trtllm_fmha, None),
        (r"(?:bmm|gemm|batchedGemm)_\w+", trtllm_bmm, None),
        (r"kernel_cutlass_\w+", cute_dsl, None),
        # Libraries
        (r"Kernel2?", cutlass2, r"cutlass::Kernel"),
        (r"device_kernel", cutlass3, r"cutlass::device_kernel|GemmUniversal|FlashAttn"),
        (r"fp8_gemm_kernel|sm\d+_\w*gemm\w*_impl", deep_gemm, r"deep_gemm::"),
        (r"\w+", qualified, r"\bdeep_ep::|marlin_moe_wna16::|hybrid_ep::"),
        (r"flash_(?:fwd|bwd)\w*", flash2, None),
        (r"(?:Batch|Single)PrefillWith\w+|PrefillWithKVCacheKernel", flashinfer_prefill, None),
        (r"(?:Batch|Single)DecodeWith\w+", flashinfer_decode, None),
        (r"paged_attention_v[12]_kernel", paged_attention, None),
        (r"cross_device_reduce_\w+|allreduce_fusion_kernel\w*", reduce_over_gpus, None),
        (r"(?:one|two)_shot_all_reduce\w*|multimem_all_\w+", first_type, None),
        # PyTorch
        (r"reduce_kernel", reduction, r"ReduceOp<"),
        (r"\w*elementwise\w*", elementwise, None),
        (r"softmax_warp_\w+|cunn_SoftMax\w*", softmax, None),
        (r"CatArrayBatchedCopy\w*", concatenation, None),
        (r"multi_tensor_apply_kernel", many_tensors, None),
        (r"act_and_mul_kernel\w*", activation, None),
        (_NORMS, first_type, None),
        # cuBLAS, CUB
        (r"splitKreduce_kernel|gemv\w+|gemmSN_\w+|gemmk1_\w+|dot_kernel", cublas, None),
        (r"Device[A-Z]\w+Kernel", key_types, r"cub::|thrust::"),
        (r"(?i:kernel2?|run_kernel|device_kernel|_kernel_agent|static_kernel)", generic, None),
    )
)
