"""The Comparison: what changed between two runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.errors import UsageError
from traceenergy.notebook import ShownInNotebooks
from traceenergy.records import dataclass
from traceenergy.trace.tables import Column

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

BETTER, WORSE, SAME, UNDECIDED = "better", "worse", "same", "undecided"
VERDICTS = (BETTER, WORSE, SAME, UNDECIDED)
PASSED, FAILED = "passed", "failed"
RUN, ALL_STEPS = "run", "all"
USUAL_MARGIN = 0.01

CHANGE_ROW = (
    Column("level", pl.String, "", "run, step_kind, phase, subphase, layer or kernel"),
    Column("step_kind", pl.String, "", "kind of the steps; `all` for all, mixed as in the base"),
    Column("name", pl.String, "", "what is compared, as the head names it"),
    Column("phase", pl.String, "", "first-level phase", "not a kernel"),
    Column("subphase", pl.String, "", "second-level phase", "not a kernel"),
    Column("quantity", pl.String, "", "energy_j, elapsed_s, work_s, mean_power_w, ..."),
    Column("per", pl.String, "", "what a value is of: `run`, or a mean `step`"),
    Column("base", pl.Float64, "", "value of the base", "not there, or not known"),
    Column("head", pl.Float64, "", "value of the head", "not there, or not known"),
    Column("delta", pl.Float64, "", "head minus base", "one of them is not known"),
    Column("delta_lo", pl.Float64, "", "lower bound of the difference", "no variation is known"),
    Column("delta_hi", pl.Float64, "", "upper bound of the difference", "as delta_lo"),
    Column("delta_share", pl.Float64, "", "difference over the base", "as delta, or a base of 0"),
    Column("delta_lo_share", pl.Float64, "", "lower bound over the base", "as delta_lo"),
    Column("delta_hi_share", pl.Float64, "", "upper bound over the base", "as delta_lo"),
    Column(
        "verdict", pl.String, "", "better, worse, same or undecided",
        "neither more nor less of it is better",
    ),
    Column("reason", pl.String, "", "why nothing is decided", "something is"),
)  # fmt: skip

PART_ROW = (
    Column("level", pl.String, "", "run, step_kind, phase, subphase, layer or kernel"),
    Column("step_kind", pl.String, "", "as in the changes"),
    Column("name", pl.String, "", "as in the changes"),
    Column("phase", pl.String, "", "first-level phase", "not a kernel"),
    Column("per", pl.String, "", "what energies are of: `run`, or a mean `step`"),
    Column("delta_j", pl.Float64, "J", "difference of energy; the four parts sum to it"),
    Column("count_j", pl.Float64, "J", "by more or fewer pieces of work"),
    Column("time_j", pl.Float64, "J", "by longer or shorter pieces"),
    Column("power_j", pl.Float64, "J", "by more or less power while they run"),
    Column("idle_j", pl.Float64, "J", "of time without GPU work, or of nothing; runs only"),
)

KERNEL_MATCH_ROW = (
    Column("status", pl.String, "", "matched, renamed, appeared or vanished"),
    Column("phase", pl.String, "", "first-level phase"),
    Column("subphase", pl.String, "", "second-level phase"),
    Column("base_name", pl.String, "", "short name in the base", "appeared"),
    Column("head_name", pl.String, "", "short name in the head", "vanished"),
    Column("base_energy_j", pl.Float64, "J", "in the base, per step or run", "appeared, unknown"),
    Column("head_energy_j", pl.Float64, "J", "in the head, likewise", "vanished, unknown"),
    Column("base_per_step", pl.Float64, "", "launches, per step or run", "appeared"),
    Column("head_per_step", pl.Float64, "", "launches, per step or run", "vanished"),
    Column("base_mean_us", pl.Float64, "us", "mean time of one", "appeared"),
    Column("head_mean_us", pl.Float64, "us", "mean time of one", "vanished"),
    Column("base_mean_power_w", pl.Float64, "W", "while it runs", "appeared, unknown"),
    Column("head_mean_power_w", pl.Float64, "W", "while it runs", "vanished, unknown"),
)


@dataclass(frozen=True)
class CompareOptions:
    """What a user may ask of a comparison.

    Attributes
    ----------
    confidence_level
        Of intervals and verdicts.
    margin
        Differences within this share of the base are the same, as far as anyone cares.
    force
        Compare runs that should not be.
    kernel_pairs
        Names of kernels in base, head that are one, whatever they look like.
    fail_on
        Gates: limits such as `energy > 2%`, in the language of docs/gate.md.
    """

    confidence_level: float = 0.9
    margin: float = USUAL_MARGIN
    force: bool = False
    kernel_pairs: tuple[tuple[str, str], ...] = ()
    fail_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if not 0 < self.confidence_level < 1:
            raise UsageError(
                f"confidence must lie between 0 and 1, got {self.confidence_level}",
                next_step="pass a share such as 0.9",
            )
        if not 0 <= self.margin < 1:
            raise UsageError(
                f"margin must lie between 0 and 1, got {self.margin}",
                next_step="pass a share of the base such as 0.01",
            )
        if self.fail_on:
            from traceenergy.comparison.gate_grammar import parse_gate  # noqa: PLC0415 - a parser

            for expression in self.fail_on:
                parse_gate(expression)

    def record(self) -> dict[str, Any]:
        """Name every option in effect."""
        return asdict(self)


@dataclass(frozen=True)
class Mark:
    """Something that makes two runs hard to compare, or explains how they differ.

    Attributes
    ----------
    slug, text
        Stable name; one sentence with the numbers.
    refuses
        Whether a comparison is refused for it, unless it is forced.
    """

    slug: str
    text: str
    refuses: bool = False


@dataclass(frozen=True)
class GateResult:
    """Whether a change stays within a limit that was asked for.

    Attributes
    ----------
    expression
        The gate as it was written.
    outcome
        passed, failed or undecided.
    text
        One sentence with the numbers.
    level, step_kind, name, quantity
        Of the row of the changes that it is about.
    unit
        Of the numbers below: `%` of the base, else J, s, W or what the quantity is counted in.
    limit
        The change may not be beyond it.
    delta, delta_lo, delta_hi
        Change from base to head with its interval; None where not known.
    """

    expression: str
    outcome: str
    text: str
    level: str
    step_kind: str
    name: str
    quantity: str
    unit: str
    limit: float
    delta: float | None
    delta_lo: float | None
    delta_hi: float | None


@dataclass(frozen=True)
class Comparison(ShownInNotebooks):
    """What changed from a base to a head.

    Attributes
    ----------
    base, head
        The runs.
    options
        In effect.
    per
        What values of the level `run` are of: the whole `run`, or a mean `step`.
    verdict
        Of the energy of the run: better, worse, same or undecided.
    changes, parts, kernels
        `CHANGE_ROW`; `PART_ROW`; `KERNEL_MATCH_ROW`.
    explanations
        What differs around the runs and may explain the result, most telling first.
    marks
        What makes them hard to compare.
    gates
        Limits that were asked for, in the order asked; none without them.
    """

    base: Analysis
    head: Analysis
    options: CompareOptions
    per: str
    verdict: str
    changes: pl.DataFrame
    parts: pl.DataFrame
    kernels: pl.DataFrame
    explanations: tuple[Mark, ...]
    marks: tuple[Mark, ...]
    gates: tuple[GateResult, ...] = ()

    def change(self, quantity: str, level: str = RUN, name: str | None = None) -> dict[str, Any]:
        """Return one row of the changes, over all steps.

        Parameters
        ----------
        quantity : str
        level : str
        name : str, optional
            Needed below the level `run`.

        Returns
        -------
        dict

        Raises
        ------
        UsageError
            If there is no such row.
        """
        of_step = name if level == "step_kind" else ALL_STEPS
        rows = self.changes.filter(
            level=level, name=name or RUN, quantity=quantity, step_kind=of_step
        )
        if not len(rows):
            known = self.changes.filter(level=level)["name"].unique().sort().to_list()
            raise UsageError(
                f"no {quantity} of {level} {name or ''} in both runs".replace("  ", " "),
                details=f"known: {', '.join(known[:20])}",
                next_step="name one of those",
            )
        return rows.row(0, named=True)
