"""Columns of the page's tables: heading, meaning, how a cell is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from traceenergy.report.names import clean_name, cut_bytes, cut_middle, full_name
from traceenergy.report.quantities import (
    UNKNOWN,
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable

PATH_LENGTH = 80
# Stands at an energy whose split from its neighbors the data cannot decide.
INSEPARABLE = "\N{DAGGER}"
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One value of a table.

    Attributes
    ----------
    text
        As shown.
    note
        Shown small after the text, such as an interval.
    sort
        Key for sorting; None sorts last.
    title
        Full text for hovering; empty if the text is all.
    bar_pct
        Length of a bar behind the text, 0 to 100; None for no bar.
    bar_lo_pct, bar_hi_pct
        Ends of the interval under the bar; None for none.
    phase
        First-level phase whose color marks the cell; empty for none.
    """

    text: str
    note: str = ""
    sort: float | str | None = None
    title: str = ""
    bar_pct: float | None = None
    bar_lo_pct: float | None = None
    bar_hi_pct: float | None = None
    phase: str = ""


@dataclass(frozen=True)
class Heading:
    """Head of a column: its text, what it means, whether it holds numbers."""

    text: str
    help: str
    is_number: bool


@dataclass(frozen=True)
class Column:
    """How one column is written; `cell` turns a row into a cell."""

    heading: str
    help: str
    cell: Callable[[Row], Cell]
    is_number: bool = True
    needs_power: bool = False
    # Left out of the table where no row knows it.
    is_optional: bool = False


def device_name(row: Row) -> str:
    """Name a device by rank, index and model."""
    place = f"rank {row['rank']}, GPU {row['device_id']}"
    return f"{place}: {clean_name(row['name'])}" if row["name"] else place


def text_column(heading: str, cell: Callable[[Row], Cell], help_text: str = "") -> Column:
    """Make a column of text."""
    return Column(heading, help_text, cell, is_number=False)


def energy_column(heading: str, value: Callable[[Row], float | None], help_text: str) -> Column:
    """Make a column of energies, which time-only results leave out."""

    def cell(row: Row) -> Cell:
        return Cell(energy_text(value(row)), sort=_sortable(value(row)))

    return Column(heading, help_text, cell, needs_power=True)


def per_token_column(help_text: str) -> Column:
    """Make the column of energy per output token."""
    return energy_column("Energy per token", lambda row: row["j_per_token"], help_text)


def optional(column: Column) -> Column:
    """Leave the column out of tables where no row knows it."""
    return replace(column, is_optional=True)


def energy_columns(heading: str = "Energy") -> list[Column]:
    """Make the columns of energy with its interval, of its share."""
    return [
        Column(heading, "static and dynamic, with its interval", energy_cell, needs_power=True),
        Column(
            "Share of work",
            "part of the energy of all GPU work; the line under the bar is the interval",
            share_bar,
            needs_power=True,
        ),
    ]


def split_columns() -> list[Column]:
    """Make the columns of static, of dynamic energy."""
    return [
        energy_column("Static", lambda row: row["static_j"], "idle power times device time"),
        energy_column("Dynamic", lambda row: row["dynamic_j"], "added by activity"),
    ]


def time_columns(heading: str = "Busy time") -> list[Column]:
    """Make the columns of busy time, of mean power over it."""
    return [
        Column(heading, "union of its GPU work, summed over devices",
                lambda row: duration_cell(row["busy_s"])),
        power_column("Mean power", "mean_power_w", "energy over busy time"),
    ]  # fmt: skip


def path_columns() -> list[Column]:
    """Make the columns of the critical path: time, share, slack, what a row is worth a look for."""
    columns = (
        Column("Critical path", "time it holds the critical path",
               lambda row: duration_cell(row["critical_path_s"])),
        Column("Path share", "part of the elapsed time for which it holds the critical path",
               share_cell("path_share")),
        Column("Least slack", "how much later its work could end without a later end of all",
               lambda row: duration_cell(row["slack_s"])),
    )  # fmt: skip
    path, share, slack = (optional(column) for column in columns)
    return [path, share, quadrant_column(), slack]


def quadrant_column() -> Column:
    """Make the column of what a row is worth a look for."""
    rule = "the fewest rows that hold 80 % of the path, or of the energy"
    return optional(text_column("Worth a look for", _quadrant_cell, rule))


def _quadrant_cell(row: Row) -> Cell:
    return Cell(row["quadrant"] or UNKNOWN, sort=row["quadrant"])


def count_column(heading: str = "GPU work") -> Column:
    """Make the column that counts pieces of GPU work."""
    return Column(heading, "kernels, copies, memsets, graphs launched", count_cell("n_kernels"))


def power_column(heading: str, name: str, help_text: str) -> Column:
    """Make a column of powers."""

    def cell(row: Row) -> Cell:
        return Cell(power_text(row[name]), sort=_sortable(row[name]))

    return Column(heading, help_text, cell, needs_power=True)


def share_cell(name: str) -> Callable[[Row], Cell]:
    """Read a share from a row."""
    return lambda row: Cell(share_text(row[name]), sort=_sortable(row[name]))


def count_cell(name: str) -> Callable[[Row], Cell]:
    """Read a count from a row."""
    return lambda row: Cell(count_text(row[name]), sort=_sortable(row[name]))


def duration_cell(time_s: float | None) -> Cell:
    """Write a duration."""
    return Cell(duration_text(time_s), sort=_sortable(time_s))


def energy_cell(row: Row) -> Cell:
    """Write an energy with its interval, marked where its split is undecided."""
    together = [clean_name(name) for name in row["inseparable_with"] or ()]
    note = bounds_text(row["energy_j"], row["energy_lo_j"], row["energy_hi_j"])
    title = f"split undecided with {', '.join(together)}; the interval holds all splits" * bool(
        together
    )
    return Cell(
        energy_text(row["energy_j"]) + f" {INSEPARABLE}" * bool(together),
        note=f"({note})" if note else "",
        sort=_sortable(row["energy_j"]),
        title=cut_bytes(title, PATH_LENGTH * 5),
    )


def share_bar(row: Row) -> Cell:
    """Write a share of energy in front of a bar, its interval under it."""
    share = _sortable(row["energy_share"])
    energy_j = row["energy_j"]
    low, high = (
        share * row[name] / energy_j if share and energy_j and row.get(name) is not None else None
        for name in ("energy_lo_j", "energy_hi_j")
    )
    return Cell(
        share_text(share),
        sort=share,
        bar_pct=_pct(share),
        bar_lo_pct=_pct(low),
        bar_hi_pct=_pct(high),
    )


def _pct(share: float | None) -> float | None:
    return None if share is None else round(min(100.0, max(0.0, share * 100)), 1)


def phase_cell(row: Row) -> Cell:
    """Write a phase beside its color."""
    phase = row["name"].partition(".")[0]
    label = clean_name(row["label"] or row["name"])
    title = "" if label == row["name"] else row["name"]
    return Cell(label, sort=label, title=title, phase=phase)


def layer_cell(row: Row) -> Cell:
    """Write the index of a layer."""
    if row["layer"] is None:
        return Cell("in no layer", sort=None)
    return Cell(f"{row['layer']}", sort=float(row["layer"]))


def kernel_cell(row: Row, shown: dict[str, str]) -> Cell:
    """Write a kernel by its short name, in full on hover."""
    whole = full_name(row["full_name"] or row["name"])
    short = shown[row["name"]]
    return Cell(short, sort=short, title="" if whole == short else whole, phase=row["phase"])


def path_cell(row: Row) -> Cell:
    """Write the path of a range."""
    whole = full_name(row["name"])
    short = cut_middle(whole, PATH_LENGTH)
    return Cell(short, sort=whole[:PATH_LENGTH], title="" if whole == short else whole)


def step_cell(row: Row) -> Cell:
    """Write the name of a step."""
    name = cut_middle(clean_name(row["name"]), PATH_LENGTH)
    return Cell(name, sort=None if row["step"] is None else float(row["step"]))


def device_cell(row: Row) -> Cell:
    """Write the name of a device, its uuid on hover."""
    title = f"uuid {row['uuid']}" if row["uuid"] else ""
    return Cell(device_name(row), sort=device_name(row), title=title)


def sensor_cell(row: Row) -> Cell:
    """Write where power is from."""
    if not row["power_source"]:
        return Cell(UNKNOWN)
    return Cell(clean_name(row["power_source"]), note=sensor_text(row), sort=row["power_source"])


def sensor_text(row: Row) -> str:
    """Say how a device's sensor behaves: period, averaging window, lag."""
    parts = [
        f"{what} {significant(row[name])} ms"
        for what, name in (
            ("every", "sensor_period_ms"),
            ("averaged over", "sensor_window_ms"),
            ("late by", "sensor_lag_ms"),
        )
        if row[name]
    ]
    if row["sensor_window_ms"] == 0:
        parts.append("instantaneous")
    low_ms, high_ms = row["sensor_lag_lo_ms"], row["sensor_lag_hi_ms"]
    if low_ms is not None and high_ms is not None:
        parts.append(f"fitted: {significant(low_ms)} to {significant(high_ms)} ms late")
    return ", ".join(parts)


def elapsed_s(row: Row) -> float | None:
    """Measure a step from its first to its last GPU work [s]."""
    if row["start_ns"] is None or row["end_ns"] is None:
        return None
    return float((row["end_ns"] - row["start_ns"]) * S_PER_NS)


def ratio(value: float | None, count: int | None) -> float | None:
    """Divide; None if either is unknown or there is nothing to divide by."""
    return value / count if value is not None and count else None


def _sortable(value: float | None) -> float | None:
    """Return the value, or None for NaN, which sorts nowhere."""
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - NaN test
