"""What the critical path rests on where a trace does not tell who waited for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]

_STREAM = ["rank", "process_id", "context_id", "stream_id"]
_ASSUMED = (
    "no wait between streams is recorded: {} streams, default ones included, are independent",
    "{} waits for an event are left out, as its record is unknown or contradicts the times",
    "{} synchronizing calls waited for the last work of their process that ended before they did",
    "nodes of {} launches of graphs with several streams wait within their stream only",
    "{} pieces of work without a known launch wait for their stream only",
)


def path_assumptions(
    trace: Trace, work: pl.DataFrame, launch_row: Int, n_unrecorded_calls: int, n_lost_waits: int
) -> tuple[Caveat, ...]:
    """Say what had to be assumed about who waited for whom.

    Parameters
    ----------
    trace : Trace
    work : polars.DataFrame (n rows)
        Pieces of its GPU work.
    launch_row : ndarray of int64 (n,)
        Row of the launch of each; -1 for none.
    n_unrecorded_calls : int
        Calls that wait for GPU work, of which it is not known which.
    n_lost_waits : int
        Waits of streams whose event is not known, or does not fit the times.

    Returns
    -------
    tuple of Caveat
        One or none; `n` counts the calls, waits, streams and pieces concerned.
    """
    n_unlaunched = int((launch_row < 0).sum())
    n_split = _graphs_on_several_streams(work, launch_row)
    n_beside = _streams_without_waits(trace, work)
    counted = (n_beside, n_lost_waits, n_unrecorded_calls, n_split, n_unlaunched)
    said = [text.format(n) for n, text in zip(counted, _ASSUMED, strict=True) if n]
    if not said:
        return ()
    text = f"The critical path assumes: {'; '.join(said)}."
    return (Caveat("path-assumptions", text, n=sum(counted)),)


def _streams_without_waits(trace: Trace, work: pl.DataFrame) -> int:
    """Count streams of processes with several, in which no stream is known to wait for another."""
    process = ["rank", "process_id"]
    waits = trace.synchronizations.filter(pl.col("kind") == "stream_wait")
    streams = work.select(_STREAM).unique().join(waits, on=process, how="anti")
    n_streams = streams.group_by(process).len()["len"]
    return int(n_streams.filter(n_streams > 1).sum())


def _graphs_on_several_streams(work: pl.DataFrame, launch_row: Int) -> int:
    in_graph = work["graph_node_id"].is_not_null().to_numpy() & (launch_row >= 0)
    if not in_graph.any():
        return 0
    nodes = work.filter(pl.Series(in_graph)).select(_STREAM)
    nodes = nodes.with_columns(launch=pl.Series(launch_row[np.flatnonzero(in_graph)])).unique()
    n_streams = nodes.group_by("launch").len()["len"]
    return int((n_streams > 1).sum())
