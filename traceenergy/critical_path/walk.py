"""Critical path: from the last end of a window back to its start."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.critical_path.constraints import USUAL_LAG_NS
from traceenergy.critical_path.model import NONE, PartKind, Path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.constraints import Constraints

    Int = NDArray[np.int64]


def walk(constraints: Constraints, window: tuple[int, int]) -> Path:
    """Follow binding constraints from the piece that ends last.

    A member of a collective works from the last arrival on; the path goes on with what held up the
    member that arrived last. Between the last constraint of a piece and its start lies a wait for
    its launch, or idle if it is longer than `USUAL_LAG_NS` or nothing is known in front of it.
    Behind a launch, the host holds the path back to the end of the piece for which its thread
    waited last, or to the start of the window.

    Parameters
    ----------
    constraints : Constraints
    window : tuple of int [ns]
        As for `find_constraints`.

    Returns
    -------
    Path
    """
    lanes, span_ns = constraints.lanes, window[1] - window[0]
    if not len(lanes.row):
        kind, piece = np.array([PartKind.IDLE], np.uint8), np.array([NONE], np.int32)
        return _joined(np.array(window), kind, piece)
    node, opens = _nodes(constraints)
    last = lanes.arrivals.last[node] if lanes.arrivals.n_groups else node
    start_ns, latest_ns = lanes.start_ns[last], constraints.latest_ns[last]
    n = len(node)
    begin_ns = np.empty(2 * n + 2, dtype=np.int64)
    begin_ns[:-2:2], begin_ns[1:-2:2] = latest_ns, start_ns
    begin_ns[-2:] = lanes.end_ns[node[-1]], span_ns
    kind = np.full(2 * n + 1, PartKind.WORK, dtype=np.uint8)
    kind[::2] = PartKind.IDLE
    kind[:-1:2][start_ns - latest_ns <= USUAL_LAG_NS] = PartKind.HOST
    piece = np.full(2 * n + 1, NONE, dtype=np.int32)
    piece[:-1:2], piece[1::2] = lanes.row[last], lanes.row[node]
    # Only where the path leaves a lane is there a part in front of the last constraint.
    by_launch = constraints.by_launch[last[opens]]
    unknown = ~by_launch & (constraints.binding[last[opens]] < 0)
    kind[2 * opens[unknown]] = PartKind.IDLE
    before_ns = np.append(0, lanes.end_ns[node[opens[1:] - 1]])
    before = np.where(by_launch, PartKind.HOST, PartKind.IDLE).astype(np.uint8)
    alike = before == kind[2 * opens]
    longer, new = 2 * opens[alike], 2 * opens[~alike]
    begin_ns[longer] = np.minimum(begin_ns[longer], before_ns[alike])
    begin_ns = np.insert(begin_ns, new, before_ns[~alike])
    kind, piece = np.insert(kind, new, before[~alike]), np.insert(piece, new, piece[new])
    # Work that overlaps on one stream, or calls that return late, must not turn time around.
    begin_ns = np.minimum.accumulate(np.minimum(begin_ns, span_ns)[::-1])[::-1]
    return _joined(begin_ns + window[0], kind, piece)


def split_waits_for_arrivals(path: Path, arrival_ns: Int) -> Path:
    """Split work that waits for a member of its collective which is not among the pieces.

    Where the last member is among them, the path goes on there, and nothing is left to split. One
    that begins only after the window is not.

    Parameters
    ----------
    path : Path
    arrival_ns : ndarray of int64 (n_pieces,) [ns]
        Until when each piece waits; at its start, or before, for one that does not.

    Returns
    -------
    Path
    """
    waits_ns = np.where(path.kind == PartKind.WORK, arrival_ns[path.piece], path.start_ns)
    cut_ns = np.clip(waits_ns, path.start_ns, path.end_ns)
    edge_ns = np.append(np.column_stack([path.start_ns, cut_ns]), path.end_ns[-1:])
    waits = np.full(len(cut_ns), PartKind.COLLECTIVE_WAIT, dtype=np.uint8)
    return _joined(edge_ns, np.column_stack([waits, path.kind]).ravel(), np.repeat(path.piece, 2))


def _nodes(constraints: Constraints) -> tuple[Int, Int]:
    """Places of the pieces on the path, and which of them follow none on their lane."""
    lanes = constraints.lanes
    ends_last = np.flatnonzero(lanes.end_ns == lanes.end_ns.max())
    at = int(ends_last[np.argmin(lanes.start_ns[ends_last])])
    binding, by_launch = constraints.binding, constraints.by_launch
    if lanes.arrivals.n_groups:
        last = lanes.arrivals.last
        binding, by_launch = binding[last], by_launch[last]
    # Most pieces follow the one before them on their lane: whole runs of such are passed at once.
    follows = binding == np.arange(-1, len(binding) - 1)
    follows &= ~by_launch
    follows[0] = False  # binding -1 is none
    opens = np.flatnonzero(~follows)
    first_of, follow = opens.data, binding[opens].data
    begin, end = [], []
    while at >= 0:
        run = bisect_right(first_of, at) - 1
        begin.append(first_of[run])
        end.append(at + 1)
        at = follow[run]
    first = np.array(begin[::-1], dtype=np.int64)
    length = np.array(end[::-1], dtype=np.int64) - first
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(length.sum()), before


def _joined(edge_ns: Int, kind: NDArray[np.uint8], piece: NDArray[np.int32]) -> Path:
    """Drop empty parts, and join neighbours that say the same."""
    kept = np.flatnonzero(edge_ns[1:] > edge_ns[:-1])
    edge_ns = np.append(edge_ns[kept], edge_ns[-1:])
    kind, piece = kind[kept], piece[kept]
    differs = (kind[1:] != kind[:-1]) | (piece[1:] != piece[:-1])
    if not differs.all():
        first = np.flatnonzero(np.append(True, differs))
        edge_ns, kind, piece = edge_ns[np.append(first, len(kind))], kind[first], piece[first]
    return Path(edge_ns[:-1], edge_ns[1:], kind, piece)
