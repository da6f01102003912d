"""Every input table with its columns: dtype, unit, meaning, what null means."""

from __future__ import annotations

from typing import NewType

import polars as pl

from traceenergy.errors import BadTableError
from traceenergy.records import dataclass

WORK_TABLE = pl.Enum(["KERNEL", "MEMCPY", "MEMSET", "GRAPH"])
RANGE_STYLE = pl.Enum(["push_pop", "start_end"])
SYNC_KIND = pl.Enum(["event", "stream_wait", "stream", "context"])
ENERGY_COUNTER = "energy_counter_j"
"""Quantity of device readings: the board's cumulative energy [J], from any start."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        Ends in its unit where it has one.
    dtype
        Polars type, exactly.
    unit
        Unit in words for headings; empty for names and keys.
    meaning
        One sentence.
    null_means
        What a null says; empty if the column has none. `as OTHER`: where that column is null.
    words
        Texts that it may hold; empty: any.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    unit: str
    meaning: str
    null_means: str = ""
    words: tuple[str, ...] = ()


Devices = NewType("Devices", pl.DataFrame)
GpuWork = NewType("GpuWork", pl.DataFrame)
Launches = NewType("Launches", pl.DataFrame)
NvtxRanges = NewType("NvtxRanges", pl.DataFrame)
GraphNodes = NewType("GraphNodes", pl.DataFrame)
Synchronizations = NewType("Synchronizations", pl.DataFrame)
CudaEvents = NewType("CudaEvents", pl.DataFrame)
PowerSamples = NewType("PowerSamples", pl.DataFrame)
DeviceReadings = NewType("DeviceReadings", pl.DataFrame)
GpuMetrics = NewType("GpuMetrics", pl.DataFrame)
RangePaths = NewType("RangePaths", pl.DataFrame)

_RANK = Column("rank", pl.Int32, "", "rank of the run that this report belongs to")
_DEVICE = Column(
    "device_id", pl.Int32, "", "physical GPU within its report; key is (rank, device_id)"
)
_PROCESS = Column(
    "process_id", pl.Int64, "", "nsys globalPid: machine, VM and process, low 24 bits zero"
)
_THREAD = Column("thread_id", pl.Int64, "", "nsys globalTid: machine, VM, process and thread")
_START = Column("start_ns", pl.Int64, "ns", "start on the trace clock")
_END = Column("end_ns", pl.Int64, "ns", "end on the trace clock; the interval is half-open")

DEVICES = (
    _RANK,
    _DEVICE,
    Column("name", pl.String, "", "name of the GPU", "not recorded"),
    Column("gpu_uuid", pl.String, "", "uuid without prefix `GPU-`, lower case", "not recorded"),
    Column(
        "pci_bus_id", pl.String, "", "PCI address, domain of 8 digits, lower case", "not recorded"
    ),
    Column("sm_count", pl.Int32, "", "streaming multiprocessors", "not recorded"),
    Column("memory_bytes", pl.Int64, "bytes", "device memory", "not recorded"),
)

GPU_WORK = (
    _RANK,
    _DEVICE,
    Column("stream_id", pl.Int64, "", "CUDA stream within its context"),
    Column("context_id", pl.Int64, "", "CUDA context within its process", "not recorded"),
    _PROCESS,
    Column("table", WORK_TABLE, "", "kind of work, by the export's table"),
    Column("trace_row", pl.Int64, "", "rowid in the source table; index for other sources"),
    _START,
    _END,
    Column("name_id", pl.UInt32, "", "short name, key into the trace's names"),
    Column("full_name_id", pl.UInt32, "", "demangled name with arguments, key into the names"),
    Column(
        "correlation_id",
        pl.Int64,
        "",
        "ties the work to its launch within a process",
        "no launch known",
    ),
    Column("graph_node_id", pl.Int64, "", "executed node of a CUDA graph", "not from a graph node"),
    Column("grid_blocks", pl.Int64, "", "thread blocks launched", "not a kernel"),
    Column(
        "bytes",
        pl.Int64,
        "bytes",
        "bytes copied or set; of a collective, of its message",
        "not a copy or memset; message not recorded",
    ),
)

LAUNCHES = (
    _RANK,
    _PROCESS,
    _THREAD,
    _START,
    _END,
    Column("correlation_id", pl.Int64, "", "unique within (rank, process_id)"),
    Column("name_id", pl.UInt32, "", "API function, key into the trace's names"),
)

NVTX_RANGES = (
    _RANK,
    Column("range_id", pl.Int64, "", "rowid in the source table; unique within a rank"),
    _PROCESS,
    _THREAD,
    Column(
        "end_thread_id", pl.Int64, "", "thread that ended the range", "the thread that began it"
    ),
    _START,
    _END,
    Column("name_id", pl.UInt32, "", "text, key into the trace's names; empty text for none"),
    Column("domain_id", pl.Int64, "", "NVTX domain within its process; 0 is the default domain"),
    Column("domain_name_id", pl.UInt32, "", "name of the domain", "default domain or name lost"),
    Column(
        "style", RANGE_STYLE, "", "push/pop ranges nest on their thread, start/end ranges may cross"
    ),
    Column("is_open", pl.Boolean, "", "never closed: ends with the trace by assumption"),
)

GRAPH_NODES = (
    _RANK,
    _PROCESS,
    Column("thread_id", pl.Int64, "", "nsys globalTid of the thread that made the node"),
    Column("created_ns", pl.Int64, "ns", "when the node was made, on the trace clock"),
    Column("graph_node_id", pl.Int64, "", "node of a CUDA graph; unique within (rank, process_id)"),
    Column(
        "original_node_id", pl.Int64, "", "node that it is a copy of", "made by capture or call"
    ),
)

_CALLING_THREAD = Column(
    "thread_id", pl.Int64, "", "nsys globalTid of the thread of the call", "call not recorded"
)
_EVENT_SYNC = Column(
    "event_sync_id", pl.Int64, "", "tells the records of an event apart", "not recorded"
)

SYNCHRONIZATIONS = (
    _RANK,
    _PROCESS,
    _CALLING_THREAD,
    Column("context_id", pl.Int64, "", "CUDA context within its process", "not recorded"),
    Column("stream_id", pl.Int64, "", "stream that waits or is waited for", "not of one stream"),
    Column("event_id", pl.Int64, "", "event that is waited for", "not for an event"),
    _EVENT_SYNC,
    Column("correlation_id", pl.Int64, "", "ties the wait to its call", "not recorded"),
    Column(
        "kind",
        SYNC_KIND,
        "",
        "a thread waits for an `event`, a `stream`, all of a `context`; `stream_wait`: later work "
        "of the stream waits for an event",
    ),
    _START,
    _END,
)

CUDA_EVENTS = (
    _RANK,
    _PROCESS,
    _CALLING_THREAD,
    Column("context_id", pl.Int64, "", "CUDA context within its process", "not recorded"),
    Column("stream_id", pl.Int64, "", "stream that the event was recorded on"),
    Column("event_id", pl.Int64, "", "the event; unique within (rank, process_id)"),
    _EVENT_SYNC,
    Column(
        "recorded_ns", pl.Int64, "ns", "start of the call, on the trace clock", "call not recorded"
    ),
)

POWER_SAMPLES = (
    _RANK,
    _DEVICE,
    Column("sample_ns", pl.Int64, "ns", "when the value was read, on the trace clock"),
    Column("power_w", pl.Float64, "W", "power as the sensor gave it"),
    Column("field", pl.String, "", "sensor field, such as `power.draw` or `power.draw.instant`"),
    Column(
        "source",
        pl.String,
        "",
        "kind of source: `nvidia-smi`, `traceenergy-sample`, `nvml_metrics`, `nvtx-marks`, "
        "`nvtx-counters`",
    ),
)

DEVICE_READINGS = (
    _RANK,
    _DEVICE,
    Column("sample_ns", pl.Int64, "ns", "when the value was read, on the trace clock"),
    Column(
        "quantity",
        pl.String,
        "",
        "`sm_clock_mhz`, `mem_clock_mhz`, `temperature_c`, `power_limit_w`, `energy_counter_j`, "
        "`throttle_reasons` (NVML's bits)",
    ),
    Column("value", pl.Float64, "as named", "the reading"),
)

GPU_METRICS = (
    _RANK,
    _DEVICE,
    Column("sample_ns", pl.Int64, "ns", "when the value was read, on the trace clock"),
    Column("metric", pl.Categorical, "", "name as nsys gives it"),
    Column("value", pl.Float64, "as named", "per cent, or MHz for clocks"),
)

RANGE_PATHS = (
    Column("path_id", pl.UInt32, "", "row number; parents come before their children"),
    Column("parent_path_id", pl.UInt32, "", "path of the enclosing range", "outermost"),
    Column("name_id", pl.UInt32, "", "text of the innermost range, key into the trace's names"),
    Column("domain_name_id", pl.UInt32, "", "its domain", "default domain or name lost"),
    Column("depth", pl.Int32, "", "0 for outermost"),
    Column("path", pl.String, "", "texts from outermost to innermost, joined by `/`"),
)


def check_table(frame: pl.DataFrame, columns: tuple[Column, ...], table: str) -> pl.DataFrame:
    """Return a table with exactly its declared columns, in order.

    Parameters
    ----------
    frame : polars.DataFrame
        Candidate; extra columns are dropped.
    columns : tuple of Column
        The declaration.
    table : str
        Name for messages.

    Returns
    -------
    polars.DataFrame

    Raises
    ------
    BadTableError
        With all differences at once: missing columns, wrong types, nulls where none are allowed.
    """
    problems = []
    for column in columns:
        if column.name not in frame.columns:
            problems.append(f"missing column {column.name!r}")
            continue
        found = frame.schema[column.name]
        if found != column.dtype:
            problems.append(f"{column.name!r}: expected {column.dtype}, got {found}")
        elif not column.null_means and (n_null := frame[column.name].null_count()):
            problems.append(f"{column.name!r}: {n_null} nulls, none allowed")
    if problems:
        raise BadTableError(
            f"table {table} breaks its declaration in {len(problems)} places",
            details="\n".join(problems),
            next_step="this is a defect of traceenergy or of a hand-made table; please report it",
        )
    return frame.select([column.name for column in columns])


def empty_table(columns: tuple[Column, ...]) -> pl.DataFrame:
    """Return a table of no rows.

    Parameters
    ----------
    columns : tuple of Column
        The declaration.

    Returns
    -------
    polars.DataFrame
    """
    return pl.DataFrame(schema={column.name: column.dtype for column in columns})
