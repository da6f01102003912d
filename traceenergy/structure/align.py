"""Two sequences of kernels, aligned with gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

NO_MATCH = -1
SAME, RELATED, ALIKE = 4, 3, 1  # one name; one family of names; both a matrix product
_UP, _LEFT, _MATCH = 0, 1, 2  # where the way through the table leads


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
    for equal families, ``ALIKE`` for two products, nothing else matches. Equal names at both ends
    match at once; between them one row of the table is one vector operation. It takes
    `table_size` bytes, and time in proportion.
    """
    head, tail = _equal_ends(target, reference)
    n, m = len(target) - head - tail, len(reference) - head - tail
    inner = target.at(np.arange(head, head + n))
    other = reference.at(np.arange(head, head + m))
    best = np.zeros(m + 1, dtype=np.int32)
    step = np.empty((n, m), dtype=np.uint8)
    for i in range(n):
        row = np.concatenate((best[:1], best[:-1] + _worth(inner, i, other)))
        np.maximum(row, best, out=row)
        np.maximum.accumulate(row, out=row)
        step[i] = np.where(row[1:] == best[1:], _UP, np.where(row[1:] == row[:-1], _LEFT, _MATCH))
        best = row
    found = np.full(len(target), NO_MATCH)
    found[:head] = np.arange(head)
    found[head : head + n] = _trace_back(step, head)
    found[head + n :] = np.arange(head + m, len(reference))
    return found


def table_size(target: Sequence, reference: Sequence) -> int:
    """Say how many bytes the table takes that aligns two sequences.

    Parameters
    ----------
    target, reference : Sequence

    Returns
    -------
    int
        Product of both lengths, without equal names at both ends.
    """
    same = sum(_equal_ends(target, reference))
    return (len(target) - same) * (len(reference) - same)


def _equal_ends(target: Sequence, reference: Sequence) -> tuple[int, int]:
    n = min(len(target), len(reference))
    head = _run_of(target.name[:n] == reference.name[:n])
    rest = n - head
    return head, _run_of(target.name[::-1][:rest] == reference.name[::-1][:rest])


def _run_of(same: Bool) -> int:
    return int(np.append(same, False).argmin())


def _worth(target: Sequence, i: int, reference: Sequence) -> NDArray[np.int32]:
    worth = np.where(reference.family == target.family[i], np.int32(RELATED), np.int32(0))
    if target.is_product[i]:
        worth = np.maximum(worth, np.where(reference.is_product, np.int32(ALIKE), np.int32(0)))
    worth[reference.name == target.name[i]] = SAME
    return worth


def _trace_back(step: NDArray[np.uint8], shift: int) -> Int:
    found = np.full(len(step), NO_MATCH)
    i, j = step.shape[0] - 1, step.shape[1] - 1
    while i >= 0 and j >= 0:
        if step[i, j] == _UP:
            i -= 1
        elif step[i, j] == _LEFT:
            j -= 1
        else:
            found[i] = j + shift
            i, j = i - 1, j - 1
    return found
