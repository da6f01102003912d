"""Steps of a run from a CSV file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.errors import BadSweepError, UnreadableFileError
from traceenergy.sweeps.reduce import STEP
from traceenergy.trace.tables import check_table
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

_FORM = "docs/sweep.md says what each column means"
_NEEDED = "step_s"
_MOST_S = 1e9  # times in ns stay within 64 bits
_NOT_NEGATIVE = ("energy_j", "tokens", "batch", "context_tokens", "prefill_tokens", "clock_mhz")


def read_steps(path: Path) -> pl.DataFrame:
    """Read steps from a CSV file.

    Parameters
    ----------
    path : pathlib.Path
        With a head that names columns of `SWEEP_STEP`; `step_s` must be there, without gaps.

    Returns
    -------
    polars.DataFrame
        `STEP`, in order of time: that of `start_ns`, or of lines. Without `start_ns` each step
        begins where the one before it ends.

    Raises
    ------
    UnreadableFileError
        If it cannot be read.
    BadSweepError
        If columns are missing, unknown, or hold something else.
    """
    types = {column.name: column.dtype for column in STEP}
    try:
        found = _typed(*_cells(path), types)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"steps {path.name} cannot be read", details=type(error).__name__
        ) from error
    except (csv.Error, pl.exceptions.PolarsError) as error:
        raise BadSweepError(
            f"{path.name} is no table of steps",
            details=str(error).splitlines()[0][:200],
            next_step=_FORM,
        ) from error
    _check(found, path.name, set(types))
    begin_ns = (pl.col(_NEEDED).cum_sum() - pl.col(_NEEDED)) * NS_PER_S
    usual = {
        "step": pl.int_range(pl.len(), dtype=pl.Int64),
        "kind": pl.lit("unknown"),
        "start_ns": begin_ns.round().cast(pl.Int64),
    }
    missing = {name: usual.get(name, pl.lit(None, types[name])) for name in types}
    filled = found.with_columns(
        **{name: value for name, value in missing.items() if name not in found.columns}
    )
    filled = filled.with_columns(pl.col(name).fill_null(value) for name, value in usual.items())
    return check_table(filled.sort("start_ns", maintain_order=True), STEP, path.name)


def _cells(path: Path) -> tuple[list[str], list[list[str | None]]]:
    """Read head and rows; empty cells, and those that a short row lacks, are None."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        head = [name.strip() for name in next(lines, [])]
        rows = []
        for row in filter(None, lines):
            if len(row) > len(head):
                message = f"line {lines.line_num} has {len(row)} cells, the head {len(head)}"
                raise csv.Error(message)
            cells = [cell.strip() or None for cell in row]
            rows.append(cells + [None] * (len(head) - len(row)))
    return head, rows


def _typed(
    head: list[str], rows: list[list[str | None]], types: dict[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    texts = pl.DataFrame(rows, schema=dict.fromkeys(head, pl.String), orient="row")
    if len(texts.columns) < len(head):
        message = "two columns have one name"
        raise csv.Error(message)
    return texts.cast({name: types[name] for name in head if name in types})


def _check(found: pl.DataFrame, name: str, known: set[str]) -> None:
    problems = [
        f"column {column!r} is not known" for column in found.columns if column not in known
    ]
    if _NEEDED not in found.columns:
        problems.append(f"column {_NEEDED!r} is missing")
    else:
        times_s = found[_NEEDED].fill_null(-1.0)
        n_bad = int((~((times_s > 0) & times_s.is_finite())).sum())
        if n_bad or found.is_empty():
            problems.append(f"column {_NEEDED!r}: {n_bad} of {len(found)} values are not above 0")
        elif times_s.sum() > _MOST_S:
            problems.append(f"column {_NEEDED!r}: all together more than {_MOST_S:.0e} s")
    problems += [
        f"column {column!r} has values below 0"
        for column in _NOT_NEGATIVE
        if column in found.columns and bool((found[column].fill_null(0) < 0).any())
    ]
    if problems:
        raise BadSweepError(
            f"{name} is no table of steps", details="\n".join(problems), next_step=_FORM
        )
