"""Clocks as the page shows them: over time, against power, what holds them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.clock_contrast import HIGHER, LOWER
from traceenergy.analysis.throttling import NONE
from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_middle
from traceenergy.report.quantities import (
    UNKNOWN,
    duration_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Row,
    count_cell,
    duration_cell,
    energy_column,
    optional,
    power_column,
    share_cell,
    text_column,
)
from traceenergy.report.view_tables import lay_out, phase_label
from traceenergy.trace.throttle_reasons import IDLE, REASONS
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_tables import TableView

MOST_DEVICES = 8  # that are drawn
MOST_KERNELS = 20
_NAME_LENGTH = 60
_LABELS = {reason.name: reason.label for reason in REASONS}
CAUSE_NAMES = {
    "power": "power", "heat": "heat", "hardware": "hardware (power or heat)",
    "setting": "a setting", "idle": "idle", "none": "nothing",
}  # fmt: skip
_LEVELS = {"phase": "phase", "step": "step", "gpu": "GPU", "run": "run"}


@dataclass(frozen=True)
class ClockLine:
    """What was read of one GPU in bins of time; None where it was not."""

    device: str
    edge_s: tuple[float, ...]
    sm_clock_mhz: tuple[float | None, ...]
    power_w: tuple[float | None, ...]
    temperature_c: tuple[float | None, ...]
    limits: tuple[tuple[str, tuple[float | None, ...]], ...]


@dataclass(frozen=True)
class PointsView:
    """Operating points of one GPU: mean power by clock, with the share of time."""

    device: str
    sm_clock_mhz: tuple[float, ...]
    power_w: tuple[float | None, ...]
    time_share: tuple[float, ...]
    phases: tuple[str, ...]


@dataclass(frozen=True)
class ClocksSection:
    """What the section of clocks shows."""

    sentences: tuple[str, ...]
    lines: tuple[ClockLine, ...]
    points: tuple[PointsView, ...]
    rows: TableView
    kernels: TableView
    reasons: TableView
    duty: TableView
    layer_duty: TableView
    note: str


def clocks_section(result: Analysis) -> ClocksSection | None:
    """Choose what the page shows of clocks.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    ClocksSection or None
        None where neither clocks nor reasons were read, and no matrix product ran in a step.
    """
    if all(frame.is_empty() for frame in (result.clocks, result.throttling)):
        return None
    return ClocksSection(
        sentences=tuple(_sentences(result)),
        lines=_lines(result),
        points=_points(result),
        rows=_rows(result),
        kernels=_kernels(result),
        reasons=_reasons(result),
        duty=_duty(result, ("step", "gpu"), "duty-table"),
        layer_duty=_duty(result, ("layer",), "layer-duty-table"),
        note=_note(result),
    )


def _sentences(result: Analysis) -> Iterator[str]:
    run = result.clocks.filter(level="run")
    for row in run.iter_rows(named=True):
        yield (
            f"While there is work, SMs run at {_mhz(row['sm_clock_mhz'])} on average, "
            f"{share_text(row['clock_share'])} of the highest clock seen. At the highest, "
            f"{duration_text(row['lost_s'])} of {duration_text(row['known_s'])} would have been "
            "saved, had the clock bound all of it."
        )
    held = result.throttling.filter(pl.col("reason").is_null(), level="gpu")
    for row in held.filter(pl.col("cause").is_in(["power", "heat", "hardware"])).iter_rows(
        named=True
    ):
        clock = "" if row["sm_clock_mhz"] is None else f", at {_mhz(row['sm_clock_mhz'])}"
        yield (
            f"{_place(row)}: {CAUSE_NAMES[row['cause']]} holds clocks down for "
            f"{share_text(row['time_share'])} of the time{clock}."
        )
    for row in result.clock_contrast.iter_rows(named=True):
        yield _contrast(row)
    for row in result.temperature_drift.iter_rows(named=True):
        yield _drift(row)


def _contrast(row: Row) -> str:
    sides = f"({_mhz(row['compute_clock_mhz'])} beside {_mhz(row['other_clock_mhz'])}"
    told = f"{_place(row)}: "
    margin = f", difference {significant(row['difference_mhz'])} MHz, standard error "
    margin += f"{significant(row['error_mhz'])} MHz)"
    powers = ""
    if row["compute_power_w"] is not None and row["other_power_w"] is not None:
        powers = (
            f" Computation draws {power_text(row['compute_power_w'])}, other work "
            f"{power_text(row['other_power_w'])}."
        )
    if row["verdict"] == LOWER:
        first = "computation throttles first: it runs at lower clocks than other work"
        return f"{told}{first} {sides}{margin}.{powers}"
    if row["verdict"] == HIGHER:
        return f"{told}computation runs at higher clocks than other work {sides}{margin}.{powers}"
    return f"{told}whether computation throttles first is not shown {sides}{margin}.{powers}"


def _drift(row: Row) -> str:
    told = (
        f"{_place(row)}: temperature goes from {significant(row['start_c'])} to "
        f"{significant(row['end_c'])} \N{DEGREE SIGN}C "
        f"({significant(row['slope_c_per_min'])} \N{DEGREE SIGN}C/min)"
    )
    if row["power_w_per_c"] is not None:
        told += (
            f"; power at like work goes with it by {significant(row['power_w_per_c'])} "
            f"W/\N{DEGREE SIGN}C (standard error {significant(row['power_error_w_per_c'])})"
        )
    return told + "."


def _place(row: Row) -> str:
    return f"Rank {row['rank']}, GPU {row['device_id']}"


def _mhz(clock_mhz: float | None) -> str:
    return UNKNOWN if clock_mhz is None else f"{clock_mhz:,.0f} MHz"


def _lines(result: Analysis) -> tuple[ClockLine, ...]:
    lanes = result.clock_bins.partition_by("rank", "device_id", maintain_order=True)
    return tuple(_line(result, lane) for lane in lanes[:MOST_DEVICES])


def _line(result: Analysis, lane: pl.DataFrame) -> ClockLine:
    edges_ns = [*lane["start_ns"].to_list(), lane["end_ns"][-1]]

    def values(name: str) -> tuple[float | None, ...]:
        digits = 3 if name.endswith("_share") else 1
        return tuple(lane[name].round(digits).to_list())

    limits = [(cause, values(f"{cause}_share")) for cause in ("power", "heat", "hardware")]
    return ClockLine(
        device=_place(lane.row(0, named=True)).lower().replace("gpu", "GPU"),
        edge_s=tuple((edge - result.window.start_ns) * S_PER_NS for edge in edges_ns),
        sm_clock_mhz=values("sm_clock_mhz"),
        power_w=values("power_w"),
        temperature_c=values("temperature_c"),
        limits=tuple((cause, shares) for cause, shares in limits if any(shares)),
    )


def _points(result: Analysis) -> tuple[PointsView, ...]:
    label = phase_label(result)
    views = []
    for lane in result.clock_points.partition_by("rank", "device_id", maintain_order=True):
        pairs = zip(lane["phases"].to_list(), lane["phase_shares"].to_list(), strict=True)
        named = [
            ", ".join(f"{clean_name(label.get(name, name))} {share_text(share)}"
                      for name, share in zip(*pair, strict=True))
            for pair in pairs
        ]  # fmt: skip
        views.append(
            PointsView(
                _place(lane.row(0, named=True)).lower().replace("gpu", "GPU"),
                tuple(lane["sm_clock_mhz"].round(1).to_list()),
                tuple(lane["mean_power_w"].round(1).to_list()),
                tuple(lane["time_share"].round(5).to_list()),
                tuple(named),
            )
        )
    return tuple(view for view in views[:MOST_DEVICES] if any(view.power_w))


def _clock_columns() -> list[Column]:
    return [
        Column("Time", "of its work that readings cover; of steps and GPUs, elapsed",
               lambda row: duration_cell(row["known_s"])),
        Column("SM clock", "mean while it runs", _clock_cell("sm_clock_mhz")),
        Column("Of the highest", "mean clock over the highest reading", share_cell("clock_share")),
        optional(power_column("Mean power", "mean_power_w", "energy over time")),
        Column("Lost at most", "shorter at the highest clock, if the clock bound all of it",
               lambda row: duration_cell(row["lost_s"])),
        Column("At equal clock", "time at the highest clock of the run, between two limits",
               _equal_cell),
        optional(Column("Bound by clock", "part of its time that goes with one over the clock, as "
                        "its launches tell", _bound_cell)),
        optional(Column("Matrix products", "part of its time, by names of kernels",
                        share_cell("compute_share"))),
        optional(Column("Tensor cores", "mean activity while it runs (GPU metrics)",
                        share_cell("tensor_share"))),
    ]  # fmt: skip


def _clock_cell(name: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(_mhz(row[name]), sort=row[name])


def _equal_cell(row: Row) -> Cell:
    low_s, high_s = row["equal_clock_lo_s"], row["equal_clock_hi_s"]
    if low_s is None:
        return Cell(UNKNOWN)
    low, high = duration_text(low_s), duration_text(high_s)
    return Cell(low if low == high else f"{low} to {high}", sort=low_s)


def _bound_cell(row: Row) -> Cell:
    if row["clock_bound"] is None:
        return Cell(UNKNOWN)
    low, high = share_text(row["clock_bound_lo"]), share_text(row["clock_bound_hi"])
    note = f"({low}\N{EN DASH}{high})"
    return Cell(share_text(row["clock_bound"]), note=note, sort=row["clock_bound"])


def _rows(result: Analysis) -> TableView:
    label = phase_label(result)
    tensor = result.activity.filter(level="phase").select("name", "tensor_share")
    frame = result.clocks.filter(pl.col("level").is_in(list(_LEVELS))).join(
        tensor.with_columns(level=pl.lit("phase")), on=["level", "name"], how="left",
        maintain_order="left",
    )  # fmt: skip

    def name_cell(row: Row) -> Cell:
        return _phase_or_name(row, label)

    columns = [text_column("Phase, kind of step, GPU", name_cell), *_clock_columns()]
    caption = "Sustained clock of phases, kinds of steps, GPUs; most lost first"
    return lay_out(result, "clock-table", caption, frame, columns)


def _phase_or_name(row: Row, label: dict[str, str]) -> Cell:
    name: str = row["name"]
    if row["level"] == "phase":
        text = clean_name(label.get(name, name))
        return Cell(text, sort=text, phase=name)
    text = f"step: {name}" if row["level"] == "step" else name
    return Cell(text, sort=text)


def _kernels(result: Analysis) -> TableView:
    frame = result.clocks.filter(level="kernel").head(MOST_KERNELS)
    frame = frame.with_columns(tensor_share=pl.lit(None, pl.Float64))

    def name_cell(row: Row) -> Cell:
        whole = clean_name(row["name"])
        short = cut_middle(whole, _NAME_LENGTH)
        return Cell(short, sort=short, title="" if short == whole else whole)

    columns = [text_column("Kernel", name_cell), *_clock_columns()]
    caption = f"Sustained clock of the {frame.height} kernels that lost most"
    return lay_out(result, "clock-kernel-table", caption, frame, columns)


def _reasons(result: Analysis) -> TableView:
    label = phase_label(result)
    cause = pl.col("cause")
    of_gpu = (pl.col("level") == "gpu") & (pl.col("reason").is_not_null() | (cause == NONE))
    of_phase = (pl.col("level") == "phase") & ~cause.is_in([NONE, IDLE])
    frame = result.throttling.filter(of_gpu | of_phase).sort(
        "level", "rank", "device_id", "time_s", descending=[False, False, False, True]
    )

    def name_cell(row: Row) -> Cell:
        return _phase_or_name(row, label)

    def reason_cell(row: Row) -> Cell:
        text = _LABELS.get(row["reason"] or "") or CAUSE_NAMES[row["cause"]]
        return Cell(text, sort=text, title=row["reason"] or "")

    columns = [
        text_column("GPU or phase", name_cell),
        text_column("Held down by", reason_cell, "as the driver says; reasons may act together"),
        Column("Time", "with it; of a phase, of its work",
               lambda row: duration_cell(row["time_s"])),
        Column("Share", "of the time for which reasons were read", share_cell("time_share")),
        Column("With work", "part of that time with GPU work",
               lambda row: duration_cell(row["busy_s"])),
        optional(Column("SM clock", "mean meanwhile", _clock_cell("sm_clock_mhz"))),
        optional(power_column("Mean power", "mean_power_w", "energy over time")),
        optional(energy_column("Energy", lambda row: row["energy_j"], "meanwhile")),
    ]  # fmt: skip
    return lay_out(result, "throttle-table", "What holds clocks down", frame, columns)


def _duty(result: Analysis, levels: tuple[str, ...], table_id: str) -> TableView:

    def name_cell(row: Row) -> Cell:
        text = f"step: {row['name']}" if row["level"] == "step" else row["name"]
        return Cell(text, sort=text)

    columns = [
        text_column("Layer" if levels == ("layer",) else "Kind of step, GPU", name_cell),
        Column("Instances", "steps, or passes of a layer, on each GPU", count_cell("n_instances")),
        Column("Elapsed", "first to last GPU work of each, summed",
               lambda row: duration_cell(row["elapsed_s"])),
        Column("Duty cycle", "part of it with a matrix product running", share_cell("duty")),
        Column("A tenth below", "of the instances", share_cell("duty_q10")),
        Column("Half below", "of the instances", share_cell("duty_median")),
        Column("Nine tenths below", "of the instances", share_cell("duty_q90")),
    ]  # fmt: skip
    has_any = bool(result.duty_cycle["matmul_s"].sum())
    frame = result.duty_cycle.filter(pl.col("level").is_in(levels) & has_any)
    return lay_out(result, table_id, "Duty cycle of matrix products", frame, columns)


def _note(result: Analysis) -> str:
    notes = []
    n = result.clock_bins.select("rank", "device_id").n_unique() if len(result.clock_bins) else 0
    if n > MOST_DEVICES:
        notes.append(f"{MOST_DEVICES} of {n} GPUs are drawn.")
    if result.throttling.is_empty():
        notes.append(
            "Why clocks are low was not recorded: add clocks_event_reasons.active to nvidia-smi "
            "--query-gpu, or use traceenergy sample."
        )
    return " ".join(notes)
