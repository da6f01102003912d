"""A log of requests once it is understood, whatever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.serving.columns import LOGGED_REQUEST
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

UTC, RELATIVE, NO_CLOCK = "utc", "relative", "none"
_TIMES = ("arrival_ns", "start_ns", "first_token_ns", "end_ns")
# Later times are UTC (September 2001 on), earlier ones count from some start: no computer has
# been on for 31 years.
FIRST_UTC_NS = 10**18
_MOST = 1 << 62  # sums and differences stay within 64 bits
_ORDER = (
    ("arrival_ns", "first_token_ns"),
    ("arrival_ns", "start_ns"),
    ("arrival_ns", "end_ns"),
    ("first_token_ns", "end_ns"),
)


@dataclass(frozen=True)
class RequestLog:
    """One log.

    Attributes
    ----------
    name, sha256
        Of the file, without its folder.
    form
        What writes such logs.
    clock
        `utc`, `relative` (times count from an unknown start) or `none` (durations alone).
    requests : polars.DataFrame
        `LOGGED_REQUEST`.
    problems
        One text for each entry that was left out.
    """

    name: str
    sha256: str
    form: str
    clock: str
    requests: pl.DataFrame
    problems: tuple[str, ...] = ()


def request_table(records: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Make a table of requests, each time and duration from the others where it is not told.

    Parameters
    ----------
    records : sequence of dict
        Some of the columns of `LOGGED_REQUEST`; what is left out is not told.

    Returns
    -------
    polars.DataFrame
        `LOGGED_REQUEST`.
    """
    schema = {column.name: column.dtype for column in LOGGED_REQUEST}
    columns = {key: [record.get(key) for record in records] for key in schema}
    told = pl.DataFrame(columns, schema=schema).with_columns(
        pl.col("failed").fill_null(value=False)
    )
    moments = told.with_columns(
        first_token_ns=pl.coalesce("first_token_ns", _later("arrival_ns", "ttft_s")),
        end_ns=pl.coalesce("end_ns", _later("arrival_ns", "e2e_s")),
    )
    durations = moments.with_columns(
        queue_s=pl.coalesce("queue_s", _between("arrival_ns", "start_ns")),
        ttft_s=pl.coalesce("ttft_s", _between("arrival_ns", "first_token_ns")),
        e2e_s=pl.coalesce("e2e_s", _between("arrival_ns", "end_ns")),
    )
    after_first_s = pl.col("e2e_s") - pl.col("ttft_s")
    return durations.with_columns(
        tpot_s=pl.when(pl.col("output_tokens") > 1)
        .then(after_first_s / (pl.col("output_tokens") - 1))
        .clip(lower_bound=0.0)
    ).select(list(schema))


def _later(moment: str, duration: str) -> pl.Expr:
    return pl.col(moment) + (pl.col(duration) / S_PER_NS).round().cast(pl.Int64)


def _between(first: str, last: str) -> pl.Expr:
    return (pl.col(last) - pl.col(first)) * S_PER_NS


def record_problem(record: dict[str, Any]) -> str:
    """Say why a request cannot be as its log has it; empty if it can."""
    for key, value in record.items():
        if isinstance(value, str) and not _is_unicode(value):
            return f"{key} is no Unicode text"
        if isinstance(value, int | float) and abs(value) > _MOST:
            return f"{key} is beyond 2^62"
    for first, last in _ORDER:
        begin, end = record.get(first), record.get(last)
        if begin is not None and end is not None and end < begin:
            return f"{last.removesuffix('_ns')} lies before {first.removesuffix('_ns')}"
    ttft_s, e2e_s = record.get("ttft_s"), record.get("e2e_s")
    # Both are rounded, or made of sums: the same to the microsecond is the same.
    if ttft_s is not None and e2e_s is not None and ttft_s > e2e_s + 1e-6:
        return "the first token comes after the last"
    return ""


def _is_unicode(text: str) -> bool:
    # JSON can write halves of characters.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clock_of(requests: pl.DataFrame) -> str | None:
    """Tell the clock of a log by how large its times are; None if they are of two clocks."""
    times = pl.concat([requests[key] for key in _TIMES]).drop_nulls()
    if not len(times):
        return NO_CLOCK
    is_utc = times >= FIRST_UTC_NS
    if is_utc.all():
        return UTC
    return None if is_utc.any() else RELATIVE
