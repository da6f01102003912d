"""Blocks of consecutive steps of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

MOST_BLOCKS = 24  # of a kind: enough to tell variation, few enough to keep in a file


@dataclass(frozen=True)
class StepBlocks:
    """Blocks of consecutive steps of one kind, kind after kind.

    Attributes
    ----------
    number : ndarray of int64 (n_steps,)
        Number of each step, ascending.
    of_step : ndarray of int64 (n_steps,)
        Block of each step.
    kind : list of str (n_blocks,)
        Of the steps of each block.
    n_steps : ndarray of int64 (n_blocks,)
    """

    number: Int
    of_step: Int
    kind: list[str]
    n_steps: Int

    def spans(self) -> dict[str, slice]:
        """Say which blocks are of which kind."""
        kinds = list(dict.fromkeys(self.kind))
        return {
            kind: slice(self.kind.index(kind), self.kind.index(kind) + self.kind.count(kind))
            for kind in kinds
        }

    def of_work(self, step: Int) -> NDArray[np.int16]:
        """Find the block of pieces of work by the number of their step; -1 for none."""
        if not len(self.number):
            return np.full(len(step), -1, dtype=np.int16)
        # Step -1 finds the last place.
        block = np.full(int(self.number[-1]) + 2, -1, dtype=np.int16)
        block[self.number] = self.of_step
        return block[step]


_NONE = np.zeros(0, dtype=np.int64)
NO_BLOCKS = StepBlocks(_NONE, _NONE, [], _NONE)


def block_steps(steps: pl.DataFrame) -> StepBlocks:
    """Cut the steps of each kind into blocks of about the same number.

    Parameters
    ----------
    steps : polars.DataFrame
        The table of steps.

    Returns
    -------
    StepBlocks
    """
    known = steps.filter(pl.col("step").is_not_null())
    kind = known["kind"]
    of_step = np.zeros(len(kind), dtype=np.int64)
    kinds: list[str] = []
    for name in kind.unique(maintain_order=True):
        mine = np.flatnonzero((kind == name).to_numpy())
        n_blocks = min(MOST_BLOCKS, len(mine))
        of_step[mine] = len(kinds) + np.arange(len(mine)) * n_blocks // len(mine)
        kinds += [name] * n_blocks
    n_steps = np.bincount(of_step, minlength=len(kinds))
    return StepBlocks(known["step"].to_numpy(), of_step, kinds, n_steps)
