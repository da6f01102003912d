"""Numbers for distinct combinations of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def codes_of(frame: pl.DataFrame, columns: list[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Give each distinct combination of columns a number, in order of first appearance.

    Parameters
    ----------
    frame : polars.DataFrame
        Aligned with the work.
    columns : list of str

    Returns
    -------
    group : ndarray of int64 (n_rows,)
    keys : polars.DataFrame (n_groups rows)
        The combination of each group.
    """
    keys = frame.select(columns).unique(maintain_order=True).with_row_index("group")
    joined = frame.select(columns).join(
        keys, on=columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["group"].cast(pl.Int64).to_numpy(), keys.drop("group")
