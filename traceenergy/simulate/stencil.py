"""Jacobi solver over several GPUs: its kernels, the order of their launches."""

from __future__ import annotations

from traceenergy.simulate.kernel_class import KernelClass
from traceenergy.simulate.slot import Slot

KINDS = ("sweep",)
STEP_TEXT = "sweeps {}"
SWEEPS, CHECK_EVERY = 100, 10
_CELLS, _ROW_BYTES = 2048 * 2048, 2048 * 4

STENCIL: dict[str, KernelClass] = {
    "clear_norm": KernelClass(
        "[CUDA memset]", "memset", "memory.memset", bytes_moved={"one": 4.0}, fixed_us=1.2,
        table="MEMSET", api="cudaMemsetAsync_v3020",
    ),
    "jacobi": KernelClass(
        "void jacobi_kernel<(int)32, (int)32>(float *, const float *, float *, int, int, int,"
        " bool)",
        "jacobi_kernel", "other", bytes_moved={"one": 8.0 * _CELLS}, fixed_us=2.0, block=1024,
        registers=28,
    ),
    "halo_up": KernelClass(
        "[CUDA memcpy Device-to-Device]", "memcpy DtoD", "memory.memcpy",
        bytes_moved={"one": 2.0 * _ROW_BYTES}, fixed_us=1.5, table="MEMCPY",
        api="cudaMemcpyAsync_v3020", copy_kind=8,
    ),
    "halo": KernelClass(
        "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        "ncclDevKernel_SendRecv", "collective.sendrecv", link_bytes={"one": 2.0 * _ROW_BYTES},
        fixed_us=9.0, collective=True, block=544, registers=96, shared_bytes=82_240,
        api="cudaLaunchKernelExC_v11060",
    ),
    "norm_sum": KernelClass(
        "void reduce_norm_kernel<(int)256>(const float *, float *, int)", "reduce_norm_kernel",
        "other", bytes_moved={"one": 4.0 * _CELLS}, fixed_us=2.0, block=256, registers=24,
    ),
    "norm_out": KernelClass(
        "[CUDA memcpy Device-to-Host]", "memcpy DtoH", "memory.memcpy", bytes_moved={"one": 4.0},
        fixed_us=1.8, table="MEMCPY", api="cudaMemcpyAsync_v3020", copy_kind=2,
    ),
}  # fmt: skip


def stencil_slots() -> list[Slot]:
    """Lay out 100 sweeps over the grid; every tenth one checks how much changed."""
    keys = []
    for sweep in range(SWEEPS):
        keys += ["jacobi", "halo", "halo_up"]
        keys += ["clear_norm", "norm_sum", "norm_out"] if sweep % CHECK_EVERY == 0 else []
    return [Slot(key, None, "sweep") for key in keys]
