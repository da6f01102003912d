"""Shares of short bins of time that pieces of work cover, sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Pieces:
    """Pieces of work in groups, sorted by start.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
    group : ndarray of int64 (n,)
        0 to n_groups - 1.
    n_groups : int
    """

    start_ns: Int
    end_ns: Int
    group: Int
    n_groups: int

    def near(self, low_ns: Int, high_ns: Int, margin_ns: int) -> Pieces:
        """Take the pieces that run within a margin of bins.

        Parameters
        ----------
        low_ns, high_ns : ndarray of int64 (n_bins,) [ns]
            Bins, sorted.
        margin_ns : int [ns]

        Returns
        -------
        Pieces
        """
        alone = np.flatnonzero(low_ns[1:] - high_ns[:-1] > 2 * margin_ns)
        first_ns = low_ns[np.concatenate(([0], alone + 1))] - margin_ns
        last_ns = high_ns[np.concatenate((alone, [len(high_ns) - 1]))] + margin_ns
        until = np.searchsorted(self.start_ns, last_ns)
        since = np.searchsorted(np.maximum.accumulate(self.end_ns), first_ns, side="right")
        since = np.maximum(since, np.concatenate(([0], until[:-1])))
        count = np.maximum(until - since, 0)
        rows = np.arange(count.sum()) + np.repeat(since - np.cumsum(count) + count, count)
        return Pieces(self.start_ns[rows], self.end_ns[rows], self.group[rows], self.n_groups)


@dataclass(frozen=True)
class Cuts:
    """Intervals cut at the edges of bins, one row for each bin that an interval touches.

    Attributes
    ----------
    source : ndarray of int64 (n_cuts,)
        Row of the interval.
    in_bin : ndarray of int64 (n_cuts,)
        Row of the bin.
    share : ndarray of float64 (n_cuts,)
        Part of the bin's time that the interval covers, above 0, at most 1.
    """

    source: Int
    in_bin: Int
    share: Float


def cut(start_ns: Int, end_ns: Int, low_ns: Int, high_ns: Int) -> Cuts:
    """Cut intervals at the edges of bins.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        Intervals; quickest when sorted.
    low_ns, high_ns : ndarray of int64 (n_bins,) [ns]
        Bins, sorted; they do not overlap, and time may be free between them.

    Returns
    -------
    Cuts
        O(n log n_bins + cuts), without a grid.
    """
    first = np.maximum(np.searchsorted(low_ns, start_ns, side="right") - 1, 0)
    count = np.maximum(np.searchsorted(low_ns, end_ns, side="left") - first, 0)
    source = np.repeat(np.arange(len(start_ns)), count)
    in_bin = np.arange(len(source)) + np.repeat(first - np.cumsum(count) + count, count)
    low, high = low_ns[in_bin], high_ns[in_bin]
    covered_ns = np.minimum(end_ns[source], high) - np.maximum(start_ns[source], low)
    some = covered_ns > 0
    share = covered_ns[some] / (high[some] - low[some])
    return Cuts(source[some], in_bin[some], share)


def sum_by_group(pieces: Pieces, cuts: Cuts, value: Float, n_bins: int) -> csr_array:
    """Add up a value of each cut by bin and group.

    Parameters
    ----------
    pieces : Pieces
    cuts : Cuts
        Of these pieces.
    value : ndarray of float64 (n_cuts,)
    n_bins : int

    Returns
    -------
    scipy.sparse.csr_array (n_bins, n_groups)
    """
    place = (cuts.in_bin, pieces.group[cuts.source])
    return csr_array((value, place), shape=(n_bins, pieces.n_groups))


@dataclass(frozen=True)
class Crowds:
    """Stretches of time in which several pieces run at once.

    Attributes
    ----------
    piece : ndarray of int64 (n_events,)
        Piece that begins or ends, of those that run beside others, in order of time.
    sign : ndarray of float64 (n_events,)
        1 where it begins, -1 where it ends.
    event : ndarray of int64 (n_crowds,)
        Event at which each crowd begins; it lasts until the next event.
    cuts : Cuts
        Of the crowds by bins.
    """

    piece: Int
    sign: Float
    event: Int
    cuts: Cuts

    def bins_above(self, level: Float, most: float, n_bins: int) -> Bool:
        """Find bins in which levels of pieces that run at once add up to more than a limit.

        Parameters
        ----------
        level : ndarray of float64 (n_pieces,)
        most : float
            The limit.
        n_bins : int

        Returns
        -------
        ndarray of bool (n_bins,)
        """
        total = np.cumsum(self.sign * level[self.piece])
        above = total[self.event] > most
        found = np.zeros(n_bins, dtype=np.bool_)
        found[self.cuts.in_bin[above[self.cuts.source]]] = True
        return found


# A crowd that covers less of a bin is how exact time stamps are, and moves its value by less.
_LEAST_CROWD_SHARE = 1e-3


def find_crowds(pieces: Pieces, low_ns: Int, high_ns: Int) -> Crowds:
    """Find where several pieces run at once.

    Parameters
    ----------
    pieces : Pieces
    low_ns, high_ns : ndarray of int64 (n_bins,) [ns]
        Bins as for `cut`.

    Returns
    -------
    Crowds
    """
    start_ns, end_ns = pieces.start_ns, pieces.end_ns
    beside = np.zeros(len(start_ns), dtype=np.bool_)
    beside[1:] = start_ns[1:] < np.maximum.accumulate(end_ns)[:-1]
    beside[:-1] |= end_ns[:-1] > start_ns[1:]
    piece = np.flatnonzero(beside)
    at_ns = np.concatenate((start_ns[piece], end_ns[piece]))
    order = np.argsort(at_ns, kind="stable")
    at_ns = at_ns[order]
    sign = np.where(order < len(piece), 1.0, -1.0)
    several = np.flatnonzero((np.cumsum(sign)[:-1] > 1) & (at_ns[1:] > at_ns[:-1]))
    cuts = cut(at_ns[several], at_ns[several + 1], low_ns, high_ns)
    long = cuts.share > _LEAST_CROWD_SHARE
    cuts = Cuts(cuts.source[long], cuts.in_bin[long], cuts.share[long])
    return Crowds(piece[order % max(len(piece), 1)], sign, several, cuts)
