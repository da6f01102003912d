"""Tables of the page: columns, order, rounding, how much was cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from traceenergy.report import quantities
from traceenergy.report.names import clean_name, cut_middle, full_name, short_names
from traceenergy.report.quantities import (
    UNKNOWN,
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
)
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from traceenergy.analysis.model import Analysis

# More rows than people scroll through; keeps a page under 3 MB.
MAX_ROWS = 300
_PATH_LENGTH = 80
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
    phase
        First-level phase whose color marks the cell; empty for none.
    """

    text: str
    note: str = ""
    sort: float | str | None = None
    title: str = ""
    bar_pct: float | None = None
    phase: str = ""


@dataclass(frozen=True)
class Heading:
    """Head of a column: its text, what it means, whether it holds numbers."""

    text: str
    help: str
    is_number: bool


@dataclass(frozen=True)
class TableView:
    """A table as the page shows it.

    Attributes
    ----------
    table_id
        Anchor within the page.
    caption
        What the rows are; also what screen readers announce.
    headings, rows
        First cell of a row is its heading.
    cut_note
        How many rows and how much energy are left out; empty if none.
    searchable
        Whether a search field helps.
    """

    table_id: str
    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    cut_note: str = ""
    searchable: bool = False


@dataclass(frozen=True)
class _Column:
    heading: str
    help: str
    cell: Callable[[Row], Cell]
    is_number: bool = True
    needs_power: bool = field(default=False)


def phase_table(result: Analysis) -> TableView:
    """Lay out the phases, by energy."""
    return _table(
        result,
        "phase-table",
        "Phases, first level, by energy",
        result.phases,
        [_text("Phase", _phase_cell), *_energy(), *_split(), *_time(), _critical_path(), _count()],
    )


def subphase_table(result: Analysis) -> TableView:
    """Lay out the parts of phases, by energy."""
    return _table(
        result,
        "subphase-table",
        "Parts of phases, by energy",
        result.subphases,
        [_text("Part", _phase_cell), *_energy(), *_split(), *_time(), _count()],
    )


def layer_table(result: Analysis) -> TableView:
    """Lay out the layers, by index."""
    return _table(
        result,
        "layer-table",
        "Layers, in order of the model",
        result.layers,
        [_text("Layer", _layer_cell), *_energy(), *_split(), *_time(), _count()],
    )


def kernel_table(result: Analysis) -> TableView:
    """Lay out the kernels, by energy; names short, in full on hover."""
    frame = result.kernels.head(MAX_ROWS)
    shown = dict(zip(frame["name"], short_names(frame["name"].to_list()), strict=True))
    name = _text("Kernel", lambda row: _kernel_cell(row, shown))
    phase = _text("Phase", lambda row: Cell(row["subphase"], sort=row["subphase"]))
    per_launch = _energy_column(
        "Energy per launch",
        lambda row: _ratio(row["energy_j"], row["n_kernels"]),
        "energy divided by the number of launches",
    )
    columns = [name, phase, *_energy(), per_launch, *_time(), _count("Launches")]
    return _table(result, "kernel-table", "Kernels, by energy", result.kernels, columns)


def range_table(result: Analysis) -> TableView:
    """Lay out the NVTX ranges, by energy of their own work."""
    inclusive = _energy_column(
        "With inner ranges",
        lambda row: row["inclusive_energy_j"],
        "energy of the range and of all ranges inside it; rows overlap, so they do not sum",
    )
    entered = _Column(
        "Entered", "times the range was entered with GPU work in it", _counted("n_instances")
    )
    columns = [_text("Range", _path_cell), *_energy(), inclusive, *_time(), entered, _count()]
    return _table(result, "range-table", "NVTX ranges, by energy of their own work",
                  result.ranges, columns)  # fmt: skip


def step_table(result: Analysis) -> TableView:
    """Lay out the steps, in order of time."""
    elapsed = _Column(
        "Elapsed", "last GPU work minus first", lambda row: _duration(_elapsed_s(row))
    )
    tokens = _Column("Tokens", "output tokens of the step", _counted("tokens"))
    per_token = _energy_column(
        "Energy per token", lambda row: _ratio(row["energy_j"], row["tokens"]), "where known"
    )
    kind = _text("Kind", lambda row: Cell(row["kind"], sort=row["kind"]))
    columns = [_text("Step", _step_cell), kind, *_energy(), elapsed, *_time(), tokens, per_token,
               _count()]  # fmt: skip
    return _table(result, "step-table", "Steps, in order of time", result.steps, columns)


def device_table(result: Analysis) -> TableView:
    """Lay out the devices with their balance."""
    columns = [
        _text("Device", _device_cell),
        *(
            _energy_column(heading, lambda row, name=name: row[name], help_text)  # type: ignore[misc]
            for heading, name, help_text in (
                ("Total", "total_j", "measured over the window"),
                ("GPU work", "kernel_j", "kernels, copies, memsets, graphs"),
                ("Idle gaps", "idle_gap_j", "while no GPU work ran"),
                ("Unattributed", "unattributed_j", "measured, but given to no cause"),
                ("Board counter", "energy_counter_j", "by the board's own energy counter"),
            )
        ),
        _power("Mean power", "mean_power_w", "energy over the time that samples cover"),
        _power("Peak sample", "peak_power_w", "highest sample in the window"),
        _power("Idle power", "idle_power_w", "power without GPU work"),
        _Column("Busy", "part of the window with GPU work", _share("busy_share")),
        _Column("Covered", "part of the window that power samples cover", _share("coverage_share")),
        _text("Power from", _sensor_cell),
    ]
    frame = result.devices
    return _table(result, "device-table", "Devices with their energy balance", frame, columns)


def device_name(row: Row) -> str:
    """Name a device by rank, index and model."""
    place = f"rank {row['rank']}, GPU {row['device_id']}"
    return f"{place}: {clean_name(row['name'])}" if row["name"] else place


def phase_label(result: Analysis) -> dict[str, str]:
    """Map phases to their names for people."""
    pairs = zip(result.phases["name"], result.phases["label"], strict=True)
    return {name: clean_name(label) for name, label in pairs}


def _table(
    result: Analysis, table_id: str, caption: str, frame: pl.DataFrame, columns: list[_Column]
) -> TableView:
    has_power = result.energy.total_j is not None
    if not has_power:
        caption = caption.replace("by energy", "by busy time")
    used = [column for column in columns if has_power or not column.needs_power]
    return TableView(
        table_id=table_id,
        caption=caption,
        headings=tuple(Heading(c.heading, c.help, c.is_number) for c in used),
        rows=tuple(
            tuple(column.cell(row) for column in used)
            for row in frame.head(MAX_ROWS).iter_rows(named=True)
        ),
        cut_note=_cut_note(frame),
        searchable=frame.height > 10,  # noqa: PLR2004 - fewer are seen at a glance
    )


def _cut_note(frame: pl.DataFrame) -> str:
    if frame.height <= MAX_ROWS:
        return ""
    note = f"{MAX_ROWS:,} of {frame.height:,} rows"
    rest_share = float(frame["energy_share"].slice(MAX_ROWS).sum())
    known = frame["energy_share"].null_count() < frame.height
    rest = f"the rest, {share_text(rest_share)} of the energy of GPU work," if known else "the rest"
    return f"{note}; {rest} is in the .sqlite output and in the folder of parquet tables."


def _text(heading: str, cell: Callable[[Row], Cell], help_text: str = "") -> _Column:
    return _Column(heading, help_text, cell, is_number=False)


def _energy_column(heading: str, value: Callable[[Row], float | None], help_text: str) -> _Column:
    def cell(row: Row) -> Cell:
        return Cell(energy_text(value(row)), sort=_sortable(value(row)))

    return _Column(heading, help_text, cell, needs_power=True)


def _energy() -> list[_Column]:
    return [
        _Column("Energy", "static and dynamic, with its interval", _energy_cell, needs_power=True),
        _Column(
            "Share of work", "part of the energy of all GPU work", _share_bar, needs_power=True
        ),
    ]


def _split() -> list[_Column]:
    return [
        _energy_column("Static", lambda row: row["static_j"], "idle power times device time"),
        _energy_column("Dynamic", lambda row: row["dynamic_j"], "added by activity"),
    ]


def _time() -> list[_Column]:
    return [
        _Column("Busy time", "union of its GPU work, summed over devices",
                lambda row: _duration(row["busy_s"])),
        _power("Mean power", "mean_power_w", "energy over busy time"),
    ]  # fmt: skip


def _critical_path() -> _Column:
    help_text = "time it holds the critical path; not computed by this version"
    return _Column("Critical path", help_text, lambda row: _duration(row["critical_path_s"]))


def _count(heading: str = "GPU work") -> _Column:
    return _Column(heading, "kernels, copies, memsets, graphs launched", _counted("n_kernels"))


def _power(heading: str, name: str, help_text: str) -> _Column:
    def cell(row: Row) -> Cell:
        return Cell(power_text(row[name]), sort=_sortable(row[name]))

    return _Column(heading, help_text, cell, needs_power=True)


def _share(name: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(share_text(row[name]), sort=_sortable(row[name]))


def _counted(name: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(count_text(row[name]), sort=_sortable(row[name]))


def _duration(time_s: float | None) -> Cell:
    return Cell(duration_text(time_s), sort=_sortable(time_s))


def _energy_cell(row: Row) -> Cell:
    together = [clean_name(name) for name in row["inseparable_with"] or ()]
    note = bounds_text(row["energy_j"], row["energy_lo_j"], row["energy_hi_j"])
    title = f"split undecided with {', '.join(together)}; the interval is that of all" * bool(
        together
    )
    return Cell(
        energy_text(row["energy_j"]) + f" {INSEPARABLE}" * bool(together),
        note=f"({note})" if note else "",
        sort=_sortable(row["energy_j"]),
        title=cut_middle(title, _PATH_LENGTH * 5),
    )


def _share_bar(row: Row) -> Cell:
    share = _sortable(row["energy_share"])
    pct = None if share is None else round(min(100.0, max(0.0, share * 100)), 1)
    return Cell(share_text(share), sort=share, bar_pct=pct)


def _phase_cell(row: Row) -> Cell:
    phase = row["name"].partition(".")[0]
    label = clean_name(row["label"] or row["name"])
    title = "" if label == row["name"] else row["name"]
    return Cell(label, sort=label, title=title, phase=phase)


def _layer_cell(row: Row) -> Cell:
    if row["layer"] is None:
        return Cell("in no layer", sort=None)
    return Cell(f"{row['layer']}", sort=float(row["layer"]))


def _kernel_cell(row: Row, shown: dict[str, str]) -> Cell:
    whole = full_name(row["full_name"] or row["name"])
    short = shown[row["name"]]
    return Cell(short, sort=short, title="" if whole == short else whole, phase=row["phase"])


def _path_cell(row: Row) -> Cell:
    whole = full_name(row["name"])
    short = cut_middle(whole, _PATH_LENGTH)
    return Cell(short, sort=whole[:_PATH_LENGTH], title="" if whole == short else whole)


def _step_cell(row: Row) -> Cell:
    name = cut_middle(clean_name(row["name"]), _PATH_LENGTH)
    return Cell(name, sort=None if row["step"] is None else float(row["step"]))


def _device_cell(row: Row) -> Cell:
    title = f"uuid {row['uuid']}" if row["uuid"] else ""
    return Cell(device_name(row), sort=device_name(row), title=title)


def _sensor_cell(row: Row) -> Cell:
    if not row["power_source"]:
        return Cell(UNKNOWN)
    return Cell(clean_name(row["power_source"]), note=sensor_text(row), sort=row["power_source"])


def sensor_text(row: Row) -> str:
    """Say how a device's sensor behaves: period, averaging window, lag."""
    parts = [
        f"{what} {quantities.significant(row[name])} ms"
        for what, name in (
            ("every", "sensor_period_ms"),
            ("averaged over", "sensor_window_ms"),
            ("late by", "sensor_lag_ms"),
        )
        if row[name]
    ]
    if row["sensor_window_ms"] == 0:
        parts.append("instantaneous")
    return ", ".join(parts)


def _elapsed_s(row: Row) -> float | None:
    if row["start_ns"] is None or row["end_ns"] is None:
        return None
    return float((row["end_ns"] - row["start_ns"]) * S_PER_NS)


def _ratio(value: float | None, count: int | None) -> float | None:
    return value / count if value is not None and count else None


def _sortable(value: float | None) -> float | None:
    """Return the value, or None for NaN, which sorts nowhere."""
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - NaN test
