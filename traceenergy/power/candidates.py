"""Times at which weighted sums of the energy of a curve can be highest.

The energy in a window that begins at t is ``E(t + w) - E(t)``; a ramp about t is
``E(t + d) - 2 E(t) + E(t - d)``. With weights that add up to zero, such a sum stays what it is when
a straight line is taken off E. What is left of E beside its own mean power moves little, so that
its range in cells of time bounds the sum for all times of a cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.curve import Places
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from traceenergy.power.cells import Cells, Term
    from traceenergy.power.curve import PowerCurve

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Ends = tuple[float, float]

LOOKED_AT = 64  # one of so many cells is looked at for a high value
WORTHWHILE = 0.5  # of the cells: to choose more of them takes longer than to look at all


@dataclass(frozen=True)
class Stretches:
    """Stretches of time in order, each without its end; ``(n,)`` arrays [ns]."""

    start_ns: Float
    end_ns: Float


def candidates(
    curve: PowerCurve,
    sums: Sequence[Sequence[Term]],
    ends_ns: Ends,
    places_in: Callable[[Stretches], list[Places]],
    even_j: float,
) -> list[Places]:
    """Leave out times at which sums of energies are lower than at others, mostly unseen.

    Parameters
    ----------
    curve : PowerCurve
    sums : sequence of sequence of Term
    ends_ns : tuple of float [ns]
        First and last time of interest, since the begin of the curve.
    places_in : callable
        Gives the times of interest in stretches of time.
    even_j : float [J]
        By so much lower values are not left out.

    Returns
    -------
    list of Places
        As `places_in` gives them, with all at which some sum is `even_j` or less below its highest.

    Notes
    -----
    Cells of highest bounds are looked at first. Cells whose bound is below what was found there
    hold nothing higher: O(n / 8), and what is left.
    """
    cells = curve.cells
    first, last = (min(int(end_ns / cells.length_ns), len(cells) - 1) for end_ns in ends_ns)
    stays = np.zeros(last + 1 - first, dtype=bool)
    for terms in sums:
        most_j = cells.most_of(terms, first, last + 1)
        n_seen = -(-len(most_j) // LOOKED_AT)
        seen = np.zeros(len(most_j), dtype=bool)
        seen[np.argpartition(most_j, -n_seen)[-n_seen:]] = True
        found = places_in(_stretches(seen, first, cells))
        highest_j = max(_highest_j(places, terms) for places in found)
        stays |= most_j >= highest_j - even_j
    if stays.mean() > WORTHWHILE:
        stays[:] = True
    return places_in(_stretches(stays, first, cells))


def _highest_j(places: Places, terms: Sequence[Term]) -> float:
    """Take the highest value of a sum at places; minus infinity where power is never known."""
    value_j = np.zeros(len(places.near_ns))
    for after_ns, weight in terms:
        value_j += weight * places.until_j(after_ns)
    if places.curve.has_gaps:
        after = [term.after_ns for term in terms]
        value_j = value_j[~np.isnan(places.between_j(min(after), max(after)))]
    return float(value_j.max(initial=-np.inf))


def _stretches(stays: NDArray[np.bool_], first: int, cells: Cells) -> Stretches:
    """Join cells that stay, from number `first` on; the last one has no end."""
    change = np.diff(stays.astype(np.int8), prepend=0, append=0)
    start_ns, end_ns = (
        np.asarray((first + np.flatnonzero(turns)) * cells.length_ns, dtype=np.float64)
        for turns in (change > 0, change < 0)
    )
    if stays[-1]:
        end_ns[-1] = np.inf
    if stays[0]:
        start_ns[0] = -np.inf
    return Stretches(start_ns, end_ns)


def edges_in(
    curve: PowerCurve, stretches: Stretches, ends_ns: Ends, shift_ns: float, turn: int | None = None
) -> Places:
    """List the times in stretches that lie at a distance from edges of a curve.

    Parameters
    ----------
    curve : PowerCurve
    stretches : Stretches
    ends_ns : tuple of float [ns]
        First and last time, both included.
    shift_ns : float [ns]
        From edges to times.
    turn : int, optional
        Only edges at which power rises (1) or falls (-1).

    Returns
    -------
    Places
    """
    low_ns, high_ns = ends_ns
    begin = int(np.searchsorted(curve.at_ns, low_ns - shift_ns))
    end = int(np.searchsorted(curve.at_ns, high_ns - shift_ns, side="right"))
    row = rows_in(curve.at_ns[begin:end], stretches, shift_ns, begin)
    if turn is not None:
        turns = curve.turn[row] == turn
        row = row.start + np.flatnonzero(turns) if isinstance(row, slice) else row[turns]
    return Places(curve, curve.at_ns[row], curve.energy_j[row], shift_ns)


def rows_in(
    near_ns: Float, stretches: Stretches, shift_ns: float = 0.0, begin: int = 0
) -> Int | slice:
    """Find the times in stretches.

    Parameters
    ----------
    near_ns : ndarray of float64 (n,) [ns]
        In order.
    stretches : Stretches
    shift_ns : float [ns]
        From those to the times that are meant.
    begin : int
        Number of the first of them.

    Returns
    -------
    ndarray of int64, or slice
        Numbers of the times; a slice where they lie in one stretch.
    """
    first = np.searchsorted(near_ns, stretches.start_ns - shift_ns) + begin
    last = np.searchsorted(near_ns, stretches.end_ns - shift_ns) + begin
    if len(first) == 1:
        return slice(int(first[0]), int(last[0]))
    length = last - first
    ends = np.cumsum(length)
    n = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(n) + np.repeat(first - ends + length, length), dtype=np.int64)
