"""Work that runs beside other work of its device: two by two, or in a crowd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.pieces import Pieces
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Meetings:
    """How pieces of a ledger share their time.

    Attributes
    ----------
    one, other : ndarray of int64 (n_pairs,)
        Rows in the ledger of pieces that run at one time, where no third one runs beside them
        from the first begin to the last end of all that hangs together.
    both_ns : ndarray of int64 (n_pairs,) [ns]
        For how long both run.
    crowd : Pieces
        Those that run where three or more do, with what hangs together with them.
    """

    one: Int
    other: Int
    both_ns: Int
    crowd: Pieces


def find_meetings(rest: Pieces) -> Meetings:
    """Find which pieces run at one time.

    Parameters
    ----------
    rest : Pieces
        All that share time with others of their device.

    Returns
    -------
    Meetings

    Notes
    -----
    The union of a group of pieces is the sum of their lengths less what its pairs share. So one
    look at all pairs serves all groups; only crowds need a union for each.

    >>> one    [------)                length 6
    ... other     [------)             length 6, 3 of it shared
    """
    none = np.zeros(0, dtype=np.int64)
    pairs, crowds = [(none, none, none)], [none]
    for device in np.unique(rest.device).tolist():
        mine = np.flatnonzero(rest.device == device)
        mine = mine[np.argsort(rest.start_ns[mine], kind="stable")]
        pair, is_crowd = _pairs(rest.start_ns[mine], rest.end_ns[mine])
        pairs.append((rest.row[mine[pair[0]]], rest.row[mine[pair[1]]], pair[2]))
        crowds.append(mine[is_crowd])
    one, other, both_ns = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    at = np.sort(np.concatenate(crowds))
    crowd = Pieces(rest.row[at], rest.device[at], rest.start_ns[at], rest.end_ns[at])
    return Meetings(one, other, both_ns, crowd)


def _pairs(start_ns: Int, end_ns: Int) -> tuple[tuple[Int, Int, Int], Bool]:
    """Find pairs of pieces in order of their start, with what they share, and which are crowded."""
    place = np.arange(len(start_ns))
    reach_ns = np.maximum.accumulate(end_ns)
    # The piece that ends last of all so far is the one that the next may meet.
    last = np.maximum.accumulate(np.where(end_ns == reach_ns, place, 0))[:-1]
    until_ns = np.minimum(end_ns[1:], reach_ns[:-1])
    meets = until_ns > start_ns[1:]
    # Up to the second end from the last, two run: whoever begins before it is the third.
    second_ns = np.maximum.accumulate(until_ns)
    third = np.append([False, False], start_ns[2:] < second_ns[:-1])[: len(place)]
    hangs = np.append(False, start_ns[1:] < reach_ns[:-1])
    stretch = np.cumsum(~hangs) - 1
    crowded = np.zeros(len(place), dtype=bool)
    crowded[stretch[third]] = True
    crowded = crowded[stretch]
    later = np.flatnonzero(meets & ~crowded[1:]) + 1
    earlier = last[later - 1]
    return (earlier, later, until_ns[later - 1] - start_ns[later]), crowded
