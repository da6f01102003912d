"""All tables of one trace of the PyTorch profiler."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.read.inputs import GZIP_MAGIC
from traceenergy.read.pytorch.event_stream import EventStream
from traceenergy.read.pytorch.event_tables import EventTables
from traceenergy.read.pytorch.ranges import doubts_of_ranges, ranges_of
from traceenergy.read.pytorch.work import (
    cuda_events_of,
    doubts_of_work,
    launches_of,
    named,
    waits_of,
    work_of,
)
from traceenergy.trace import tables
from traceenergy.trace.model import Origin, Trace, TraceClock, check_trace
from traceenergy.trace.tables import (
    CudaEvents,
    Devices,
    GpuWork,
    Launches,
    NvtxRanges,
    Synchronizations,
    check_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KIND = "pytorch-json"
_TIMES = ("start_ns", "end_ns")
_GROUPS = ("work", "calls", "ranges", "waits")
# Without a base, times count from 1970; 10^15 us after it was 2001.
_FIRST_ABSOLUTE_NS = 10**18
_TAIL_BYTES = 1 << 20
_RANK = re.compile(rb'"distributedInfo"\s*:\s*\{[^{}\[]*?"rank"\s*:\s*(\d{1,6})\b')


def read_pytorch(path: Path, rank: int = 0) -> Trace:
    """Read one trace of the PyTorch profiler.

    Parameters
    ----------
    path : pathlib.Path
        What `export_chrome_trace` wrote, plain or compressed by gzip; opened read-only.
    rank : int
        Rank of the run it belongs to.

    Returns
    -------
    Trace
        Trace time 0 is when the first event of a kind that is read began. No power is inside.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty or damaged before its first event.
    NotATraceError
        If it is something else.
    """
    stream, found = EventStream(path), EventTables()
    for events in stream.pieces():
        found.add(events)
    parts = {name: found.table(name) for name in _GROUPS}
    first_ns = _first_ns(parts)
    for name, part in parts.items():
        parts[name] = part.with_columns(pl.col(_TIMES) - first_ns)
    launches = launches_of(parts["calls"])
    work, names = named(work_of(parts["work"], launches), found.names())
    ranges = ranges_of(parts["ranges"], launches, names)
    gpus = _devices(work, stream.about)
    return check_trace(
        Trace(
            origins=(_origin(path, rank, stream.about, gpus),),
            clock=_clock(stream.about, first_ns),
            names=names,
            devices=Devices(_finish(gpus, rank, tables.DEVICES)),
            gpu_work=GpuWork(_finish(work, rank, tables.GPU_WORK)),
            launches=Launches(_finish(launches, rank, tables.LAUNCHES)),
            nvtx_ranges=NvtxRanges(_finish(ranges, rank, tables.NVTX_RANGES)),
            synchronizations=Synchronizations(
                _finish(waits_of(parts["waits"], launches, names), rank, tables.SYNCHRONIZATIONS)
            ),
            cuda_events=CudaEvents(
                _finish(cuda_events_of(parts["waits"], launches), rank, tables.CUDA_EVENTS)
            ),
            caveats=(
                *_doubts_of_file(stream, found, parts, path.name),
                *doubts_of_work(work, launches, names, path.name),
                *_doubts_of_devices(gpus, stream.about, path.name),
                *doubts_of_ranges(ranges, path.name),
            ),
        )
    )


def stated_rank(path: Path) -> int | None:
    """Tell the rank that a trace states.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    int or None
        None if it states none before its events, or at the end of a file that is not compressed.
    """
    stream = EventStream(path)
    _begun(stream.pieces())
    stated = stream.about.get("distributedInfo")
    if isinstance(stated, dict):
        rank = stated.get("rank")
        return rank if isinstance(rank, int) and 0 <= rank < 1 << 31 else None
    with path.open("rb") as file:
        if file.read(2) == GZIP_MAGIC:
            return None
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        found = _RANK.findall(file.read())
    return int(found[-1]) if found else None


def _begun(pieces: Iterator[object]) -> None:
    next(pieces, None)


def _first_ns(parts: Mapping[str, pl.DataFrame]) -> int:
    firsts = [part["start_ns"].min() for part in parts.values()]
    return min((first for first in firsts if isinstance(first, int)), default=0)


def _clock(about: Mapping[str, Any], first_ns: int) -> TraceClock:
    base_ns = about.get("baseTimeNanoseconds")
    if first_ns >= _FIRST_ABSOLUTE_NS:
        return TraceClock(utc_epoch_ns=first_ns)
    # A program of another kind may count from when it began, as its base 0 says.
    if not isinstance(base_ns, int) or not 0 < base_ns < 1 << 62:
        return TraceClock()
    return TraceClock(utc_epoch_ns=base_ns + first_ns)


def _devices(work: pl.DataFrame, about: Mapping[str, Any]) -> pl.DataFrame:
    listed = _listed(about)
    ids = work["device_id"].unique().sort().to_list()
    return pl.DataFrame(
        {
            "device_id": pl.Series(ids, dtype=pl.Int32),
            "name": pl.Series([_text(listed, i, "name") for i in ids], dtype=pl.String),
            "gpu_uuid": pl.Series([None] * len(ids), dtype=pl.String),
            "pci_bus_id": pl.Series([None] * len(ids), dtype=pl.String),
            "sm_count": pl.Series([_count(listed, i, "numSms", 31) for i in ids], dtype=pl.Int32),
            "memory_bytes": pl.Series(
                [_count(listed, i, "totalGlobalMem", 63) for i in ids], dtype=pl.Int64
            ),
        }
    )


def _listed(about: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    gpus = about.get("deviceProperties")
    gpus = gpus if isinstance(gpus, list) else []
    return {gpu["id"]: gpu for gpu in gpus if isinstance(gpu, dict) and type(gpu.get("id")) is int}


def _text(listed: Mapping[int, dict[str, Any]], device: int, key: str) -> str | None:
    value = listed.get(device, {}).get(key)
    return value or None if isinstance(value, str) else None


def _count(listed: Mapping[int, dict[str, Any]], device: int, key: str, bits: int) -> int | None:
    value = listed.get(device, {}).get(key)
    return value if type(value) is int and 0 < value < 1 << bits else None


def _finish(frame: pl.DataFrame, rank: int, columns: tuple[tables.Column, ...]) -> pl.DataFrame:
    frame = frame.with_columns(rank=pl.lit(rank, pl.Int32))
    return check_table(frame, columns, "of a PyTorch trace")


def _origin(path: Path, rank: int, about: Mapping[str, Any], gpus: pl.DataFrame) -> Origin:
    schema = about.get("schemaVersion")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Origin(
        name=path.name,
        kind=KIND,
        sha256=sha256,
        rank=rank,
        schema_version=None if schema is None else str(schema),
        gpu_names=tuple(gpus["name"].drop_nulls().unique(maintain_order=True)),
    )


def _doubts_of_file(
    stream: EventStream, found: EventTables, parts: Mapping[str, pl.DataFrame], where: str
) -> tuple[Caveat, ...]:
    doubts = []
    if stream.is_cut:
        text = (
            "The file ends before it should, as when the program ended while it was written or a "
            "copy broke off; the events that are whole were read, all that came later is missing."
        )
        doubts.append(Caveat("trace-cut", text, where, found.n_events))
    if n_bad := stream.n_bad + found.n_bad:
        text = (
            "Events that cannot be understood were left out: their text is damaged, or their "
            "times are no numbers."
        )
        doubts.append(Caveat("events-left-out", text, where, n_bad))
    n_backward = sum(int((part["end_ns"] < part["start_ns"]).sum()) for part in parts.values())
    if n_backward:
        text = "Events that end before they start were given no duration."
        doubts.append(Caveat("negative-duration", text, where, n_backward))
    return tuple(doubts)


def _doubts_of_devices(
    gpus: pl.DataFrame, about: Mapping[str, Any], where: str
) -> tuple[Caveat, ...]:
    doubts = []
    if n_unnamed := gpus["name"].null_count():
        text = "The trace does not say which GPU this is (deviceProperties)."
        doubts.append(Caveat("unnamed-gpu", text, where, n_unnamed))
    if len(gpus) and len(_listed(about)) != 1:
        text = (
            "The PyTorch profiler numbers GPUs as the process saw them: with CUDA_VISIBLE_DEVICES "
            "set, another GPU may be meant. --power-gpu ties power to them by hand."
        )
        doubts.append(Caveat("device-by-ordinal", text, where, len(gpus)))
    return tuple(doubts)
