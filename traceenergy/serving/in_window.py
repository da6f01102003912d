"""Which part of each response was made in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class InWindow:
    """Requests against a window, those that did not fail.

    Attributes
    ----------
    tokens, share : ndarray of float64 (n,)
        Output tokens made in the window, part of the response; NaN where not known, or failed.
    n_whole, n_touching
        Responses wholly in the window; wholly or partly.
    in_flight_s
        Time in flight within the window, summed over requests, failed ones too.
    n_unplaced
        Requests whose arrival or end is not known.
    """

    tokens: Float
    share: Float
    n_whole: int
    n_touching: int
    in_flight_s: float
    n_unplaced: int


def lay_in_window(requests: pl.DataFrame, start_ns: int, end_ns: int) -> InWindow:
    """Say which part of each response a window holds.

    Parameters
    ----------
    requests : polars.DataFrame (n rows)
        `LOGGED_REQUEST`, times on the clock of the window.
    start_ns, end_ns : int [ns]

    Returns
    -------
    InWindow

    Notes
    -----
    The first token is made when it comes, the others at an even pace until the last one. Where the
    first is not known, all are made at an even pace from arrival to end. A response without known
    tokens counts by its time.
    """
    arrival, first, end = (
        _since(requests[name], start_ns) for name in ("arrival_ns", "first_token_ns", "end_ns")
    )
    length = float(end_ns - start_ns)
    output = requests["output_tokens"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    is_good = ~requests["failed"].to_numpy()
    placed = ~np.isnan(arrival) & ~np.isnan(end)
    is_first_in = (first >= 0) & (first < length)
    rest = _part_inside(first, end, length)
    paced = is_first_in + (output - 1) * rest
    even = _part_inside(arrival, end, length)
    tokens = np.where(np.isnan(first), output * even, paced)
    share = np.where(np.isnan(output), even, tokens / np.maximum(output, 1))
    known = is_good & placed
    touching = known & (end >= 0) & (arrival < length)
    # Of a response of one moment at the very end, nothing is in the window.
    whole = known & (arrival >= 0) & (end <= length) & (np.isnan(share) | (share > 0))
    inside = np.clip(np.minimum(end, length) - np.maximum(arrival, 0), 0, None)
    return InWindow(
        tokens=np.where(known, tokens, np.nan),
        share=np.where(known, share, np.nan),
        n_whole=int(whole.sum()),
        n_touching=int(touching.sum()),
        in_flight_s=float(inside[placed].sum()) * S_PER_NS,
        n_unplaced=int((~placed & is_good).sum()),
    )


def _since(moments: pl.Series, start_ns: int) -> Float:
    # In whole numbers first: a double does not hold the nanoseconds since 1970.
    return (moments - start_ns).cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _part_inside(begin: Float, end: Float, length: float) -> Float:
    """Tell which part of each span lies between 0 and a length; of no span, whether it does."""
    inside = np.clip(np.minimum(end, length) - np.maximum(begin, 0), 0, None)
    span = end - begin
    is_there = ((begin >= 0) & (begin < length)).astype(np.float64)
    part = np.divide(inside, span, out=is_there, where=span > 0)
    return np.where(np.isnan(span), np.nan, part)
