"""What a critical path is made of, as a whole or within intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import joined_key
from traceenergy.critical_path.model import PartKind
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.critical_path.model import Path

    Int = NDArray[np.int64]

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


def held_within(path: Path, code: Int, n_codes: int, start_ns: Int, end_ns: Int) -> Int:
    """Sum the path by a code of its parts within intervals, which may overlap or leave gaps.

    Parameters
    ----------
    path : Path
    code : ndarray of int64 (n_parts,)
        From 0 to `n_codes` - 1; -1 for parts that are of no interest.
    n_codes : int
    start_ns, end_ns : ndarray of int64 (n_intervals,) [ns]
        An interval's end is not before its start.

    Returns
    -------
    ndarray of int64 (n_intervals, n_codes) [ns]
        Exact: where every part has a code, a row sums to what the path and the interval share.
    """
    asked = np.flatnonzero(code >= 0)
    if len(asked) == 0:
        return np.zeros((len(start_ns), n_codes), dtype=np.int64)
    order = asked[np.argsort(code[asked], kind="stable")]  # parts of one code stay in time order
    of_part, codes = code[order], np.arange(n_codes)
    origin_ns, span_ns = path.start_ns[0], int(path.end_ns[-1] - path.start_ns[0])
    begin_ns, stop_ns = path.start_ns[order] - origin_ns, path.end_ns[order] - origin_ns
    before_ns = np.append(0, np.cumsum(stop_ns - begin_ns))
    key = joined_key(of_part, begin_ns, span_ns)

    def held_until(time_ns: Int) -> Int:
        at_ns = np.clip(time_ns - origin_ns, 0, span_ns)[:, np.newaxis]
        n_begun = np.searchsorted(key, joined_key(codes, at_ns, span_ns), side="right")
        last = np.maximum(n_begun - 1, 0)
        still = (n_begun > 0) & (of_part[last] == codes)
        rest_ns = np.where(still, np.maximum(stop_ns[last] - at_ns, 0), 0)
        return np.asarray(before_ns[n_begun] - rest_ns)  # all of lower codes cancels out below

    return held_until(end_ns) - held_until(start_ns)


def handovers_within(path: Path, holder: Int, start_ns: Int, end_ns: Int) -> Int:
    """Count how often the path goes from one holder to another within intervals.

    Parameters
    ----------
    path : Path
    holder : ndarray of int64 (n_parts,)
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
    n_changes = np.append(0, np.cumsum(np.diff(holder[held]) != 0))
    first = np.searchsorted(path.end_ns[held], start_ns, side="right")
    last = np.searchsorted(path.start_ns[held], end_ns, side="left") - 1
    n_before = n_changes[np.minimum(first, len(held) - 1)]
    return np.where(last > first, n_changes[last] - n_before, 0)
