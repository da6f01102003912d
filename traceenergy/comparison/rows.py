"""Rows of changes: a value in both runs, its difference, the interval, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.comparison.model import ALL_STEPS, RUN
from traceenergy.comparison.verdicts import half_width, judge
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.comparison.costs import RowCosts, Tables
    from traceenergy.comparison.model import CompareOptions
    from traceenergy.comparison.variation import Estimate

# Whether less of a quantity is better; of the others neither is.
LESS_IS_BETTER = {
    "energy_j": True, "kernel_j": True, "elapsed_s": True, "work_s": True, "j_per_token": True,
    "j_per_response": True, "tokens_per_j": False,
}  # fmt: skip


_OF_ALL = 0.5  # of the risk of a level with tables of several kinds of steps


@dataclass(frozen=True)
class Weighed:
    """A row's costs with its weight in its table.

    Attributes
    ----------
    costs : RowCosts
    kind
        Of the steps, or `ALL_STEPS`.
    weight
        Share of the risk of a false alarm: that of the energy, or of the time where no energy is
        known, of its table. Where steps are of several kinds, those of all kinds take half.
    """

    costs: RowCosts
    kind: str
    weight: float


def weigh(tables: Tables) -> list[Weighed]:
    """Give each row its weight in its table.

    Parameters
    ----------
    tables : dict
        Rows by level and kind of steps.

    Returns
    -------
    list of Weighed
    """
    found = []
    for (level, kind), rows in tables.items():
        n_others = sum(other == level for other, _ in tables) - 1
        of_table = (1 - _OF_ALL) / n_others if kind != ALL_STEPS else _OF_ALL if n_others else 1.0
        sizes = [_size(costs) for costs in rows]
        whole = max(sum(sizes), 1e-300)
        found += [
            Weighed(
                costs, costs.key.name if level == "step_kind" else kind, of_table * size / whole
            )
            for costs, size in zip(rows, sizes, strict=True)
        ]
    return found


def _size(costs: RowCosts) -> float:
    for name in ("energy_j", "time_s"):
        sides = costs.per_step_sum(name)
        if all(value == value for value in sides):  # noqa: PLR0124 - NaN
            return max(sides)
    return 0.0


def change_rows(row: Weighed, options: CompareOptions) -> Iterator[dict[str, Any]]:
    """List what changed of a row, one quantity after the other.

    Parameters
    ----------
    row : Weighed
    options : CompareOptions

    Yields
    ------
    dict
        A row of `CHANGE_ROW`.
    """
    costs, is_step = row.costs, row.costs.key.level == "step_kind"
    time = "elapsed_s" if is_step else "work_s"
    ratios = {
        "energy_j": ("energy_j", "steps"), time: ("time_s", "steps"),
        "mean_power_w": ("energy_j", "time_s"),
    }  # fmt: skip
    if is_step:
        ratios |= {"j_per_token": ("energy_j", "tokens"), "tokens_per_j": ("tokens", "energy_j")}
    for quantity, (over, under) in ratios.items():
        estimate = costs.ratio(over, under)
        yield change_row(
            estimate, quantity, options, level=costs.key.level, name=costs.key.name,
            phase=costs.key.phase, subphase=costs.key.subphase, step_kind=row.kind,
            risk=row.weight,
        )  # fmt: skip
    yield change_row(
        costs.launches(), "n_kernels", options, level=costs.key.level, name=costs.key.name,
        phase=costs.key.phase, subphase=costs.key.subphase, step_kind=row.kind, risk=row.weight,
    )  # fmt: skip


def change_row(  # noqa: PLR0913 - a row of a table is made of this much
    estimate: Estimate,
    quantity: str,
    options: CompareOptions,
    *,
    level: str = RUN,
    name: str = RUN,
    phase: str | None = None,
    subphase: str | None = None,
    step_kind: str = ALL_STEPS,
    per: str = "step",
    risk: float = 1.0,
) -> dict[str, Any]:
    """Judge an estimate.

    Parameters
    ----------
    estimate : Estimate
    quantity : str
    options : CompareOptions
    level, name, phase, subphase, step_kind, per : str
        As in `CHANGE_ROW`.
    risk : float
        Share of the risk of a false alarm in its table.

    Returns
    -------
    dict
        A row of `CHANGE_ROW`.
    """
    base, delta = estimate.base, estimate.delta
    width = half_width(estimate, options.confidence_level)
    verdict: tuple[str | None, str | None] = (None, None)
    if quantity in LESS_IS_BETTER:
        verdict = judge(
            estimate, less_is_better=LESS_IS_BETTER[quantity], margin=options.margin,
            confidence_level=options.confidence_level, risk=risk,
        )  # fmt: skip
    low = None if delta is None or width is None else delta - width
    high = None if delta is None or width is None else delta + width
    return {
        "level": level,
        "step_kind": step_kind,
        "name": name,
        "phase": phase,
        "subphase": subphase,
        "quantity": quantity,
        "per": per,
        "base": base,
        "head": estimate.head,
        "delta": delta,
        "delta_lo": low,
        "delta_hi": high,
        **{
            f"{column}_share": value / abs(base) if value is not None and base else None
            for column, value in (("delta", delta), ("delta_lo", low), ("delta_hi", high))
        },
        "verdict": verdict[0],
        "reason": verdict[1],
    }
