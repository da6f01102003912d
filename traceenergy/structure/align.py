"""Two sequences of kernels, aligned with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

NO_MATCH = -1
SAME, RELATED, ALIKE = 4, 3, 1  # one name; one family of names; both a matrix product


@dataclass(frozen=True)
class Sequence:
    """Kernels in order.

    Attributes
    ----------
    name, family : ndarray of int64 (n,)
        Codes of the name, and of the name without its numbers; the same in both sequences.
    is_product : ndarray of bool (n,)
        Matrix products, which libraries rename as soon as a size changes.
    """

    name: Int
    family: Int
    is_product: Bool

    def __len__(self) -> int:
        """Count the kernels."""
        return len(self.name)

    def at(self, rows: Int) -> Sequence:
        """Pick kernels.

        Parameters
        ----------
        rows : ndarray of int64

        Returns
        -------
        Sequence
        """
        return Sequence(self.name[rows], self.family[rows], self.is_product[rows])


def align(target: Sequence, reference: Sequence) -> Int:
    """Match kernels in order, so that the matches are worth most together.

    Parameters
    ----------
    target : Sequence
        Of length n.
    reference : Sequence
        Of length m.

    Returns
    -------
    ndarray of int64 (n,)
        Index in the reference, rising; -1 for no match.

    Notes
    -----
    The longest common subsequence with weights (S. B. Needleman, C. D. Wunsch, 1970,
    doi:10.1016/0022-2836(70)90057-4, gaps free of charge): ``SAME`` for equal names, ``RELATED``
    for equal families, ``ALIKE`` for two products, nothing else matches. One row of the table is
    one vector operation; it takes O(n m) time and 4 n m bytes.
    """
    n, m = len(target), len(reference)
    best = np.zeros((n + 1, m + 1), dtype=np.int32)
    for i in range(n):
        row = best[i + 1]
        np.add(best[i, :-1], _worth(target, i, reference), out=row[1:])
        np.maximum(row, best[i], out=row)
        np.maximum.accumulate(row, out=row)
    return _trace_back(best)


def _worth(target: Sequence, i: int, reference: Sequence) -> NDArray[np.int32]:
    worth = np.where(reference.family == target.family[i], np.int32(RELATED), np.int32(0))
    if target.is_product[i]:
        worth = np.maximum(worth, np.where(reference.is_product, np.int32(ALIKE), np.int32(0)))
    worth[reference.name == target.name[i]] = SAME
    return worth


def _trace_back(best: NDArray[np.int32]) -> Int:
    found = np.full(len(best) - 1, NO_MATCH)
    i, j = best.shape[0] - 1, best.shape[1] - 1
    while i and j and best[i, j]:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            found[i] = j
    return found
