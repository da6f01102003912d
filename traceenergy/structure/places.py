"""Phase of work that its name does not tell, by its place in a block."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.structure.lanes import OUTPUTS, Role, categories_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.structure.blocks import Blocks
    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_OPEN = r"^(?:unclassified|other(?:\.(?:gemm|elementwise|reduction|copy|fused|residual|softmax))?)$"


class Place(IntEnum):
    """What the place of a kernel may say; each but the first is an index in `PLACES`."""

    NONE = -1
    QKV = 0
    ATTENTION = 1
    CORE = 2
    OUT = 3
    FC1 = 4
    DENSE = 5
    FC2 = 6
    EXPERTS = 7
    NORM = 8
    HEAD = 9
    SAMPLING = 10


_FORWARD = (
    "attention.qkv_proj",
    "attention",
    "attention.core",
    "attention.out_proj",
    "mlp.fc1",
    "mlp",
    "mlp.fc2",
    "moe",
    "norm",
    "lm_head",
    "sampling",
)
PLACES = (*_FORWARD, *(f"{phase}.bwd" for phase in _FORWARD))
BACKWARD = len(_FORWARD)  # added to a place in the backward pass
# The part of a product is known by its place; what stands beside it has none.
_WITHOUT_PART = {
    Place.QKV: Place.ATTENTION,
    Place.OUT: Place.ATTENTION,
    Place.FC1: Place.DENSE,
    Place.FC2: Place.DENSE,
}


def places_in_blocks(lane: Lane, blocks: Blocks, block: Int, has_experts: Bool) -> Int:
    """Say what the place of each token within its block makes of it.

    Parameters
    ----------
    lane : Lane
    blocks : Blocks
    block : ndarray of int64 (n,)
        Of each token; -1 for none.
    has_experts : ndarray of bool (n_blocks,)

    Returns
    -------
    ndarray of int64 (n,)
        A `Place` each; none outside of blocks.
    """
    token = np.arange(len(block))
    at = np.maximum(block, 0)
    turn = turn_of(lane, blocks)[at]
    is_product = lane.role == Role.OPEN
    product = np.append(np.flatnonzero(is_product), len(block))
    before_qkv = token < product[np.searchsorted(product[:-1], blocks.begin)][at]
    before_up = (token >= turn) & (token < product[np.searchsorted(product[:-1], turn)])
    place = np.select(
        [
            block < 0,
            ~is_product & (before_qkv | before_up),
            token < blocks.first_core[at],
            lane.role == Role.CORE,
            token <= blocks.last_attention[at],
            token < turn,
            has_experts[at],
            token < blocks.first_forward[at],
            token <= blocks.last_forward[at],
        ],
        [
            Place.NONE,
            Place.NORM,
            Place.QKV,
            Place.CORE,
            Place.ATTENTION,
            Place.OUT,
            Place.EXPERTS,
            Place.FC1,
            Place.DENSE,
        ],
        default=Place.FC2,
    )
    for part, whole in _WITHOUT_PART.items():
        place[~is_product & (place == part)] = whole
    return np.asarray(place, dtype=np.int64)


def turn_of(lane: Lane, blocks: Blocks) -> Int:
    """Find the first token of each block after its attention part.

    Parameters
    ----------
    lane : Lane
    blocks : Blocks

    Returns
    -------
    ndarray of int64 (n_blocks,)
        The norm between both parts; without one, the second token after attention: the first is
        the projection of its output.
    """
    border = np.flatnonzero((lane.role == Role.NORM) | (lane.role == Role.FUSED_NORM))
    border = np.append(border, len(lane.role))
    found = border[np.searchsorted(border[:-1], blocks.last_attention + 1)]
    fallback = np.minimum(blocks.last_attention + 2, blocks.first_forward)
    return np.where(found <= blocks.first_forward, found, fallback)


def behind_layers(lane: Lane, end: Int, cut: Int) -> tuple[Bool, Bool]:
    """Mark what runs behind the last layer, up to the outputs that have a name.

    Parameters
    ----------
    lane : Lane
    end : ndarray of int64 (n_stacks,)
        Token after the last layer of each stack.
    cut : ndarray of int64 (n_stacks,)
        Token up to which it may reach.

    Returns
    -------
    head : ndarray of bool (n,)
        Before the first output, or the softmax before it.
    sampling : ndarray of bool (n,)
        A softmax before the last output.
    """
    is_softmax = lane.role == Role.SOFTMAX
    is_output = np.isin(lane.role, OUTPUTS)
    output = np.append(np.flatnonzero(is_output), len(lane.role))
    ends = np.append(np.flatnonzero(is_output | is_softmax), len(lane.role))
    has_output = output[np.searchsorted(output[:-1], end)] < cut
    first = np.where(has_output, ends[np.searchsorted(ends[:-1], end)], end)
    sampled = np.append(np.flatnonzero(lane.role == Role.OUTPUT), len(lane.role))
    has_sampled = sampled[np.searchsorted(sampled[:-1], end)] < cut
    last = np.searchsorted(sampled[:-1], cut) - 1
    last = np.where(has_sampled, sampled[np.maximum(last, 0)], end)
    return _within(end, first, len(lane.role)), _within(end, last, len(lane.role)) & is_softmax


def _within(begin: Int, end: Int, n: int) -> Bool:
    change = np.zeros(n + 1, dtype=np.int64)
    np.add.at(change, begin, 1)
    np.add.at(change, end, -1)
    return np.asarray(np.cumsum(change[:-1]) > 0)


def is_open(subphase: pl.Series) -> Bool:
    """Mark work whose place may tell more than its name.

    Parameters
    ----------
    subphase : polars.Series of Enum (n,)

    Returns
    -------
    ndarray of bool (n,)
    """
    kinds = categories_of(subphase)
    table = kinds.str.contains(_OPEN).to_numpy()
    return np.asarray(table[subphase.to_physical().to_numpy()])
