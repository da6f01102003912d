"""Some pieces of the GPU work of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Pieces:
    """Some pieces of a ledger, ``(n,)`` each.

    Attributes
    ----------
    row, device : ndarray of int64
        In the ledger.
    start_ns, end_ns : ndarray of int64 [ns]
    """

    row: NDArray[np.int64]
    device: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
