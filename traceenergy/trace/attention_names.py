"""Short names of attention kernels."""

from __future__ import annotations

import re

from traceenergy.trace.name_parts import (
    TILE,
    arguments_of,
    flag,
    float_types,
    short_type,
    value_at,
    with_details,
)

_FLASH2 = re.compile(
    r"[Ff]lash_\w*kernel_traits\w*<(\d+), (\d+), (\d+), \d+(?:, (?:\d+|true|false))*, "
    r"(?:\w+::)*(\w+)"
)
_BOOLEAN = "(true|false)"


def flash2(text: str, base: str) -> str | None:
    """Tell head size, tile, type of FlashAttention 2."""
    found = _FLASH2.search(text)
    if found is None:
        return None
    head, rows, columns, element = found.groups()
    whose = rf">>?, {_BOOLEAN}" if "splitkv" in base else rf">>?, {_BOOLEAN}, {_BOOLEAN}"
    flags = re.search(rf"{whose}(?:, {_BOOLEAN})*>\(", text)
    causal = flags[1 if "splitkv" in base else 2] if flags else None
    split = None
    if base == "flash_fwd_splitkv_kernel":
        all_flags = re.search(rf">>?((?:, {_BOOLEAN})+)>\(", text)
        values = re.findall(r"true|false", all_flags[1]) if all_flags else []
        split = values[-2] if len(values) > 1 else None
    tile = f"{rows}x{columns}"
    return with_details(
        base,
        (f"hd{head}", tile, short_type(element), flag(causal, "causal"), flag(split, "split")),
    )


def flash3(text: str) -> str | None:
    """Tell tile, value head, type of FlashAttention 3."""
    head = re.search(r"FlashAttn\w+Sm\d+", text)
    main = re.search(r"CollectiveMainloop\w+<", text)
    if head is None or main is None:
        return None
    inside = text[main.end() :]
    tiles = TILE.findall(inside[:600])
    value = re.search(r">, (\d+), (?:\w+::)*(\w+), float, (?:\w+::)*Sm\d+((?:, \w+)*)", inside)
    element = float_types(inside[:600])
    flags = re.findall(r"true|false", value[3]) if value else []
    return with_details(
        head[0],
        (
            "x".join(tiles[1]) if len(tiles) > 1 else None,
            f"v{value[1]}" if value else None,
            element[0] if element else None,
            flag(value_at(flags, 0), "causal"),
            flag(value_at(flags, 1), "local"),
            flag(value_at(flags, 10), "split"),
        ),
    )


_FMHA_WORDS = (
    ("Bfloat16", "Bf16"),
    ("PagedKv", "Paged"),
    ("SeparateQkv", "Separate"),
    ("MultiCtasKv", "Multi"),
    ("VarSeq", ""),
    ("Static", ""),
    ("Persistent", "Pers"),
    ("AbForGen", "Gen"),
    ("SlidingOrChunked", "Sliding"),
    ("HVPerCta", "c"),
    ("HQk", "Qk"),
    ("HV", "V"),
)
_FMHA = re.compile(r"fmha(Sm\w+?)Kernel_Qkv([A-Z]\w*?)O(Bfloat16|Fp16|E4m3|E2m1|Fp32)(H\w*)")


def trtllm_fmha(_text: str, base: str) -> str | None:
    """Write an attention kernel of trtllm-gen with shorter words."""
    found = _FMHA.fullmatch(base)
    if found is None:
        return None
    arch, operand, output, rest = found.groups()
    types = operand if operand == output else f"{operand}O{output}"
    # Tokens that were static may stay: they say which tokens, not how tiles are scheduled.
    rest = rest.replace("StaticTokenSparse", "TokenSparse")
    name = f"fmha{arch}_{types}_{rest}"
    for word, shorter in _FMHA_WORDS:
        name = name.replace(word, shorter)
    return name


def trtllm_bmm(_text: str, base: str) -> str | None:
    """Write a product of trtllm-gen up to what tells its tile and schedule."""
    found = re.match(r"((?:bmm|gemm|batchedGemm)_\w*?_t\d+x\d+x\d+\w*?_s\d+)(_\w*)?", base)
    if found is None:
        return None
    more = re.findall(
        r"_((?:et|m)\d+x\d+\w*?|swiGlu|geGlu|splitK\d+|sch\w+?)(?=_|$)", found[2] or ""
    )
    kept = [part for part in more if not part.startswith("m")]
    return "_".join([re.sub(r"_[ABC]b\d+", "", found[1]), *kept])


def flashinfer_prefill(text: str, base: str) -> str | None:
    """Tell head size, tile, type, mask of FlashInfer's prefill."""
    found = re.search(
        r"KernelTraits<\([\w:]*MaskMode\)(\d), (\d+), \d+, \d+, (\d{1,9}), (\d+), ", text
    )
    if found is None:
        return None
    mask = {"1": "causal", "2": "custom"}.get(found[1])
    floats = float_types(text)
    head = f"hd{16 * int(found[3])}"
    return with_details(base, (head, f"q{found[2]}", floats[0] if floats else None, mask))


def flashinfer_decode(text: str, base: str) -> str | None:
    """Tell head size and type of FlashInfer's decode."""
    inside = re.sub(r"\([\w:]+\)\d+, ", "", arguments_of(text, base))
    found = re.match(r"(\d+), (\d+), (\d{1,9}), (\d{1,9}), (\d+), (\d+), ", inside)
    if found is None:
        return None
    floats = float_types(text)
    return with_details(base, (f"hd{int(found[3]) * int(found[4])}", floats[0] if floats else None))


def paged_attention(text: str, base: str) -> str:
    """Tell head and block size of paged attention."""
    found = re.search(r"<(?:[\w: ]+?, )+?(\d+), (\d+), ", text)
    return with_details(base, (f"hd{found[1]}", f"block{found[2]}") if found else ())
