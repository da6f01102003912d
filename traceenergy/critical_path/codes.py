"""Codes in integers, made dense, joined with a time to one key that sorts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

_KEY_LIMIT = 2**62  # keeps keys inside int64


def dense_codes(code: Int) -> Int:
    """Count codes from 0, in their order, and sort them only where they have wide holes.

    Parameters
    ----------
    code : ndarray of int64 (n,)

    Returns
    -------
    ndarray of int64 (n,)
        In the order of `code`; at most twice `n` plus 65,536.
    """
    if len(code) == 0:
        return code
    low = int(code.min())
    if int(code.max()) - low <= 2 * len(code) + (1 << 16):
        return code - low
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


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
