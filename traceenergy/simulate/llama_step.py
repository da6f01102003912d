"""Order of launches within one step of a dense Llama-like model."""

from __future__ import annotations

from dataclasses import replace

from traceenergy.simulate.slot import Slot

# As the modules are called in Hugging Face, vLLM.
LAYER_TEXT = "model.layers.{}"


# Kernels of a model that runs as written, and what a compiler makes of them.
_COMPILED = {
    "llama_first_norm": "fused_norm",
    "llama_norm": "fused_norm",
    "llama_rope": "fused_rope",
    "llama_activation": "fused_activation",
}


def llama_slots(kind: str, n_layers: int, fused: str = "none") -> list[Slot]:
    """Lay out a step.

    Parameters
    ----------
    kind : str
        One of `template.STEP_KINDS`.
    n_layers : int
        Transformer blocks, all alike.
    fused : str
        `none`; `allreduce`: in decode a norm goes into the AllReduce before it; `all`: a compiler
        makes other kernels of all that is small as well.

    Returns
    -------
    list of Slot
        The norm before attention is the first kernel of its block; fused into an AllReduce it
        belongs to the block before.
    """
    slots = _as_written(kind, n_layers)
    return slots if fused == "none" else _fused(slots, {} if fused == "allreduce" else _COMPILED)


def _fused(slots: list[Slot], compiled: dict[str, str]) -> list[Slot]:
    fused: list[Slot] = []
    for slot in slots:
        if slot.kernel == "llama_norm" and fused[-1].kernel == "llama_custom_reduce":
            fused[-1] = replace(fused[-1], kernel="fused_reduce_norm")
        else:
            fused.append(replace(slot, kernel=compiled.get(slot.kernel, slot.kernel)))
    return fused


def _as_written(kind: str, n_layers: int) -> list[Slot]:
    slots = [
        Slot("inputs", None, "prepare_inputs", in_graph=False),
        Slot("inputs", None, "prepare_inputs", in_graph=False),
        Slot("stage_inputs", None, "prepare_inputs"),
        Slot("clear", None, "prepare_inputs"),
        Slot("llama_embedding", None, "model.embed_tokens"),
    ]
    for layer in range(n_layers):
        slots += _block(kind, layer)
    return [
        *slots,
        Slot("llama_norm", None, "model.norm"),
        Slot("llama_head", None, "lm_head"),
        Slot("allgather", None, "lm_head"),
        Slot("softmax", None, "sampler", in_graph=False),
        Slot("sample", None, "sampler", in_graph=False),
        Slot("tokens_out", None, "sampler", in_graph=False),
    ]


def _block(kind: str, layer: int) -> list[Slot]:
    attention = ["llama_prefill"] if kind != "decode" else []
    attention += ["llama_decode", "llama_merge"] if kind != "prefill" else []
    down = ["llama_down", "llama_split_reduce"] if kind == "decode" else ["llama_down"]
    reduce = "llama_custom_reduce" if kind == "decode" else "llama_ring"
    parts = [
        ("input_layernorm", ["llama_norm" if layer else "llama_first_norm"]),
        ("self_attn.qkv_proj", ["llama_qkv"]),
        ("self_attn.rotary_emb", ["llama_rope"]),
        ("self_attn.attn", ["llama_cache", *attention]),
        ("self_attn.o_proj", ["llama_out", reduce]),
        ("post_attention_layernorm", ["llama_norm"]),
        ("mlp.gate_up_proj", ["llama_gate_up"]),
        ("mlp.act_fn", ["llama_activation"]),
        ("mlp.down_proj", [*down, reduce]),
    ]
    return [Slot(key, layer, part) for part, keys in parts for key in keys]
