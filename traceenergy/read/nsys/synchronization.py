"""Waits for GPU work in an export, beside the events that some of them wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.read.nsys import schema
from traceenergy.read.nsys.time_slice import WHOLE
from traceenergy.trace import tables

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.time_slice import TimeSlice

_NEEDED = ("start", "end")
_SYNC_COLUMNS = (
    "globalPid", "correlationId", "contextId", "streamId", "eventId", "eventSyncId",
)  # fmt: skip
_EVENT_NEEDED = ("streamId", "eventId")
_EVENT_COLUMNS = ("globalPid", "correlationId", "contextId", "eventSyncId")
_INVALID = (1 << 32) - 1  # what CUPTI writes where an id does not apply
_KEY = ("process_id", "correlation_id")


def read_synchronizations(
    database: Database, layout: Layout, launches: pl.DataFrame, within: TimeSlice = WHOLE
) -> pl.DataFrame:
    """Load the waits of threads and streams for GPU work.

    Parameters
    ----------
    database : Database
        The export.
    layout : Layout
        How it must be read.
    launches : polars.DataFrame
        As `read_launches` returns it.
    within : TimeSlice
        Part of the export.

    Returns
    -------
    polars.DataFrame
        The columns of `SYNCHRONIZATIONS` but `rank`, in order of rowid.

    Raises
    ------
    UnreadableFileError
        If the table is damaged.

    Notes
    -----
    What waits for what follows from the ids that a row has: `syncType` does not tell. Exports of
    schema 3.0 to 3.7 number `cudaDeviceSynchronize` 0 or 1, `cudaStreamSynchronize` 2; one of
    schema 3.17 or later also numbers it 2, others of the same age 3, as their ENUM table says.
    """
    if not database.has_rows(schema.SYNCHRONIZATION):
        return tables.empty_table(tables.SYNCHRONIZATIONS).drop("rank")
    inside = within.holds("start", "end")
    raw = database.read(schema.SYNCHRONIZATION, _NEEDED, where=inside, optional=_SYNC_COLUMNS)
    raw = raw.drop_nulls(_NEEDED)
    bounds = raw.select(first=pl.col("start").min(), last=pl.col("end").max()).row(0)
    shift_ns = layout.shift_ns(schema.SYNCHRONIZATION, *bounds)
    rows = _with_call(raw, launches)
    event, stream = pl.col("event_id").is_not_null(), pl.col("stream_id").is_not_null()
    kind = (
        pl.when(event & stream)
        .then(pl.lit("stream_wait"))
        .when(event)
        .then(pl.lit("event"))
        .when(stream)
        .then(pl.lit("stream"))
        .otherwise(pl.lit("context"))
    )
    return rows.select(
        "process_id",
        "thread_id",
        "context_id",
        "stream_id",
        "event_id",
        "event_sync_id",
        "correlation_id",
        start_ns=pl.col("start") - shift_ns,
        end_ns=pl.max_horizontal("start", "end") - shift_ns,
        kind=kind.cast(tables.SYNC_KIND),
    )


def read_cuda_events(database: Database, launches: pl.DataFrame) -> pl.DataFrame:
    """Load the records of CUDA events.

    Parameters
    ----------
    database : Database
        The export.
    launches : polars.DataFrame
        As `read_launches` returns it; their times are used.

    Returns
    -------
    polars.DataFrame
        The columns of `CUDA_EVENTS` but `rank`, in order of rowid.

    Raises
    ------
    UnreadableFileError
        If the table is damaged.
    """
    if not database.has_rows(schema.CUDA_EVENT):
        return tables.empty_table(tables.CUDA_EVENTS).drop("rank")
    raw = database.read(schema.CUDA_EVENT, _EVENT_NEEDED, optional=_EVENT_COLUMNS)
    rows = _with_call(raw.drop_nulls(_EVENT_NEEDED), launches)
    return rows.drop_nulls(["stream_id", "event_id"]).select(
        "process_id",
        "thread_id",
        "context_id",
        "stream_id",
        "event_id",
        "event_sync_id",
        recorded_ns="call_start_ns",
    )


def _with_call(raw: pl.DataFrame, launches: pl.DataFrame) -> pl.DataFrame:
    """Add the API call of each row, by process and correlation id; rows keep their order."""
    processes = launches["process_id"].unique()
    only = processes[0] if len(processes) == 1 else 0  # hand-made files leave out the process
    rows = raw.select(
        *(name for name in _NEEDED if name in raw.columns),
        process_id=(pl.col("globalPid") & schema.PROCESS_MASK).fill_null(only),
        context_id=_valid("contextId"),
        stream_id=_valid("streamId"),
        event_id=_valid("eventId", first=1),
        event_sync_id=_valid("eventSyncId", first=1),
        correlation_id=_valid("correlationId", first=1),
    )
    calls = launches.select(*_KEY, "thread_id", call_start_ns="start_ns")
    # Rows are few, calls many: a table of all of them would take more room than they do.
    calls = calls.join(rows.select(_KEY), on=_KEY, how="semi")
    return rows.join(calls, on=_KEY, how="left", maintain_order="left")


def _valid(column: str, first: int = 0) -> pl.Expr:
    return pl.when(pl.col(column).is_between(first, _INVALID - 1)).then(pl.col(column))
