"""Types of what a result says in JSON beside its tables."""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import (
    Any,
    Literal,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from traceenergy.analysis.options import AnalysisOptions
from traceenergy.read.options import ReadOptions
from traceenergy.trace.model import Origin  # noqa: TC001 - types are looked up at run time

_MOST_WHOLE = 2**63
MOST_NUMBER = 1e30  # squares and sums of such stay finite


class _Derived(TypedDict, total=False):
    """Options that no user gives: what was found out, or assumed."""

    by_report: bool | int
    slices: int
    intervals: str | None
    power_exponent: float | None
    power_exponent_source: Literal["user", "clocks", "default"] | None
    power_exponent_interval: tuple[float, float] | None
    calibration_inputs: list[Origin] | None
    layers_from_inputs: list[Origin] | None


class _Parts(TypedDict):
    work_s: float
    host_s: float
    collective_wait_s: float
    idle_s: float


class _Holder(TypedDict):
    rank: int
    device_id: int
    path_s: float
    n_turns: int


class _Level(TypedDict):
    level: str
    name: str
    quadrant: Literal["time+energy", "time only", "energy only", "neither"] | None
    max_s: float | None
    sum_j: float | None
    path_share: float | None
    energy_share: float | None


class _MaxVsSum(TypedDict, total=False):
    elapsed_s: float | None
    critical_path_s: float | None
    parts: _Parts | None
    unmatched_s: float | None
    holders: list[_Holder] | None
    n_handovers: int | None
    levels: list[_Level] | None


def check_told(options: dict[str, Any], max_vs_sum: dict[str, Any]) -> None:
    """Refuse values of other types than an analysis writes.

    Parameters
    ----------
    options, max_vs_sum : dict
        As in the JSON of an analysis; members that are not there are not looked at, those that a
        newer version may have added must hold numbers that can be written.

    Raises
    ------
    TypeError
        With the names of such members.
    ValueError
        If a count is below zero.
    """
    odd = [f"options.{name}" for name in _misfits(options, _option_types())]
    odd += [f"max_vs_sum.{name}" for name in _misfits(max_vs_sum, types_of(_MaxVsSum))]
    if odd:
        message = f"of another type: {', '.join(odd)}"
        raise TypeError(message)
    if (max_vs_sum.get("n_handovers") or 0) < 0:
        message = "max_vs_sum.n_handovers: expected 0 or more"
        raise ValueError(message)


def _misfits(told: dict[str, Any], types: dict[str, object]) -> list[str]:
    return [name for name, value in told.items() if not is_a(value, types.get(name, Any))]


@cache
def _option_types() -> dict[str, object]:
    return types_of(AnalysisOptions) | types_of(ReadOptions) | types_of(_Derived)


def types_of(kind: type) -> dict[str, object]:
    """Map the fields of a class to their types."""
    return _types_of(kind)


@cache
def _types_of(kind: type) -> dict[str, object]:
    return {name: hint for name, hint in get_type_hints(kind).items() if name != "return"}


def is_a(value: object, hint: object) -> bool:
    """Tell whether a value of JSON is what a type of Python becomes there.

    Parameters
    ----------
    value : object
        Files are texts, tuples are lists, records are objects. What was made from JSON already is
        of its own type.
    hint : object
        A type as annotations write it. A class with annotations: an object with all its fields
        that have no default. `Any`: whatever holds no number that is too large.

    Returns
    -------
    bool
        Whole numbers must fit 64 bits, others be at most `MOST_NUMBER`; true is no number.
    """
    parts, whole = get_args(hint), get_origin(hint)
    if whole in (Union, UnionType):
        return any(is_a(value, part) for part in parts)
    if whole is Literal:
        return isinstance(value, str) and value in parts
    if whole in (tuple, list):
        return _is_list_of(value, parts)
    if whole is dict:
        return isinstance(value, dict) and all(is_a(one, parts[1]) for one in value.values())
    if hint is Any:
        return _is_small(value)
    return _is_number(value, hint) if hint in (int, float) else _is_of_class(value, hint)


def _is_number(value: object, hint: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < _MOST_WHOLE
    return hint is float and isinstance(value, float) and abs(value) <= MOST_NUMBER


def _is_list_of(values: object, parts: tuple[object, ...]) -> bool:
    if not isinstance(values, list | tuple):
        return False
    if len(parts) == 1 or parts[-1] is Ellipsis:
        return all(is_a(value, parts[0]) for value in values)
    return len(values) == len(parts) and all(map(is_a, values, parts))


def _is_of_class(value: object, hint: object) -> bool:
    if not isinstance(hint, type):
        return False
    if hint is Path:
        return isinstance(value, str)
    if isinstance(value, dict) and is_typeddict(hint):
        needed = vars(hint)["__required_keys__"]
        return needed <= value.keys() and not _misfits(value, types_of(hint))
    if isinstance(value, dict) and is_dataclass(hint):
        needed = {name for name in types_of(hint) if not hasattr(hint, name)}
        return needed <= value.keys() and not _misfits(value, types_of(hint))
    return not is_typeddict(hint) and isinstance(value, hint)


def _is_small(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_small, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_small, value))
    return not isinstance(value, int | float) or abs(value) <= MOST_NUMBER
