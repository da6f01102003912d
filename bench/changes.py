"""Small defects to put into a module: one comparison, sign, number or condition changed."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_OTHER_WORD: dict[type[ast.boolop], type[ast.boolop]] = {ast.And: ast.Or, ast.Or: ast.And}
_PAIRS = (
    ("min", "max"), ("minimum", "maximum"), ("any", "all"), ("floor", "ceil"),
    ("argmin", "argmax"), ("first", "last"), ("left", "right"), ("cum_min", "cum_max"),
)  # fmt: skip
_MANY = 10
_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], None]]]:
    """Find what can be changed, in order: an expression, and how to change it in place.

    Left alone are annotations, docstrings, what only type checkers read, texts, and what is raised.
    """
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _is_talk(node):
                continue
            if (change := _change(node)) is not None:
                yield node, change
            yield from changes(node)


def function_lines(tree: ast.Module, line: int) -> tuple[int, int] | None:
    """Find the function or method around a line: its first and last line, decorators included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.Module):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    first = min([part.lineno, *(mark.lineno for mark in part.decorator_list)])
                    if first <= line <= (part.end_lineno or first):
                        return first, part.end_lineno or first
    return None


def _is_talk(node: ast.AST) -> bool:
    is_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return is_types or isinstance(node, ast.JoinedStr | ast.Raise | ast.ImportFrom | ast.Import)


def _change(node: ast.AST) -> Callable[[], None] | None:
    match node:
        case ast.Compare(ops=[operator, *_]):
            change = partial(node.ops.__setitem__, 0, _COMPARISONS[type(operator)]())
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _OPERATORS:
            change = partial(setattr, node, "op", _OPERATORS[type(node.op)]())
        case ast.BoolOp(op=operator):
            change = partial(setattr, node, "op", _OTHER_WORD[type(operator)]())
        case ast.UnaryOp(op=ast.USub()):
            change = partial(setattr, node, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            # Twice the same is nothing, for truth and bits.
            change = partial(setattr, node, "operand", ast.UnaryOp(node.op, node.operand))
        case ast.If() | ast.IfExp() if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
            change = partial(setattr, node, "test", ast.UnaryOp(ast.Not(), node.test))
        case _:
            return _change_word(node)
    return change


def _change_word(node: ast.AST) -> Callable[[], None] | None:
    match node:
        case ast.Constant(value=bool(value)):
            change = partial(setattr, node, "value", not value)
        case ast.Constant(value=int(value)):
            # One more of a limit that was chosen freely is no defect.
            change = partial(setattr, node, "value", value + 1 if abs(value) < _MANY else 2 * value)
        case ast.Constant(value=float(value)):
            change = partial(setattr, node, "value", 2 * value or 1.0)
        case ast.Constant(value=str(value)) if value in _NAMES:
            change = partial(setattr, node, "value", _NAMES[value])
        case ast.Attribute(attr=name) if name in _NAMES:
            change = partial(setattr, node, "attr", _NAMES[name])
        case ast.Call(func=ast.Name(id=name) as function) if name in _NAMES:
            change = partial(setattr, function, "id", _NAMES[name])
        case _:
            return None
    return change
