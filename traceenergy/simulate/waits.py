"""Recorded waits of a simulated run: between streams, of threads for streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.simulate.layout import CUDA_EVENT, SYNCHRONIZATION
from traceenergy.simulate.rows import CONTEXT
from traceenergy.simulate.schedule import SYNC_API, forks_of
from traceenergy.simulate.template import MAIN_STREAM, SIDE_STREAM

if TYPE_CHECKING:
    from traceenergy.simulate.export import Rows
    from traceenergy.simulate.host import Host
    from traceenergy.simulate.timeline import Timeline

RECORD_API, WAIT_API = "cudaEventRecord_v3020", "cudaStreamWaitEvent_v3020"
STREAM_WAIT, STREAM_SYNC = 2, 3
NOT_APPLICABLE = (1 << 32) - 1
# Where the calls lie between two launches, as shares of the time between them.
_RECORD_AT, _WAIT_AT = (0.1, 0.4), (0.5, 0.9)


def event_calls(timeline: Timeline) -> pl.DataFrame:
    """List the calls that tie the two streams of each step.

    Parameters
    ----------
    timeline : Timeline

    Returns
    -------
    polars.DataFrame
        `device, start_ns, end_ns, api, correlation_id, event, stream, sync`, a record and a wait
        for each fork and each join outside of graphs, in the time that the host takes between
        two launches. Events are used again in each step; `sync` tells their records apart.
    """
    launches = timeline.calls.filter(pl.col("slot") >= 0)
    pairs = _pairs(timeline)
    key = ["device", "step", "kind"]
    before = launches.select(*key, after_slot="slot", begin_ns="end_ns")
    behind = launches.select(*key, at_slot="slot", until_ns="start_ns")
    ties = pairs.join(behind, on=["kind", "at_slot"]).join(before, on=[*key, "after_slot"])
    ties = ties.sort("device", "begin_ns").with_columns(
        sync=1 + pl.int_range(pl.len()).over("device"), room=pl.col("until_ns") - pl.col("begin_ns")
    )
    calls = pl.concat(
        ties.select(
            "device",
            *(
                (pl.col("begin_ns") + pl.col("room") * share).cast(pl.Int64).alias(name)
                for name, share in zip(("start_ns", "end_ns"), shares, strict=True)
            ),
            "event",
            "sync",
            api=pl.lit(api),
            stream=stream,
        )
        for api, shares, stream in (
            (RECORD_API, _RECORD_AT, "record_stream"),
            (WAIT_API, _WAIT_AT, "wait_stream"),
        )
    ).sort("device", "start_ns")
    first = timeline.calls.select(pl.col("correlation_id").max()).item() + 1
    return calls.with_columns(correlation_id=first + pl.int_range(pl.len()).over("device"))


def _pairs(timeline: Timeline) -> pl.DataFrame:
    rows = []
    for kind, template in timeline.templates.items():
        for fork, side, _, join in forks_of(template):
            rows.append((kind, fork, int(side[0]), MAIN_STREAM, SIDE_STREAM))
            rows.append((kind, join - 1, join, SIDE_STREAM, MAIN_STREAM))
    names = ["kind", "after_slot", "at_slot", "record_stream", "wait_stream"]
    types = [pl.String, *[pl.Int64] * 4]
    pairs = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    slot = timeline.calls.schema["slot"]
    pairs = pairs.with_columns(pl.col("after_slot", "at_slot").cast(slot))
    return pairs.with_columns(event=1 + pl.int_range(pl.len()).over("kind"))


def wait_tables(timeline: Timeline, calls: pl.DataFrame, host: Host) -> dict[str, Rows]:
    """Fill the tables of waits, of records of events.

    Parameters
    ----------
    timeline : Timeline
        For the waits at the ends of steps.
    calls : polars.DataFrame
        As `event_calls` lists them.
    host : Host
        For process ids.

    Returns
    -------
    dict of str to Rows
    """
    records, waits = calls.filter(api=RECORD_API), calls.filter(api=WAIT_API)
    ends = timeline.calls.filter(api=SYNC_API).with_columns(
        event=pl.lit(NOT_APPLICABLE),
        sync=pl.lit(0, pl.Int64),
        stream=pl.lit(MAIN_STREAM, pl.Int64),
        type=pl.lit(STREAM_SYNC),
    )
    columns = ["device", "start_ns", "end_ns", "correlation_id", "event", "sync", "stream", "type"]
    waits = waits.with_columns(type=pl.lit(STREAM_WAIT))
    rows = pl.concat(
        frame.select(pl.col(name).cast(pl.Int64) for name in columns) for frame in (waits, ends)
    ).sort("start_ns", "device")
    return {
        SYNCHRONIZATION: {
            **_operation(rows, host),
            "start": rows["start_ns"],
            "end": rows["end_ns"],
            "syncType": rows["type"],
        },
        CUDA_EVENT: _operation(records.sort("start_ns", "device"), host),
    }


def _operation(rows: pl.DataFrame, host: Host) -> Rows:
    pids = pl.Series([host.global_pid(device) for device in range(host.n_gpus)])
    return {
        "deviceId": rows["device"],
        "contextId": CONTEXT,
        "greenContextId": 0,
        "streamId": rows["stream"],
        "correlationId": rows["correlation_id"],
        "globalPid": pids.gather(rows["device"]),
        "eventId": rows["event"],
        "eventSyncId": rows["sync"],
    }
