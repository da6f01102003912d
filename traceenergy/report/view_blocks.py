"""The average blocks as the page shows them: waveform, table, what they rest on."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name
from traceenergy.report.quantities import (
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Row,
    energy_cell,
    phase_cell,
    share_bar,
    share_cell,
    text_column,
)
from traceenergy.report.view_tables import TableView, lay_out

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

# The kinds of most energy, that is; further ones have their tables.
MAX_WAVEFORMS = 3
_S_PER_US = 1e-6
LAYER_NAMES = {"moe": "MoE", "dense": "dense"}
_DIGITS = 6


@dataclass(frozen=True)
class WaveView:
    """Stretches of an average block, in order, each of constant power.

    Attributes
    ----------
    start_us, end_us
        Each ends where the next begins.
    power_w, power_lo_w, power_hi_w, beside_w
        Power with its interval, and the part of it by work on other streams.
    static_w
        Idle power.
    phases, beside_phases
        First-level phases, for colors; empty for none.
    texts, titles
        Name at the widest stretch of each part, empty at others; what hovering tells.
    """

    start_us: tuple[float, ...]
    end_us: tuple[float, ...]
    power_w: tuple[float, ...]
    power_lo_w: tuple[float, ...]
    power_hi_w: tuple[float, ...]
    beside_w: tuple[float, ...]
    static_w: float
    phases: tuple[str, ...]
    beside_phases: tuple[str, ...]
    texts: tuple[str, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True)
class BlockView:
    """The average block of one kind."""

    title: str
    caption: str
    waveform: WaveView | None
    table: TableView


def block_views(result: Analysis) -> tuple[BlockView, ...]:
    """Lay out the average blocks, those of most energy first.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    tuple of BlockView
        Empty without layers.
    """
    views: list[BlockView] = []
    for (name,), rows in result.blocks.group_by("block", maintain_order=True):
        whole = next(rows.filter(pl.col("position").is_null()).iter_rows(named=True), None)
        if whole is None:  # of a result that somebody cut
            continue
        title = f"{_kind(whole)} block, {_steps(whole)}"
        title = title[0].upper() + title[1:]
        wave = result.block_waveform.filter(pl.col("block") == name)
        drawn = wave.height > 0 and len(views) < MAX_WAVEFORMS
        views.append(
            BlockView(
                title=title,
                caption=_caption(result, whole, drawn=drawn),
                waveform=_wave_view(wave, rows) if drawn else None,
                table=_table(result, rows, len(views), title),
            )
        )
    return tuple(views)


def _kind(whole: Row) -> str:
    way = "backward " * whole["is_backward"]
    return f"{way}{LAYER_NAMES[whole['layer_kind']]}"


def _steps(whole: Row) -> str:
    known = whole["step_kind"] != "unknown"
    return f"{whole['step_kind']} steps" if known else "steps of unknown kind"


def _caption(result: Analysis, whole: Row, *, drawn: bool) -> str:
    n = whole["n_instances"]
    energy = energy_text(whole["energy_j"])
    bounds = bounds_text(whole["energy_j"], whole["energy_lo_j"], whole["energy_hi_j"])
    parts = [
        f"Average of {count_text(n)} {_kind(whole)} block{'s' * (n != 1)} of {_steps(whole)}: "
        f"{duration_text(whole['duration_us'] * _S_PER_US)}"
        + (f", {energy} ({bounds})" if bounds else "")
        + "."
    ]
    if drawn:
        basis = "class powers" if result.energy.method == "regression" else "shares of time"
        parts.append(
            f"Power is reconstructed from {basis}, not measured at this resolution. At the foot: "
            "idle power. Hatched: work on another stream. Pale band: interval, which may go "
            "beyond the chart."
        )
    if whole["n_with_energy"] < n and bounds:
        parts.append(f"Energy is known of {count_text(whole['n_with_energy'])} of them.")
    return " ".join([*parts, *_left_out(whole)])


def _left_out(whole: Row) -> list[str]:
    left = [
        f"{count_text(whole[column])} {why}"
        for column, why in (
            ("n_cut", "not wholly in the window"),
            ("n_other_order", "whose phases follow in another order"),
        )
        if whole[column]
    ]
    n_left = whole["n_cut"] + whole["n_other_order"]
    share = share_text(n_left / (whole["n_instances"] + n_left))
    return [f"Left out: {' and '.join(left)} ({share} of all)."] if left else []


def _table(result: Analysis, rows: pl.DataFrame, number: int, title: str) -> TableView:
    columns = [
        text_column("Part", _part_cell),
        Column("Begin", "mean, since the begin of the block", _begin_cell),
        Column("Duration", "mean and standard deviation over the blocks", _duration_cell),
        Column("Share of time", "duration over that of the block; what overlaps counts twice",
               share_cell("time_share")),
        Column("Energy", "mean, with its interval", energy_cell, needs_power=True),
        Column("Share of energy", "part of the energy of the block's work", share_bar,
               needs_power=True),
        Column("Mean power", "energy over busy time, with its interval", _power_cell,
               needs_power=True),
        Column("GPU work", "kernels, copies, memsets of one block", _count_cell),
    ]  # fmt: skip
    caption = f"{title}: parts in order of begin"
    return lay_out(result, f"block-table-{number}", caption, rows, columns)


def _part_cell(row: Row) -> Cell:
    if row["position"] is None:
        return Cell("whole block", sort=None)
    cell = phase_cell(row | {"name": row["subphase"]})
    if row["beside"]:
        cell = replace(cell, note="beside", title="on another stream than most of the block")
    return replace(cell, sort=float(row["position"]))


def _begin_cell(row: Row) -> Cell:
    return Cell(duration_text(row["start_us"] * _S_PER_US), sort=row["start_us"])


def _duration_cell(row: Row) -> Cell:
    spread = row["duration_sd_us"]
    note = "" if spread is None else f"± {duration_text(spread * _S_PER_US, 2)}"
    text = duration_text(row["duration_us"] * _S_PER_US)
    return Cell(text, note=note, sort=row["duration_us"])


def _power_cell(row: Row) -> Cell:
    low_w, high_w = row["mean_power_lo_w"], row["mean_power_hi_w"]
    known = low_w is not None and high_w is not None
    note = f"({low_w:,.0f}\N{EN DASH}{high_w:,.0f})" if known else ""
    return Cell(power_text(row["mean_power_w"]), note=note, sort=row["mean_power_w"])


def _count_cell(row: Row) -> Cell:
    return Cell(f"{row['n_kernels']:,.4g}", sort=row["n_kernels"])


def _wave_view(wave: pl.DataFrame, rows: pl.DataFrame) -> WaveView:
    parts = rows.drop_nulls("position")
    labels = {
        name: clean_name(label) for name, label in parts.select("subphase", "label").iter_rows()
    }
    stretches = list(wave.sort("start_us").iter_rows(named=True))
    numbers = {
        name: tuple(float(f"{value:.{_DIGITS}g}") for value in wave[name])
        for name in ("start_us", "end_us", "power_w", "power_lo_w", "power_hi_w", "beside_w")
    }
    first = pl.col("beside").str.extract(r"^([^.]+)").fill_null("")
    return WaveView(
        **numbers,
        static_w=float(wave["static_w"][0]),
        phases=tuple(wave["phase"]),
        beside_phases=tuple(wave.select(first)["beside"]),
        texts=_texts(stretches, labels),
        titles=tuple(_hover(stretch, labels) for stretch in stretches),
    )


def _texts(stretches: list[Row], labels: dict[str, str]) -> tuple[str, ...]:
    """Name the widest stretch of those of one part that follow each other."""
    texts: list[str] = []
    for subphase, same in groupby(stretches, key=itemgetter("subphase")):
        widths = [one["end_us"] - one["start_us"] for one in same]
        widest = widths.index(max(widths))
        name = labels.get(subphase, "")
        texts += [name if index == widest else "" for index in range(len(widths))]
    return tuple(texts)


def _hover(stretch: Row, labels: dict[str, str]) -> str:
    name = labels.get(stretch["subphase"], "gap at idle power")
    if stretch["beside"] is not None:
        name += f", beside it {labels.get(stretch['beside'], stretch['beside'])}"
    return (
        f"{name}: {stretch['start_us']:.1f} to {stretch['end_us']:.1f} µs, "
        f"{power_text(stretch['power_w'])} "
        f"({stretch['power_lo_w']:.0f}\N{EN DASH}{stretch['power_hi_w']:.0f})"
    )
