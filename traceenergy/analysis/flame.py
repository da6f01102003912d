"""GPU work as a tree of kinds of steps, layers, phases, kernels, whose parts sum to their whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.flame_columns import FLAME
from traceenergy.analysis.inseparable import mark_inseparable
from traceenergy.analysis.step_facts import KINDS
from traceenergy.codes import codes_of, number_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.label_cells import LabelCells

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

STEP_KIND, LAYERS, LAYER, PHASE, KERNEL = "step_kind", "layers", "layer", "phase", "kernel"
# Alike layers together, level by level; each layer alone, likewise.
_TOGETHER = (
    (STEP_KIND, ["step_kind"]),
    (LAYERS, ["step_kind", "layers"]),
    (PHASE, ["step_kind", "layers", "phase"]),
    (KERNEL, ["step_kind", "layers", "phase", "subphase", "kernel"]),
)
_ALONE = (
    (LAYER, ["step_kind", "layers", "layer"]),
    (PHASE, ["step_kind", "layers", "layer", "phase"]),
    (KERNEL, ["step_kind", "layers", "layer", "phase", "subphase", "kernel"]),
)


def flame_rows(work: LabelCells, names: pl.Series) -> pl.DataFrame:
    """Sum GPU work by kind of step, layer, phase and kernel, each in the one before.

    Parameters
    ----------
    work : LabelCells
    names : polars.Series of String
        Of kernels, by `name_id`.

    Returns
    -------
    polars.DataFrame
        `FLAME`, most energy first in each level. Layers of a kind of step that are made of the same
        parts are alike; rows without `layer` sum them, rows with one split what those sum. Work in
        no layer is in rows without `layer` only.

    Notes
    -----
    Time of a GPU while n pieces of work run on it counts 1/n for each, so times of all rows of a
    level sum to the time in which GPUs were busy, as energies sum to that of all GPU work.
    """
    leaf, leaves = _leaves(work, names)
    leaves = leaves.with_columns(_alike_layers(leaves))
    tables = [
        _with_bounds(work.cells, leaf, leaves, columns).with_columns(level=pl.lit(level))
        for level, columns in _TOGETHER
    ]
    alone = leaves.filter(pl.col("layer").is_not_null())
    tables += [_sums(alone, columns).with_columns(level=pl.lit(level)) for level, columns in _ALONE]
    rows = pl.concat(tables, how="diagonal_relaxed")
    order = pl.col("level").replace_strict(
        [STEP_KIND, LAYERS, LAYER, PHASE, KERNEL], range(5), return_dtype=pl.Int8
    )
    rows = rows.sort(
        order, "energy_j", "gpu_time_s", descending=[False, True, True], nulls_last=True,
        maintain_order=True,
    )  # fmt: skip
    return rows.select(pl.col(column.name).cast(column.dtype) for column in FLAME)


def _leaves(work: LabelCells, names: pl.Series) -> tuple[Int, pl.DataFrame]:
    """Sum what differs in kind of step, layer or kernel, and give each a number."""
    cells = work.cells
    step_kind = np.where(work.step_kind < 0, len(KINDS), work.step_kind)
    n_layers = int(work.layer.max(initial=-1)) + 2
    n_kernels = max(1, len(work.kernels))
    code = (step_kind * n_layers + work.layer + 1) * n_kernels + work.kernel
    there, leaf = number_codes(code, (len(KINDS) + 1) * n_layers * n_kernels)
    in_kind = there // n_kernels
    known = cells.known
    some_known = np.bincount(leaf[known], minlength=len(there)) > 0

    def total(values: Float) -> Float:
        sums = np.bincount(leaf[known], values[known], len(there))
        return np.where(some_known, sums, np.nan)

    of_kernel = work.kernels[there % n_kernels]
    frame = pl.DataFrame(
        {
            "step_kind": pl.Series([*KINDS, None], dtype=pl.String).gather(in_kind // n_layers),
            "layer": pl.Series(in_kind % n_layers - 1, dtype=pl.Int32),
            "phase": of_kernel["phase"].cast(pl.String),
            "subphase": of_kernel["subphase"].cast(pl.String),
            "kernel": names.gather(of_kernel["name_id"]),
            "energy_j": pl.Series(total(cells.energy_j), nan_to_null=True),
            "dynamic_j": pl.Series(total(cells.dynamic_j), nan_to_null=True),
            "gpu_time_s": np.bincount(leaf, cells.gpu_time_s, len(there)),
            "n_kernels": np.bincount(leaf, cells.n_work, len(there)),
        }
    )
    layer_known = pl.when(pl.col("layer") >= 0).then(pl.col("layer"))
    return leaf, frame.with_columns(layer_known)


def _alike_layers(leaves: pl.DataFrame) -> pl.Series:
    """Name the layers that are made of the same parts in the same kind of step."""
    layers = (
        leaves.drop_nulls("layer")
        .group_by("step_kind", "layer")
        .agg(parts=pl.col("subphase").unique().sort())
        .sort("layer")
    )
    alike = layers.group_by("step_kind", "parts", maintain_order=True).agg(pl.col("layer"))
    texts = pl.Series("layers", [_as_ranges(one) for one in alike["layer"]], dtype=pl.String)
    named = alike.with_columns(texts).drop("parts").explode("layer")
    on = ["step_kind", "layer"]
    told = leaves.select(on).join(named, on=on, how="left", nulls_equal=True, maintain_order="left")
    return told["layers"].set(leaves["layer"].is_null(), None)


def _as_ranges(index: pl.Series) -> str:
    """Write sorted numbers as `0-2,5`."""
    number = index.to_numpy()
    runs = np.split(number, np.flatnonzero(np.diff(number) > 1) + 1)
    return ",".join(
        f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs if len(run)
    )


def _sums(leaves: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    # What no sample covers is unknown, not 0.
    energies = (
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
        for name in ("energy_j", "dynamic_j")
    )
    return leaves.group_by(columns, maintain_order=True).agg(
        *energies, pl.col("gpu_time_s").sum(), pl.col("n_kernels").sum()
    )


def _with_bounds(cells: Cells, leaf: Int, leaves: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Sum leaves, with intervals made as those of the other tables."""
    of_leaf, _ = codes_of(leaves, columns)
    rows = _sums(leaves, columns)  # in the order of those numbers: of first appearance
    group = of_leaf[leaf]
    low_j, high_j = cells.bounds(group, len(rows))
    energy_j = pl.col("energy_j")
    bounded = rows.with_columns(
        pl.lit("").alias("name"),
        pl.min_horizontal(pl.Series(low_j), energy_j).alias("energy_lo_j"),
        pl.max_horizontal(pl.Series(high_j), energy_j).alias("energy_hi_j"),
    )
    unknown = energy_j.is_null() | pl.Series(low_j).is_nan()
    bounded = bounded.with_columns(
        pl.when(~unknown).then(pl.col(name)).alias(name) for name in ("energy_lo_j", "energy_hi_j")
    )
    return mark_inseparable(cells, group, bounded)
