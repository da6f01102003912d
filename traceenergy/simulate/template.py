"""All launches of a step as arrays, for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate import convnet, matmul_memread, stencil
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.deepseek_kernels import DEEPSEEK
from traceenergy.simulate.deepseek_step import deepseek_slots
from traceenergy.simulate.llama_step import LAYER_TEXT, llama_slots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options
    from traceenergy.simulate.slot import Slot

CLASS_KEYS = tuple(CATALOG)
STEP_KINDS = ("decode", "prefill", "mixed")
# Of models without transformer blocks as well.
ALL_KINDS = (*STEP_KINDS, *convnet.KINDS, *stencil.KINDS, *matmul_memread.KINDS)
FORWARD_STEP_TEXT = "[Executor] _forward_step {}: {} ctx reqs, {} gen reqs"
MAIN_STREAM, SIDE_STREAM = 7, 20


@dataclass(frozen=True)
class Template:
    """All launches of a step, in order, as arrays of length n.

    Attributes
    ----------
    slots
        The launches.
    class_id : ndarray of int64 (n,)
        Row in `CLASS_KEYS`.
    side, joins, in_graph, collective : ndarray of bool (n,)
        As in `Slot` and in the catalog.
    layer_text
        NVTX range of a layer, with a place for its number.
    """

    slots: tuple[Slot, ...]
    class_id: NDArray[np.int64]
    side: NDArray[np.bool_]
    joins: NDArray[np.bool_]
    in_graph: NDArray[np.bool_]
    collective: NDArray[np.bool_]
    layer_text: str


@dataclass(frozen=True)
class Model:
    """What runs in a loop.

    Attributes
    ----------
    templates : dict of str to Template
        By kind of step.
    class_ids : ndarray of int64 (n,)
        Kernel classes that belong to it, rising; not each need be launched.
    step_text
        NVTX range of a step, with places for its number, the requests in prefill and in decode.
    """

    templates: dict[str, Template]
    class_ids: NDArray[np.int64]
    step_text: str


def model_of(options: Options) -> Model:
    """Lay out all kinds of steps of the model that options ask for.

    Parameters
    ----------
    options : Options

    Returns
    -------
    Model
    """
    if options.scenario == "convnet":
        slots = {kind: convnet.convnet_slots(kind) for kind in convnet.KINDS}
        step_text = convnet.STEP_TEXT
    elif options.scenario == "stencil":
        slots = {kind: stencil.stencil_slots() for kind in stencil.KINDS}
        step_text = stencil.STEP_TEXT
    elif options.scenario == "matmul_memread":
        cycles = matmul_memread.cycle_slots(options.duty_cycle)
        slots = dict.fromkeys(matmul_memread.KINDS, cycles)
        step_text = matmul_memread.STEP_TEXT
    elif options.model == "llama":
        slots = {kind: llama_slots(kind, options.n_layers, options.fused) for kind in STEP_KINDS}
        step_text = FORWARD_STEP_TEXT
    else:
        slots = {
            kind: deepseek_slots(
                kind,
                options.n_layers,
                expert_parallel=options.parallel == "expert",
                mtp=options.mtp,
            )
            for kind in STEP_KINDS
        }
        step_text = FORWARD_STEP_TEXT
    layer_text = LAYER_TEXT if options.model == "llama" else "layer_{}"
    templates = {kind: _as_arrays(rows, layer_text) for kind, rows in slots.items()}
    launched = {slot.kernel for rows in slots.values() for slot in rows}
    known = DEEPSEEK if step_text == FORWARD_STEP_TEXT and options.model != "llama" else {}
    class_ids = np.array([CLASS_KEYS.index(key) for key in {*known, *launched}])
    return Model(templates, np.sort(class_ids), step_text)


def _as_arrays(slots: list[Slot], layer_text: str) -> Template:
    return Template(
        slots=tuple(slots),
        class_id=np.array([CLASS_KEYS.index(slot.kernel) for slot in slots]),
        side=np.array([slot.side for slot in slots]),
        joins=np.array([slot.joins for slot in slots]),
        in_graph=np.array([slot.in_graph for slot in slots]),
        collective=np.array([CATALOG[slot.kernel].collective for slot in slots]),
        layer_text=layer_text,
    )
