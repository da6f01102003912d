"""Times at which the highest value of a function of a curve can lie."""

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
BLOCKS = 4  # in the time on which the function changes; longer ones hardly leave anything out


def candidates(
    places: Places,
    scale_ns: float,
    value: Callable[[Places], Float],
    most: Callable[[Places, Places], Float],
    even: float,
) -> Int:
    """Leave out times at which a function is lower than at others, without asking at each.

    Parameters
    ----------
    places : Places
    scale_ns : float [ns]
        On which the function changes.
    value : callable
        The function, of places; NaN where it is not known.
    most : callable
        What it is at most anywhere between two, of places before and after.
    even : float
        By so much lower values are not left out.

    Returns
    -------
    ndarray of int64
        Rows of `places`, in order: all with a value that is `even` or less below the highest.

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
    highest = -np.inf
    for level in range(int(np.log(largest) / np.log(FEWER)), 0, -1):
        size = FEWER**level
        first = places.of_rows(row[::size])
        last = places.of_rows(np.append(row[size - 1 :: size], row[-1])[: len(first.near_ns)])
        found = value(first)
        if not np.isnan(found).all():
            highest = max(highest, float(np.nanmax(found)))
        stays = most(first, last) >= highest - even
        if not stays.all():
            row = row[np.repeat(stays, size)[: len(row)]]
    return row
