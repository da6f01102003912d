"""Work of two phases that a user names, in the blocks within which it may be moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.errors import UsageError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.tables import Labels

    Int = NDArray[np.int64]

NONE = -1


@dataclass(frozen=True)
class Blocks:
    """Work of two phases; arrays are ``(n_work,)``, by row of the ledger.

    Attributes
    ----------
    name
        What a block is: `layer` (of a step), `step` or `run`.
    side : ndarray of int64
        0 for work of the first phase, 1 for that of the second, else -1.
    block : ndarray of int64
        -1 for work in none.
    """

    name: str
    side: Int
    block: Int


def find_blocks(contents: Contents, phases: tuple[str, ...]) -> Blocks:
    """Find the work of two phases, and the smallest blocks that hold both.

    Parameters
    ----------
    contents : Contents
    phases : tuple of str
        Two, of first or second level.

    Returns
    -------
    Blocks
        Layers of steps if one of them has both phases, else steps, else the run.

    Raises
    ------
    UsageError
        If a phase did not run, or both share work.
    """
    labels = contents.labels
    first, second = (_rows_of(labels, phase) for phase in phases)
    if (first & second).any():
        raise UsageError(
            f"--flatten: {phases[0]} and {phases[1]} share work",
            details="one is part of the other",
            next_step="name two phases, or two parts of one",
        )
    side = np.where(first, 0, np.where(second, 1, NONE))
    for name, block in _candidates(labels):
        held = [np.bincount(block[rows & (block >= 0)]) > 0 for rows in (first, second)]
        n = min(map(len, held))
        if (held[0][:n] & held[1][:n]).any():
            return Blocks(name, side, block)
    return Blocks("run", side, np.zeros(len(side), dtype=np.int64))


def _rows_of(labels: Labels, phase: str) -> NDArray[np.bool_]:
    for level in (labels.phase, labels.subphase):
        found = (level.cast(pl.String) == phase).to_numpy()
        if found.any():
            return found
    names = {
        name
        for level in (labels.phase, labels.subphase)
        for name in level.unique().cast(pl.String).to_list()
    }
    raise UsageError(
        f"--flatten: no work of phase {phase!r}",
        details=f"this run has {', '.join(sorted(names))}",
        next_step="name one of these; `traceenergy rules --explain TRACE` tells why they are what "
        "they are",
    )


def _candidates(labels: Labels) -> Iterator[tuple[str, Int]]:
    layer = labels.layer.fill_null(NONE).cast(pl.Int64).to_numpy()
    n_layers = int(layer.max(initial=NONE)) + 1
    # Steps are counted from the first of them: programs may be at their millionth.
    in_step = labels.step >= 0
    known = in_step & (layer >= 0)
    step = labels.step - labels.step[in_step].min(initial=np.iinfo(np.int64).max)
    yield "layer", np.where(known, step * n_layers + layer, NONE)
    yield "step", np.where(in_step, step, NONE)
