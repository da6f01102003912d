"""Whether changes stay within limits that were asked for."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from traceenergy.comparison.gate_grammar import PERCENT, parse_gate
from traceenergy.comparison.model import ALL_STEPS, FAILED, PASSED, RUN, UNDECIDED, GateResult
from traceenergy.errors import GateFailedError, GateUndecidedError, NoPowerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from traceenergy.comparison.gate_grammar import Gate
    from traceenergy.comparison.model import Comparison

_TOKENS = ("tokens", "say them with --tokens-per-step")
# What quantities need beside energy, how to say it.
_NEEDS = {
    "tokens_per_j": _TOKENS,
    "j_per_token": _TOKENS,
    "j_per_response": ("requests", "analyze both runs with --requests, and compare the results"),
}
_OF_ENERGY = {"energy_j", "kernel_j", "mean_power_w", *_NEEDS}
_COUNTED = {"n_kernels"}
_MOST_NAMES = 5  # that an error proposes
_WORST_FIRST = (FAILED, UNDECIDED, PASSED)


def judge_gates(comparison: Comparison, expressions: Iterable[str]) -> tuple[GateResult, ...]:
    """Hold changes against limits.

    Parameters
    ----------
    comparison : Comparison
    expressions : iterable of str
        In the language of docs/gate.md.

    Returns
    -------
    tuple of GateResult
        One for each expression, in order.

    Raises
    ------
    UsageError
        If an expression cannot be read, or names what is not there.
    NoPowerError
        If it asks for energy that was not measured in both runs.
    """
    return tuple(_judged(comparison, parse_gate(expression)) for expression in expressions)


def raise_for_gates(comparison: Comparison, *, undecided_passes: bool = False) -> None:
    """Raise where a gate is not passed.

    Parameters
    ----------
    comparison : Comparison
    undecided_passes : bool
        Whether a gate that the data cannot decide is let through.

    Raises
    ------
    GateFailedError
        If one failed.
    GateUndecidedError
        If none failed, and one is undecided that may not be.
    """
    texts = {
        outcome: [
            f"{outcome}: {gate.expression}: {gate.text}"
            for gate in comparison.gates
            if gate.outcome == outcome
        ]
        for outcome in _WORST_FIRST
    }
    if texts[FAILED]:
        raise GateFailedError(
            f"{len(texts[FAILED])} of {len(comparison.gates)} gates failed",
            details="\n".join(texts[FAILED] + texts[UNDECIDED]),
            next_step="the tables of phases and kernels say what costs more",
        )
    if texts[UNDECIDED] and not undecided_passes:
        raise GateUndecidedError(
            f"{len(texts[UNDECIDED])} of {len(comparison.gates)} gates are undecided",
            details="\n".join(texts[UNDECIDED]),
            next_step="record more steps, raise the limit, or pass --undecided pass",
        )


def _judged(comparison: Comparison, gate: Gate) -> GateResult:
    runs = (comparison.base, comparison.head)
    if gate.quantity in _OF_ENERGY and any(run.energy.total_j is None for run in runs):
        raise NoPowerError(
            f"the gate {gate.expression!r} needs energy, which was not measured in both runs",
            next_step="name the power logs with --base-power, --head-power, or gate on time",
        )
    of_level = comparison.changes.filter(level=gate.level)
    if gate.level != RUN and comparison.changes["level"].eq(RUN).all():
        return _result(comparison, gate, {}, "no steps are known in both runs")
    results = [
        _result(comparison, gate, row, row["reason"])
        for row in _rows(gate, of_level).iter_rows(named=True)
    ]
    return min(results, key=lambda found: _WORST_FIRST.index(found.outcome))


def _rows(gate: Gate, of_level: pl.DataFrame) -> pl.DataFrame:
    """Find the rows that a gate is about: several where a kernel is in several phases."""
    step_kind = gate.name if gate.level == "step_kind" else ALL_STEPS
    named = of_level.filter(name=gate.name, step_kind=step_kind)
    if not len(named):
        _refuse_name(gate, of_level["name"].unique(maintain_order=True).to_list())
    found = named.filter(quantity=gate.quantity)
    needed, next_step = _NEEDS.get(gate.quantity, _TOKENS)
    if not len(found) or (gate.quantity in _NEEDS and found["delta"].null_count()):
        raise UsageError(
            f"the gate {gate.expression!r} needs {needed}, which are not known in both runs",
            next_step=next_step,
        )
    return found


def _refuse_name(gate: Gate, known: list[str]) -> None:
    like = get_close_matches(gate.name, known, n=_MOST_NAMES, cutoff=0.5)
    names = like or known[:_MOST_NAMES]
    level = "step" if gate.level == "step_kind" else gate.level
    raise UsageError(
        f"the gate {gate.expression!r} names a {level} that neither run has: {gate.name!r}",
        details=f"{'close to it' if like else 'known'}: {', '.join(names) or 'none'}",
        next_step=f"name a {level} of the tables of the comparison",
    )


def _result(
    comparison: Comparison, gate: Gate, row: dict[str, Any], reason: str | None
) -> GateResult:
    change, low, high = (
        _in_unit(gate, row, row.get(column)) for column in ("delta", "delta_lo", "delta_hi")
    )
    if gate.quantity in _COUNTED:
        low = high = change
    outcome = _outcome(gate, low, high)
    if low is not None and high is not None:
        reason = "the interval holds the limit"
    told = _change_text(gate, change, low, high, str(row.get("per") or comparison.per))
    why = f" ({reason})" if outcome == UNDECIDED else ""
    level = "step" if gate.level == "step_kind" else gate.level
    what = f"{gate.word} of the run" if gate.level == RUN else f"{gate.word} of {level} {gate.name}"
    limit = f"{'at most' if gate.is_above else 'at least'} {_number(gate.limit, gate.unit)}"
    return GateResult(
        expression=gate.expression,
        outcome=outcome,
        text=f"{what} {told}, may change by {limit}{why}",
        level=gate.level,
        step_kind=row.get("step_kind", ALL_STEPS),
        name=gate.name,
        quantity=gate.quantity,
        unit=gate.unit,
        limit=gate.limit,
        delta=_finite(change),
        delta_lo=_finite(low),
        delta_hi=_finite(high),
    )


def _in_unit(gate: Gate, row: dict[str, Any], value: float | None) -> float | None:
    """Turn a difference into the unit of the gate; infinite in % of a base of nothing."""
    if value is None or gate.unit != PERCENT:
        return None if value is None else value / gate.factor
    if row["base"]:
        return 100 * value / abs(float(row["base"]))
    return math.copysign(math.inf, value) if value else 0.0


def _outcome(gate: Gate, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return UNDECIDED
    nearest, farthest = (low, high) if gate.is_above else (-high, -low)
    limit = gate.limit if gate.is_above else -gate.limit
    if nearest > limit:
        return FAILED
    return PASSED if farthest <= limit else UNDECIDED


def _change_text(
    gate: Gate, change: float | None, low: float | None, high: float | None, per: str
) -> str:
    if change is None:
        return "changed by what is not known"
    if math.isinf(change):
        return "is new: the base has none"
    each = "" if gate.unit == PERCENT or gate.level == RUN == per else f" a {per}"
    told = f"changed by {_number(change, gate.unit)}{each}"
    if low is None or high is None or low == high:
        return told
    return f"{told} ({low:+.3g} to {high:+.3g})"


def _number(value: float, unit: str) -> str:
    return f"{value:+.3g} {unit}".rstrip()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
