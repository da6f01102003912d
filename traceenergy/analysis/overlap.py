"""Communication or memory work that other work hides, or that stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.path_columns import OVERLAP
from traceenergy.intervals import union
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

MOVES = r"^(?:allreduce|collective|memory)(?:\.|$)|^moe\.(?:dispatch|combine)$"


def overlap_rows(ledger: Ledger, subphase: pl.Series, critical: Critical) -> pl.DataFrame:
    """Split communication and memory work into what is hidden and what is exposed.

    Parameters
    ----------
    ledger : Ledger
    subphase : polars.Series of String or Enum (n_work,)
    critical : Critical

    Returns
    -------
    polars.DataFrame
        `OVERLAP`, by first-level phase (dispatch and combine of experts by part), most time first.

    Notes
    -----
    A piece is hidden while any computation runs on its device. Its energy is split by time, so a
    power that differs between both comes from pieces that are hidden in different parts.
    """
    text = subphase.cast(pl.String)
    moves = text.str.contains(MOVES).to_numpy()
    if not moves.any():
        return pl.DataFrame(schema={column.name: column.dtype for column in OVERLAP})
    hidden_ns, saved_ns = np.zeros(len(moves)), np.zeros(len(moves))
    for device in range(len(ledger.devices)):
        mine = ledger.device == device
        rows, others = np.flatnonzero(mine & moves), np.flatnonzero(mine & ~moves)
        start_ns, end_ns = ledger.start_ns[rows], ledger.end_ns[rows]
        hidden_ns[rows] = _covered_ns(start_ns, end_ns, ledger, others)
        on_path = others[critical.path_ns[others] > 0]
        saved_ns[rows] = _covered_ns(start_ns, end_ns, ledger, on_path)
    saved_ns = np.where(critical.path_ns > 0, 0.0, saved_ns)
    length_ns = (ledger.end_ns - ledger.start_ns).astype(np.float64)
    share = np.divide(hidden_ns, length_ns, where=length_ns > 0, out=np.zeros_like(hidden_ns))
    name = text.str.replace(r"^(allreduce|collective|memory)\..*$", "$1")
    frame = pl.DataFrame(
        {
            "name": name,
            "busy_s": length_ns * S_PER_NS,
            "hidden_s": hidden_ns * S_PER_NS,
            "saved_s": saved_ns * S_PER_NS,
            "hidden_j": pl.Series(ledger.energy_j * share).fill_nan(None),
            "exposed_j": pl.Series(ledger.energy_j * (1 - share)).fill_nan(None),
        }
    ).filter(pl.Series(moves))
    any_power = pl.col("hidden_j").is_not_null().any()
    sums = frame.group_by("name", maintain_order=True).agg(
        pl.col("busy_s", "hidden_s", "saved_s").sum(),
        *(pl.when(any_power).then(pl.col(j).sum()).alias(j) for j in ("hidden_j", "exposed_j")),
    )
    sums = sums.with_columns(exposed_s=pl.col("busy_s") - pl.col("hidden_s"))
    powers = (
        pl.when(pl.col(f"{how}_s") > 0)
        .then(pl.col(f"{how}_j") / pl.col(f"{how}_s"))
        .alias(f"{how}_w")
        for how in ("hidden", "exposed")
    )
    return (
        sums.with_columns(powers)
        .sort("busy_s", "name", descending=[True, False])
        .select(pl.col(column.name).cast(column.dtype) for column in OVERLAP)
    )


def _covered_ns(start_ns: Int, end_ns: Int, ledger: Ledger, others: Int) -> Float:
    """Measure the part of each interval in which any of the others runs."""
    low, high = union(ledger.start_ns[others], ledger.end_ns[others])
    if not len(low):  # none, or none of any length
        return np.zeros(len(start_ns))
    before = np.concatenate(([0], np.cumsum(high - low)))

    def until(at_ns: Int) -> Int:
        place = np.searchsorted(low, at_ns, side="right")
        beyond = np.maximum(high[np.maximum(place, 1) - 1] - at_ns, 0) * (place > 0)
        return np.asarray(before[place] - beyond)

    return np.asarray(until(end_ns) - until(start_ns), dtype=np.float64)
