"""Rows of two runs with their energies taken together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from traceenergy.comparison.costs import row_key
from traceenergy.comparison.likeness import Likeness
from traceenergy.comparison.model import ALL_STEPS
from traceenergy.comparison.tied_powers import tie_powers
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.costs import Cost, RowCosts, RowKey, Tables
    from traceenergy.comparison.kernel_match import Key
    from traceenergy.comparison.likeness import Alike
    from traceenergy.comparison.surroundings import Clocks

_TABLES = {
    "step_kind": "step_kinds", "phase": "phases", "subphase": "subphases", "layer": "layers",
    "kernel": "kernels",
}  # fmt: skip


@dataclass(frozen=True)
class Doubts:
    """What attribution may have got wrong, row by row, in both runs.

    Attributes
    ----------
    base, head : dict of RowKey to float
        Standard deviation of the error of a row's energy over all steps, over the energy.
    """

    base: dict[RowKey, float]
    head: dict[RowKey, float]


def doubts_of(base: Analysis, head: Analysis, renamed: dict[Key, Key]) -> Doubts:
    """Collect the intervals of all rows of two runs.

    Parameters
    ----------
    base, head : Analysis
    renamed : dict
        Keys of kernels of the base to those of the head.

    Returns
    -------
    Doubts
    """
    return Doubts(_error_shares(base, renamed), _error_shares(head, {}))


def take_together(tables: Tables, doubts: Doubts, clocks: Clocks) -> Tables:
    """Take the energies of two runs together, table by table.

    Parameters
    ----------
    tables : dict
        Rows by level and kind of steps.
    doubts : Doubts
    clocks : Clocks
        Of both runs, while they worked.

    Returns
    -------
    dict
        The same rows.

    Notes
    -----
    Attribution gives the error of a row over all steps. That of its steps of one kind is taken to
    be larger by the square root of all its energy over theirs, as where kinds err apart.
    """
    # A result may come without kernels.
    likeness = {ALL_STEPS: Likeness(clocks)}
    for (level, kind), rows in tables.items():
        if level == "kernel":
            likeness[kind] = Likeness(clocks)
            for row in rows:
                likeness[kind].add(row)
    found: Tables = {}
    for (level, kind), rows in tables.items():
        alike = [_likeness_of(row, kind, likeness).of_row(row) for row in rows]
        whole = {row.key: row for row in tables[level, ALL_STEPS]}
        found[level, kind] = _tied(rows, alike, doubts, [whole[row.key] for row in rows])
    return found


def _likeness_of(row: RowCosts, kind: str, likeness: dict[str, Likeness]) -> Likeness:
    own = row.key.name if row.key.level == "step_kind" else kind
    return likeness.get(own) or likeness[ALL_STEPS]


def _tied(
    rows: list[RowCosts], alike: Sequence[Alike], doubts: Doubts, whole: Sequence[RowCosts]
) -> list[RowCosts]:
    energies = np.array([row.per_step_sum("energy_j") for row in rows])
    if np.isnan(energies).any():
        nan = float("nan")
        return [replace(row, base_var=nan, head_var=nan, covariance=nan) for row in rows]
    errors = [
        [
            shares.get(row.key, 0.0) * _apart(row, of_all, run)
            for row, of_all in zip(rows, whole, strict=True)
        ]
        for run, shares in enumerate((doubts.base, doubts.head))
    ]
    together = tie_powers(
        energies[:, 0],
        energies[:, 1],
        np.array(errors[0]),
        np.array(errors[1]),
        np.array([one.ratio for one in alike]),
        np.array([one.looseness for one in alike]),
    )
    return [
        replace(
            row,
            base=_scaled(row.base, together.base[place]),
            head=_scaled(row.head, together.head[place]),
            base_var=together.base_var[place],
            head_var=together.head_var[place],
            covariance=together.covariance[place],
        )
        for place, row in enumerate(rows)
    ]


def _apart(row: RowCosts, whole: RowCosts, run: int) -> float:
    """Square root of the energy of all steps over that of the row's own steps, at least 1."""
    own_j, all_j = (
        sum(float(cost.energy_j.sum()) for cost in (one.base, one.head)[run].values())
        for one in (row, whole)
    )
    return float(np.sqrt(max(all_j / own_j, 1.0))) if own_j > 0 else 1.0


def _scaled(costs: dict[str, Cost], factor: float) -> dict[str, Cost]:
    return {kind: replace(cost, energy_j=cost.energy_j * factor) for kind, cost in costs.items()}


def _error_shares(run: Analysis, renamed: dict[Key, Key]) -> dict[RowKey, float]:
    quantile = float(ndtri(0.5 + run.confidence_level / 2))
    shares = {}
    for level, table in _TABLES.items():
        for row in getattr(run, table).iter_rows(named=True):
            # Modelled energy has no interval: watts of a file err alike in both runs.
            if row["energy_j"] and row["energy_lo_j"] is not None:
                half_j = (row["energy_hi_j"] - row["energy_lo_j"]) / 2
                shares[row_key(level, row, renamed)] = half_j / row["energy_j"] / quantile
    return shares
