"""Short names of element-wise kernels, reductions, norms: PyTorch, CUB, cuBLAS."""

from __future__ import annotations

import re

from traceenergy.trace.name_parts import (
    FLOAT,
    IDENTIFIER,
    KEY,
    SHORT_TYPES,
    TYPES,
    arguments_of,
    float_types,
    short_type,
    with_details,
)

_FUNCTOR = re.compile(
    r"(?:(?:\d+|float|double|int|long|unsigned int|unsigned long), )*(?:void )?"
    r"(?:(?:\w+::)*(?:gpu_kernel_impl(?:_nocast)?|gpu_index_kernel)<(?:void )?)?"
    + IDENTIFIER
    + r"(?:<((?:\w+::)*OpaqueType<\d+|[\w: ]+))?"
)
_COMPOSED = re.compile(rf"(Binary|AUnary|BUnary)Functor<([\w: ]+), [^<>]*?, {IDENTIFIER}[<(]")
_LAMBDA = re.compile(r"lambda\{([^()]+)\)")
_REDUCED = re.compile(rf"ReduceOp<([\w: ]+), (?:(?:\w+::)*func_wrapper_t<[\w: ]+, )?{IDENTIFIER}")
_NOISE = re.compile(
    r"^CUDAFunctor(?:OnSelf|OnOther)?_|(?:_?[kK]ernel)?(?:_cuda|_impl|_out|CUDAKernelImpl|Impl)*$"
    r"|_?[fF]unctor$|Ops$"
)


def _operator(name: str) -> str:
    bare = _NOISE.sub("", _NOISE.sub("", name)).lower() or name
    return f"{bare}_scalar" if re.match("CUDAFunctorOn", name) else bare


def elementwise(text: str, base: str) -> str | None:
    """Tell operator and type of an element-wise kernel."""
    inside = arguments_of(text, base)
    functor = _FUNCTOR.match(inside)
    if functor is None:
        return None
    composed = _COMPOSED.match(inside, functor.start(1))
    if composed:
        scalar = "" if composed[1] == "Binary" else "_scalar"
        return with_details(base, (_operator(composed[3]) + scalar, short_type(composed[2])))
    return with_details(base, (_operator(functor[1]), _element(functor[2], inside)))


def _element(argument: str | None, inside: str) -> str | None:
    # The type is an argument of the functor, else what its lambda takes besides conditions.
    own = short_type(argument or "")
    if own in SHORT_TYPES or "OpaqueType" in (argument or ""):
        return own
    taken = _LAMBDA.search(inside)
    types = [short_type(text) for text in taken[1].split(", ")] if taken else []
    known = [text for text in types if text in SHORT_TYPES]
    return next((text for text in known if text != "bool"), "bool" if known else None)


def reduction(text: str, base: str) -> str | None:
    """Tell operator and type of a reduction."""
    found = _REDUCED.search(text)
    return found and with_details(base, (_operator(found[2]), short_type(found[1])))


def softmax(text: str, base: str) -> str:
    """Tell type and size of a softmax."""
    inside = arguments_of(text, base)
    found = re.match(r"(?:\d+, )?([\w: ]+)(?:, [a-zA-Z_][\w: ]*)*(?:, (\d+))?", inside)
    log = "log" if "LogSoftMax" in inside else None
    return with_details(base, (found and short_type(found[1]), found and found[2], log))


def first_type(text: str, base: str) -> str:
    """Tell the first floating-point type."""
    found = FLOAT.search(arguments_of(text, base).partition("(")[0])
    return with_details(base, (found and TYPES[found[0]],))


def key_types(text: str, base: str) -> str:
    """Tell the types of keys and values."""
    found = list(dict.fromkeys(map(short_type, KEY.findall(arguments_of(text, base)))))
    return with_details(base, found[:2])


def all_types(text: str, base: str) -> str:
    """Tell all floating-point types."""
    return with_details(base, float_types(arguments_of(text, base).partition("(")[0]))


def cublas(text: str, base: str) -> str:
    """Tell the numbers and types of a cuBLAS kernel."""
    arguments = arguments_of(text, base).partition("(")[0]
    numbers = re.findall(r"(?:^|, )(\d+)(?=[,>])", arguments)
    return with_details(base, ("x".join(numbers[:4]), *float_types(arguments)))


def concatenation(text: str, base: str) -> str:
    """Tell element size and dimensions of a concatenation."""
    found = re.match(
        r"((?:\w+::)*OpaqueType<\d+|[\w: ]+)>?, [\w ]+, (\d+)", arguments_of(text, base)
    )
    return with_details(base, (short_type(found[1]), f"{found[2]}d") if found else ())


def many_tensors(text: str, base: str) -> str:
    """Tell the functor of a kernel over lists of tensors."""
    found = re.search(rf"{IDENTIFIER}Functor<([\w: ]+)", arguments_of(text, base))
    what = re.search(r"\bstd::(plus|minus|multiplies|divides)<", text)
    if found is None:
        return base
    return with_details(base, (found[1].lower(), what and what[1], short_type(found[2])))


def activation(text: str, base: str) -> str:
    """Tell function and type of an activation."""
    inside = arguments_of(text, base)
    which = re.search(r"\b(silu|gelu_tanh|gelu|relu|swigluoai|fatrelu)", inside)
    floats = float_types(inside)
    return with_details(base, (which and which[1], floats[0] if floats else None))
