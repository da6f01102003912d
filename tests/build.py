"""Traces made of literals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tests.export import build_export
from tests.literals import AT_START, VM, Node, Range, Record, Wait, Work, process_id, thread_id
from traceenergy.trace import tables
from traceenergy.trace.model import Origin, Trace, TraceClock, check_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "AT_START",
    "VM",
    "Node",
    "Range",
    "Record",
    "Wait",
    "Work",
    "build_export",
    "build_trace",
    "process_id",
    "thread_id",
]


class _Names:
    def __init__(self) -> None:
        self.ids = {"": 0}

    def __call__(self, text: str | None) -> int | None:
        return None if text is None else self.ids.setdefault(text, len(self.ids))


def build_trace(  # noqa: PLR0913 - one keyword per table
    kernels: Iterable[Work | tuple[str, int, int]] = (),
    *,
    ranges: Iterable[Range | tuple[str, int, int]] = (),
    power: Sequence[tuple[int, float]] | Mapping[int, Sequence[tuple[int, float]]] = (),
    readings: Iterable[tuple[int, str, float]] = (),
    metrics: Iterable[tuple[int, str, float]] = (),
    power_field: str = "power.draw.instant",
    power_source: str = "nvidia-smi",
    gpu_name: str = "Toy GPU",
    utc_epoch_ns: int | None = 0,
    extra_launches: Iterable[Work] = (),
    nodes: Iterable[Node] = (),
    waits: Iterable[Wait] = (),
    records: Iterable[Record] = (),
) -> Trace:
    """Make a checked Trace of literals.

    Parameters
    ----------
    kernels
        `Work`, or (name, start, end) for a kernel on device 0 [ns].
    ranges
        `Range`, or (text, start, end) on the main thread [ns].
    power
        (ns, W) pairs of device 0 of rank 0, or such pairs by device.
    readings, metrics
        (ns, quantity or metric, value) of device 0 of rank 0.
    extra_launches
        API calls without GPU work: name, launch interval and correlation of a `Work` are used.
    nodes
        Nodes of CUDA graphs, as they were made.
    waits, records
        Waits for GPU work; records of the events that some of them wait for.
    """
    works = [work if isinstance(work, Work) else Work(*work) for work in kernels]
    works = [_with_correlation(i, work) for i, work in enumerate(works, start=1)]
    spans = [span if isinstance(span, Range) else Range(*span) for span in ranges]
    by_device = power if hasattr(power, "items") else ({0: power} if power else {})
    names = _Names()
    calls = [work for work in [*works, *extra_launches] if work.launch_ns is not None]
    devices = sorted({(work.rank, work.device) for work in works} | {(0, d) for d in by_device})
    frames = {
        "devices": _frame(
            tables.DEVICES,
            [
                (r, d, gpu_name, f"{r:08x}-{d:04x}", f"00000000:{d:02x}:00.0", 132, 80 << 30)
                for r, d in devices
            ],
        ),
        "gpu_work": _frame(
            tables.GPU_WORK, [_work_row(i, work, names) for i, work in enumerate(works, start=1)]
        ).sort("start_ns", "end_ns", maintain_order=True),
        "launches": _frame(tables.LAUNCHES, [_launch_row(work, names) for work in calls]),
        "nvtx_ranges": _frame(
            tables.NVTX_RANGES, [_range_row(i, span, names) for i, span in enumerate(spans, 1)]
        ),
        "power_samples": _frame(
            tables.POWER_SAMPLES,
            [
                (0, device, ns, float(watt), power_field, power_source)
                for device, samples in by_device.items()
                for ns, watt in samples
            ],
        ),
        "readings": _frame(
            tables.DEVICE_READINGS, [(0, 0, ns, what, float(v)) for ns, what, v in readings]
        ),
        "gpu_metrics": _frame(
            tables.GPU_METRICS, [(0, 0, ns, what, float(v)) for ns, what, v in metrics]
        ),
        "graph_nodes": _frame(tables.GRAPH_NODES, [_node_row(node) for node in nodes]),
        "synchronizations": _frame(tables.SYNCHRONIZATIONS, [_wait_row(wait) for wait in waits]),
        "cuda_events": _frame(tables.CUDA_EVENTS, [_record_row(record) for record in records]),
    }
    ranks = sorted({rank for rank, _ in devices}) or [0]
    origins = tuple(
        Origin(name=f"literal-{rank}.sqlite", kind="nsys-sqlite", sha256="0" * 64, rank=rank)
        for rank in ranks
    )
    trace = Trace(
        origins=origins,
        clock=TraceClock(utc_epoch_ns=utc_epoch_ns, local_minus_utc_ns=0),
        names=pl.Series("names", list(names.ids), dtype=pl.String),
        **frames,
    )
    return check_trace(trace)


def _frame(columns: tuple[tables.Column, ...], rows: list[tuple[object, ...]]) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _with_correlation(row: int, work: Work) -> Work:
    known = work.correlation is not None or work.launch_ns is None
    return work if known else Work(**{**work.__dict__, "correlation": row})


def _work_row(row: int, work: Work, names: _Names) -> tuple[object, ...]:
    is_kernel = work.table == "KERNEL"
    return (
        work.rank, work.device, work.stream, work.context, process_id(work.pid), work.table, row,
        work.start_ns, work.end_ns, names(work.name), names(work.full_name or work.name),
        work.correlation, work.node, work.blocks if is_kernel else None,
        None if is_kernel else work.n_bytes,
    )  # fmt: skip


def _node_row(node: Node) -> tuple[object, ...]:
    process, thread = process_id(node.pid), thread_id(node.pid, node.tid)
    return node.rank, process, thread, node.made_ns, node.node, node.original


def _wait_row(wait: Wait) -> tuple[object, ...]:
    return (
        wait.rank, process_id(wait.pid), thread_id(wait.pid, wait.tid), wait.context, wait.stream,
        wait.event, wait.event_sync, wait.correlation, wait.kind, wait.start_ns, wait.end_ns,
    )  # fmt: skip


def _record_row(record: Record) -> tuple[object, ...]:
    return (
        record.rank, process_id(record.pid), thread_id(record.pid, record.tid), record.context,
        record.stream, record.event, record.event_sync, record.recorded_ns,
    )  # fmt: skip


def _launch_row(work: Work, names: _Names) -> tuple[object, ...]:
    start_ns, end_ns = work.launch_ns or (work.start_ns, work.start_ns)
    return (
        work.rank, process_id(work.pid), thread_id(work.pid, work.tid), start_ns, end_ns,
        work.correlation, names(work.api),
    )  # fmt: skip


def _range_row(row: int, span: Range, names: _Names) -> tuple[object, ...]:
    end_thread = None if span.end_tid is None else thread_id(span.pid, span.end_tid)
    return (
        span.rank, row, process_id(span.pid), thread_id(span.pid, span.tid), end_thread,
        span.start_ns, span.end_ns, names(span.name), span.domain, names(span.domain_name),
        span.style, span.is_open,
    )  # fmt: skip
