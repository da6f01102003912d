"""Steps of the model loop: which range is one, which GPU work belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import number_codes
from traceenergy.errors import UsageError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.trace.tables import NvtxRanges

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

NO_STEP = -1
# Groups of a pattern that are numbers in the text of a step.
COUNTS = ("tokens", "batch", "ctx", "gen", "ctx_tokens", "ctx_kv", "gen_kv")
_NUMBER = "step"
_LARGEST_NUMBER = 10_000_000  # a larger one is a time or an id
# Processes that number their steps each for itself have hardly a number in common.
_MOST_NUMBERS = 2  # times the steps of the process with most


@dataclass(frozen=True)
class Steps:
    """Steps of a run.

    Attributes
    ----------
    of_work : ndarray of int64 (n_work,)
        Step of each piece of GPU work, an index from 0; -1 for none. Steps that processes have in
        common are one, so that tensor-parallel processes share their steps.
    name : polars.Series of String (n_steps,)
        Text of the step's range in the first process that has it.
    text_number : ndarray of int64 (n_steps,) or None
        Number in that text, rising; None where steps are counted.
    texts : polars.DataFrame or None
        `step` and `name` of the range of each process that has the step; None where no range
        marks steps.
    """

    of_work: NDArray[np.int64]
    name: pl.Series
    text_number: NDArray[np.int64] | None = None
    texts: pl.DataFrame | None = None

    @property
    def n_steps(self) -> int:
        """How many steps were found."""
        return len(self.name)

    @property
    def number(self) -> NDArray[np.int64]:
        """Number of each step as people know it, rising ``(n_steps,)``."""
        return np.arange(self.n_steps) if self.text_number is None else self.text_number

    @property
    def number_of_work(self) -> NDArray[np.int64]:
        """Number of the step of each piece of GPU work; -1 for none ``(n_work,)``."""
        if not self.n_steps:
            return self.of_work
        return np.where(self.of_work >= 0, self.number[np.maximum(self.of_work, 0)], NO_STEP)


def find_steps(
    ranges: NvtxRanges,
    names: pl.Series,
    parent_row: NDArray[np.int32],
    range_of_work: NDArray[np.int64],
    patterns: Sequence[str],
) -> Steps:
    """Find the steps by the text of their ranges.

    Parameters
    ----------
    ranges : NvtxRanges
    names : polars.Series of String
        Text by `name_id`.
    parent_row : ndarray of int32 (n_ranges,)
        Row of the enclosing range; negative for none.
    range_of_work : ndarray of int64 (n_work,)
        Row of the innermost range of each piece of GPU work; negative for none.
    patterns : sequence of str
        Regular expressions in the dialect of polars; any may match anywhere in the text.

    Returns
    -------
    Steps
        Of matching ranges inside each other the outermost counts. Ranges without GPU work are
        no steps. Where group `step` of the patterns is a number in each text that rises within
        each process (and is no time or id), steps with the same number are one; else the n-th of
        each process are.

    Raises
    ------
    UsageError
        If a pattern is no regular expression.
    """
    nothing = Steps(np.full(len(range_of_work), NO_STEP), pl.Series("name", [], dtype=pl.String))
    if not patterns or len(ranges) == 0:
        return nothing
    matches = matching_names(names, patterns)
    row_of_work = _outermost_match(matches, ranges["name_id"].to_numpy(), parent_row, range_of_work)
    inside = np.flatnonzero(row_of_work >= 0)
    rows, place = number_codes(row_of_work[inside], len(ranges))
    if len(rows) == 0:
        return nothing
    marked = (
        ranges[rows.tolist()]
        .select("rank", "process_id", "start_ns", "name_id")
        .with_row_index("place")
        .sort("start_ns", "place")
    )
    texts = names.gather(marked["name_id"])
    number = _text_numbers(marked, texts, patterns)
    key = marked.select(pl.int_range(pl.len()).over("rank", "process_id")).to_series()
    distinct, step = np.unique((key if number is None else number).to_numpy(), return_inverse=True)
    of_work = np.full(len(range_of_work), NO_STEP)
    of_work[inside] = step[np.argsort(marked["place"].to_numpy())][place]
    named = pl.DataFrame({"step": step, "name": texts})
    first = named.unique("step", keep="first", maintain_order=True).sort("step")
    text_number = None if number is None else distinct.astype(np.int64)
    return Steps(of_work, first["name"], text_number, named)


def _text_numbers(
    marked: pl.DataFrame, texts: pl.Series, patterns: Sequence[str]
) -> pl.Series | None:
    number = read_groups(texts, patterns, (_NUMBER,))[_NUMBER]
    if number.null_count() or not number.is_between(0, _LARGEST_NUMBER).all():
        return None
    process = ["rank", "process_id"]
    numbered = marked.select(process).with_columns(number)
    rises = pl.col(_NUMBER).diff().over(process).fill_null(1) > 0
    longest = numbered.group_by(process).len()["len"].max()
    apart = number.n_unique() > _MOST_NUMBERS * (longest if isinstance(longest, int) else 0)
    return None if apart or not numbered.select(rises.all()).item() else number


def read_groups(
    texts: pl.Series, patterns: Sequence[str], groups: Sequence[str] = COUNTS
) -> pl.DataFrame:
    """Read the numbers that named groups of patterns find in texts.

    Parameters
    ----------
    texts : polars.Series of String (n,)
    patterns : sequence of str
        The first that finds a number counts.
    groups : sequence of str

    Returns
    -------
    polars.DataFrame (n rows)
        One column of Int64 a group; null where no pattern finds a number.
    """
    found = pl.select(pl.repeat(None, len(texts), dtype=pl.Int64).alias(key) for key in groups)
    for pattern in patterns:
        parts = texts.to_frame("text").select(pl.col("text").str.extract_groups(pattern))["text"]
        for key in groups:
            if key in parts.struct.fields:
                values = parts.struct.field(key).cast(pl.Int64, strict=False)
                found = found.with_columns(pl.coalesce(key, values).alias(key))
    return found


def matching_names(names: pl.Series, patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the texts that any of the patterns matches.

    Parameters
    ----------
    names : polars.Series of String (n,)
    patterns : sequence of str

    Returns
    -------
    ndarray of bool (n,)

    Raises
    ------
    UsageError
        If a pattern is no regular expression.
    """
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


def _outermost_match(matches: Bool, name_id: Int, parent_row: NDArray[np.int32], row: Int) -> Int:
    """Find the outermost of the matching ranges among each range with those around it."""
    top = np.full(len(row), NO_STEP)
    at = np.flatnonzero(row >= 0)
    row = row[at]
    while len(row):
        hit = np.flatnonzero(matches[name_id[row]])
        top[at[hit]] = row[hit]
        row = parent_row[row].astype(np.int64)
        goes_on = np.flatnonzero(row >= 0)
        if len(goes_on) < len(row):
            at, row = at[goes_on], row[goes_on]
    return top
