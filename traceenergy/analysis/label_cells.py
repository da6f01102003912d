"""Cells of GPU work that are alike in phase, kernel, layer, block of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.step_blocks import NO_BLOCKS, block_steps
from traceenergy.codes import codes_of
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.step_blocks import StepBlocks
    from traceenergy.analysis.tables import Labels

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class LabelCells:
    """Cells with what each belongs to, ``(n_cells,)``.

    Attributes
    ----------
    cells : Cells
    kernel : ndarray of int64
        Row in `kernels`.
    layer : ndarray of int64
        -1 for none.
    block : ndarray of int64
        Block of steps in `blocks`; -1 for none.
    kernels : polars.DataFrame (n_kernels rows)
        `name_id`, `phase`, `subphase` of each row of the kernel table.
    blocks : StepBlocks
    phase_names : dict of str
        First-level phase to name for people.
    """

    cells: Cells
    kernel: Int
    layer: Int
    block: Int
    kernels: pl.DataFrame
    blocks: StepBlocks
    phase_names: dict[str, str]

    def of_kernels(self, columns: list[str]) -> tuple[Int, pl.DataFrame]:
        """Give numbers to the cells by some columns of `kernels`, with the values of each."""
        of_kernel, keys = codes_of(self.kernels, columns)
        return of_kernel[self.kernel], keys


def kernel_codes(ledger: Ledger, labels: Labels) -> tuple[Int, pl.DataFrame]:
    """Give each row of the kernel table a number.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels

    Returns
    -------
    group : ndarray of int64 (n_work,)
    keys : polars.DataFrame (n_groups rows)
        `name_id`, `phase`, `subphase` of each.
    """
    frame = pl.DataFrame(
        {"name_id": ledger.work["name_id"], "phase": labels.phase, "subphase": labels.subphase}
    )
    return codes_of(frame, frame.columns)


def label_cells(ledger: Ledger, labels: Labels, steps: pl.DataFrame | None = None) -> LabelCells:
    """Sum GPU work over what its labels tell apart.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels
    steps : polars.DataFrame or None
        The table of steps; None: they are not told apart.

    Returns
    -------
    LabelCells
    """
    kernel, kernels = kernel_codes(ledger, labels)
    layer = labels.layer.fill_null(-1).to_numpy().astype(np.int64)
    blocks = NO_BLOCKS if steps is None else block_steps(steps)
    block = blocks.of_work(labels.step)
    cells = cells_of(ledger, kernel, layer, block)
    first = cells.first
    return LabelCells(
        cells, kernel[first], layer[first], block[first], kernels, blocks, labels.phase_names
    )
