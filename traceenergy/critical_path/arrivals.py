"""Members of each collective with the one that arrived last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class Arrivals:
    """Collectives among pieces, ``(m,)`` each.

    Attributes
    ----------
    group : ndarray of int64
        Number of its collective, from 0; -1 for none.
    last : ndarray of int64
        Place of the member that began last; its own place for work of no collective.
    n_groups : int
    """

    group: Int
    last: Int
    n_groups: int


def find_arrivals(start_ns: Int, end_ns: Int, group: Int) -> Arrivals:
    """Find the member of each collective that began last.

    A member that ended before the last one began did not wait for it: it is left out, as plain
    work. Of members that began at the same time, the one that ended last counts as the last.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (m,) [ns]
    group : ndarray of int64 (m,)
        As in `Pieces`.

    Returns
    -------
    Arrivals
    """
    last = np.arange(len(group))
    member = np.flatnonzero(group >= 0)
    if len(member) == 0:
        return Arrivals(np.broadcast_to(np.int64(-1), len(group)), last, 0)
    number = np.full(len(group), -1, dtype=np.int64)
    member = member[np.lexsort((end_ns[member], start_ns[member], group[member]))]
    code = group[member]
    ends_run = np.append(code[1:] != code[:-1], True)
    run = np.cumsum(ends_run) - ends_run
    latest = member[ends_run][run]
    joins = (end_ns[member] > start_ns[latest]) & (end_ns[latest] > start_ns[latest])
    number[member[joins]] = run[joins]
    last[member[joins]] = latest[joins]
    return Arrivals(number, last, int(ends_run.sum()))


def last_begins(start_ns: Int, group: Int, n_groups: int) -> Int:
    """Find when the last member of each collective began.

    Parameters
    ----------
    start_ns : ndarray of int64 (m,) [ns]
    group : ndarray of int64 (m,)
        From 0; every group has a member.
    n_groups : int

    Returns
    -------
    ndarray of int64 (n_groups,) [ns]
    """
    last_ns = np.zeros(n_groups, dtype=np.int64)
    last_ns[group] = start_ns  # some member's, before the latest is looked for
    np.maximum.at(last_ns, group, start_ns)
    return last_ns
