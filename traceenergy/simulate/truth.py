"""True energy of a simulated run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.calibration import KIND
from traceenergy.simulate.chance import DRIFT, ROOM, stream
from traceenergy.simulate.dependencies import BOUND_BY
from traceenergy.simulate.power import AMBIENT_C, KNOT_NS, Law, PowerCurve, knots, true_power
from traceenergy.simulate.wander import smooth_walk
from traceenergy.trace.kernel_names import short_kernel_names
from traceenergy.trace.tables import WORK_TABLE, Column, check_table
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options
    from traceenergy.simulate.target import Board
    from traceenergy.simulate.timeline import Timeline

# The curve reaches further than any log or sensor window.
MARGIN_NS = 5 * NS_PER_S
# Drift goes together over some 10 s, never takes more than half of the idle power.
DRIFT_NS = 5 * NS_PER_S
_MOST_DRIFT = 0.5
# Air before one recording and another, what is left of the heat of the work before.
ROOM_SPREAD_C, WARMEST_C = 2.0, 15.0

TRUTH = (
    Column("rank", pl.Int32, "", "rank of the run; 0 where one report holds all"),
    Column("device_id", pl.Int32, "", "GPU"),
    Column("table", WORK_TABLE, "", "kind of work, by the export's table"),
    Column("trace_row", pl.Int64, "", "rowid in the source table"),
    Column("start_ns", pl.Int64, "ns", "start on the trace clock"),
    Column("end_ns", pl.Int64, "ns", "end on the trace clock"),
    Column("kernel", pl.Categorical, "", "short name"),
    Column("phase", pl.Categorical, "", "first-level phase"),
    Column("subphase", pl.Categorical, "", "second-level phase"),
    Column("layer", pl.Int32, "", "index of the transformer block", "in no layer"),
    Column("step", pl.Int64, "", "number of the step", "in the calibration stretch"),
    Column("energy_j", pl.Float64, "J", "static and dynamic energy"),
    Column("static_j", pl.Float64, "J", "equal share of static power while it ran"),
    Column("dynamic_j", pl.Float64, "J", "what it added"),
)

# Of runs with recorded waits.
PATH_TRUTH = (
    Column("on_path", pl.Boolean, "", "holds the critical path of its step"),
    Column("path_ns", pl.Int64, "ns", "for how long; of a collective, since the last arrival"),
    Column("bound_by", pl.Enum(BOUND_BY), "", "what let it begin"),
)


@dataclass(frozen=True)
class Truth:
    """What nobody can measure.

    Attributes
    ----------
    work : polars.DataFrame
        As declared by `TRUTH`, of runs with waits by `PATH_TRUTH` as well; in the order of the
        timeline's work.
    curves : list of PowerCurve
        By device.
    laws : list of Law
        By device.
    """

    work: pl.DataFrame
    curves: list[PowerCurve]
    laws: list[Law]


def board_laws(board: Board, options: Options, rng: np.random.Generator) -> list[Law]:
    """Draw how the power of each recorded GPU comes about.

    Parameters
    ----------
    board : Board
        Range of idle power, power of being busy.
    options : Options
        How many GPUs; concurrency.
    rng : numpy.random.Generator
        For the idle power of each.

    Returns
    -------
    list of Law
        By device.
    """
    laws = []
    for device in range(options.gpus):
        idle_w = float(np.round(rng.uniform(*board.idle_w), 2))
        law = Law(idle_w, board.busy_w, options.concurrency_factor)
        if options.noise_seed is not None:
            law = _in_another_room(law, stream(options.noise_seed, ROOM, device))
        laws.append(law)
    return laws


def true_energy(timeline: Timeline, laws: list[Law], options: Options) -> Truth:
    """Compute the energy of each piece of work.

    Parameters
    ----------
    timeline : Timeline
        The work.
    laws : list of Law
        By device.
    options : Options
        Drift; whether clocks are those of a controller, which move within pieces of work.

    Returns
    -------
    Truth
    """
    work = timeline.work
    first_ns, last_ns = work.select(pl.col("start_ns").min(), pl.col("end_ns").max()).row(0)
    span_ns = (min(0, first_ns) - MARGIN_NS, last_ns + MARGIN_NS)
    static_j, dynamic_j = np.empty(len(work)), np.empty(len(work))
    curves = []
    for device, law in enumerate(laws):
        mine = (work["device"] == device).to_numpy()
        part = work.filter(pl.col("device") == device)
        curve, static_j[mine], dynamic_j[mine] = true_power(
            part["start_ns"].to_numpy(),
            part["end_ns"].to_numpy(),
            part["dynamic_w"].to_numpy(),
            span_ns,
            law,
            _drift(options, device, span_ns, law.idle_w),
            timeline.clocks[device] if options.power_limit_w is not None else None,
        )
        curves.append(curve)
    return Truth(_as_table(work, timeline.names, static_j, dynamic_j), curves, laws)


def _in_another_room(law: Law, rng: np.random.Generator) -> Law:
    room_c, warm_c = rng.normal(AMBIENT_C, ROOM_SPREAD_C), rng.uniform(0.0, WARMEST_C)
    return replace(law, room_c=float(room_c), warm_c=float(warm_c))


def _drift(
    options: Options, device: int, span_ns: tuple[int, int], idle_w: float
) -> NDArray[np.float64] | None:
    if not options.drift_w:
        return None
    walk = smooth_walk(
        len(knots(span_ns)), DRIFT_NS / KNOT_NS, stream(options.recording_seed, DRIFT, device)
    )
    most_w = _MOST_DRIFT * idle_w
    return np.asarray(np.clip(options.drift_w * walk, -most_w, most_w), dtype=np.float64)


def _as_table(
    work: pl.DataFrame, names: pl.DataFrame, static_j: np.ndarray, dynamic_j: np.ndarray
) -> pl.DataFrame:
    names = names.with_columns(kernel=short_kernel_names(names["full"], names["short"]))

    def named(column: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
        return names[column].cast(dtype).gather(work["name"])

    frame = work.select(
        "start_ns",
        "end_ns",
        "layer",
        pl.when(pl.col("kind") != KIND).then("step").alias("step"),
        pl.lit(0, dtype=pl.Int32).alias("rank"),
        pl.col("device").cast(pl.Int32).alias("device_id"),
        named("table", WORK_TABLE),
        named("kernel", pl.Categorical),
        named("phase", pl.Categorical),
        named("subphase", pl.Categorical),
        pl.Series("static_j", static_j),
        pl.Series("dynamic_j", dynamic_j),
        pl.Series("energy_j", static_j + dynamic_j),
    ).with_columns(trace_row=(pl.int_range(pl.len()) + 1).over("table"))
    if "path_ns" not in work.columns:
        return check_table(frame, TRUTH, "truth")
    kinds = pl.Series(BOUND_BY, dtype=pl.Enum(BOUND_BY))
    frame = frame.with_columns(
        work["path_ns"], on_path=work["path_ns"] > 0, bound_by=kinds.gather(work["bound_by"])
    )
    return check_table(frame, (*TRUTH, *PATH_TRUTH), "truth")


def summarize(truth: Truth, window_ns: tuple[int, int]) -> dict[str, Any]:
    """Sum the truth up.

    Parameters
    ----------
    truth : Truth
        Of the run.
    window_ns : tuple of int [ns]
        Analysis window.

    Returns
    -------
    dict
        `window`, `total_j`, `kernel_j`, `idle_gap_j`, `devices` (a list) and energies by name:
        `phases`, `subphases`, `layers`, `steps` and `kernels`.
    """
    by_device = dict(truth.work.group_by("device_id").agg(pl.col("energy_j").sum()).iter_rows())
    devices = []
    for device, (curve, law) in enumerate(zip(truth.curves, truth.laws, strict=True)):
        edges_ns = np.array(window_ns, dtype=np.int64)
        devices.append(
            {
                "device_id": device,
                "total_j": float(np.diff(curve.energy_at(edges_ns))[0]),
                "kernel_j": by_device[device],
                "idle_gap_j": float(np.diff(curve.idle_at(edges_ns))[0]),
                "idle_power_w": law.idle_w,
            }
        )
    sums = {
        name: sum(float(row[name]) for row in devices)
        for name in ("total_j", "kernel_j", "idle_gap_j")
    }
    return {
        "window": {"start_ns": window_ns[0], "end_ns": window_ns[1]},
        **sums,
        "devices": devices,
        **{
            f"{key}s": _energies(truth.work, key)
            for key in ("phase", "subphase", "layer", "step", "kernel")
        },
    }


def _energies(work: pl.DataFrame, key: str) -> dict[str, float]:
    rows = work.drop_nulls(key).group_by(key).agg(pl.col("energy_j").sum()).sort(key)
    return {str(name): energy_j for name, energy_j in rows.iter_rows()}
