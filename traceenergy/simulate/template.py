"""Order of launches within one step of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.simulate.catalog import CATALOG

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_KEYS = tuple(CATALOG)
MAX_DENSE_LAYERS = 3
STEP_KINDS = ("decode", "prefill", "mixed")
MAIN_STREAM, SIDE_STREAM = 7, 20


@dataclass(frozen=True)
class Slot:
    """One launch of a step.

    Attributes
    ----------
    kernel
        Key into the catalog.
    layer
        Transformer block; None outside of all.
    part
        NVTX range around it, within that of the layer; empty for none.
    side
        Runs on the second stream, beside the main one.
    joins
        Waits for the second stream.
    in_graph
        Part of the CUDA graph, when graphs are used.
    """

    kernel: str
    layer: int | None
    part: str
    side: bool = False
    joins: bool = False
    in_graph: bool = True


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
    """

    slots: tuple[Slot, ...]
    class_id: NDArray[np.int64]
    side: NDArray[np.bool_]
    joins: NDArray[np.bool_]
    in_graph: NDArray[np.bool_]
    collective: NDArray[np.bool_]


def step_template(kind: str, n_layers: int) -> Template:
    """Lay out a step.

    Parameters
    ----------
    kind : str
        One of `STEP_KINDS`.
    n_layers : int
        Transformer blocks.

    Returns
    -------
    Template
    """
    n_dense = min(MAX_DENSE_LAYERS, n_layers // 4)
    slots = [
        Slot("inputs", None, "prepare_inputs", in_graph=False),
        Slot("inputs", None, "prepare_inputs", in_graph=False),
        Slot("clear", None, "prepare_inputs", in_graph=False),
        Slot("embedding", None, "embedding"),
        Slot("input_norm", None, "norm"),
    ]
    for layer in range(n_layers):
        slots += _attention(kind, layer)
        slots += _dense(kind, layer) if layer < n_dense else _experts(kind, layer)
    slots += [
        Slot("lm_head", None, "lm_head"),
        Slot("allgather", None, "lm_head"),
        Slot("softmax", None, "sampling", in_graph=False),
        Slot("sample", None, "sampling", in_graph=False),
        Slot("tokens_out", None, "sampling", in_graph=False),
    ]
    return Template(
        slots=tuple(slots),
        class_id=np.array([CLASS_KEYS.index(slot.kernel) for slot in slots]),
        side=np.array([slot.side for slot in slots]),
        joins=np.array([slot.joins for slot in slots]),
        in_graph=np.array([slot.in_graph for slot in slots]),
        collective=np.array([CATALOG[slot.kernel].collective for slot in slots]),
    )


def _attention(kind: str, layer: int) -> list[Slot]:
    keys = ["quant", "qkv_a", "lora_norm", "q_b"]
    if kind != "decode":
        keys += ["kv_b", "rope_ctx", "fmha"]
    if kind != "prefill":
        keys += ["rope_gen", "absorb", "mla", "mla_combine", "v_up"]
    keys += ["quant_out", "o_proj"]
    return [*(Slot(key, layer, "mla") for key in keys), *_allreduce(kind, layer)]


def _allreduce(kind: str, layer: int) -> list[Slot]:
    # Few tokens go through one fused kernel, many through a ring with a norm of its own.
    if kind == "decode":
        return [Slot("allreduce_fused", layer, "allreduce")]
    return [Slot("allreduce_ring", layer, "allreduce"), Slot("input_norm", layer, "norm")]


def _dense(kind: str, layer: int) -> list[Slot]:
    keys = ("quant", "gate_up", "mlp_activation", "down")
    return [*(Slot(key, layer, "mlp") for key in keys), *_allreduce(kind, layer)]


def _experts(kind: str, layer: int) -> list[Slot]:
    side = ("shared_fc1", "shared_activation", "shared_fc2")
    main = ("topk", "permute", "fc1", "moe_activation", "fc2")
    return [
        Slot("quant", layer, "moe"),
        Slot("router", layer, "moe"),
        *(Slot(key, layer, "moe", side=True) for key in side),
        *(Slot(key, layer, "moe") for key in main),
        Slot("finalize", layer, "moe", joins=True),
        *_allreduce(kind, layer),
    ]
