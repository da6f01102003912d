"""Prefill or decode, as the name of an attention kernel tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.phases.match import first_match
from traceenergy.phases.vocabulary import STAGES

if TYPE_CHECKING:
    from traceenergy.phases.rules import RuleSet


def attention_stage(kernels: pl.Series, rules: RuleSet) -> pl.Series:
    """Tell which stage of serving kernels belong to.

    Parameters
    ----------
    kernels : polars.Series of String (n_kernels,)
        Full names, without nulls; best distinct.
    rules : RuleSet
        Whose `stages` are tried in order.

    Returns
    -------
    polars.Series of Enum (n_kernels,)
        `prefill` or `decode`; null for kernels that serve both, or are no attention.
    """
    found = first_match(kernels, [pattern for pattern, _ in rules.stages])
    by_rule = pl.Series([*(stage for _, stage in rules.stages), None], dtype=pl.Enum(STAGES))
    # -1, no match, is the null at the end.
    return by_rule.gather(pl.Series(found % len(by_rule))).rename(kernels.name)
