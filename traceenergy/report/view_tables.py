"""Tables of the page: columns, order, rounding, how much was cut."""

from __future__ import annotations

import hashlib
import re
from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, short_names
from traceenergy.report.quantities import share_text
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Heading,
    count_cell,
    count_column,
    device_cell,
    duration_cell,
    elapsed_s,
    energy_column,
    energy_columns,
    kernel_cell,
    layer_cell,
    optional,
    path_cell,
    path_columns,
    per_token_column,
    phase_cell,
    power_column,
    ratio,
    sensor_cell,
    share_cell,
    split_columns,
    step_cell,
    text_column,
    time_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.model import Analysis

# More rows than people scroll through; keeps a page under 3 MB.
MAX_ROWS = 300
_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_DIGEST_LENGTH = 10


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
    row_ids
        Anchor of each row, the same in every page that has this row.
    n_rows
        Rows that there are; more than `rows` where the table is cut.
    cut_note
        How many rows and how much energy are left out; empty if none.
    searchable
        Whether a search field helps.
    """

    table_id: str
    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    row_ids: tuple[str, ...] = ()
    n_rows: int = 0
    cut_note: str = ""
    searchable: bool = False


def phase_table(result: Analysis) -> TableView:
    """Lay out the phases, by energy."""
    return lay_out(
        result,
        "phase-table",
        "Phases, first level, by energy",
        with_quadrants(result, "phase", result.phases),
        [
            text_column("Phase", phase_cell),
            *energy_columns(),
            *path_columns(),
            *split_columns(),
            *time_columns(),
            optional(per_token_column("energy over the output tokens of the run")),
            count_column(),
        ],
    )


def subphase_table(result: Analysis) -> TableView:
    """Lay out the parts of phases, by energy."""
    return lay_out(
        result,
        "subphase-table",
        "Parts of phases, by energy",
        result.subphases,
        [
            text_column("Part", phase_cell),
            *energy_columns(),
            *split_columns(),
            *time_columns(),
            count_column(),
        ],
    )


def layer_table(result: Analysis) -> TableView:
    """Lay out the layers, by index."""
    return lay_out(
        result,
        "layer-table",
        "Layers, in order of the model",
        with_quadrants(result, "layer", result.layers),
        [
            text_column("Layer", layer_cell),
            *energy_columns(),
            *path_columns(),
            *split_columns(),
            *time_columns(),
            count_column(),
        ],
    )


def kernel_table(result: Analysis) -> TableView:
    """Lay out the kernels, by energy; names short, in full on hover."""
    frame = result.kernels.head(MAX_ROWS)
    shown = dict(zip(frame["name"], short_names(frame["name"].to_list()), strict=True))
    name = text_column("Kernel", lambda row: kernel_cell(row, shown))
    phase = text_column("Phase", lambda row: Cell(row["subphase"], sort=row["subphase"]))
    per_launch = energy_column(
        "Energy per launch",
        lambda row: ratio(row["energy_j"], row["n_kernels"]),
        "energy divided by the number of launches",
    )
    columns = [
        name,
        phase,
        *energy_columns(),
        *path_columns(),
        per_launch,
        *time_columns(),
        count_column("Launches"),
    ]
    kernels = with_quadrants(result, "kernel", result.kernels)
    return lay_out(result, "kernel-table", "Kernels, by energy", kernels, columns)


def range_table(result: Analysis) -> TableView:
    """Lay out the NVTX ranges around launches, by energy with the ranges inside."""
    caption = "NVTX ranges, by energy with inner ranges"
    return _range_table(result, "range-table", caption, result.ranges, "Entered")


def capture_range_table(result: Analysis) -> TableView:
    """Lay out the NVTX ranges in which graphs were captured, by energy with the ranges inside."""
    caption = "NVTX ranges in which CUDA graphs were captured, by energy with inner ranges"
    frame = result.capture_ranges
    return _range_table(result, "capture-range-table", caption, frame, "Captured")


def _range_table(
    result: Analysis, table_id: str, caption: str, frame: pl.DataFrame, entered_heading: str
) -> TableView:
    inclusive = energy_column(
        "With inner ranges",
        lambda row: row["inclusive_energy_j"],
        "energy of the range and of all ranges inside it; rows overlap, so they do not sum",
    )
    inclusive_time = Column(
        "Busy with inner",
        "union of the GPU work of the range and of all ranges inside it",
        lambda row: duration_cell(row["inclusive_busy_s"]),
    )
    # Names of ranges are long: no further columns.
    own_energy, _ = energy_columns("Own energy")
    own_time, _ = time_columns("Own busy time")
    entered = Column(
        entered_heading,
        "times the range was entered with GPU work in it",
        count_cell("n_instances"),
    )
    columns = [
        text_column("Range", path_cell),
        inclusive,
        inclusive_time,
        own_energy,
        own_time,
        entered,
    ]
    return lay_out(result, table_id, caption, frame, columns)


def step_table(result: Analysis) -> TableView:
    """Lay out the steps, in order of time."""
    elapsed = Column(
        "Elapsed", "last GPU work minus first", lambda row: duration_cell(elapsed_s(row))
    )
    tokens = optional(Column("Tokens", "output tokens of the step", count_cell("tokens")))
    per_token = optional(
        energy_column(
            "Energy per token", lambda row: ratio(row["energy_j"], row["tokens"]), "where known"
        )
    )
    kind = text_column("Kind", lambda row: Cell(row["kind"], sort=row["kind"]))
    columns = [
        text_column("Step", step_cell),
        kind,
        *energy_columns(),
        *path_columns(),
        elapsed,
        *time_columns(),
        tokens,
        per_token,
        count_column(),
    ]
    steps = with_quadrants(result, "step", result.steps)
    return lay_out(result, "step-table", "Steps, in order of time", steps, columns)


def step_kind_table(result: Analysis) -> TableView:
    """Lay out the kinds of steps: prefill, decode, mixed, train."""
    count = Column("Steps", "steps of this kind", count_cell("n_steps"))
    columns = [
        text_column("Kind", lambda row: Cell(row["kind"], sort=row["kind"])),
        count,
        *energy_columns(),
        *split_columns(),
        *time_columns(),
        energy_column("Energy per step", itemgetter("mean_step_j"), "energy over steps"),
        Column(
            "Time per step",
            "last GPU work minus first, mean",
            lambda row: duration_cell(row["mean_step_s"]),
        ),
        optional(Column("Tokens", "output tokens, where known", count_cell("tokens"))),
        optional(per_token_column("energy over tokens, of steps whose tokens are known")),
    ]
    return lay_out(result, "step-kind-table", "Steps by kind", result.step_kinds, columns)


def device_table(result: Analysis) -> TableView:
    """Lay out the devices with their balance."""
    columns = [
        text_column("Device", device_cell),
        *(
            energy_column(heading, itemgetter(name), help_text)
            for heading, name, help_text in (
                ("Total", "total_j", "measured over the window"),
                ("GPU work", "kernel_j", "kernels, copies, memsets, graphs"),
                ("Idle gaps", "idle_gap_j", "while no GPU work ran"),
                ("Unattributed", "unattributed_j", "measured, but given to no cause"),
            )
        ),
        optional(
            energy_column(
                "Board counter",
                lambda row: row["energy_counter_j"],
                "by the board's own energy counter",
            )
        ),
        optional(
            Column(
                "Counter / field",
                "energy by the counter over that by the power field alone",
                share_cell("energy_counter_ratio"),
            )
        ),
        power_column("Mean power", "mean_power_w", "energy over the time that samples cover"),
        power_column("Peak sample", "peak_power_w", "highest sample in the window"),
        power_column("Idle power", "idle_power_w", "power without GPU work"),
        Column("Busy", "part of the window with GPU work", share_cell("busy_share")),
        Column(
            "Covered", "part of the window that power samples cover", share_cell("coverage_share")
        ),
        text_column("Power from", sensor_cell),
    ]
    frame = result.devices
    return lay_out(result, "device-table", "Devices with their energy balance", frame, columns)


def with_quadrants(result: Analysis, level: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Add what each row is worth a look for; null where that was not found out."""
    told = {
        entry["name"]: entry["quadrant"]
        for entry in result.max_vs_sum.get("levels") or ()
        if entry["level"] == level
    }
    quadrant = pl.Series("quadrant", map(told.get, frame["name"]), dtype=pl.String)
    return frame.with_columns(quadrant)


def phase_label(result: Analysis) -> dict[str, str]:
    """Map phases to their names for people."""
    pairs = zip(result.phases["name"], result.phases["label"], strict=True)
    return {name: clean_name(label) for name, label in pairs}


def lay_out(
    result: Analysis, table_id: str, caption: str, frame: pl.DataFrame, columns: list[Column]
) -> TableView:
    """Write the rows of a table, without the columns that nothing is known of."""
    has_power = result.energy.total_j is not None
    if not has_power:
        caption = caption.replace("by energy", "by busy time")
    used = [column for column in columns if has_power or not column.needs_power]
    rows = [
        tuple(column.cell(row) for column in used)
        for row in frame.head(MAX_ROWS).iter_rows(named=True)
    ]
    kept = [
        index
        for index, column in enumerate(used)
        if not column.is_optional or any(row[index].sort is not None for row in rows)
    ]
    return TableView(
        table_id=table_id,
        caption=caption,
        headings=tuple(
            Heading(used[index].heading, used[index].help, used[index].is_number) for index in kept
        ),
        rows=tuple(tuple(row[index] for index in kept) for row in rows),
        row_ids=tuple(_row_ids(table_id, [row[0] for row in rows])),
        n_rows=frame.height,
        cut_note=_cut_note(frame),
        searchable=frame.height > 5,  # noqa: PLR2004 - fewer are seen at a glance
    )


def _row_ids(table_id: str, heads: list[Cell]) -> Iterator[str]:
    """Name rows by their headings: as they stand if they are words, else by a digest of them."""
    seen: dict[str, int] = {}
    for head in heads:
        name = head.title or head.text
        key = name.lower().replace(" ", "-")
        if not _WORD.fullmatch(key):
            key = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:_DIGEST_LENGTH]
        seen[key] = seen.get(key, 0) + 1
        yield f"{table_id}-{key}" + f":{seen[key]}" * (seen[key] > 1)


def _cut_note(frame: pl.DataFrame) -> str:
    if frame.height <= MAX_ROWS:
        return ""
    note = f"{MAX_ROWS:,} of {frame.height:,} rows"
    rest = "the rest"
    if "energy_share" in frame.columns and frame["energy_share"].null_count() < frame.height:
        share = float(frame["energy_share"].slice(MAX_ROWS).sum())
        rest = f"the rest, {share_text(share)} of the energy of GPU work,"
    return f"{note}; {rest} is in the .sqlite output and in the folder of parquet tables."
