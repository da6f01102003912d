"""NVTX ranges of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.names import decoded
from traceenergy.read.nsys.time_slice import ENDS, WHOLE
from traceenergy.records import dataclass
from traceenergy.trace.tables import RANGE_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.names import Names
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.time_slice import TimeSlice


@dataclass(frozen=True)
class NvtxPart:
    """Rows of the table of NVTX events that follow each other.

    Attributes
    ----------
    ranges
        Columns of `NVTX_RANGES` that need no other row, with times as they stand in the file, null
        ends among them; `text_id`; `text_row` in `texts` of a range that says its text itself.
    texts : polars.Series of String
        Distinct.
    domains
        Names of domains: `process_id, domain_id, start, text_id, text`.
    """

    ranges: pl.DataFrame
    texts: pl.Series
    domains: pl.DataFrame


def ask_nvtx_ranges(database: Database, within: TimeSlice = WHOLE) -> Callable[[], list[NvtxPart]]:
    """Begin to load the NVTX ranges of an export.

    Parameters
    ----------
    database : Database
        The export.
    within : TimeSlice
        Part of it.

    Returns
    -------
    callable
        Waits for them.
    """
    if not database.has_rows(schema.NVTX):
        return list
    inside = within.holds("start", ENDS)
    ranges = f"eventType IN {(*schema.PUSH_POP, *schema.START_END)}"
    ranges = f"{ranges} AND {inside}" if inside else ranges
    return database.ask(
        schema.NVTX,
        ["start", "end", "eventType"],
        each=_sort_out,
        where=f"({ranges}) OR eventType = {schema.DOMAIN_CREATE}",
        rows=within.rows(schema.NVTX),
        optional=["globalTid", "endGlobalTid", "textId", "domainId"],
        text="text",
    )


def read_nvtx_ranges(
    ask: Callable[[], list[NvtxPart]], layout: Layout, names: Names, last_ns: int | None, where: str
) -> tuple[pl.DataFrame, tuple[Caveat, ...]]:
    """Put the NVTX ranges of an export together.

    Parameters
    ----------
    ask : callable
        What `ask_nvtx_ranges` returned.
    layout : Layout
        How it must be read.
    names : Names
        Takes the texts.
    last_ns : int or None [ns]
        End of the last other event; a range that was never closed ends no earlier.
    where : str
        Name of the file.

    Returns
    -------
    polars.DataFrame
        The columns of `NVTX_RANGES` but `rank`.
    tuple of Caveat
        No ranges, ranges never closed, ranges that another thread ended.

    Notes
    -----
    nsys writes the end of the capture, or nothing, as end of a range that was never closed; so
    a range that ends exactly there is taken as open.
    """
    parts = ask()
    if not any(len(part.ranges) for part in parts):
        return _empty(), (_no_nvtx(where),)
    written = _written_ids(parts, names)
    domains = pl.concat([part.domains for part in parts])
    frames = [part.ranges.drop("text_row") for part in parts]
    del parts
    ranges = _stacked(frames)
    first_ns, start_ns, end_ns = ranges.select(
        first=pl.col("start_ns").min(), last=pl.col("start_ns").max(), end=pl.col("end_ns").max()
    ).row(0)
    # Starts are null in damaged files only.
    seen_ns = max((time_ns for time_ns in (start_ns, end_ns) if time_ns is not None), default=0)
    shift_ns = layout.shift_ns(schema.NVTX, first_ns, seen_ns)
    if shift_ns:
        ranges = ranges.with_columns(pl.col("start_ns", "end_ns") - shift_ns)
    end_of_trace_ns = _end_of_trace(layout, last_ns, seen_ns - shift_ns)
    end = pl.col("end_ns")
    ranges = ranges.with_columns(
        end_ns=pl.max_horizontal("start_ns", end.fill_null(end_of_trace_ns)),
        name_id=_text_ids(ranges["text_id"], written, names),
        domain_name_id=_domain_name_ids(ranges, domains, names),
        is_open=end.is_null()
        | (end == pl.lit(layout.duration_ns, pl.Int64)).fill_null(value=False),
    ).drop("text_id")
    return ranges, _doubts(ranges, where)


def _sort_out(rows: pl.DataFrame) -> NvtxPart:
    is_domain = pl.col("eventType") == schema.DOMAIN_CREATE
    domains = rows.filter(is_domain).select(
        "start",
        process_id=pl.col("globalTid") & schema.PROCESS_MASK,
        domain_id="domainId",
        text_id="textId",
        text="text",
    )
    rows = rows.filter(~is_domain) if len(domains) else rows
    texts, text_row = _numbered(decoded(rows["text"]))
    thread = pl.col("globalTid").fill_null(0)
    ranges = rows.select(
        range_id="trace_row",
        process_id=thread & schema.PROCESS_MASK,
        thread_id=thread,
        end_thread_id=pl.when(pl.col("endGlobalTid") != thread).then("endGlobalTid"),
        start_ns="start",
        end_ns="end",
        domain_id=pl.col("domainId").fill_null(0),
        style=pl.when(pl.col("eventType").is_in(schema.PUSH_POP))
        .then(pl.lit("push_pop", RANGE_STYLE))
        .otherwise(pl.lit("start_end", RANGE_STYLE)),
        text_id="textId",
        text_row=text_row,
    )
    return NvtxPart(ranges, texts, domains.with_columns(decoded(domains["text"])))


def _written_ids(parts: Sequence[NvtxPart], names: Names) -> pl.Series:
    ids = [names.of_texts(part.texts).gather(part.ranges["text_row"]) for part in parts]
    return pl.concat(ids, rechunk=True)


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Concatenate and empty frames column by column, so that little is there twice."""
    columns = []
    while frames[0].columns:
        columns.append(pl.concat([frame.to_series(0) for frame in frames], rechunk=True))
        frames[:] = [frame.select(pl.exclude(frame.columns[0])) for frame in frames]
    return pl.DataFrame(columns)


def _numbered(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """List distinct texts; say the place of each."""
    distinct = text.drop_nulls().unique(maintain_order=True)
    if distinct.is_empty():
        return distinct, pl.Series([None], dtype=pl.UInt32).new_from_index(0, len(text))
    rows = distinct.to_frame("text").with_row_index("row")
    found = text.to_frame("text").join(rows, on="text", how="left", maintain_order="left")
    return distinct, found["row"]


def _end_of_trace(layout: Layout, last_ns: int | None, last_of_ranges_ns: int) -> int:
    # A cut export still states the duration of the whole run.
    duration_ns = None if layout.is_cut else layout.duration_ns
    seen = (duration_ns, last_ns, last_of_ranges_ns)
    return max(time_ns for time_ns in seen if time_ns is not None)


def _text_ids(text_id: pl.Series, written: pl.Series, names: Names) -> pl.Series:
    registered = names.of_strings(text_id)
    return registered.zip_with(registered.is_not_null(), written).fill_null(0)


def _domain_name_ids(ranges: pl.DataFrame, domains: pl.DataFrame, names: Names) -> pl.Series:
    if domains.is_empty():
        return pl.Series([None], dtype=pl.UInt32).new_from_index(0, len(ranges))
    domains = domains.sort("start", maintain_order=True)
    name_id = names.of_strings(domains["text_id"])
    written = names.of_texts(domains["text"])
    domains = domains.with_columns(name_id=name_id.zip_with(name_id.is_not_null(), written))
    on = ["process_id", "domain_id"]
    domains = domains.drop_nulls("name_id").unique(on, keep="first", maintain_order=True)
    return ranges.select(on).join(domains, on=on, how="left", maintain_order="left")["name_id"]


def _empty() -> pl.DataFrame:
    threads = ("range_id", "process_id", "thread_id", "end_thread_id", "start_ns", "end_ns")
    return pl.DataFrame(
        schema={
            **dict.fromkeys(threads, pl.Int64),
            "name_id": pl.UInt32,
            "domain_id": pl.Int64,
            "domain_name_id": pl.UInt32,
            "style": RANGE_STYLE,
            "is_open": pl.Boolean,
        }
    )


def _no_nvtx(where: str) -> Caveat:
    text = (
        f"The export has no ranges in {schema.NVTX}: phases come from kernel names alone, and "
        "layers or steps may be unknown. Record ranges with nsys profile -t cuda,nvtx."
    )
    return Caveat("no-nvtx", text, where)


def _doubts(ranges: pl.DataFrame, where: str) -> tuple[Caveat, ...]:
    doubts = []
    if n_open := int(ranges["is_open"].sum()):
        text = "NVTX ranges that were never closed were taken to end with the trace."
        doubts.append(Caveat("open-ranges", text, where, n_open))
    if n_crossing := ranges["end_thread_id"].count():
        text = (
            "NVTX ranges ended on another thread than they began; they are kept on the thread "
            "that began them. nsys' own reports drop them."
        )
        doubts.append(Caveat("cross-thread-ranges", text, where, n_crossing))
    return tuple(doubts)
