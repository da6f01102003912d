"""Place in a model of all work of a run, by the order of its kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import number_codes
from traceenergy.records import dataclass
from traceenergy.structure.blocks import Blocks, find_blocks
from traceenergy.structure.graphs import graph_passes
from traceenergy.structure.lanes import Lane, categories_of, lanes_of, mirrored
from traceenergy.structure.passages import PRODUCT
from traceenergy.structure.passes import NONE, Passes, cut_steps, extent, join_passes, number_layers
from traceenergy.structure.places import (
    BACKWARD,
    Place,
    behind_layers,
    is_open,
    places_in_blocks,
    spread,
)
from traceenergy.structure.repeats import repeated_steps

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Structure:
    """Where in a model each piece of GPU work stands, ``(n_work,)`` each.

    Attributes
    ----------
    step : ndarray of int64
        Number of the pass through the model; -1 where not found. Only where no range marks steps.
    layer : ndarray of int32
        Index of the transformer block; -1 where not found.
    place : ndarray of int8
        A `Place` each: what its place makes of work without a phase.
    in_experts : ndarray of bool
        Whether its block has experts.
    n_layers : int
        Layers of the model; 0 where none were found.
    n_passes : int
        Passes through the model, of the device that has most.
    fit_share : float
        Part of the blocks that lie in passes of a usual number of layers, 0 to 1.
    """

    step: Int
    layer: NDArray[np.int32]
    place: NDArray[np.int8]
    in_experts: Bool
    n_layers: int
    n_passes: int
    fit_share: float


def find_structure(work: GpuWork, subphase: pl.Series, step: Int, names: pl.Series) -> Structure:
    """Find layers, and steps where there are none, in the order of kernels.

    Parameters
    ----------
    work : GpuWork
    subphase : polars.Series of Enum (n_work,)
        By rules.
    step : ndarray of int64 (n_work,)
        By ranges; -1 for none.
    names : polars.Series of String
        Text by id.

    Returns
    -------
    Structure
        Nothing is found on a device where attention and feed-forward do not take turns at least
        `passes.FEWEST_LAYERS` times: a model without transformer blocks has no layers here.
    """
    n = len(work)
    found = Structure(
        np.full(n, NONE),
        np.full(n, NONE, dtype=np.int32),
        np.full(n, Place.NONE, dtype=np.int8),
        np.zeros(n, dtype=bool),
        0,
        0,
        0.0,
    )
    fits, n_blocks, n_layers, n_passes = 0.0, 0, 0, 0
    is_expert = _starts_with(subphase, "moe")
    for lane in lanes_of(work, subphase, step):
        blocks = find_blocks(lane)
        passes = None if blocks is None else number_layers(blocks)
        edges = _find_steps(lane, blocks, passes)
        _write_steps(lane, edges, found)
        n_passes = max(n_passes, len(edges) - 1)
        if blocks is None or passes is None:
            continue
        has_experts = _place(lane, blocks, passes, is_expert, found)
        _place_side(lane, blocks, passes, has_experts, found)
        _place_backward(lane, passes, is_expert, found)
        _mark_heads(lane, blocks, edges, found)
        n_layers = max(n_layers, passes.n_layers)
        fits, n_blocks = fits + passes.fit_share * len(blocks.begin), n_blocks + len(blocks.begin)
    place = np.where(is_open(subphase), found.place, np.int8(Place.NONE))
    heads = np.flatnonzero(place == Place.HEAD)
    full_name_id = work["full_name_id"].to_numpy()[heads].astype(np.int64)
    place[heads[~_are_products(full_name_id, names)]] = Place.NONE
    fit_share = fits / n_blocks if n_blocks else 0.0
    return Structure(
        found.step, found.layer, place, found.in_experts, n_layers, n_passes, fit_share
    )


def _find_steps(lane: Lane, blocks: Blocks | None, passes: Passes | None) -> Int:
    if (lane.step >= 0).any():
        return np.empty(0, dtype=np.int64)
    first, after = graph_passes(lane)
    if blocks is not None and passes is not None:
        more = extent(blocks, passes)
        order = np.argsort(np.concatenate((first, more[0])), kind="stable")
        first = np.concatenate((first, more[0]))[order]
        after = np.concatenate((after, more[1]))[order]
        # A graph within the layers, as before those of a short stack, begins a step of its own.
        after = np.minimum(after, np.append(first[1:], len(lane.row)))
        first, after = first[after > first], after[after > first]
    first, after = join_passes(lane, first, after)
    return cut_steps(lane, first, after) if len(first) else repeated_steps(lane)


def _write_steps(lane: Lane, edges: Int, found: Structure) -> None:
    if len(edges):
        steps = np.arange(len(edges) - 1)
        found.step[lane.row] = spread(edges[:-1], edges[1:], steps, len(lane.row))
        edge_ns = np.append(lane.start_ns, lane.end_ns.max() + 1)[edges]
        found.step[lane.side_row] = _between(lane.side_start_ns, edge_ns)


def _place(  # noqa: PLR0913, PLR0917 - all that is known of a lane, and where to write it
    lane: Lane, blocks: Blocks, passes: Passes, is_expert: Bool, found: Structure, shift: int = 0
) -> Bool:
    """Write what one lane tells about layers into the arrays of all work."""
    block = _block_of(lane, blocks, passes)
    inside = np.flatnonzero(block >= 0)
    row, of_row = lane.row[inside], block[inside]
    has_experts = np.zeros(len(blocks.begin), dtype=bool)
    has_experts[of_row[is_expert[row]]] = True
    found.layer[row] = passes.layer[of_row]
    found.place[row] = places_in_blocks(lane, blocks, block, has_experts)[inside] + np.int8(shift)
    found.in_experts[row] = has_experts[of_row]
    return has_experts


def _place_backward(lane: Lane, forward: Passes, is_expert: Bool, found: Structure) -> None:
    """Place the backward pass: it runs through the layers from the last to the first."""
    mirror = mirrored(lane)
    blocks = find_blocks(mirror)
    passes = None if blocks is None else number_layers(blocks)
    if blocks is not None and passes is not None and passes.n_layers == forward.n_layers:
        _place(mirror, blocks, passes, is_expert, found, BACKWARD)


def _block_of(lane: Lane, blocks: Blocks, passes: Passes) -> NDArray[np.int32]:
    block = np.where(passes.layer >= 0, np.arange(len(blocks.begin)), NONE)
    return spread(blocks.begin, blocks.end, block.astype(np.int32), len(lane.row))


def _between(value: Int, edges: Int) -> Int:
    at = np.searchsorted(edges, value, side="right") - 1
    return np.where((at >= 0) & (at < len(edges) - 1), at, NONE)


def _mark_heads(lane: Lane, blocks: Blocks, edges: Int, found: Structure) -> None:
    """Tell the head of the model, and the softmax of sampling, behind each stack of layers."""
    last = np.flatnonzero(np.diff(blocks.stack, append=NONE) != 0)
    end = blocks.end[last]
    cut = np.append(blocks.begin[last[:-1] + 1], len(lane.row))
    if len(edges):
        after = np.append(edges, len(lane.row))[np.searchsorted(edges, end)]
        cut = np.minimum(cut, after)
    head, sampling = behind_layers(lane, end, cut)
    for place, inside in ((Place.HEAD, head), (Place.SAMPLING, sampling)):
        row = lane.row[inside]
        found.place[row] = np.where(found.place[row] == Place.NONE, place, found.place[row])


def _place_side(
    lane: Lane, blocks: Blocks, passes: Passes, has_experts: Bool, found: Structure
) -> None:
    """Put work of other streams where the main stream was when it began."""
    if not len(lane.side_row):
        return
    at = np.searchsorted(lane.start_ns[blocks.begin], lane.side_start_ns, side="right") - 1
    safe = np.maximum(at, 0)
    begin_of_next = np.append(lane.start_ns, lane.end_ns.max() + 1)[blocks.end[safe]]
    inside = (at >= 0) & (lane.side_start_ns < begin_of_next) & (passes.layer[safe] >= 0)
    found.layer[lane.side_row] = np.where(inside, passes.layer[safe], NONE)
    experts = inside & has_experts[safe]
    found.in_experts[lane.side_row] = experts
    found.place[lane.side_row] = np.where(experts, Place.EXPERTS, Place.NONE)


def _starts_with(subphase: pl.Series, first: str) -> Bool:
    kinds = categories_of(subphase)
    table = kinds.str.contains(rf"^{first}(?:\.|$)").to_numpy()
    return np.asarray(table[subphase.to_physical().to_numpy()])


def _are_products(full_name_id: Int, names: pl.Series) -> Bool:
    used, place = number_codes(full_name_id, len(names))
    return np.asarray(names.gather(used).str.contains(PRODUCT).to_numpy()[place])
