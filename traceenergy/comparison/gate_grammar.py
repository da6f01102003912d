"""From the text of a gate, such as `phase.moe.energy > 5%`, to what it asks."""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from traceenergy.comparison.model import RUN
from traceenergy.errors import UsageError
from traceenergy.records import dataclass

MOST_LETTERS = 500
PERCENT = "%"
_GRAMMAR = r"""
start: _part ("." _part)* OP NUMBER [UNIT]
_part: WORD | QUOTED
OP: ">" | "<"
NUMBER: /[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)/
UNIT: /[%A-Za-z]+/
WORD: /[A-Za-z0-9_-]+/
QUOTED: /"(\\["\\]|[^"\\])*"/
%ignore /[ \t]+/
"""
_PARSER = Lark(_GRAMMAR, parser="lalr")
_IN_WORDS = {
    "OP": "> or <", "NUMBER": "a number", "UNIT": "a unit", "DOT": "a dot", "$END": "the end",
    "WORD": "a word", "QUOTED": 'a name in "quotes"',
}  # fmt: skip

_JOULES = {"J": 1.0, "mJ": 1e-3}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_UNITS = {
    "energy_j": _JOULES, "kernel_j": _JOULES, "j_per_token": _JOULES, "j_per_response": _JOULES,
    "elapsed_s": _SECONDS, "work_s": _SECONDS, "mean_power_w": {"W": 1.0},
    "tokens_per_j": {"": 1.0}, "n_kernels": {"": 1.0},
}  # fmt: skip
_EVERYWHERE = {"energy": "energy_j", "power": "mean_power_w"}
_TOKENS = {"tokens_per_j": "tokens_per_j", "j_per_token": "j_per_token"}
_ELAPSED = {"elapsed": "elapsed_s", "time": "elapsed_s"}
_COUNT = {"count": "n_kernels"}
_RESPONSES = {"j_per_response": "j_per_response"}
_OF_RUN = _EVERYWHERE | _ELAPSED | _TOKENS | _RESPONSES | {"kernel_energy": "kernel_j"}
_OF_LEVEL = {
    "step": _EVERYWHERE | _ELAPSED | _TOKENS | _COUNT,
    **dict.fromkeys(
        ("phase", "subphase", "layer", "kernel"), _EVERYWHERE | {"time": "work_s"} | _COUNT
    ),
}
_MEANT = {"step": "step_kind"}
_SEE = "write it like 'energy > 2%' or 'phase.moe.energy > 5%'; docs/gate.md has the language"


@dataclass(frozen=True)
class Gate:
    """What a gate asks.

    Attributes
    ----------
    expression
        As written.
    level
        As in the changes of a comparison: run, step_kind, phase, subphase, layer or kernel.
    name
        Of what; `run` for the run.
    word, quantity
        What is limited, as written, as in the changes.
    is_above
        Whether the limit may not be exceeded; else the change may not be below it.
    limit
        In the unit.
    unit, factor
        `%`, or a unit with how much of the quantity's own one is; the unit of counts is empty.
    """

    expression: str
    level: str
    name: str
    word: str
    quantity: str
    is_above: bool
    limit: float
    unit: str
    factor: float


def parse_gate(expression: str) -> Gate:
    """Read a gate.

    Parameters
    ----------
    expression : str
        In the language of docs/gate.md.

    Returns
    -------
    Gate

    Raises
    ------
    UsageError
        With the place and what was expected there.
    """
    if len(expression) > MOST_LETTERS:
        raise UsageError(
            f"a gate of {len(expression):,} letters is too long: at most {MOST_LETTERS}",
            next_step=_SEE,
        )
    try:
        tree = _PARSER.parse(expression)
    except UnexpectedInput as problem:
        _refuse_syntax(expression, problem)
    tokens = [child for child in tree.children if isinstance(child, Token)]
    parts = [_text(token) for token in tokens if token.type in {"WORD", "QUOTED"}]
    sign, number, *units = tokens[len(parts) :]
    level, name, word, quantity = _what(expression, parts)
    unit, factor = _unit(expression, quantity, word, str(units[0]) if units else "")
    limit = float(number)
    if not math.isfinite(limit):
        raise UsageError(f"the limit of the gate {_shown(expression)} is no number", next_step=_SEE)
    return Gate(expression, level, name, word, quantity, sign == ">", limit, unit, factor)


def _text(token: Token) -> str:
    """Take a name out of its quotes."""
    return str(token) if token.type == "WORD" else re.sub(r"\\(.)", r"\1", token[1:-1])


def _what(expression: str, parts: list[str]) -> tuple[str, str, str, str]:
    """Tell level, name, word and quantity of the parts between dots."""
    *where, word = parts
    level, name = (where[0], ".".join(where[1:])) if where else (RUN, RUN)
    if where and level not in _OF_LEVEL:
        _refuse(expression, f"{_shown(level)} is no level", f"levels: {', '.join(_OF_LEVEL)}")
    if not name:
        _refuse(expression, f"no name between {level} and {word}", f"like {level}.NAME.energy")
    known = _OF_LEVEL[level] if where else _OF_RUN
    if word not in known:
        problem = f"{_shown(word)} is no quantity of {f'a {level}' if where else 'the run'}"
        _refuse(expression, problem, f"quantities: {', '.join(known)}")
    if level == "layer" and name.isdecimal():
        name = f"layer {int(name)}"
    return _MEANT.get(level, level), name, word, known[word]


def _unit(expression: str, quantity: str, word: str, unit: str) -> tuple[str, float]:
    factors = _UNITS[quantity]
    if unit == PERCENT:
        return unit, 1.0
    if unit not in factors:
        problem = f"{_shown(unit)} is no unit of {word}" if unit else f"{word} needs a unit"
        known = [PERCENT, *(one or "none" for one in factors)]
        _refuse(expression, problem, f"units: {', '.join(known)}")
    return unit, factors[unit]


def _refuse(expression: str, problem: str, known: str) -> NoReturn:
    raise UsageError(
        f"the gate {_shown(expression)} means nothing: {problem}", details=known, next_step=_SEE
    )


def _refuse_syntax(expression: str, problem: UnexpectedInput) -> NoReturn:
    place: int = len(expression)
    expected: set[str] = set()
    if isinstance(problem, UnexpectedCharacters):
        place, expected = problem.pos_in_stream or 0, set(problem.allowed or ())
    elif isinstance(problem, UnexpectedToken):
        expected = set(problem.accepts or problem.expected)
        if problem.token.type != "$END":
            place = problem.pos_in_stream or 0
    elif isinstance(problem, UnexpectedEOF):
        expected = set(problem.expected)
    words = [known for name, known in _IN_WORDS.items() if name in expected]
    printable = "".join(letter if letter.isprintable() else "?" for letter in expression)
    raise UsageError(
        f"a gate cannot be read at letter {place + 1}",
        details=f"{printable}\n{' ' * place}^ expected {' or '.join(words)}",
        next_step=_SEE,
    ) from problem


def _shown(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)
