"""Passes of transformer blocks laid onto each other: which belong together, which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from traceenergy.analysis.steps import Steps
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


def marks_of(classes: pl.DataFrame, steps: Steps, rows: pl.DataFrame) -> Marks:
    """Say what each piece of work belongs to.

    Parameters
    ----------
    classes : polars.DataFrame (n_work rows)
        `phase`, `subphase`, `layer`.
    steps : Steps
    rows : polars.DataFrame
        The table of steps.

    Returns
    -------
    Marks
    """
    kinds = dict(rows.drop_nulls("step").select("step", "kind").iter_rows())
    step_kind = [kinds.get(number, "unknown") for number in steps.number.tolist()]
    return Marks(classes["phase"], classes["subphase"], classes["layer"], steps.of_work, step_kind)


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
    backward = _is_in(marks.subphase, _BACKWARD)
    instances = find_instances(work, marks.layer, marks.step, backward)
    row = instances.row
    kind = _kinds(marks, instances, backward)
    is_cut, busy_ns = _in_window(work, instances, window, kind)
    subphase = _codes(marks.subphase)[row]
    runs = find_runs(instances, subphase)
    complete = np.where(is_cut, -1, kind)
    is_used, share = usual_sequence(runs, complete, busy_ns, N_KINDS)
    by_phase = np.bincount(complete[complete >= 0], minlength=N_KINDS) > 0
    by_phase &= share < _LEAST_SHARE
    if by_phase.any():
        coarse = (by_phase[kind] & (kind >= 0))[instances.of_piece]
        n_parts = int(subphase.max(initial=0)) + 1
        phase = n_parts + _codes(marks.phase)[row].astype(np.int64)
        runs = find_runs(instances, np.where(coarse, phase, subphase))
        is_used, _ = usual_sequence(runs, complete, busy_ns, N_KINDS)
    return Folding(instances, runs, kind, is_used, is_cut, busy_ns, by_phase)


def _in_window(work: GpuWork, instances: Instances, window: Window, kind: Int) -> tuple[Bool, Int]:
    """Mark passes that are cut, and measure all; those outside the window lose their kind."""
    row, first = instances.row, instances.first
    start_ns, end_ns = work["start_ns"].to_numpy()[row], work["end_ns"].to_numpy()[row]
    is_cut = np.minimum.reduceat(start_ns, first) < window.start_ns
    is_cut |= np.maximum.reduceat(end_ns, first) > window.end_ns
    if is_cut.any() or start_ns.max() >= window.end_ns or end_ns.min() <= window.start_ns:
        touches = (start_ns < window.end_ns) & (end_ns > window.start_ns)
        kind[~np.logical_or.reduceat(touches, first)] = -1
    return is_cut, np.add.reduceat(end_ns - start_ns, first)


def _kinds(marks: Marks, instances: Instances, backward: Bool) -> Int:
    row, first = instances.row, instances.first
    layer = marks.layer.gather(row[first]).to_numpy()
    experts = np.flatnonzero(_is_in(marks.phase, "^moe$"))
    moe_layers = np.zeros(int(_most(marks.layer)) + 1, dtype=bool)
    moe_layers[marks.layer.gather(experts).drop_nulls().to_numpy()] = True
    known = {kind: number for number, kind in enumerate(STEP_KINDS)}
    unknown = known["unknown"]
    of_step = np.array([*(known.get(kind, unknown) for kind in marks.step_kind), unknown])
    step = marks.step[row[first]]  # -1 finds the last
    goes_back = np.zeros(len(first), dtype=bool)
    if backward.any():
        goes_back = np.logical_or.reduceat(backward[row], first)
    return np.asarray(4 * of_step[step] + 2 * moe_layers[layer] + goes_back)


def _most(layer: pl.Series) -> int:
    most = layer.max()
    return most if isinstance(most, int) else 0


def _codes(series: pl.Series) -> NDArray[np.integer[Any]]:
    return series.to_physical().to_numpy()


def _is_in(series: pl.Series, pattern: str) -> Bool:
    """Mark values whose text matches; each distinct text is looked at once."""
    matches = categories_of(series).str.contains(pattern).to_numpy()
    if not matches.any():
        return np.zeros(len(series), dtype=bool)
    return np.asarray(matches[_codes(series)])


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
