"""Passes of transformer blocks laid onto each other: which belong together, which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.block_instances import find_instances
from traceenergy.analysis.block_runs import Runs, find_runs, usual_sequence
from traceenergy.caveats import Caveat
from traceenergy.records import dataclass
from traceenergy.structure.lanes import categories_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.block_instances import Instances
    from traceenergy.analysis.model import Window
    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

STEP_KINDS = ("prefill", "decode", "mixed", "train", "unknown")
N_KINDS = 4 * len(STEP_KINDS)
# Below this part of the time in blocks of one sequence of parts, whole phases are folded.
_LEAST_SHARE = 0.5
_BACKWARD = r"\.bwd$"
# Above this part of the time in blocks left out, the average deserves a word.
_MOST_LEFT_OUT = 0.1


@dataclass(frozen=True)
class Marks:
    """What each piece of a trace's GPU work belongs to, ``(n_work,)``, window or not.

    Attributes
    ----------
    phase, subphase : polars.Series of Enum
    layer : polars.Series of Int32
        Null in no layer.
    step : ndarray of int64
        Index of the step; negative for none.
    step_kind : sequence of str (n_steps,)
        One of `STEP_KINDS` for each step; others count as `unknown`.
    """

    phase: pl.Series
    subphase: pl.Series
    layer: pl.Series
    step: Int
    step_kind: Sequence[str]


@dataclass(frozen=True)
class Folding:
    """Which passes make up the average, and of which runs of work they consist.

    Attributes
    ----------
    instances : Instances
    runs : Runs
    kind : ndarray of int64 (n_instances,)
        Number of the kind of block; negative for passes outside the window.
    is_used : ndarray of bool (n_instances,)
    is_cut : ndarray of bool (n_instances,)
        Not wholly in the window.
    busy_ns : ndarray of int64 (n_instances,) [ns]
        Sum of the lengths of its pieces.
    by_phase : ndarray of bool (n_kinds,)
        Positions are runs of one phase, as their parts follow in no usual sequence.
    """

    instances: Instances
    runs: Runs
    kind: Int
    is_used: Bool
    is_cut: Bool
    busy_ns: Int
    by_phase: Bool


def kind_name(kind: int) -> str:
    """Name a kind of block, such as `decode moe`."""
    step_kind, layer_kind, is_backward = kind_parts(kind)
    return f"{step_kind} {layer_kind}" + " backward" * is_backward


def kind_parts(kind: int) -> tuple[str, str, bool]:
    """Tell kind of step, kind of layer, and whether it is the way back."""
    return STEP_KINDS[kind // 4], ("dense", "moe")[kind // 2 % 2], bool(kind % 2)


def fold(work: GpuWork, marks: Marks, window: Window) -> Folding:
    """Find the passes through blocks, and those of the usual sequence of phases.

    Parameters
    ----------
    work : GpuWork
        All of the trace, sorted by start.
    marks : Marks
        Some work is in a layer.
    window : Window

    Returns
    -------
    Folding
    """
    instances = find_instances(work, marks.layer, marks.step, _is_in(marks.subphase, _BACKWARD))
    row, first = instances.row, instances.first
    start_ns, end_ns = work["start_ns"].to_numpy()[row], work["end_ns"].to_numpy()[row]
    inside = (start_ns >= window.start_ns) & (end_ns <= window.end_ns)
    touches = (start_ns < window.end_ns) & (end_ns > window.start_ns)
    is_cut = ~np.logical_and.reduceat(inside, first)
    busy_ns = np.add.reduceat(end_ns - start_ns, first)
    kind = _kinds(marks, instances)
    kind[~np.logical_or.reduceat(touches, first)] = -1
    subphase, phase = (
        one.to_physical().to_numpy()[row].astype(np.int64) for one in (marks.subphase, marks.phase)
    )
    runs = find_runs(instances, subphase)
    complete = np.where(is_cut, -1, kind)
    is_used, share = usual_sequence(runs, complete, busy_ns, N_KINDS)
    by_phase = np.bincount(complete[complete >= 0], minlength=N_KINDS) > 0
    by_phase &= share < _LEAST_SHARE
    if by_phase.any():
        coarse = (by_phase[kind] & (kind >= 0))[instances.of_piece]
        n_parts = int(subphase.max(initial=0)) + 1
        runs = find_runs(instances, np.where(coarse, n_parts + phase, subphase))
        is_used, _ = usual_sequence(runs, complete, busy_ns, N_KINDS)
    return Folding(instances, runs, kind, is_used, is_cut, busy_ns, by_phase)


def _kinds(marks: Marks, instances: Instances) -> Int:
    row, first = instances.row, instances.first
    layer = marks.layer.gather(row).to_numpy().astype(np.int64)
    is_expert = _is_in(marks.phase, "^moe$")[row]
    moe_layers = np.zeros(int(layer.max(initial=0)) + 1, dtype=bool)
    moe_layers[layer[is_expert]] = True
    known = {kind: number for number, kind in enumerate(STEP_KINDS)}
    unknown = known["unknown"]
    of_step = np.array([*(known.get(kind, unknown) for kind in marks.step_kind), unknown])
    step = marks.step[row[first]]  # -1 finds the last
    backward = np.logical_or.reduceat(_is_in(marks.subphase, _BACKWARD)[row], first)
    return np.asarray(4 * of_step[step] + 2 * moe_layers[layer[first]] + backward)


def _is_in(series: pl.Series, pattern: str) -> Bool:
    """Mark values whose text matches; each distinct text is looked at once."""
    matches = categories_of(series).str.contains(pattern).to_numpy()
    return np.asarray(matches[series.to_physical().to_numpy()])


def doubt_left_out(folding: Folding) -> tuple[Caveat, ...]:
    """Say how much the average leaves out, where that is a lot."""
    counts = folding.kind >= 0
    left = counts & ~folding.is_used
    all_ns = int(folding.busy_ns[counts].sum())
    share = int(folding.busy_ns[left].sum()) / max(1, all_ns)
    if share <= _MOST_LEFT_OUT:
        return ()
    n_cut = int((left & folding.is_cut).sum())
    text = (
        f"The average blocks leave out {share:.0%} of the time of the work in layers: {n_cut:,} "
        f"passes are not wholly in the window, in {int(left.sum()) - n_cut:,} phases follow in "
        "another sequence than in most passes of their kind."
    )
    return (Caveat("blocks-left-out", text, n=int(left.sum())),)
