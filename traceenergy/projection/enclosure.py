"""Search for the interval that encloses another, among millions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.intervals import Int

_LOWEST = np.iinfo(np.int64).min


@dataclass(frozen=True)
class MaxTree:
    """Maxima of an array over blocks of 1, 2, 4, ... values.

    Attributes
    ----------
    levels : tuple of ndarray of int64
        The array itself, then the maxima of pairs, and so on up to one value; each of even
        length (padded with the lowest integer) but for the last.
    """

    levels: tuple[Int, ...]

    def last_at_least(self, before: Int, value: Int) -> Int:
        """Find the last index below a bound whose value reaches a threshold.

        Parameters
        ----------
        before : ndarray of int64 (n,)
            Exclusive bounds, 0 to the length of the array.
        value : ndarray of int64 (n,)
            Thresholds.

        Returns
        -------
        ndarray of int64 (n,)
            Index, or -1 where there is none.

        Notes
        -----
        All queries climb together, from the blocks just below their bounds to larger ones,
        then descend together; a query costs twice the logarithm of the distance it looks back.
        """
        result = np.full(len(before), -1, dtype=np.int64)
        hits: list[tuple[Int, Int]] = []
        query = np.flatnonzero(before > 0)
        bound, least = before[query], value[query]
        for level in self.levels:
            hit = ((bound & 1) == 1) & (level[bound - 1] >= least)
            hits.append((query[hit], bound[hit] - 1))
            on = ~hit & (bound > 1)
            query, bound, least = query[on], bound[on] >> 1, least[on]
        query, node = hits.pop()
        for level, (found, block) in zip(self.levels[-2::-1], hits[::-1], strict=True):
            right = 2 * node + 1
            node = right - (level[right] < value[query])
            query, node = np.concatenate((query, found)), np.concatenate((node, block))
        result[query] = node
        return result


def max_tree(values: Int) -> MaxTree:
    """Build the maxima of an array over blocks of powers of two."""
    levels = [np.asarray(values, dtype=np.int64)]
    while len(levels[-1]) > 1:
        if len(levels[-1]) % 2:
            levels[-1] = np.append(levels[-1], _LOWEST)
        levels.append(np.maximum(levels[-1][::2], levels[-1][1::2]))
    return MaxTree(tuple(levels))


def first_of_prefix(end: Int, priority: Int, n_candidates: Int, least_end: Int) -> Int:
    """Find the candidate of least priority number among the first few that reach far enough.

    Parameters
    ----------
    end : ndarray of int64 (m,)
        Ends of the candidates.
    priority : ndarray of int64 (m,)
        A permutation of 0 to m - 1; the lowest number wins.
    n_candidates : ndarray of int64 (n,)
        Only candidates 0 to n_candidates - 1 may be chosen.
    least_end : ndarray of int64 (n,)
        Only candidates with at least this end may be chosen.

    Returns
    -------
    ndarray of int64 (n,)
        Index of the candidate, or -1 where there is none.

    Notes
    -----
    A prefix is a sum of blocks whose sizes are the powers of two in its length. In each
    block, ends are sorted and carry the best priority from there on: one search per block
    size, n log(m)^2 in all.
    """
    n_all = len(end)
    sorted_end = np.sort(end)
    end_rank = np.searchsorted(sorted_end, end)
    least_rank = np.searchsorted(sorted_end, least_end)
    best = np.full(len(n_candidates), n_all, dtype=np.int64)
    for power in range(int(n_all).bit_length()):
        asked = np.flatnonzero((n_candidates >> power) & 1)
        if len(asked) == 0:
            continue
        block = np.arange(n_all) >> power
        order = np.argsort(block * n_all + end_rank, kind="stable")
        key = block * n_all + end_rank[order]
        # Blocks count down in this direction, so the running minimum starts anew in each.
        lead = np.minimum.accumulate((block * n_all + priority[order])[::-1])[::-1]
        mine = (n_candidates[asked] >> power) - 1
        at = np.searchsorted(key, mine * n_all + least_rank[asked])
        inside = at < np.minimum((mine + 1) << power, n_all)
        asked, at = asked[inside], at[inside]
        best[asked] = np.minimum(best[asked], lead[at] - block[at] * n_all)
    index_of_priority = np.full(n_all + 1, -1, dtype=np.int64)
    index_of_priority[priority] = np.arange(n_all)
    return index_of_priority[best]
