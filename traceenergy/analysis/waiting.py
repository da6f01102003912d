"""What each piece of GPU work had to wait for, as a trace tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.codes import codes_of
from traceenergy.critical_path.model import NONE, EventWaits, HostWaits, Pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.caveats import Caveat
    from traceenergy.projection.project import Projection
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]

_STREAM = ["rank", "process_id", "device_id", "context_id", "stream_id"]
_THREAD = ["rank", "thread_id"]


def waits_of(
    trace: Trace, projection: Projection, rows: Int, group: Int | None = None
) -> tuple[Pieces, EventWaits, HostWaits, tuple[Caveat, ...]]:
    """Tell the critical path which work waited for what.

    Parameters
    ----------
    trace : Trace
    projection : Projection
        Of all its GPU work.
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
    """
    work = trace.gpu_work[rows]
    stream, _ = codes_of(work, _STREAM)
    thread_of_call, _ = codes_of(trace.launches, _THREAD)
    launch_row = projection.work["launch_row"].fill_null(NONE).to_numpy()[rows]
    thread = np.append(thread_of_call, NONE)[launch_row]
    call_end_ns = np.append(trace.launches["end_ns"].to_numpy(), 0)[launch_row]
    start_ns = work["start_ns"].to_numpy()
    thread = np.where(_is_bound(stream, launch_row, start_ns), thread, NONE)
    pieces = Pieces(
        start_ns=start_ns,
        end_ns=work["end_ns"].to_numpy(),
        stream=stream,
        launch_ns=np.where(thread >= 0, call_end_ns, 0),
        thread=thread,
        group=np.full(len(rows), NONE, dtype=np.int64) if group is None else group,
    )
    empty = np.empty(0, dtype=np.int64)
    return pieces, EventWaits(empty, empty), HostWaits(empty, empty, empty, empty), ()


def _is_bound(stream: Int, launch_row: Int, start_ns: Int) -> NDArray[np.bool_]:
    """Mark the first piece of each call on each stream: nodes of a graph share a call."""
    order = np.lexsort((start_ns, launch_row, stream))
    by_stream, by_call = stream[order], launch_row[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (by_stream[1:] != by_stream[:-1]) | (by_call[1:] != by_call[:-1])
    bound = np.empty(len(order), dtype=bool)
    bound[order] = is_first
    return bound
