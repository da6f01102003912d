"""Times at which the highest values of functions of a curve can lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from traceenergy.power.curve import Places

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

FEWER = 8  # times in a block of one level for each block of the next
BLOCKS = 4  # in the time on which functions change; longer ones hardly leave anything out


def candidates(
    places: Places,
    scale_ns: float,
    bounds: Callable[[Places, Places], tuple[Float, Float]],
    even: float,
) -> Int:
    """Leave out times at which functions are lower than at others, without asking at each.

    Parameters
    ----------
    places : Places
    scale_ns : float [ns]
        On which the functions change.
    bounds : callable
        Of places before and after, (n,) each: the functions at the first, NaN where they are not
        known, and what they are at most anywhere between both, ``(n_functions, n)`` each.
    even : float
        By so much lower values are not left out.

    Returns
    -------
    ndarray of int64
        Rows of `places`, in order: all where some function is `even` or less below its highest.

    Notes
    -----
    Blocks of times whose bound is below a value that was found elsewhere go, then blocks an eighth
    as long of the rest, and so on: O(n / 8) where something stands out.
    """
    row = np.arange(len(places.near_ns))
    if len(row) < FEWER:
        return row
    apart_ns = max((places.near_ns[-1] - places.near_ns[0]) / len(row), 1.0)
    largest = max(scale_ns / apart_ns / BLOCKS, 1.0)
    highest: float | Float = -np.inf
    for level in range(int(np.log(largest) / np.log(FEWER)), 0, -1):
        size = FEWER**level
        first = places.of_rows(row[::size])
        last = places.of_rows(np.append(row[size - 1 :: size], row[-1])[: len(first.near_ns)])
        value, most = bounds(first, last)
        highest = np.maximum(highest, np.fmax.reduce(value, axis=1, initial=-np.inf))
        stays = (most >= highest[:, None] - even).any(axis=0)
        if not stays.all():
            row = row[np.repeat(stays, size)[: len(row)]]
    return row
