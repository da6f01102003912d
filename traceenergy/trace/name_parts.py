"""Parts of demangled C++ names, in one spelling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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
TYPES = {
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
SHORT_TYPES = frozenset(TYPES.values())
_FLOATS = "|".join(t for t, short in TYPES.items() if short[0] not in "iu" and t != "bool")
FLOAT = re.compile(rf"\b(?:{_FLOATS})\b(?!::)")
KEY = re.compile(rf"\b(?:{_FLOATS}|unsigned (?:char|short|int)|int|long|bool)\b(?!::)")
TILE = re.compile(r"tuple<C<(\d+)>, ?C<(\d+)>, ?C<(\d+)>>")
IDENTIFIER = r"(?:\w+::)*([A-Za-z_]\w*)"


def one_spelling(full: str) -> str:
    """Write a full name as every demangler would."""
    text = full[:_LONGEST]
    for written, meant in _SPELLINGS:
        text = text.replace(written, meant)
    return text if "(unsigned" in full else _SUFFIX.sub(r"\1", text)


def with_details(base: str, details: Iterable[str | None]) -> str:
    """Write `base<detail,detail>`, without those that are not known."""
    known = [detail for detail in details if detail]
    return f"{base}<{','.join(known)}>" if known else base


def short_type(text: str) -> str:
    """Write a type in short: `f32`, `4B` for an opaque one of four bytes, else its own name."""
    opaque = re.match(r"(?:\w+::)*OpaqueType<(\d+)", text)
    if opaque:
        return f"{opaque[1]}B"
    own = text.rpartition("::")[2].strip()
    return TYPES.get(own, own)


def float_types(text: str) -> list[str]:
    """List the floating-point types in a text, each once, in order."""
    # Each once, in order of appearance.
    return list(dict.fromkeys(TYPES[found] for found in FLOAT.findall(text)))


def operand_types(text: str) -> list[str]:
    """List the types of a product's operands."""
    # Sums are in f32 whatever the operands.
    floats = float_types(text)
    return [found for found in floats if found != "f32"] or floats


def arguments_of(text: str, base: str) -> str:
    """Give what follows `base<`, to the end of the name."""
    at = text.find(f"{base}<")
    return text[at + len(base) + 1 :] if at >= 0 else ""


def flag(value: str | None, name: str) -> str | None:
    """Give the name of a flag that is set."""
    return name if value == "true" else None


def value_at(values: list[str], index: int) -> str | None:
    """Give one of some values, None beyond their end."""
    return values[index] if index < len(values) else None
