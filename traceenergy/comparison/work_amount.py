"""How much work a mean step asks of the GPUs, whatever time or energy it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.comparison.costs import common_kinds
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.model import Comparison


@dataclass(frozen=True)
class WorkAmount:
    """Work of a mean step.

    Attributes
    ----------
    n_launches
        Kernels, copies, memsets, graphs launched.
    n_blocks
        Thread blocks of all kernels; None where not recorded.
    n_bytes
        Copied or set; None where nothing is.
    """

    n_launches: float
    n_blocks: float | None
    n_bytes: float | None


def work_amounts(comparison: Comparison) -> tuple[WorkAmount, WorkAmount] | None:
    """Count the work of a mean step in both runs.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    base, head : WorkAmount
        The kinds of steps that both have, mixed as in the base; None without steps.
    """
    base, head = comparison.base, comparison.head
    kinds = common_kinds(base, head)
    if not kinds:
        return None
    mix = _n_steps(base, kinds)
    mix = {kind: n / sum(mix.values()) for kind, n in mix.items()}
    return _amount(base, mix), _amount(head, mix)


def _n_steps(run: Analysis, kinds: list[str]) -> dict[str, float]:
    whole = run.step_costs.filter(level="step_kind").select(
        "step_kind", n=pl.col("block_steps").list.sum()
    )
    found = dict(whole.iter_rows())
    return {kind: float(found[kind]) for kind in kinds}


def _amount(run: Analysis, mix: dict[str, float]) -> WorkAmount:
    kernels = run.step_costs.filter(level="kernel")
    n_steps = _n_steps(run, list(mix))

    def per_step(name: str) -> float | None:
        known = kernels.filter(pl.col(name).is_not_null())
        if not len(known):
            return None
        by_kind = known.group_by("step_kind").agg(pl.col(name).sum().cast(pl.Float64))
        sums: dict[str, float] = dict(by_kind.iter_rows())
        return sum(share * sums.get(kind, 0) / n_steps[kind] for kind, share in mix.items())

    return WorkAmount(per_step("n_kernels") or 0.0, per_step("grid_blocks"), per_step("bytes"))
