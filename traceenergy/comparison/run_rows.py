"""Rows of changes of whole runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from traceenergy.comparison.rows import change_row
from traceenergy.comparison.variation import Estimate
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.costs import RowCosts
    from traceenergy.comparison.model import CompareOptions

PER_RUN, PER_STEP = "run", "step"
# Of a value that lies as likely anywhere between two bounds.
_SQUARED_WIDTH_PER_VARIANCE = 12.0


@dataclass(frozen=True)
class WholeRuns:
    """Two runs with what their steps cost together.

    Attributes
    ----------
    base, head : Analysis
    steps : RowCosts or None
        All steps; None where none are known in both.
    per
        What values are of: the whole `run` where both have the same steps, else a mean `step`.
    meter_share
        Standard deviation of what meters alone make energies differ by, over the energy.
    """

    base: Analysis
    head: Analysis
    steps: RowCosts | None
    per: str
    meter_share: float

    @property
    def n_steps(self) -> tuple[float, float]:
        """Steps that values are divided by, in base and head; 1 where they are of the run."""
        if self.steps is None or self.per == PER_RUN:
            return 1.0, 1.0
        return self.all_steps

    @property
    def all_steps(self) -> tuple[float, float]:
        """Steps of kinds that both have, in base and head."""
        sides = (self.steps.base, self.steps.head) if self.steps is not None else ({}, {})
        base, head = (sum(cost.n_steps for cost in side.values()) for side in sides)
        return base, head

    def estimate(self, whole: str) -> Estimate:
        """Compare a sum over the whole run.

        Parameters
        ----------
        whole : str
            energy_j, kernel_j or elapsed_s.

        Returns
        -------
        Estimate
            Of energy with what meters and repetition may differ by.
        """
        base, head = _whole(self.base, whole), _whole(self.head, whole)
        if base is None or head is None:
            return Estimate(base, head)
        found = self._mixed("time_s" if whole == "elapsed_s" else "energy_j", base, head)
        return found if whole == "elapsed_s" else self._metered(found)

    def _mixed(self, over: str, base: float, head: float) -> Estimate:
        """Exchange the steps of the head for as many mixed as in the base; keep what is between."""
        if self.steps is None:
            return Estimate(base, head)
        n_base, n_head = self.all_steps
        of_step = self.steps.ratio(over, "steps")
        if of_step.base is None or of_step.head is None:
            return Estimate(base / n_base, head / n_head)
        own_head = sum(float(getattr(cost, over).sum()) for cost in self.steps.head.values())
        mixed = of_step.head + (head - own_head) / n_head
        found = replace(of_step, base=base / n_base, head=mixed)
        return found.times(n_base, n_base) if self.per == PER_RUN else found

    def _metered(self, found: Estimate) -> Estimate:
        return found.with_variance(
            (self.meter_share * max(abs(found.base or 0.0), abs(found.head or 0.0))) ** 2
        )

    def rows(self, options: CompareOptions) -> Iterator[dict[str, Any]]:
        """List what changed of the runs (`CHANGE_ROW`)."""
        energy, elapsed = self.estimate("energy_j"), self.estimate("elapsed_s")
        sums = {"energy_j": energy, "elapsed_s": elapsed, "kernel_j": self.estimate("kernel_j")}
        for quantity, estimate in sums.items():
            yield change_row(estimate, quantity, options, per=self.per)
        gaps = [run.energy.idle_gap_j for run in (self.base, self.head)]
        gap = Estimate(_over(gaps[0], self.n_steps[0]), _over(gaps[1], self.n_steps[1]))
        yield change_row(gap, "idle_gap_j", options, per=self.per)
        power = _quotient(energy, elapsed)
        yield change_row(power, "mean_power_w", options, per=self.per)
        yield from self._token_rows(options)
        yield from self._response_rows(energy, options)

    def _token_rows(self, options: CompareOptions) -> Iterator[dict[str, Any]]:
        per_j = Estimate(self.base.energy.tokens_per_j, self.head.energy.tokens_per_j)
        if per_j.delta is None:
            return
        told = None if self.steps is None else self.steps.ratio("tokens", "energy_j")
        if told is not None and told.variance is not None:
            per_j = self._metered(replace(per_j, variance=told.variance, degrees=told.degrees))
        yield change_row(per_j, "tokens_per_j", options, per=self.per)
        per_token = _quotient(Estimate(1.0, 1.0, 0.0), per_j)
        yield change_row(per_token, "j_per_token", options, per=self.per)

    def _response_rows(self, energy: Estimate, options: CompareOptions) -> Iterator[dict[str, Any]]:
        """Compare energies per response, as sure as the energy, and as bounds of responses say."""
        told = [run.serving.to_dicts()[:1] for run in (self.base, self.head)]
        sides = [row["j_per_response"] for rows in told for row in rows]
        if len(sides) < len(told) or None in sides:
            return
        base_j, head_j = sides
        found = Estimate(base_j, head_j)
        if energy.variance is not None and energy.base:
            scale = max(base_j, head_j) / energy.base
            found = replace(found, variance=energy.variance * scale**2, degrees=energy.degrees)
        for (row,) in told:
            low, high = row["j_per_response_lo"], row["j_per_response_hi"]
            is_open = low is None or high is None
            more = None if is_open else (high - low) ** 2 / _SQUARED_WIDTH_PER_VARIANCE
            found = found.with_variance(more)
        yield change_row(found, "j_per_response", options, per=self.per)


def _whole(run: Analysis, name: str) -> float | None:
    if name == "elapsed_s":
        return run.window.elapsed_ns * S_PER_NS
    return run.energy.kernel_j if name == "kernel_j" else run.energy.total_j


def _over(value: float | None, n: float) -> float | None:
    return None if value is None else value / n


def _quotient(over: Estimate, under: Estimate) -> Estimate:
    """Divide two estimates; variances as those of relative changes, which add."""
    if over.delta is None or under.delta is None or not (under.base and under.head):
        return Estimate(_divided(over.base, under.base), _divided(over.head, under.head))
    found = Estimate(_divided(over.base, under.base), _divided(over.head, under.head))
    if over.variance is None or under.variance is None or not over.base:
        return found
    share = over.variance / over.base**2 + under.variance / under.base**2
    scale = max(abs(found.base or 0.0), abs(found.head or 0.0))
    return replace(found, variance=share * scale**2, degrees=min(over.degrees, under.degrees))


def _divided(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under
