"""What each piece of GPU work had to wait for before it could begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import joined_key
from traceenergy.critical_path.host_calls import CLOCK_ERROR_NS, order_calls
from traceenergy.critical_path.shared_launches import Launches, launched_with
from traceenergy.critical_path.stream_order import order_streams
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.host_calls import HostCalls
    from traceenergy.critical_path.model import EventWaits, HostWaits, Pieces
    from traceenergy.critical_path.stream_order import Lanes

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

USUAL_LAG_NS = 20_000  # from the last constraint to the start, as launches take on real devices


@dataclass(frozen=True)
class Constraints:
    """Constraints of the pieces of a window, ``(m,)`` each, in the order of `lanes`.

    A piece starts a fixed lag after the last of its constraints was met: that one binds it.

    Attributes
    ----------
    lanes : Lanes
    calls : HostCalls
    before, after : ndarray of int64 (n_edges,)
        Places of a piece and of one that waited for its end by an event, or inside a graph.
    stream_ns : ndarray of int64 [ns]
        When the previous piece of the lane let it begin; -1 for none.
    latest_ns : ndarray of int64 [ns]
        When its last constraint was met: 0, the start of the window, where none is known.
    binding : ndarray of int64
        Place of the piece that let it begin, by itself or through the host; -1 for none.
    by_launch : ndarray of bool
        Whether its launch was the last constraint.
    n_pieces : int
        Rows of `Pieces`.
    """

    lanes: Lanes
    calls: HostCalls
    before: Int
    after: Int
    stream_ns: Int
    latest_ns: Int
    binding: Int
    by_launch: Bool
    n_pieces: int


def find_constraints(
    pieces: Pieces, events: EventWaits, host_waits: HostWaits, window: tuple[int, int]
) -> Constraints:
    """Find what binds each piece.

    A launch binds a piece if its call returned after everything else the piece waited for had
    ended: no tolerance. What a call launched before it returned, as the first nodes of a graph, is
    launched when the first of it begins. Of constraints met at the same time, the stream comes
    first, then events. A wait that the times contradict by more than `CLOCK_ERROR_NS` (work ended
    after what is said to wait for it began) is no constraint. Where a piece of a launch with
    several pieces, a graph, began more than `USUAL_LAG_NS` after all that is known, it is taken to
    have waited for the piece of that launch that ended last before: edges inside a graph are not
    recorded.

    Parameters
    ----------
    pieces : Pieces
    events : EventWaits
    host_waits : HostWaits
    window : tuple of int [ns]

    Returns
    -------
    Constraints
    """
    lanes = order_streams(pieces, window)
    launches = Launches(pieces.thread[lanes.row], pieces.launch_ns[lanes.row])
    calls = order_calls(launches, lanes, host_waits, window)
    before = np.concatenate([lanes.before, lanes.place_of(events.before)])
    after = np.concatenate([lanes.after, lanes.place_of(events.after)])
    before, after = _possible(lanes, before, after)
    stream_ns = np.minimum(np.append(-1, lanes.end_ns[:-1])[: len(lanes.row)], lanes.start_ns)
    stream_ns[lanes.first] = -1
    latest_ns = np.maximum(np.maximum(stream_ns, calls.launch_ns), 0)
    np.maximum.at(latest_ns, after, np.minimum(lanes.end_ns[before], lanes.start_ns[after]))
    inside = _inside_graphs(launches, lanes, latest_ns)
    before, after = np.concatenate([before, inside[0]]), np.concatenate([after, inside[1]])
    at, event_ns, event_piece = _last_events(lanes, before, after)
    latest_ns[at] = np.maximum(latest_ns[at], event_ns)
    binds = stream_ns == latest_ns
    by_launch = (calls.launch_ns == latest_ns) & ~binds
    binding = np.where(binds, np.arange(-1, len(binds) - 1), -1)
    by_event = ~binds[at] & (event_ns == latest_ns[at])
    binding[at[by_event]] = event_piece[by_event]
    by_launch[at[by_event]] = False
    launched = np.flatnonzero(by_launch)
    holding = calls.holding_piece(calls.call[launched])
    # A clock error must not lead forward in time.
    in_time = lanes.end_ns[holding] < lanes.start_ns[launched]
    binding[launched] = np.where(in_time, holding, -1)
    return Constraints(
        lanes, calls, before, after, stream_ns, latest_ns, binding, by_launch, len(pieces.start_ns)
    )


def _possible(lanes: Lanes, before: Int, after: Int) -> tuple[Int, Int]:
    """Keep waits between pieces of the window that their times allow."""
    if len(lanes.row) == 0:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    end_ns = lanes.end_ns[before]
    kept = (before >= 0) & (after >= 0)
    # The path enters a member of a collective by its start alone: no error there, or it might loop.
    error_ns = np.where(lanes.arrivals.group[after] >= 0, 0, CLOCK_ERROR_NS)
    kept &= (end_ns - lanes.start_ns[after] <= error_ns) & (end_ns < lanes.end_ns[after])
    return before[kept], after[kept]


def _last_events(lanes: Lanes, before: Int, after: Int) -> tuple[Int, Int, Int]:
    """Find pieces that waited for events: the last end that each waited for, and its piece."""
    order = np.lexsort((before, lanes.end_ns[before], after))
    before, after = before[order], after[order]
    last = np.append(after[1:] != after[:-1], True)[: len(after)]
    before, after = before[last], after[last]
    return after, np.minimum(lanes.end_ns[before], lanes.start_ns[after]), before


def _inside_graphs(launches: Launches, lanes: Lanes, known_ns: Int) -> tuple[Int, Int]:
    """Let unexplained pieces wait for the piece of their own launch that ended last before."""
    none = np.zeros(0, dtype=np.int64)
    late = lanes.start_ns - known_ns > USUAL_LAG_NS
    late_at = np.flatnonzero(late & (launches.thread >= 0))
    if not len(late_at):
        return none, none
    at, launch = launched_with(launches.thread, launches.launch_ns, late_at)
    code = np.empty(len(lanes.row), dtype=np.int64)
    code[at] = launch
    span_ns = int(lanes.end_ns.max()) + 1
    ends = joined_key(launch, lanes.end_ns[at], span_ns)
    order = np.argsort(ends, kind="stable")
    asked = joined_key(code[late_at], lanes.start_ns[late_at], span_ns)
    found = np.searchsorted(ends[order], asked, side="right") - 1
    before = at[order][np.maximum(found, 0)]
    same = (found >= 0) & (code[before] == code[late_at])
    before, after = _possible(lanes, before[same], late_at[same])
    explains = lanes.end_ns[before] > known_ns[after]
    return before[explains], after[explains]
