"""Average transformer block: what its parts cost, over all its passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars.selectors as cs

from traceenergy.analysis.block_columns import BLOCK_ROW, BLOCK_WAVEFORM
from traceenergy.analysis.block_times import BlockTimes, time_blocks
from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.folding import N_KINDS, doubt_left_out, fold, kind_name
from traceenergy.analysis.rows import sum_groups
from traceenergy.analysis.waveform import draw_waveform
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def average_blocks(
    work: GpuWork, marks: Marks, ledger: Ledger, window: Window, labels: dict[str, str]
) -> AverageBlocks:
    """Average all passes through transformer blocks, by kind of step and of layer.

    Parameters
    ----------
    work : GpuWork
        All of the trace.
    marks : Marks
    ledger : Ledger
    window : Window
    labels : dict
        Phase or part of one -> name for people.

    Returns
    -------
    AverageBlocks
        Empty tables without layers. Only passes wholly in the window count, of the sequence of
        phases that holds most time of their kind; how many are left out is in the rows.

    Notes
    -----
    Energy of a position is that of all its work over the number of passes. So its interval is
    that of one group of work, covariances included, as of a row of any other table.
    """
    nothing = empty_table(BLOCK_ROW), empty_table(BLOCK_WAVEFORM)
    if marks.layer.null_count() == len(marks.layer):
        return AverageBlocks(*nothing, ())
    folding = fold(work, marks, window)
    doubts = doubt_left_out(folding)
    if not folding.is_used.any():
        return AverageBlocks(*nothing, doubts)
    times = time_blocks(work, marks, folding)
    passes = _passes(len(work), ledger, folding)
    rows = _with_energy(times, ledger, passes)
    waveform = draw_waveform(rows, _idle_power_w(ledger, passes))
    return AverageBlocks(_finished(rows, labels), waveform, doubts)


@dataclass(frozen=True)
class _Passes:
    """Passes whose energy makes up the average, and their work in the ledger.

    Where the energy of some passes of a kind is known, only those count; where of none, all do.
    """

    piece: Int  # of each piece of the ledger its piece of the folding; -1 for none
    has_energy: Bool
    counts: Bool
    kind: Int
    device: Int


def _passes(n_work: int, ledger: Ledger, folding: Folding) -> _Passes:
    row, first = folding.instances.row, folding.instances.first
    energy_j, device = np.full(n_work, np.nan), np.full(n_work, -1)
    energy_j[ledger.trace_index] = ledger.energy_j
    device[ledger.trace_index] = ledger.device
    unknown = np.logical_or.reduceat(np.isnan(energy_j[row]), first)
    has_energy = folding.is_used & ~unknown
    kinds_known = np.zeros(N_KINDS + 1, dtype=bool)  # passes outside the window find the last
    kinds_known[folding.kind[has_energy]] = True
    counts = folding.is_used & (has_energy | ~kinds_known[folding.kind])
    piece = np.full(n_work, -1)
    piece[row] = np.where(counts[folding.instances.of_piece], np.arange(len(row)), -1)
    return _Passes(piece[ledger.trace_index], has_energy, counts, folding.kind, device[row[first]])


def _with_energy(times: BlockTimes, ledger: Ledger, passes: _Passes) -> pl.DataFrame:
    """Add mean energies and powers; rows are inseparable within their own block only."""
    rows, number = times.rows, np.arange(len(times.rows))
    names = rows["position"].cast(pl.String) + " " + rows["subphase"]
    part, whole = (
        np.where(passes.piece >= 0, of_piece[passes.piece], -1)
        for of_piece in (times.part_of_piece, times.whole_of_piece)
    )
    cells = cells_of(ledger, part)  # parts lie within wholes
    of_parts = sum_groups(cells, part[cells.first], names.fill_null(WHOLE), times.kind)
    of_wholes = sum_groups(cells, whole[cells.first], names.fill_null(WHOLE), number)
    is_whole = rows["position"].is_null().to_numpy()
    sums = pl.concat([of_parts, of_wholes])[number + len(rows) * is_whole]
    n_energy, n_counted = (
        np.bincount(passes.kind[chosen], minlength=N_KINDS)[times.kind]
        for chosen in (passes.has_energy, passes.counts)
    )
    means = _means(_possible(sums, ledger), pl.Series(n_counted))
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


def _idle_power_w(ledger: Ledger, passes: _Passes) -> dict[str, float]:
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
