"""Power as the page shows it: limits, ramps, swings, buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.power_columns import RECONSTRUCTED
from traceenergy.energy.board import find_board
from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_middle
from traceenergy.report.quantities import (
    UNKNOWN,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Row,
    duration_cell,
    optional,
    power_column,
    text_column,
)
from traceenergy.report.view_flattening import flattening_view, transition_table
from traceenergy.report.view_tables import lay_out, phase_label
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_flattening import FlatteningView
    from traceenergy.report.view_tables import TableView

MOST_LINES = 8  # devices that one chart tells apart
_NAME_LENGTH = 40
_POWER_DIGITS = 4


@dataclass(frozen=True)
class MaximaLine:
    """Highest moving averages of one device, or its limits, by length of the window."""

    name: str
    window_s: tuple[float, ...]
    power_w: tuple[float, ...]
    power_lo_w: tuple[float, ...]
    power_hi_w: tuple[float, ...]


@dataclass(frozen=True)
class HeatView:
    """Power of several devices over time, and its sum; None where it is not known."""

    devices: tuple[str, ...]
    edge_s: tuple[float, ...]
    power_w: tuple[tuple[float | None, ...], ...]
    total_w: tuple[float | None, ...]
    mean_w: float


@dataclass(frozen=True)
class PowerSection:
    """Everything the page shows of power over time but the samples."""

    sentence: str
    maxima: tuple[MaximaLine, ...]
    limits: tuple[MaximaLine, ...]
    limit_table: TableView
    transients: TableView
    transitions: TableView
    swing: TableView
    heat: HeatView | None
    together: str
    buffer: str
    flattening: FlatteningView | None
    note: str


def power_section(result: Analysis) -> PowerSection | None:
    """Choose what the page shows of power over time.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    PowerSection or None
        None where nothing is known of it.
    """
    if result.power_limits.is_empty():
        return None
    return PowerSection(
        sentence=limit_sentence(result),
        maxima=_maxima(result),
        limits=_limit_lines(result),
        limit_table=_limit_table(result),
        transients=_transient_table(result),
        transitions=transition_table(result),
        swing=_swing_table(result),
        heat=_heat(result),
        together=_together(result),
        buffer=_buffer(result),
        flattening=flattening_view(result),
        note=_note(result),
    )


def limit_sentence(result: Analysis) -> str:
    """Say in one sentence how near power comes to its limits; empty without power."""
    held = result.power_limits.filter(pl.col("source") == RECONSTRUCTED)
    known = held.drop_nulls("limit_w").sort("headroom_w")
    if held.is_empty():
        return ""
    if known.is_empty():
        worst = held.sort("power_w", descending=True).row(0, named=True)
        return (
            f"Highest mean power over {_window_text(worst)}: {_watts(worst['power_w'])}"
            f"{_where(result, worst)}; the power limit of this GPU is not known (--power-limit)."
        )
    worst = known.row(0, named=True)
    head = f"Over {_window_text(worst)} power reaches {_watts(worst['power_w'])}"
    limit = f"the limit of {_watts(worst['limit_w'])} ({worst['limit_source']})"
    if worst["headroom_w"] >= 0:
        room = f", {_watts(worst['headroom_w'])} below {limit}"
    else:
        room = (
            f", {_watts(-worst['headroom_w'])} above {limit}, for {duration_text(worst['above_s'])}"
        )
    return f"{head}{_where(result, worst)}{room}."


def _watts(power_w: float) -> str:
    return power_text(power_w, _POWER_DIGITS)


def _window_text(row: Row) -> str:
    return duration_text(row["window_ns"] * S_PER_NS, 1)


def _where(result: Analysis, row: Row) -> str:
    several = result.power_limits.select("rank", "device_id").n_unique() > 1
    return f" on {_place(row)}" if several else ""


def _place(row: Row) -> str:
    if row["rank"] is None:
        return "all GPUs"
    return f"rank {row['rank']}, GPU {row['device_id']}"


def _lines(result: Analysis, value: str) -> list[pl.DataFrame]:
    rows = result.power_limits.filter(pl.col("source") == RECONSTRUCTED).drop_nulls(value)
    return rows.partition_by("rank", "device_id", maintain_order=True)[:MOST_LINES]


def _maxima(result: Analysis) -> tuple[MaximaLine, ...]:
    return tuple(_line(rows, _place(rows.row(0, named=True)), "power")
                 for rows in _lines(result, "power_w"))  # fmt: skip


def _limit_lines(result: Analysis) -> tuple[MaximaLine, ...]:
    """Draw limits once where devices share them."""
    lines = [_line(rows, "limit", "limit") for rows in _lines(result, "limit_w")]
    return tuple(dict.fromkeys(lines))


def _line(rows: pl.DataFrame, name: str, what: str) -> MaximaLine:
    value = rows[f"{what}_w"]
    low, high = (
        rows[f"power_{end}_w"].fill_null(value) if what == "power" else value
        for end in ("lo", "hi")
    )
    return MaximaLine(
        name,
        tuple((rows["window_ns"] * S_PER_NS).to_list()),
        *(tuple(column.to_list()) for column in (value, low, high)),
    )


def _limit_table(result: Analysis) -> TableView:
    label = phase_label(result)
    columns = [
        text_column("Device", _place_cell),
        Column("Window", "over which power is averaged",
               lambda row: duration_cell(row["window_ns"] * S_PER_NS)),
        text_column("From", lambda row: Cell(row["source"], sort=row["source"]),
                    "reconstructed by kernel, or samples as read"),
        Column("Highest mean", "with the interval of that window's mean", _highest_cell),
        power_column("Limit", "limit_w", "of the mean over such windows"),
        text_column("Limit from", lambda row: Cell(row["limit_source"] or UNKNOWN)),
        power_column("Headroom", "headroom_w", "limit minus highest mean"),
        optional(Column("Time above", "with the mean above the limit", _above_cell)),
        Column("Begin", "of the worst window, from the start of the analysis",
               lambda row: duration_cell((row["start_ns"] - result.window.start_ns) * S_PER_NS)),
        text_column("Phases in it", lambda row: _phases_cell(row, label)),
        text_column("Kernel in it", _kernel_cell, "of most energy; all on hover"),
        text_column("Work before", lambda row: _side_cell(row, "before_{}", label),
                    "of most energy, for as long before it"),
    ]  # fmt: skip
    caption = "Highest moving averages of power against limits"
    return lay_out(result, "power-limit-table", caption, result.power_limits, columns)


def _place_cell(row: Row) -> Cell:
    return Cell(_place(row), sort=_place(row))


def _highest_cell(row: Row) -> Cell:
    note = ""
    if row["power_lo_w"] is not None and row["power_hi_w"] is not None:
        dash = "\N{EN DASH}"
        note = f"({significant(row['power_lo_w'])}{dash}{significant(row['power_hi_w'])})"
    return Cell(power_text(row["power_w"]), note=note, sort=row["power_w"])


def _above_cell(row: Row) -> Cell:
    above_s, known_s = row["above_s"], row["known_s"]
    if not above_s:
        return Cell(UNKNOWN if above_s is None else "0 s", sort=None)
    note = f"({share_text(above_s / known_s)})" if known_s else ""
    return Cell(duration_text(above_s), note=note, sort=above_s)


def _phases_cell(row: Row, label: dict[str, str]) -> Cell:
    pairs = zip(row["phases"], row["phase_shares"], strict=True)
    parts = [f"{clean_name(label.get(name, name))} {share_text(share)}" for name, share in pairs]
    short = ", ".join(parts[:2])
    return Cell(short or UNKNOWN, sort=short or None, title=", ".join(parts[2:] and parts))


def _kernel_cell(row: Row) -> Cell:
    triples = zip(row["kernels"], row["kernel_shares"], row["kernel_layers"], strict=True)
    parts = [
        (clean_name(name), f" {share_text(share)}" + ("" if layer is None else f", layer {layer}"))
        for name, share, layer in triples
    ]
    short = "".join(cut_middle(name, _NAME_LENGTH) + told for name, told in parts[:1])
    whole = "; ".join(name + told for name, told in parts)
    return Cell(short or UNKNOWN, sort=short or None, title="" if short == whole else whole)


def _transient_table(result: Analysis) -> TableView:
    label = phase_label(result)
    columns = [
        text_column("Device", _place_cell),
        text_column("Change", lambda row: Cell(row["direction"], sort=row["direction"])),
        Column("Over", "power is averaged over this time before and after",
               lambda row: duration_cell(row["over_ns"] * S_PER_NS)),
        text_column("From", lambda row: Cell(row["source"], sort=row["source"]),
                    "reconstructed by kernel, or samples as read"),
        Column("Ramp", "slope of mean power", _ramp_cell),
        power_column("Before", "from_w", "mean power before"),
        power_column("After", "to_w", "mean power after"),
        Column("At", "from the start of the analysis",
               lambda row: duration_cell((row["at_ns"] - result.window.start_ns) * S_PER_NS)),
        text_column("Work before", lambda row: _side_cell(row, "from_{}", label)),
        text_column("Work after", lambda row: _side_cell(row, "to_{}", label)),
    ]  # fmt: skip
    caption = "Steepest ramps of power, with the work of most energy on either side"
    return lay_out(result, "transient-table", caption, result.power_transients, columns)


def _ramp_cell(row: Row) -> Cell:
    return Cell(f"{significant(row['ramp_w_per_ms'])} W/ms", sort=row["ramp_w_per_ms"])


def _side_cell(row: Row, name: str, label: dict[str, str]) -> Cell:
    phase, kernel, layer = (row[name.format(what)] for what in ("phase", "kernel", "layer"))
    if phase is None:
        return Cell("idle", sort="idle")
    text = clean_name(label.get(phase, phase))
    text += "" if layer is None else f", layer {layer}"
    return Cell(text, sort=text, title=clean_name(kernel or ""), phase=phase.partition(".")[0])


def _swing_table(result: Analysis) -> TableView:
    frame = result.power_swing
    if result.devices.height == 1:
        frame = frame.drop_nulls("rank")
    columns = [
        text_column("Device", _place_cell),
        power_column("Mean", "mean_w", "mean power"),
        power_column("Peak", "peak_w", "highest bin"),
        power_column("Trough", "trough_w", "lowest bin"),
        power_column("Peak to trough", "peak_to_trough_w", "their difference"),
        Column("Peak to mean", "peak over mean", _ratio_cell),
        optional(power_column("Within a step", "step_peak_to_trough_w",
                              "peak to trough within a step, median of all steps")),
    ]  # fmt: skip
    return lay_out(result, "swing-table", "Swing of power", frame, columns)


def _ratio_cell(row: Row) -> Cell:
    value = row["peak_to_mean"]
    return Cell(UNKNOWN if value is None else significant(value), sort=value)


def _heat(result: Analysis) -> HeatView | None:
    if result.power_map.is_empty():
        return None
    lanes = result.power_map.partition_by("rank", "device_id", maintain_order=True)
    edges = [*lanes[0]["start_ns"].to_list(), lanes[0]["end_ns"][-1]]
    total_w = sum(lane["power_w"] for lane in lanes[1:]) + lanes[0]["power_w"]
    known_w = total_w.drop_nulls().to_list()
    return HeatView(
        tuple(_place(lane.row(0, named=True)) for lane in lanes),
        tuple((edge - result.window.start_ns) * S_PER_NS for edge in edges),
        tuple(tuple(lane["power_w"].to_list()) for lane in lanes),
        tuple(total_w.to_list()),
        sum(known_w) / max(len(known_w), 1),
    )


def _together(result: Analysis) -> str:
    rows = result.power_swing.filter(pl.col("rank").is_null())
    if rows.is_empty() or rows["coincidence"][0] is None:
        return ""
    row = rows.row(0, named=True)
    told = (
        f"The sum of all GPUs peaks at {share_text(row['coincidence'])} of the sum of their peaks"
    )
    if row["correlation"] is not None:
        told += f"; two GPUs correlate by {significant(row['correlation'])} on average"
    return told + "."


def _buffer(result: Analysis) -> str:
    if result.power_buffer.is_empty():
        return ""
    row = result.power_buffer.row(0, named=True)
    ramp = row["ramp_w_per_ms"]
    asked = "" if ramp is None else f", at most {significant(ramp)} W/ms at the grid"
    ramps = [f"{significant(row[f'{at}_ramp_w_per_ms'])} W/ms" for at in ("load", "grid")]
    return (
        f"Estimate: a lossless buffer of {energy_text(row['energy_j'])} and "
        f"{power_text(row['power_w'])} for all GPUs{asked} would bring their peak from "
        f"{_watts(row['load_peak_w'])} to {_watts(row['grid_peak_w'])} at the grid, the largest "
        f"change from {ramps[0]} to {ramps[1]}; it would hold "
        f"{energy_text(row['least_stored_j'])} at least, and end with "
        f"{energy_text(abs(row['gained_j']))} {'more' if row['gained_j'] > 0 else 'less'} than at "
        "the begin."
    )


def _note(result: Analysis) -> str:
    n = result.power_limits.select("rank", "device_id").n_unique()
    notes = list(dict.fromkeys(_published(row) for row in result.devices.iter_rows(named=True)))
    notes = [note for note in notes if note]
    if n > MOST_LINES:
        notes.append(f"{MOST_LINES} of {n} GPUs are drawn as lines.")
    if result.power_swing.height:
        bin_s = result.power_swing["bin_ns"][0] * S_PER_NS
        notes.append(f"Swings and buffers are of means over {duration_text(bin_s)}.")
    return " ".join(notes)


def _published(device: Row) -> str:
    """Say what is published of a device's board; empty if nothing is."""
    board = find_board(device["name"])
    if board is None:
        return ""
    told = f"{clean_name(device['name'])}: {power_text(board.limit_w)} ({board.source})"
    if board.idle_w is None:
        return f"{told}."
    return f"{told}, idle {power_text(board.idle_w)} ({board.idle_source})."
