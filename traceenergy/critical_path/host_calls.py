"""Launches behind the calls in which their thread waited for GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import dense_codes, joined_key
from traceenergy.critical_path.shared_launches import first_start
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.model import HostWaits, Pieces
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
    pieces: Pieces, lanes: Lanes, host_waits: HostWaits, window: tuple[int, int]
) -> HostCalls:
    """Put waiting calls in the order of their threads, and launches behind them.

    Parameters
    ----------
    pieces : Pieces
    lanes : Lanes
    host_waits : HostWaits
    window : tuple of int [ns]

    Returns
    -------
    HostCalls
    """
    begin_ns, finish_ns = window
    thread = pieces.thread[lanes.row]
    launch_ns = pieces.launch_ns[lanes.row] - begin_ns
    launch_ns = np.maximum(first_start(thread, launch_ns, lanes.start_ns), 0)
    launch_ns[thread < 0] = -1
    call = np.full(len(thread), -1, dtype=np.int64)
    inside = (host_waits.end_ns > begin_ns) & (host_waits.end_ns < finish_ns)
    kept = np.flatnonzero(inside & (host_waits.thread >= 0))
    codes = dense_codes(np.concatenate([host_waits.thread[kept], np.maximum(thread, 0)]))
    call_thread, thread_code = codes[: len(kept)], codes[len(kept) :]
    order = np.lexsort((host_waits.start_ns[kept], host_waits.end_ns[kept], call_thread))
    kept, call_thread = kept[order], call_thread[order]
    first = np.append(True, call_thread[1:] != call_thread[:-1])[: len(kept)]
    piece, waited_ns = _waited(pieces, lanes, host_waits, kept, begin_ns)
    launched = np.flatnonzero(thread >= 0)
    if len(kept) and len(launched):
        span_ns = finish_ns - begin_ns
        ends = joined_key(call_thread, host_waits.end_ns[kept] - begin_ns, span_ns)
        asked = joined_key(thread_code[launched], launch_ns[launched], span_ns)
        found = np.searchsorted(ends, asked) - 1
        same = (found >= 0) & (call_thread[found] == thread_code[launched])
        call[launched] = np.where(same, found, -1)
    return HostCalls(piece, waited_ns, first, launch_ns, call)


def _waited(
    pieces: Pieces, lanes: Lanes, host_waits: HostWaits, kept: Int, begin_ns: int
) -> tuple[Int, Int]:
    """Piece of each call, and how long after the begin of the call it ended."""
    place = np.full(len(pieces.start_ns) + 1, -1, dtype=np.int64)
    place[lanes.row] = np.arange(len(lanes.row))
    piece = place[host_waits.piece[kept]]
    waited_ns = np.zeros(len(kept), dtype=np.int64)
    if len(lanes.end_ns):
        end_ns = lanes.end_ns[piece] + begin_ns
        returned_ns = host_waits.end_ns[kept]
        piece[end_ns - returned_ns > CLOCK_ERROR_NS] = -1
        waited_ns = np.minimum(end_ns, returned_ns) - host_waits.start_ns[kept]
    return piece, waited_ns
