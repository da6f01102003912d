"""Critical path: from the last end of a window back to its start."""

from __future__ import annotations

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
    node = _nodes(constraints)
    last = lanes.arrivals.last[node]
    start_ns, latest_ns = lanes.start_ns[last], constraints.latest_ns[last]
    by_launch = constraints.by_launch[last]
    known = by_launch | (constraints.binding[last] >= 0)
    short = known & (start_ns - latest_ns <= USUAL_LAG_NS)
    n = len(node)
    until_ns = np.zeros(3 * n + 1, dtype=np.int64)
    kind = np.full(3 * n + 1, PartKind.IDLE, dtype=np.uint8)
    piece = np.full(3 * n + 1, NONE, dtype=np.int64)
    until_ns[0::3] = np.append(lanes.end_ns[node], 0)
    until_ns[1::3], until_ns[2::3] = start_ns, latest_ns
    kind[1::3], piece[1::3] = PartKind.WORK, lanes.row[node]
    kind[2::3], piece[2::3] = np.where(short, PartKind.HOST, PartKind.IDLE), lanes.row[last]
    kind[3::3] = np.where(by_launch, PartKind.HOST, PartKind.IDLE)
    piece[3::3] = lanes.row[last]
    # Work that overlaps on one stream, or calls that return late, must not turn time around.
    until_ns = np.minimum.accumulate(np.append(span_ns, until_ns))
    return _joined(until_ns[::-1] + window[0], kind[::-1], piece[::-1])


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


def _nodes(constraints: Constraints) -> Int:
    """Places of the pieces on the path, the last one first."""
    lanes = constraints.lanes
    if len(lanes.row) == 0:
        return np.zeros(0, dtype=np.int64)
    ends_last = np.flatnonzero(lanes.end_ns == lanes.end_ns.max())
    at = int(ends_last[np.argmin(lanes.start_ns[ends_last])])
    binding = constraints.binding[lanes.arrivals.last]
    # Most pieces follow the one before them on their lane: whole runs of such are passed at once.
    place = np.arange(len(binding))
    opens = np.maximum.accumulate(np.where(binding == place - 1, 0, place))
    follow, first_of = binding.data, opens.data
    last, first = [], []
    while at >= 0:
        last.append(at)
        first.append(first_of[at])
        at = follow[first[-1]]
    begin = np.array(last, dtype=np.int64)
    length = begin - np.array(first, dtype=np.int64) + 1
    before = np.cumsum(length) - length
    return np.repeat(begin + before, length) - np.arange(length.sum())


def _joined(edge_ns: Int, kind: NDArray[np.uint8], piece: Int) -> Path:
    """Drop empty parts, and join neighbours that say the same."""
    kept = np.flatnonzero(edge_ns[1:] > edge_ns[:-1])
    kind, piece = kind[kept], piece[kept]
    differs = (kind[1:] != kind[:-1]) | (piece[1:] != piece[:-1])
    first = np.flatnonzero(np.append(True, differs)[: len(kind)])
    begin_ns = edge_ns[kept[first]]
    end_ns = np.append(begin_ns[1:], edge_ns[-1:])[: len(begin_ns)]
    return Path(begin_ns, end_ns, kind[first], piece[first])
