"""Range of the energy of a curve in even cells of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

EDGES = 8  # of a curve in a cell, on average


class Term(NamedTuple):
    """Energy of a curve at some time after another one, with its weight in a sum."""

    after_ns: float
    weight: float


@dataclass(frozen=True)
class Cells:
    """Range of the energy of a curve beside its mean power, in even cells of its time.

    Attributes
    ----------
    length_ns : float [ns]
    mean_j_per_ns : float [J/ns]
        Mean power.
    least_j, most_j : ndarray of float64 (n,) [J]
        Of the energy from the begin on minus that of the mean power, both ends of a cell included.
    """

    length_ns: float
    mean_j_per_ns: float
    least_j: Float
    most_j: Float

    def __len__(self) -> int:
        """Count them."""
        return len(self.least_j)

    def most_of(self, terms: Sequence[Term], first: int, last: int) -> Float:
        """Bound a sum of energies for all times of each of some cells.

        Parameters
        ----------
        terms : sequence of Term
            Their weights add up to zero.
        first, last : int
            Cells, the last one excluded.

        Returns
        -------
        ndarray of float64 (last - first,) [J]
        """
        most_j = np.zeros(last - first)
        for after_ns, weight in terms:
            ends_j = self.most_j if weight > 0 else self.least_j
            wider = np.maximum if weight > 0 else np.minimum
            # Times of one cell lie in two others, unless cells fit between.
            steps = np.floor(after_ns / self.length_ns)
            cell = np.arange(first, last) + int(steps)
            end_j = ends_j.take(cell, mode="clip")
            if steps * self.length_ns != after_ns:
                wider(end_j, ends_j.take(cell + 1, mode="clip"), out=end_j)
            end_j += self.mean_j_per_ns * after_ns
            end_j *= weight
            most_j += end_j
        return most_j


def cells_of(at_ns: Float, energy_j: Float) -> Cells:
    """Measure the range of energy over the cells of a curve.

    Parameters
    ----------
    at_ns : ndarray of float64 (n,) [ns]
        Edges of the curve, from 0.
    energy_j : ndarray of float64 (n,) [J]
        Known energy until each.

    Returns
    -------
    Cells
    """
    n = max(len(at_ns) // EDGES, 1)
    length_ns = float(at_ns[-1]) / n
    mean_j_per_ns = float(energy_j[-1] / at_ns[-1])
    ahead_j = at_ns * -mean_j_per_ns
    ahead_j += energy_j
    bound_ns = np.arange(n + 1) * length_ns
    bound_ns[-1] = at_ns[-1]
    at_bound_j = np.interp(bound_ns, at_ns, ahead_j)
    first = np.searchsorted(at_ns, bound_ns[:-1])
    least_j = np.minimum(at_bound_j[:-1], at_bound_j[1:])
    most_j = np.maximum(at_bound_j[:-1], at_bound_j[1:])
    # Without an edge in it, a cell takes the next one: wider than it is.
    np.minimum(least_j, np.minimum.reduceat(ahead_j, first), out=least_j)
    np.maximum(most_j, np.maximum.reduceat(ahead_j, first), out=most_j)
    return Cells(length_ns, mean_j_per_ns, least_j, most_j)
