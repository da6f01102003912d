"""Short names of matrix products, of exchanges between GPUs, of nameless kernels."""

from __future__ import annotations

import re

from traceenergy.trace.attention_names import (
    flash3,
)
from traceenergy.trace.name_parts import (
    IDENTIFIER,
    TILE,
    TYPES,
    arguments_of,
    operand_types,
    short_type,
    with_details,
)
from traceenergy.trace.operator_names import (
    all_types,
)

_ENABLERS = re.compile(r"(?:\w+::)*enable_\w+<")


def cutlass2(text: str, base: str) -> str | None:
    """Tell what CUTLASS 2 runs."""
    inside = arguments_of(text, base)
    named = re.match(r"(?:\w+::)*(cutlass\w*_\w+)", inside)
    if named:
        return named[1]
    kind = re.match(IDENTIFIER, inside)
    shape = re.search(r"GemmShape<(\d+), (\d+), (\d+)>", inside)
    tile = "x".join(shape.groups()) if shape else None
    return with_details(kind[1], (tile, *operand_types(inside))) if kind else generic(text, base)


def cutlass3(text: str, base: str) -> str | None:
    """Tell what CUTLASS 3 runs."""
    inside = _ENABLERS.sub("", arguments_of(text, base))
    if "FlashAttn" in inside[:80] and (flash := flash3(inside)):
        return flash
    kind = re.match(IDENTIFIER, inside)
    if kind is None:
        return generic(text, base)
    tiles = TILE.findall(inside)
    cluster, tile = tiles[:2] if len(tiles) > 1 else ((), _only_tile(inside))
    arch = re.search(r"(?:Mainloop|Collective\w*)(Sm\d+)|arch::(Sm\d+)|enable_(sm\d+)", text)
    style = re.search(r"Pingpong|Cooperative|[12]Sm\b", inside)
    return with_details(
        kind[1],
        (
            next((found.lower() for found in arch.groups() if found), None) if arch else None,
            "grouped" if "GroupProblemShape" in inside else None,
            "x".join(tile) if tile else None,
            "c" + "x".join(cluster) if set(cluster) - {"1"} else None,
            *operand_types(inside)[:4],
            style and style[0].lower(),
        ),
    )


def _only_tile(text: str) -> list[str]:
    # Constants of the first tuple, whose last may be a tuple again.
    return re.findall(r"\bC<(\d+)>", text)[:3]


_DEEP_GEMM_KINDS = {"1": "contiguous", "2": "masked", "3": "batched"}


def deep_gemm(text: str, base: str) -> str | None:
    """Tell shape, tile, grouping of a DeepGEMM product."""
    arguments = re.sub(r"\([\w:]+\)\d+, ", "", arguments_of(text, base))
    numbers = re.match(r"\d+(?:, \d+)*", arguments)
    if numbers is None:
        return None
    values = numbers[0].split(", ")
    if base == "fp8_gemm_kernel":
        shape, tile = values[:2], values[2:5]
    elif base.startswith("sm100"):
        # Scales of finer or coarser grain stand before the shape where weights may be FP4.
        values = values[2:] if "fp4" in base else values
        shape, tile = values[1:3], values[3:6]
    else:
        shape, tile = values[1:3], values[4:7]
    kind = re.search(r"GemmType\)(\d)", text)
    grouped = _DEEP_GEMM_KINDS.get(kind[1]) if kind else None
    return with_details(base, ("x".join(shape), "x".join(tile), grouped))


_XMMA_WORDS = (
    ("_tilesize", "_"),
    ("_warpgroupsize", "_wg"),
    ("_warpsize", "_w"),
    ("_stage", "_s"),
    ("_execute", ""),
    ("_kernel", ""),
    ("__5x_cublas", ""),
    ("_segment_k_off", ""),
)


def xmma(_text: str, base: str) -> str:
    """Write a cuBLAS kernel with shorter words."""
    for word, shorter in _XMMA_WORDS:
        base = base.replace(word, shorter)
    return re.sub(r"_align[a-d]\d+", "", base)


def cute_dsl(_text: str, base: str) -> str:
    """Write a kernel of the CuTe DSL without its arguments."""
    name, _, arguments = base.removeprefix("kernel_cutlass_").partition("_object_at")
    element = re.search(r"(?:tensorptr|Valuetype)(bf16|f16|f32|f8\w{4}|f4\w{4})", arguments)
    shape = re.search(r"ShapeMNK(\d+)", arguments)
    details = (element and element[1], f"mnk{shape[1]}" if shape else None)
    return with_details(name.removeprefix("kernel_"), details)


def qualified(text: str, base: str) -> str:
    """Keep the namespaces: without them the name is a common word."""
    found = re.match(rf"(?:void )?((?:\w+::)+{base})\b", text)
    return found[1] if found else base


def reduce_over_gpus(text: str, base: str) -> str:
    """Tell fusion, type, number of GPUs of an all-reduce."""
    found = re.match(r"(?:\([\w:]*Pattern\)(\d+), )?([\w:]+), (\d+)", arguments_of(text, base))
    if found is None:
        return base
    pattern = f"pattern{found[1]}" if found[1] else None
    return with_details(base, (pattern, short_type(found[2]), found[3]))


def generic(text: str, base: str) -> str | None:
    """Tell kernels apart whose function is called `kernel`: by class argument, else by room."""
    inside = _ENABLERS.sub("", arguments_of(text, base))
    inside = re.sub(r"^(?:\([\w:]+\)\d+, |\d+, |true, |false, )*", "", inside)
    kind = re.match(IDENTIFIER, inside)
    if kind and kind[1] not in TYPES and not re.fullmatch(r"unsigned|signed|const|T\d*", kind[1]):
        inner = re.match(r"\w+<((?:\w+::)*[A-Za-z_]\w*)", inside[kind.start(1) :])
        # Thrust calls each of its function objects `functor`, in a room of its own.
        told = inner and short_type(inner[1].removesuffix("::functor"))
        return with_details(kind[1], (told and told.strip("_"),))
    room = re.search(rf"\b(\w+)::{base}\b", text)
    name = f"{room[1]}::{base}" if room else base
    return all_types(text, base).replace(base, name, 1)
