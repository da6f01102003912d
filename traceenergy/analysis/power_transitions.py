"""Which work follows which where power changes most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.power_columns import POWER_TRANSITION, RECONSTRUCTED
from traceenergy.codes import codes_of
from traceenergy.power.changes import changes_of
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.power_curves import DevicePower

    Int = NDArray[np.int64]

MOST_ROWS = 50
STEEP_SHARE = 0.01
_KEY = ("from_name", "from_phase_id", "to_name", "to_phase_id", "crosses_layers")


def transition_rows(powers: tuple[DevicePower, ...], contents: Contents) -> pl.DataFrame:
    """Rank the transitions from kernel to kernel by what they add to the changes of power.

    Parameters
    ----------
    powers : tuple of DevicePower
    contents : Contents

    Returns
    -------
    polars.DataFrame
        `POWER_TRANSITION`, most first, 50 rows at most, over all devices. Empty where the
        reconstruction does not tell kernels apart.
    """
    of_work, phases = codes_of(pl.DataFrame({"phase": contents.labels.phase}), ["phase"])
    phase = pl.Series(of_work)
    told = [one for one in powers if one.reconstructed_from_ns == 0]
    parts = [_changes(power, contents, phase) for power in told]
    found = pl.concat(parts) if parts else pl.DataFrame()
    if found.is_empty():
        return empty_table(POWER_TRANSITION)
    size_w = found["change_w"].abs()
    least_w = size_w.top_k(max(1, int(len(found) * STEEP_SHARE))).min()
    total_w = float(size_w.sum()) or 1.0
    size, change = pl.col("change_w").abs(), pl.col("change_w")
    largest = {name: pl.col(name).get(size.arg_max()) for name in _OF_LARGEST}
    rows = (
        found.group_by(_KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            change.median().alias("typical_w"),
            size.sum().alias("total_w"),
            (size.sum() / total_w).alias("total_share"),
            (size >= least_w).sum().cast(pl.Int64).alias("n_steep"),
            change.get(size.arg_max()).alias("largest_w"),
            **largest,
        )
        .sort(["total_w", *_KEY], descending=[True, *(False for _ in _KEY)])
        .head(MOST_ROWS)
    )
    names = {side: contents.names.gather(rows[f"{side}_name"]) for side in ("from", "to")}
    phase_names = phases["phase"].cast(pl.String)
    return rows.with_columns(
        pl.lit(RECONSTRUCTED).alias("source"),
        pl.when(pl.col("typical_w") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise"))
        .alias("direction"),
        *(names[side].alias(f"{side}_kernel") for side in names),
        *(phase_names.gather(rows[f"{side}_phase_id"]).alias(f"{side}_phase") for side in names),
    ).select(pl.col(one.name).cast(one.dtype) for one in POWER_TRANSITION)


_OF_LARGEST = ("at_ns", "rank", "device_id", "from_layer", "to_layer")


def _changes(power: DevicePower, contents: Contents, phase: pl.Series) -> pl.DataFrame:
    work = power.energy.work
    found = changes_of(power.reconstructed, work.start_ns, work.end_ns)
    sides = {"from": found.before, "to": found.after}
    columns = {"at_ns": pl.Series(found.at_ns), "change_w": pl.Series(found.change_w)}
    for side, piece in sides.items():
        # A gap has no row, hence neither name nor phase nor layer.
        row = pl.Series(np.where(piece >= 0, work.row[piece], -1))
        row = row.set(row < 0, None)
        columns[f"{side}_name"] = contents.ledger.work["name_id"].gather(row)
        columns[f"{side}_phase_id"] = phase.gather(row)
        columns[f"{side}_layer"] = contents.labels.layer.gather(row)
    return pl.DataFrame(columns).with_columns(
        pl.lit(work.rank, dtype=pl.Int32).alias("rank"),
        pl.lit(work.device_id, dtype=pl.Int32).alias("device_id"),
        pl.col("from_layer").ne_missing(pl.col("to_layer")).alias("crosses_layers"),
    )
