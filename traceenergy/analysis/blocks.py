"""Average transformer block: what its parts cost, over all its passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars.selectors as cs

from traceenergy.analysis.block_columns import BLOCK_ROW, BLOCK_WAVEFORM
from traceenergy.analysis.block_times import time_blocks
from traceenergy.analysis.folding import N_KINDS, doubt_left_out, fold, kind_name
from traceenergy.analysis.rows import sum_groups
from traceenergy.analysis.waveform import draw_waveform
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.block_times import BlockTimes
    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.folding import Folding, Marks
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.caveats import Caveat
    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

WHOLE = "whole block"
_US_PER_S = NS_PER_S / NS_PER_US
_ENERGIES = ("energy_j", "energy_lo_j", "energy_hi_j", "static_j", "dynamic_j")


@dataclass(frozen=True)
class AverageBlocks:
    """The average block of each kind.

    Attributes
    ----------
    rows, waveform : polars.DataFrame
        As declared by `BLOCK_ROW`, `BLOCK_WAVEFORM`.
    caveats : tuple of Caveat
    """

    rows: pl.DataFrame
    waveform: pl.DataFrame
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class FoldedBlocks:
    """Passes laid onto each other, before their energy is summed.

    Attributes
    ----------
    part : ndarray of int32 (n_work,)
        Row in the table of blocks of each piece of the ledger; -1 for work of no pass that counts.
    caveats : tuple of Caveat
    times : BlockTimes or None
        None without any pass that counts.
    passes : Passes or None
        Likewise.
    """

    part: NDArray[np.int32]
    caveats: tuple[Caveat, ...] = ()
    times: BlockTimes | None = None
    passes: Passes | None = None


def fold_blocks(work: GpuWork, marks: Marks, ledger: Ledger, window: Window) -> FoldedBlocks:
    """Lay all passes through transformer blocks onto each other.

    Parameters
    ----------
    work : GpuWork
        All of the trace.
    marks : Marks
    ledger : Ledger
    window : Window

    Returns
    -------
    FoldedBlocks
        Only passes wholly in the window count, of the sequence of phases that holds most time of
        their kind.
    """
    nothing = np.full(len(ledger.trace_index), -1, dtype=np.int32)
    if marks.layer.null_count() == len(marks.layer):
        return FoldedBlocks(nothing)
    folding = fold(work, marks, window)
    doubts = doubt_left_out(folding)
    if not folding.is_used.any():
        return FoldedBlocks(nothing, doubts)
    times = time_blocks(work, marks, folding)
    passes = _passes(ledger, folding, len(work))
    counts = np.repeat(passes.counts, folding.runs.count)
    part_of_run = np.where(counts, times.part_of_run, -1).astype(np.int32)
    part = np.full(len(work), -1, dtype=np.int32)
    part[folding.instances.row] = np.repeat(part_of_run, folding.runs.n_pieces)
    if len(ledger.trace_index) < len(part):
        part = part[ledger.trace_index]
    return FoldedBlocks(part, doubts, times, passes)


def average_blocks(
    folded: FoldedBlocks, cells: Cells, part: Int, labels: dict[str, str]
) -> AverageBlocks:
    """Average all passes through transformer blocks, by kind of step and of layer.

    Parameters
    ----------
    folded : FoldedBlocks
    cells : Cells
        Of the same ledger; pieces of a cell are of one part.
    part : ndarray of int (n_cells,)
        Of each cell, as in `folded`.
    labels : dict
        Phase or part of one -> name for people.

    Returns
    -------
    AverageBlocks
        Empty tables without layers. How many passes are left out is in the rows.

    Notes
    -----
    Energy of a position is that of all its work over the number of passes. So its interval is
    that of one group of work, covariances included, as of a row of any other table.
    """
    if folded.times is None or folded.passes is None:
        return AverageBlocks(empty_table(BLOCK_ROW), empty_table(BLOCK_WAVEFORM), folded.caveats)
    rows = _with_energy(folded.times, cells, part, folded.passes)
    waveform = draw_waveform(rows, _idle_power_w(cells.ledger, folded.passes))
    return AverageBlocks(_finished(rows, labels), waveform, folded.caveats)


@dataclass(frozen=True)
class Passes:
    """Passes whose energy makes up the average, ``(n_passes,)`` each.

    Attributes
    ----------
    has_energy, counts : ndarray of bool
        Where the energy of some passes of a kind is known, only those count; where of none, all do.
    kind : ndarray of int64
        As in `Folding`.
    device : ndarray of int64
        In the ledger; -1 for passes outside the window.
    """

    has_energy: Bool
    counts: Bool
    kind: Int
    device: Int


def _passes(ledger: Ledger, folding: Folding, n_work: int) -> Passes:
    row, first = folding.instances.row, folding.instances.first
    known = np.zeros(n_work, dtype=bool)
    known[ledger.trace_index] = ~np.isnan(ledger.energy_j)
    has_energy = folding.is_used.copy()
    if not known.all():
        has_energy &= np.logical_and.reduceat(known[row], first)
    kinds_known = np.zeros(N_KINDS + 1, dtype=bool)  # passes outside the window find the last
    kinds_known[folding.kind[has_energy]] = True
    counts = folding.is_used & (has_energy | ~kinds_known[folding.kind])
    # Rows of the ledger rise.
    place = np.searchsorted(ledger.trace_index, row[first])
    inside = np.append(ledger.trace_index, -1)[place] == row[first]
    device = np.where(inside, np.append(ledger.device, -1)[place], -1)
    return Passes(has_energy, counts, folding.kind, device)


def _with_energy(times: BlockTimes, cells: Cells, part: Int, passes: Passes) -> pl.DataFrame:
    """Add mean energies and powers; rows are inseparable within their own block only."""
    rows, number = times.rows, np.arange(len(times.rows))
    names = rows["position"].cast(pl.String) + " " + rows["subphase"]
    whole_of_kind = np.full(N_KINDS, -1)
    is_whole = rows["position"].is_null().to_numpy()
    whole_of_kind[times.kind[is_whole]] = np.flatnonzero(is_whole)
    whole = np.where(part >= 0, whole_of_kind[times.kind[part]], -1)  # parts lie within wholes
    of_parts = sum_groups(cells, part, names.fill_null(WHOLE), times.kind)
    of_wholes = sum_groups(cells, whole, names.fill_null(WHOLE), number)
    sums = pl.concat([of_parts, of_wholes])[number + len(rows) * is_whole]
    n_energy, n_counted = (
        np.bincount(passes.kind[chosen], minlength=N_KINDS)[times.kind]
        for chosen in (passes.has_energy, passes.counts)
    )
    means = _means(_possible(sums, cells.ledger), pl.Series(n_counted))
    return rows.with_columns(means.get_columns()).with_columns(pl.Series("n_with_energy", n_energy))


def _possible(sums: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Cut upper bounds to what the strongest board could have used meanwhile."""
    limits_w = [one.most_w for one in ledger.energies if one is not None]
    known_w = [limit_w for limit_w in limits_w if limit_w is not None]
    if len(known_w) < len(limits_w) or not known_w:
        return sums
    most_j = pl.max_horizontal(pl.col("busy_s") * max(known_w), "energy_j")
    return sums.with_columns(pl.min_horizontal("energy_hi_j", most_j).alias("energy_hi_j"))


def _means(sums: pl.DataFrame, n_passes: pl.Series) -> pl.DataFrame:
    busy = pl.when(pl.col("busy_s") > 0).then(pl.col("busy_s"))
    return sums.select(
        *(pl.col(name) / n_passes for name in _ENERGIES),
        (pl.col("busy_s") / n_passes * _US_PER_S).alias("busy_us"),
        "mean_power_w",
        (pl.col("energy_lo_j") / busy).alias("mean_power_lo_w"),
        (pl.col("energy_hi_j") / busy).alias("mean_power_hi_w"),
        "inseparable_with",
    )


def _idle_power_w(ledger: Ledger, passes: Passes) -> dict[str, float]:
    """Average idle power over the passes of each kind whose energy is known."""
    idle_w = ledger.idle_power_w
    kind, of_pass = passes.kind[passes.has_energy], idle_w[passes.device[passes.has_energy]]
    n_passes = np.bincount(kind, minlength=N_KINDS)
    sums_w = np.bincount(kind, of_pass, minlength=N_KINDS)
    return {
        kind_name(one): sums_w[one] / n_passes[one] for one in np.flatnonzero(n_passes).tolist()
    }


def _finished(rows: pl.DataFrame, labels: dict[str, str]) -> pl.DataFrame:
    """Add what is relative to the whole block; put kinds in order of what they cost."""
    whole = pl.col("position").is_null()

    def of_whole(name: str) -> pl.Expr:
        return pl.col(name).filter(whole).first().over("block")

    cost = of_whole("energy_j").fill_null(0.0) * pl.col("n_instances")
    spent = of_whole("duration_us") * pl.col("n_instances")
    subphase = pl.col("subphase")
    rows = rows.with_columns(
        subphase.replace(labels).fill_null(WHOLE).alias("label"),
        (pl.col("energy_j") / of_whole("energy_j")).alias("energy_share"),
        (pl.col("duration_us") / of_whole("duration_us")).alias("time_share"),
        cost.alias("cost"),
        spent.alias("spent"),
    ).sort(
        ["cost", "spent", "block", "position"],
        descending=[True, True, False, False],
        nulls_last=True,
    )
    finite = cs.float()
    return rows.select(pl.col(one.name).cast(one.dtype) for one in BLOCK_ROW).with_columns(
        finite.fill_nan(None)
    )
