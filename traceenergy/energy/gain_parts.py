"""What GPU work adds to the columns of the model of power, before it is put into groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class GainParts:
    """What pieces of work, or cells of pieces of one class, add to the columns, ``(n,)`` each.

    Attributes
    ----------
    busy_s, beside_ws, size_ws, class_s : ndarray of float64
        Times of busy and of class, weighted [s]; of beside and of size [W s].
    of_class : ndarray of int
    """

    busy_s: Float
    beside_ws: Float
    size_ws: Float
    class_s: Float
    of_class: Codes

    def of_rows(self, row: Int) -> GainParts:
        """Choose some of them."""
        return self._mapped(lambda part: part[row], self.of_class[row])

    def summed(self, cell: Int, n_cells: int) -> GainParts:
        """Sum over cells.

        Parameters
        ----------
        cell : ndarray of int (n,)
            0 to n_cells - 1; what is in one cell is of one class.
        n_cells : int

        Returns
        -------
        GainParts
            ``(n_cells,)``.
        """
        of_class = np.zeros(n_cells, dtype=np.int64)
        of_class[cell] = self.of_class
        return self._mapped(
            lambda part: np.bincount(cell, part, n_cells).astype(np.float64), of_class
        )

    def _mapped(self, change: Callable[[Float], Float], of_class: Codes) -> GainParts:
        return GainParts(
            change(self.busy_s),
            change(self.beside_ws),
            change(self.size_ws),
            change(self.class_s),
            of_class,
        )
