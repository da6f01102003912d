"""Tiny nsys exports made of literals."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.export_tables import K, columns_of, version_of
from tests.literals import Range, Work, process_id, thread_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Row = dict[str, Any]

UTC_EPOCH_NS = 1_700_000_000_000_000_000
DURATION_NS = 1_000_000_000
GPU = {"id": 0, "name": "Toy GPU", "busLocation": "0000:3B:00.0", "uuid": "AB-01"}
METRICS_TYPE = 281479271677952  # VM 1, source 1, GPU 0 in the low byte
_SHIFTED = {f"{K}{kind}" for kind in ("KERNEL", "MEMCPY", "MEMSET", "RUNTIME", "GRAPH_TRACE")}
_SHIFTED |= {f"{K}SYNCHRONIZATION"}
_SHIFTED |= {"NVTX_EVENTS"}


def build_export(  # noqa: PLR0913 - one keyword per table
    path: Path,
    schema: str = "3.11.1",
    *,
    kernels: Iterable[Work | tuple[str, int, int]] = (),
    ranges: Iterable[Range | tuple[str, int, int]] = (),
    gpus: Sequence[Row] = (GPU,),
    metrics: Iterable[tuple[int, str, float]] = (),
    metrics_as: str = "numbers",
    utc_epoch_ns: int = UTC_EPOCH_NS,
    zone_h: int = 0,
    duration_ns: int = DURATION_NS,
    time_shift_ns: int = 0,
    normalize: bool = False,
    metadata: Mapping[str, str] | None = None,
    raw: Mapping[str, Sequence[Row]] | None = None,
    without: Iterable[str] = (),
) -> Path:
    """Write an export as a release of nsys would.

    Parameters
    ----------
    path
        The file to write.
    schema
        One of `SCHEMAS`; "none" for files of 2020, which state no version.
    kernels, ranges
        As for `build_trace`; `Work` of any table.
    gpus
        Rows of the table of GPUs.
    metrics, metrics_as
        (ns, metric, value) of GPU 0, as `numbers`, `json` or `both`.
    time_shift_ns, normalize
        What the export was shifted by; with `normalize` the start of the capture.
    metadata
        More rows for the table about the export.
    raw
        More rows, by table and column.
    without
        Tables to leave out.

    Returns
    -------
    pathlib.Path
        The file.
    """
    writer = _Writer(schema)
    shift_ns = utc_epoch_ns if normalize else time_shift_ns
    for work in kernels:
        writer.add_work(work if isinstance(work, Work) else Work(*work))
    for span in ranges:
        writer.add_range(span if isinstance(span, Range) else Range(*span))
    writer.add_metrics(list(metrics), metrics_as)
    writer.add_target(gpus, utc_epoch_ns, zone_h, duration_ns)
    writer.add_metadata(schema, shift_ns, normalize=normalize, more=metadata or {})
    for table, rows in (raw or {}).items():
        for row in rows:
            writer.add(table, **row)
    writer.write(path, shift_ns, set(without))
    return path


class _Writer:
    def __init__(self, schema: str) -> None:
        self.columns = columns_of(schema)
        self.rows: dict[str, list[Row]] = {}
        self.strings: dict[str, int] = {}
        self.version = version_of(schema)
        self.domains: set[tuple[int, int]] = set()
        self.string("[unused]")

    def add(self, table: str, **row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, 100 + len(self.strings))

    def add_work(self, work: Work) -> None:
        n = sum(len(rows) for table, rows in self.rows.items() if table.startswith(K)) + 1
        correlation = work.correlation
        if correlation is None and work.launch_ns is not None:
            correlation = n
        row: Row = {
            "start": work.start_ns,
            "end": work.end_ns,
            "deviceId": work.device,
            "contextId": work.context,
            "streamId": work.stream,
            "correlationId": correlation,
            "globalPid": process_id(work.pid),
        }
        if work.table == "KERNEL":
            row |= {"shortName": self.string(work.name), "graphNodeId": work.node}
            row |= {"demangledName": self.string(work.full_name or work.name)}
            row |= {"gridX": work.blocks, "gridY": 1, "gridZ": 1}
        elif work.table == "GRAPH":
            row |= {"graphId": work.node, "graphExecId": 2}
        else:
            row |= {"bytes": work.n_bytes or 0, "graphNodeId": work.node}
            row |= {"copyKind": work.copy_kind} if work.table == "MEMCPY" else {"value": 0}
        self.add(K + ("GRAPH_TRACE" if work.table == "GRAPH" else work.table), **row)
        if work.launch_ns is not None:
            self.add(
                f"{K}RUNTIME",
                start=work.launch_ns[0],
                end=work.launch_ns[1],
                eventClass=0,
                globalTid=thread_id(work.pid, work.tid),
                correlationId=correlation,
                nameId=self.string(work.api),
                returnValue=0,
            )

    def add_range(self, span: Range) -> None:
        thread = thread_id(span.pid, span.tid)
        if span.domain_name is not None and (span.pid, span.domain) not in self.domains:
            self.domains.add((span.pid, span.domain))
            domain: Row = {"eventType": 75, "domainId": span.domain, "text": span.domain_name}
            self.add("NVTX_EVENTS", start=-5, globalTid=thread, **domain)
        self.add(
            "NVTX_EVENTS",
            start=span.start_ns,
            end=span.end_ns,
            eventType=59 if span.style == "push_pop" else 60,
            globalTid=thread,
            endGlobalTid=None if span.end_tid is None else thread_id(span.pid, span.end_tid),
            text=span.name or None,
            domainId=span.domain,
        )

    def add_metrics(self, metrics: list[tuple[int, str, float]], encoding: str) -> None:
        names = list(dict.fromkeys(metric for _, metric, _ in metrics))
        if names and encoding in ("numbers", "both"):
            ids: Row = {"typeId": METRICS_TYPE, "sourceId": METRICS_TYPE, "typeName": ""}
            for i, name in enumerate(names):
                self.add("TARGET_INFO_GPU_METRICS", metricId=i, metricName=name, **ids)
            for ns, name, value in metrics:
                metric: Row = {"typeId": METRICS_TYPE, "metricId": names.index(name)}
                self.add("GPU_METRICS", timestamp=ns, value=value, **metric)
        if names and encoding in ("json", "both"):
            fields = [{"Name": name} for name in names]
            source: Row = {"sourceId": METRICS_TYPE}
            self.add("GENERIC_EVENT_SOURCES", data=json.dumps({"Name": "GpuMetrics"}), **source)
            kind = json.dumps({"Name": "", "Fields": fields})
            self.add("GENERIC_EVENT_TYPES", typeId=METRICS_TYPE, data=kind, **source)
            for ns in dict.fromkeys(ns for ns, _, _ in metrics):
                data = {name: str(value) for at, name, value in metrics if at == ns}
                event: Row = {"typeId": METRICS_TYPE, "data": json.dumps(data)}
                self.add("GENERIC_EVENTS", rawTimestamp=ns, **event)

    def add_target(
        self, gpus: Sequence[Row], utc_epoch_ns: int, zone_h: int, duration_ns: int
    ) -> None:
        for gpu in gpus:
            if self.version == (0,):
                self.add("TARGET_INFO_CUDA_GPU", deviceId=gpu["id"], name=gpu["name"])
            else:
                self.add("TARGET_INFO_GPU", **gpu)
        if self.version == (0,):
            return
        utc = datetime.fromtimestamp(utc_epoch_ns // 1_000_000_000, UTC).replace(tzinfo=None)
        local = utc + timedelta(hours=zone_h)
        times: Row = {"utcTime": utc.isoformat(), "localTime": local.isoformat()}
        self.add("TARGET_INFO_SESSION_START_TIME", utcEpochNs=utc_epoch_ns, **times)
        self.add("ANALYSIS_DETAILS", globalVid=1 << 48, duration=duration_ns)

    def add_metadata(
        self, schema: str, shift_ns: int, *, normalize: bool, more: Mapping[str, str]
    ) -> None:
        if self.version == (0,):
            return
        table = "EXPORT_META_DATA" if self.version < (3, 4) else "META_DATA_EXPORT"
        stated = {
            "EXPORT_SCHEMA_VERSION": schema,
            "EXPORT_PRODUCT_VERSION": "2024.2.3.38",
            "EXPORT_PARAM_TIME_NORMALIZE": "true" if normalize else "false",
            "EXPORT_CONFIG_TIME_SHIFT": str(shift_ns),
            **more,
        }
        for name, value in stated.items():
            self.add(table, name=name, value=value)

    def write(self, path: Path, shift_ns: int, without: set[str]) -> None:
        for text, key in self.strings.items():
            self.add("StringIds", id=key, value=text)
        with closing(sqlite3.connect(path)) as file:
            for table, rows in self.rows.items():
                if table not in without:
                    _create(file, table, self.columns[table])
                    for row in rows:
                        _insert(file, table, _shifted(row, shift_ns if table in _SHIFTED else 0))
            file.commit()


def _create(file: sqlite3.Connection, table: str, columns: list[str]) -> None:
    listed = [column.partition(":") for column in columns]
    ddl = ", ".join(f'"{name}" {kind or "INTEGER"}' for name, _, kind in listed)
    file.execute(f"CREATE TABLE {table} ({ddl})")


def _insert(file: sqlite3.Connection, table: str, row: Row) -> None:
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    file.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - own names


def _shifted(row: Row, shift_ns: int) -> Row:
    times = {key: row[key] + shift_ns for key in ("start", "end") if row.get(key) is not None}
    return row | times
