"""All GPU work of a simulated run with its launches, on the trace clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.calibration import (
    IDLE_BEFORE_NS,
    Entry,
    Stretch,
    entries_of,
    lay_out_stretch,
    with_typical,
)
from traceenergy.simulate.catalog import FEATURES
from traceenergy.simulate.chance import CLOCK, STEP_POWER, TIMELINE, stream
from traceenergy.simulate.changes import at_clock
from traceenergy.simulate.clock import ClockPath, steady_clock, wandering_clock
from traceenergy.simulate.graphs import GraphPlan, plan_graphs
from traceenergy.simulate.loop import (
    FIRST_CORRELATION,
    FIRST_STEP_NS,
    Loop,
    lay_out_loop,
    plan_loop,
)
from traceenergy.simulate.names import choose_names, list_names
from traceenergy.simulate.template import ALL_KINDS, Template, model_of
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.cost import Cost
    from traceenergy.simulate.options import Options
    from traceenergy.simulate.plan import Plan
    from traceenergy.simulate.target import Board

# Clocks are known from before the first work until after the last.
_CLOCK_MARGIN_NS = 5 * NS_PER_S


@dataclass(frozen=True)
class Timeline:
    """A run on the trace clock.

    Attributes
    ----------
    work : polars.DataFrame
        `device, step, kind, slot, class_id, layer, stream, start_ns, end_ns, call, dynamic_w,
        blocks, correlation_id, name`, sorted by (start_ns, device). `layer` is null outside of
        layers, `name` a row of `names`.
        In the calibration stretch `kind` is "calibration", `slot` the number in `calibrated`,
        `step` a row of `cost` behind those of the steps.
    calls : polars.DataFrame
        `call, device, step, kind, slot, start_ns, end_ns, api, correlation_id`, sorted by
        (start_ns, device). `slot` is null for waits and -1 for graph launches.
    steps : polars.DataFrame
        `step, kind, ctx_requests, gen_requests, start_ns, end_ns`, one row a step.
    names : polars.DataFrame
        As from `names.list_names`.
    templates : dict of str to Template
        By kind of step.
    step_text
        NVTX range of a step, as in `template.Model`.
    graphs : GraphPlan or None
        Which graph each step replays; None for none.
    cost : Cost
        Of each class in each step.
    calibrated : tuple of Entry
        What the calibration stretch repeats; empty without one.
    clocks : tuple of ClockPath
        By device.
    """

    work: pl.DataFrame
    calls: pl.DataFrame
    steps: pl.DataFrame
    names: pl.DataFrame
    templates: dict[str, Template]
    step_text: str
    graphs: GraphPlan | None
    cost: Cost
    calibrated: tuple[Entry, ...]
    clocks: tuple[ClockPath, ...]


def lay_out(options: Options, board: Board, rng: np.random.Generator) -> Timeline:
    """Run the model on paper.

    Parameters
    ----------
    options : Options
        What to run, for how long.
    board : Board
        On what.
    rng : numpy.random.Generator
        For everything that varies in the loop; what options add has streams of its own. With a
        seed of noise, for the program alone.

    Returns
    -------
    Timeline
    """
    model = model_of(options)
    templates = model.templates
    seeds = rng.integers(2**63, size=3)
    plan, cost = plan_loop(options, board, templates, seeds)
    entries = entries_of(plan, templates) if options.calibration_s else ()
    if options.noise_seed is not None:
        rng = stream(options.noise_seed, TIMELINE)
    if entries:
        cost = with_typical(cost, plan, model.class_ids, options)
    cost = _with_step_power(cost, len(plan.kind), options)
    if options.calibration_only:
        # One step, for its columns.
        loop = lay_out_loop(options, plan.first(1), cost, templates, rng)
        loop = Loop(loop.work.clear(), loop.calls.clear(), loop.steps.clear())
    else:
        loop = lay_out_loop(options, plan, cost, templates, rng)
    if entries:
        last_ns = loop.work.select(pl.col("end_ns").max()).item()
        first_ns = FIRST_STEP_NS if last_ns is None else last_ns + IDLE_BEFORE_NS
        loop = _followed(loop, lay_out_stretch(entries, cost, options, first_ns))
    work, clocks = _clocked(loop.work, options, board)
    work = work.sort("start_ns", "device", "slot")
    calls = loop.calls.sort("start_ns", "device", "call")
    graphs = plan_graphs(options, plan)
    names = list_names(model.class_ids)
    tokens = _tokens(plan, graphs, work["step"].to_numpy())
    name = choose_names(names, work["class_id"].to_numpy(), tokens)
    return Timeline(
        work=work.with_columns(name=name),
        calls=calls,
        steps=loop.steps,
        names=names,
        templates=templates,
        step_text=model.step_text,
        graphs=graphs,
        cost=cost,
        calibrated=entries,
        clocks=clocks,
    )


def _tokens(plan: Plan, graphs: GraphPlan | None, step: NDArray[np.int64]) -> NDArray[np.int64]:
    tokens = plan.features[:, FEATURES.index("tokens")].astype(np.int64)
    if graphs is not None:
        # A graph always launches what it was captured with.
        tokens = np.where(plan.kind == ALL_KINDS.index("decode"), graphs.tokens(tokens), tokens)
    # What is repeated alone, behind the steps, has its usual name.
    return np.append(tokens, 0)[np.minimum(step, len(tokens))]


def _with_step_power(cost: Cost, n_steps: int, options: Options) -> Cost:
    if not options.step_power_spread:
        return cost
    rng = stream(options.recording_seed, STEP_POWER)
    factor = np.ones((len(cost.dynamic_w), 1))
    factor[:n_steps] = np.exp(rng.normal(0.0, options.step_power_spread, (n_steps, 1)))
    return replace(cost, dynamic_w=cost.dynamic_w * factor)


def _followed(loop: Loop, stretch: Stretch) -> Loop:
    call, correlation = loop.calls.select(
        pl.col("call", "correlation_id").max().fill_null(FIRST_CORRELATION) + 1
    ).row(0)
    work, calls = (
        pl.concat(
            [
                before,
                after.with_columns(
                    pl.col("call") + call, pl.col("correlation_id") + correlation
                ).select(pl.col(name).cast(kind) for name, kind in before.schema.items()),
            ]
        )
        for before, after in ((loop.work, stretch.work), (loop.calls, stretch.calls))
    )
    return Loop(work, calls, loop.steps)


def _clocked(
    work: pl.DataFrame, options: Options, board: Board
) -> tuple[pl.DataFrame, tuple[ClockPath, ...]]:
    board = at_clock(board, options.clock)
    if not options.clock_spread:
        return work, (steady_clock(board),) * options.gpus
    first_ns, last_ns = work.select(pl.col("start_ns").min(), pl.col("end_ns").max()).row(0)
    span_ns = first_ns - _CLOCK_MARGIN_NS, last_ns + _CLOCK_MARGIN_NS
    clocks, factor = [], np.ones(len(work))
    for device in range(options.gpus):
        rng = stream(options.recording_seed, CLOCK, device)
        clock = wandering_clock(board, span_ns, options.clock_spread, rng)
        mine = (work["device"] == device).to_numpy()
        factor[mine] = clock.power_factor(work["start_ns"].to_numpy()[mine])
        clocks.append(clock)
    return work.with_columns(pl.col("dynamic_w") * pl.Series(factor)), tuple(clocks)
