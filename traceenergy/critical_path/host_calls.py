"""Launches behind the calls in which their thread waited for GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import dense_codes, joined_key, places_in
from traceenergy.critical_path.shared_launches import first_start
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.model import HostWaits
    from traceenergy.critical_path.shared_launches import Launches
    from traceenergy.critical_path.stream_order import Lanes

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

CLOCK_ERROR_NS = 5_000  # by which times of two devices, or of a host and a device, may contradict


@dataclass(frozen=True)
class HostCalls:
    """Waiting calls of a window thread by thread ``(n_calls,)``, and what was launched ``(m,)``.

    Attributes
    ----------
    piece : ndarray of int64 (n_calls,)
        Place of the piece that was waited for; -1 for none, or one that ended more than
        `CLOCK_ERROR_NS` after the call did.
    waited_ns : ndarray of int64 (n_calls,) [ns]
        From the begin of the call to the end of that piece: negative if it had ended before.
    first : ndarray of bool (n_calls,)
        Whether a thread begins.
    launch_ns : ndarray of int64 (m,) [ns]
        Since the start of the window, cut by it and by the first start of what the call launched;
        -1 for no launch.
    call : ndarray of int64 (m,)
        The last waiting call of the thread before the launch; -1 for none.
    """

    piece: Int
    waited_ns: Int
    first: Bool
    launch_ns: Int
    call: Int

    def holding_piece(self, call: Int) -> Int:
        """Place of the piece for which a thread really waited last, at each of some calls.

        Parameters
        ----------
        call : ndarray of int64 (k,)
            As in `call`.

        Returns
        -------
        ndarray of int64 (k,)
            -1 for none.
        """
        if len(self.piece) == 0:
            return np.full(len(call), -1, dtype=np.int64)
        held = (self.piece >= 0) & (self.waited_ns > 0)
        latest = np.maximum.accumulate(np.where(held, np.arange(len(held)), -1))
        begin = np.flatnonzero(self.first)[np.cumsum(self.first) - 1]
        piece = np.where(latest >= begin, self.piece[latest], -1)
        return np.where(call >= 0, piece[call], -1)


def order_calls(
    launches: Launches, lanes: Lanes, host_waits: HostWaits, window: tuple[int, int]
) -> HostCalls:
    """Put waiting calls in the order of their threads, and launches behind them.

    Parameters
    ----------
    launches : Launches
    lanes : Lanes
    host_waits : HostWaits
    window : tuple of int [ns]

    Returns
    -------
    HostCalls
    """
    begin_ns, finish_ns = window
    known = launches.thread >= 0
    launch_ns = first_start(launches.thread, launches.launch_ns - begin_ns, lanes.start_ns)
    np.maximum(launch_ns, 0, out=launch_ns)
    launch_ns[~known] = -1
    inside = (host_waits.end_ns > begin_ns) & (host_waits.end_ns < finish_ns)
    kept = np.flatnonzero(inside & (host_waits.thread >= 0))
    call_thread, thread = _same_codes(host_waits.thread[kept], launches.thread)
    order = np.lexsort((host_waits.start_ns[kept], host_waits.end_ns[kept], call_thread))
    kept, call_thread = kept[order], call_thread[order]
    first = np.append(True, call_thread[1:] != call_thread[:-1])[: len(kept)]
    piece = lanes.place_of(host_waits.piece[kept])
    piece, waited_ns = _waited(piece, lanes, host_waits, kept, begin_ns)
    call = np.full(len(thread), -1, dtype=np.int64)
    if len(kept):
        at = slice(None) if known.all() else np.flatnonzero(known)
        calls = call_thread, host_waits.end_ns[kept] - begin_ns
        call[at] = _last_calls(*calls, thread[at], launch_ns[at], finish_ns - begin_ns)
    return HostCalls(piece, waited_ns, first, launch_ns, call)


def _last_calls(call_thread: Int, end_ns: Int, thread: Int, launch_ns: Int, span_ns: int) -> Int:
    """Find the last call of its thread in front of each launch; -1 for none."""
    ends = joined_key(call_thread, end_ns, span_ns)
    call = places_in(ends, joined_key(thread, launch_ns, span_ns)) - 1
    n_threads = int(max(thread.max(initial=0), call_thread[-1])) + 1
    begin = np.searchsorted(call_thread, np.arange(n_threads))
    call[call < begin[thread]] = -1
    return call


def _same_codes(one: Int, other: Int) -> tuple[Int, Int]:
    """Make codes of threads dense for calls, for launches; -1 stays what it is."""
    codes = np.append(one.max(initial=0), other.max(initial=0))
    if codes.max() <= len(one) + len(other):
        return one, other
    dense = dense_codes(np.concatenate([one, np.maximum(other, 0)]))
    return dense[: len(one)], np.where(other >= 0, dense[len(one) :], -1)


def _waited(
    piece: Int, lanes: Lanes, host_waits: HostWaits, kept: Int, begin_ns: int
) -> tuple[Int, Int]:
    """Piece of each call, and how long after the begin of the call it ended."""
    waited_ns = np.zeros(len(kept), dtype=np.int64)
    if len(lanes.end_ns):
        end_ns = lanes.end_ns[piece] + begin_ns
        returned_ns = host_waits.end_ns[kept]
        piece[end_ns - returned_ns > CLOCK_ERROR_NS] = -1
        waited_ns = np.minimum(end_ns, returned_ns) - host_waits.start_ns[kept]
    return piece, waited_ns
