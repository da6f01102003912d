"""The catalog speaks the words of the contract."""

from __future__ import annotations

import pytest

from traceenergy.simulate.catalog import CATALOG, FEATURES, KernelClass

PHASES = {
    "attention", "moe", "mlp", "allreduce", "collective", "norm", "embedding", "lm_head",
    "sampling", "quantize", "memory", "optimizer", "other",
}  # fmt: skip


@pytest.mark.parametrize("kernel", CATALOG.values(), ids=CATALOG)
def test_a_class_has_a_phase_of_the_contract_with_costs_of_known_features(
    kernel: KernelClass,
) -> None:
    assert kernel.phase in PHASES
    assert {*kernel.flops, *kernel.bytes_moved, *kernel.link_bytes} <= set(FEATURES)
    assert kernel.bytes_moved or kernel.link_bytes
    assert kernel.flops == {} or kernel.operand_bytes in {1, 2}


@pytest.mark.parametrize("kernel", CATALOG.values(), ids=CATALOG)
def test_the_short_name_is_the_function_of_the_long_one(kernel: KernelClass) -> None:
    if kernel.table == "KERNEL":
        assert kernel.short in kernel.full
        assert kernel.short.isidentifier()


@pytest.mark.parametrize("kernel", [k for k in CATALOG.values() if k.variants])
def test_variants_rise_with_tokens_and_are_named_like_kernels(kernel: KernelClass) -> None:
    fewest = [tokens for tokens, _, _ in kernel.variants]

    assert fewest == sorted(set(fewest))
    # A graph is captured for a power of two: all batches that it serves have one name.
    assert all((tokens - 1).bit_count() == 1 for tokens in fewest)
    for _, full, short in kernel.variants:
        assert short in full
        assert short.isidentifier()
