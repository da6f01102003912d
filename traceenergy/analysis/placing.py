"""Where in a model work stands that no range marks, by the order of kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.eager import carry_over
from traceenergy.analysis.steps import Steps
from traceenergy.caveats import Caveat
from traceenergy.codes import number_codes
from traceenergy.records import dataclass
from traceenergy.structure.find import find_structure
from traceenergy.structure.lanes import categories_of
from traceenergy.structure.places import PLACES, is_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.eager import Carried, MarkedRun
    from traceenergy.phases.classify import Classification
    from traceenergy.structure.find import Structure
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

BY_RANGES, BY_ORDER = "ranges", "order of kernels"
BY_MARKED_RUN = "marked run"
BY_PLACE = "place"  # in place of a rule's id
_DENSE_ACTIVATION, _EXPERT_ACTIVATION = "mlp.activation", "moe.activation"
_WORTH_SAYING = 0.005  # of kernel time
_MOST_NAMES = 3


@dataclass(frozen=True)
class Placed:
    """What each piece of GPU work belongs to, after all that can tell.

    Attributes
    ----------
    classes : Classification
    steps : Steps
    steps_from, layers_from : str or None
        `ranges`, `marked run`, `order of kernels`; None where there are none.
    caveats : tuple of Caveat
    """

    classes: Classification
    steps: Steps
    steps_from: str | None
    layers_from: str | None
    caveats: tuple[Caveat, ...]


def place_work(
    trace: Trace, classes: Classification, steps: Steps, marked_run: MarkedRun | None = None
) -> Placed:
    """Complete what rules and ranges tell by what the order of kernels tells.

    Parameters
    ----------
    trace : Trace
    classes : Classification
        By rules.
    steps : Steps
        By ranges.
    marked_run : MarkedRun or None
        Of the same model, that tells layers and phases of steps without marks.

    Returns
    -------
    Placed
        What a range or a certain name told stays as it is. Layers are found in steps without
        marked layers only, steps in a trace without any marked step.

    Raises
    ------
    LayersFromMismatchError
        If the marked run runs other kernels.
    """
    work = trace.gpu_work
    subphase, layer = classes.work["subphase"], classes.work["layer"]
    marked = layer.is_not_null().to_numpy()
    found = find_structure(work, subphase, steps.of_work, trace.names)
    told = [(BY_RANGES, bool(marked.any()))]
    steps_from = BY_RANGES if steps.n_steps else None
    if found.n_passes > 1 and not steps.n_steps:
        steps_from = BY_ORDER
        names = pl.format("step {}", pl.int_range(found.n_passes)).alias("name")
        steps = Steps(found.step, pl.select(names)["name"])
    open_steps = ~_in_marked_steps(work, found, marked, steps.of_work)
    doubts = []
    if marked_run is not None and open_steps.any():
        carried = carry_over(trace, steps.of_work, open_steps, marked_run)
        classes = replace(classes, work=_take_over(classes.work, carried, open_steps))
        told.append((BY_MARKED_RUN, bool((carried.layer >= 0).any())))
        doubts.append(carried.caveat)
        open_steps = np.zeros(len(work), dtype=bool)
    in_new_layer = (found.layer >= 0) & open_steps & ~marked
    told.append((BY_ORDER, bool(in_new_layer.any())))
    classes = replace(classes, work=_relabel(classes.work, found, in_new_layer))
    doubts += _doubts(trace, found, in_new_layer, classes.work["layer"], steps_from)
    layers_from = ", ".join(source for source, holds in told if holds) or None
    return Placed(classes, steps, steps_from, layers_from, tuple(doubts))


def _in_marked_steps(work: pl.DataFrame, found: Structure, marked: Bool, step: Int) -> Bool:
    """Mark all work of steps whose layers ranges tell; work of no step counts as one step.

    Ranges around copies alone, as of weights that are fetched ahead, tell nothing about kernels.
    """
    if not marked.any():
        return marked
    in_layers = found.layer >= 0
    kind = (step + 1) * 4 + 2 * in_layers + marked
    n_steps = int(step.max(initial=-1)) + 2
    of_kind = np.bincount(kind, _busy_ns(work), 4 * n_steps).reshape(n_steps, 2, 2)
    mostly = 2 * of_kind[:, 1, 1] >= of_kind[:, 1].sum(axis=1)
    return np.asarray((mostly & (of_kind[:, :, 1].sum(axis=1) > 0))[step + 1])


def _relabel(work: pl.DataFrame, found: Structure, in_new_layer: Bool) -> pl.DataFrame:
    kinds = categories_of(work["subphase"]).to_list()
    known = [*kinds, *(x for x in (*PLACES, _EXPERT_ACTIVATION) if x not in kinds)]
    code = work["subphase"].to_physical().to_numpy()
    new = code.astype(np.uint32)
    of_place = np.array([known.index(place) for place in PLACES], dtype=np.uint32)
    placed = np.flatnonzero((found.place >= 0) & is_open(work["subphase"]))
    new[placed] = of_place[found.place[placed]]
    if _DENSE_ACTIVATION in kinds:
        dense = code == kinds.index(_DENSE_ACTIVATION)
        new[dense & found.in_experts & in_new_layer] = known.index(_EXPERT_ACTIVATION)
    layer = pl.when(pl.Series(in_new_layer)).then(pl.Series(found.layer, dtype=pl.Int32))
    return _with_phase(work, known, new, BY_PLACE).with_columns(
        layer.otherwise(pl.col("layer")).alias("layer")
    )


def _take_over(work: pl.DataFrame, carried: Carried, asked: Bool) -> pl.DataFrame:
    kinds = categories_of(work["subphase"]).to_list()
    new_kinds = carried.subphase.drop_nulls().unique().sort().to_list()
    known = [*kinds, *(x for x in new_kinds if x not in kinds)]
    code = work["subphase"].to_physical().cast(pl.UInt32).to_numpy()
    told = carried.subphase.cast(pl.Enum(known)).to_physical().cast(pl.UInt32)
    new = np.where(told.is_not_null().to_numpy(), told.fill_null(0).to_numpy(), code)
    layer = pl.Series(carried.layer, dtype=pl.Int32)
    return _with_phase(work, known, new, BY_MARKED_RUN).with_columns(
        pl.when(pl.Series(asked) & (layer >= 0))
        .then(layer)
        .otherwise(pl.col("layer"))
        .alias("layer")
    )


def _with_phase(
    work: pl.DataFrame, known: list[str], new: NDArray[np.uint32], source: str
) -> pl.DataFrame:
    code = work["subphase"].to_physical().to_numpy()
    first = pl.Series([kind.partition(".")[0] for kind in known], dtype=work["phase"].dtype)
    place = pl.Series(new)
    return work.with_columns(
        first.gather(place).alias("phase"),
        pl.Series("subphase", known, dtype=pl.Enum(known)).gather(place),
        _with_rule(work["rule"], pl.Series(new != code), source),
    )


def _with_rule(rule: pl.Series, moved: pl.Series, source: str) -> pl.Series:
    kinds = [*categories_of(rule), source]
    code = rule.to_physical().cast(pl.UInt32)
    if moved.any():
        code = code.set(moved, len(kinds) - 1)
    return pl.Series("rule", kinds, dtype=pl.Enum(kinds)).gather(code)


def _doubts(
    trace: Trace, found: Structure, in_new_layer: Bool, layer: pl.Series, steps_from: str | None
) -> list[Caveat]:
    doubts = []
    if in_new_layer.any():
        doubts.append(_layers_by_order(trace, found, layer))
    elif layer.null_count() == len(layer):
        text = (
            "No range marks layers, and the kernels do not take turns between attention and "
            "feed-forward as in a transformer: no layers are shown."
        )
        doubts.append(Caveat("no-layers", text))
    if steps_from == BY_ORDER:
        text = (
            f"No range marks steps. {found.n_passes} steps were told by the passes through the "
            "model; --steps REGEX names the ranges that are steps, where there are any."
        )
        doubts.append(Caveat("steps-by-order", text, n=found.n_passes))
    n_placed = int((found.place >= 0).sum())
    if n_placed:
        busy_ns = _busy_ns(trace.gpu_work)
        share = busy_ns[found.place >= 0].sum() / max(1, busy_ns.sum())
        text = (
            f"{share:.1%} of kernel time has its phase from its place in the layer, as names like "
            "those of matrix products do not tell what they are for."
        )
        if share > _WORTH_SAYING:
            doubts.append(Caveat("phases-by-place", text, n=n_placed))
    return doubts


def _layers_by_order(trace: Trace, found: Structure, layer: pl.Series) -> Caveat:
    busy_ns = _busy_ns(trace.gpu_work)
    outside = np.flatnonzero(layer.is_null().to_numpy())
    name_id, mine_ns = trace.gpu_work["name_id"].to_numpy()[outside], busy_ns[outside]
    share = mine_ns.sum() / max(1, busy_ns.sum())
    there, number = number_codes(name_id[mine_ns > 0], len(trace.names))
    of_name_ns = np.bincount(number, mine_ns[mine_ns > 0], len(there))
    longest = there[np.argsort(-of_name_ns, kind="stable")[:_MOST_NAMES]]
    names = trace.names.gather(longest).to_list()
    listed = f" (most of it {', '.join(names)})" if names else ""
    text = (
        f"{found.n_layers} layers were told by the order of kernels, attention followed by "
        f"feed-forward, as no range marks them; {found.fit_share:.0%} of the blocks lie in passes "
        f"of the usual number of layers. {share:.1%} of kernel time lies in no layer{listed}."
    )
    return Caveat("layers-by-order", text, n=found.n_layers)


def _busy_ns(work: pl.DataFrame) -> Int:
    """Measure kernels; 0 for other work."""
    length_ns = work["end_ns"].to_numpy() - work["start_ns"].to_numpy()
    return np.asarray(length_ns * (work["table"] == "KERNEL").to_numpy())
