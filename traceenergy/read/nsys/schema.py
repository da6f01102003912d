"""What an export has, whichever release of Nsight Systems wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.caveats import Caveat
from traceenergy.errors import MissingTableError, NotATraceError
from traceenergy.records import dataclass
from traceenergy.trace.clocks import local_minus_utc_ns
from traceenergy.trace.model import TraceClock

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database

KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"
MEMCPY = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSET = "CUPTI_ACTIVITY_KIND_MEMSET"
GRAPH_TRACE = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
# Where nodes of CUDA graphs were made: from schema 3.11.1 on, up to 3.7.2 (now of whole graphs).
GRAPH_NODES = ("CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS")
API = "CUPTI_ACTIVITY_KIND_RUNTIME"
SYNCHRONIZATION = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"
CUDA_EVENT = "CUPTI_ACTIVITY_KIND_CUDA_EVENT"
NVTX = "NVTX_EVENTS"
# `eventType` of its rows that name domains, and of ranges: recorded, imported from an NVTXT file.
DOMAIN_CREATE, PUSH_POP, START_END = 75, (59, 70), (60, 71)
STRINGS = "StringIds"
METRICS = "GPU_METRICS"
METRIC_NAMES = "TARGET_INFO_GPU_METRICS"
GENERIC_EVENTS = "GENERIC_EVENTS"
GENERIC_TYPES = "GENERIC_EVENT_TYPES"
GENERIC_SOURCES = "GENERIC_EVENT_SOURCES"
CUDA_DEVICES = "TARGET_INFO_CUDA_DEVICE"
DIAGNOSTICS = "DIAGNOSTIC_EVENT"
CAPTURE = "META_DATA_CAPTURE"
SESSION = "TARGET_INFO_SESSION_START_TIME"
RANKS = "MPI_RANKS"

PROCESS_MASK = -(1 << 24)  # clears the thread, the low 24 bits, of a globalTid
NEWEST_KNOWN = (3, 28)
_METADATA = ("META_DATA_EXPORT", "EXPORT_META_DATA")  # 3.4.0 and later; before that
_DETAILS = "ANALYSIS_DETAILS"
# Any one of these says that Nsight Systems, not another profiler, wrote the file.
_MARKS = frozenset({*_METADATA, STRINGS, "ProcessStreams", "TARGET_INFO_SYSTEM_ENV", SESSION})
# Left alone by --ts-normalize and --ts-shift in 2023.4 and 2024.2.
_UNSHIFTED = frozenset({METRICS, GENERIC_EVENTS, DIAGNOSTICS})
# Table of GPUs, newest name first, with the names of our columns in it.
_GPU_TABLES = ("TARGET_INFO_GPU", "TARGET_INFO_CUDA_GPU")
_GPU_COLUMNS = {
    "id": ("id", "deviceId"),
    "name": ("name",),
    "bus": ("busLocation",),
    "uuid": ("uuid",),
    "sm_count": ("smCount", "numMultiprocessors"),
    "memory_bytes": ("totalMemory", "globalMemorySize"),
}


@dataclass(frozen=True)
class Layout:
    """How one export must be read.

    Attributes
    ----------
    tool_version, schema_version
        As the file states them; None if it does not.
    clock
        Wall clock of trace time 0.
    duration_ns
        Length of the capture; None if not stated.
    time_shift_ns
        What the export added to event times.
    gpu_table
        Name of the table of GPUs; None if the file has none.
    gpu_columns
        Column in that table by our name for it.
    is_cut
        Someone kept only a part of the export.
    is_newer
        The schema is newer than any this tool has met.
    """

    tool_version: str | None
    schema_version: str | None
    clock: TraceClock
    duration_ns: int | None
    time_shift_ns: int
    gpu_table: str | None
    gpu_columns: dict[str, str]
    is_cut: bool
    is_newer: bool

    def shift_ns(self, table: str, first_ns: int | None, last_ns: int | None) -> int:
        """Tell what was added to the times of one table.

        Parameters
        ----------
        table : str
            Name of the table.
        first_ns, last_ns : int or None [ns]
            Least and greatest time in it, as they stand in the file; None if it is empty.

        Returns
        -------
        int [ns]
            To subtract.

        Notes
        -----
        Releases differ in which tables they shift, so the times decide where they can: they
        must overlap [0, duration]. Where both readings or neither overlap, the habit of
        2023.4 and 2024.2 does.
        """
        habit_ns = 0 if table in _UNSHIFTED else self.time_shift_ns
        if first_ns is None or last_ns is None or self.duration_ns is None:
            return habit_ns
        as_is = first_ns <= self.duration_ns and last_ns >= 0
        low, high = first_ns - self.time_shift_ns, last_ns - self.time_shift_ns
        shifted = low <= self.duration_ns and high >= 0
        if as_is == shifted:
            return habit_ns
        return self.time_shift_ns if shifted else 0


def read_layout(database: Database) -> tuple[Layout, tuple[Caveat, ...]]:
    """Find out how an export must be read.

    Parameters
    ----------
    database : Database
        The file.

    Returns
    -------
    Layout
    tuple of Caveat
        What is doubtful about the file as a whole.

    Raises
    ------
    NotATraceError
        If another program made the file.
    MissingTableError
        If the table of texts is gone, so that nothing can be named.
    """
    _check_marks(database)
    stated = _read_metadata(database)
    version = stated.get("EXPORT_SCHEMA_VERSION")
    gpu_table = next((name for name in _GPU_TABLES if database.has_rows(name)), None)
    layout = Layout(
        tool_version=stated.get("EXPORT_PRODUCT_VERSION"),
        schema_version=version,
        clock=_read_clock(database, stated),
        duration_ns=_read_duration(database),
        time_shift_ns=_integer(stated.get("EXPORT_CONFIG_TIME_SHIFT")) or 0,
        gpu_table=gpu_table,
        gpu_columns=_gpu_columns(database, gpu_table),
        is_cut="DERIVED_FROM" in stated,
        is_newer=_major_minor(version) > NEWEST_KNOWN,
    )
    return layout, _doubts(layout, database)


def is_whole(database: Database) -> bool:
    """Tell whether an export states that it holds all tables, at all times.

    Parameters
    ----------
    database : Database
        The file.

    Returns
    -------
    bool
        Also false if it states nothing: `nsys export --tables` leaves out what would state it.
    """
    table = next((name for name in _METADATA if database.has_rows(name)), None)
    if table is None:
        return False
    limits = database.rows(
        f"SELECT value FROM {table} WHERE value != ''"  # noqa: S608 - own names
        " AND name IN ('EXPORT_PARAM_TABLES_TO_EXPORT', 'EXPORT_PARAM_TIMES_TO_EXPORT')"
    )
    return not limits


def _check_marks(database: Database) -> None:
    name = database.path.name
    if not database.tables() & _MARKS:
        raise NotATraceError(
            f"{name} is an SQLite file, but no export of Nsight Systems",
            details=f"none of its {len(database.tables())} tables is known",
            next_step="export the report: nsys export -t sqlite",
        )
    if STRINGS not in database.tables():
        raise MissingTableError(
            f"{name} has no table {STRINGS}: no kernel, call or range can be named",
            next_step="export the report again with all tables: nsys export -t sqlite",
        )


def _read_metadata(database: Database) -> dict[str, str]:
    table = next((name for name in _METADATA if database.has_rows(name)), None)
    if table is None:
        return {}
    found = database.rows(
        f"SELECT name, value FROM {table} WHERE name LIKE 'EXPORT_SCHEMA_VERSION'"  # noqa: S608 - own names
        " OR name LIKE 'EXPORT_PRODUCT_VERSION' OR name LIKE 'EXPORT_CONFIG_TIME_SHIFT'"
        " OR name LIKE 'EXPORT_PARAM_TIME_NORMALIZE' OR name LIKE 'DERIVED_FROM'"
    )
    return {str(name): str(value) for name, value in found}


def _read_clock(database: Database, stated: dict[str, str]) -> TraceClock:
    if not database.has_rows(SESSION):
        is_utc = stated.get("EXPORT_PARAM_TIME_NORMALIZE") == "true"
        return TraceClock(_integer(stated.get("EXPORT_CONFIG_TIME_SHIFT")) if is_utc else None)
    there = database.columns(SESSION)
    wanted = ", ".join(
        name if name in there else "NULL" for name in ("utcEpochNs", "utcTime", "localTime")
    )
    ((epoch_ns, utc, local), *_) = database.rows(f"SELECT {wanted} FROM {SESSION}")  # noqa: S608 - own names
    return TraceClock(_integer(epoch_ns), local_minus_utc_ns(str(utc), str(local)))


def _read_duration(database: Database) -> int | None:
    if not database.has_rows(_DETAILS) or "duration" not in database.columns(_DETAILS):
        return None
    ((duration_ns,),) = database.rows(f"SELECT max(duration) FROM {_DETAILS}")  # noqa: S608 - own names
    return _integer(duration_ns)


def _gpu_columns(database: Database, table: str | None) -> dict[str, str]:
    there = database.columns(table) if table else frozenset[str]()
    found = {
        ours: next((name for name in theirs if name in there), None)
        for ours, theirs in _GPU_COLUMNS.items()
    }
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def _doubts(layout: Layout, database: Database) -> tuple[Caveat, ...]:
    where, doubts = database.path.name, []
    if layout.clock.utc_epoch_ns is None:
        text = (
            f"The export has no {SESSION}, so trace time cannot be tied to a wall clock: a power "
            "log needs --power-clock-offset. nsys 2021.3 or later records it."
        )
        doubts.append(Caveat("no-wall-clock", text, where))
    if layout.is_cut:
        text = (
            "Someone cut this export after it was made: launches, ranges or devices of the work "
            "that is left may be missing."
        )
        doubts.append(Caveat("cut-export", text, where))
    if layout.is_newer:
        text = (
            f"Schema {layout.schema_version} is newer than any this version was tried on; its "
            "tables were read by their column names."
        )
        doubts.append(Caveat("newer-schema", text, where))
    return tuple(doubts)


def _major_minor(version: str | None) -> tuple[int, int]:
    major, minor, *_ = [*(version or "").split("."), "", ""]
    return _integer(major) or 0, _integer(minor) or 0


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
