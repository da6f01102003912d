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
    told = [one for one in powers if one.reconstructed_from_ns == 0]
    kinds = pl.DataFrame({"name": contents.ledger.work["name_id"], "phase": contents.labels.phase})
    kind, keys = codes_of(kinds, ["name", "phase"])
    layer = contents.labels.layer.fill_null(-1).to_numpy()
    parts = [_changes(power, kind, layer, len(keys)) for power in told]
    found = pl.concat(parts) if parts else pl.DataFrame()
    if found.is_empty():
        return empty_table(POWER_TRANSITION)
    size_w = found["change_w"].abs()
    least_w = size_w.top_k(max(1, int(len(found) * STEEP_SHARE))).min()
    total_w = float(size_w.sum()) or 1.0
    size, change = pl.col("change_w").abs(), pl.col("change_w")
    phase_id, phases = codes_of(keys, ["phase"])
    sums = found.group_by("transition").agg(
        pl.len().cast(pl.Int64).alias("n"),
        change.median().alias("typical_w"),
        size.sum().alias("total_w"),
        (size.sum() / total_w).alias("total_share"),
        (size >= least_w).sum().cast(pl.Int64).alias("n_steep"),
        change.get(size.arg_max()).alias("largest_w"),
        **{name: pl.col(name).get(size.arg_max()) for name in _OF_LARGEST},
    )
    keyed = sums.with_columns(_sides(sums["transition"], keys["name"], pl.Series(phase_id)))
    rows = keyed.sort(["total_w", *_KEY], descending=[True, *(False for _ in _KEY)]).head(MOST_ROWS)
    rows = rows.with_columns(_of_largest(rows, told, contents))
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


_OF_LARGEST = ("at_ns", "device", "from_piece", "to_piece")


def _changes(power: DevicePower, kind: Int, layer: Int, n_kinds: int) -> pl.DataFrame:
    """List the changes of a device, each with one number for what it goes from and to."""
    work = power.energy.work
    found = changes_of(power.reconstructed, work.start_ns, work.end_ns)
    # A gap, piece -1, finds the last place: neither name nor phase nor layer.
    kind_of, layer_of = np.append(kind[work.row], n_kinds), np.append(layer[work.row], -1)
    crosses = layer_of[found.before] != layer_of[found.after]
    pair = kind_of[found.before] * (n_kinds + 1) + kind_of[found.after]
    return pl.DataFrame(
        {
            "transition": 2 * pair + crosses,
            "change_w": found.change_w,
            "at_ns": found.at_ns,
            "from_piece": found.before,
            "to_piece": found.after,
        }
    ).with_columns(pl.lit(power.index, dtype=pl.Int32).alias("device"))


def _sides(transition: pl.Series, names: pl.Series, phase_id: pl.Series) -> list[pl.Series]:
    """Tell what transitions go from and to (`_KEY`); null for a gap."""
    n_kinds = len(names)
    pair = transition // 2
    columns = [(transition % 2 == 1).alias("crosses_layers")]
    for side, kind in (("from", pair // (n_kinds + 1)), ("to", pair % (n_kinds + 1))):
        known = kind.set(kind == n_kinds, None)
        columns.append(names.gather(known).alias(f"{side}_name"))
        columns.append(phase_id.gather(known).alias(f"{side}_phase_id"))
    return columns


def _of_largest(rows: pl.DataFrame, told: list[DevicePower], contents: Contents) -> list[pl.Series]:
    """Tell device and layers of the largest change of each row."""
    work = {one.index: one.energy.work for one in told}
    device = rows["device"].to_list()
    columns = [
        pl.Series("rank", [work[index].rank for index in device], dtype=pl.Int32),
        pl.Series("device_id", [work[index].device_id for index in device], dtype=pl.Int32),
    ]
    for side in ("from", "to"):
        pieces = zip(device, rows[f"{side}_piece"].to_list(), strict=True)
        row = [int(work[index].row[piece]) if piece >= 0 else None for index, piece in pieces]
        found = contents.labels.layer.gather(pl.Series(row, dtype=pl.Int64))
        columns.append(found.alias(f"{side}_layer"))
    return columns
