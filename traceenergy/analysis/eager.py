"""Marks of another run of the same model, carried over to one that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.steps import find_steps
from traceenergy.caveats import Caveat
from traceenergy.errors import LayersFromMismatchError
from traceenergy.phases.classify import classify_work
from traceenergy.projection.project import project_work
from traceenergy.records import dataclass
from traceenergy.structure.find import find_structure
from traceenergy.structure.passages import Vocabulary, passages_of
from traceenergy.structure.transfer import transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.phases.rules import RuleSet
    from traceenergy.structure.transfer import Transfer
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

LEAST_MATCHED = 0.8
_MOST_NAMES = 5
_UNTOLD = r"^(?:unclassified|other)(?:\.|$)"


@dataclass(frozen=True)
class MarkedRun:
    """What ranges tell about a run of the same model.

    Attributes
    ----------
    trace : Trace
    step : ndarray of int64 (n_work,)
        -1 for none.
    layer : ndarray of int64 (n_work,)
        -1 for none.
    subphase : polars.Series of String (n_work,)
        Null where it is not told.
    """

    trace: Trace
    step: Int
    layer: Int
    subphase: pl.Series


@dataclass(frozen=True)
class Carried:
    """What was carried over, ``(n_work,)`` each.

    Attributes
    ----------
    layer : ndarray of int64
        -1 for none.
    subphase : polars.Series of String
        Null where the marked run does not tell.
    caveat : Caveat
        How well both runs match.
    """

    layer: Int
    subphase: pl.Series
    caveat: Caveat


def read_marks(trace: Trace, rules: RuleSet, patterns: tuple[str, ...]) -> MarkedRun:
    """Read steps, layers and phases of a marked run.

    Parameters
    ----------
    trace : Trace
    rules : RuleSet
    patterns : tuple of str
        Of ranges that are steps.

    Returns
    -------
    MarkedRun

    Raises
    ------
    LayersFromMismatchError
        If no range marks a layer.
    """
    found = project_work(trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names)
    parent = found.nesting["parent_row"].cast(pl.Int64).fill_null(-1).to_numpy()
    inside = found.work["range_row"].cast(pl.Int64).fill_null(-1).to_numpy()
    steps = find_steps(trace.nvtx_ranges, trace.names, parent, inside, patterns)
    path_id = found.work["path_id"]
    work = classify_work(trace.gpu_work, path_id, found.paths, trace.names, rules).work
    if work["layer"].null_count() == len(work):
        raise LayersFromMismatchError(
            f"no range in {_name(trace)} marks a layer",
            details="expected NVTX ranges such as model.layers.12 around the launches of kernels",
            next_step="record a run without CUDA graphs and with layer-wise NVTX marks, or leave "
            "--layers-from out: layers are then told by the order of kernels",
        )
    step = steps.of_work
    if not steps.n_steps:
        step = find_structure(trace.gpu_work, work["subphase"], step, trace.names).step
    subphase = work["subphase"].cast(pl.String)
    told = ~subphase.str.contains(_UNTOLD)
    return MarkedRun(
        trace,
        step,
        work["layer"].cast(pl.Int64).fill_null(-1).to_numpy(),
        subphase.set(~told, None),
    )


def carry_over(trace: Trace, step: Int, asked: Bool, marked: MarkedRun) -> Carried:
    """Carry layer and phase over to a run that is not marked.

    Parameters
    ----------
    trace : Trace
    step : ndarray of int64 (n_work,)
        -1 for none.
    asked : ndarray of bool (n_work,)
        Which pieces to compare.
    marked : MarkedRun

    Returns
    -------
    Carried
        A kernel without a match is in the layer of the match before it, if that after it is in the
        same layer or in the next.

    Raises
    ------
    LayersFromMismatchError
        If fewer than 80 % of the kernels of steps match, or steps are too long to be compared.
    """
    best = _compare(trace, step, asked, marked, apart=True)
    if best.match_share < LEAST_MATCHED:
        other = _compare(trace, step, asked, marked, apart=False)
        best = max(best, other, key=lambda found: found.match_share)
    if best.match_share < LEAST_MATCHED and 2 * best.n_too_long > best.n_asked:
        raise _too_long(best, marked)
    if best.match_share < LEAST_MATCHED:
        raise _mismatch(trace, best, step, marked)
    layer = np.where(best.source >= 0, marked.layer[best.source], -1)
    before = np.where(best.before >= 0, marked.layer[best.before], -1)
    after = np.where(best.after >= 0, marked.layer[best.after], -1)
    # A collective that is fused with the norm of the next layer ends the layer before.
    between = (best.source < 0) & (before >= 0) & (after >= before) & (after <= before + 1)
    source = pl.Series(best.source)
    subphase = marked.subphase.gather(source.set(source < 0, None))
    text = (
        f"Layers and phases were carried over from {_name(marked.trace)}: {best.match_share:.1%} "
        f"of {best.n_asked} kernels match.{_unmatched(trace, best, _counted(trace, step, asked))}"
    )
    return Carried(
        np.where(between, before, layer),
        subphase,
        Caveat("layers-carried-over", text, n=best.n_asked - best.n_matched),
    )


def _compare(trace: Trace, step: Int, asked: Bool, marked: MarkedRun, *, apart: bool) -> Transfer:
    vocabulary = Vocabulary({}, {})
    target = passages_of(trace.gpu_work, trace.names, step, asked, vocabulary, apart=apart)
    known, everywhere = marked.trace, marked.step >= 0
    if not everywhere.any():
        everywhere = np.ones(len(marked.step), dtype=bool)
    reference = passages_of(
        known.gpu_work, known.names, marked.step, everywhere, vocabulary, apart=apart
    )
    return transfer(target, reference, _counted(trace, step, asked))


def _counted(trace: Trace, step: Int, asked: Bool) -> Bool:
    """Mark what must match: what runs outside of steps, as to warm up, may be anything."""
    kernel = asked & (trace.gpu_work["table"] == "KERNEL").to_numpy()
    in_step = kernel & (step >= 0)
    return np.asarray(in_step if in_step.any() else kernel)


def _name(trace: Trace) -> str:
    return trace.origins[0].name if trace.origins else "the marked run"


def _unmatched(trace: Trace, found: Transfer, counted: Bool) -> str:
    lost = trace.gpu_work[np.flatnonzero(counted & (found.source < 0))]
    if not len(lost):
        return ""
    by_name = lost.group_by("name_id").agg((pl.col("end_ns") - pl.col("start_ns")).sum())
    by_name = by_name.sort("end_ns", descending=True).head(_MOST_NAMES)
    names = trace.names.gather(by_name["name_id"]).to_list()
    return f" Without a match, most time first: {', '.join(names)}."


def _too_long(found: Transfer, marked: MarkedRun) -> LayersFromMismatchError:
    return LayersFromMismatchError(
        f"this run and {_name(marked.trace)} are too long to be compared in one piece",
        details=f"{found.n_too_long} of {found.n_asked} kernels stand in steps of more than some "
        "30,000 kernels, or in none",
        next_step="name the ranges that are steps of the model in both runs with --steps REGEX, or "
        "analyze a part of the run with --filter-time",
    )


def _mismatch(
    trace: Trace, found: Transfer, step: Int, marked: MarkedRun
) -> LayersFromMismatchError:
    details = [f"matched: {found.match_share:.1%} of {found.n_asked} kernels, at least 80% needed"]
    if found.first_apart is not None:
        row, instead = found.first_apart
        at = trace.gpu_work["start_ns"][row] / 1e9
        place = f"step {step[row]}, " if step[row] >= 0 else ""
        own = trace.names[int(trace.gpu_work["name_id"][row])]
        known = marked.trace
        name = known.names[int(known.gpu_work["name_id"][instead])] if instead >= 0 else "nothing"
        details.append(f"they first diverge in {place}at {at:.6f} s")
        details.append(f"this run:   {own}")
        details.append(f"marked run: {name}")
    return LayersFromMismatchError(
        f"{_name(marked.trace)} does not run the same kernels",
        details="\n".join(details),
        next_step="pass a run of the same model, on the same GPUs, with the same parallelism, "
        "number format and kind of steps; or leave --layers-from out",
    )
