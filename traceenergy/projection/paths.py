"""Names of nested NVTX ranges from outermost to innermost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import number_codes
from traceenergy.projection.nesting import none_below_zero
from traceenergy.trace.tables import RANGE_PATHS, RangePaths, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.intervals import Int

UNNAMED = "(unnamed)"
DEEPEST = 1000  # levels; a path longer than that is a runaway recursion, its text no help


def range_paths(
    ranges: pl.DataFrame, nesting: pl.DataFrame, names: pl.Series
) -> tuple[RangePaths, pl.Series]:
    """List the distinct paths of a run with the path of each range.

    Two ranges share a path if their parents share one and they have the same domain name and
    text; ranks, processes and threads make no difference.

    Parameters
    ----------
    ranges : polars.DataFrame
        With `name_id` and `domain_name_id` of `NvtxRanges`.
    nesting : polars.DataFrame
        As `nest_ordered` returns it.
    names : polars.Series of String
        Text by id.

    Returns
    -------
    paths : RangePaths
        Level by level; within a level by parent, domain and text id.
    path_id : polars.Series of UInt32 (n_ranges,)
        Row in `paths` of each range.

    Notes
    -----
    A range more than `DEEPEST` levels down has the path of its ancestor there.
    """
    numbered, path_id = number_paths(ranges, nesting, len(names))
    return spell_paths(numbered, names), path_id


def number_paths(
    ranges: pl.DataFrame, nesting: pl.DataFrame, n_names: int
) -> tuple[pl.DataFrame, pl.Series]:
    """Tell the distinct paths apart, without their texts.

    Parameters
    ----------
    ranges, nesting : polars.DataFrame
        As for `range_paths`.
    n_names : int
        Number of texts of the trace.

    Returns
    -------
    numbered : polars.DataFrame
        `parent` (-1: none), `name_id`, `domain_name_id`, `depth`; in the order of `range_paths`.
    path_id : polars.Series of UInt32 (n_ranges,)
        Row in them of each range.
    """
    label, labels = _labels(ranges, n_names)
    parent_row = nesting["parent_row"].fill_null(-1).to_numpy()
    depth = nesting["depth"].to_numpy()
    shown = np.flatnonzero(depth < DEEPEST)
    order = shown[np.argsort(depth[shown].astype(np.int16), kind="stable")]
    path_id = np.zeros(len(depth), dtype=np.int64)
    keys: list[Int] = []
    n_paths = 0
    for rows in np.split(order, np.cumsum(np.bincount(depth[shown]))[:-1]) if len(order) else ():
        parent = parent_row[rows]
        key = np.where(parent >= 0, path_id[parent] + 1, 0) * len(labels) + label[rows]
        there, number = number_codes(key, (n_paths + 1) * len(labels))
        keys.append(there)
        path_id[rows] = n_paths + number
        n_paths += len(there)
    if len(shown) < len(depth):
        path_id = path_id[_shown_ancestor(parent_row, depth)]
    return _numbered(keys, labels, n_names), pl.Series("path_id", path_id, dtype=pl.UInt32)


def join_paths(parts: Sequence[pl.DataFrame], n_names: int) -> tuple[pl.DataFrame, list[pl.Series]]:
    """Join the paths of several parts of a run.

    Parameters
    ----------
    parts : sequence of polars.DataFrame
        Each as `number_paths` returns it.
    n_names : int
        Number of texts of the trace.

    Returns
    -------
    numbered : polars.DataFrame
        Likewise.
    path_id : list of polars.Series of UInt32
        For each part, row in `numbered` of each of its paths.
    """
    begins = np.cumsum([0, *(len(part) for part in parts)])
    if len(parts) == 1:
        return parts[0], [pl.Series(np.arange(begins[-1], dtype=np.uint32))]
    parents = [
        part.select(pl.when(pl.col("parent") >= 0).then(pl.col("parent") + int(begin)))
        for part, begin in zip(parts, begins, strict=False)
    ]
    own = pl.concat(parts)
    nesting = pl.concat(parents).select(parent_row="parent").with_columns(own["depth"])
    joined, path_id = number_paths(own, nesting, n_names)
    return joined, [path_id[int(low) : int(high)] for low, high in pairwise(begins)]


def merge_paths(paths: RangePaths, names: pl.Series) -> tuple[RangePaths, pl.Series]:
    """Merge paths whose texts have become the same.

    Parameters
    ----------
    paths : RangePaths
        Of a run.
    names : polars.Series of String
        Text by id, some of them rewritten, such as without numbers.

    Returns
    -------
    merged : RangePaths
    path_id : polars.Series of UInt32 (n_paths,)
        Row in `merged` of each path.
    """
    used = paths["name_id"].unique()
    texts = pl.DataFrame({"name_id": used, "text": names.gather(used)})
    same = texts.with_columns(pl.col("name_id").min().over("text").alias("first"))
    own = paths.select("name_id", "domain_name_id").with_columns(
        pl.col("name_id").replace_strict(same["name_id"], same["first"], return_dtype=pl.UInt32)
    )
    nesting = paths.select("depth", parent_row=pl.col("parent_path_id").cast(pl.Int64))
    numbered, path_id = number_paths(own, nesting, len(names))
    return spell_paths(numbered, names), path_id


def _labels(ranges: pl.DataFrame, n_names: int) -> tuple[Int, Int]:
    """Code of each range's domain name, text; the distinct pairs behind the codes."""
    names = ranges["name_id"].to_numpy().astype(np.int64)
    domain = ranges["domain_name_id"]
    if domain.null_count() < len(domain):
        names += (domain.cast(pl.Int64).fill_null(-1).to_numpy() + 1) * n_names
    labels, label = number_codes(names, int(names.max(initial=-1)) + 1)
    return label, labels


def _shown_ancestor(parent_row: Int, depth: Int) -> Int:
    ancestor = np.where(depth < DEEPEST, np.arange(len(depth)), parent_row)
    while (depth[ancestor] >= DEEPEST).any():
        ancestor = ancestor[ancestor]
    return ancestor


def _numbered(keys: list[Int], labels: Int, n_names: int) -> pl.DataFrame:
    """Take apart the keys of paths that were found level by level."""
    key = np.concatenate((np.zeros(0, dtype=np.int64), *keys))
    pair = labels[key % len(labels)] if len(key) else key
    return pl.DataFrame(
        {
            "parent": key // max(1, len(labels)) - 1,
            "name_id": (pair % max(1, n_names)).astype(np.uint32),
            "domain_name_id": none_below_zero(pair // max(1, n_names) - 1).cast(pl.UInt32),
            "depth": np.repeat(
                np.arange(len(keys), dtype=np.int32), [len(level) for level in keys]
            ),
        }
    )


def spell_paths(numbered: pl.DataFrame, names: pl.Series) -> RangePaths:
    """Give paths their texts.

    Parameters
    ----------
    numbered : polars.DataFrame
        As `number_paths` returns it.
    names : polars.Series of String
        Text by id.

    Returns
    -------
    RangePaths
    """
    own = names.gather(numbered["name_id"]).replace("", UNNAMED)
    parent = numbered["parent"].to_numpy()
    sizes = np.bincount(numbered["depth"].to_numpy()).tolist()
    frame = numbered.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("path_id"),
        none_below_zero(parent).cast(pl.UInt32).alias("parent_path_id"),
        "name_id",
        "domain_name_id",
        "depth",
        _spell(parent, own, sizes).alias("path"),
    )
    return RangePaths(check_table(frame, RANGE_PATHS, "range_paths"))


def _spell(parent: Int, own: pl.Series, level_sizes: list[int]) -> pl.Series:
    """Join the texts from outermost to innermost."""
    done = [own[: level_sizes[0]]] if level_sizes else []
    first = above = 0
    for size_above, size in pairwise(level_sizes):
        first, above = first + size_above, first
        outer = done[-1].gather(parent[first : first + size] - above)
        done.append(outer + "/" + own[first : first + size])
    return pl.concat(done) if done else own
