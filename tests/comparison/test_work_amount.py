"""Work of a mean step, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.report import sample, sample_comparison
from traceenergy.analysis.cost_columns import STEP_COST
from traceenergy.comparison.work_amount import WorkAmount, work_amounts

if TYPE_CHECKING:
    from traceenergy.comparison.model import Comparison


def pair(*head_rows: dict[str, Any]) -> Comparison:
    # base: 8 steps of prefill with 10 launches each, 2 of decode with 100 each
    base: list[dict[str, Any]] = [
        {"level": "step_kind", "step_kind": "prefill", "name": "prefill", "block_steps": [4, 4]},
        {"level": "step_kind", "step_kind": "decode", "name": "decode", "block_steps": [2]},
        {"level": "kernel", "step_kind": "prefill", "name": "k", "n_kernels": 80,
         "grid_blocks": 160.0, "block_steps": [4, 4]},
        {"level": "kernel", "step_kind": "decode", "name": "k", "n_kernels": 200,
         "grid_blocks": 400.0, "block_steps": [2]},
    ]  # fmt: skip
    rich = sample_comparison.rich_comparison()
    tables = [
        sample.table(
            STEP_COST,
            [{"n_kernels": 0, "block_time_s": [], **row} for row in rows],
            "s",
        )
        for rows in (base, list(head_rows))
    ]
    runs = (replace(rich.base, step_costs=table) for table in tables)
    return replace(rich, base=next(runs), head=next(runs))


def test_steps_of_the_head_are_mixed_as_in_the_base() -> None:
    # head: as many launches a step, but 1 step of prefill to 9 of decode
    comparison = pair(
        {"level": "step_kind", "step_kind": "prefill", "name": "prefill", "block_steps": [1]},
        {"level": "step_kind", "step_kind": "decode", "name": "decode", "block_steps": [9]},
        {"level": "kernel", "step_kind": "prefill", "name": "k", "n_kernels": 10,
         "grid_blocks": 20.0, "block_steps": [1]},
        {"level": "kernel", "step_kind": "decode", "name": "k", "n_kernels": 900,
         "grid_blocks": 900.0, "block_steps": [9]},
    )  # fmt: skip

    # 0.8 x 10 + 0.2 x 100 launches; head: half the blocks of a launch in decode
    assert work_amounts(comparison) == (
        WorkAmount(28.0, 56.0, None),
        WorkAmount(28.0, 36.0, None),
    )


def test_without_a_common_kind_there_is_no_mean_step() -> None:
    other = {"level": "step_kind", "step_kind": "train", "name": "train", "block_steps": [1]}

    assert work_amounts(pair(other)) is None
