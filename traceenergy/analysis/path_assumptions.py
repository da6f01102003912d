"""What the critical path rests on where a trace does not tell who waited for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    work: pl.DataFrame,
    launch_row: Int,
    n_beside: int,
    *,
    n_unrecorded_calls: int,
    n_lost_waits: int,
) -> tuple[Caveat, ...]:
    """Say what had to be assumed about who waited for whom.

    Parameters
    ----------
    work : polars.DataFrame (n rows)
        Pieces of GPU work.
    launch_row : ndarray of int64 (n,)
        Row of the launch of each; -1 for none.
    n_beside : int
        Streams beside others of their process, none of which is known to wait for another.
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
    counted = (n_beside, n_lost_waits, n_unrecorded_calls, n_split, n_unlaunched)
    said = [text.format(n) for n, text in zip(counted, _ASSUMED, strict=True) if n]
    if not said:
        return ()
    text = f"The critical path assumes: {'; '.join(said)}."
    return (Caveat("path-assumptions", text, n=sum(counted)),)


def _graphs_on_several_streams(work: pl.DataFrame, launch_row: Int) -> int:
    in_graph = work["graph_node_id"].is_not_null().to_numpy() & (launch_row >= 0)
    if not in_graph.any():
        return 0
    nodes = work.filter(pl.Series(in_graph)).select(_STREAM)
    nodes = nodes.with_columns(launch=pl.Series(launch_row[np.flatnonzero(in_graph)])).unique()
    n_streams = nodes.group_by("launch").len()["len"]
    return int((n_streams > 1).sum())
