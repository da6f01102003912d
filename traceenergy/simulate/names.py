"""Names of kernels as a trace shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.catalog import CATALOG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

_KERNELS = tuple(CATALOG.values())


def list_names(class_ids: Int) -> pl.DataFrame:
    """List the names that kernel classes can have.

    Parameters
    ----------
    class_ids : ndarray of int64 (n,)
        Rows of the catalog, rising.

    Returns
    -------
    polars.DataFrame
        `class_id, fewest_tokens, full, short, table, phase, subphase`: one row a class, in their
        order, then one row a variant.
    """
    usual = [(i, 0, _KERNELS[i].full, _KERNELS[i].short) for i in class_ids.tolist()]
    variants = [(i, *one) for i in class_ids.tolist() for one in _KERNELS[i].variants]
    names = pl.DataFrame(
        [*usual, *variants], ["class_id", "fewest_tokens", "full", "short"], orient="row"
    )
    classes = [_KERNELS[i] for i in names["class_id"]]
    return names.with_columns(
        table=pl.Series([kernel.table for kernel in classes]),
        phase=pl.Series([kernel.phase for kernel in classes]),
        subphase=pl.Series([kernel.subphase for kernel in classes]),
    )


def choose_names(names: pl.DataFrame, class_id: Int, tokens: Int) -> Int:
    """Choose the name of each piece of work.

    Parameters
    ----------
    names : polars.DataFrame
        As from `list_names`.
    class_id : ndarray of int64 (n,)
        Of each piece.
    tokens : ndarray of int64 (n,)
        Of its step.

    Returns
    -------
    ndarray of int64 (n,)
        Rows of `names`.
    """
    usual = names.filter(fewest_tokens=0)["class_id"].to_numpy()
    chosen = np.searchsorted(usual, class_id)
    variants = names.select("class_id", "fewest_tokens").with_row_index().slice(len(usual))
    # Rising tokens: the last that is reached stays.
    for row, variant_of, fewest in variants.iter_rows():
        chosen[(class_id == variant_of) & (tokens >= fewest)] = row
    return chosen
