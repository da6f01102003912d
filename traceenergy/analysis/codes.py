"""Numbers for distinct combinations of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import MOST_APART, first_places, number_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]


def codes_of(frame: pl.DataFrame, columns: list[str]) -> tuple[Int, pl.DataFrame]:
    """Give each distinct combination of columns a number, in order of first appearance.

    Parameters
    ----------
    frame : polars.DataFrame
        Aligned with the work.
    columns : list of str
        Of integers, categories or texts.

    Returns
    -------
    group : ndarray of int64 (n_rows,)
    keys : polars.DataFrame (n_groups rows)
        The combination of each group.
    """
    code, n_codes = np.zeros(len(frame), dtype=np.int64), 1
    for name in columns:
        value, n_values = _values(frame[name])
        if n_values > 1:
            code = code * n_values + value if n_codes > 1 else value
            there, code = number_codes(code, n_codes * n_values)
            n_codes = len(there)
    n_codes = min(n_codes, len(frame))
    first = first_places(code, n_codes)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(n_codes)
    return rank[code], frame.select(columns)[first[order]]


def _values(series: pl.Series) -> tuple[Int, int]:
    """Code the values of a column from 0, with how many codes there may be; null is a value."""
    dtype = series.dtype
    if isinstance(dtype, pl.Enum):
        value, low, high = series.to_physical(), 0, len(dtype.categories) - 1
    else:
        value = series if dtype.is_integer() else series.cast(pl.Categorical).to_physical()
        least, most = value.min(), value.max()
        if not isinstance(least, int) or not isinstance(most, int):
            return np.zeros(len(series), dtype=np.int64), 1
        low, high = least, most
    n_values, has_null = high - low + 1, series.null_count() > 0
    code = (value.fill_null(low) if has_null else value).to_numpy().astype(np.int64) - low
    if n_values > MOST_APART * len(code):
        there, code = number_codes(code, n_values)
        n_values = len(there)
    if not has_null:
        return code, n_values
    return np.where(series.is_null().to_numpy(), n_values, code), n_values + 1
