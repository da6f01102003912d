"""What steps are: prefill, decode, mixed or train, how many sequences, how many tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.steps import COUNTS, read_groups
from traceenergy.codes import codes_of
from traceenergy.phases.stage import attention_stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.steps import Steps
    from traceenergy.phases.rules import RuleSet

KINDS = ("prefill", "decode", "mixed", "train", "unknown")
# The first that a text holds. Draft and verify are parts of decoding by speculation.
_WORDS = (
    ("mixed", r"mixed"),
    ("decode", r"decode|generat|verify|draft"),
    ("prefill", r"prefill|extend|context"),
    ("train", r"train"),
)
_KV = ("ctx_kv", "gen_kv")
# Part of the time of a step in its backward pass and optimizer, from which on it is training.
_TRAINING_SHARE = 0.02
# A step is mixed if the rarer of both stages has at least this part of the other's kernels.
_MIXED_SHARE = 0.25
# A step of prefill works on so many times the tokens of a step of decode.
_PREFILL_RATIO = 8.0
_LEAST_GAP = 2.0  # between the smallest of the one and the largest of the other


def describe_steps(
    steps: Steps, patterns: Sequence[str], work: pl.DataFrame, texts: pl.Series, rules: RuleSet
) -> pl.DataFrame:
    """Say of each step what its text tells, else what its work tells.

    Parameters
    ----------
    steps : Steps
    patterns : sequence of str
        Of the ranges that are steps. Of their named groups, `tokens` is the number of tokens
        made, `ctx` and `gen` count requests in prefill and in generation, `batch` counts all;
        `ctx_tokens` are tokens of prompts worked on, `ctx_kv` and `gen_kv` the tokens in the KV
        cache of requests in prefill and in generation.
    work : polars.DataFrame
        GPU work: `step` (index of its step, negative for none), `phase`, `subphase`,
        `full_name_id`, `busy_ns`, `grid_blocks`.
    texts : polars.Series of String
        By `full_name_id`.
    rules : RuleSet
        That know stages of attention kernels.

    Returns
    -------
    polars.DataFrame (n_steps rows)
        `batch` and `tokens` (Int64, null where not told), `is_request_count` (tokens are the
        number of requests in generation, one token each), `is_sum` (over processes), `kind` of
        `KINDS`, `prefill_tokens` and `context_tokens` (Int64, null where not told).
    """
    counts = counts_by_text(steps, patterns)
    ctx, gen = pl.col("ctx"), pl.col("gen")
    told = pl.any_horizontal(ctx.is_not_null(), gen.is_not_null())
    some_gen = pl.when(gen > 0).then(gen)
    no_prefill = pl.when(told & (ctx.fill_null(0) == 0)).then(0)
    by_text = (
        pl.when((ctx > 0) & (gen > 0))
        .then(pl.lit("mixed"))
        .when(ctx > 0)
        .then(pl.lit("prefill"))
        .when(gen > 0)
        .then(pl.lit("decode"))
        .when(~told)
        .then(pl.col("word"))
    )
    described = counts.with_columns(
        kind_by_words(steps.name).alias("word"),
        kinds_by_work(work, steps.n_steps, texts, rules).alias("by_work"),
    )
    return described.select(
        batch=pl.coalesce("batch", pl.when(told).then(ctx.fill_null(0) + gen.fill_null(0))),
        tokens=pl.coalesce("tokens", some_gen),
        is_sum="is_sum",
        is_request_count=pl.col("tokens").is_null() & some_gen.is_not_null(),
        kind=pl.coalesce(by_text, "by_work", pl.lit("unknown")),
        prefill_tokens=pl.coalesce("ctx_tokens", no_prefill),
        context_tokens=pl.when(pl.any_horizontal(*(pl.col(key).is_not_null() for key in _KV))).then(
            pl.sum_horizontal(_KV)
        ),
    )


def counts_by_text(steps: Steps, patterns: Sequence[str]) -> pl.DataFrame:
    """Read the counts in the texts of steps.

    Parameters
    ----------
    steps : Steps
    patterns : sequence of str

    Returns
    -------
    polars.DataFrame (n_steps rows)
        `COUNTS` (Int64, null where not told), `is_sum`.

    Notes
    -----
    Processes that split one model say the same in the step of one number. Where they differ,
    each serves requests of its own, and the counts of a step are summed over them.
    """
    one = read_groups(steps.name, patterns).with_columns(is_sum=pl.lit(value=False))
    if steps.texts is None or steps.text_number is None or len(steps.texts) == steps.n_steps:
        return one
    each = read_groups(steps.texts["name"], patterns).with_columns(steps.texts["step"])
    differs = each.group_by("step").agg(pl.struct(COUNTS).n_unique() > 1)[COUNTS[0]].any()
    if not differs:
        return one
    sums = [pl.when(pl.col(key).count() > 0).then(pl.col(key).sum()).alias(key) for key in COUNTS]
    summed = each.group_by("step").agg(*sums).sort("step").drop("step")
    return summed.with_columns(is_sum=pl.lit(value=True))


def kind_by_words(names: pl.Series) -> pl.Series:
    """Read the kind of steps from words in their texts; null where there is none."""
    text = names.str.to_lowercase()
    kind = pl.repeat(None, len(names), dtype=pl.String)
    for word, pattern in reversed(_WORDS):
        kind = pl.when(text.str.contains(pattern)).then(pl.lit(word)).otherwise(kind)
    return pl.select(kind.alias("kind"))["kind"]


def kinds_by_work(work: pl.DataFrame, n_steps: int, texts: pl.Series, rules: RuleSet) -> pl.Series:
    """Tell the kind of steps by what ran in them.

    Parameters
    ----------
    work : polars.DataFrame
        As for `describe_steps`.
    n_steps : int
    texts : polars.Series of String
        By `full_name_id`.
    rules : RuleSet

    Returns
    -------
    polars.Series of String (n_steps,)
        `train` with backward work or an optimizer; else by the stage of attention kernels; else
        by the size of norms, which launch about one block a token: where the steps fall into two
        groups of which one works on 8 times the tokens of the other, it is prefill. Null where
        none of these tells.
    """
    told = _work_of_steps(work, n_steps, texts, rules).with_columns(
        fewer=pl.min_horizontal("prefill", "decode"),
        more=pl.max_horizontal("prefill", "decode"),
    )
    kind = (
        pl.when(pl.col("training") >= _TRAINING_SHARE)
        .then(pl.lit("train"))
        .when((pl.col("fewer") > 0) & (pl.col("fewer") >= _MIXED_SHARE * pl.col("more")))
        .then(pl.lit("mixed"))
        .when(pl.col("prefill") > pl.col("decode"))
        .then(pl.lit("prefill"))
        .when(pl.col("decode") > 0)
        .then(pl.lit("decode"))
        .otherwise(pl.col("by_size"))
    )
    steps = pl.DataFrame({"step": np.arange(n_steps, dtype=np.int64)})
    steps = steps.join(told, on="step", how="left", maintain_order="left")
    untrained = told.filter(pl.col("training") < _TRAINING_SHARE)["step"]
    is_norm = (pl.col("phase") == "norm") & pl.col("grid_blocks").is_not_null()
    norms = work.filter((pl.col("step") >= 0) & is_norm)
    sizes = (
        norms.group_by("step")
        .agg(size=pl.col("grid_blocks").median())
        .filter(pl.col("step").is_in(untrained.implode()))
    )
    sizes = sizes.with_columns(by_size=_kinds_by_size(sizes["size"].to_numpy()))
    joined = steps.join(sizes, on="step", how="left", maintain_order="left")
    return joined.select(kind.alias("kind"))["kind"]


def _work_of_steps(
    work: pl.DataFrame, n_steps: int, texts: pl.Series, rules: RuleSet
) -> pl.DataFrame:
    """Sum `training` (share of time), kernels of `prefill` and `decode` of steps with work."""
    kernel, keys = codes_of(work, ["phase", "subphase", "full_name_id"])
    is_training = keys["subphase"].cast(pl.String).str.ends_with(".bwd") | (
        keys["phase"].cast(pl.String) == "optimizer"
    )
    stage = attention_stage(texts.gather(keys["full_name_id"]).fill_null(""), rules)
    # Work in no step is in front.
    cell = (work["step"].to_numpy() + 1) * len(keys) + kernel
    n_kernels, busy_ns = (
        np.bincount(cell, weights, (n_steps + 1) * len(keys)).reshape(n_steps + 1, -1)[1:]
        for weights in (None, work["busy_ns"].to_numpy())
    )
    with np.errstate(invalid="ignore"):
        training = busy_ns[:, is_training.to_numpy()].sum(axis=1) / busy_ns.sum(axis=1)
    sums = {"step": np.arange(n_steps, dtype=np.int64), "training": training}
    for name in ("prefill", "decode"):
        mine = (stage.cast(pl.String) == name).fill_null(value=False).to_numpy()
        sums[name] = n_kernels[:, mine].sum(axis=1)
    return pl.DataFrame(sums).filter(pl.Series(n_kernels.any(axis=1)))


def _kinds_by_size(size: NDArray[np.float64]) -> pl.Series:
    """Split sizes at the widest gap, if both sides are that far apart."""
    nothing = pl.Series([None] * len(size), dtype=pl.String)
    ordered = np.sort(size)
    if len(ordered) < 2 or ordered[0] <= 0:  # noqa: PLR2004 - one step alone is neither large nor small
        return nothing
    ratio = ordered[1:] / ordered[:-1]
    cut = int(ratio.argmax()) + 1
    apart = np.median(ordered[cut:]) >= _PREFILL_RATIO * np.median(ordered[:cut])
    if not apart or ratio[cut - 1] < _LEAST_GAP:
        return nothing
    return pl.Series(np.where(size >= ordered[cut], "prefill", "decode"), dtype=pl.String)
