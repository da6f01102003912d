"""Cells of GPU work that are alike in all that tables tell apart, but for single steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.step_blocks import NO_BLOCKS, block_steps
from traceenergy.analysis.step_facts import KINDS
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
    step_kind : ndarray of int64
        Kind of its steps in `KINDS`; -1 for none.
    path : ndarray of int64
        Of ranges; -1 for none.
    part : ndarray of int64
        Of the average block; -1 for none.
    kernels : polars.DataFrame (n_kernels rows)
        `name_id`, `phase`, `subphase` of each row of the kernel table.
    blocks : StepBlocks
    block_of_work : ndarray of int16 (n_work,)
        Block of steps in `blocks` of each piece; -1 for none.
    phase_names : dict of str
        First-level phase to name for people.
    """

    cells: Cells
    kernel: Int
    layer: Int
    step_kind: Int
    path: Int
    part: Int
    kernels: pl.DataFrame
    blocks: StepBlocks
    block_of_work: NDArray[np.int16]
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


def label_cells(
    ledger: Ledger,
    labels: Labels,
    steps: pl.DataFrame | None = None,
    path: Int | None = None,
    part: NDArray[np.int32] | None = None,
) -> LabelCells:
    """Sum GPU work over what its labels tell apart.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels
    steps : polars.DataFrame or None
        The table of steps; None: they are not told apart.
    path : ndarray of int64 (n_work,) or None
        Path of ranges of each piece; None: likewise.
    part : ndarray of int32 (n_work,) or None
        Part of the average block of each piece; None: likewise.

    Returns
    -------
    LabelCells
    """
    kernel, kernels = kernel_codes(ledger, labels)
    layer = labels.layer.fill_null(-1).to_numpy()
    blocks = NO_BLOCKS if steps is None else block_steps(steps)
    block = blocks.of_work(labels.step)
    # Block -1 finds the last place.
    step_kind = np.array([*map(KINDS.index, blocks.kind), -1])[block]
    told = [code for code in (path, part) if code is not None]
    cells = cells_of(ledger, kernel, layer, *told, step_kind)
    first = cells.first
    none = np.full(len(first), -1, dtype=np.int64)
    return LabelCells(
        cells=cells,
        kernel=kernel[first],
        layer=layer[first].astype(np.int64),
        step_kind=step_kind[first],
        path=none if path is None else path[first],
        part=none if part is None else part[first].astype(np.int64),
        kernels=kernels,
        blocks=blocks,
        block_of_work=block,
        phase_names=labels.phase_names,
    )
