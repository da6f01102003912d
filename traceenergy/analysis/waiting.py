"""What each piece of GPU work had to wait for, as a trace tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.launch_order import LaunchOrder
from traceenergy.analysis.path_assumptions import path_assumptions
from traceenergy.codes import codes_of
from traceenergy.critical_path.model import NONE, EventWaits, HostWaits, Pieces
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.caveats import Caveat
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_PROCESS = ["rank", "process_id"]
_CONTEXT = [*_PROCESS, "context_id"]
_STREAM = [*_CONTEXT, "stream_id"]
_WORK = [*_STREAM, "device_id", "graph_node_id", "start_ns", "end_ns"]
_EVENT = [*_PROCESS, "event_id"]
_RECORD = ("recorded_ns", "on_context_id", "on_stream_id")
_CALL = [*_PROCESS, "correlation_id"]
_THREAD = ["rank", "thread_id"]
# Calls that return only when GPU work has ended; beside the version that nsys adds to names.
SYNC_CALL = r"^(?:cuda(?:Device|Stream|Event|Thread)|cu(?:Ctx|Stream|Event))Synchronize"
COPY_CALL = r"^(?:cudaMemcpy|cuMemcpy)"


@dataclass(frozen=True)
class _Work:
    """GPU work by the order of launches; ``(n,)`` each, in the order of the rows asked for."""

    frame: pl.DataFrame
    stream: Int
    streams: pl.DataFrame  # key of each stream
    launch_row: Int
    call_start_ns: Int  # start of the work where no launch is known
    call_end_ns: Int
    start_ns: Int
    end_ns: Int
    copies: Int  # rows of copies whose call returned only when they had ended

    def ordered(self, columns: list[str]) -> tuple[LaunchOrder, pl.DataFrame]:
        of_stream, keys = codes_of(self.streams, columns)
        lane = of_stream[self.stream]
        order = LaunchOrder(lane, self.call_start_ns, self.start_ns, self.end_ns)
        return order, keys.with_row_index("lane").with_columns(pl.col("lane").cast(pl.Int64))


@dataclass(frozen=True)
class WaitingCalls:
    """API calls that return only when GPU work has ended, by their names.

    Attributes
    ----------
    row : ndarray of int64 (n_calls,)
        In the trace's launches, rising.
    is_sync, is_copy : ndarray of bool (n_calls,)
        Whether it synchronizes, or copies.
    """

    row: Int
    is_sync: Bool
    is_copy: Bool


def waiting_calls(trace: Trace) -> WaitingCalls:
    """Find the API calls that may wait for GPU work.

    Parameters
    ----------
    trace : Trace

    Returns
    -------
    WaitingCalls
    """
    name_id = trace.launches["name_id"].to_numpy()
    occurs = np.zeros(len(trace.names), dtype=bool)
    occurs[name_id] = True
    used = np.flatnonzero(occurs)
    texts = trace.names.gather(used)
    waits = np.zeros((2, len(trace.names)), dtype=bool)
    is_copy = texts.str.contains(COPY_CALL) & ~texts.str.contains("Async", literal=True)
    waits[:, used] = texts.str.contains(SYNC_CALL).to_numpy(), is_copy.to_numpy()
    row = np.flatnonzero((waits[0] | waits[1])[name_id])
    return WaitingCalls(row, *waits[:, name_id[row]])


def waits_of(
    trace: Trace, launch_row: pl.Series, rows: Int, group: Int | None = None
) -> tuple[Pieces, EventWaits, HostWaits, tuple[Caveat, ...]]:
    """Tell the critical path which work waited for what.

    Parameters
    ----------
    trace : Trace
    launch_row : polars.Series of Int64 (n_work,)
        Row of the call that launched each piece of the trace; null where it is not known.
    rows : ndarray of int64 (n,)
        Row of each piece in the trace's GPU work.
    group : ndarray of int64 (n,), optional
        Code of the collective of each piece, -1 for none; None: no collective is matched.

    Returns
    -------
    pieces : Pieces
        In the order of `rows`.
    events : EventWaits
    host_waits : HostWaits
    caveats : tuple of Caveat
        What had to be assumed.

    Notes
    -----
    All nodes of a graph are launched by its call, of which the path may make use. A synchronous
    copy is launched when its call begins, since the call ends after the copy.
    """
    waiting = waiting_calls(trace)
    work = _work_of(trace, launch_row, rows, waiting)
    by_stream, streams = work.ordered(_STREAM)
    thread_of_call, threads = codes_of(trace.launches, _THREAD)
    pieces = _pieces(work, thread_of_call, group)
    recorded = _latest_records(trace, _of_kind(trace, "stream_wait"))
    events, n_odd = _event_waits(recorded, work, by_stream, streams)
    on_event = _latest_records(trace, _of_kind(trace, "event"))
    unrecorded = pl.concat(
        rows.select(*_PROCESS, "thread_id", "start_ns", "end_ns")
        for rows in (
            on_event.filter(pl.col("recorded_ns").is_null()),
            _unrecorded_calls(trace, waiting),
        )
    )
    calls = [
        *_recorded_calls(trace, on_event.drop_nulls("recorded_ns"), work, by_stream, streams),
        *_process_calls(unrecorded, work),
        _copy_calls(trace, work),
    ]
    n_lost = recorded["recorded_ns"].null_count() + n_odd
    caveats = path_assumptions(
        work.frame,
        work.launch_row,
        _streams_without_waits(trace, work.streams),
        n_unrecorded_calls=len(unrecorded),
        n_lost_waits=n_lost,
    )
    return pieces, events, _host_waits(calls, threads), caveats


def _work_of(trace: Trace, launched: pl.Series, rows: Int, waiting: WaitingCalls) -> _Work:
    frame = trace.gpu_work.select(_WORK)
    launch_row = launched.fill_null(NONE).to_numpy()
    if not np.array_equal(rows, np.arange(len(frame))):
        frame, launch_row = frame[rows], launch_row[rows]
    start_ns, end_ns = _times(frame)
    stream, streams = codes_of(frame, [*_STREAM, "device_id"])
    call_start_ns, call_end_ns = _times(trace.launches)
    end_of_call_ns = _of_calls(call_end_ns, launch_row, 0)
    copies = np.zeros(0, dtype=np.int64)
    if waiting.is_copy.any():
        is_copy = np.zeros(len(trace.launches) + 1, dtype=bool)  # no call finds the last
        is_copy[waiting.row[waiting.is_copy]] = True
        copies = np.flatnonzero(is_copy[launch_row])
        # A call that returned before its copy ended, as of pageable memory, did not wait.
        copies = copies[end_ns[copies] <= end_of_call_ns[copies]]
    return _Work(
        frame=frame,
        stream=stream,
        streams=streams,
        launch_row=launch_row,
        call_start_ns=_of_calls(call_start_ns, launch_row, start_ns),
        call_end_ns=end_of_call_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        copies=copies,
    )


def _of_calls(value: Int, launch_row: Int, unknown: Int | int) -> Int:
    """Give each piece what its call has; `unknown` where no call is known."""
    if not len(value):
        return np.where(launch_row >= 0, 0, unknown)
    known = launch_row >= 0
    found = value[launch_row]
    return found if known.all() else np.where(known, found, unknown)


def _pieces(work: _Work, thread_of_call: Int, group: Int | None) -> Pieces:
    thread = _of_calls(thread_of_call, work.launch_row, NONE)
    launch_ns = work.call_end_ns
    launch_ns[work.copies] = work.call_start_ns[work.copies]
    return Pieces(
        start_ns=work.start_ns,
        end_ns=work.end_ns,
        stream=work.stream,
        launch_ns=launch_ns,
        thread=thread,
        group=np.full(len(thread), NONE, dtype=np.int64) if group is None else group,
    )


def _of_kind(trace: Trace, kind: str) -> pl.DataFrame:
    return trace.synchronizations.filter(pl.col("kind") == kind)


def _latest_records(trace: Trace, waits: pl.DataFrame) -> pl.DataFrame:
    """Add to each wait the stream (`on_*`), the moment (`recorded_ns`) of the event's record."""
    events = trace.cuda_events.drop_nulls("recorded_ns").sort("recorded_ns")
    events = events.rename({"context_id": "on_context_id", "stream_id": "on_stream_id"})
    waits = waits.sort("start_ns")
    by_id = events.drop_nulls("event_sync_id").unique([*_EVENT, "event_sync_id"], keep="last")
    exact = waits.join(
        by_id.select(*_EVENT, "event_sync_id", *_RECORD), on=[*_EVENT, "event_sync_id"],
        how="left", maintain_order="left",
    )  # fmt: skip
    latest = waits.join_asof(
        events.select(*_EVENT, *_RECORD), left_on="start_ns", right_on="recorded_ns",
        by=_EVENT, strategy="backward", check_sortedness=False,
    )  # fmt: skip
    is_exact = exact["recorded_ns"].is_not_null()
    return waits.with_columns(exact[name].zip_with(is_exact, latest[name]) for name in _RECORD)


def _event_waits(
    recorded: pl.DataFrame, work: _Work, by_stream: LaunchOrder, streams: pl.DataFrame
) -> tuple[EventWaits, int]:
    """Find the work on both sides of each wait; count waits that the times contradict."""
    waits = recorded.drop_nulls("recorded_ns")
    before = by_stream.last_before(_lanes(waits, streams, on=True), waits["recorded_ns"].to_numpy())
    after = by_stream.first_after(_lanes(waits, streams), waits["start_ns"].to_numpy())
    known = (before >= 0) & (after >= 0) & (before != after)
    pairs = np.unique(np.stack((before[known], after[known])), axis=1)
    fits = work.end_ns[pairs[0]] <= work.start_ns[pairs[1]]
    return EventWaits(*pairs[:, fits]), int((~fits).sum())


def _lanes(rows: pl.DataFrame, keys: pl.DataFrame, *, on: bool = False) -> Int:
    """Find the lane of each row by the columns of `keys`; those of a record begin with `on_`."""
    columns = [name for name in keys.columns if name != "lane"]
    theirs = [f"on_{name}" if on and name not in _PROCESS else name for name in columns]
    found = rows.select(theirs).join(
        keys, left_on=theirs, right_on=columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return found["lane"].fill_null(NONE).to_numpy()


def _recorded_calls(
    trace: Trace,
    on_event: pl.DataFrame,
    work: _Work,
    by_stream: LaunchOrder,
    streams: pl.DataFrame,
) -> list[tuple[pl.DataFrame, Int]]:
    """Pair recorded waits of threads with the work that they waited for."""
    of_event = by_stream.last_ended(
        _lanes(on_event, streams, on=True),
        on_event["recorded_ns"].to_numpy(),
        on_event["end_ns"].to_numpy(),
    )
    on_stream = _of_kind(trace, "stream")
    of_stream = by_stream.last_ended(_lanes(on_stream, streams), *_times(on_stream))
    calls = [(on_event, of_event), (on_stream, of_stream)]
    on_context = _of_kind(trace, "context")
    if len(on_context):
        by_context, contexts = work.ordered(_CONTEXT)
        calls.append(
            (on_context, by_context.last_ended(_lanes(on_context, contexts), *_times(on_context)))
        )
    return calls


def _process_calls(calls: pl.DataFrame, work: _Work) -> list[tuple[pl.DataFrame, Int]]:
    """Pair calls of which nothing else is known with the work of their process."""
    if not len(calls):
        return []
    by_process, processes = work.ordered(_PROCESS)
    return [(calls, by_process.last_ended(_lanes(calls, processes), *_times(calls)))]


def _copy_calls(trace: Trace, work: _Work) -> tuple[pl.DataFrame, Int]:
    return trace.launches[work.launch_row[work.copies]], work.copies


def _times(calls: pl.DataFrame) -> tuple[Int, Int]:
    return calls["start_ns"].to_numpy(), calls["end_ns"].to_numpy()


def _unrecorded_calls(trace: Trace, waiting: WaitingCalls) -> pl.DataFrame:
    """List API calls that wait for GPU work of which the trace does not say what they wait for."""
    calls = trace.launches[waiting.row[waiting.is_sync]]
    return calls.join(trace.synchronizations, on=_CALL, how="anti", maintain_order="left")


def _streams_without_waits(trace: Trace, streams: pl.DataFrame) -> int:
    """Count streams of processes with several, in which no stream is known to wait for another."""
    waits = _of_kind(trace, "stream_wait")
    alone = streams.select(_STREAM).unique().join(waits, on=_PROCESS, how="anti")
    n_streams = alone.group_by(_PROCESS).len()["len"]
    return int(n_streams.filter(n_streams > 1).sum())


def _host_waits(calls: list[tuple[pl.DataFrame, Int]], threads: pl.DataFrame) -> HostWaits:
    threads = threads.with_row_index("lane").with_columns(pl.col("lane").cast(pl.Int64))
    frame = pl.concat(
        rows.select(
            "rank", "thread_id", "start_ns", "end_ns", piece=pl.Series(piece, dtype=pl.Int64)
        )
        for rows, piece in calls
    )
    thread = _lanes(frame, threads)
    known = thread >= 0
    start_ns, end_ns, piece = (
        frame[name].to_numpy()[known] for name in ("start_ns", "end_ns", "piece")
    )
    return HostWaits(thread[known], start_ns, end_ns, piece)
