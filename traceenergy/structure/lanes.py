"""GPU work in the order it ran, one lane a device, with the role of each piece in a model."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import codes_of
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Roles = NDArray[np.uint8]


class Role(IntEnum):
    """What a piece of work says about where in a model it stands."""

    PLAIN = 0  # nothing
    OPEN = 1  # nothing, and its phase is not known either
    ATTENTION = 2  # beside the core: rotary embedding, cache
    CORE = 3
    FEED_FORWARD = 4
    NORM = 5
    FUSED_NORM = 6  # with the collective before it
    COLLECTIVE = 7
    INPUT = 8  # before the first layer
    OUTPUT = 9  # after the last layer
    GRAPH = 10  # a whole CUDA graph as one block
    SOFTMAX = 11  # of attention, or of sampling
    REDUCTION = 12  # part of a norm, perhaps
    COPY = 13
    CONVOLUTION = 14
    BACKWARD = 15  # work of the other pass: backward in a forward pass, forward in a backward one
    OPTIMIZER = 16


# What stands between two passes through the layers.
ENDS = (Role.INPUT, Role.OUTPUT, Role.GRAPH, Role.BACKWARD, Role.OPTIMIZER)
# What belongs to the pass before it.
OUTPUTS = (Role.OUTPUT, Role.BACKWARD, Role.OPTIMIZER)


_BY_SUBPHASE = {
    "unclassified": Role.OPEN,
    "other.gemm": Role.OPEN,
    "attention.core": Role.CORE,
    "attention.mla": Role.CORE,
    "attention.linear": Role.CORE,
    "allreduce.fused_norm": Role.FUSED_NORM,
    "other.softmax": Role.SOFTMAX,
    "other.reduction": Role.REDUCTION,
    "other.convolution": Role.CONVOLUTION,
}
_BY_PHASE = {
    "attention": Role.ATTENTION,
    "moe": Role.FEED_FORWARD,
    "mlp": Role.FEED_FORWARD,
    "norm": Role.NORM,
    "allreduce": Role.COLLECTIVE,
    "collective": Role.COLLECTIVE,
    "embedding": Role.INPUT,
    "lm_head": Role.OUTPUT,
    "sampling": Role.OUTPUT,
    "optimizer": Role.OPTIMIZER,
    "memory": Role.COPY,
}
# Work whose name does not tell the direction.
_EITHER_WAY = (
    Role.PLAIN, Role.OPEN, Role.COPY, Role.COLLECTIVE, Role.FUSED_NORM, Role.REDUCTION,
    Role.SOFTMAX, Role.CONVOLUTION, Role.OPTIMIZER,
)  # fmt: skip
_WITHIN_ATTENTION = 12  # kernels from its first product to its second: scale, mask, softmax
_FEWEST_PRODUCTS = 5  # of a block: queries, scores, values, output, feed-forward


@dataclass(frozen=True)
class Lane:
    """What one process ran on one device.

    Attributes
    ----------
    row : ndarray of int64 (n,)
        Rows of the GPU work on the stream that worked longest, in the order they began.
    start_ns, end_ns : ndarray of int64 (n,) [ns]
    role, backward_role : ndarray of uint8 (n,)
        A `Role` each, in the forward and in the backward pass.
    name : ndarray of uint32 (n,)
        Id of the full name.
    step : ndarray of int64 (n,)
        Step by its range; -1 for none.
    side_row, side_start_ns : ndarray of int64 (n_side,)
        The other streams.
    """

    row: Int
    start_ns: Int
    end_ns: Int
    role: Roles
    backward_role: Roles
    name: NDArray[np.uint32]
    step: Int
    side_row: Int
    side_start_ns: Int

    @cached_property
    def n_ends(self) -> NDArray[np.int32]:
        """Count the tokens of `ENDS` in front of each place, ``(n + 1,)``."""
        count = np.zeros(len(self.role) + 1, dtype=np.int32)
        np.cumsum(is_one_of(self.role, ENDS), out=count[1:])
        return count


def role_of(subphase: str, *, backward: bool = False) -> Role:
    """Say what a subphase tells about the place in a model.

    Parameters
    ----------
    subphase : str
    backward : bool
        In the backward pass.

    Returns
    -------
    Role
        Passes of the other direction stand behind the last layer, or before the first one.
    """
    base = subphase.removesuffix(".bwd")
    role = _BY_SUBPHASE.get(base, _BY_PHASE.get(base.partition(".")[0], Role.PLAIN))
    if role in _EITHER_WAY or backward == (base != subphase):
        return role
    return Role.BACKWARD


def is_one_of(role: Roles, roles: tuple[Role, ...]) -> Bool:
    """Mark what has one of some roles.

    Parameters
    ----------
    role : ndarray of uint8 (n,)
    roles : tuple of Role

    Returns
    -------
    ndarray of bool (n,)
    """
    table = np.zeros(len(Role), dtype=bool)
    table[list(roles)] = True
    return np.asarray(table[role])


def categories_of(subphase: pl.Series) -> pl.Series:
    """Give the texts that codes of an Enum series stand for.

    Parameters
    ----------
    subphase : polars.Series of Enum

    Returns
    -------
    polars.Series of String

    Raises
    ------
    TypeError
        If the series is of another type.
    """
    dtype = subphase.dtype
    if not isinstance(dtype, pl.Enum):
        raise TypeError(f"expected a series of Enum, got {dtype}")
    return dtype.categories


def lanes_of(work: GpuWork, subphase: pl.Series, step: Int) -> list[Lane]:
    """Split GPU work into lanes.

    Parameters
    ----------
    work : GpuWork
    subphase : polars.Series of Enum (n_work,)
    step : ndarray of int64 (n_work,)
        Step by range; -1 for none.

    Returns
    -------
    list of Lane
        One per rank, process and device with work.
    """
    if not len(work):
        return []
    kinds = categories_of(subphase)
    code = subphase.to_physical().to_numpy()
    role, backward = (
        np.array([role_of(kind, backward=way) for kind in kinds], dtype=np.uint8)[code]
        for way in (False, True)
    )
    role[(work["table"] == "GRAPH").to_numpy()] = Role.GRAPH
    keys = ["rank", "process_id", "device_id"]
    stream, streams = codes_of(work, [*keys, "stream_id"])
    start_ns, end_ns = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    busy_ns = np.bincount(stream, end_ns - start_ns, len(streams))
    lane_of, lanes = codes_of(streams, keys)
    # Rows stream by stream, in each lane the one that worked longest first.
    order = np.lexsort((streams["stream_id"].to_numpy(), -busy_ns, lane_of))
    by_stream = np.argsort(stream.astype(np.min_scalar_type(len(streams))), kind="stable")
    edge = np.append(0, np.cumsum(np.bincount(stream, minlength=len(streams))))
    rows = [by_stream[edge[one] : edge[one + 1]] for one in order.tolist()]
    first = np.searchsorted(lane_of[order], np.arange(len(lanes) + 1)).tolist()
    name = work["full_name_id"].to_numpy()
    found = []
    for low, high in pairwise(first):
        main, side = rows[low], np.sort(np.concatenate([*rows[low + 1 : high], rows[low][:0]]))
        found.append(
            Lane(
                row=main,
                start_ns=start_ns[main],
                end_ns=end_ns[main],
                role=unfused_norms(unfused_attention(role[main])),
                backward_role=backward[main],
                name=name[main],
                step=step[main],
                side_row=side,
                side_start_ns=start_ns[side],
            )
        )
    return found


def mirrored(lane: Lane) -> Lane:
    """Turn a lane around: its backward pass then runs through the layers from first to last.

    Parameters
    ----------
    lane : Lane

    Returns
    -------
    Lane
        Without other streams.
    """
    nothing = np.empty(0, dtype=np.int64)
    return Lane(
        row=lane.row[::-1],
        start_ns=-lane.end_ns[::-1],
        end_ns=-lane.start_ns[::-1],
        role=lane.backward_role[::-1],
        backward_role=lane.role[::-1],
        name=lane.name[::-1],
        step=lane.step[::-1],
        side_row=nothing,
        side_start_ns=nothing,
    )


def unfused_attention(role: Roles) -> Roles:
    """Find attention that is made of single kernels, where none is known by its name.

    Parameters
    ----------
    role : ndarray of uint8 (n,)
        In order.

    Returns
    -------
    ndarray of uint8 (n,)
        With all from the product before a softmax to the product after it as core of attention.
        Unchanged where that softmax may be the last step of a classifier: with convolutions, with
        copies beside it, or with fewer products than a transformer block has.
    """
    softmax, product = np.flatnonzero(role == Role.SOFTMAX), np.flatnonzero(role == Role.OPEN)
    if (role == Role.CORE).any() or not len(softmax) or not len(product):
        return role
    after = np.searchsorted(product, softmax)
    inside = (after > 0) & (after < len(product))
    softmax, after = softmax[inside], after[inside]
    low, high = product[after - 1], product[after]
    copies = np.concatenate(([0], np.cumsum(role == Role.COPY)))
    is_core = (high - low <= _WITHIN_ATTENTION) & (copies[high] == copies[low])
    n_cores, n_convolutions = int(is_core.sum()), int((role == Role.CONVOLUTION).sum())
    if len(product) < _FEWEST_PRODUCTS * n_cores or n_convolutions > n_cores:
        return role
    change = np.zeros(len(role) + 1, dtype=np.int64)
    np.add.at(change, low[is_core], 1)
    np.add.at(change, high[is_core] + 1, -1)
    return np.where(np.cumsum(change[:-1]) > 0, np.uint8(Role.CORE), role)


def unfused_norms(role: Roles) -> Roles:
    """Take reductions for norms where hardly any norm is known by its name.

    Parameters
    ----------
    role : ndarray of uint8 (n,)
        In order.

    Returns
    -------
    ndarray of uint8 (n,)
    """
    is_norm = (role == Role.NORM) | (role == Role.FUSED_NORM)
    cores = np.flatnonzero(role == Role.CORE)
    n_cores = int((np.diff(cores, prepend=-2) > 1).sum())
    if not n_cores or 2 * int(is_norm.sum()) >= n_cores:
        return role
    return np.where(role == Role.REDUCTION, np.uint8(Role.NORM), role)
