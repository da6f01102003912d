"""What steps of each kind cost, in blocks of consecutive ones, so that runs can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.cost_columns import STEP_COST
from traceenergy.codes import codes_of, number_codes
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.label_cells import LabelCells
    from traceenergy.analysis.step_blocks import StepBlocks

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

_SUMS = ("energy_j", "time_s", "n_kernels", "bytes", "grid_blocks")
STEP_KIND, PHASE, SUBPHASE, LAYER, KERNEL = "step_kind", "phase", "subphase", "layer", "kernel"


def step_cost_rows(work: LabelCells, steps: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    """Sum steps by kind, with each phase, layer and kernel in them, over blocks of steps.

    Parameters
    ----------
    work : LabelCells
    steps : polars.DataFrame
        The table of steps.
    names : polars.Series of String
        Of kernels, by `name_id`.

    Returns
    -------
    polars.DataFrame
        `STEP_COST`; empty without steps.

    Notes
    -----
    Steps follow each other closely: sums of blocks of consecutive steps vary by what lasts longer
    than a block as well, where single steps would count what they share many times (H. R. Kuensch,
    The jackknife and the bootstrap for general stationary observations, 1989,
    doi:10.1214/aos/1176347265).
    """
    known = steps.filter(pl.col("step").is_not_null())
    if not len(known):
        return pl.DataFrame(schema={column.name: column.dtype for column in STEP_COST})
    blocks = work.blocks
    key = work.kernels.select(
        names.gather(work.kernels["name_id"]).alias("name"), "phase", "subphase"
    )
    cell, block, values = _values(work)
    kernels = _sums(values, work.kernel[cell], block, (len(key), len(blocks.kind)))
    n_layers = int(work.layer.max(initial=-1)) + 1
    of_layers = _sums(values, work.layer[cell], block, (n_layers, len(blocks.kind)))
    layers = pl.select(name=pl.format("layer {}", pl.int_range(n_layers)))
    tables = [_whole_steps(known, blocks)]
    for level in (PHASE, SUBPHASE):
        of_kernel, there = codes_of(key, [level])
        sums = [_collapse(values, of_kernel, len(there)) for values in kernels]
        tables.append(_rows(level, there.rename({level: "name"}), sums, blocks))
    tables += [_rows(LAYER, layers, of_layers, blocks), _rows(KERNEL, key, kernels, blocks)]
    return pl.concat(
        table.select(pl.col(column.name).cast(column.dtype) for column in STEP_COST)
        for table in tables
    )


def _whole_steps(steps: pl.DataFrame, blocks: StepBlocks) -> pl.DataFrame:
    """Sum whole steps; their time is elapsed time."""
    elapsed_s = (steps["end_ns"] - steps["start_ns"]).to_numpy() * S_PER_NS
    columns = {
        "block_energy_j": steps["energy_j"].fill_null(float("nan")).to_numpy(),
        "block_time_s": elapsed_s,
        "block_tokens": steps["tokens"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
    }
    n_blocks = len(blocks.kind)
    sums = {name: np.bincount(blocks.of_step, values, n_blocks) for name, values in columns.items()}
    kernels = np.bincount(blocks.of_step, steps["n_kernels"].to_numpy(), n_blocks)
    rows = [
        {
            "level": STEP_KIND,
            "step_kind": kind,
            "name": kind,
            "n_kernels": int(kernels[mine].sum()),
            "block_steps": blocks.n_steps[mine].tolist(),
            **{name: _known(values[mine].tolist()) for name, values in sums.items()},
        }
        for kind, mine in blocks.spans().items()
    ]
    return pl.DataFrame(
        rows, schema_overrides={column.name: column.dtype for column in STEP_COST}
    ).with_columns(_nulls("phase", "subphase", "bytes", "grid_blocks"))


def _known(values: list[float]) -> list[float] | None:
    return None if any(value != value for value in values) else values  # noqa: PLR0124 - NaN


def _values(work: LabelCells) -> tuple[Int, Int, list[Float]]:
    """Sum what `_SUMS` names by cell and block: cell, block, sums of all that occur."""
    cells, ledger, n_blocks = work.cells, work.cells.ledger, len(work.blocks.kind)
    code = cells.cell * (n_blocks + 1) + work.block_of_work + 1
    there, number = number_codes(code, len(cells.first) * (n_blocks + 1))

    def total(value: Float | Int) -> Float:
        return np.bincount(number, value, len(there)).astype(np.float64)

    sizes = (
        total(ledger.work[name].cast(pl.Float64).fill_null(float("nan")).to_numpy())
        for name in ("bytes", "grid_blocks")
    )
    n_work = np.bincount(number, minlength=len(there)).astype(np.float64)
    energy_j = total(ledger.static_j) + total(ledger.dynamic_j)
    time_s = total(ledger.end_ns - ledger.start_ns) * S_PER_NS
    cell, block = np.divmod(there, n_blocks + 1)
    return cell, block - 1, [energy_j, time_s, n_work, *sizes]


def _sums(values: list[Float], group: Int, block: Int, shape: tuple[int, int]) -> list[Float]:
    """Sum groups of cells over blocks: `_SUMS`, ``(n_groups, n_blocks)`` each."""
    inside = (group >= 0) & (block >= 0)
    n_groups, n_blocks = shape
    cell = group[inside] * n_blocks + block[inside]
    return [
        np.bincount(cell, value[inside], n_groups * n_blocks)
        .reshape(shape)
        .astype(np.float64, copy=False)
        for value in values
    ]


def _collapse(values: Float, group: Int, n_groups: int) -> Float:
    sums = np.zeros((n_groups, values.shape[1]))
    np.add.at(sums, group, values)
    return sums


def _rows(level: str, key: pl.DataFrame, sums: list[Float], blocks: StepBlocks) -> pl.DataFrame:
    """List groups that occur in each kind of step."""
    tables = []
    for kind, mine in blocks.spans().items():
        there = np.flatnonzero(sums[_SUMS.index("n_kernels")][:, mine].sum(axis=1) > 0)
        found = dict(zip(_SUMS, (values[there, mine] for values in sums), strict=True))
        whole = {name: found[name].sum(axis=1) for name in ("n_kernels", "bytes", "grid_blocks")}
        is_known = pl.Series(~np.isnan(found["energy_j"]).any(1))
        table = key[there].with_columns(
            pl.lit(level).alias("level"),
            pl.lit(kind).alias("step_kind"),
            *(pl.Series(name, values, nan_to_null=True) for name, values in whole.items()),
            _lists(np.tile(blocks.n_steps[mine], (len(there), 1))).alias("block_steps"),
            pl.when(is_known).then(_lists(found["energy_j"])).alias("block_energy_j"),
            _lists(found["time_s"]).alias("block_time_s"),
            pl.lit(None).alias("block_tokens"),
        )
        tables.append(table)
    return pl.concat(tables).with_columns(
        _nulls(*(name for name in ("phase", "subphase") if name not in key.columns))
    )


def _lists(values: NDArray[Any]) -> pl.Series:
    return pl.Series(values, dtype=pl.Array(pl.Float64, values.shape[1])).arr.to_list()


def _nulls(*names: str) -> list[pl.Expr]:
    return [pl.lit(None).alias(name) for name in names]
