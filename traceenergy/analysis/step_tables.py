"""The table of steps with their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.step_facts import describe_steps
from traceenergy.analysis.step_tokens import counted_steps, doubt_tokens, tokens_of_steps
from traceenergy.analysis.tables import step_rows
from traceenergy.caveats import Caveat
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.analyze import AttributedRun
    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.trace.model import Trace

# Above this share of the busy time, work in no step spoils energy per token.
OUTSIDE_STEPS_SHARE = 0.05


@dataclass(frozen=True)
class StepTables:
    """What is known of the steps in the window.

    Attributes
    ----------
    steps
        `STEP_ROW`.
    tokens
        Of all steps; None if not known.
    caveats : tuple of Caveat
    """

    steps: pl.DataFrame
    tokens: int | None
    caveats: tuple[Caveat, ...]


def step_tables(
    trace: Trace, options: AnalysisOptions, run: AttributedRun, critical: Critical
) -> StepTables:
    """Describe the steps of a run, and sum its energy by them.

    Parameters
    ----------
    trace : Trace
    options : AnalysisOptions
    run : AttributedRun
    critical : Critical
        Path of its window.

    Returns
    -------
    StepTables

    Raises
    ------
    TraceEnergyError
        If a table of tokens cannot be read, or is wrong.
    """
    ledger, labels, steps = run.ledger, run.labels, run.steps
    work = ledger.work.select(
        pl.Series("step", steps.of_work[ledger.trace_index]),
        labels.phase.alias("phase"),
        labels.subphase.alias("subphase"),
        "full_name_id",
        "grid_blocks",
        busy_ns=pl.col("end_ns") - pl.col("start_ns"),
    )
    facts = describe_steps(steps, run.step_patterns, work, trace.names, run.rules)
    asked = options.tokens_per_step
    tokens = tokens_of_steps(steps, facts, asked)
    counts = counted_steps(steps, trace.gpu_work, run.window, options.skip_steps)
    facts = facts.with_columns(pl.when(pl.Series(counts)).then(tokens).alias("tokens"))
    rows = step_rows(ledger, labels, steps, facts, critical)
    known = rows["tokens"].drop_nulls()
    return StepTables(
        steps=rows,
        tokens=int(known.sum()) if len(known) else None,
        caveats=(*_doubt_steps(rows, options), *doubt_tokens(rows, facts, asked)),
    )


def _doubt_steps(rows: pl.DataFrame, options: AnalysisOptions) -> list[Caveat]:
    if len(rows) == 0:
        text = (
            "tokens per step were given, but no range with GPU work is known to be a step; pass "
            "--steps REGEX that matches their text"
        )
        return [Caveat("no-steps", text)] if options.tokens_per_step is not None else []
    outside_s = float(rows.filter(pl.col("step").is_null())["busy_s"].sum())
    outside = outside_s / max(float(rows["busy_s"].sum()), 1e-12)
    if rows["tokens"].null_count() == len(rows) or outside <= OUTSIDE_STEPS_SHARE:
        return []
    text = (
        f"{outside:.0%} of the busy time belongs to no step; energy per token counts it, "
        "tokens do not: choose a window of whole steps"
    )
    return [Caveat("work-outside-steps", text)]
