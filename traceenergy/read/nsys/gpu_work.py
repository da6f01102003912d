"""Kernels, copies, memsets, whole graphs of an export as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import UnreadableFileError
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.time_slice import WHOLE
from traceenergy.records import dataclass
from traceenergy.trace.kernel_names import short_kernel_names
from traceenergy.trace.tables import WORK_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.names import Names
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.time_slice import TimeSlice

_COMMON = ("contextId", "correlationId", "globalPid", "graphNodeId")
_PLACE = ("start", "end", "deviceId")
_MOST_DEVICE = 65_535  # ids count from 0; what counts by them takes room for each
_GRID = ("gridX", "gridY", "gridZ")
_UNNAMED = "[unnamed kernel]"
_COPY_KINDS = {
    1: "HtoD",
    2: "DtoH",
    3: "HtoA",
    4: "AtoH",
    5: "AtoA",
    6: "AtoD",
    7: "DtoA",
    8: "DtoD",
    9: "HtoH",
    10: "PtoP",
    11: "unified HtoD",
    12: "unified DtoH",
    13: "unified DtoD",
}


@dataclass(frozen=True)
class _Kind:
    table: str
    source: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    name: Callable[[pl.DataFrame, Names], tuple[pl.Series, pl.Series]]


if TYPE_CHECKING:
    AskedWork = Sequence[tuple[_Kind, Callable[[], list[pl.DataFrame]]]]


def ask_gpu_work(database: Database, within: TimeSlice = WHOLE) -> AskedWork:
    """Begin to load the GPU work of an export.

    Parameters
    ----------
    database : Database
        The export.
    within : TimeSlice
        Part of it.

    Returns
    -------
    list of (kind, callable)
        Each callable waits for the rows of its kind.

    Raises
    ------
    MissingTableError
        If a table lacks a column without which its rows say nothing.
    """
    return [
        (
            kind,
            database.ask(
                kind.source,
                [*_PLACE, "streamId", *kind.required],
                each=lambda part: part,
                where=within.holds("start", "end"),
                rows=within.rows(kind.source),
                optional=[*_COMMON, *kind.optional],
            ),
        )
        for kind in _KINDS
        if database.has_rows(kind.source)
    ]


def read_gpu_work(
    asked: AskedWork, layout: Layout, names: Names, where: str
) -> tuple[pl.DataFrame, tuple[Caveat, ...]]:
    """Put the GPU work of an export together.

    Parameters
    ----------
    asked : list of (kind, callable)
        What `ask_gpu_work` began to load.
    layout : Layout
        How it must be read.
    names : Names
        Takes the names of the work.
    where : str
        Name of the file.

    Returns
    -------
    polars.DataFrame
        The columns of `GPU_WORK` but `rank`, with `cuda_ordinal` in place of `device_id`; sorted
        by (start_ns, end_ns).
    tuple of Caveat
        Work that ends before it starts, or cannot be named.

    Raises
    ------
    UnreadableFileError
        If rows say neither when nor where.
    """
    frames = [_work_of_kind(kind, pl.concat(rows()), layout, names, where) for kind, rows in asked]
    work = pl.concat(frames or [_empty()])
    doubts = _doubts(work, names, where)
    work = work.with_columns(end_ns=pl.max_horizontal("start_ns", "end_ns"))
    return work.sort("start_ns", "end_ns", maintain_order=True), doubts


def _work_of_kind(
    kind: _Kind, raw: pl.DataFrame, layout: Layout, names: Names, where: str
) -> pl.DataFrame:
    _check_placed(raw, kind.source, where)
    shift_ns = layout.shift_ns(
        kind.source, _integer(raw["start"].min()), _integer(raw["end"].max())
    )
    name_id, full_name_id = kind.name(raw, names)
    blocks = (
        pl.col("gridX") * pl.col("gridY") * pl.col("gridZ")
        if kind.source == schema.KERNEL
        else None
    )
    return raw.select(
        cuda_ordinal=pl.col("deviceId"),
        stream_id=pl.col("streamId").fill_null(0),
        context_id=pl.col("contextId"),
        process_id=pl.col("globalPid") & schema.PROCESS_MASK,
        table=pl.lit(kind.table, WORK_TABLE),
        trace_row=pl.col("trace_row"),
        start_ns=pl.col("start") - shift_ns,
        end_ns=pl.col("end") - shift_ns,
        name_id=name_id,
        full_name_id=full_name_id,
        correlation_id=_null_if_zero("correlationId"),
        graph_node_id=_null_if_zero("graphNodeId"),
        grid_blocks=pl.lit(None, pl.Int64) if blocks is None else blocks,
        bytes=pl.col("bytes") if "bytes" in kind.required else pl.lit(None, pl.Int64),
    )


def _check_placed(raw: pl.DataFrame, table: str, name: str) -> None:
    # nsys declares these NOT NULL: such rows come from damage inside a page.
    is_lost = pl.any_horizontal(pl.col(_PLACE).is_null()) | ~pl.col("deviceId").is_between(
        0, _MOST_DEVICE
    )
    n_lost = raw.select(is_lost.sum()).item()
    if n_lost:
        raise UnreadableFileError(
            f"{name} is damaged: {n_lost} rows of {table} say neither when nor where",
            details=f"expected numbers in {', '.join(_PLACE)}, deviceId from 0 to {_MOST_DEVICE}",
            next_step="fetch or export the file again: nsys export -t sqlite",
        )


def _null_if_zero(column: str) -> pl.Expr:
    # Ids count from 1; unified-memory copies have no call, which some releases write as 0.
    return pl.when(pl.col(column) != 0).then(pl.col(column))


def _name_kernels(raw: pl.DataFrame, names: Names) -> tuple[pl.Series, pl.Series]:
    short, full = names.of_strings(raw["shortName"]), names.of_strings(raw["demangledName"])
    short_id = short.zip_with(short.is_not_null(), full)
    if short_id.has_nulls():
        short_id = short_id.fill_null(names.of_text(_UNNAMED))
    full_id = full.zip_with(full.is_not_null(), short_id)
    return _telling(short_id, full_id, names), full_id


def _telling(short_id: pl.Series, full_id: pl.Series, names: Names) -> pl.Series:
    # nsys's short name says too little; each distinct full name is looked at once.
    distinct = pl.DataFrame({"full": full_id, "short": short_id}).unique(
        "full", keep="first", maintain_order=True
    )
    texts = names.texts()
    told = short_kernel_names(texts.gather(distinct["full"]), texts.gather(distinct["short"]))
    found = distinct.select("full", told=names.of_texts(told))
    return full_id.to_frame("full").join(found, on="full", how="left", maintain_order="left")[
        "told"
    ]


def _name_copies(raw: pl.DataFrame, names: Names) -> tuple[pl.Series, pl.Series]:
    kinds = raw["copyKind"].unique().to_list()
    texts = {kind: f"[CUDA memcpy {_COPY_KINDS.get(kind, f'kind {kind}')}]" for kind in kinds}
    return _same(names.of_texts(raw["copyKind"].replace_strict(texts, return_dtype=pl.String)))


def _name_memsets(raw: pl.DataFrame, names: Names) -> tuple[pl.Series, pl.Series]:
    return _same(
        pl.Series([names.of_text("[CUDA memset]")], dtype=pl.UInt32).new_from_index(0, len(raw))
    )


def _name_graphs(raw: pl.DataFrame, names: Names) -> tuple[pl.Series, pl.Series]:
    graph = pl.coalesce("graphId", "graphExecId").cast(pl.String).fill_null("of unknown id")
    return _same(names.of_texts(raw.select(pl.format("[CUDA graph {}]", graph)).to_series()))


def _same(name_id: pl.Series) -> tuple[pl.Series, pl.Series]:
    return name_id, name_id


_KINDS = (
    _Kind("KERNEL", schema.KERNEL, (), ("shortName", "demangledName", *_GRID), _name_kernels),
    _Kind("MEMCPY", schema.MEMCPY, ("bytes", "copyKind"), (), _name_copies),
    _Kind("MEMSET", schema.MEMSET, ("bytes",), (), _name_memsets),
    _Kind("GRAPH", schema.GRAPH_TRACE, (), ("graphId", "graphExecId"), _name_graphs),
)


def _empty() -> pl.DataFrame:
    numbers = ("cuda_ordinal", "stream_id", "context_id", "process_id")
    times = ("trace_row", "start_ns", "end_ns")
    rest = ("correlation_id", "graph_node_id", "grid_blocks", "bytes")
    return pl.DataFrame(
        schema={
            **dict.fromkeys(numbers, pl.Int64),
            "table": WORK_TABLE,
            **dict.fromkeys(times, pl.Int64),
            **dict.fromkeys(("name_id", "full_name_id"), pl.UInt32),
            **dict.fromkeys(rest, pl.Int64),
        }
    )


def _doubts(work: pl.DataFrame, names: Names, where: str) -> tuple[Caveat, ...]:
    doubts = []
    if n_backward := int((work["end_ns"] < work["start_ns"]).sum()):
        text = "GPU work that ends before it starts was given no duration."
        doubts.append(Caveat("negative-duration", text, where, n_backward))
    unnamed = names.find(_UNNAMED)
    if unnamed is not None:
        text = f"The names of kernels are not in {schema.STRINGS}; no rule can match them."
        doubts.append(
            Caveat("unnamed-kernels", text, where, int((work["name_id"] == unnamed).sum()))
        )
    return tuple(doubts)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None
