"""Kernels of a DeepSeek-V3-like model whose experts are spread over the GPUs."""

from __future__ import annotations

from dataclasses import replace

from traceenergy.simulate.deepseek_kernels import (
    DEEP_GEMM,
    DEEPSEEK,
    EXPERT_INNER,
    HEADS,
    HIDDEN,
    TENSOR_PARALLEL,
    TOP_K,
    V_HEAD,
    deep_gemm,
)
from traceenergy.simulate.kernel_class import KernelClass

LOCAL_EXPERTS = 32
INNER = EXPERT_INNER * TENSOR_PARALLEL
_EP = "void deep_ep::"
_LOW_LATENCY = _EP + "internode_ll::"
_NODE = _EP + "intranode::"
# What each rank runs for its own tokens with the heads of all ranks.
_WHOLE = (
    "quant_out", "q_b", "kv_b", "rope_ctx", "rope_gen", "absorb", "fmha", "mla", "mla_combine",
    "v_up", "o_proj", "shared_fc1", "shared_activation", "shared_fc2", "gate_up", "mlp_activation",
    "down",
)  # fmt: skip
_NAMES = {
    "o_proj": deep_gemm(HIDDEN, HEADS * TENSOR_PARALLEL * V_HEAD, "1u, 64u, 128u", "0"),
    "gate_up": deep_gemm(36864, HIDDEN, "1u, 64u, 160u", "0"),
    "down": deep_gemm(HIDDEN, 18432, "1u, 64u, 112u", "0"),
    "shared_fc1": deep_gemm(4096, HIDDEN, "1u, 64u, 128u", "0"),
    "shared_fc2": deep_gemm(HIDDEN, 2048, "1u, 64u, 112u", "0"),
}


def _whole(key: str) -> KernelClass:
    kernel = DEEPSEEK[key]
    name = _NAMES.get(key, kernel.full)
    return replace(
        kernel,
        full=name,
        short=DEEP_GEMM if key in _NAMES else kernel.short,
        flops={word: TENSOR_PARALLEL * cost for word, cost in kernel.flops.items()},
        bytes_moved={word: TENSOR_PARALLEL * cost for word, cost in kernel.bytes_moved.items()},
    )


def _travel(full: str, short: str, subphase: str, fixed_us: float, share: float) -> KernelClass:
    # Of 8 experts a token goes to, 7 in 8 are on another GPU.
    return KernelClass(
        full,
        short,
        subphase,
        bytes_moved={"tokens": 2.0 * share * TOP_K * HIDDEN},
        link_bytes={"tokens": share * TOP_K * HIDDEN * (TENSOR_PARALLEL - 1) / TENSOR_PARALLEL},
        fixed_us=fixed_us,
        collective=True,
        block=1024,
        registers=64,
        api="cudaLaunchKernelExC_v11060",
    )


def _grouped(subphase: str, n: int, k: int, kind: str) -> KernelClass:
    return KernelClass(
        deep_gemm(n, k, f"{LOCAL_EXPERTS}u, 64u, 128u", kind),
        DEEP_GEMM,
        subphase,
        flops={"tokens": 2.0 * TOP_K * n * k},
        bytes_moved={"experts": float(n * k) / TENSOR_PARALLEL, "tokens": TOP_K * (k + 2.0 * n)},
        operand_bytes=1,
        fixed_us=5.0,
        block=384,
        registers=168,
        shared_bytes=197_632,
        api="cuLaunchKernelEx",
    )


def _moved(full: str, short: str, subphase: str, bytes_per_token: float) -> KernelClass:
    return KernelClass(
        full, short, subphase, bytes_moved={"tokens": bytes_per_token}, fixed_us=2.6, block=256,
        registers=40,
    )  # fmt: skip


EXPERT_PARALLEL: dict[str, KernelClass] = {
    **{f"dp_{key}": _whole(key) for key in _WHOLE},
    # Few tokens: masked groups, low latency.
    "ll_dispatch": _travel(
        _LOW_LATENCY + "dispatch<(bool)1, (bool)0, (int)7168>(void *, void *, int *, long *, int *,"
        " int *, long *, void *, void *, void *, const void *, const long *, int *, int *, int, "
        "int, int, int, int, int, int, int, bool, int)",
        "dispatch", "moe.dispatch", 9.0, 1.0,
    ),
    "ll_fc1": _grouped("moe.routed_fc1", 2 * INNER, HIDDEN, "2"),
    "ll_activation": _moved(
        "_silu_and_mul_post_quant_kernel", "_silu_and_mul_post_quant_kernel", "moe.activation",
        6.0 * TOP_K * INNER,
    ),
    "ll_fc2": _grouped("moe.routed_fc2", HIDDEN, INNER, "2"),
    "ll_combine": _travel(
        _LOW_LATENCY + "combine<(bool)0, (int)7168, (int)9>(void *, void *, int *, void *, const "
        "void *, const long *, const float *, const int *, const long *, int *, int, long *, int, "
        "int, int, int, int, int, int, int, int, bool)",
        "combine", "moe.combine", 11.0, 2.0,
    ),
    # Many tokens: contiguous groups, layout first.
    "dispatch_layout": _moved(
        _EP + "layout::get_dispatch_layout<(int)256, (int)32, (int)8>(const long *, int *, int *, "
        "int *, bool *, int, int, int, int)",
        "get_dispatch_layout", "moe.dispatch", 8.0 * TOP_K,
    ),
    "notify_dispatch": _travel(
        _NODE + "notify_dispatch<(int)8>(const int *, int *, const int *, int *, int, int, int, "
        "const bool *, int *, int *, int, int, void **, int **, int)",
        "notify_dispatch", "moe.dispatch", 12.0, 0.001,
    ),
    "dispatch": _travel(
        _NODE + "dispatch<(int)8, (int)768, (int)8192>(int4 *, float *, int *, long *, float *, int"
        " *, int *, const int4 *, const float *, const long *, const float *, const bool *, int)",
        "dispatch", "moe.dispatch", 14.0, 1.0,
    ),
    "ep_scatter": _moved(
        "_fwd_kernel_ep_scatter_2", "_fwd_kernel_ep_scatter_2", "moe.gather", 2.0 * TOP_K * HIDDEN
    ),
    "ep_fc1": _grouped("moe.routed_fc1", 2 * INNER, HIDDEN, "1"),
    "ep_activation": _moved(
        "void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel<c10::BFloat16>, (bool)1>"
        "(T1 *, const T1 *, int)",
        "act_and_mul_kernel", "moe.activation", 6.0 * TOP_K * INNER,
    ),
    "ep_fc2": _grouped("moe.routed_fc2", HIDDEN, INNER, "1"),
    "ep_gather": _moved(
        "_fwd_kernel_ep_gather", "_fwd_kernel_ep_gather", "moe.scatter", 2.0 * TOP_K * HIDDEN
    ),
    "notify_combine": _travel(
        _NODE + "cached_notify_combine<(int)8>(void **, int *, int, int, int, int **, int)",
        "cached_notify_combine", "moe.combine", 9.0, 0.001,
    ),
    "combine": _travel(
        _NODE + "combine<__nv_bfloat16, (int)8, (int)768, (int)4096>(T1 *, float *, const T1 *, "
        "const float *, const T1 *, const T1 *, const int *, const int *, int *, int, int, int)",
        "combine", "moe.combine", 15.0, 2.0,
    ),
}  # fmt: skip
