"""What to say when the steps that a user asked for are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.steps import matching_names
from traceenergy.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]

_MOST_TEXTS = 5
_TEXT_LENGTH = 60
# What looks like a variable, a secret or the folder of a person has no place in a message.
_PRIVATE = r"\b[A-Z_][A-Z0-9_]{2,}=|(?i:passw|secret|api_?key|[/\\](?:home|users)[/\\])"


def no_steps_error(
    trace: Trace, pattern: str, parent_row: NDArray[np.int32], range_of_work: Int
) -> UsageError:
    """Say that a pattern for steps finds none, and what it could have matched.

    Parameters
    ----------
    trace : Trace
    pattern : str
        Of `--steps`.
    parent_row : ndarray of int32 (n_ranges,)
        Row of the enclosing range; negative for none.
    range_of_work : ndarray of int64 (n_work,)
        Row of the innermost range of each piece of GPU work; negative for none.

    Returns
    -------
    UsageError
        With the texts of those ranges that hold most GPU work.
    """
    ranges = trace.nvtx_ranges
    if len(ranges) == 0:
        return UsageError(
            f"--steps {pattern!r}: the trace holds no NVTX range",
            next_step="record with `nsys profile -t cuda,nvtx ...`, or leave --steps out",
        )
    n_matches = int(matching_names(trace.names, (pattern,))[ranges["name_id"].to_numpy()].sum())
    what = "it matches no range"
    if n_matches:
        what = f"none of the {n_matches} ranges that it matches launched GPU work"
    texts = _texts_with_work(trace, _work_inside(parent_row, range_of_work))
    found = "ranges with most GPU work, numbers as *:" if texts else "no range launched GPU work"
    return UsageError(
        f"--steps {pattern!r}: {what}",
        details="\n".join([found, *texts]),
        next_step="choose a pattern that matches one of these, such as '^step', or leave --steps "
        "out",
    )


def _work_inside(parent_row: NDArray[np.int32], range_of_work: Int) -> Int:
    """Count the pieces of GPU work of each range and the ranges inside it."""
    count = np.zeros(len(parent_row), dtype=np.int64)
    row = range_of_work[range_of_work >= 0]
    while len(row):
        count += np.bincount(row, minlength=len(count))
        row = parent_row[row].astype(np.int64)
        row = row[row >= 0]
    return count


def _texts_with_work(trace: Trace, n_inside: Int) -> list[str]:
    text = trace.names.gather(trace.nvtx_ranges["name_id"]).str.replace_all(r"\d+", "*")
    found = (
        pl.DataFrame({"text": text, "n_inside": n_inside})
        .filter((pl.col("n_inside") > 0) & (pl.col("text") != ""))
        .filter(~pl.col("text").str.contains(_PRIVATE))
        .group_by("text")
        .agg(pl.col("n_inside").sum(), n=pl.len())
        .sort("n_inside", "n", "text", descending=[True, True, False])
        .head(_MOST_TEXTS)
    )
    return [f"{_shortened(row['text'])}  ({row['n']} times)" for row in found.iter_rows(named=True)]


def _shortened(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _TEXT_LENGTH else text[: _TEXT_LENGTH - 3] + "..."
