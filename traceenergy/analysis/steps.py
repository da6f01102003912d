"""Steps of the model loop: which range is one, which GPU work belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.trace.tables import NvtxRanges

NO_STEP = -1
_COUNTS = ("ctx", "gen", "batch")  # named groups that count sequences


@dataclass(frozen=True)
class Steps:
    """Steps of a run.

    Attributes
    ----------
    of_work : ndarray of int64 (n_work,)
        Step of each piece of GPU work; -1 for none. The n-th step of each process has number n,
        so that tensor-parallel processes share their steps.
    name : polars.Series of String (n_steps,)
        Text of the step's range in the first process that has it.
    """

    of_work: NDArray[np.int64]
    name: pl.Series

    @property
    def n_steps(self) -> int:
        """How many steps were found."""
        return len(self.name)


def find_steps(
    ranges: NvtxRanges,
    names: pl.Series,
    parent_row: NDArray[np.int64],
    range_of_work: NDArray[np.int64],
    patterns: Sequence[str],
) -> Steps:
    """Find the steps by the text of their ranges.

    Parameters
    ----------
    ranges : NvtxRanges
    names : polars.Series of String
        Text by `name_id`.
    parent_row : ndarray of int64 (n_ranges,)
        Row of the enclosing range; negative for none.
    range_of_work : ndarray of int64 (n_work,)
        Row of the innermost range of each piece of GPU work; negative for none.
    patterns : sequence of str
        Regular expressions in the dialect of polars; any may match anywhere in the text.

    Returns
    -------
    Steps
        Of matching ranges inside each other the outermost counts. Ranges without GPU work are
        no steps.

    Raises
    ------
    UsageError
        If a pattern is no regular expression.
    """
    nothing = Steps(np.full(len(range_of_work), NO_STEP), pl.Series("name", [], dtype=pl.String))
    if not patterns or len(ranges) == 0:
        return nothing
    matches = _matching(names, patterns)[ranges["name_id"].to_numpy()]
    outermost = _outermost_match(matches, parent_row)
    inside = range_of_work >= 0
    row_of_work = np.where(inside, outermost[np.maximum(range_of_work, 0)], NO_STEP)
    rows = np.unique(row_of_work[row_of_work >= 0])
    if len(rows) == 0:
        return nothing
    numbered = (
        ranges[rows.tolist()]
        .select("rank", "process_id", "start_ns", "name_id")
        .with_columns(pl.Series("row", rows))
        .sort("start_ns", "row")
        .with_columns(
            (pl.int_range(pl.len()).over("rank", "process_id")).cast(pl.Int64).alias("step")
        )
    )
    number_of_row = np.full(len(ranges), NO_STEP)
    number_of_row[numbered["row"].to_numpy()] = numbered["step"].to_numpy()
    of_work = np.where(row_of_work >= 0, number_of_row[np.maximum(row_of_work, 0)], NO_STEP)
    first = numbered.unique("step", keep="first", maintain_order=True).sort("step")
    return Steps(of_work, names.gather(first["name_id"]).rename("name"))


def describe_steps(name: pl.Series, patterns: Sequence[str]) -> pl.DataFrame:
    """Read kind and batch of steps from their text.

    Parameters
    ----------
    name : polars.Series of String (n_steps,)
    patterns : sequence of str
        Of the ranges that are steps. Named groups `ctx` and `gen` count sequences in prefill
        and in decode, `batch` counts all.

    Returns
    -------
    polars.DataFrame
        Columns `batch` (Int64, null where the text has no number) and `kind`: `prefill`,
        `decode`, `mixed`, `train` or `unknown`.
    """
    counts = pl.select(pl.repeat(None, len(name), dtype=pl.Int64).alias(key) for key in _COUNTS)
    for pattern in patterns:
        found = pl.DataFrame({"name": name}).select(
            pl.col("name").str.extract_groups(pattern).alias("groups")
        )["groups"]
        for key in _COUNTS:
            if key in found.struct.fields:
                values = found.struct.field(key).cast(pl.Int64, strict=False)
                counts = counts.with_columns(pl.coalesce(key, values).alias(key))
    ctx, gen = pl.col("ctx"), pl.col("gen")
    text = name.str.to_lowercase()
    word = (
        pl.when(text.str.contains(r"mixed"))
        .then(pl.lit("mixed"))
        .when(text.str.contains(r"prefill|extend|context"))
        .then(pl.lit("prefill"))
        .when(text.str.contains(r"decode|generat"))
        .then(pl.lit("decode"))
        .when(text.str.contains(r"train"))
        .then(pl.lit("train"))
        .otherwise(pl.lit("unknown"))
    )
    kind = (
        pl.when((ctx > 0) & (gen > 0))
        .then(pl.lit("mixed"))
        .when(ctx > 0)
        .then(pl.lit("prefill"))
        .when(gen > 0)
        .then(pl.lit("decode"))
        .otherwise(word)
    )
    return counts.select(pl.coalesce("batch", ctx + gen).alias("batch"), kind.alias("kind"))


def _matching(names: pl.Series, patterns: Sequence[str]) -> NDArray[np.bool_]:
    matches = np.zeros(len(names), dtype=bool)
    for pattern in patterns:
        try:
            matches |= names.str.contains(pattern).fill_null(value=False).to_numpy()
        except pl.exceptions.ComputeError as error:
            raise UsageError(
                f"--steps {pattern!r} is no regular expression",
                details=str(error).splitlines()[0],
                next_step="escape brackets and parentheses that stand for themselves: \\[ \\(",
            ) from error
    return matches


def _outermost_match(
    matches: NDArray[np.bool_], parent_row: NDArray[np.int64]
) -> NDArray[np.int64]:
    # Pointer jumping: after k rounds each row knows the topmost match among 2**k ancestors.
    top = np.where(matches, np.arange(len(matches)), NO_STEP)
    jump = parent_row.copy()
    while (jump >= 0).any():
        above = np.maximum(jump, 0)
        inherited = np.where(jump >= 0, top[above], NO_STEP)
        top = np.where(inherited >= 0, inherited, top)
        jump = np.where(jump >= 0, jump[above], NO_STEP)
    return top
