"""From what a critical path is found; of what it is made."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from traceenergy.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

NONE = -1


class PartKind(IntEnum):
    """What a part of the path is."""

    WORK = 0  # a piece of GPU work runs
    HOST = 1  # the device waits for its launch
    COLLECTIVE_WAIT = 2  # a collective waits for a GPU that begins after the window
    IDLE = 3  # nothing that was recorded explains the wait


@dataclass(frozen=True)
class Pieces:
    """GPU work of a run, ``(n,)`` each, in any order.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 [ns]
        On one clock.
    stream : ndarray of int64
        Code of its stream, distinct over ranks, processes, devices and contexts.
    launch_ns : ndarray of int64 [ns]
        End of the call that launched it; meaningless where `thread` is -1.
    thread : ndarray of int64
        Code of the thread that launched it; -1 where no launch is known.
    group : ndarray of int64
        Code of its collective: pieces of one code end together, after the last of them began; -1
        for work of no matched collective.
    """

    start_ns: Int
    end_ns: Int
    stream: Int
    launch_ns: Int
    thread: Int
    group: Int


@dataclass(frozen=True)
class EventWaits:
    """Work that waited for an event on another stream, ``(n_waits,)`` each.

    Attributes
    ----------
    before : ndarray of int64
        Row of the last piece in front of the event.
    after : ndarray of int64
        Row of the first piece behind the wait.
    """

    before: Int
    after: Int


@dataclass(frozen=True)
class HostWaits:
    """Calls in which a thread waited for GPU work, ``(n_calls,)`` each.

    Attributes
    ----------
    thread : ndarray of int64
        As in `Pieces`.
    start_ns, end_ns : ndarray of int64 [ns]
        Of the call.
    piece : ndarray of int64
        Row of the piece that ended last among those it waited for; -1 for none.
    """

    thread: Int
    start_ns: Int
    end_ns: Int
    piece: Int


@dataclass(frozen=True)
class Path:
    """The chain of work and waits that sets the end of a window, ``(n_parts,)`` each.

    Parts follow each other without a gap or an overlap: they sum to the window exactly.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 [ns]
    kind : ndarray of uint8
        A `PartKind` each.
    piece : ndarray of int32
        Row of the piece that runs, or that is waited for; -1 for none.
    """

    start_ns: Int
    end_ns: Int
    kind: NDArray[np.uint8]
    piece: NDArray[np.int32]
