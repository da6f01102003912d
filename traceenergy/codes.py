"""Codes in integers: numbered, made dense, joined with a time to one key that sorts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

_KEY_LIMIT = 2**62  # keeps keys inside int64
# A table of all codes that may occur is cheaper than sorting up to so many codes a value.
MOST_APART, _SMALL_TABLE = 8, 1 << 16
_FIRST_LOOK = 1 << 14  # values among which most numbers are found
_FEW = 256  # codes that each value is searched among faster than all are sorted
_BY_COMPARING = 4  # codes that each value is compared with faster than searched among


def number_codes(code: Int, limit: int) -> tuple[Int, Int]:
    """Give the codes that occur numbers from 0, in their order.

    Parameters
    ----------
    code : ndarray of int (n,)
        From 0 to `limit` - 1.
    limit : int

    Returns
    -------
    there : ndarray of int64 (m,)
        The codes that occur, rising.
    number : ndarray of int64 (n,)
        Place of each code in them.

    Notes
    -----
    As `numpy.unique` with its inverse; without sorting as long as codes are not far apart.
    """
    if limit > MOST_APART * len(code) + _SMALL_TABLE:
        few = _number_few(code)
        if few is not None:
            return few
        order = np.argsort(code)
        ordered = code[order]
        begins = np.append(True, ordered[1:] != ordered[:-1])[: len(code)]
        number = np.empty(len(code), dtype=np.int64)
        number[order] = np.cumsum(begins) - 1
        return ordered[begins], number
    occurs = np.zeros(limit, dtype=bool)
    occurs[code] = True
    there = np.flatnonzero(occurs)
    place = np.empty(limit, dtype=np.int64)  # what is not written takes no memory
    place[there] = np.arange(len(there))
    return there, place[code]


def _number_few(code: Int) -> tuple[Int, Int] | None:
    """Give numbers to few codes; None if a first look finds many, or not nearly all."""
    there = np.unique(code[:: max(1, len(code) // _FIRST_LOOK)])
    if not 0 < len(there) <= _FEW:
        return None
    number = _places_among(there, code)
    lost = there[number] != code
    n_lost = int(np.count_nonzero(lost))
    if not n_lost:
        return there, number
    if n_lost > _FIRST_LOOK:
        return None
    there = np.union1d(there, code[lost])
    return (there, _places_among(there, code)) if len(there) <= _FEW else None


def _places_among(few: Int, code: Int) -> Int:
    """Find which of few rising values each is; any place for one that is none of them."""
    if len(few) > _BY_COMPARING:
        return np.minimum(places_in(few, code), len(few) - 1)
    place = np.zeros(len(code), dtype=np.int64)
    for one in few[1:].tolist():
        place += code >= one
    return place


def places_in(ordered: Int, asked: Int) -> Int:
    """Find where values would go in front of those equal to them.

    Parameters
    ----------
    ordered : ndarray of int64 (m,)
        Never decreasing.
    asked : ndarray of int64 (n,)

    Returns
    -------
    ndarray of int64 (n,)
        As `numpy.searchsorted` gives it, faster where values that stand near each other are.
    """
    place = np.empty(len(asked), dtype=np.int64)
    for begin in range(0, len(asked), _FIRST_LOOK):
        part = asked[begin : begin + _FIRST_LOOK]
        low, high = np.searchsorted(ordered, [part.min(), part.max()]).tolist()
        here = place[begin : begin + _FIRST_LOOK]
        here[:] = low
        if high > low:
            here += np.searchsorted(ordered[low:high], part)
    return place


def first_places(number: Int, n_numbers: int) -> Int:
    """Find where each number stands first.

    Parameters
    ----------
    number : ndarray of int64 (n,)
        Of `number_codes`: each occurs.
    n_numbers : int

    Returns
    -------
    ndarray of int64 (n_numbers,)
    """
    first = np.full(n_numbers, len(number), dtype=np.int64)
    begin, end = 0, _FIRST_LOOK
    while (first == len(number)).any():
        part = number[begin:end][::-1]
        # The one written last stays, and what was found before is never later.
        found = np.full(n_numbers, len(number), dtype=np.int64)
        found[part] = np.arange(begin + len(part) - 1, begin - 1, -1)
        np.minimum(first, found, out=first)
        begin, end = end, 4 * end
    return first


def dense_codes(code: Int) -> Int:
    """Count codes from 0, in their order, and sort them only where they have wide holes.

    Parameters
    ----------
    code : ndarray of int64 (n,)

    Returns
    -------
    ndarray of int64 (n,)
        In the order of `code`; at most eight times `n` plus 65,536.
    """
    if len(code) == 0:
        return code
    low = int(code.min())
    if int(code.max()) - low <= MOST_APART * len(code) + _SMALL_TABLE:
        return code - low
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def order_of(code: Int, key: Int) -> Int:
    """Find the order of keys whose codes come first.

    Parameters
    ----------
    code : ndarray of int64 (n,)
        Dense, from 0.
    key : ndarray of int64 (n,)
        As `joined_key` makes them of these codes.

    Returns
    -------
    ndarray of int64 (n,)
        As a stable sort of the keys gives it, faster where those of one code are nearly in order.
    """
    if (key[1:] >= key[:-1]).all():
        return np.arange(len(key))
    # Numbers of 16 bits are sorted without comparing.
    order = np.argsort(code.astype(np.min_scalar_type(code.max(initial=0))), kind="stable")
    key = key[order]
    if (key[1:] >= key[:-1]).all():
        return order
    return order[np.argsort(key, kind="stable")]


def joined_key(code: Int, time_ns: Int, span_ns: int) -> Int:
    """Join a code and a time of [0, `span_ns`] to one integer that sorts by code, then by time.

    Parameters
    ----------
    code : ndarray of int64 (n,)
        Dense, from 0.
    time_ns : ndarray of int64 (n,) [ns]
    span_ns : int [ns]

    Returns
    -------
    ndarray of int64 (n,)

    Raises
    ------
    OverflowError
        If the keys do not fit in 63 bits.
    """
    if len(code) and (int(code.max()) + 1) * (span_ns + 1) >= _KEY_LIMIT:
        message = f"{int(code.max()) + 1} codes over {span_ns} ns do not fit in one key"
        raise OverflowError(message)
    return code * (span_ns + 1) + time_ns


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
    code, limit = np.zeros(0, dtype=np.int64), 1
    for name in columns:
        value, n_values = _values(frame[name])
        if n_values == 1:
            continue
        if limit > 1 and limit * n_values > MOST_APART * len(frame):
            there, code = number_codes(code, limit)
            limit = len(there)
        code, limit = (code * n_values + value if limit > 1 else value), limit * n_values
    if limit == 1:
        return np.zeros(len(frame), dtype=np.int64), frame.select(columns).head(1)
    there, code = number_codes(code, limit)
    n_codes = len(there)
    first = first_places(code, n_codes)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(n_codes)
    return rank[code], frame.select(columns)[first[order]]


def _values(series: pl.Series) -> tuple[Int, int]:
    """Code the values of a column from 0, with how many codes there may be; null is a value.

    No codes where there is one value.
    """
    dtype = series.dtype
    if isinstance(dtype, pl.Enum):
        value, low, high = series.to_physical(), 0, len(dtype.categories) - 1
    else:
        value = series if dtype.is_integer() else series.cast(pl.Categorical).to_physical()
        least, most = value.min(), value.max()
        if not isinstance(least, int) or not isinstance(most, int):
            return np.empty(0, dtype=np.int64), 1
        low, high = least, most
    n_values, has_null = high - low + 1, series.null_count() > 0
    if n_values == 1 and not has_null:
        return np.empty(0, dtype=np.int64), 1
    values = (value.fill_null(low) if has_null else value).to_numpy()
    code = np.subtract(values, low, dtype=np.int64, casting="unsafe")
    if n_values > MOST_APART * len(code):
        there, code = number_codes(code, n_values)
        n_values = len(there)
    if not has_null:
        return code, n_values
    return np.where(series.is_null().to_numpy(), n_values, code), n_values + 1
