"""Kernels that predicting several tokens adds to a DeepSeek-V3-like model."""

from __future__ import annotations

from traceenergy.simulate.deepseek_kernels import HIDDEN, NORM
from traceenergy.simulate.kernel_class import KernelClass, matrix_product, streaming

MTP: dict[str, KernelClass] = {
    "mtp_norm": streaming(
        NORM.format("RMSNormKernel"), "RMSNormKernel", "norm.rms", 4.0 * HIDDEN
    ),
    "mtp_concat": streaming(
        "void at::native::<unnamed>::CatArrayBatchedCopy_aligned16_contig<at::native::<unnamed>::"
        "OpaqueType<(unsigned int)2>, unsigned int, (int)2, (int)64, (int)64>(T1 *, at::native::"
        "<unnamed>::CatArrInputTensorMetadata<T1, T2, T4, T5>, at::native::<unnamed>::"
        "TensorSizeStride<T2, (unsigned int)4>, int, T2)",
        "CatArrayBatchedCopy_aligned16_contig", "other", 8.0 * HIDDEN,
    ),
    "eh_proj": matrix_product(
        "nvjet_tst_64x64_64x13_4x1_v_bz_splitK_TNT", "nvjet_tst_64x64_64x13_4x1_v_bz_splitK_TNT",
        "other.gemm", 2 * HIDDEN, HIDDEN, operand=2,
    ),
}  # fmt: skip
