"""Times of the average block: where each position begins, how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.folding import kind_name, kind_parts
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.folding import Folding, Marks
    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class BlockTimes:
    """Rows of the table of blocks, without energy.

    Attributes
    ----------
    rows : polars.DataFrame
        Of each kind its positions in order, then the whole block.
    part_of_run : ndarray of int64 (n_runs,)
        Row of each run of the folding; -1 for those of passes that are left out.
    kind : ndarray of int64 (n_rows,)
        Kind of each row, as `kind_parts` reads it.
    """

    rows: pl.DataFrame
    part_of_run: Int
    kind: Int


@dataclass(frozen=True)
class _Spans:
    """Runs of work, and passes, in time [ns]."""

    offset_ns: Int
    length_ns: Int
    n_pieces: Int
    elapsed_ns: Int


def time_blocks(work: GpuWork, marks: Marks, folding: Folding) -> BlockTimes:
    """Average times over the passes of each kind.

    Parameters
    ----------
    work : GpuWork
        All of the trace.
    marks : Marks
    folding : Folding
        Uses some passes.

    Returns
    -------
    BlockTimes
    """
    spans, runs = _spans(work, folding), folding.runs
    part_of_run = np.full(len(runs.begin), -1)
    tables: list[pl.DataFrame] = []
    of_row: list[int] = []
    for kind in np.unique(folding.kind[folding.is_used]).tolist():
        passes = np.flatnonzero(folding.is_used & (folding.kind == kind))
        matrix = runs.matrix(passes)
        lane = folding.instances.lane[runs.begin[matrix[0]]]
        matrix = matrix[:, np.lexsort((lane, spans.offset_ns[matrix].mean(axis=0)))]
        part_of_run[matrix] = len(of_row) + np.arange(matrix.shape[1])
        table = pl.concat([_parts(marks, folding, spans, matrix), _whole(spans, passes, matrix)])
        tables.append(table.with_columns(*_facts(folding, kind)))
        of_row += [kind] * len(table)
    return BlockTimes(pl.concat(tables), part_of_run, np.array(of_row))


def _spans(work: GpuWork, folding: Folding) -> _Spans:
    row, begin = folding.instances.row, folding.runs.begin
    start_ns = work["start_ns"].to_numpy()[row[begin]]
    end_ns = np.maximum.reduceat(work["end_ns"].to_numpy()[row], begin)
    first = folding.runs.first
    origin_ns = np.minimum.reduceat(start_ns, first)
    return _Spans(
        offset_ns=start_ns - np.repeat(origin_ns, folding.runs.count),
        length_ns=end_ns - start_ns,
        n_pieces=folding.runs.n_pieces,
        elapsed_ns=np.maximum.reduceat(end_ns, first) - origin_ns,
    )


def _parts(marks: Marks, folding: Folding, spans: _Spans, matrix: Int) -> pl.DataFrame:
    piece = folding.runs.begin[matrix[0]]
    row = folding.instances.row[piece]
    by_phase = folding.by_phase[folding.kind[np.searchsorted(folding.runs.first, matrix[0].min())]]
    names = marks.phase if by_phase else marks.subphase
    length_us = spans.length_ns[matrix] / NS_PER_US
    return pl.DataFrame(
        {
            "position": pl.Series(range(matrix.shape[1]), dtype=pl.Int32),
            "phase": marks.phase.gather(row).cast(pl.String),
            "subphase": names.gather(row).cast(pl.String),
            "beside": folding.instances.lane[piece] > 0,
            "n_kernels": spans.n_pieces[matrix].mean(axis=0),
            "start_us": (spans.offset_ns[matrix] / NS_PER_US).mean(axis=0),
            "duration_us": length_us.mean(axis=0),
            "duration_sd_us": _spread(length_us),
        }
    )


def _whole(spans: _Spans, passes: Int, matrix: Int) -> pl.DataFrame:
    elapsed_us = spans.elapsed_ns[passes, None] / NS_PER_US
    return pl.DataFrame(
        {
            "position": pl.Series([None], dtype=pl.Int32),
            "phase": pl.Series([None], dtype=pl.String),
            "subphase": pl.Series([None], dtype=pl.String),
            "beside": [False],
            "n_kernels": [spans.n_pieces[matrix].sum() / len(passes)],
            "start_us": [0.0],
            "duration_us": elapsed_us.mean(axis=0),
            "duration_sd_us": _spread(elapsed_us),
        }
    )


def _spread(value_us: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate the standard deviation over passes; NaN of one pass."""
    if len(value_us) == 1:
        return np.full(value_us.shape[1], np.nan)
    return np.asarray(value_us.std(axis=0, ddof=1))


def _facts(folding: Folding, kind: int) -> list[pl.Expr]:
    step_kind, layer_kind, is_backward = kind_parts(kind)
    mine = folding.kind == kind
    n_cut = int((mine & folding.is_cut).sum())
    n_used = int((mine & folding.is_used).sum())
    return [
        pl.lit(kind_name(kind)).alias("block"),
        pl.lit(step_kind).alias("step_kind"),
        pl.lit(layer_kind).alias("layer_kind"),
        pl.lit(is_backward).alias("is_backward"),
        pl.lit(n_used).alias("n_instances"),
        pl.lit(n_cut).alias("n_cut"),
        pl.lit(int(mine.sum()) - n_used - n_cut).alias("n_other_order"),
    ]
