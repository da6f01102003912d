"""What one kernel, or copy, is as a cause of time, power."""

from __future__ import annotations

from dataclasses import field

from traceenergy.records import dataclass

# What a step is made of; costs are linear in these. `ctx_pairs` counts pairs of tokens that
# attend in prefill, `gen_kv` cache entries read in decode, `experts` experts that are hit.
FEATURES = (
    "one", "tokens", "ctx_tokens", "ctx_pairs", "gen_tokens", "gen_kv", "experts", "sequences",
)  # fmt: skip


@dataclass(frozen=True)
class KernelClass:
    """One kernel, or copy, as a cause of time and power.

    Attributes
    ----------
    full, short
        Demangled and short name; for copies the name of the operation.
    subphase
        Where the truth puts its energy, two levels.
    flops, bytes_moved, link_bytes
        Cost by feature of the step.
    operand_bytes
        Selects the peak of the matrix units; 0 for none.
    fixed_us
        Time it takes with nothing to do [us].
    table
        `KERNEL`, `MEMCPY` or `MEMSET`.
    collective
        Ends at the same time on all ranks, waiting for the last.
    api
        Call that launches it.
    block, registers, shared_bytes
        Launch shape.
    copy_kind
        1 host to device, 2 device to host, 8 device to device.
    variants
        What the library launches instead from so many tokens of the step on: (fewest tokens, full
        name, short name), by rising tokens.
    switching
        On its dynamic power: how much more its data switch than its activity tells.
    """

    full: str
    short: str
    subphase: str
    flops: dict[str, float] = field(default_factory=dict)
    bytes_moved: dict[str, float] = field(default_factory=dict)
    link_bytes: dict[str, float] = field(default_factory=dict)
    operand_bytes: int = 0
    fixed_us: float = 1.6
    table: str = "KERNEL"
    collective: bool = False
    api: str = "cudaLaunchKernel_v7000"
    block: int = 128
    registers: int = 64
    shared_bytes: int = 0
    copy_kind: int = 0
    variants: tuple[tuple[int, str, str], ...] = ()
    switching: float = 1.0

    @property
    def phase(self) -> str:
        """First level of the subphase."""
        return self.subphase.partition(".")[0]

    @property
    def category(self) -> str:
        """What sort of work it is, by which one guesses its power."""
        if self.table != "KERNEL":
            return "copy"
        if self.collective:
            return "communication"
        if not self.operand_bytes:
            return "elementwise"
        return "attention" if self.subphase in {"attention.core", "attention.mla"} else "matmul"


def matrix_product(  # noqa: PLR0913 - a matrix product is described by this much
    full: str,
    short: str,
    subphase: str,
    k: int,
    n: int,
    *,
    tokens: str = "tokens",
    operand: int = 1,
) -> KernelClass:
    """Describe a product of an activation (tokens, k) with weights (k, n)."""
    return KernelClass(
        full,
        short,
        subphase,
        flops={tokens: 2.0 * k * n},
        bytes_moved={"one": float(k * n * operand), tokens: float(k * operand + n * 2)},
        operand_bytes=operand,
        fixed_us=2.4,
        api="cuLaunchKernelEx",
        block=384,
        registers=168,
        shared_bytes=213_248,
    )


def streaming(
    full: str, short: str, subphase: str, bytes_per_token: float, fixed_us: float = 1.6
) -> KernelClass:
    """Describe a kernel that reads and writes so many bytes per token, and computes little."""
    return KernelClass(
        full, short, subphase, bytes_moved={"tokens": bytes_per_token}, fixed_us=fixed_us,
        registers=40, block=256,
    )  # fmt: skip
