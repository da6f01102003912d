"""Output tokens of steps: from a number, a table, or the texts of the steps."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.step_spans import extents
from traceenergy.caveats import Caveat
from traceenergy.errors import UnreadableFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from traceenergy.analysis.model import Window
    from traceenergy.analysis.steps import Steps
    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_COLUMNS = ("step", "tokens")
_MOST_TOKENS = 2**62  # sums stay within 64 bits for any real run
_MOST_DIGITS = 20
_MOST_PROBLEMS = 10
# Above this share of the busy time, steps without tokens spoil energy per token.
_WORTH_SAYING = 0.05


def tokens_of_steps(steps: Steps, facts: pl.DataFrame, asked: int | Path | None) -> pl.Series:
    """Say how many tokens each step makes.

    Parameters
    ----------
    steps : Steps
    facts : polars.DataFrame (n_steps rows)
        `tokens` by text.
    asked : int or Path or None
        Of each step; or a table `step,tokens` that comes before the texts; None: by text.

    Returns
    -------
    polars.Series of Int64 (n_steps,)
        Null where not known.

    Raises
    ------
    UnreadableFileError, UsageError
        If the table cannot be read, or names steps that are not there.
    """
    if asked is None:
        return facts["tokens"]
    if isinstance(asked, int):
        return pl.Series("tokens", [asked], dtype=pl.Int64).new_from_index(0, steps.n_steps)
    table = read_token_table(asked)
    known = set(steps.number.tolist())
    unknown = [f"line {line}: step {step}" for line, step, _ in table if step not in known]
    if unknown:
        first, last = (min(known), max(known)) if known else (None, None)
        there = f"steps {first} to {last}" if known else "no steps"
        raise _table_error(asked, [f"{text} is not in the trace" for text in unknown], there)
    tokens = {step: count for _, step, count in table}
    return pl.Series("tokens", [tokens.get(n) for n in steps.number.tolist()], dtype=pl.Int64)


def read_token_table(path: Path) -> list[tuple[int, int, int]]:
    """Read a table of tokens by step.

    Parameters
    ----------
    path : Path
        CSV with a line of headings, of which `step` and `tokens` count.

    Returns
    -------
    list of (int, int, int)
        Line, step, tokens.

    Raises
    ------
    UnreadableFileError
        If it is no text.
    UsageError
        With each line that is wrong: a missing column, no number, a step twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            headings = [heading.strip().lower() for heading in next(lines, [])]
            missing = [column for column in _COLUMNS if column not in headings]
            if missing:
                problem = f"line 1: no column {', '.join(missing)}"
                raise _table_error(path, [problem], f"columns {', '.join(headings) or 'none'}")
            place = [headings.index(column) for column in _COLUMNS]
            rows = [
                (lines.line_num, [row[at].strip() if at < len(row) else "" for at in place])
                for row in lines
                if any(map(str.strip, row))
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(
            f"cannot read {path.name} of --tokens-per-step",
            details=getattr(error, "strerror", None) or str(error),
            next_step="pass a CSV file with the columns step,tokens, or a number",
        ) from error
    problems = list(_problems(rows))
    if problems:
        raise _table_error(path, problems)
    return [(line, int(step), int(tokens)) for line, (step, tokens) in rows]


def _problems(rows: Iterable[tuple[int, list[str]]]) -> Iterator[str]:
    seen: dict[int, int] = {}
    for line, cells in rows:
        wrong = [
            f"line {line}: {column} is no whole number: {cell!r}"
            for column, cell in zip(_COLUMNS, cells, strict=True)
            if not _is_count(cell)
        ]
        yield from wrong
        if wrong:
            continue
        step = int(cells[0])
        if step in seen:
            yield f"line {line}: step {step} stands in line {seen[step]} already"
        seen.setdefault(step, line)


def _is_count(cell: str) -> bool:
    # Python refuses to read numbers of thousands of digits.
    is_number = cell.isascii() and cell.isdigit() and len(cell) < _MOST_DIGITS
    return is_number and int(cell) < _MOST_TOKENS


def _table_error(path: Path, problems: Sequence[str], found: str = "") -> UsageError:
    shown = [f"{path.name}, {problem}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        shown.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return UsageError(
        "--tokens-per-step: the table of tokens is wrong",
        details="\n".join([*shown, *([f"there are {found}"] if found else [])]),
        next_step="write one line `step,tokens` a step, numbered as in the steps table of a report",
    )


def counted_steps(steps: Steps, work: GpuWork, window: Window, n_skipped: int) -> Bool:
    """Mark the steps whose tokens belong to the window.

    Parameters
    ----------
    steps : Steps
    work : GpuWork
        Of the whole trace.
    window : Window
    n_skipped : int
        Steps that were left out at the start.

    Returns
    -------
    ndarray of bool (n_steps,)
        True if the middle of the step, from its first to its last GPU work on any device, lies in
        the window: a step that is cut counts in full or not at all.
    """
    times_ns = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    first_ns, last_ns = extents(steps.of_work, steps.n_steps, *times_ns)
    has_work = first_ns <= last_ns
    middle_ns = first_ns // 2 + last_ns // 2
    in_window = (middle_ns >= window.start_ns) & (middle_ns <= window.end_ns)
    return np.asarray(has_work & in_window & (np.arange(steps.n_steps) >= n_skipped))


def doubt_tokens(rows: pl.DataFrame, facts: pl.DataFrame, asked: int | Path | None) -> list[Caveat]:
    """Say where tokens are from, and what is not known of them.

    Parameters
    ----------
    rows : polars.DataFrame
        `STEP_ROW`.
    facts : polars.DataFrame (n_steps rows)
        As `describe_steps` returns it.
    asked : int or Path or None
        As for `tokens_of_steps`.

    Returns
    -------
    list of Caveat
    """
    known = rows.filter(pl.col("tokens").is_not_null())
    if not len(known):
        return []
    doubts = []
    if asked is None:
        n_requests = int(facts["is_request_count"].sum())
        text = f"Tokens of {len(known)} steps are read from their texts"
        if n_requests:
            text += (
                ", one for each request in generation: further tokens of speculative decoding, and "
                "the first token after a prefill, are not in them"
            )
        if facts["is_sum"].any():
            text += (
                ", summed over processes: their texts differ, so each is taken to serve requests "
                "of its own"
            )
        text += ". --tokens-per-step comes before the texts."
        doubts.append(Caveat("tokens-from-text", text, n=len(known)))
    untold = rows.filter(pl.col("step").is_not_null() & pl.col("tokens").is_null())
    share = float(untold["busy_s"].sum()) / max(float(rows["busy_s"].sum()), 1e-12)
    if share > _WORTH_SAYING:
        kinds = ", ".join(sorted(set(untold["kind"].to_list())))
        text = (
            f"The tokens of {len(untold)} steps ({kinds}) with {share:.0%} of the busy time are "
            "not known or lie outside the window; energy per token of the run counts their "
            "energy. The table by kind of step counts only steps with tokens."
        )
        doubts.append(Caveat("tokens-partly-known", text, n=len(untold)))
    return doubts
