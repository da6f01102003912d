"""All tables of one export."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import BadTableError, MissingTableError, UnknownSchemaError
from traceenergy.read.nsys import devices, schema
from traceenergy.read.nsys.database import Database
from traceenergy.read.nsys.diagnostics import read_diagnostics
from traceenergy.read.nsys.gpu_work import ask_gpu_work, read_gpu_work
from traceenergy.read.nsys.graph_nodes import read_graph_nodes
from traceenergy.read.nsys.launches import ask_launches, doubts_of_launches, read_launches
from traceenergy.read.nsys.metrics import ask_gpu_metrics
from traceenergy.read.nsys.names import Names
from traceenergy.read.nsys.nvtx import ask_nvtx_ranges, read_nvtx_ranges
from traceenergy.read.nsys.power_events import read_power_events
from traceenergy.read.nsys.synchronization import read_cuda_events, read_synchronizations
from traceenergy.read.nsys.time_bounds import check_times
from traceenergy.read.nsys.time_slice import WHOLE
from traceenergy.trace import tables
from traceenergy.trace.model import Origin, Trace, check_trace
from traceenergy.trace.tables import (
    CudaEvents,
    Devices,
    GpuMetrics,
    GpuWork,
    GraphNodes,
    Launches,
    NvtxRanges,
    Synchronizations,
    check_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.time_slice import TimeSlice
    from traceenergy.read.options import ReadOptions


def read_nsys(
    path: Path,
    rank: int = 0,
    *,
    power: ReadOptions | None = None,
    within: TimeSlice = WHOLE,
    only_used_metrics: bool = False,
) -> Trace:
    """Read one SQLite export of Nsight Systems.

    Parameters
    ----------
    path : pathlib.Path
        The export; opened read-only.
    rank : int
        Rank of the run it belongs to.
    power : ReadOptions or None
        How to read power that lies in the export; None leaves it out.
    within : TimeSlice
        Part to read, of an export whose times are not shifted: GPU work with its launches, the
        ranges around both, waits, GPU metrics. What else there is, is read whole.
    only_used_metrics : bool
        Leaves out GPU metrics that no analysis looks at.

    Returns
    -------
    Trace
        On the clock of the export as recorded: what `--ts-normalize` or `--ts-shift` added is
        taken off again.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged or no SQLite.
    NotATraceError
        If another program made it.
    MissingTableError
        If it lacks a table or column without which nothing can be said.
    UnknownSchemaError
        If the same is true of a schema newer than any known.
    AmbiguousPowerError, UsageError
        If power in the export cannot be tied to a GPU, or an option means nothing.
    """
    with Database(path) as database:
        layout, doubts = schema.read_layout(database)
        try:
            part = _Part(within, only_used_metrics)
            trace = _read_tables(database, layout, rank, doubts, part)
            trace = trace if power is None else _with_power(trace, database, layout, power)
        except BadTableError as problem:
            # nsys declares what it writes; a null where none may be comes from damage.
            raise database.damaged(problem.details) from problem
        except MissingTableError as problem:
            if not layout.is_newer:
                raise
            raise UnknownSchemaError(
                f"{path.name} has schema {layout.schema_version}, which this version cannot read",
                details=f"{problem.what}\n{problem.details}",
                next_step="export the report with an older nsys, or install a newer traceenergy",
            ) from problem
        database.check_unchanged()
    check_times(_timed_tables(trace), trace.gpu_work, path.name)
    return trace


def stated_rank(path: Path) -> int | None:
    """Tell the MPI rank that an export states.

    Parameters
    ----------
    path : pathlib.Path
        The export.

    Returns
    -------
    int or None
        None if the export states no rank, or several.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged or no SQLite.
    """
    with Database(path) as database:
        if not database.has_rows(schema.RANKS):
            return None
        found = database.rows(f"SELECT DISTINCT rank FROM {schema.RANKS}")  # noqa: S608 - own name
    ranks = [rank for (rank,) in found if isinstance(rank, int)]
    return ranks[0] if len(ranks) == 1 else None


class _Part(NamedTuple):
    within: TimeSlice
    only_used_metrics: bool


def _read_tables(
    database: Database, layout: Layout, rank: int, doubts: tuple[Caveat, ...], part: _Part
) -> Trace:
    within = part.within
    where, names = database.path.name, Names(database)
    # All are loaded by other threads from now on, each while the one before is worked on.
    asked_work = ask_gpu_work(database, within)
    known = within.sha256
    sha256 = database.hash_of_file() if known is None else lambda: known
    if within.is_whole:
        asked_launches, asked_ranges = ask_launches(database), ask_nvtx_ranges(database)
    work, doubts_of_work = read_gpu_work(asked_work, layout, names, where)
    if not within.is_whole:
        zones = within.zones.get(schema.API)
        asked_launches = ask_launches(database, _correlations(work), zones)
    launches = read_launches(asked_launches(), layout, names)
    if not within.is_whole:
        asked_ranges = ask_nvtx_ranges(database, _with_launches(within, launches))
    work = _with_process(work, launches)
    gpus, of_ordinal, doubts_of_devices = devices.read_devices(database, layout, work)
    on = ["process_id", "cuda_ordinal"]
    work = work.join(of_ordinal, on=on, how="left", maintain_order="left")
    gpu_ids, ran = devices.gpu_ids(database, layout), gpus["device_id"].to_list()
    asked_metrics = ask_gpu_metrics(
        database, layout, gpu_ids, ran, within, only_used=part.only_used_metrics
    )
    last_ns = _last_ns(work, launches)
    ranges, doubts_of_nvtx = read_nvtx_ranges(asked_ranges, layout, names, last_ns, where)
    nodes = read_graph_nodes(database, layout, work)
    waits = read_synchronizations(database, layout, launches, within)
    events = read_cuda_events(database, launches)
    metrics = asked_metrics()
    return check_trace(
        Trace(
            origins=(_origin(database, layout, rank, gpus, sha256()),),
            clock=layout.clock,
            names=names.texts(),
            devices=Devices(_finish(gpus, rank, tables.DEVICES)),
            gpu_work=GpuWork(_finish(work, rank, tables.GPU_WORK)),
            launches=Launches(_finish(launches, rank, tables.LAUNCHES)),
            nvtx_ranges=NvtxRanges(_finish(ranges, rank, tables.NVTX_RANGES)),
            gpu_metrics=GpuMetrics(_finish(metrics, rank, tables.GPU_METRICS)),
            graph_nodes=GraphNodes(_finish(nodes, rank, tables.GRAPH_NODES)),
            synchronizations=Synchronizations(_finish(waits, rank, tables.SYNCHRONIZATIONS)),
            cuda_events=CudaEvents(_finish(events, rank, tables.CUDA_EVENTS)),
            caveats=(
                *doubts,
                *((_no_gpu_work(where),) if work.is_empty() else ()),
                *doubts_of_work,
                *doubts_of_launches(work, launches, names, where),
                *doubts_of_devices,
                *doubts_of_nvtx,
                *read_diagnostics(database),
            ),
        )
    )


def _correlations(work: pl.DataFrame) -> tuple[int, int]:
    first, last = work["correlation_id"].min(), work["correlation_id"].max()
    # Ids count from 1: of work without any, no call is asked for.
    return (first, last) if isinstance(first, int) and isinstance(last, int) else (1, 0)


def _with_launches(within: TimeSlice, launches: pl.DataFrame) -> TimeSlice:
    first_ns = launches["start_ns"].min()
    if within.start_ns is None or not isinstance(first_ns, int):
        return within
    return replace(within, start_ns=min(within.start_ns, first_ns))


def _timed_tables(trace: Trace) -> dict[str, pl.DataFrame]:
    return {name: table for name, table in vars(trace).items() if isinstance(table, pl.DataFrame)}


def _with_power(trace: Trace, database: Database, layout: Layout, options: ReadOptions) -> Trace:
    (origin,) = trace.origins
    events = read_power_events(database, layout, trace.devices, origin.rank or 0, options)
    return check_trace(
        replace(
            trace,
            power_samples=events.samples,
            readings=events.readings,
            caveats=(*trace.caveats, *events.caveats),
        )
    )


def _with_process(work: pl.DataFrame, launches: pl.DataFrame) -> pl.DataFrame:
    # Hand-made files leave out the process; where only one made calls, it was that one.
    processes = launches["process_id"].unique()
    only = processes[0] if len(processes) == 1 else 0
    return work.with_columns(pl.col("process_id").fill_null(only))


def _last_ns(work: pl.DataFrame, launches: pl.DataFrame) -> int | None:
    ends = (work["end_ns"].max(), launches["end_ns"].max())
    return max((end_ns for end_ns in ends if isinstance(end_ns, int)), default=None)


def _finish(frame: pl.DataFrame, rank: int, columns: tuple[tables.Column, ...]) -> pl.DataFrame:
    # In one piece: numbers are looked at in place then, wherever they are asked for.
    frame = frame.with_columns(rank=pl.lit(rank, pl.Int32)).rechunk()
    return check_table(frame, columns, "of an export")


def _origin(
    database: Database, layout: Layout, rank: int, gpus: pl.DataFrame, sha256: str
) -> Origin:
    ran = tuple(gpus["name"].drop_nulls().unique(maintain_order=True))
    return Origin(
        name=database.path.name,
        kind="nsys-sqlite",
        sha256=sha256,
        rank=rank,
        tool_version=layout.tool_version,
        schema_version=layout.schema_version,
        gpu_names=ran if len(gpus) else devices.list_gpu_names(database, layout),
    )


def _no_gpu_work(where: str) -> Caveat:
    text = (
        f"The export has no GPU work (no rows in {schema.KERNEL}, {schema.MEMCPY}, "
        f"{schema.MEMSET} or {schema.GRAPH_TRACE}). Record it with nsys profile -t cuda,nvtx."
    )
    return Caveat("no-gpu-work", text, where)
