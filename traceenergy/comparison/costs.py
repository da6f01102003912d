"""What each phase, layer or kernel costs in both runs, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.comparison.model import ALL_STEPS
from traceenergy.comparison.variation import Estimate, Sums, ratio_change
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.kernel_match import Key

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class RowKey:
    """What a row of a comparison is about.

    Attributes
    ----------
    level
        step_kind, phase, subphase, layer or kernel.
    name
        As the head names it.
    phase, subphase
        Of a kernel; None else.
    """

    level: str
    name: str
    phase: str | None = None
    subphase: str | None = None


@dataclass(frozen=True)
class Cost:
    """What a row costs in one run, over blocks of steps of one kind.

    Attributes
    ----------
    steps : ndarray of float64 (n_blocks,)
    energy_j, time_s : ndarray of float64 (n_blocks,)
        NaN where not known.
    tokens : ndarray of float64 (n_blocks,) or None
    n_kernels, grid_blocks
        In all blocks; of thread blocks 0 where they are not known.
    """

    steps: Float
    energy_j: Float
    time_s: Float
    tokens: Float | None
    n_kernels: float
    grid_blocks: float = 0.0

    @property
    def n_steps(self) -> float:
        """Steps of all blocks."""
        return float(self.steps.sum())


@dataclass(frozen=True)
class RowCosts:
    """What a row costs in both runs, by kind of step.

    Attributes
    ----------
    key : RowKey
    base, head : dict of str to Cost
        The same kinds in both; a cost of nothing where the row does not occur.
    base_var, head_var, covariance
        Of what attribution may have got wrong, over the energy of base, of head, of both; NaN
        where nothing tells it.
    meter_share
        Standard deviation of what meters alone make energies differ by, over the energy.
    """

    key: RowKey
    base: dict[str, Cost]
    head: dict[str, Cost]
    base_var: float = 0.0
    head_var: float = 0.0
    covariance: float = 0.0
    meter_share: float = 0.0

    def of_kind(self, kind: str) -> RowCosts:
        """Keep one kind of steps."""
        return replace(self, base={kind: self.base[kind]}, head={kind: self.head[kind]})

    def ratio(self, over: str, under: str) -> Estimate:
        """Compare a ratio of two sums; the head's steps are mixed as the base's.

        Parameters
        ----------
        over, under : str
            Names of sums of a `Cost`.

        Returns
        -------
        Estimate
            With what attribution may have got wrong, where energy is in it.
        """
        base, head = [], []
        for kind, of_base in self.base.items():
            of_head = self.head[kind]
            base.append(_sums(of_base, over, under))
            head.append(_sums(of_head, over, under).scaled(of_base.n_steps / of_head.n_steps))
        found = ratio_change(base, head)
        return self._with_attribution(found) if "energy_j" in {over, under} else found

    def per_step_sum(self, name: str) -> tuple[float, float]:
        """Divide a sum by the steps of base, head, mixed as in the base; NaN where not known."""
        n_steps = sum(cost.n_steps for cost in self.base.values())
        base = sum(_total(cost, name) for cost in self.base.values()) / n_steps
        head = sum(
            _total(cost, name) * self.base[kind].n_steps / cost.n_steps
            for kind, cost in self.head.items()
        )
        return base, head / n_steps

    def launches(self) -> Estimate:
        """Compare pieces of GPU work per step; how they vary is not kept."""
        return Estimate(*self.per_step_sum("n_kernels"))

    def _with_attribution(self, found: Estimate) -> Estimate:
        base, head = found.base or 0.0, found.head or 0.0
        variance = base**2 * self.base_var + head**2 * self.head_var
        variance -= 2 * base * head * self.covariance
        variance += (self.meter_share * max(base, head)) ** 2
        return found.with_variance(None if np.isnan(variance) else max(variance, 0.0))


Tables = dict[tuple[str, str], list[RowCosts]]


def _total(cost: Cost, name: str) -> float:
    value = getattr(cost, name)
    return float(np.sum(value))


def _sums(cost: Cost, over: str, under: str) -> Sums:
    nothing = np.full(len(cost.steps), np.nan)
    arrays = [getattr(cost, name) for name in (over, under)]
    above, below = (nothing if array is None else array for array in arrays)
    return Sums(above, below, cost.steps)


def common_kinds(base: Analysis, head: Analysis) -> list[str]:
    """List kinds of steps that both runs have, as the base orders them."""
    theirs = _kinds(head)
    return [kind for kind in _kinds(base) if kind in theirs]


def _kinds(run: Analysis) -> list[str]:
    kinds = run.step_costs["step_kind"].unique(maintain_order=True).to_list()
    # A file may say that what has costs has no step.
    none = run.step_costs.filter(pl.col("block_steps").list.sum() <= 0)["step_kind"].to_list()
    return [kind for kind in kinds if kind not in none]


def row_costs(
    base: Analysis,
    head: Analysis,
    kinds: list[str],
    renamed: dict[Key, Key],
    meter_share: float = 0.0,
) -> Tables:
    """Set the rows of both runs side by side.

    Parameters
    ----------
    base, head : Analysis
    kinds : list of str
        Of steps that both have.
    renamed : dict
        Keys of kernels of the base to those of the head.
    meter_share : float
        As in `RowCosts`.

    Returns
    -------
    dict
        Rows by level and kind of steps, or `ALL_STEPS`. Where there is one kind, it is all, and is
        not told twice.
    """
    left, right = _by_key(base, kinds, renamed), _by_key(head, kinds, {})
    whole_b, whole_h = (
        {kind: costs[RowKey("step_kind", kind)][kind].steps for kind in kinds}
        for costs in (left, right)
    )
    tables: Tables = {}
    for key in {**left, **right}:
        mine, theirs = left.get(key, {}), right.get(key, {})
        # A mean over all steps counts those in which a row does not occur.
        there = [key.name] if key.level == "step_kind" else kinds
        row = RowCosts(
            key,
            {kind: mine.get(kind) or _nothing(whole_b[kind]) for kind in there},
            {kind: theirs.get(kind) or _nothing(whole_h[kind]) for kind in there},
            meter_share=meter_share,
        )
        tables.setdefault((key.level, ALL_STEPS), []).append(row)
        if key.level != "step_kind" and len(kinds) > 1:
            for kind in kinds:
                if kind in mine or kind in theirs:
                    tables.setdefault((key.level, kind), []).append(row.of_kind(kind))
    return tables


def whole_steps(base: Analysis, head: Analysis, kinds: list[str]) -> RowCosts:
    """Set all steps of both runs side by side, as one row."""
    sides = [
        {kind: costs[RowKey("step_kind", kind)][kind] for kind in kinds}
        for costs in (_by_key(run, kinds, {}) for run in (base, head))
    ]
    return RowCosts(RowKey("step_kind", ALL_STEPS), sides[0], sides[1])


def _nothing(steps: Float) -> Cost:
    zero = np.zeros(len(steps))
    return Cost(steps, zero, zero, None, 0.0)


def _by_key(
    run: Analysis, kinds: list[str], renamed: dict[Key, Key]
) -> dict[RowKey, dict[str, Cost]]:
    found: dict[RowKey, dict[str, Cost]] = {}
    for row in run.step_costs.iter_rows(named=True):
        if row["step_kind"] in kinds:
            steps = np.array(row["block_steps"], dtype=np.float64)
            cost = Cost(
                steps,
                _array(row["block_energy_j"], len(steps)),
                _array(row["block_time_s"], len(steps)),
                None if row["block_tokens"] is None else np.array(row["block_tokens"]),
                row["n_kernels"],
                row["grid_blocks"] or 0.0,
            )
            found.setdefault(row_key(row["level"], row, renamed), {})[row["step_kind"]] = cost
    return found


def _array(values: list[float] | None, n: int) -> Float:
    return np.full(n, np.nan) if values is None else np.array(values, dtype=np.float64)


def row_key(level: str, row: dict[str, Any], renamed: dict[Key, Key]) -> RowKey:
    """Say what a row of a table is about, by the names of the head.

    Parameters
    ----------
    level : str
    row : dict
        With `name`; of a kernel also `phase`, `subphase`.
    renamed : dict
        Keys of kernels to those of the head.

    Returns
    -------
    RowKey
    """
    if level != "kernel":
        return RowKey(level, row["name"])
    name, subphase = renamed.get((row["name"], row["subphase"]), (row["name"], row["subphase"]))
    return RowKey(level, name, row["phase"], subphase)
