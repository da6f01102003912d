"""Tables of what gates time: holders of the path, overlap, work that nobody waits for."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.report.quantities import UNKNOWN, significant
from traceenergy.report.view_columns import (
    Cell,
    Column,
    Row,
    count_cell,
    duration_cell,
    energy_column,
    optional,
    phase_cell,
    power_column,
    quadrant_column,
    ratio,
    share_bar,
    share_cell,
    text_column,
)
from traceenergy.report.view_tables import lay_out, with_quadrants

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_tables import TableView

_HOLDER = {
    "name": pl.String,
    "path_s": pl.Float64,
    "n_turns": pl.Int64,
    "path_share": pl.Float64,
    "energy_j": pl.Float64,
    "energy_share": pl.Float64,
}
_VERDICT = (
    "shortens: a tenth of its time or more was saved, at most; raises power: it was not, and what "
    "it draws above idle is more than 5 % higher while hidden; neither: it is not"
)
_SOURCE = {
    "user": "as given",
    "clocks": "as the clocks of this run tell it",
    "default": "the usual exponent, not that of this run",
}


def holder_table(result: Analysis) -> TableView:
    """Lay out the devices by how long they hold the path."""
    frame = pl.DataFrame(_holders(result), schema=_HOLDER)
    frame = with_quadrants(result, "device", frame)
    columns = [
        text_column("Device", name_cell),
        duration_column("Holds the path", "path_s", "time in which its GPU work is the path"),
        Column("Share of elapsed", "part of the elapsed time", share_cell("path_share")),
        Column("Turns", "how often the path comes to it", count_cell("n_turns")),
        Column("Time a turn", "mean", _turn_cell),
        energy_column("Energy", itemgetter("energy_j"), "of all its GPU work"),
        Column("Share of work", "part of the energy of all GPU work", share_bar, needs_power=True),
        quadrant_column(),
    ]  # fmt: skip
    caption = "Who holds the critical path"
    frame = frame.sort("path_s", descending=True, maintain_order=True)
    return lay_out(result, "holder-table", caption, frame, columns)


def step_path_table(result: Analysis) -> TableView:
    """Lay out what the path is made of in a step of each kind; empty where it was not computed."""
    frame = result.step_kinds.drop_nulls("mean_path_work_s")
    columns = [
        text_column("Kind", lambda row: Cell(row["kind"], sort=row["kind"])),
        Column("Steps", "steps of this kind", count_cell("n_steps")),
        duration_column("Time per step", "mean_step_s", "last GPU work minus first, mean"),
        duration_column("GPU work", "mean_path_work_s", "work of any step holds the path"),
        duration_column("Launch or host", "mean_path_host_s", "the path waits for it"),
        duration_column("Collective", "mean_path_collective_wait_s", "the path waits in it"),
        duration_column("Idle", "mean_path_idle_s", "nothing recorded explains the wait"),
    ]
    if frame.select((pl.col("mean_path_unmatched_s") > 0).any()).item():
        columns.append(
            duration_column(
                "Work that may wait",
                "mean_path_unmatched_s",
                "part of the GPU work: collectives whose other GPUs are not in the trace",
            )
        )
    if result.devices.height > 1:
        columns.append(Column("Handovers", "from GPU to GPU in a step, mean", _handovers_cell))
    caption = "What the critical path is made of in a step, on average"
    return lay_out(result, "step-path-table", caption, frame, columns)


def opportunity_table(result: Analysis) -> TableView:
    """Lay out the energy of work that could have ended later, by what that could save."""
    columns = [
        text_column("Phase", phase_cell),
        energy_column(
            "Energy off the path", itemgetter("off_path_j"), "of work that could end later"
        ),
        energy_column(
            "Could save", itemgetter("saving_j"), "upper bound, by slower clocks"
        ),
        duration_column("Its time", "off_path_s", "of that work, summed"),
        duration_column("Mean slack", "slack_s", "of one piece of it, weighted by its time"),
    ]  # fmt: skip
    caption = "Energy that nobody waits for, by what slower clocks could save"
    frame = _labelled(result, result.opportunities)
    return lay_out(result, "opportunity-table", caption, frame, columns)


def opportunity_rule(result: Analysis) -> str:
    """Say by which rule savings are bounded."""
    exponent = result.options.get("power_exponent")
    power = "a power of it"
    if exponent:
        power = f"the clock to the power of {significant(exponent)}"
        source = result.options.get("power_exponent_source")
        power += f" ({_SOURCE[source]}{_within(result)})" if source else ""
    return (
        "Work with slack could run slower without a later end. The bound lets each piece take all "
        "of its slack, though pieces share it, down to half of its clock; time goes with one over "
        f"the clock, dynamic power with {power}, idle power stays."
    )


def _within(result: Analysis) -> str:
    interval = result.options.get("power_exponent_interval")
    if interval is None:
        return ""
    low, high = (significant(end) for end in interval)
    return f", {low} to {high} at {result.confidence_level:.0%}"


def overlap_table(result: Analysis) -> TableView:
    """Lay out communication and memory work by what other work hides of it."""
    columns = [
        text_column("Work", phase_cell),
        duration_column("Time", "busy_s", "of its pieces, summed over GPUs"),
        duration_column("Hidden", "hidden_s", "computation ran on the same GPU"),
        duration_column("Exposed", "exposed_s", "no computation ran on the same GPU"),
        duration_column(
            "Saved at most", "saved_s", "hidden while computation held the critical path"
        ),
        energy_column("Energy hidden", itemgetter("hidden_j"), "energy while hidden"),
        energy_column("Energy exposed", itemgetter("exposed_j"), "energy while exposed"),
        power_column("Power hidden", "hidden_w", "its own energy over time, while hidden"),
        power_column("Power exposed", "exposed_w", "its own energy over time, while exposed"),
        _clock_column("Clock hidden", "hidden_clock_mhz", "mean clock of the SMs, while hidden"),
        _clock_column("Clock exposed", "exposed_clock_mhz", "mean clock of the SMs, while exposed"),
        optional(text_column("Hiding it", _verdict_cell, _VERDICT)),
    ]
    caption = "Overlap of communication and memory work with computation"
    return lay_out(result, "overlap-table", caption, _labelled(result, result.overlap), columns)


def name_cell(row: Row) -> Cell:
    """Write the name of a row."""
    return Cell(row["name"], sort=row["name"])


def duration_column(heading: str, name: str, help_text: str) -> Column:
    """Make a column of durations."""
    return Column(heading, help_text, lambda row: duration_cell(row[name]))


def _clock_column(heading: str, name: str, help_text: str) -> Column:
    """Make a column of clocks, left out where none was read."""

    def cell(row: Row) -> Cell:
        clock_mhz = row[name]
        return Cell(UNKNOWN if clock_mhz is None else f"{clock_mhz:.0f} MHz", sort=clock_mhz)

    return optional(Column(heading, help_text, cell))


def _verdict_cell(row: Row) -> Cell:
    return Cell(row["verdict"] or UNKNOWN, sort=row["verdict"])


def _turn_cell(row: Row) -> Cell:
    return duration_cell(ratio(row["path_s"], row["n_turns"]))


def _handovers_cell(row: Row) -> Cell:
    mean = row["mean_handovers"]
    return Cell(UNKNOWN if mean is None else significant(mean), sort=mean)


def _holders(result: Analysis) -> list[Row]:
    """Give the holders of the path what is known of their energy."""
    elapsed_s = result.max_vs_sum["elapsed_s"] or 1.0
    levels = result.max_vs_sum["levels"]
    told = {entry["name"]: entry for entry in levels if entry["level"] == "device"}
    rows = []
    for holder in result.max_vs_sum["holders"]:
        name = f"rank {holder['rank']}, GPU {holder['device_id']}"
        entry = told.get(name, {})
        rows.append({"name": name, "path_s": holder["path_s"], "n_turns": holder["n_turns"],
                     "path_share": holder["path_s"] / elapsed_s, "energy_j": entry.get("sum_j"),
                     "energy_share": entry.get("energy_share")})  # fmt: skip
    return rows


def _labelled(result: Analysis, frame: pl.DataFrame) -> pl.DataFrame:
    """Give rows of phases, or of their parts, the label that these have elsewhere."""
    labels = pl.concat(
        [table.select("name", "label") for table in (result.phases, result.subphases)]
    )
    found = frame.join(
        labels.unique("name", keep="first"), on="name", how="left", maintain_order="left"
    )
    return found.with_columns(pl.col("label").fill_null(pl.col("name")))
