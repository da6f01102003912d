"""Pieces of GPU work that one call launched together, as the nodes of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import places_in
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class Launches:
    """Launches of pieces in the order of lanes, ``(m,)`` each.

    Attributes
    ----------
    thread, launch_ns : ndarray of int64
        As in `Pieces`.
    """

    thread: Int
    launch_ns: Int


def launched_with(thread: Int, launch_ns: Int, asked: Int) -> tuple[Int, Int]:
    """Find all pieces of the calls that launched some of them.

    Parameters
    ----------
    thread, launch_ns : ndarray of int64 (m,)
        As in `Pieces`.
    asked : ndarray of int64 (k,)
        Places of pieces with a known launch.

    Returns
    -------
    place : ndarray of int64 (j,)
        Of each piece launched by one of these calls, call by call.
    call : ndarray of int64 (j,)
        Number of its call, from 0, never decreasing.
    """
    wanted_ns = np.unique(launch_ns[asked])
    known = np.flatnonzero(thread >= 0)
    known_ns = launch_ns[known]
    found = np.minimum(places_in(wanted_ns, known_ns), len(wanted_ns) - 1)
    place = known[wanted_ns[found] == known_ns]
    place = place[np.lexsort((thread[place], launch_ns[place]))]
    thread, launch_ns = thread[place], launch_ns[place]
    begins = (thread[1:] != thread[:-1]) | (launch_ns[1:] != launch_ns[:-1])
    return place, np.cumsum(np.append(False, begins))[: len(place)]


def first_start(thread: Int, launch_ns: Int, start_ns: Int) -> Int:
    """Put each launch at the first start of what it launched, where its call returned later.

    Parameters
    ----------
    thread, launch_ns, start_ns : ndarray of int64 (m,)
        As in `Pieces`.

    Returns
    -------
    ndarray of int64 (m,) [ns]
        Not after the start of any piece of the launch.
    """
    early = np.flatnonzero((launch_ns > start_ns) & (thread >= 0))
    if len(early) == 0:
        return launch_ns
    place, call = launched_with(thread, launch_ns, early)
    begins = np.flatnonzero(np.append(True, call[1:] != call[:-1]))
    first_ns = np.minimum.reduceat(start_ns[place], begins)
    moved_ns = launch_ns.copy()
    moved_ns[place] = np.minimum(launch_ns[place], first_ns[call])
    return moved_ns
