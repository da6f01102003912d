"""Stretch after a run in which each kernel class is repeated alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.chance import CALIBRATION, CALIBRATION_POWER, stream
from traceenergy.simulate.cost import Cost
from traceenergy.simulate.schedule import SYNC_API
from traceenergy.simulate.template import CLASS_KEYS, MAIN_STREAM, STEP_KINDS
from traceenergy.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options
    from traceenergy.simulate.plan import Plan
    from traceenergy.simulate.template import Template

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

KIND = "calibration"
IDLE_BEFORE_NS, PAUSE_NS = NS_PER_S, 50 * NS_PER_MS
GAP_US = (2.0, 4.0)
DURATION_SPREAD = 0.03
# Calls are shorter than any kernel with its gap, so they never overlap.
LEAD_NS, CALL_NS, SYNC_NS = 4_500, 2_200, 9_000
# A class may take another power where there is prefill: both kinds of step are repeated.
_GROUPS = (("decode",), ("prefill", "mixed"))


@dataclass(frozen=True)
class Entry:
    """One class at one size, to be repeated.

    Attributes
    ----------
    class_id
        Row in `CLASS_KEYS`.
    step
        Row of the cost that holds its size, behind those of the run's steps.
    """

    class_id: int
    step: int


@dataclass(frozen=True)
class Stretch:
    """The pieces of a stretch with their launches.

    Attributes
    ----------
    work, calls : polars.DataFrame
        As in `timeline.Timeline`, with `kind` "calibration" and the number of the entry as
        `slot`; `call` and `correlation_id` count from 0.
    """

    work: pl.DataFrame
    calls: pl.DataFrame


def entries_of(plan: Plan, templates: dict[str, Template]) -> tuple[Entry, ...]:
    """List what is to be repeated: each kernel class, once with prefill, once without.

    Parameters
    ----------
    plan : Plan
        Kinds of the run's steps.
    templates : dict of str to Template
        By kind of step.

    Returns
    -------
    tuple of Entry
        In the order of launches.
    """
    entries = []
    for group, kinds in enumerate(_GROUPS):
        for kind in kinds:
            if (plan.kind == STEP_KINDS.index(kind)).any():
                classes = dict.fromkeys(templates[kind].class_id.tolist())
                entries += [
                    Entry(class_id, len(plan.kind) + group)
                    for class_id in classes
                    if CATALOG[CLASS_KEYS[class_id]].table == "KERNEL"
                ]
    return tuple(entries)


def with_typical(cost: Cost, plan: Plan, class_ids: Int, options: Options) -> Cost:
    """Add rows to a cost that hold the typical size of each class.

    Parameters
    ----------
    cost : Cost
        Of each class in each step.
    plan : Plan
        Kinds of the steps.
    class_ids : ndarray of int64
        Classes of the model.
    options : Options
        How much power alone differs from power within a run.

    Returns
    -------
    Cost
        With one more row for steps without prefill, one for those with it. Each class is as in
        the step where its grid is the median one.
    """
    rows = []
    for kinds in _GROUPS:
        steps = np.flatnonzero(np.isin(plan.kind, [STEP_KINDS.index(kind) for kind in kinds]))
        # No entry names the row of a group without steps; it holds something all the same.
        steps = steps if len(steps) else np.arange(len(plan.kind))
        order = np.lexsort((cost.duration_us[steps], cost.blocks[steps]), axis=0)
        rows.append(steps[order[(len(steps) - 1) // 2]])
    rng = stream(options.seed, CALIBRATION_POWER)
    apart = np.ones((len(_GROUPS), len(CLASS_KEYS)))
    spread = rng.normal(0.0, options.calibration_spread, (len(_GROUPS), len(class_ids)))
    apart[:, class_ids] = np.exp(spread)
    typical = np.stack(rows), np.arange(len(CLASS_KEYS))
    return Cost(
        duration_us=np.concatenate((cost.duration_us, cost.duration_us[typical])),
        activity=np.concatenate((cost.activity, cost.activity[typical])),
        dynamic_w=np.concatenate((cost.dynamic_w, cost.dynamic_w[typical] * apart)),
        blocks=np.concatenate((cost.blocks, cost.blocks[typical])),
        moved_bytes=np.concatenate((cost.moved_bytes, cost.moved_bytes[typical])),
    )


def lay_out_stretch(
    entries: tuple[Entry, ...], cost: Cost, options: Options, start_ns: int
) -> Stretch:
    """Repeat each entry alone, back to back.

    Parameters
    ----------
    entries : tuple of Entry
        What to repeat.
    cost : Cost
        With the rows that entries name.
    options : Options
        For how long; on how many GPUs.
    start_ns : int [ns]
        When the first piece may start.

    Returns
    -------
    Stretch
        All GPUs begin an entry together; a collective takes equally long on all of them.
    """
    work = []
    for number, entry in enumerate(entries):
        is_collective = CATALOG[CLASS_KEYS[entry.class_id]].collective
        alone_us = float(cost.duration_us[entry.step, entry.class_id])
        pieces = []
        for device in range(options.gpus):
            rng = stream(
                options.recording_seed, CALIBRATION, number, 0 if is_collective else device
            )
            begin_ns, end_ns = start_ns + _repeat(alone_us, options.calibration_s, rng)
            pieces.append(
                pl.DataFrame({"start_ns": begin_ns, "end_ns": end_ns}).with_columns(
                    device=pl.lit(device, dtype=pl.Int64),
                    step=pl.lit(entry.step, dtype=pl.Int64),
                    slot=pl.lit(number, dtype=pl.Int64),
                    class_id=pl.lit(entry.class_id, dtype=pl.Int64),
                )
            )
        work += pieces
        start_ns = max(int(one["end_ns"][-1]) for one in pieces) + SYNC_NS + PAUSE_NS
    return _with_calls(pl.concat(work), cost, options)


def _with_calls(work: pl.DataFrame, cost: Cost, options: Options) -> Stretch:
    work = work.with_columns(kind=pl.lit(KIND), call=pl.int_range(pl.len()))
    step, class_id = work["step"].to_numpy(), work["class_id"].to_numpy()
    rng = stream(options.recording_seed, CALIBRATION_POWER, 1)
    spread = np.exp(rng.normal(0.0, options.instance_spread, len(work)))
    apis = pl.Series([CATALOG[key].api for key in CLASS_KEYS])
    launches = work.select(
        "call", "device", "step", "kind", "slot",
        pl.col("start_ns") - LEAD_NS,
        (pl.col("start_ns") - LEAD_NS + CALL_NS).alias("end_ns"),
        apis.gather(work["class_id"]).alias("api"),
    )  # fmt: skip
    calls = pl.concat([launches, _waits(work, launches)])
    order = pl.col("start_ns").rank("ordinal").over("device").cast(pl.Int64) - 1
    calls = calls.with_columns(correlation_id=order)
    return Stretch(
        work.with_columns(
            pl.lit(None, dtype=pl.Int32).alias("layer"),
            pl.lit(MAIN_STREAM, dtype=pl.Int64).alias("stream"),
            pl.Series("dynamic_w", cost.dynamic_w[step, class_id] * spread),
            pl.Series("blocks", cost.blocks[step, class_id]),
            calls["correlation_id"].head(len(work)),
        ),
        calls,
    )


def _waits(work: pl.DataFrame, launches: pl.DataFrame) -> pl.DataFrame:
    # The host waits for each entry to end before it goes on.
    waits = work.group_by("device", "slot", maintain_order=True).agg(
        pl.col("step", "kind").first(),
        (pl.col("start_ns").last() - LEAD_NS + 2 * CALL_NS).alias("start_ns"),
        pl.col("end_ns").last() + SYNC_NS,
    )
    return waits.with_columns(
        pl.lit(SYNC_API).alias("api"),
        call=len(launches) + pl.int_range(pl.len()),
        slot=pl.lit(None, dtype=pl.Int64),
    ).select(launches.columns)


def _repeat(alone_us: float, seconds: float, rng: np.random.Generator) -> Int:
    most = int(seconds * 1e6 / (alone_us * np.exp(-5 * DURATION_SPREAD) + GAP_US[0])) + 1
    length_us = alone_us * np.exp(rng.normal(0.0, DURATION_SPREAD, most))
    gap_us = rng.uniform(*GAP_US, most)
    edges_us = np.cumsum(np.column_stack([gap_us, length_us]).ravel()).reshape(-1, 2)
    edges_us -= edges_us[0, 0]
    edges_ns = np.round(edges_us[edges_us[:, 0] < seconds * 1e6] * NS_PER_US).astype(np.int64)
    # Launches come first.
    return edges_ns.T + LEAD_NS
