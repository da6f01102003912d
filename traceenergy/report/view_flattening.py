"""What would flatten power, with the changes that make its swings, as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.power.flatten_spec import INTERLEAVE, OVERLAP, STAGGER
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
from traceenergy.report.view_columns import Cell, Column, Row, duration_cell, text_column
from traceenergy.report.view_tables import lay_out, phase_label
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_tables import TableView

MOST_DRAWN = 5  # changes that one chart tells apart
_POWER_DIGITS = 4
_NAME_LENGTH = 36
_ARROW = " \N{RIGHTWARDS ARROW} "
ASSUMED = {
    INTERLEAVE: "interleave: the work is the same and takes as long, only its order within each "
    "{block} is another; nothing has to wait for what now comes later, and no kernel gets slower "
    "by being cut.",
    OVERLAP: "overlap: neither phase slows the other; idle power is paid once; above the power "
    "limit, where it is known, time stretches until power is at it; GPUs wait for each other at "
    "the end of each {block}.",
    STAGGER: "stagger: GPUs do not wait for each other, as replicas do not, and the run goes on "
    "before and after what was recorded.",
}


@dataclass(frozen=True)
class StepLine:
    """Power over a typical step, before or after a change; NaN is None."""

    name: str
    at_ms: tuple[float, ...]
    power_w: tuple[float | None, ...]


@dataclass(frozen=True)
class FlatteningView:
    """What changes of the run would make of its peaks."""

    sentences: tuple[str, ...]
    assumptions: tuple[str, ...]
    lines: tuple[StepLine, ...]
    table: TableView


def flattening_view(result: Analysis) -> FlatteningView | None:
    """Choose what the page shows of changes that were tried.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    FlatteningView or None
        None where none was.
    """
    rows = result.power_flattening
    if rows.is_empty():
        return None
    groups = rows.partition_by("tried", maintain_order=True)
    firsts = [group.row(0, named=True) for group in groups]
    assumed = (ASSUMED[row["what"]].format(block=row["block"]) for row in firsts)
    return FlatteningView(
        tuple(_sentence(group) for group in groups),
        tuple(dict.fromkeys(assumed)),
        _lines(result.power_flattened),
        _table(result),
    )


def _sentence(group: pl.DataFrame) -> str:
    """Say what one change would make of the shortest scale that is known, of all GPUs."""
    row = group.row(0, named=True)
    over = duration_text(row["window_ns"] * S_PER_NS, 1)
    peak, swing = (_pair(row, f"{what}_{{}}_w", _watts) for what in ("peak", "swing"))
    time = _pair(row, "time_{}_s", duration_text)
    energy = _pair(row, "energy_{}_j", energy_text)
    shift = row["shift_ns"]
    shifted = "" if shift is None else f" ({duration_text(shift * S_PER_NS)} from GPU to GPU)"
    return (
        f"{clean_name(row['tried'])}{shifted}: highest mean over {over} {peak}, swing {swing}, "
        f"time {time}, energy {energy}."
    )


def _watts(power_w: float) -> str:
    return power_text(power_w, _POWER_DIGITS)


def _pair(row: Row, name: str, text: Callable[[float], str]) -> str:
    return _ARROW.join(text(row[name.format(state)]) for state in ("before", "after"))


def _lines(drawn: pl.DataFrame) -> tuple[StepLine, ...]:
    """Draw the step before once, then after each change."""
    if drawn.is_empty():
        return ()
    before = drawn.filter(pl.col("state") == "before")
    after = drawn.filter(pl.col("state") == "after").partition_by("tried", maintain_order=True)
    first = before.filter(pl.col("tried") == before["tried"][0])
    named = [("as recorded", first), *((part["tried"][0], part) for part in after[:MOST_DRAWN])]
    return tuple(
        StepLine(
            clean_name(name),
            tuple(at / NS_PER_MS for at in [*part["start_ns"], part["end_ns"][-1]]),
            tuple(part["power_w"].to_list()),
        )
        for name, part in named
        if part.height
    )


def _table(result: Analysis) -> TableView:
    columns = [
        text_column("Estimate of", lambda row: Cell(clean_name(row["tried"]), sort=row["tried"])),
        text_column("Device", _device_cell),
        Column("Over", "power is averaged over this time",
               lambda row: duration_cell(row["window_ns"] * S_PER_NS)),
        _both("Peak", "highest mean, before and after", "peak_{}_w", power_text),
        _both("Swing", "highest minus lowest mean, before and after", "swing_{}_w", power_text),
        _both("Ramp [W/ms]", "steepest, before and after", "ramp_{}_w_per_ms", significant),
        _both("Peak to mean", "before and after", "peak_to_mean_{}", significant),
        _both("Time", "before and after", "time_{}_s", duration_text),
        _both("Energy", "before and after", "energy_{}_j", energy_text),
    ]  # fmt: skip
    caption = "Estimates of what other orders of the work would make of power"
    return lay_out(result, "flattening-table", caption, result.power_flattening, columns)


def _device_cell(row: Row) -> Cell:
    if row["rank"] is None:
        return Cell("all GPUs", sort="")
    text = f"rank {row['rank']}, GPU {row['device_id']}"
    return Cell(text, sort=text)


def _both(heading: str, help_text: str, name: str, text: Callable[[float], str]) -> Column:
    """Make one column of two values; it sorts by the second."""

    def cell(row: Row) -> Cell:
        pair = [row[name.format(state)] for state in ("before", "after")]
        shown = [UNKNOWN if value is None else text(value) for value in pair]
        return Cell(_ARROW.join(shown), sort=pair[1])

    return Column(heading, help_text, cell, needs_power=True)


def transition_table(result: Analysis) -> TableView:
    """Lay out which work follows which where power changes most.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    TableView
    """
    label = phase_label(result)
    columns = [
        text_column("From", lambda row: _side_cell(row, "from", label), "kernel that ran before"),
        text_column("To", lambda row: _side_cell(row, "to", label), "kernel that ran after"),
        text_column("Layer", lambda row: Cell("changes" if row["crosses_layers"] else "same")),
        Column("Typical", "power after minus before, median",
               lambda row: _change_cell(row["typical_w"])),
        Column("Largest", "largest of these changes", _largest_cell),
        Column("Times", "that it happens, on all GPUs",
               lambda row: Cell(f"{row['n']:,}", sort=row["n"])),
        Column("Part", "of the size of all changes of the run, summed: what ranks them",
               lambda row: Cell(share_text(row["total_share"]), sort=row["total_share"])),
        Column("Steep", "of them among the largest hundredth of all changes",
               lambda row: Cell(f"{row['n_steep']:,}", sort=row["n_steep"])),
    ]  # fmt: skip
    caption = "Transitions from kernel to kernel that change power most, by the reconstruction"
    return lay_out(result, "transition-table", caption, result.power_transitions, columns)


def _side_cell(row: Row, side: str, label: dict[str, str]) -> Cell:
    phase, kernel = row[f"{side}_phase"], row[f"{side}_kernel"]
    if phase is None:
        return Cell("idle", sort="idle")
    whole = clean_name(kernel or "")
    text = f"{clean_name(str(label.get(phase, phase)))}: {cut_middle(whole, _NAME_LENGTH)}"
    return Cell(text, sort=text, title=whole, phase=phase.partition(".")[0])


def _change_cell(change_w: float) -> Cell:
    sign = "+" if change_w > 0 else "\N{MINUS SIGN}" if change_w < 0 else ""
    return Cell(f"{sign}{power_text(abs(change_w))}", sort=change_w)


def _largest_cell(row: Row) -> Cell:
    layers = (row["from_layer"], row["to_layer"])
    told = [UNKNOWN if layer is None else str(layer) for layer in layers]
    where = f"rank {row['rank']}, GPU {row['device_id']}"
    title = where if layers == (None, None) else f"{where}, layer {_ARROW.join(told)}"
    change = _change_cell(row["largest_w"])
    return Cell(change.text, sort=change.sort, title=title)
