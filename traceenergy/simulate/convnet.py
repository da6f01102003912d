"""Convolution net like ResNet-50: its kernels, the order of their launches."""

from __future__ import annotations

from traceenergy.simulate.kernel_class import KernelClass
from traceenergy.simulate.slot import Slot

KINDS = ("train", "forward")
STEP_TEXT = "iteration {}"
# Bottleneck blocks of each stage; a stage halves the picture, doubles the channels.
STAGES = (3, 4, 6, 3)
BLOCKS_PER_BUCKET = 5
_STAGE_FLOPS = 0.22e9  # of each convolution per picture, about the same in all stages
_STAGE_BYTES = (3.2e6, 1.6e6, 0.8e6, 0.4e6)
_TILES = ("256x64x32_stage3", "128x128x64_stage4", "128x64x64_stage5", "64x64x64_stage6")
_XMMA = "sm80_xmma_{}_implicit_gemm{}_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize{}_warpsize2x2x1_g1_"
_BN = "void cudnn::{}_NHWC<__half, float, (int)128, (int){}, (bool)1>({}, const T1 *, T1 *, T2 *)"
_ELEMENTWISE = "void at::native::vectorized_elementwise_kernel<(int)4, {}>(int, T2, T3)"
_GRADIENT_BYTES = 51e6


def _convolution(way: str, mode: str, stage: int) -> KernelClass:
    name = _XMMA.format(way, mode, _TILES[stage]) + "tensor16x8x16_kernel_cudnn"
    return KernelClass(
        name, name, "other.convolution", flops={"tokens": _STAGE_FLOPS},
        bytes_moved={"tokens": 2 * _STAGE_BYTES[stage], "one": 0.5e6}, operand_bytes=2,
        fixed_us=4.0, api="cudaLaunchKernel_v7000", block=128, registers=200, shared_bytes=98_304,
    )  # fmt: skip


def _light(full: str, short: str, subphase: str, bytes_per_picture: float) -> KernelClass:
    return KernelClass(
        full, short, subphase, bytes_moved={"tokens": bytes_per_picture}, fixed_us=2.0, block=256,
        registers=40,
    )  # fmt: skip


def _of_stage(stage: int) -> dict[str, KernelClass]:
    moved = 2 * _STAGE_BYTES[stage]
    forward, backward = "bn_fw_tr_1C11_kernel", "bn_bw_1C11_kernel"
    return {
        f"conv_1x1_{stage}": _convolution("fprop", "_indexed", stage),
        f"conv_3x3_{stage}": _convolution("fprop", "", stage),
        f"dgrad_{stage}": _convolution("dgrad", "_indexed", stage),
        f"wgrad_{stage}": _convolution("wgrad", "_indexed", stage),
        f"bn_{stage}": _light(
            _BN.format(forward, 20 + stage, "cudnn::bnFwTrnParams"), f"{forward}_NHWC",
            "other.batch_norm", moved,
        ),
        f"bn_back_{stage}": _light(
            _BN.format(backward, 20 + stage, "cudnn::bnBwParams"), f"{backward}_NHWC",
            "other.batch_norm", 2 * moved,
        ),
        f"relu_{stage}": _light(
            _ELEMENTWISE.format("at::native::<unnamed>::launch_clamp_scalar"),
            "vectorized_elementwise_kernel", "other.elementwise", moved,
        ),
        f"relu_back_{stage}": _light(
            _ELEMENTWISE.format("at::native::<unnamed>::threshold_kernel_impl<c10::Half>"),
            "vectorized_elementwise_kernel", "other.elementwise", moved,
        ),
        f"add_{stage}": _light(
            _ELEMENTWISE.format("at::native::CUDAFunctor_add<c10::Half>"),
            "vectorized_elementwise_kernel", "other.elementwise", 2 * moved,
        ),
    }  # fmt: skip


CONVNET: dict[str, KernelClass] = {
    **{key: kernel for stage in range(len(STAGES)) for key, kernel in _of_stage(stage).items()},
    "pictures": KernelClass(
        "[CUDA memcpy Host-to-Device]", "memcpy HtoD", "memory.memcpy",
        bytes_moved={"tokens": 301_056.0}, fixed_us=1.4, table="MEMCPY",
        api="cudaMemcpyAsync_v3020", copy_kind=1,
    ),
    "to_nhwc": _light(
        "void cudnn::ops::nchwToNhwcKernel<__half, __half, float, (bool)0, (bool)1, "
        "(cudnnKernelDataType_t)0>(cudnn::ops::nchw2nhwc_params_t<T3>, const T1 *, T2 *)",
        "nchwToNhwcKernel", "other.copy", 0.6e6,
    ),
    "max_pool": _light(
        "void at::native::<unnamed>::max_pool_forward_nhwc<c10::Half, int>(const T1 *, int, long, "
        "long, long, int, int, int, int, int, int, int, int, int, T1 *, long *)",
        "max_pool_forward_nhwc", "other.pool", 2.0e6,
    ),
    "average": _light(
        "void at::native::reduce_kernel<(int)512, (int)1, at::native::ReduceOp<c10::Half, "
        "at::native::MeanOps<c10::Half, float, float, c10::Half>, unsigned int, c10::Half, (int)4>>"
        "(T3)",
        "reduce_kernel", "other.reduction", 0.2e6,
    ),
    "classify": KernelClass(
        "ampere_fp16_s16816gemm_fp16_64x64_ldg8_f2f_stages_64x5_tn",
        "ampere_fp16_s16816gemm_fp16_64x64_ldg8_f2f_stages_64x5_tn", "other.gemm",
        flops={"tokens": 4.1e6}, bytes_moved={"one": 4.1e6, "tokens": 6e3}, operand_bytes=2,
    ),
    "log_softmax": _light(
        "void <unnamed>::softmax_warp_forward<float, float, float, (int)10, (bool)1, (bool)0>(T2 *,"
        " const T1 *, int, int, int, const bool *, int, bool)",
        "softmax_warp_forward", "other.softmax", 8e3,
    ),
    "gradients": KernelClass(
        "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        "ncclDevKernel_AllReduce_Sum_f16_RING_LL", "allreduce.nccl",
        bytes_moved={"one": _GRADIENT_BYTES}, link_bytes={"one": _GRADIENT_BYTES}, fixed_us=14.0,
        collective=True, block=544, registers=96, shared_bytes=82_240,
        api="cudaLaunchKernelExC_v11060",
    ),
    "optimizer": KernelClass(
        "void at::native::<unnamed>::multi_tensor_apply_kernel<at::native::<unnamed>::"
        "TensorListMetadata<(int)3>, at::native::<unnamed>::FusedSgdMathFunctor<float, (int)3>, "
        "double, double>(T1, T2, T3...)",
        "multi_tensor_apply_kernel", "optimizer", bytes_moved={"one": 40e6}, block=512,
    ),
}  # fmt: skip


def convnet_slots(kind: str) -> list[Slot]:
    """Lay out an iteration.

    Parameters
    ----------
    kind : str
        `train` or `forward`.

    Returns
    -------
    list of Slot
        None of them in a layer: nothing here is a transformer block.
    """
    blocks = [(stage, block) for stage, n_blocks in enumerate(STAGES) for block in range(n_blocks)]
    keys = ["to_nhwc", "conv_3x3_0", "bn_0", "relu_0", "max_pool"]
    for stage, block in blocks:
        keys += _forward(stage, is_first=block == 0)
    keys += ["average", "classify", "log_softmax"]
    slots = [Slot("pictures", None, "input"), *(Slot(key, None, "forward") for key in keys)]
    if kind == "forward":
        return [*slots, Slot("tokens_out", None, "result")]
    back = ["log_softmax", "classify"]
    for number, (stage, block) in enumerate(reversed(blocks), start=1):
        back += _backward(stage, is_first=block == 0)
        back += ["gradients"] if number % BLOCKS_PER_BUCKET == 0 else []
    slots += [Slot(key, None, "backward") for key in [*back, "wgrad_0", "gradients"]]
    return [*slots, *[Slot("optimizer", None, "optimizer")] * 4]


def _forward(stage: int, *, is_first: bool) -> list[str]:
    keys = []
    for convolution in ("conv_1x1", "conv_3x3", "conv_1x1"):
        keys += [f"{convolution}_{stage}", f"bn_{stage}", f"relu_{stage}"]
    # The last activation follows the sum with the shortcut.
    shortcut = [f"conv_1x1_{stage}", f"bn_{stage}"] if is_first else []
    return [*keys[:-1], *shortcut, f"add_{stage}", f"relu_{stage}"]


def _backward(stage: int, *, is_first: bool) -> list[str]:
    one = [f"bn_back_{stage}", f"dgrad_{stage}", f"wgrad_{stage}"]
    keys = []
    for _ in range(3):
        keys += [f"relu_back_{stage}", *one]
    return [*keys, *(one if is_first else []), f"add_{stage}"]
