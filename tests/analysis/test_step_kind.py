"""The kind of steps that no text tells, by what ran in them."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl
import pytest

from tests.phases.naming import SHIPPED
from traceenergy.analysis.step_facts import kind_by_words, kinds_by_work

PREFILL, DECODE = "BatchPrefillWithRaggedKVCacheKernel", "BatchDecodeWithPagedKVCacheKernel"


class Ran(NamedTuple):
    """Kernels of one step."""

    step: int
    subphase: str = "mlp.fc1"
    name: str = "gemm"
    n: int = 1
    blocks: int = 1


def kinds(n_steps: int, *ran: Ran) -> list[str | None]:
    names = sorted({item.name for item in ran})
    rows = [
        (item.step, item.subphase.partition(".")[0], item.subphase, names.index(item.name), 1000,
         item.blocks)
        for item in ran for _ in range(item.n)
    ]  # fmt: skip
    columns = ["step", "phase", "subphase", "full_name_id", "busy_ns", "grid_blocks"]
    work = pl.DataFrame(rows, schema=columns, orient="row").cast({"full_name_id": pl.UInt32})
    return kinds_by_work(work, n_steps, pl.Series(names, dtype=pl.String), SHIPPED).to_list()


def test_the_stage_of_attention_tells() -> None:
    found = kinds(
        4,
        Ran(0, "attention.core", PREFILL, 8),
        Ran(1, "attention.core", DECODE, 8),
        Ran(2, "attention.core", PREFILL, 8),
        Ran(2, "attention.core", DECODE, 8),
        Ran(3, "attention.core", "some_attention", 8),
    )

    assert found == ["prefill", "decode", "mixed", None]


def test_a_few_kernels_of_the_other_stage_mix_nothing() -> None:
    # 2 of 8 are the least that count; layers that predict further tokens are fewer
    few = [Ran(0, "attention.core", DECODE, 9), Ran(0, "attention.core", PREFILL, 1)]

    assert kinds(1, *few) == ["decode"]


@pytest.mark.parametrize("subphase", ["attention.core.bwd", "norm.bwd", "optimizer"])
def test_backward_work_and_optimizers_mean_training(subphase: str) -> None:
    # whatever the stage of the forward pass looks like
    assert kinds(1, Ran(0, subphase), Ran(0, "attention.core", PREFILL)) == ["train"]


def test_a_trace_of_backward_work_is_no_training() -> None:
    # 1 of 101 kernels: a name that a rule read wrong
    assert kinds(1, Ran(0, "optimizer"), Ran(0, n=100)) == [None]


def test_norms_of_many_blocks_are_prefill() -> None:
    # one block a token: 2048, 1500 tokens of prompts against 32 sequences
    found = kinds(
        4,
        *(Ran(step, "norm.rms", "rms", 3, blocks) for step, blocks in enumerate((32, 2048, 31))),
        Ran(3, "norm.rms", "rms", 3, 1500),
    )

    assert found == ["decode", "prefill", "decode", "prefill"]


@pytest.mark.parametrize(
    "sizes",
    [
        (32, 32, 32),  # one group
        (32, 200, 220),  # less than 8 times
        (1, 2, 3, 5, 8, 13, 21),  # no gap of more than 2
        (64,),
    ],
)
def test_norms_of_like_size_tell_nothing(sizes: tuple[int, ...]) -> None:
    ran = [Ran(i, "norm.rms", "rms", 1, size) for i, size in enumerate(sizes)]

    assert kinds(len(sizes), *ran) == [None] * len(sizes)


def test_stage_comes_before_size() -> None:
    found = kinds(
        3,
        Ran(0, "norm.rms", "rms", 1, 4096),
        Ran(0, "attention.core", DECODE),
        Ran(1, "norm.rms", "rms", 1, 4096),
        Ran(2, "norm.rms", "rms", 1, 16),
    )

    assert found == ["decode", "prefill", "decode"]


def test_words() -> None:
    texts = ["Prefill 3", "decode", "mixed prefill", "train step", "draft extend", "forward"]

    found = kind_by_words(pl.Series(texts)).to_list()
    assert found == ["prefill", "decode", "mixed", "train", "decode", None]
