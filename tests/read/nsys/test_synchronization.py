"""Waits for GPU work, records of CUDA events, by release of nsys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.build import Work, build_export, process_id, thread_id
from tests.export import UTC_EPOCH_NS
from tests.export_tables import K
from traceenergy.read import read_trace
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

INVALID = (1 << 32) - 1
KERNEL = Work("k", 500, 600, launch=(400, 410), correlation=1)
SCHEMAS = ("none", "2.9.1", "3.0.0", "3.7.2", "3.11.1", "3.17.2", "3.25.0", "3.28.1")


def sync(
    kind: int, *, stream: int = INVALID, event: int = INVALID, **more: object
) -> dict[str, Any]:
    ids = {"deviceId": 0, "contextId": 1, "globalPid": process_id(1), "correlationId": 9}
    where = {"start": 700, "end": 800, "streamId": stream, "eventId": event, "syncType": kind}
    return {**where, **ids, **more}


def record(**more: object) -> dict[str, Any]:
    ids = {"deviceId": 0, "contextId": 1, "globalPid": process_id(1), "correlationId": 8}
    return {**ids, "streamId": 7, "eventId": 3, **more}


def call(correlation: int, start_ns: int) -> dict[str, Any]:
    ids = {"eventClass": 0, "globalTid": thread_id(1, 5), "nameId": 100, "returnValue": 0}
    return {"start": start_ns, "end": start_ns + 50, "correlationId": correlation, **ids}


def read(path: Path, schema: str = "3.11.1", **rows: list[dict[str, Any]]) -> Trace:
    raw = {f"{K}{table}": listed for table, listed in rows.items()}
    return read_nsys(build_export(path / "x.sqlite", schema, kernels=[KERNEL], raw=raw))


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(
    ("row", "kind"),
    [
        # Numbers as in exports of 2022 to 2026: the same number means different waits.
        (sync(0), "context"),
        (sync(1), "context"),
        (sync(4), "context"),
        (sync(1, event=3), "event"),
        (sync(2, event=3), "event"),
        (sync(2, stream=7), "stream"),
        (sync(3, stream=7), "stream"),
        (sync(2, stream=7, event=3), "stream_wait"),
    ],
)
def test_ids_tell_what_waits_for_what(
    tmp_path: Path, schema: str, row: dict[str, Any], kind: str
) -> None:
    trace = read(tmp_path, schema, SYNCHRONIZATION=[row], RUNTIME=[call(9, 690)])

    (found,) = trace.synchronizations.rows(named=True)
    assert found["kind"] == kind
    assert (found["start_ns"], found["end_ns"]) == (700, 800)
    assert (found["process_id"], found["thread_id"]) == (process_id(1), thread_id(1, 5))
    assert found["stream_id"] == (None if row["streamId"] == INVALID else 7)
    assert found["event_id"] == (None if row["eventId"] == INVALID else 3)


def test_a_wait_without_its_call_has_no_thread(tmp_path: Path) -> None:
    trace = read(tmp_path, SYNCHRONIZATION=[sync(4)])

    assert trace.synchronizations["thread_id"].to_list() == [None]


def test_events_have_the_time_of_their_call(tmp_path: Path) -> None:
    rows = [record(), record(eventId=4, correlationId=77)]

    trace = read(tmp_path, CUDA_EVENT=rows, RUNTIME=[call(8, 650)])

    columns = trace.cuda_events.select("event_id", "stream_id", "recorded_ns")
    assert columns.rows() == [(3, 7, 650), (4, 7, None)]


def test_newer_schemas_tell_the_records_of_an_event_apart(tmp_path: Path) -> None:
    rows = [record(eventSyncId=21), record(eventSyncId=INVALID)]

    trace = read(
        tmp_path, "3.25.0", CUDA_EVENT=rows, SYNCHRONIZATION=[sync(2, event=3, eventSyncId=21)]
    )

    assert trace.cuda_events["event_sync_id"].to_list() == [21, None]
    assert trace.synchronizations["event_sync_id"].to_list() == [21]


def test_missing_tables_are_normal(tmp_path: Path) -> None:
    trace = read(tmp_path)

    assert trace.synchronizations.is_empty()
    assert trace.cuda_events.is_empty()


def test_what_an_export_was_shifted_by_is_taken_off(tmp_path: Path) -> None:
    raw = {f"{K}SYNCHRONIZATION": [sync(4)]}
    path = build_export(tmp_path / "x.sqlite", kernels=[KERNEL], raw=raw, normalize=True)

    assert read_nsys(path).synchronizations["start_ns"].to_list() == [700]


def test_ranks_are_put_on_one_clock(tmp_path: Path) -> None:
    raw = {
        f"{K}SYNCHRONIZATION": [sync(4)],
        f"{K}CUDA_EVENT": [record()],
        f"{K}RUNTIME": [call(8, 650)],
    }
    paths = [
        build_export(
            tmp_path / f"rank{rank}.sqlite",
            kernels=[KERNEL],
            raw=raw,
            utc_epoch_ns=UTC_EPOCH_NS + 1000 * rank,
        )
        for rank in range(2)
    ]

    trace = read_trace(paths)

    assert trace.synchronizations["rank"].to_list() == [0, 1]
    assert trace.synchronizations["start_ns"].to_list() == [700, 1700]
    assert trace.cuda_events["recorded_ns"].to_list() == [650, 1650]
