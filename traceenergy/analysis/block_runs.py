"""Sequence of phases within each pass through a block, with the usual one of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.block_instances import Instances

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

_MOST_LANES = 64
# Constants of the finalizer of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195).
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive pieces of one phase on one lane of an instance, in order.

    Attributes
    ----------
    begin : ndarray of int64 (n_runs,)
        First piece, as index into `Instances.row`.
    first : ndarray of int64 (n_instances,)
        First run of each instance.
    count : ndarray of int64 (n_instances,)
        Runs of each instance.
    word : ndarray of int64 (n_runs,)
        Phase, lane and place in the instance as one number.
    signature : ndarray of uint64 (n_instances,)
        Equal for instances whose runs have equal words.
    n_pieces : ndarray of int64 (n_runs,)
        Of each run.
    """

    begin: Int
    first: Int
    count: Int
    word: Int
    signature: NDArray[np.uint64]
    n_pieces: Int

    def matrix(self, instance: Int) -> Int:
        """Give the runs of instances that have equally many, ``(n, n_runs_each)``."""
        count = int(self.count[instance[0]]) if len(instance) else 0
        return np.asarray(self.first[instance][:, None] + np.arange(count))


def find_runs(instances: Instances, code: NDArray[np.integer[Any]]) -> Runs:
    """Join consecutive pieces of one phase.

    Parameters
    ----------
    instances : Instances
    code : ndarray of int (n,)
        Phase of each piece, in the order of `instances.row`.

    Returns
    -------
    Runs
    """
    n, lane = len(code), instances.lane
    changes = np.ones(n, dtype=bool)
    changes[1:] = (code[1:] != code[:-1]) | (lane[1:] != lane[:-1])
    changes[instances.first] = True
    begin = np.flatnonzero(changes)
    first = np.searchsorted(begin, instances.first)
    count = np.diff(np.append(first, len(begin)))
    place = np.arange(len(begin)) - np.repeat(first, count)
    n_codes = int(code.max(initial=0)) + 1
    word = (place * _MOST_LANES + np.minimum(lane[begin], _MOST_LANES - 1)) * n_codes + code[begin]
    mixed = _mix(word.astype(np.uint64))
    signature = np.add.reduceat(mixed, first) if len(first) else mixed
    return Runs(begin, first, count, word, signature, np.diff(begin, append=n))


def usual_sequence(runs: Runs, kind: Int, busy_ns: Int, n_kinds: int) -> tuple[Bool, Float]:
    """Choose the sequence of phases that holds most time of each kind of block.

    Parameters
    ----------
    runs : Runs
    kind : ndarray of int64 (n_instances,)
        Kind of block of each instance; negative for those that do not count.
    busy_ns : ndarray of int64 (n_instances,) [ns]
    n_kinds : int

    Returns
    -------
    usual : ndarray of bool (n_instances,)
        Has the sequence of its kind. By time, since fragments may be many.
    time_share : ndarray of float64 (n_kinds,)
        Part of the time of each kind in such instances; 0 where there are none.
    """
    counts = np.flatnonzero(kind >= 0)
    usual, time_share = np.zeros(len(kind), dtype=bool), np.zeros(n_kinds)
    distinct, number = np.unique(runs.signature[counts], return_inverse=True)
    for one in np.unique(kind[counts]).tolist():
        mine = kind[counts] == one
        # One more, so that passes of no length are counted as well.
        spent_ns = np.bincount(number[mine], busy_ns[counts][mine] + 1, len(distinct))
        chosen = counts[mine & (number == spent_ns.argmax())]
        # A signature of 64 bits could stand for two sequences: the words decide.
        chosen = chosen[runs.count[chosen] == runs.count[chosen[0]]]
        words = runs.word[runs.matrix(chosen)]
        usual[chosen[(words == words[0]).all(axis=1)]] = True
        all_ns = max(1, int(busy_ns[counts][mine].sum()))
        time_share[one] = busy_ns[usual & (kind == one)].sum() / all_ns
    return usual, time_share


def _mix(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over 64 bits, so that sums of them hardly ever agree by chance."""
    mixed = (word + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
