"""Rows found by an id that starts anew in each process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.projection.thread_line import distinct, index_of

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.intervals import Int

_CELLS_PER_ROW = 4  # what direct indexing may cost; correlation ids are dense in real traces


def number_processes(known: pl.DataFrame, asking: pl.DataFrame) -> tuple[Int, Int]:
    """Give the processes of all ranks a number.

    Parameters
    ----------
    known : polars.DataFrame (n_known,)
        With `rank` and `process_id`.
    asking : polars.DataFrame (n_asking,)
        The same.

    Returns
    -------
    ndarray of int64 (n_known,)
    ndarray of int64 (n_asking,)
        -1 for a process that is not among the known ones.
    """
    ranks = distinct(known["rank"].to_numpy().astype(np.int64))
    processes = distinct(known["process_id"].to_numpy())
    pairs = []
    for frame in (known, asking):
        rank = index_of(frame["rank"].to_numpy().astype(np.int64), ranks)
        process = index_of(frame["process_id"].to_numpy(), processes)
        pairs.append(np.where((rank < 0) | (process < 0), -1, rank * len(processes) + process))
    groups = distinct(pairs[0])
    return index_of(pairs[0], groups), index_of(pairs[1], groups)


def look_up(group: Int, ids: Int, wanted_group: Int, wanted: Int) -> Int:
    """Find the first row that has an id within a group.

    Parameters
    ----------
    group, ids : ndarray of int64 (n_rows,)
        Number of the process, from 0; id within it.
    wanted_group, wanted : ndarray of int64 (n_wanted,)
        The same; a group of -1 is found nowhere.

    Returns
    -------
    ndarray of int64 (n_wanted,)
        Row, or -1 where there is none.
    """
    if len(ids) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    n_groups = int(group.max()) + 1
    low, high = int(ids.min()), int(ids.max())
    if n_groups * (high - low + 1) > _CELLS_PER_ROW * (len(ids) + len(wanted)):
        return _look_up_sparse(group, ids, wanted_group, wanted)
    width = high - low + 1
    row = np.full(n_groups * width, -1, dtype=np.int64)
    row[(group * width + (ids - low))[::-1]] = np.arange(len(ids))[::-1]
    inside = (wanted >= low) & (wanted <= high) & (wanted_group >= 0)
    cell = wanted_group * width + (wanted - low)
    return np.where(inside, row[np.where(inside, cell, 0)], -1)


def _look_up_sparse(group: Int, ids: Int, wanted_group: Int, wanted: Int) -> Int:
    key, wanted_key = ids, wanted
    if group.max() > 0:
        known = distinct(ids)
        code = index_of(wanted, known)
        key = group * len(known) + index_of(ids, known)
        wanted_key = np.where(code >= 0, wanted_group * len(known) + code, -1)
    order = np.argsort(key, kind="stable")
    key = key[order]
    at = np.minimum(np.searchsorted(key, wanted_key), len(key) - 1)
    return np.where((key[at] == wanted_key) & (wanted_group >= 0), order[at], -1)
