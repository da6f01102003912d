"""Critical path of a run: which piece of GPU work sets its end, which could end later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.device_split import cut_work
from traceenergy.analysis.path_columns import PATH_SEGMENT
from traceenergy.analysis.path_segments import few_stretches
from traceenergy.analysis.waiting import waits_of
from traceenergy.critical_path.arrivals import last_begins
from traceenergy.critical_path.model import NONE, PartKind
from traceenergy.critical_path.parts import KIND_NAMES
from traceenergy.critical_path.slack import path_and_slack
from traceenergy.critical_path.walk import split_waits_for_arrivals
from traceenergy.records import dataclass
from traceenergy.structure.lanes import categories_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.caveats import Caveat
    from traceenergy.critical_path.collectives import Collectives
    from traceenergy.critical_path.model import Path
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class Critical:
    """Critical path of the window, with what it means for each piece of work.

    Attributes
    ----------
    path : Path
        Its pieces are rows of the ledger.
    path_ns : ndarray of int64 (n_work,) [ns]
        Time for which each piece holds the path.
    slack_ns : ndarray of int64 (n_work,) [ns]
        How much later each could end without moving the end of the window.
    unmatched : ndarray of bool (n_work,)
        Whether it is a collective by its name, but no other member of it was found: what part of
        it is waiting cannot be told.
    caveats : tuple of Caveat
        What was assumed.
    """

    path: Path
    path_ns: Int
    slack_ns: Int
    unmatched: NDArray[np.bool_]
    caveats: tuple[Caveat, ...]


def find_critical(
    trace: Trace, launch_row: pl.Series, window: Window, collectives: Collectives
) -> Critical:
    """Find the critical path of a window, with the slack of all work.

    Parameters
    ----------
    trace : Trace
    launch_row : polars.Series of Int64 (n_work,)
        Row of the call that launched each piece of the trace; null where it is not known.
    window : Window
    collectives : Collectives
        Of all work of the trace.

    Returns
    -------
    Critical
        Of the work that touches the window, as a ledger has it.
    """
    rows, start_ns, end_ns = cut_work(trace.gpu_work, window)
    group, is_collective = collectives.group, collectives.is_collective
    if len(rows) < len(group):
        group, is_collective = group[rows], is_collective[rows]
    pieces, events, host_waits, caveats = waits_of(trace, launch_row, rows, group)
    pieces = replace(pieces, start_ns=start_ns, end_ns=end_ns)
    span = (window.start_ns, window.end_ns)
    path, slack_ns = path_and_slack(pieces, events, host_waits, span)
    if (group >= 0).any():
        path = split_waits_for_arrivals(path, _arrival_ns(trace, rows, collectives))
    works = np.flatnonzero(path.kind == PartKind.WORK)
    path_ns = np.zeros(len(rows), dtype=np.int64)
    path_ns[path.piece[works]] = path.end_ns[works] - path.start_ns[works]  # once for each piece
    return Critical(path, path_ns, slack_ns, is_collective & (group < 0), caveats)


def _arrival_ns(trace: Trace, rows: Int, collectives: Collectives) -> Int:
    """When the last member of the collective of each piece began; least for none."""
    start_ns, end_ns = (trace.gpu_work[name].to_numpy() for name in ("start_ns", "end_ns"))
    member = np.flatnonzero(collectives.group >= 0)
    last_ns = last_begins(start_ns[member], collectives.group[member], collectives.n_groups)
    arrival_ns = last_ns[collectives.group[rows]]
    waits = (collectives.group[rows] >= 0) & (arrival_ns < end_ns[rows])
    return np.where(waits, arrival_ns, np.iinfo(np.int64).min)


def with_path(ledger: Ledger, critical: Critical, window: Window) -> Ledger:
    """Note in a ledger what its work means for the path.

    Parameters
    ----------
    ledger : Ledger
    critical : Critical
    window : Window

    Returns
    -------
    Ledger
    """
    return replace(
        ledger,
        path_ns=critical.path_ns,
        slack_ns=critical.slack_ns,
        elapsed_ns=window.elapsed_ns,
    )


def segments(path: Path, ledger: Ledger, phase: pl.Series, most: int) -> pl.DataFrame:
    """Merge the path into few segments that can be drawn.

    Parameters
    ----------
    path : Path
    ledger : Ledger
    phase : polars.Series of Enum (n_work,)
    most : int
        Segments at most, as for `few_stretches`.

    Returns
    -------
    polars.DataFrame
        `PATH_SEGMENT`, in order, without gaps.
    """
    n_phases, n_devices = len(categories_of(phase)), len(ledger.devices)
    # None of both is one number more than all; piece -1 finds it at the end.
    phase_of = np.append(phase.to_physical().to_numpy().astype(np.int32), np.int32(n_phases))
    of_piece = np.append(ledger.device, n_devices) * (n_phases + 1)
    holder = path.kind * np.int64((n_devices + 1) * (n_phases + 1)) + of_piece[path.piece]
    holder += phase_of[np.where(path.kind == PartKind.WORK, path.piece, NONE)]
    edge_ns, holder = few_stretches(np.append(path.start_ns, path.end_ns[-1:]), holder, most)
    kind, holder = np.divmod(holder, (n_devices + 1) * (n_phases + 1))
    device, of_part = np.divmod(holder, n_phases + 1)
    columns = {
        "start_ns": edge_ns[:-1],
        "end_ns": edge_ns[1:],
        "kind": pl.Series([name for _, name in sorted(KIND_NAMES.items())]).gather(kind),
        "rank": pl.Series([*(work.rank for work in ledger.devices), None]).gather(device),
        "device_id": pl.Series([*(one.device_id for one in ledger.devices), None]).gather(device),
        "phase": pl.Series([*categories_of(phase), None], dtype=pl.String).gather(of_part),
    }
    return pl.DataFrame(columns).select(
        pl.col(column.name).cast(column.dtype) for column in PATH_SEGMENT
    )
