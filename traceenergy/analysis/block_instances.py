"""Passes of transformer blocks in a run: which GPU work each holds, lane by lane.

A device runs the same block again and again, once per layer and step, and once more for each
further pass within a step: another part of the batch, or the way back of the gradient.

    step      |------------------ 4 ------------------|
    layer     |-- 0 --|-- 1 --|-- 2 --| ... |-- 60 ---|
    stream 7  [ ][   ][  ][  ]  ...                     main lane: most pieces of the block
    stream 20      [ ]     [ ]                          beside it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# Work of neighbor layers may take turns where one ends beside the next; a pass that comes back
# to a layer has been in two others.
_FOREIGN_RUNS = 2


@dataclass(frozen=True)
class Instances:
    """Work in layers, ordered by instance, lane and start.

    Attributes
    ----------
    row : ndarray of int64 (n,)
        Row of each piece in the trace's GPU work.
    first : ndarray of int64 (n_instances,)
        Index of the first piece of each instance in `row`.
    lane : ndarray of int64 (n,)
        0 on the stream with most pieces of the instance, 1, 2, ... on others in order of stream.
    """

    row: Int
    first: Int
    lane: Int

    @property
    def of_piece(self) -> Int:
        """Instance of each piece, ``(n,)``."""
        size = np.diff(np.append(self.first, len(self.row)))
        return np.repeat(np.arange(len(self.first)), size)


def find_instances(work: GpuWork, layer: pl.Series, step: Int, backward: Bool) -> Instances:
    """Cut the work in layers into instances of blocks.

    Parameters
    ----------
    work : GpuWork
        Sorted by start.
    layer : polars.Series of Int32 (n_work,)
        Null in no layer.
    step : ndarray of int64 (n_work,)
        Negative for none.
    backward : ndarray of bool (n_work,)
        Belongs to the way back of the gradient.

    Returns
    -------
    Instances
        One per device, step, layer and pass. From the first backward piece on, all work of a
        layer's pass is an instance of its own.
    """
    row = np.flatnonzero(layer.is_not_null().to_numpy())
    layer_of = layer.drop_nulls().to_numpy().astype(np.int64)
    device = _device_of(work)[row]
    if (device[1:] < device[:-1]).any():
        by_device = np.argsort(device, kind="stable")
        row, layer_of, device = row[by_device], layer_of[by_device], device[by_device]
    key = device.astype(np.int64) * (int(step.max(initial=-1)) + 2) + step[row] + 1
    key = key * (int(layer_of.max(initial=0)) + 1) + layer_of
    instance = _split_backward(_passes(key), backward[row])
    stream = work["stream_id"].to_numpy()[row]
    return _in_lanes(row, instance, stream - stream.min(initial=0))


def _device_of(work: GpuWork) -> NDArray[np.unsignedinteger]:
    rank, device = work["rank"].to_numpy(), work["device_id"].to_numpy()
    if not len(rank) or (rank.min() == rank.max() and device.min() == device.max()):
        return np.zeros(len(work), dtype=np.uint8)
    number = np.asarray(rank.astype(np.int64) * (int(device.max()) + 1) + device, dtype=np.int64)
    # Numbers of 16 bits are sorted without comparing.
    return number.astype(np.min_scalar_type(int(number.max())))


def _passes(key: Int) -> Int:
    """Join runs of one key between which little of other keys lies; number what results."""
    begins = _changes(key)
    run_key = key[begins]
    order = np.argsort(run_key, kind="stable")
    sorted_key = run_key[order]
    n_foreign = np.diff(order) - 1
    goes_on = (sorted_key[1:] == sorted_key[:-1]) & (n_foreign < _FOREIGN_RUNS)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(np.concatenate(([True], ~goes_on))[: len(order)]) - 1
    return np.repeat(number, np.diff(np.append(begins, len(key))))


def _split_backward(instance: Int, backward: Bool) -> Int:
    if not backward.any():
        return instance
    at = np.arange(len(instance))
    turn = np.full(int(instance.max()) + 1, len(instance))
    np.minimum.at(turn, instance[backward], at[backward])
    return np.asarray(2 * instance + (at >= turn[instance]))


def _in_lanes(row: Int, instance: Int, stream: Int) -> Instances:
    key = instance * (int(stream.max(initial=0)) + 1) + stream
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        row, instance, key = row[order], instance[order], key[order]
    begins = _changes(key)
    size = np.diff(np.append(begins, len(key)))
    of_lane = instance[begins]
    # The lane with most pieces goes first; of several the one of the lowest stream.
    by_size = np.lexsort((-size, of_lane))
    main = by_size[_changes(of_lane[by_size])]
    is_side = np.ones(len(begins), dtype=bool)
    is_side[main] = False
    lanes = np.lexsort((is_side, of_lane))
    size = size[lanes]
    n_before = np.cumsum(size) - size
    piece = np.repeat(begins[lanes] - n_before, size) + np.arange(len(row))
    first_lane = _changes(of_lane[lanes])
    n_lanes = np.diff(np.append(first_lane, len(lanes)))
    number = np.arange(len(lanes)) - np.repeat(first_lane, n_lanes)
    return Instances(row[piece], n_before[first_lane], np.repeat(number, size))


def _changes(key: Int) -> Int:
    """Find where runs of equal values begin."""
    if len(key) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
