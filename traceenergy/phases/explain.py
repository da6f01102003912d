"""Which rule decided for which range or kernel, with the time at stake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.intervals import busy_by_group
from traceenergy.trace.tables import Column
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.phases.classify import Classification
    from traceenergy.trace.tables import GpuWork, RangePaths

EXPLAINED = (
    Column("rule", pl.String, "", "id of the rule that decided", "none did"),
    Column("subphase", pl.String, "", "what it said"),
    Column("range", pl.String, "", "NVTX path asked, unnumbered", "outside every range"),
    Column("kernel", pl.String, "", "short name"),
    Column("full_name", pl.String, "", "demangled name of one of its launches"),
    Column("n_kernels", pl.Int64, "", "pieces of GPU work"),
    Column("busy_s", pl.Float64, "s", "union of its GPU work, summed over devices"),
    Column("busy_share", pl.Float64, "", "part of the sum of `busy_s`, 0 to 1"),
    Column("energy_j", pl.Float64, "J", "of its GPU work", "no power covers any of it"),
    Column("energy_share", pl.Float64, "", "part of the sum of `energy_j`, 0 to 1", "no power"),
)
# PyTorch's numbering would make nearly every path unique.
_NUMBERING = r", (?:seq|op_id|seq_id|scope|sizes|input_op_ids) = [^/]*"


def explain(  # noqa: PLR0913 - what classify_work takes and gives, and the energy
    work: GpuWork,
    path_id: pl.Series,
    paths: RangePaths,
    names: pl.Series,
    classification: Classification,
    *,
    energy_j: pl.Series | None = None,
) -> pl.DataFrame:
    """List each distinct range path and kernel with the rule that decided.

    Parameters
    ----------
    work : GpuWork
    path_id : polars.Series of UInt32 (n_work,)
        As for `classify_work`.
    paths : RangePaths
    names : polars.Series of String
        Text by id.
    classification : Classification
        Of this work.
    energy_j : polars.Series of Float64 (n_work,) [J] or None
        Of each piece, null where no power covers it; None where there is no power.

    Returns
    -------
    polars.DataFrame
        `EXPLAINED`, what no rule matched first, then by falling time.
    """
    unnumbered = paths["path"].str.replace_all(_NUMBERING, "")
    rows = pl.DataFrame(
        {
            "rule": classification.work["rule"].cast(pl.String),
            "subphase": classification.work["subphase"].cast(pl.String),
            "range": unnumbered.gather(path_id),
            "kernel": names.gather(work["name_id"]),
            "full_name": names.gather(work["full_name_id"]),
            "rank": work["rank"],
            "device_id": work["device_id"],
            "start_ns": work["start_ns"],
            "end_ns": work["end_ns"],
            "energy_j": pl.Series([None] * len(work)) if energy_j is None else energy_j,
        },
        schema_overrides={"energy_j": pl.Float64},
    )
    groups = _with_busy(rows, ["rule", "subphase", "range", "kernel"])
    total_s, total_j = groups["busy_s"].sum() or 1.0, groups["energy_j"].sum() or 1.0
    return (
        groups.with_columns(
            (pl.col("busy_s") / total_s).alias("busy_share"),
            (pl.col("energy_j") / total_j).alias("energy_share"),
        )
        .sort(
            [pl.col("rule").is_not_null(), "busy_s", "range", "kernel", "subphase"],
            descending=[False, True, False, False, False],
        )
        .select([column.name for column in EXPLAINED])
    )


def _with_busy(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    # A group on a device is one union; devices are summed.
    group = rows.select(pl.struct(*keys, "rank", "device_id").rank("dense")).to_series()
    group = group.cast(pl.Int64) - 1
    n_groups = 0 if rows.is_empty() else int(group.to_numpy().max()) + 1
    busy_ns = busy_by_group(
        group.to_numpy(), rows["start_ns"].to_numpy(), rows["end_ns"].to_numpy(), n_groups
    )
    busy = pl.DataFrame(
        {"group": pl.int_range(n_groups, eager=True), "busy_ns": pl.Series(busy_ns)}
    )
    return (
        rows.with_columns(group.alias("group"))
        .group_by([*keys, "group"])
        .agg(pl.len().cast(pl.Int64).alias("n_kernels"), pl.col("full_name").min(), _known_sum())
        .join(busy, on="group")
        .group_by(keys)
        .agg(
            pl.col("full_name").min(),
            pl.col("n_kernels").sum(),
            (pl.col("busy_ns").sum() * S_PER_NS).alias("busy_s"),
            _known_sum(),
        )
    )


def _known_sum() -> pl.Expr:
    energy = pl.col("energy_j")
    return pl.when(energy.count() > 0).then(energy.sum()).alias("energy_j")
