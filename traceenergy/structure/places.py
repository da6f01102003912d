"""Phase of work that its name does not tell, by its place in a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.structure.lanes import Role, categories_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.structure.blocks import Blocks
    from traceenergy.structure.lanes import Lane

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# What place alone may say; codes are positions here.
PLACES = (
    "attention.qkv_proj",
    "attention",
    "attention.out_proj",
    "mlp.fc1",
    "mlp",
    "mlp.fc2",
    "moe",
    "lm_head",
    "norm",
)
UNKNOWN = -1
_OPEN = r"^(?:unclassified|other(?:\.(?:gemm|elementwise|reduction|copy|fused|residual|softmax))?)$"
_QKV, _CORE, _OUT, _FC1, _DENSE, _FC2, _EXPERTS, _HEAD, _NORM = range(len(PLACES))
_WITHOUT_PART = np.array([_CORE, _CORE, _CORE, _DENSE, _DENSE, _DENSE, _EXPERTS, _HEAD, _NORM])


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
        Index in `PLACES`; -1 outside of blocks.
    """
    token = np.arange(len(block))
    at = np.maximum(block, 0)
    turn = turn_of(lane, blocks)[at]
    experts = has_experts[at]
    is_product = lane.role == Role.OPEN
    product = np.append(np.flatnonzero(is_product), len(block))
    before_qkv = token < product[np.searchsorted(product[:-1], blocks.begin)][at]
    before_up = (token >= turn) & (token < product[np.searchsorted(product[:-1], turn)])
    place = np.select(
        [
            block < 0,
            ~is_product & (before_qkv | before_up),
            token < blocks.first_core[at],
            token <= blocks.last_attention[at],
            token < turn,
            experts,
            token < blocks.first_forward[at],
            token <= blocks.last_forward[at],
        ],
        [UNKNOWN, _NORM, _QKV, _CORE, _OUT, _EXPERTS, _FC1, _DENSE],
        default=_FC2,
    )
    # The part of a product is known by its place; what stands beside it has none.
    place = np.where(is_product | (place < 0), place, _WITHOUT_PART[place])
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


def heads(lane: Lane, end: Int, cut: Int) -> Bool:
    """Mark what runs between the last layer and the first output that has a name.

    Parameters
    ----------
    lane : Lane
    end : ndarray of int64 (n_passes,)
        Token after the last layer of each pass.
    cut : ndarray of int64 (n_passes,)
        Token after the pass.

    Returns
    -------
    ndarray of bool (n,)
    """
    output = np.append(np.flatnonzero(lane.role == Role.OUTPUT), len(lane.role))
    until = output[np.searchsorted(output[:-1], end)]
    until = np.where(until < cut, until, end)
    step = np.zeros(len(lane.role) + 1, dtype=np.int64)
    np.add.at(step, end, 1)
    np.add.at(step, until, -1)
    return np.cumsum(step[:-1]) > 0


HEAD = _HEAD
EXPERTS = _EXPERTS


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
