"""Slack: how much later each piece could end without moving the last end of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.critical_path.constraints import find_constraints
from traceenergy.critical_path.shortest_ways import Ways, least_to_last
from traceenergy.critical_path.walk import walk
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.constraints import Constraints
    from traceenergy.critical_path.model import EventWaits, HostWaits, Path, Pieces

    Int = NDArray[np.int64]


def path_and_slack(
    pieces: Pieces, events: EventWaits, host_waits: HostWaits, window: tuple[int, int]
) -> tuple[Path, Int]:
    """Find the chain of work and waits that sets the end of a window, and the slack of all work.

    Parameters
    ----------
    pieces : Pieces
    events : EventWaits
    host_waits : HostWaits
    window : tuple of int [ns]
        Start and end.

    Returns
    -------
    path : Path
        Tiles the window: without work, one part of idle.
    slack_ns : ndarray of int64 (n,) [ns]
        How much later each piece could end without moving the last end of the window. Never
        negative, 0 for work on the path; for pieces outside the window, its length.
    """
    constraints = find_constraints(pieces, events, host_waits, window)
    return walk(constraints, window), slack_within(constraints, window)


def slack_within(constraints: Constraints, window: tuple[int, int]) -> Int:
    """Find slack where the constraints are known.

    A delay of the end of a piece moves what it binds; each constraint that is met some time before
    the last one absorbs that time. The slack is the least that is absorbed on any way to the last
    end: a shortest path. Lanes are contracted to the pieces where ways meet.

    Parameters
    ----------
    constraints : Constraints
    window : tuple of int [ns]
        As for `find_constraints`.

    Returns
    -------
    ndarray of int64 (n_pieces,) [ns]
    """
    slack_ns = np.full(constraints.n_pieces, window[1] - window[0], dtype=np.int64)
    if len(constraints.lanes.row) == 0:
        return slack_ns
    contracted = _contract(constraints)
    least_ns = _least_to_end(constraints, contracted)[contracted.node]
    cut, absorbed_ns = contracted.cut, contracted.absorbed_ns
    at_cut_ns = least_ns + contracted.arrival_ns + absorbed_ns[cut]
    lane_ns = np.repeat(at_cut_ns, np.diff(cut, prepend=-1)) - absorbed_ns
    lane_ns[cut] = least_ns  # a cut piece is delayed at its own end, not at its arrival
    slack_ns[constraints.lanes.row] = lane_ns
    return slack_ns


@dataclass(frozen=True)
class _Contracted:
    """Lanes cut at pieces where ways meet.

    Attributes
    ----------
    cut : ndarray of int64 (n_cuts,)
        Places of these pieces.
    node : ndarray of int64 (n_cuts,)
        One of all members of a collective: they end together.
    arrival_ns : ndarray of int64 (n_cuts,) [ns]
        What a member absorbs since it did not arrive last.
    absorbed_ns : ndarray of int64 (m,) [ns]
        Sum of what is absorbed along lanes up to the piece.
    n_nodes : int
    """

    cut: Int
    node: Int
    arrival_ns: Int
    absorbed_ns: Int
    n_nodes: int

    def next_cut(self, place: Int) -> Int:
        """Find the first cut at or behind some places."""
        return np.searchsorted(self.cut, place)


def _contract(constraints: Constraints) -> _Contracted:
    """Cut lanes at their ends, and at pieces that wait or are waited for off their lane."""
    lanes = constraints.lanes
    is_cut = np.append(lanes.first[1:], True)
    if lanes.arrivals.n_groups:
        is_cut |= lanes.arrivals.group >= 0
    is_cut[constraints.before] = True
    is_cut[constraints.after] = True
    waited_for = constraints.calls.piece
    is_cut[waited_for[waited_for >= 0]] = True
    cut = np.flatnonzero(is_cut)
    group = lanes.arrivals.group[cut]
    n_groups = lanes.arrivals.n_groups
    node = np.where(group >= 0, group, n_groups + np.arange(len(cut)))
    arrival_ns = lanes.start_ns[lanes.arrivals.last[cut]] - lanes.start_ns[cut]
    arrival_ns[group < 0] = 0
    absorbed_ns = constraints.latest_ns - constraints.stream_ns
    absorbed_ns[lanes.first] = 0
    np.cumsum(absorbed_ns, out=absorbed_ns)
    return _Contracted(cut, node, arrival_ns, absorbed_ns, n_groups + len(cut))


def _least_to_end(constraints: Constraints, contracted: _Contracted) -> Int:
    """Least that is absorbed from each node to the last end."""
    n_nodes = contracted.n_nodes + len(constraints.calls.piece) + 1
    parts = (
        _along_lanes(constraints, contracted, n_nodes - 1),
        _by_events(constraints, contracted),
        _into_calls(constraints, contracted),
        _by_launches(constraints, contracted),
    )
    origin, target, absorbed_ns = (np.concatenate(column) for column in zip(*parts, strict=True))
    least_ns = least_to_last(Ways(origin, target, absorbed_ns, n_nodes))
    least_ns[np.isinf(least_ns)] = 0  # nodes that stand for nothing: groups without members
    return least_ns.astype(np.int64)


def _along_lanes(
    constraints: Constraints, contracted: _Contracted, end_node: int
) -> tuple[Int, Int, Int]:
    """Ways from cut to cut of a lane, and from its last to the last end."""
    lanes, cut = constraints.lanes, contracted.cut
    closes = np.append(lanes.first[1:], True)[cut]
    sum_ns = contracted.absorbed_ns[cut]
    step_ns = np.append(sum_ns[1:] - sum_ns[:-1] + contracted.arrival_ns[1:], 0)
    end_ns = lanes.end_ns.max() - lanes.end_ns[cut]
    target = np.where(closes, end_node, np.append(contracted.node[1:], end_node))
    return contracted.node, target, np.where(closes, end_ns, step_ns)


def _by_events(constraints: Constraints, contracted: _Contracted) -> tuple[Int, Int, Int]:
    """Ways from a piece to one that waits for it."""
    before, after = constraints.before, constraints.after
    to = contracted.next_cut(after)
    lanes = constraints.lanes
    gap_ns = constraints.latest_ns[after] - np.minimum(lanes.end_ns[before], lanes.start_ns[after])
    origin = contracted.node[contracted.next_cut(before)]
    return origin, contracted.node[to], gap_ns + contracted.arrival_ns[to]


def _into_calls(constraints: Constraints, contracted: _Contracted) -> tuple[Int, Int, Int]:
    """Ways from pieces to the calls that wait for them, and from call to call of a thread."""
    calls = constraints.calls
    call = np.arange(len(calls.piece)) + contracted.n_nodes
    waits = calls.piece >= 0
    follows = ~calls.first
    absorbed_ns = np.where(waits, np.maximum(calls.waited_ns, 0), 0)
    return (
        np.concatenate(
            [contracted.node[contracted.next_cut(calls.piece[waits])], call[follows] - 1]
        ),
        np.concatenate([call[waits], call[follows]]),
        np.concatenate([np.maximum(-calls.waited_ns[waits], 0), absorbed_ns[follows]]),
    )


def _by_launches(constraints: Constraints, contracted: _Contracted) -> tuple[Int, Int, Int]:
    """Ways from calls to what their thread launches next, up to the next cut of its lane."""
    call, cut = constraints.calls.call, contracted.cut
    begins = call[1:] != call[:-1]
    begins[cut[:-1]] = True
    first = np.flatnonzero(np.append(True, begins))
    first = first[call[first] >= 0]
    if len(first) == 0:
        return first, first, first
    # What is launched behind no call, in between, counts for none: its way is the longest.
    to = contracted.next_cut(first)
    first = first[np.append(True, (to[1:] != to[:-1]) | (call[first[1:]] != call[first[:-1]]))]
    to = contracted.next_cut(first)
    way_ns = constraints.latest_ns - constraints.calls.launch_ns
    way_ns -= contracted.absorbed_ns
    way_ns[call < 0] = np.iinfo(np.int64).max
    least_ns = np.minimum.reduceat(way_ns, first)
    least_ns += contracted.absorbed_ns[cut[to]] + contracted.arrival_ns[to]
    return contracted.n_nodes + call[first], contracted.node[to], least_ns
