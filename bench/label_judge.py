"""Hold the step, layer and phase of each piece of GPU work against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

PIECE = ["device_id", "table", "trace_row"]
COPIES = ("MEMCPY", "MEMSET")
_NO_PHASE = ("other", "unclassified")


@dataclass(frozen=True)
class Labels:
    """What an analysis got right.

    Attributes
    ----------
    step, layer, phase, all_three
        Shares of the time of GPU work with the right one, 0 to 1.
    n_invented
        Layer numbers that the run does not have.
    n_pieces
        Pieces of GPU work.
    """

    step: float
    layer: float
    phase: float
    all_three: float
    n_invented: int
    n_pieces: int


def judge_labels(truth: pl.DataFrame, work: pl.DataFrame) -> Labels:
    """Judge an analysis of a simulated run.

    Parameters
    ----------
    truth : polars.DataFrame
        `truth.parquet` of the run.
    work : polars.DataFrame
        `Analysis.work`.

    Returns
    -------
    Labels

    Notes
    -----
    Steps may be numbered from anywhere: the shift that most time agrees on is taken off. Work that
    has no layer must get none. First levels of phases count, `other` is as good as `unclassified`.
    Phases of copies are not judged: rules name them by the range that they were launched in.
    """
    told = work.select(*PIECE, "step", "layer", "phase")
    rows = truth.select(
        pl.col("device_id"),
        pl.col("table").cast(pl.String),
        "trace_row",
        "step",
        "layer",
        pl.col("phase").cast(pl.String),
        duration_ns=pl.col("end_ns") - pl.col("start_ns"),
    ).join(told, on=PIECE, how="left", suffix="_told", validate="1:1")
    right = rows.select(
        "duration_ns",
        step=pl.col("step").eq_missing(pl.col("step_told") - _shift(rows)),
        layer=pl.col("layer").eq_missing(pl.col("layer_told")),
        phase=_first(pl.col("phase")).eq_missing(_first(pl.col("phase_told")))
        | pl.col("table").is_in(COPIES),
    ).with_columns(all_three=pl.col("step") & pl.col("layer") & pl.col("phase"))
    names = ("step", "layer", "phase", "all_three")
    shares = right.select(
        (pl.col(name) * pl.col("duration_ns")).sum() / pl.col("duration_ns").sum() for name in names
    )
    return Labels(
        **shares.row(0, named=True),
        n_invented=len(found_layers(work) - set(truth["layer"].drop_nulls())),
        n_pieces=len(truth),
    )


def found_layers(work: pl.DataFrame) -> set[int]:
    """List the layer numbers of an analysis."""
    return set(work["layer"].drop_nulls())


def _shift(rows: pl.DataFrame) -> int:
    shift = (pl.col("step_told") - pl.col("step")).alias("shift")
    by_shift = rows.group_by(shift).agg(pl.col("duration_ns").sum()).drop_nulls()
    most = by_shift.sort("duration_ns", "shift", descending=[True, False])["shift"]
    return int(most[0]) if len(most) else 0


def _first(phase: pl.Expr) -> pl.Expr:
    return pl.when(phase.is_in(_NO_PHASE)).then(pl.lit("other")).otherwise(phase)
