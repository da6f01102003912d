"""What a critical path is made of, as a whole or within intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.critical_path.model import PartKind
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.model import Path

    Int = NDArray[np.int64]

_AT_ONCE = 1 << 18  # parts of a path
KIND_NAMES = {kind: kind.name.lower() for kind in PartKind}


def time_by_kind(path: Path) -> dict[str, float]:
    """Sum the path by what it is made of.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to float [s]
        `work_s`, `host_s`, `collective_wait_s`, `idle_s`; they sum to the window.
    """
    held_ns = np.bincount(path.kind, path.end_ns - path.start_ns, len(KIND_NAMES))
    return {f"{name}_s": float(held_ns[kind] * S_PER_NS) for kind, name in KIND_NAMES.items()}


def held_within(
    path: Path, code: NDArray[np.integer[Any]], n_codes: int, start_ns: Int, end_ns: Int
) -> Int:
    """Sum the path by a code of its parts within intervals, which may overlap or leave gaps.

    Parameters
    ----------
    path : Path
    code : ndarray of int (n_parts,)
        From 0 to `n_codes` - 1; -1 for parts that are of no interest.
    n_codes : int
    start_ns, end_ns : ndarray of int64 (n_intervals,) [ns]
        An interval's end is not before its start.

    Returns
    -------
    ndarray of int64 (n_intervals, n_codes) [ns]
        Exact: where every part has a code, a row sums to what the path and the interval share.
    """
    time_ns, place = np.unique(np.stack((start_ns, end_ns)), return_inverse=True)
    time_ns = np.clip(time_ns, path.start_ns[0], path.end_ns[-1])
    at = np.clip(np.searchsorted(path.start_ns, time_ns, side="right") - 1, 0, None)
    # What ended before each time, in the order of times, then what has begun by then.
    cell = np.repeat(np.arange(0, len(at) * (n_codes + 1), n_codes + 1), np.diff(at, prepend=0))
    ended_ns = np.zeros(len(at) * (n_codes + 1))
    for begin in range(0, len(cell), _AT_ONCE):
        part = slice(begin, min(begin + _AT_ONCE, len(cell)))
        length_ns = path.end_ns[part] - path.start_ns[part]
        ended_ns += np.bincount(cell[part] + code[part] + 1, length_ns, len(ended_ns))
    held_ns = np.cumsum(ended_ns.astype(np.int64).reshape(len(at), n_codes + 1), axis=0)
    held_ns[np.arange(len(at)), code[at] + 1] += time_ns - path.start_ns[at]
    first, last = place.reshape(2, len(start_ns))
    return np.asarray((held_ns[last] - held_ns[first])[:, 1:])


def handovers_within(
    path: Path, holder: NDArray[np.integer[Any]], start_ns: Int, end_ns: Int
) -> Int:
    """Count how often the path goes from one holder to another within intervals.

    Parameters
    ----------
    path : Path
    holder : ndarray of int (n_parts,)
        Who holds the path; -1 for a part that nobody holds, which hands nothing over.
    start_ns, end_ns : ndarray of int64 (n_intervals,) [ns]
        As for `held_within`.

    Returns
    -------
    ndarray of int64 (n_intervals,)
    """
    held = np.flatnonzero(holder >= 0)
    if len(held) == 0:
        return np.zeros(len(start_ns), dtype=np.int64)
    changes = np.flatnonzero(np.diff(holder[held]))
    first = np.searchsorted(held, np.searchsorted(path.end_ns, start_ns, side="right"))
    last = np.searchsorted(held, np.searchsorted(path.start_ns, end_ns)) - 1
    n_changes = np.searchsorted(changes, last) - np.searchsorted(changes, first)
    return np.where(last > first, n_changes, 0)
