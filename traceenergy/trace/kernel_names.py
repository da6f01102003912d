"""Full kernel names -> short ones that still tell variants apart.

nsys's short name is the bare name of the function: `vectorized_elementwise_kernel` for every
operator of PyTorch, `Kernel2` or `device_kernel` for every product of CUTLASS. The template
arguments of the full name say what it really is; this module knows, family by family, which of
them matter. What it does not know keeps nsys's short name. A name depends on nothing but its
kernel, so that it is the same in every trace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Longer than any argument that matters here; bounds the time of a hostile name.
_LONGEST = 4_000
# nsys writes `(int)128`, `(bool)1`, `<unnamed>`; c++filt writes `128u`, `true`, `{lambda()#1}`.
_SPELLINGS = (
    # First, since `lambda(int)` is no number.
    ("lambda(", "lambda{"),
    ("<unnamed>::", ""),
    ("(anonymous namespace)::", ""),
    ("(bool)1", "true"),
    ("(bool)0", "false"),
    ("(int)", ""),
    ("(unsigned int)", ""),
    ("(unsigned long)", ""),
    ("(long)", ""),
    ("cute::", ""),
    (" >", ">"),
)
_SUFFIX = re.compile(r"(\d)(?:ul|u|l)\b")
_TYPES = {
    "float": "f32",
    "double": "f64",
    "__half": "f16",
    "half": "f16",
    "half_t": "f16",
    "Half": "f16",
    "__nv_bfloat16": "bf16",
    "nv_bfloat16": "bf16",
    "bfloat16_t": "bf16",
    "BFloat16": "bf16",
    "__bfloat": "bf16",
    "tfloat32_t": "tf32",
    "__nv_fp8_e4m3": "e4m3",
    "Float8_e4m3fn": "e4m3",
    "float_e4m3_t": "e4m3",
    "__nv_fp8_e5m2": "e5m2",
    "Float8_e5m2": "e5m2",
    "float_e5m2_t": "e5m2",
    "__nv_fp4_e2m1": "e2m1",
    "float_e2m1_t": "e2m1",
    "bool": "bool",
    "signed char": "i8",
    "int8_t": "i8",
    "unsigned char": "u8",
    "uint8_t": "u8",
    "short": "i16",
    "unsigned short": "u16",
    "int": "i32",
    "unsigned int": "u32",
    "long": "i64",
    "unsigned long": "u64",
    "long long": "i64",
    "unsigned long long": "u64",
}
_SHORT_TYPES = frozenset(_TYPES.values())
_FLOATS = "|".join(t for t, short in _TYPES.items() if short[0] not in "iu" and t != "bool")
_FLOAT = re.compile(rf"\b(?:{_FLOATS})\b(?!::)")
_KEY = re.compile(rf"\b(?:{_FLOATS}|unsigned (?:char|short|int)|int|long|bool)\b(?!::)")
_IDENTIFIER = r"(?:\w+::)*([A-Za-z_]\w*)"


@dataclass(frozen=True)
class _Family:
    """Kernels whose names are read alike.

    Attributes
    ----------
    base
        Whole name of the function, without namespaces.
    rename
        Full name in one spelling, base -> short name, or None where it tells nothing more. None
        for kernels whose base says it all.
    within
        Expression on the full name, for bases that others use too.
    """

    base: re.Pattern[str]
    rename: Callable[[str, str], str | None] | None
    within: re.Pattern[str] | None = None


def short_kernel_names(full: pl.Series, short: pl.Series) -> pl.Series:
    """Give kernels names that are short and tell variants apart.

    Parameters
    ----------
    full : polars.Series of String (n_kernels,)
        Demangled names; best distinct.
    short : polars.Series of String (n_kernels,)
        nsys's names for them: the bare function, or any other text.

    Returns
    -------
    polars.Series of String (n_kernels,)
        `vectorized_elementwise_kernel<mul,bf16>`; nsys's name where nothing more is known.
    """
    named = [_short(*pair) for pair in zip(full.to_list(), short.to_list(), strict=True)]
    return pl.Series(short.name, named, dtype=pl.String)


def _short(full: str, short: str) -> str:
    base = short if short.isidentifier() else _base_of(short)
    for family in _families_of(base):
        if family.within is None or family.within.search(full):
            return (family.rename and family.rename(_one_spelling(full), base)) or short
    return short


def _base_of(name: str) -> str:
    found = re.match(r"(?:void )?(?:(?:\w+|<unnamed>|\(anonymous namespace\))::)*(\w+)", name)
    return found[1] if found else ""


@cache
def _families_of(base: str) -> tuple[_Family, ...]:
    return tuple(family for family in _FAMILIES if family.base.fullmatch(base))


def _one_spelling(full: str) -> str:
    text = full[:_LONGEST]
    for written, meant in _SPELLINGS:
        text = text.replace(written, meant)
    return text if "(unsigned" in full else _SUFFIX.sub(r"\1", text)


def _with(base: str, details: Iterable[str | None]) -> str:
    known = [detail for detail in details if detail]
    return f"{base}<{','.join(known)}>" if known else base


def _type(text: str) -> str:
    """Write a type in short: `f32`, `4B` for an opaque one of four bytes, else its own name."""
    opaque = re.match(r"(?:\w+::)*OpaqueType<(\d+)", text)
    if opaque:
        return f"{opaque[1]}B"
    own = text.rpartition("::")[2].strip()
    return _TYPES.get(own, own)


def _floats(text: str) -> list[str]:
    # Each once, in order of appearance.
    return list(dict.fromkeys(_TYPES[found] for found in _FLOAT.findall(text)))


def _operands(text: str) -> list[str]:
    # Sums are in f32 whatever the operands.
    floats = _floats(text)
    return [found for found in floats if found != "f32"] or floats


def _template(text: str, base: str) -> str:
    """Give what follows `base<`, to the end of the name."""
    at = text.find(f"{base}<")
    return text[at + len(base) + 1 :] if at >= 0 else ""


def _flag(value: str | None, name: str) -> str | None:
    return name if value == "true" else None


# ---- PyTorch

_FUNCTOR = re.compile(
    r"(?:(?:\d+|float|double|int|long|unsigned int|unsigned long), )*(?:void )?"
    r"(?:(?:\w+::)*(?:gpu_kernel_impl(?:_nocast)?|gpu_index_kernel)<(?:void )?)?"
    + _IDENTIFIER
    + r"(?:<((?:\w+::)*OpaqueType<\d+|[\w: ]+))?"
)
_COMPOSED = re.compile(rf"(Binary|AUnary|BUnary)Functor<([\w: ]+), [^<>]*?, {_IDENTIFIER}[<(]")
_LAMBDA = re.compile(r"lambda\{([^()]+)\)")
_REDUCED = re.compile(rf"ReduceOp<([\w: ]+), (?:(?:\w+::)*func_wrapper_t<[\w: ]+, )?{_IDENTIFIER}")
_NOISE = re.compile(
    r"^CUDAFunctor(?:OnSelf|OnOther)?_|(?:_?[kK]ernel)?(?:_cuda|_impl|_out|CUDAKernelImpl|Impl)*$"
    r"|_?[fF]unctor$|Ops$"
)


def _operator(name: str) -> str:
    bare = _NOISE.sub("", _NOISE.sub("", name)).lower() or name
    return f"{bare}_scalar" if re.match("CUDAFunctorOn", name) else bare


def _elementwise(text: str, base: str) -> str | None:
    inside = _template(text, base)
    functor = _FUNCTOR.match(inside)
    if functor is None:
        return None
    composed = _COMPOSED.match(inside, functor.start(1))
    if composed:
        scalar = "" if composed[1] == "Binary" else "_scalar"
        return _with(base, (_operator(composed[3]) + scalar, _type(composed[2])))
    return _with(base, (_operator(functor[1]), _element(functor[2], inside)))


def _element(argument: str | None, inside: str) -> str | None:
    # The type is an argument of the functor, else what its lambda takes besides conditions.
    own = _type(argument or "")
    if own in _SHORT_TYPES or "OpaqueType" in (argument or ""):
        return own
    taken = _LAMBDA.search(inside)
    types = [_type(text) for text in taken[1].split(", ")] if taken else []
    known = [text for text in types if text in _SHORT_TYPES]
    return next((text for text in known if text != "bool"), "bool" if known else None)


def _reduction(text: str, base: str) -> str | None:
    found = _REDUCED.search(text)
    return found and _with(base, (_operator(found[2]), _type(found[1])))


def _softmax(text: str, base: str) -> str:
    inside = _template(text, base)
    found = re.match(r"(?:\d+, )?([\w: ]+)(?:, [a-zA-Z_][\w: ]*)*(?:, (\d+))?", inside)
    log = "log" if "LogSoftMax" in inside else None
    return _with(base, (found and _type(found[1]), found and found[2], log))


def _first_type(text: str, base: str) -> str:
    found = _FLOAT.search(_template(text, base).partition("(")[0])
    return _with(base, (found and _TYPES[found[0]],))


def _key_types(text: str, base: str) -> str:
    found = list(dict.fromkeys(map(_type, _KEY.findall(_template(text, base)))))
    return _with(base, found[:2])


def _all_types(text: str, base: str) -> str:
    return _with(base, _floats(_template(text, base).partition("(")[0]))


def _cublas(text: str, base: str) -> str:
    arguments = _template(text, base).partition("(")[0]
    numbers = re.findall(r"(?:^|, )(\d+)(?=[,>])", arguments)
    return _with(base, ("x".join(numbers[:4]), *_floats(arguments)))


def _concatenation(text: str, base: str) -> str:
    found = re.match(r"((?:\w+::)*OpaqueType<\d+|[\w: ]+)>?, [\w ]+, (\d+)", _template(text, base))
    return _with(base, (_type(found[1]), f"{found[2]}d") if found else ())


def _many_tensors(text: str, base: str) -> str:
    found = re.search(rf"{_IDENTIFIER}Functor<([\w: ]+)", _template(text, base))
    what = re.search(r"\bstd::(plus|minus|multiplies|divides)<", text)
    if found is None:
        return base
    return _with(base, (found[1].lower(), what and what[1], _type(found[2])))


def _activation(text: str, base: str) -> str:
    inside = _template(text, base)
    which = re.search(r"\b(silu|gelu_tanh|gelu|relu|swigluoai|fatrelu)", inside)
    floats = _floats(inside)
    return _with(base, (which and which[1], floats[0] if floats else None))


# ---- Attention

_FLASH2 = re.compile(
    r"[Ff]lash_\w*kernel_traits\w*<(\d+), (\d+), (\d+), \d+(?:, (?:\d+|true|false))*, "
    r"(?:\w+::)*(\w+)"
)
_BOOLEAN = "(true|false)"


def _flash2(text: str, base: str) -> str | None:
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
    return _with(
        base,
        (f"hd{head}", tile, _type(element), _flag(causal, "causal"), _flag(split, "split")),
    )


_TILE = re.compile(r"tuple<C<(\d+)>, ?C<(\d+)>, ?C<(\d+)>>")


def _flash3(text: str) -> str | None:
    head = re.search(r"FlashAttn\w+Sm\d+", text)
    main = re.search(r"CollectiveMainloop\w+<", text)
    if head is None or main is None:
        return None
    inside = text[main.end() :]
    tiles = _TILE.findall(inside[:600])
    value = re.search(r">, (\d+), (?:\w+::)*(\w+), float, (?:\w+::)*Sm\d+((?:, \w+)*)", inside)
    element = _floats(inside[:600])
    flags = re.findall(r"true|false", value[3]) if value else []
    return _with(
        head[0],
        (
            "x".join(tiles[1]) if len(tiles) > 1 else None,
            f"v{value[1]}" if value else None,
            element[0] if element else None,
            _flag(_at(flags, 0), "causal"),
            _flag(_at(flags, 1), "local"),
            _flag(_at(flags, 10), "split"),
        ),
    )


def _at(values: list[str], index: int) -> str | None:
    return values[index] if index < len(values) else None


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


def _trtllm_fmha(_text: str, base: str) -> str | None:
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


def _trtllm_bmm(_text: str, base: str) -> str | None:
    found = re.match(r"((?:bmm|gemm|batchedGemm)_\w*?_t\d+x\d+x\d+\w*?_s\d+)(_\w*)?", base)
    if found is None:
        return None
    more = re.findall(
        r"_((?:et|m)\d+x\d+\w*?|swiGlu|geGlu|splitK\d+|sch\w+?)(?=_|$)", found[2] or ""
    )
    kept = [part for part in more if not part.startswith("m")]
    return "_".join([re.sub(r"_[ABC]b\d+", "", found[1]), *kept])


def _flashinfer_prefill(text: str, base: str) -> str | None:
    found = re.search(r"KernelTraits<\([\w:]*MaskMode\)(\d), (\d+), \d+, \d+, (\d+), (\d+), ", text)
    if found is None:
        return None
    mask = {"1": "causal", "2": "custom"}.get(found[1])
    floats = _floats(text)
    head = f"hd{16 * int(found[3])}"
    return _with(base, (head, f"q{found[2]}", floats[0] if floats else None, mask))


def _flashinfer_decode(text: str, base: str) -> str | None:
    inside = re.sub(r"\([\w:]+\)\d+, ", "", _template(text, base))
    found = re.match(r"(\d+), (\d+), (\d+), (\d+), (\d+), (\d+), ", inside)
    if found is None:
        return None
    floats = _floats(text)
    return _with(base, (f"hd{int(found[3]) * int(found[4])}", floats[0] if floats else None))


def _paged_attention(text: str, base: str) -> str:
    found = re.search(r"<(?:[\w: ]+?, )+?(\d+), (\d+), ", text)
    return _with(base, (f"hd{found[1]}", f"block{found[2]}") if found else ())


# ---- Products of matrices

_ENABLERS = re.compile(r"(?:\w+::)*enable_\w+<")


def _cutlass2(text: str, base: str) -> str | None:
    inside = _template(text, base)
    named = re.match(r"(?:\w+::)*(cutlass\w*_\w+)", inside)
    if named:
        return named[1]
    kind = re.match(_IDENTIFIER, inside)
    shape = re.search(r"GemmShape<(\d+), (\d+), (\d+)>", inside)
    tile = "x".join(shape.groups()) if shape else None
    return _with(kind[1], (tile, *_operands(inside))) if kind else _generic(text, base)


def _cutlass3(text: str, base: str) -> str | None:
    inside = _ENABLERS.sub("", _template(text, base))
    if "FlashAttn" in inside[:80] and (flash := _flash3(inside)):
        return flash
    kind = re.match(_IDENTIFIER, inside)
    if kind is None:
        return _generic(text, base)
    tiles = _TILE.findall(inside)
    cluster, tile = tiles[:2] if len(tiles) > 1 else ((), _only_tile(inside))
    arch = re.search(r"(?:Mainloop|Collective\w*)(Sm\d+)|arch::(Sm\d+)|enable_(sm\d+)", text)
    style = re.search(r"Pingpong|Cooperative|[12]Sm\b", inside)
    return _with(
        kind[1],
        (
            next((found.lower() for found in arch.groups() if found), None) if arch else None,
            "grouped" if "GroupProblemShape" in inside else None,
            "x".join(tile) if tile else None,
            "c" + "x".join(cluster) if set(cluster) - {"1"} else None,
            *_operands(inside)[:4],
            style and style[0].lower(),
        ),
    )


def _only_tile(text: str) -> list[str]:
    # Constants of the first tuple, whose last may be a tuple again.
    return re.findall(r"\bC<(\d+)>", text)[:3]


_DEEP_GEMM_KINDS = {"1": "contiguous", "2": "masked", "3": "batched"}


def _deep_gemm(text: str, base: str) -> str | None:
    arguments = re.sub(r"\([\w:]+\)\d+, ", "", _template(text, base))
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
    return _with(base, ("x".join(shape), "x".join(tile), grouped))


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


def _xmma(_text: str, base: str) -> str:
    for word, shorter in _XMMA_WORDS:
        base = base.replace(word, shorter)
    return re.sub(r"_align[a-d]\d+", "", base)


def _cute_dsl(_text: str, base: str) -> str:
    name, _, arguments = base.removeprefix("kernel_cutlass_").partition("_object_at")
    element = re.search(r"(?:tensorptr|Valuetype)(bf16|f16|f32|f8\w{4}|f4\w{4})", arguments)
    shape = re.search(r"ShapeMNK(\d+)", arguments)
    details = (element and element[1], f"mnk{shape[1]}" if shape else None)
    return _with(name.removeprefix("kernel_"), details)


def _qualified(text: str, base: str) -> str:
    """Keep the namespaces: without them the name is a common word."""
    found = re.match(rf"(?:void )?((?:\w+::)+{base})\b", text)
    return found[1] if found else base


def _reduce_over_gpus(text: str, base: str) -> str:
    found = re.match(r"(?:\([\w:]*Pattern\)(\d+), )?([\w:]+), (\d+)", _template(text, base))
    if found is None:
        return base
    pattern = f"pattern{found[1]}" if found[1] else None
    return _with(base, (pattern, _type(found[2]), found[3]))


def _generic(text: str, base: str) -> str | None:
    """Tell kernels apart whose function is called `kernel`: by class argument, else by room."""
    inside = _ENABLERS.sub("", _template(text, base))
    inside = re.sub(r"^(?:\([\w:]+\)\d+, |\d+, |true, |false, )*", "", inside)
    kind = re.match(_IDENTIFIER, inside)
    if kind and kind[1] not in _TYPES and not re.fullmatch(r"unsigned|signed|const|T\d*", kind[1]):
        inner = re.match(r"\w+<((?:\w+::)*[A-Za-z_]\w*)", inside[kind.start(1) :])
        # Thrust calls each of its function objects `functor`, in a room of its own.
        told = inner and _type(inner[1].removesuffix("::functor"))
        return _with(kind[1], (told and told.strip("_"),))
    room = re.search(rf"\b(\w+)::{base}\b", text)
    name = f"{room[1]}::{base}" if room else base
    return _all_types(text, base).replace(base, name, 1)


_NORMS = r"(?i:\w*(?:layer_?norm|rms_?norm)\w*)"
_FAMILIES = tuple(
    _Family(re.compile(base), rename, re.compile(within) if within else None)
    for base, rename, within in (
        # What is written in full in nsys's name already.
        (r"ncclDevKernel_\w+|ncclKernel_\w+|nvjet_\w+|triton_\w+|nvfuser_\w+", None, None),
        (r"\w+_xmma_\w+", _xmma, None),
        (r"fmhaSm\w+", _trtllm_fmha, None),
        (r"(?:bmm|gemm|batchedGemm)_\w+", _trtllm_bmm, None),
        (r"kernel_cutlass_\w+", _cute_dsl, None),
        # Libraries
        (r"Kernel2?", _cutlass2, r"cutlass::Kernel"),
        (r"device_kernel", _cutlass3, r"cutlass::device_kernel|GemmUniversal|FlashAttn"),
        (r"fp8_gemm_kernel|sm\d+_\w*gemm\w*_impl", _deep_gemm, r"deep_gemm::"),
        (r"\w+", _qualified, r"\bdeep_ep::|marlin_moe_wna16::|hybrid_ep::"),
        (r"flash_(?:fwd|bwd)\w*", _flash2, None),
        (r"(?:Batch|Single)PrefillWith\w+|PrefillWithKVCacheKernel", _flashinfer_prefill, None),
        (r"(?:Batch|Single)DecodeWith\w+", _flashinfer_decode, None),
        (r"paged_attention_v[12]_kernel", _paged_attention, None),
        (r"cross_device_reduce_\w+|allreduce_fusion_kernel\w*", _reduce_over_gpus, None),
        (r"(?:one|two)_shot_all_reduce\w*|multimem_all_\w+", _first_type, None),
        # PyTorch
        (r"reduce_kernel", _reduction, r"ReduceOp<"),
        (r"\w*elementwise\w*", _elementwise, None),
        (r"softmax_warp_\w+|cunn_SoftMax\w*", _softmax, None),
        (r"CatArrayBatchedCopy\w*", _concatenation, None),
        (r"multi_tensor_apply_kernel", _many_tensors, None),
        (r"act_and_mul_kernel\w*", _activation, None),
        (_NORMS, _first_type, None),
        # cuBLAS, CUB
        (r"splitKreduce_kernel|gemv\w+|gemmSN_\w+|gemmk1_\w+|dot_kernel", _cublas, None),
        (r"Device[A-Z]\w+Kernel", _key_types, r"cub::|thrust::"),
        (r"(?i:kernel2?|run_kernel|device_kernel|_kernel_agent|static_kernel)", _generic, None),
    )
)
