"""Phase of work that its name does not tell, by its place in a block."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from traceenergy.structure.lanes import OUTPUTS, Role, categories_of, is_one_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.structure.blocks import Blocks
    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_Code = TypeVar("_Code", bound="np.signedinteger[Any]")
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


def places_in_blocks(
    lane: Lane, blocks: Blocks, block: NDArray[np.int32], has_experts: Bool
) -> NDArray[np.int8]:
    """Say what the place of each token within its block makes of it.

    Parameters
    ----------
    lane : Lane
    blocks : Blocks
    block : ndarray of int32 (n,)
        Of each token; -1 for none.
    has_experts : ndarray of bool (n_blocks,)

    Returns
    -------
    ndarray of int8 (n,)
        A `Place` each; none outside of blocks.
    """
    n, n_blocks = len(block), len(blocks.begin)
    turn, is_product = turn_of(lane, blocks), lane.role == Role.OPEN
    forward = [
        np.where(has_experts, Place.EXPERTS, part) for part in (Place.FC1, Place.DENSE, Place.FC2)
    ]
    parts = np.column_stack(
        [np.tile([Place.QKV, Place.ATTENTION, Place.OUT], (n_blocks, 1)), *forward]
    )
    # Each part ends behind the last of its own and of all before it.
    ends = (
        blocks.begin, blocks.first_core, blocks.last_attention + 1, turn, blocks.first_forward,
        blocks.last_forward + 1, blocks.end,
    )  # fmt: skip
    edges = np.minimum(np.maximum.accumulate(np.column_stack(ends), axis=1), blocks.end[:, None])
    place = spread(edges[:, :-1].ravel(), edges[:, 1:].ravel(), parts.astype(np.int8).ravel(), n)
    core = np.flatnonzero(lane.role == Role.CORE)
    core = core[core >= np.append(blocks.first_core, n)[block[core]]]
    place[core] = Place.CORE
    without_part = np.arange(-1, len(PLACES), dtype=np.int8)
    without_part[np.array([*_WITHOUT_PART]) + 1] = [*_WITHOUT_PART.values()]
    place = np.where(is_product, place, without_part[place + 1])
    product = np.append(np.flatnonzero(is_product), n)
    for begin in (blocks.begin, turn):
        # Up to the first product.
        end = product[np.searchsorted(product[:-1], begin)]
        norm = np.full(n_blocks, Place.NORM, dtype=np.int8)
        is_norm = spread(begin, np.minimum(end, blocks.end), norm, n) == norm[:1]
        place[is_norm & ~is_product] = Place.NORM
    place[block < 0] = Place.NONE
    return place


def spread(begin: Int, end: Int, value: NDArray[_Code], n: int) -> NDArray[_Code]:
    """Lay values on stretches of a lane.

    Parameters
    ----------
    begin, end : ndarray of int64 (m,)
        First token of each stretch, and the one after its last; in order. A stretch reaches as far
        as the next one begins, at most.
    value : ndarray of int (m,)
    n : int
        Tokens of the lane.

    Returns
    -------
    ndarray (n,) of the type of the values
        -1 in no stretch.
    """
    end = np.maximum(np.minimum(end, np.append(begin[1:], n)), begin)
    # Each stretch behind the gap in front of it; then the rest.
    edge = np.concatenate(([0], np.column_stack((begin, end)).ravel(), [n]))
    laid = np.full(2 * len(begin) + 1, -1, dtype=value.dtype)
    laid[1::2] = value
    return np.repeat(laid, np.diff(edge))


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
    is_output = is_one_of(lane.role, OUTPUTS)
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
