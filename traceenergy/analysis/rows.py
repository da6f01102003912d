"""Result tables: GPU work summed by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.inseparable import mark_inseparable
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


def sum_groups(
    cells: Cells, group: Int, names: pl.Series, table: Int | None = None
) -> pl.DataFrame:
    """Sum energy, time and count of groups of GPU work.

    Parameters
    ----------
    cells : Cells
        The work; cells lie within groups.
    group : ndarray of int64 (n_cells,)
        Group of each cell; negative for none.
    names : polars.Series of String (n_groups,)
    table : ndarray of int64 (n_groups,), optional
        Groups of different tables are not set against each other as inseparable.

    Returns
    -------
    polars.DataFrame
        One row per group in order, with the columns of `ROW`.
    """
    n_groups = len(names)
    keep = group >= 0
    member, known = group[keep], cells.known[keep]
    n_work = np.bincount(member, cells.n_work[keep], n_groups)
    n_known = np.bincount(member[known], minlength=n_groups)

    def total(values: Float) -> Float:
        sums = np.bincount(member[known], values[keep][known], n_groups)
        return np.where(n_known > 0, sums, np.nan)

    static_j, dynamic_j = total(cells.static_j), total(cells.dynamic_j)
    low_j, high_j = cells.bounds(group, n_groups)
    busy_s = cells.busy_s(group, n_groups)
    energy_j = static_j + dynamic_j
    all_j = np.nansum(cells.energy_j)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "energy_j": energy_j,
            "energy_lo_j": np.where(n_known > 0, np.minimum(low_j, energy_j), np.nan),
            "energy_hi_j": np.where(n_known > 0, np.maximum(high_j, energy_j), np.nan),
            "static_j": static_j,
            "dynamic_j": dynamic_j,
            "busy_s": busy_s,
            "mean_power_w": np.where(busy_s > 0, energy_j / busy_s, np.nan),
            "energy_share": np.where(all_j > 0, energy_j / all_j, np.nan),
        }
    frame = pl.DataFrame(columns, nan_to_null=True)
    rows = frame.with_columns(
        names.cast(pl.String).alias("name"),
        *_on_path(cells, group, n_groups),
        pl.Series("n_kernels", n_work).cast(pl.Int64),
    )
    return mark_inseparable(cells, group, rows, table)


def _on_path(cells: Cells, group: Int, n_groups: int) -> list[pl.Series]:
    """Time on the critical path, least slack, and part of the path, of each group."""
    names = ("critical_path_s", "slack_s", "path_share")
    if cells.path_ns is None or cells.slack_ns is None:
        return [pl.Series(name, [None] * n_groups, dtype=pl.Float64) for name in names]
    keep = group >= 0
    path_ns = np.bincount(group[keep], cells.path_ns[keep], n_groups)
    least_ns = np.full(n_groups, np.inf)
    np.minimum.at(least_ns, group[keep], cells.slack_ns[keep])
    least_ns[np.isinf(least_ns)] = np.nan
    columns = (path_ns * S_PER_NS, least_ns * S_PER_NS, path_ns / max(1, cells.ledger.elapsed_ns))
    return [
        pl.Series(name, column, nan_to_null=True)
        for name, column in zip(names, columns, strict=True)
    ]
