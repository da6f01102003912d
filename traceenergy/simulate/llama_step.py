"""Order of launches within one step of a dense Llama-like model."""

from __future__ import annotations

from traceenergy.simulate.slot import Slot

# As the modules are called in Hugging Face, vLLM.
LAYER_TEXT = "model.layers.{}"


def llama_slots(kind: str, n_layers: int) -> list[Slot]:
    """Lay out a step.

    Parameters
    ----------
    kind : str
        One of `template.STEP_KINDS`.
    n_layers : int
        Transformer blocks, all alike.

    Returns
    -------
    list of Slot
        The norm before attention is the first kernel of its block.
    """
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
