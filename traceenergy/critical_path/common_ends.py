"""Which sequences of calls on different GPUs are the same collectives, as they end together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

NONE = -1
# Ends of one collective lie this close: 22 us in the median of 33 of NCCL on two H100s.
TOGETHER_NS = 30_000
# Those of long ones may differ by more; beyond these limits they are no common ends.
APART_NS, APART_SHARE = 50_000, 0.25
_TIMES_CLOSEST = 4
_SAMPLE = 512
_MOST_SHIFTED, _MOST_MISSING = 32, 1024
# Fewer ends than this say nothing where clocks differ by an unknown time.
_FEWEST = 4
_MOST_DRIFT = 50e-6
_SD_OF_MAD = 1.4826


def match_sequences(
    end_ns: Sequence[Int], clock: Int, typical_ns: float, *, same_time: bool, whole: bool
) -> tuple[list[Int], int]:
    """Find which calls of several sequences are one.

    Parameters
    ----------
    end_ns : sequence of ndarray of int64 [ns]
        Ends of calls of one kind, one sequence a GPU; each in the order of the calls.
    clock : ndarray of int64 (n_sequences,)
        Sequences of one number share a clock.
    typical_ns : float [ns]
        How long a call takes.
    same_time : bool
        All clocks show the same time.
    whole : bool
        Match sequences call by call only.

    Returns
    -------
    codes : list of ndarray of int64
        Number of the common call of each call; -1 where it has no counterpart.
    n_codes : int

    Notes
    -----
    Sequences of one length are laid beside each other: those whose ends agree, up to a constant
    where clocks differ, are one communicator. A sequence that stays alone is laid along the
    others at the shift that brings most of its ends together, so that a call that one GPU missed,
    or did not record, costs that call only.
    """
    most_ns = max(APART_NS, APART_SHARE * typical_ns)
    clusters, alone = _equal_lengths(end_ns, clock, most_ns, same_time=same_time)
    codes = [np.full(len(ends), NONE, dtype=np.int64) for ends in end_ns]
    n_codes = 0
    for cluster in clusters:
        n_calls = len(end_ns[cluster[0]])
        for lane in cluster:
            codes[lane] = n_codes + np.arange(n_calls)
        n_codes += n_calls
    if whole:
        return codes, n_codes
    for lane in sorted(alone, key=lambda lane: -len(end_ns[lane])):
        for cluster in clusters:
            known = same_time or clock[lane] == clock[cluster[0]]
            place = _lay_along(end_ns[cluster[0]], end_ns[lane], most_ns, same_time=known)
            if place is not None:
                codes[lane] = np.where(place >= 0, codes[cluster[0]][place], NONE)
                cluster.append(lane)
                break
        else:
            codes[lane] = n_codes + np.arange(len(end_ns[lane]))
            n_codes += len(end_ns[lane])
            clusters.append([lane])
    return codes, n_codes


def median_by(code: Int, values: NDArray[np.float64], n_codes: int) -> NDArray[np.float64]:
    """Take the median of the values of each code.

    Parameters
    ----------
    code : ndarray of int64 (n,)
        0 to n_codes - 1.
    values : ndarray of float64 (n,)
    n_codes : int

    Returns
    -------
    ndarray of float64 (n_codes,)
        0 for codes without values.
    """
    order = np.lexsort((values, code))
    n_values = np.bincount(code, minlength=n_codes)
    first = np.cumsum(n_values) - n_values
    low = first + np.maximum(n_values - 1, 0) // 2
    high = first + n_values // 2
    ordered = np.append(values[order], [0.0, 0.0])
    return np.where(n_values > 0, (ordered[low] + ordered[np.minimum(high, len(order))]) / 2, 0.0)


def _equal_lengths(
    end_ns: Sequence[Int], clock: Int, most_ns: float, *, same_time: bool
) -> tuple[list[list[int]], list[int]]:
    length = np.array([len(ends) for ends in end_ns])
    clusters: list[list[int]] = []
    alone: list[int] = []
    for n_calls in np.unique(length)[::-1]:
        left = np.flatnonzero(length == n_calls)
        while len(left):
            first, others = left[0], left[1:]
            apart_ns = np.array(
                [
                    _apart(
                        end_ns[first],
                        end_ns[other],
                        same_time=same_time or clock[first] == clock[other],
                    )
                    for other in others
                ]
            )
            close = _close(apart_ns, most_ns)
            if close.any():
                clusters.append([int(first), *others[close].tolist()])
            else:
                alone.append(int(first))
            left = others[~close]
    return clusters, alone


def _close(apart_ns: NDArray[np.float64], most_ns: float) -> Bool:
    if not len(apart_ns):
        return np.zeros(0, dtype=bool)
    limit_ns = min(most_ns, max(TOGETHER_NS, _TIMES_CLOSEST * float(apart_ns.min())))
    return np.asarray(apart_ns <= limit_ns)


def _apart(a_ns: Int, b_ns: Int, *, same_time: bool) -> float:
    """Measure how far apart ends typically are [ns], up to offset, drift where clocks differ."""
    some = _spread_over(len(a_ns))
    late_ns = (b_ns[some] - a_ns[some]).astype(np.float64)
    if same_time:
        return float(np.median(np.abs(late_ns)))
    if len(a_ns) < _FEWEST:
        return np.inf
    third = len(some) // 3
    if third >= _FEWEST:
        at_ns = (a_ns[some] - a_ns[0]).astype(np.float64)
        run_ns = np.median(at_ns[-third:]) - np.median(at_ns[:third])
        rise_ns = np.median(late_ns[-third:]) - np.median(late_ns[:third])
        late_ns -= np.clip(rise_ns / max(run_ns, 1.0), -_MOST_DRIFT, _MOST_DRIFT) * at_ns
    return float(_SD_OF_MAD * np.median(np.abs(late_ns - np.median(late_ns))))


def _spread_over(n: int) -> Int:
    return np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))


def _lay_along(along_ns: Int, end_ns: Int, most_ns: float, *, same_time: bool) -> Int | None:
    """Find the place of each call in another sequence (-1 for none); None if few have one."""
    offset_ns = 0.0 if same_time else _common_offset(along_ns, end_ns)
    if offset_ns is None or not len(end_ns):
        return None
    enough = max(1, min(len(along_ns), len(end_ns)) // 2)
    some = _spread_over(len(end_ns))
    if (_nearest(along_ns, end_ns[some] - offset_ns, most_ns) >= 0).sum() * 4 < len(some):
        return None
    place = _nearest(along_ns, end_ns - offset_ns, most_ns)
    return place if (place >= 0).sum() >= enough else None


def _common_offset(along_ns: Int, end_ns: Int) -> float | None:
    missing = len(along_ns) - len(end_ns)
    if abs(missing) > _MOST_MISSING or min(len(along_ns), len(end_ns)) < _FEWEST:
        return None
    row = _spread_over(len(end_ns))[:, None]
    shift = np.arange(min(0, missing) - _MOST_SHIFTED, max(0, missing) + _MOST_SHIFTED + 1)
    place = row + shift
    inside = (place >= 0) & (place < len(along_ns))
    late_ns = np.sort((end_ns[row] - along_ns[np.clip(place, 0, len(along_ns) - 1)])[inside])
    upto = np.searchsorted(late_ns, late_ns + 2 * TOGETHER_NS, side="right")
    n_close = upto - np.arange(len(late_ns))
    best = int(np.argmax(n_close))
    if n_close[best] * 2 < len(row):
        return None
    return float(np.median(late_ns[best : upto[best]]))


def _nearest(along_ns: Int, at_ns: NDArray[np.floating], most_ns: float) -> Int:
    after = np.clip(np.searchsorted(along_ns, at_ns), 1, max(1, len(along_ns) - 1))
    before = after - 1
    after = np.minimum(after, len(along_ns) - 1)
    is_before = at_ns - along_ns[before] <= along_ns[after] - at_ns
    place = np.where(is_before, before, after)
    apart_ns = np.abs(along_ns[place] - at_ns)
    # Of several calls at one place the nearest one stays.
    order = np.argsort(apart_ns, kind="stable")
    _, first = np.unique(place[order], return_index=True)
    found = np.full(len(at_ns), NONE, dtype=np.int64)
    kept = order[first]
    kept = kept[apart_ns[kept] <= most_ns]
    found[kept] = place[kept]
    return found
