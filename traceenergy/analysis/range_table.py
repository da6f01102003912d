"""The result table of NVTX ranges, by path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.model import RANGE_ROW
from traceenergy.analysis.rows import sum_groups
from traceenergy.analysis.steps import matching_names
from traceenergy.phases.match import NUMBERING
from traceenergy.projection.paths import merge_paths
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.label_cells import LabelCells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.trace.tables import RangePaths

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

NO_RANGE = "(no range)"
_AT_ONCE = 1 << 16  # ranges that are counted at once stay in the cache of a core


@dataclass(frozen=True)
class RangeTree:
    """Where the work of a ledger sits in the tree of ranges.

    Attributes
    ----------
    range_of_work : ndarray of int64 (n_work,)
        Row of the innermost range at launch; -1 for none.
    capture_of_work : ndarray of int64 (n_work,)
        Row of the innermost range where its graph node was made; -1 for none.
    parent_row : ndarray of int32 (n_ranges,)
        Row of the enclosing range; -1 for none.
    path_of_range : ndarray of int32 (n_ranges,)
        Path of each range; -1 where it holds nothing.
    paths : RangePaths
    """

    range_of_work: NDArray[np.int64]
    capture_of_work: NDArray[np.int64]
    parent_row: NDArray[np.int32]
    path_of_range: NDArray[np.int32]
    paths: RangePaths

    def of_work(self, rows: NDArray[np.int64]) -> RangeTree:
        """Keep some of the work."""
        own, capture = self.range_of_work[rows], self.capture_of_work[rows]
        return replace(self, range_of_work=own, capture_of_work=capture)

    @property
    def path_of_work(self) -> NDArray[np.int64]:
        """Path of each piece of work at launch; -1 for none."""
        return self._paths_of(self.range_of_work)

    @property
    def capture_path_of_work(self) -> NDArray[np.int64]:
        """Path of each piece of work at graph capture; -1 for none."""
        return self._paths_of(self.capture_of_work)

    def _paths_of(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(self.path_of_range) == 0:
            return np.full(len(row), -1)
        path = np.where(row >= 0, self.path_of_range[np.maximum(row, 0)], -1)
        return path.astype(np.int64)


def without_numbers(tree: RangeTree, names: pl.Series, step_patterns: Sequence[str]) -> RangeTree:
    """Merge paths that differ only by a running number.

    Each step of the model loop has its number in its text, and PyTorch numbers its operators:
    a row for each would hide what they have in common. Every digit group in the text of a step
    becomes `*`; the numbering that PyTorch appends is cut off.

    Parameters
    ----------
    tree : RangeTree
    names : polars.Series of String
        Text by id.
    step_patterns : sequence of str
        Regular expressions of the ranges that are steps.

    Returns
    -------
    RangeTree
        The same ranges with merged paths.
    """
    texts = names.str.replace(NUMBERING, "")
    is_step = pl.Series(matching_names(names, step_patterns))
    texts = texts.str.replace_all(r"\d+", "*").zip_with(is_step, texts)
    merged, new_id = merge_paths(tree.paths, texts)
    path_of_range = np.append(new_id.cast(pl.Int32).to_numpy(), np.int32(-1))[tree.path_of_range]
    return replace(tree, paths=merged, path_of_range=path_of_range)


def range_rows(work: LabelCells, tree: RangeTree) -> pl.DataFrame:
    """Sum by path of NVTX ranges, most inclusive energy first (`RANGE_ROW`).

    Energy and time of a row are those of work whose innermost range it is, so that rows sum to
    all; the inclusive columns add the ranges inside. Work launched outside every range is a row
    of its own.

    Parameters
    ----------
    work : LabelCells
        That tell paths of the tree apart.
    tree : RangeTree

    Returns
    -------
    polars.DataFrame
    """
    return _path_rows(work.cells, work.path, tree)


def _path_rows(cells: Cells, path: Int, tree: RangeTree) -> pl.DataFrame:
    """Sum cells by the path of each, -1 for none."""
    instances = _count_instances(tree)
    used = np.flatnonzero(instances)
    row_of_path = np.full(len(tree.paths) + 1, -1)
    row_of_path[used] = np.arange(len(used))
    outside = bool((path < 0).any())
    if outside:
        row_of_path[-1] = len(used)  # path -1 finds the last place
    names = tree.paths["path"].gather(used)
    if outside:
        names = pl.concat([names, pl.Series([NO_RANGE])])
    own = sum_groups(cells, row_of_path[path], names)
    energy_j, busy_s = _inclusive(cells, path, tree.paths, row_of_path, len(names))
    if outside:
        busy_s[-1], energy_j[-1] = own["busy_s"][-1], own["energy_j"].fill_null(np.nan)[-1]
    rows = own.with_columns(
        pl.Series("inclusive_energy_j", energy_j, nan_to_null=True),
        pl.Series("inclusive_busy_s", busy_s),
        pl.Series("n_instances", np.append(instances[used], [0] * outside), dtype=pl.Int64),
    )
    rows = _nothing_of_its_own(rows)
    rows = rows.sort(
        ["inclusive_energy_j", "inclusive_busy_s", "name"],
        descending=[True, True, False],
        nulls_last=True,
    )
    return rows.select(pl.col(column.name).cast(column.dtype) for column in RANGE_ROW)


def capture_rows(ledger: Ledger, tree: RangeTree) -> pl.DataFrame:
    """Sum work of CUDA graphs by the ranges in which it was captured (`RANGE_ROW`).

    As `range_rows` does for the ranges around the launch, which are the same for all of a graph.
    `n_instances` counts captures, not replays.

    Parameters
    ----------
    ledger : Ledger
    tree : RangeTree

    Returns
    -------
    polars.DataFrame
        Without work that was captured in no range; empty if there is no other.
    """
    if (tree.capture_of_work < 0).all():
        return empty_table(RANGE_ROW)
    tree = replace(tree, range_of_work=tree.capture_of_work)
    path = tree.path_of_work
    cells = cells_of(ledger, path)
    rows = _path_rows(cells, path[cells.first], tree)
    return rows.filter(pl.col("name") != NO_RANGE)


def _count_instances(tree: RangeTree) -> NDArray[np.int64]:
    n_ranges = len(tree.parent_row)
    is_done = np.zeros(n_ranges + 1, dtype=bool)
    is_done[-1] = True  # row -1, where a way up ends, finds the last place
    found: NDArray[np.integer[Any]] = tree.range_of_work
    while len(found):
        is_new = ~is_done[found]
        is_new[1:] &= found[1:] != found[:-1]  # those of one range mostly follow each other
        found = found[is_new]
        is_done[found] = True
        found = tree.parent_row[found]
    count = np.zeros(len(tree.paths), dtype=np.int64)
    for begin in range(0, n_ranges, _AT_ONCE):
        part = slice(begin, min(begin + _AT_ONCE, n_ranges))
        count += np.bincount(tree.path_of_range[part][is_done[part]], minlength=len(count))
    return count


def _inclusive(
    cells: Cells, path: Int, paths: RangePaths, row_of_path: Int, n_rows: int
) -> tuple[Float, Float]:
    # Level by level from the innermost: each path climbs to its ancestor at that depth, so
    # each piece of work counts once for each range around it.
    depth = paths["depth"].to_numpy()
    parent = paths["parent_path_id"].cast(pl.Int64).fill_null(-1).to_numpy()
    known, cell_j = cells.known, cells.energy_j
    energy_j, busy_s = np.full(n_rows, np.nan), np.zeros(n_rows)
    climbed, outside = path, path < 0
    for level in range(int(depth.max(initial=-1)), -1, -1):
        climbed = np.where(~outside & (depth[climbed] > level), parent[climbed], climbed)
        at_level = ~outside & (depth[climbed] == level)
        group = np.where(at_level, row_of_path[climbed], -1)
        busy_s += cells.busy_s(group, n_rows)
        member = (group >= 0) & known
        sums = np.bincount(group[member], cell_j[member], n_rows)
        found = np.bincount(group[member], minlength=n_rows) > 0
        energy_j[found] = sums[found]
    return energy_j, busy_s


def _nothing_of_its_own(rows: pl.DataFrame) -> pl.DataFrame:
    # A range whose ranges inside hold all its work cost nothing itself: known, and zero.
    own_nothing = (pl.col("n_kernels") == 0) & pl.col("inclusive_energy_j").is_not_null()
    parts = ["energy_j", "energy_lo_j", "energy_hi_j", "static_j", "dynamic_j", "energy_share"]
    return rows.with_columns(
        pl.when(own_nothing).then(0.0).otherwise(pl.col(part)).alias(part) for part in parts
    )
