"""Tables of what GPUs wait for each other: collectives, stragglers, balance of experts."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.report.names import short_names
from traceenergy.report.quantities import UNKNOWN, bounds_text, energy_text, significant
from traceenergy.report.view_charts import MAX_LAYER_BARS
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Row,
    count_cell,
    duration_cell,
    energy_column,
    kernel_cell,
    layer_cell,
    optional,
    share_cell,
    text_column,
)
from traceenergy.report.view_path_tables import duration_column
from traceenergy.report.view_tables import MAX_ROWS, lay_out

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_tables import TableView

_S_PER_US = 1e-6
_DIGITS = 6


@dataclass(frozen=True)
class ExpertView:
    """Time of routed experts by layer: of the mean GPU, how much more the busiest one takes."""

    layers: tuple[int, ...]
    mean_s: tuple[float, ...]
    over_s: tuple[float, ...]


def collective_table(result: Analysis) -> TableView:
    """Lay out the collectives: waiting for the slowest GPU beside moving data."""
    names = result.collectives["name"].head(MAX_ROWS).to_list()
    shown = dict(zip(names, short_names(names), strict=True))
    columns = [
        text_column("Kernel", lambda row: kernel_cell(row | {"full_name": row["name"]}, shown)),
        Column("Collectives", "found on several GPUs", count_cell("n_groups")),
        duration_column("Waiting", "wait_s", "before the last GPU began, summed over GPUs"),
        duration_column("Moving", "moving_s", "after that, summed over GPUs"),
        Column("Share waiting", "part of its time", share_cell("wait_share")),
        _mean_column("Mean wait", "mean_wait_us", "of one GPU in one collective"),
        bounded_column("Energy waiting", "wait_energy", "while waiting, by share of time"),
        energy_column("Energy", itemgetter("energy_j"), "of all matched kernels"),
        Column("Unmatched", "kernels without a counterpart", count_cell("n_unmatched")),
        duration_column("Unmatched time", "unmatched_s", "of which waiting cannot be told"),
    ]
    caption = "Collectives: waiting for the slowest GPU, moving data"
    return lay_out(result, "collective-table", caption, result.collectives, columns)


def straggler_table(result: Analysis) -> TableView:
    """Lay out the devices by the waiting that they caused."""
    columns = [
        text_column("Device", _place_cell),
        Column("Last", "matched collectives that it began last", count_cell("n_last")),
        Column("Share last", "of the collectives that it took part in", share_cell("last_share")),
        _mean_column("Mean lateness", "mean_lateness_us", "behind the median GPU, where last"),
        duration_column("Caused waiting", "caused_wait_s", "of others, where it was last"),
        bounded_column("Energy of that", "caused_wait", "of the others, while they waited"),
        duration_column("Own waiting", "own_wait_s", "for others"),
        bounded_column("Energy of own", "own_wait", "of its own, while it waited"),
    ]
    caption = "Stragglers: who is waited for"
    return lay_out(result, "straggler-table", caption, result.stragglers, columns)


def expert_table(result: Analysis) -> TableView:
    """Lay out the layers by how evenly GPUs share the work of their experts."""
    columns = [
        text_column("Layer", layer_cell),
        Column("Imbalance", "busiest GPU of each pass over the mean GPU", _imbalance_cell),
        duration_column("Mean GPU", "mean_busy_s", "time of routed experts, over all passes"),
        duration_column("Busiest GPU", "max_busy_s", "of each pass, over all passes"),
        text_column("Busiest over all", _place_cell, "the GPU of most time of routed experts"),
        bounded_column("Energy", "energy", "of routed experts on all GPUs"),
        energy_column("Of the busiest", itemgetter("device_energy_j"), "energy of that GPU"),
        duration_column("Waiting", "wait_s", "in collectives around the experts, all GPUs"),
        energy_column("Energy waiting", itemgetter("wait_energy_j"), "in that time"),
        Column("Passes", "times that several GPUs ran them", count_cell("n_passes")),
    ]
    caption = "Balance of routed experts over GPUs, by layer"
    return lay_out(result, "expert-table", caption, result.expert_balance, columns)


def expert_bars(result: Analysis) -> ExpertView | None:
    """Choose the bars of the balance of experts; None without any."""
    rows = result.expert_balance.drop_nulls("layer").sort("layer").head(MAX_LAYER_BARS)
    if rows.height == 0:
        return None
    return ExpertView(
        layers=tuple(rows["layer"]),
        mean_s=tuple(_rounded(rows["mean_busy_s"])),
        over_s=tuple(_rounded(rows["max_busy_s"] - rows["mean_busy_s"])),
    )


def bounded_column(heading: str, name: str, help_text: str) -> Column:
    """Make a column of energies with their intervals, from columns of one beginning."""

    def cell(row: Row) -> Cell:
        energy_j, low_j, high_j = (row[f"{name}_{end}"] for end in ("j", "lo_j", "hi_j"))
        bounds = bounds_text(energy_j, low_j, high_j)
        return Cell(energy_text(energy_j), note=f"({bounds})" if bounds else "", sort=energy_j)

    return optional(Column(heading, help_text, cell, needs_power=True))


def _mean_column(heading: str, name: str, help_text: str) -> Column:
    def cell(row: Row) -> Cell:
        return duration_cell(None if row[name] is None else row[name] * _S_PER_US)

    return Column(heading, help_text, cell)


def _place_cell(row: Row) -> Cell:
    if row["rank"] is None:
        return Cell(UNKNOWN)
    text = f"rank {row['rank']}, GPU {row['device_id']}"
    return Cell(text, sort=text)


def _imbalance_cell(row: Row) -> Cell:
    ratio = row["imbalance"]
    return Cell(UNKNOWN) if ratio is None else Cell(significant(ratio), sort=ratio)


def _rounded(values: pl.Series) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]
