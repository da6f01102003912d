"""GPU work of the model's loop with its launches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.changes import at_clock, with_changes, with_clock
from traceenergy.simulate.cost import Cost, cost_of
from traceenergy.simulate.plan import (
    DEFAULT_STEPS,
    Plan,
    plan_steps,
    steps_for_kernels,
    steps_for_seconds,
)
from traceenergy.simulate.power_law import PowerLaw
from traceenergy.simulate.schedule import (
    API_US,
    HOST_US,
    PREPARE_US,
    SYNC_API,
    Schedule,
    schedule_steps,
)
from traceenergy.simulate.template import (
    ALL_KINDS,
    CLASS_KEYS,
    MAIN_STREAM,
    SIDE_STREAM,
    Template,
)
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options
    from traceenergy.simulate.target import Board

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

FIRST_STEP_NS = 3 * NS_PER_S
STEP_GAP_US = (300.0, 2000.0)
# On durations; those of power are options.
INSTANCE_SPREAD, STEP_SPREAD = 0.03, 0.01
FIRST_CORRELATION = 20_000
TENSOR_GROUP = 8
_PROBE_STEPS = 64


@dataclass(frozen=True)
class Loop:
    """What the loop does; columns as in `timeline.Timeline`.

    Attributes
    ----------
    work, calls, steps : polars.DataFrame
        Without order.
    """

    work: pl.DataFrame
    calls: pl.DataFrame
    steps: pl.DataFrame


@dataclass(frozen=True)
class _Block:
    """All steps of one kind.

    Attributes
    ----------
    kind, template
        Which kind.
    steps : ndarray of int64 (n_steps,)
        Their numbers.
    schedule
        Times from the start of each step.
    """

    kind: str
    template: Template
    steps: Int
    schedule: Schedule


def lay_out_loop(
    options: Options,
    plan: Plan,
    cost: Cost,
    templates: dict[str, Template],
    rng: np.random.Generator,
) -> Loop:
    """Run all steps on paper.

    Parameters
    ----------
    options : Options
        What to run.
    plan : Plan
        Load of every step.
    cost : Cost
        Of each class in each step.
    templates : dict of str to Template
        By kind of step.
    rng : numpy.random.Generator
        For everything that varies.

    Returns
    -------
    Loop
    """
    blocks = []
    for kind, name in enumerate(ALL_KINDS):
        steps = np.flatnonzero(plan.kind == kind)
        if len(steps):
            graphs = options.cuda_graphs and name == "decode"
            alone_us = cost.duration_us[steps][:, templates[name].class_id]
            schedule = _schedule(
                templates[name], alone_us, options.gpus, rng, graphs=graphs, waits=options.waits
            )
            blocks.append(_Block(name, templates[name], steps, schedule))
    start_ns, length_ns = _step_times(len(plan.kind), blocks, options, rng)
    calls, work = _flatten(blocks, start_ns, cost, options.instance_spread, rng)
    if options.kernels is not None:
        work, calls = _cut(work, calls, options)
    steps_frame = pl.DataFrame(
        {
            "step": np.arange(len(plan.kind)),
            "kind": [ALL_KINDS[kind] for kind in plan.kind],
            "ctx_requests": plan.ctx_requests,
            "gen_requests": plan.gen_requests,
            "start_ns": start_ns,
            "end_ns": start_ns + length_ns,
        }
    )
    return Loop(work, calls, steps_frame)


def plan_loop(
    options: Options, board: Board, templates: dict[str, Template], seeds: NDArray[np.int64]
) -> tuple[Plan, Cost]:
    """Decide on all steps, on their cost.

    Parameters
    ----------
    options : Options
        What to run, for how long.
    board : Board
        On what.
    templates : dict of str to Template
        By kind of step.
    seeds : ndarray of int64 (n,)
        The first for the load, the second for the factors of the classes.

    Returns
    -------
    plan : Plan
    cost : Cost
    """
    if options.kernels is not None:
        per_gpu = options.kernels // options.gpus
        fewest = min(_kernels_in(template) for template in templates.values())
        long = _plan(options, per_gpu // fewest + 1, seeds)
        by_kind = np.array([_kernels_in(templates.get(name)) for name in ALL_KINDS])
        plan = long.first(steps_for_kernels(by_kind[long.kind], per_gpu))
    elif options.seconds is None:
        plan = _plan(options, options.steps or DEFAULT_STEPS, seeds)
    else:
        probe = _plan(options, _PROBE_STEPS, seeds)
        step_s = _expected_s(probe, _cost(probe, options, board, seeds), templates, options)
        plan = _plan(options, steps_for_seconds(step_s, options.seconds), seeds)
    return plan, _changed_cost(plan, options, board, seeds)


def _plan(options: Options, n_steps: int, seeds: NDArray[np.int64]) -> Plan:
    return plan_steps(options, n_steps, np.random.default_rng(seeds[0]))


def _cost(plan: Plan, options: Options, board: Board, seeds: NDArray[np.int64]) -> Cost:
    law = PowerLaw(options.power_law, options.class_spread, options.seed)
    rng = np.random.default_rng(seeds[1])
    return cost_of(plan.features, board, options.stretch, rng, law)


def _changed_cost(plan: Plan, options: Options, board: Board, seeds: NDArray[np.int64]) -> Cost:
    # Plans are made for the unchanged program: one that is changed runs the same steps.
    cost = _cost(plan, options, board, seeds)
    if options.clock != 1.0:
        faster = _cost(plan, options, at_clock(board, options.clock), seeds)
        cost = with_clock(cost, faster, options.clock)
    return with_changes(cost, options)


def _kernels_in(template: Template | None) -> int:
    if template is None:
        return 0
    return int(sum(CATALOG[slot.kernel].table == "KERNEL" for slot in template.slots))


def _expected_s(plan: Plan, cost: Cost, templates: dict[str, Template], options: Options) -> Float:
    step_us = np.zeros(len(plan.kind))
    for name, template in templates.items():
        main = template.class_id[~template.side]
        rows = plan.kind == ALL_KINDS.index(name)
        launches = 1 if options.cuda_graphs and name == "decode" else len(main)
        gpu_us = cost.duration_us[rows][:, main].sum(axis=1) + 2.0 * len(main)
        step_us[rows] = np.maximum(gpu_us, launches * (HOST_US + API_US)) + PREPARE_US
    pause_us = options.pause_ns / NS_PER_US / options.pause_every if options.pause_every else 0.0
    return np.asarray((step_us + sum(STEP_GAP_US) / 2 + pause_us) / 1e6, dtype=np.float64)


def _schedule(  # noqa: PLR0913 - all of it decides when work runs
    template: Template,
    alone_us: Float,
    n_gpus: int,
    rng: np.random.Generator,
    *,
    graphs: bool,
    waits: bool,
) -> Schedule:
    noise = rng.normal(0.0, INSTANCE_SPREAD, (n_gpus, *alone_us.shape))
    noise += rng.normal(0.0, STEP_SPREAD, (n_gpus, len(alone_us), 1))
    return schedule_steps(
        template,
        alone_us * np.exp(noise),
        graphs=graphs,
        unseen_ranks=n_gpus < TENSOR_GROUP,
        rng=rng,
        waits=waits,
    )


def _step_times(
    n_steps: int, blocks: list[_Block], options: Options, rng: np.random.Generator
) -> tuple[Int, Int]:
    length_us = np.zeros(n_steps)
    for block in blocks:
        length_us[block.steps] = block.schedule.sync_end_us.max(axis=0) + HOST_US
    low, high = np.log(STEP_GAP_US[0]), np.log(STEP_GAP_US[1])
    gap_ns = _ns(np.exp(rng.uniform(low, high, n_steps)))
    if options.pause_every:
        gap_ns[options.pause_every - 1 :: options.pause_every] += options.pause_ns
    length_ns = _ns(length_us)
    before_ns = np.concatenate(([0], np.cumsum(length_ns + gap_ns)[:-1]))
    return FIRST_STEP_NS + before_ns, length_ns


def _ns(time_us: Float) -> Int:
    return np.asarray(np.round(time_us * NS_PER_US), dtype=np.int64)


def _flatten(
    blocks: list[_Block],
    step_start_ns: Int,
    cost: Cost,
    instance_spread: float,
    rng: np.random.Generator,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    calls: list[pl.DataFrame] = []
    work: list[pl.DataFrame] = []
    for block in blocks:
        base_ns, n_calls = step_start_ns[block.steps][None, :, None], sum(map(len, calls))
        calls.append(_calls_of(block, base_ns, n_calls))
        work.append(_work_of(block, base_ns, n_calls))
    all_calls, all_work = pl.concat(calls), pl.concat(work)
    order = all_calls.select("call", "device", "start_ns").sort("device", "start_ns", "call")
    order = order.with_columns(
        correlation_id=FIRST_CORRELATION + pl.int_range(pl.len()).over("device")
    ).sort("call")
    all_calls = all_calls.with_columns(order["correlation_id"])
    step, class_id = all_work["step"].to_numpy(), all_work["class_id"].to_numpy()
    spread = np.exp(rng.normal(0.0, instance_spread, len(all_work)))
    return all_calls, all_work.with_columns(
        pl.Series("dynamic_w", cost.dynamic_w[step, class_id] * spread),
        pl.Series("blocks", cost.blocks[step, class_id]),
        order["correlation_id"].gather(all_work["call"]),
    )


def _calls_of(block: _Block, base_ns: Int, first: int) -> pl.DataFrame:
    template, schedule = block.template, block.schedule
    n_gpus, n_steps, n_calls = schedule.call_start_us.shape
    slot = np.flatnonzero(np.diff(schedule.call_of_slot, prepend=-1))
    apis = np.array([CATALOG[template.slots[s].kernel].api for s in slot], dtype=object)
    apis[schedule.is_graph_call] = "cudaGraphLaunch_v10000"
    slot = np.where(schedule.is_graph_call, -1, slot)
    # The wait is one more call of each step, after the launches.
    start_us = np.concatenate((schedule.call_start_us, schedule.sync_start_us[..., None]), axis=-1)
    end_us = np.concatenate((schedule.call_end_us, schedule.sync_end_us[..., None]), axis=-1)
    rows = n_gpus * n_steps
    device = np.repeat(np.arange(n_gpus), n_steps * (n_calls + 1))
    return pl.DataFrame(
        {
            "call": first + np.arange(rows * (n_calls + 1)),
            "device": device,
            "step": np.tile(np.repeat(block.steps, n_calls + 1), n_gpus),
            "start_ns": (_ns(start_us) + base_ns).ravel(),
            "end_ns": (_ns(end_us) + base_ns).ravel(),
        }
    ).with_columns(
        pl.lit(block.kind).alias("kind"),
        _tiled("slot", [*slot.tolist(), None], rows, pl.Int64),
        _tiled("api", [*apis, SYNC_API], rows, pl.String),
    )


def _tiled(name: str, values: list[object], times: int, dtype: type[pl.DataType]) -> pl.Series:
    index = np.tile(np.arange(len(values)), times)
    return pl.Series(name, values, dtype=dtype).gather(index)


def _work_of(block: _Block, base_ns: Int, first: int) -> pl.DataFrame:
    template, schedule = block.template, block.schedule
    n_gpus, n_steps, n_slots = schedule.start_us.shape
    rows, per_step = n_gpus * n_steps, len(schedule.is_graph_call) + 1
    start_ns = _ns(schedule.start_us)
    end_ns = np.maximum(_ns(schedule.end_us), start_ns + 1)
    call = first + np.arange(rows)[:, None] * per_step + schedule.call_of_slot
    stream = np.where(template.side, SIDE_STREAM, MAIN_STREAM)
    return pl.DataFrame(
        {
            "device": np.repeat(np.arange(n_gpus), n_steps * n_slots),
            "step": np.tile(np.repeat(block.steps, n_slots), n_gpus),
            "slot": np.tile(np.arange(n_slots), rows),
            "class_id": np.tile(template.class_id, rows),
            "stream": np.tile(stream, rows),
            "start_ns": (start_ns + base_ns).ravel(),
            "end_ns": (end_ns + base_ns).ravel(),
            "call": call.ravel(),
        }
    ).with_columns(
        pl.lit(block.kind).alias("kind"),
        _tiled("layer", [slot.layer for slot in template.slots], rows, pl.Int32),
        *_path_of(schedule),
    )


def _path_of(schedule: Schedule) -> list[pl.Series]:
    if schedule.path_us is None or schedule.bound_by is None:
        return []
    return [
        pl.Series("path_ns", _ns(schedule.path_us).ravel()),
        pl.Series("bound_by", schedule.bound_by.ravel()),
    ]


def _cut(
    work: pl.DataFrame, calls: pl.DataFrame, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame]:
    # The last kernels of the last step go, so that the count is exact.
    kernels = [i for i, key in enumerate(CLASS_KEYS) if CATALOG[key].table == "KERNEL"]
    is_kernel = pl.col("class_id").is_in(kernels)
    per_gpu = (options.kernels or 0) // options.gpus
    work = work.sort("device", "step", "slot").filter(
        (is_kernel.cum_sum().over("device") <= per_gpu) & is_kernel | ~is_kernel
    )
    launches = calls.filter(pl.col("slot").is_null() | pl.col("call").is_in(work["call"].implode()))
    return work, launches
