"""Transformer blocks in the order of kernels: attention, then feed-forward.

Kernel names rarely say which layer runs, but many say what they do. A transformer alternates
between attention and feed-forward (dense or experts), so each turn from feed-forward back to
attention is a new layer, whatever lies between: matrix products with opaque names, tiles that
change with the batch, experts that are called as often as they are hit.

    norm qkv rope CORE out | norm up ACT down | norm qkv rope CORE out | norm up ACT down | norm
    `---------- layer 0 ---------------------'   `---------- layer 1 ----------------'

A layer begins at the first norm after the feed-forward before it; where that norm is fused into
the collective that ends the layer, right after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.structure.lanes import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# A gap between layers with so many more kernels than most holds the ends of the model.
_LONGER = 3
_MOST = 0.75  # quantile of gaps that lie within the model
_FEW_SPLITS = 0.5  # what stands between more layers than this is no end of the model
# Pauses of the device tell passes if they are so many times longer than most, none is between the
# two kinds, and nearly all blocks are in passes of one length.
_LONGER_PAUSE, _APART = 4, 2
_EQUAL, _FEWEST_PASSES = 0.9, 3
_ATTENTIONS = 2  # of a layer: to itself, and to an encoder


@dataclass(frozen=True)
class Blocks:
    """Transformer blocks of a lane, in order; tokens are positions in the lane.

    Attributes
    ----------
    begin, end : ndarray of int64 (n,)
        First token; token after the last.
    first_core, last_core : ndarray of int64 (n,)
        Of attention.
    last_attention : ndarray of int64 (n,)
    first_forward, last_forward : ndarray of int64 (n,)
        Of the feed-forward part.
    step : ndarray of int64 (n,)
        Of its attention, by range.
    stack : ndarray of int64 (n,)
        Number of the pass through the model's layers, without ends of the model inside.
    n_attentions : ndarray of int64 (n,)
        Cores with matrix products between them: more than one with cross-attention.
    """

    begin: Int
    end: Int
    first_core: Int
    last_core: Int
    last_attention: Int
    first_forward: Int
    last_forward: Int
    step: Int
    stack: Int
    n_attentions: Int


@dataclass(frozen=True)
class _Turns:
    """Blocks before their borders are known."""

    first_core: Int
    last_core: Int
    last_attention: Int
    first_forward: Int
    last_forward: Int
    step: Int


def find_blocks(lane: Lane) -> Blocks | None:
    """Find the blocks of a lane.

    Parameters
    ----------
    lane : Lane

    Returns
    -------
    Blocks or None
        None where attention and feed-forward do not take turns.
    """
    turns = _take_turns(lane)
    if turns is None or len(turns.step) < 2:  # noqa: PLR2004 - no layer's length to compare
        return None
    splits = _splits(lane, turns)
    stack = np.concatenate(([0], np.cumsum(splits)))
    begin, end = _borders(lane, turns, splits)
    return Blocks(
        begin, end, turns.first_core, turns.last_core, turns.last_attention,
        turns.first_forward, turns.last_forward, turns.step, stack,
        _attentions(lane, turns.first_core, turns.last_core),
    )  # fmt: skip


def _attentions(lane: Lane, first_core: Int, last_core: Int) -> Int:
    core = np.flatnonzero(lane.role == Role.CORE)
    products = np.cumsum(lane.role == Role.OPEN)[core]
    anew = np.cumsum(np.diff(products, prepend=products[:1]) != 0)
    low, high = np.searchsorted(core, first_core), np.searchsorted(core, last_core)
    return np.asarray(anew[high] - anew[low] + 1)


def _take_turns(lane: Lane) -> _Turns | None:
    is_attention = (lane.role == Role.ATTENTION) | (lane.role == Role.CORE)
    core = np.flatnonzero(lane.role == Role.CORE)
    forward = lane.role == Role.FEED_FORWARD
    runs = _runs(lane, is_attention, forward, core)
    by_norms = _runs(lane, is_attention, lane.role == Role.NORM, core)
    # Feed-forward parts without a name: what stands between the norm after attention and the next.
    if 2 * len(runs[0]) < len(by_norms[0]):
        if np.median(_attentions(lane, core[by_norms[0]], core[by_norms[1] - 1])) > _ATTENTIONS:
            return None
        low, high, last_attention, first, last, step = by_norms
        last = np.minimum(np.maximum(_second_norm(lane, first) - 1, first), last)
    else:
        low, high, last_attention, first, last, step = runs
    return _Turns(core[low], core[high - 1], last_attention, first, last, step)


def _runs(
    lane: Lane, is_attention: Bool, is_other: Bool, core: Int
) -> tuple[Int, Int, Int, Int, Int, Int]:
    """Pair each run of attention with the run of something else that follows it."""
    marks = np.flatnonzero(is_attention | is_other)
    kind, step = is_attention[marks], lane.step[marks]
    new = np.concatenate(([True], (np.diff(kind) != 0) | (np.diff(step) != 0)))
    new[1:] |= _over_ends(lane, marks, kind)
    first = np.flatnonzero(new[: len(marks)])
    last = np.concatenate((first[1:], [len(marks)])) - 1
    # Attention counts with its core alone, before something else of the same step.
    pairs = np.flatnonzero(kind[first][:-1] & ~kind[first][1:] & (np.diff(step[first]) == 0))
    low = np.searchsorted(core, marks[first[pairs]])
    high = np.searchsorted(core, marks[last[pairs]], side="right")
    pairs, low, high = (values[high > low] for values in (pairs, low, high))
    after = pairs + 1
    return (
        low, high, marks[last[pairs]], marks[first[after]], marks[last[after]], step[first[pairs]],
    )  # fmt: skip


def _over_ends(lane: Lane, marks: Int, is_attention: Bool) -> Bool:
    """Mark feed-forward parts in a row that an end of the model stands between."""
    before = lane.n_ends[marks + 1]
    over = (np.diff(before) != 0) & ~is_attention[1:] & ~is_attention[:-1]
    n_turns = np.count_nonzero(is_attention[:-1] & ~is_attention[1:])
    return np.asarray(over & (over.sum() <= _FEW_SPLITS * n_turns))


def _second_norm(lane: Lane, first: Int) -> Int:
    norm = np.flatnonzero(lane.role == Role.NORM)
    at = np.minimum(np.searchsorted(norm, first) + 1, len(norm) - 1)
    return np.asarray(norm[at])


def _splits(lane: Lane, turns: _Turns) -> Bool:
    """Tell between which blocks the model ends and begins anew."""
    by_step = np.diff(turns.step) != 0
    before = lane.n_ends
    by_ends = before[turns.last_core[1:]] > before[turns.last_forward[:-1]]
    if by_ends.mean() > _FEW_SPLITS:
        by_ends[:] = False
    if (by_step | by_ends).any():
        return np.asarray(by_step | by_ends)
    length = turns.last_core[1:] - turns.last_forward[:-1]
    by_length = np.asarray(length > np.quantile(length, _MOST) + _LONGER)
    return by_length if by_length.any() else _by_pauses(lane, turns)


def _by_pauses(lane: Lane, turns: _Turns) -> Bool:
    """Tell passes of equal length by the pauses between them, as a pipeline's stages have."""
    done_ns = np.maximum.accumulate(lane.end_ns)
    pause_ns = np.concatenate(([0], lane.start_ns[1:] - done_ns[:-1]))
    # Where one layer may end and the next begin.
    edges = np.stack((turns.last_forward[:-1] + 1, turns.last_core[1:] + 1), axis=1).ravel()
    widest_ns = np.maximum.reduceat(np.append(pause_ns, 0), edges)[::2]
    usual_ns = max(1.0, float(np.quantile(widest_ns, _MOST)))
    splits = np.asarray(widest_ns > _LONGER_PAUSE * usual_ns)
    length = np.bincount(np.concatenate(([0], np.cumsum(splits))))
    is_equal = length == np.bincount(length, weights=length).argmax()
    tells = (
        is_equal.sum() >= _FEWEST_PASSES
        and length[is_equal].sum() >= _EQUAL * length.sum()
        and widest_ns[splits].min() > _APART * widest_ns[~splits].max(initial=0)
    )
    return np.asarray(splits & bool(tells))


def _borders(lane: Lane, turns: _Turns, splits: Bool) -> tuple[Int, Int]:
    """Place the begin and the end of each block."""
    n = len(turns.step)
    begin, end = np.full(n, -1), np.full(n, -1)
    inner = np.flatnonzero(~splits)
    begin[inner + 1] = end[inner] = _between(
        lane, turns.last_forward[inner], turns.first_core[inner + 1]
    )
    # The first block of a stack reaches as far before its core as the next one does; a block
    # alone in its stack as far as the one before it.
    prefix = np.where(begin >= 0, turns.last_core - begin, -1)
    alone = np.append(splits, True) & np.concatenate(([True], splits))
    by_next, by_last = _carried(prefix, backward=True), _carried(prefix, backward=False)
    ahead = np.where(alone, by_last, by_next)
    behind = _carried(np.where(end >= 0, end - turns.last_forward, -1), backward=False)
    first, last = begin < 0, end < 0
    begin[first] = turns.last_core[first] - ahead[first]
    end[last] = turns.last_forward[last] + behind[last]
    begin[first] -= (lane.role[np.maximum(begin[first] - 1, 0)] == Role.NORM) & (begin[first] > 0)
    end = np.minimum(end, len(lane.role))
    begin[1:] = np.maximum(begin[1:], end[:-1])
    return np.maximum(begin, 0), np.maximum(end, turns.last_forward + 1)


def _between(lane: Lane, last_forward: Int, core: Int) -> Int:
    """Find where one block ends and the next begins."""
    norm = np.flatnonzero((lane.role == Role.NORM) | (lane.role == Role.FUSED_NORM))
    found = last_forward + 1 + (core - last_forward > 2)  # noqa: PLR2004 - the down projection
    after = _last_in(lane.role == Role.COLLECTIVE, last_forward, core)
    found = np.where(after >= 0, after + 1, found)
    if len(norm):
        # Of norms in a row the last is the next block's: the others end the block before.
        chain_end = np.flatnonzero(np.diff(norm, append=-1) != 1)
        last_of = norm[chain_end[np.searchsorted(chain_end, np.arange(len(norm)))]]
        at = np.searchsorted(norm, last_forward + 1)
        known = at < len(norm)
        at = np.minimum(at, len(norm) - 1)
        fused = lane.role[norm[at]] == Role.FUSED_NORM
        border = np.where(fused, norm[at] + 1, last_of[at])
        found = np.where(known & (border <= core) & (norm[at] < core), border, found)
    return found


def _last_in(hit: Bool, low: Int, high: Int) -> Int:
    at = np.flatnonzero(hit)
    last = np.searchsorted(at, high) - 1
    known = (last >= 0) & (at[np.maximum(last, 0)] > low) if len(at) else np.zeros(len(low), bool)
    return np.where(known, at[np.maximum(last, 0)] if len(at) else -1, -1)


def _carried(length: Int, *, backward: bool) -> Int:
    """Fill unknown lengths from the nearest known one, that way first, then the other way."""
    known = np.flatnonzero(length >= 0)
    if not len(known):
        return np.ones_like(length)
    place = np.arange(len(length))
    after = np.searchsorted(known, place)
    before = np.searchsorted(known, place, side="right") - 1
    nearest = after if backward else before
    other = before if backward else after
    usable = (nearest >= 0) & (nearest < len(known))
    return length[known[np.where(usable, nearest, np.clip(other, 0, len(known) - 1))]]
