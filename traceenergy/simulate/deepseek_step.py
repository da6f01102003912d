"""Order of launches within one step of a DeepSeek-V3-like model."""

from __future__ import annotations

from dataclasses import replace

from traceenergy.simulate.slot import Slot

MAX_DENSE_LAYERS = 3


def deepseek_slots(
    kind: str, n_layers: int, *, expert_parallel: bool = False, mtp: int = 0
) -> list[Slot]:
    """Lay out a step.

    Parameters
    ----------
    kind : str
        One of `template.STEP_KINDS`.
    n_layers : int
        Transformer blocks; up to three first ones are dense.
    expert_parallel : bool
        Experts are spread over the GPUs and tokens travel; all else is data-parallel.
    mtp : int
        Layers that predict one more token each. Their blocks are numbered on; their embedding, the
        product that brings it together with the hidden state, their head lie in no layer.

    Returns
    -------
    list of Slot
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
        slots += _block(kind, layer, is_dense=layer < n_dense, expert_parallel=expert_parallel)
    # Further tokens are predicted from the first one within the same graph.
    slots += _head(expert_parallel=expert_parallel, in_graph=mtp > 0)
    for layer in range(n_layers, n_layers + mtp):
        slots += [
            Slot("embedding", None, "embedding"),
            Slot("mtp_norm", None, "norm"),
            Slot("mtp_norm", None, "norm"),
            Slot("mtp_concat", None, "eh_proj"),
            Slot("eh_proj", None, "eh_proj"),
            Slot("mtp_norm", None, "norm"),
            *_block(kind, layer, is_dense=False, expert_parallel=expert_parallel),
            *_head(expert_parallel=expert_parallel, in_graph=True),
        ]
    return [*slots, Slot("tokens_out", None, "sampling", in_graph=False)]


def _head(*, expert_parallel: bool, in_graph: bool) -> list[Slot]:
    return [
        Slot("lm_head", None, "lm_head"),
        *([] if expert_parallel else [Slot("allgather", None, "lm_head")]),
        Slot("softmax", None, "sampling", in_graph=in_graph),
        Slot("sample", None, "sampling", in_graph=in_graph),
    ]


def _block(kind: str, layer: int, *, is_dense: bool, expert_parallel: bool) -> list[Slot]:
    if not expert_parallel:
        rest = _dense(kind, layer) if is_dense else _experts(kind, layer)
        return [*_attention(kind, layer), *rest]
    # Each rank has all heads, all of the dense products; nothing is added up between ranks.
    own = [*_attention(kind, layer), *_dense(kind, layer)] if is_dense else _attention(kind, layer)
    slots = [_whole(slot) for slot in own if slot.part != "allreduce"]
    norm = Slot("input_norm", layer, "norm")
    n_attention = sum(slot.part == "mla" for slot in slots)
    slots = [slot for slot in slots if slot.kernel != "input_norm"]
    slots.insert(n_attention, norm)
    return [*slots, *([] if is_dense else _travelling_experts(kind, layer)), norm]


def _whole(slot: Slot) -> Slot:
    shared = ("quant", "qkv_a", "lora_norm", "input_norm")
    return slot if slot.kernel in shared else replace(slot, kernel=f"dp_{slot.kernel}")


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


def _travelling_experts(kind: str, layer: int) -> list[Slot]:
    side = ("dp_shared_fc1", "dp_shared_activation", "dp_shared_fc2")
    if kind == "decode":
        main, last = ["ll_dispatch", "ll_fc1", "ll_activation", "ll_fc2"], "ll_combine"
    else:
        main = ["dispatch_layout", "notify_dispatch", "dispatch", "ep_scatter", "ep_fc1"]
        main += ["ep_activation", "ep_fc2", "ep_gather", "notify_combine"]
        last = "combine"
    return [
        Slot("router", layer, "moe"),
        Slot("topk", layer, "moe"),
        *(Slot(key, layer, "moe", side=True) for key in side),
        *(Slot(key, layer, "moe") for key in main),
        Slot(last, layer, "moe", joins=True),
    ]
