"""Blocks -> numbered layers of passes through the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.structure.lanes import OUTPUTS, Role, is_one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.blocks import Blocks
    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

NONE = -1
FEWEST_LAYERS = 4  # fewer equal blocks may be anything
_SEEN_TWICE = 2


@dataclass(frozen=True)
class Passes:
    """Passes of a lane through the model.

    Attributes
    ----------
    layer : ndarray of int64 (n_blocks,)
        Index in the model; -1 where the pass fits no model.
    number : ndarray of int64 (n_blocks,)
        Of the pass, in order; -1 for blocks of none.
    n_layers : int
        Of the usual pass.
    n_passes : int
    fit_share : float
        Part of the blocks in passes of a usual number of layers, 0 to 1.
    """

    layer: Int
    number: Int
    n_layers: int
    n_passes: int
    fit_share: float


def number_layers(blocks: Blocks) -> Passes | None:
    """Join stacks of blocks into passes, and number the layers of each.

    Parameters
    ----------
    blocks : Blocks

    Returns
    -------
    Passes or None
        None if too few blocks follow each other for a model.

    Notes
    -----
    Of one pass are a long stack and the short ones behind it: layers that predict further tokens
    stand behind the head of the model. If ranges mark steps no pass reaches into another step.
    A recording may begin within a pass: its first blocks are then numbered from the last layer.
    """
    length = np.bincount(blocks.stack)
    usual = _usual(length)
    if usual < FEWEST_LAYERS:
        return None
    is_main = 2 * length > usual
    if (blocks.step >= 0).any():
        opens, ahead = _passes_of_steps(blocks, is_main)
        number = np.cumsum(opens) - 1
    else:
        ahead = np.zeros(len(blocks.step), dtype=bool)
        # The only short stack, at the end, is a pass that the recording cut off.
        is_main[-1] |= is_main[:-1].all()
        number = (np.cumsum(is_main) - 1)[blocks.stack]
        first = np.concatenate(([True], np.diff(blocks.stack) != 0))
        opens = first & is_main[blocks.stack]
    place = np.arange(len(number))
    layer = place - np.maximum.accumulate(np.where(opens, place, 0)) + usual * ahead
    n_in_pass = np.bincount(number[number >= 0])
    fits = _fits(n_in_pass, length, usual)
    if number[0] == 0 and 0 < length[0] < usual and len(n_in_pass) > 1 and not fits[0]:
        cut = number == 0
        layer[cut] += usual - length[0]
        fits[0] = True
    kept = (number >= 0) & fits[np.maximum(number, 0)]
    return Passes(
        layer=np.where(kept, layer, NONE),
        number=number,
        n_layers=int(layer[kept].max(initial=-1)) + 1,
        n_passes=len(n_in_pass),
        fit_share=float(kept.mean()),
    )


def _passes_of_steps(blocks: Blocks, is_main: Bool) -> tuple[Bool, Bool]:
    """Tell which blocks open a pass, and which are ahead of the model: of a draft model."""
    first = np.flatnonzero(np.diff(blocks.stack, prepend=NONE))
    opens_step = np.diff(blocks.step[first], prepend=blocks.step[0] - 1) != 0
    # More attention than before is a decoder behind its encoder, whose layers go on counting.
    attends = _medians(blocks.n_attentions, blocks.stack, first)
    is_decoder = np.diff(attends, prepend=attends[0]) > 0
    opens = opens_step | (is_main & ~is_decoder)
    n_main = np.cumsum(is_main)
    at_begin = np.maximum.accumulate(np.where(opens_step, n_main - is_main, 0))
    at_end = np.append(at_begin[1:][opens_step[1:]], n_main[-1])[np.cumsum(opens_step) - 1]
    ahead = (n_main == at_begin) & (at_end > at_begin)
    opens_block = np.zeros(len(blocks.stack), dtype=bool)
    opens_block[first[opens]] = True
    return opens_block, ahead[blocks.stack]


def _medians(value: Int, stack: Int, first: Int) -> NDArray[np.float64]:
    """Find the median of the blocks of each stack."""
    ordered = value[np.lexsort((value, stack))]
    count = np.diff(first, append=len(value))
    return np.asarray((ordered[first + (count - 1) // 2] + ordered[first + count // 2]) / 2)


def _usual(length: Int) -> int:
    """Find the length of stack that holds most blocks."""
    held = np.bincount(length, weights=length)
    return int(held.argmax())


def _fits(n_in_pass: Int, length: Int, usual: int) -> Bool:
    # The last pass may be cut off by the end of the recording.
    seen = np.bincount(n_in_pass)[n_in_pass]
    fits = (seen >= _SEEN_TWICE) | (n_in_pass == usual)
    fits[-1] |= n_in_pass[-1] < usual
    return np.asarray(fits | (len(length) == 1))


def extent(blocks: Blocks, passes: Passes) -> tuple[Int, Int]:
    """Say from where to where the layers of each pass reach.

    Parameters
    ----------
    blocks : Blocks
    passes : Passes

    Returns
    -------
    first, after : ndarray of int64 (n_passes,)
        First token; token after the last.
    """
    used = np.flatnonzero(passes.number >= 0)
    new = np.flatnonzero(np.diff(passes.number[used], prepend=NONE))
    return blocks.begin[used[new]], blocks.end[used[np.append(new[1:], len(used)) - 1]]


def join_passes(lane: Lane, first: Int, after: Int) -> tuple[Int, Int]:
    """Join the passes of one training step: those up to the next optimizer.

    Parameters
    ----------
    lane : Lane
    first, after : ndarray of int64 (n_passes,)
        First token of each pass; token after its last one.

    Returns
    -------
    first, after : ndarray of int64
        Unchanged in a lane without an optimizer.
    """
    optimizer = np.flatnonzero(lane.role == Role.OPTIMIZER)
    if not len(optimizer) or not len(first):
        return first, after
    opens = np.diff(np.searchsorted(optimizer, first), prepend=-1) != 0
    return first[opens], after[np.append(np.flatnonzero(opens)[1:], len(first)) - 1]


def cut_steps(lane: Lane, first: Int, after: Int) -> Int:
    """Cut a lane into steps, one around each pass.

    Parameters
    ----------
    lane : Lane
    first, after : ndarray of int64 (n_passes,)
        First token of each pass; token after its last one. In order, apart.

    Returns
    -------
    ndarray of int64 (n_passes + 1,)
        First token of each step, and the token after the last one; empty where one pass alone
        does not tell where a step begins.

    Notes
    -----
    Between two passes the step ends after the last output of the model and before the next
    input, where the device idles longest. What stands before the first pass belongs to its step
    as far as it does in the others; likewise after the last.
    """
    if len(first) < 2:  # noqa: PLR2004 - one pass has no other to compare with
        return np.empty(0, dtype=np.int64)
    low, high = _ends_of_model(lane.role, after[:-1], first[1:])
    cut = _longest_idle(lane, low, high)
    ahead = int(np.median(first[1:] - cut))
    behind = int(np.median(cut - after[:-1]))
    begin = max(0, int(first[0]) - ahead)
    end = min(len(lane.row), int(after[-1]) + behind)
    return np.concatenate(([begin], cut, [end]))


def _ends_of_model(role: NDArray[np.uint8], low: Int, high: Int) -> tuple[Int, Int]:
    """Narrow each stretch to what lies between output and input of the model."""
    output = np.append(np.flatnonzero(is_one_of(role, OUTPUTS)), len(role))
    before = np.searchsorted(output[:-1], high + 1) - 1
    is_out = (before >= 0) & (output[np.maximum(before, 0)] >= low)
    low = np.where(is_out, output[np.maximum(before, 0)] + 1, low)
    inputs = np.append(np.flatnonzero(role == Role.INPUT), len(role))
    after = inputs[np.searchsorted(inputs[:-1], low)]
    return low, np.where(after <= high, after, high)


def _longest_idle(lane: Lane, low: Int, high: Int) -> Int:
    """Find the token of each stretch, ends included, that begins after the longest pause."""
    done_ns = np.maximum.accumulate(lane.end_ns)
    pause_ns = lane.start_ns - np.concatenate((lane.start_ns[:1], done_ns[:-1]))
    size = np.maximum(high - low + 1, 1)
    group = np.repeat(np.arange(len(size)), size)
    token = np.arange(size.sum()) + np.repeat(low - np.cumsum(size) + size, size)
    token = np.minimum(token, len(pause_ns) - 1)
    order = np.lexsort((-token, pause_ns[token], group))
    return np.asarray(token[order[np.cumsum(size) - 1]])
