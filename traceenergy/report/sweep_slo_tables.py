"""Tables of objectives, replays: which columns, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.report import sweep_columns as col
from traceenergy.report.change_text import interval_text, share_change_text
from traceenergy.report.quantities import energy_text, share_text
from traceenergy.report.view_columns import Cell, Column, optional

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.report.view_tables import TableView

ROLE_NAMES = {
    "lowest": "lowest",
    "cheapest": "cheapest",
    "nearest": "nearest",
    "highest": "highest",
}
LATENCY_NAMES = {
    "ttft": "arrival to first token",
    "tbt": "between two tokens",
    "tpot": "per output token, mean of a request",
    "e2e": "arrival to last token",
}
_STATISTIC_NAMES = {"mean": "Mean", "p50": "Median", "p90": "90 %", "p95": "95 %", "p99": "99 %",
                    "max": "Longest"}  # fmt: skip


def energy_change(row: dict[str, Any], prefix: str) -> dict[str, float | None]:
    """Turn a saving into a change, as texts of changes take it."""
    saving, low, high = (row.get(f"{prefix}saving_share{end}") for end in ("", "_lo", "_hi"))
    return {
        "delta_share": None if saving is None else -saving,
        "delta_lo_share": None if high is None else -high,
        "delta_hi_share": None if low is None else -low,
    }


def load_table(frame: pl.DataFrame) -> TableView:
    """Lay out what each load needs."""
    columns = [
        _load_column(),
        col.number_column("Requests", "n_requests", "", col.count),
        col.number_column("Requests/s", "requests_per_s", "mean rate of arrivals", col.plain_text),
        col.yes_column("Kept", "is_kept", "some clock keeps all objectives", ("yes", "no")),
        col.number_column("Lowest clock", "clock_mhz", "that keeps all objectives, as do all above",
                          col.megahertz),
        _change_column("Energy change", "", "at the lowest clock, against the highest clock"),
        col.number_column("Cheapest clock", "cheapest_clock_mhz", "that keeps them, at the least "
                          "energy", col.megahertz),
        _change_column("Cheapest change", "cheapest_", "energy there, against the highest clock"),
        col.number_column("Highest clock", "highest_clock_mhz", "that may be set", col.megahertz),
        _energy("Energy there", "highest_energy_j", "over the same time"),
        col.number_column("Nearest clock", "nearest_clock_mhz", "that comes nearest to all "
                          "objectives, or keeps them best", col.megahertz),
        col.word_column("Tightest objective", "nearest_slo", "there"),
        col.number_column("Over its limit", "nearest_over_limit", "its value there over its limit: "
                          "above 1 it is missed", col.plain_text),
        col.number_column("Not measured", "outside_share", "steps of a batch, context, prompt or "
                          "clock that no run measured", share_text),
    ]  # fmt: skip
    return col.lay_out("slo-table", "Loads, and what each needs", frame, columns)


def objective_table(frame: pl.DataFrame) -> TableView:
    """Lay out which objectives are attained at which clock."""
    columns = [
        _load_column(),
        _role_column(),
        col.number_column("Clock", "clock_mhz", "SM clock", col.megahertz),
        col.word_column("Objective", "slo"),
        col.number_column("Attained", "value_ms", "what the replay gives", col.milliseconds),
        col.number_column("Limit", "limit_ms", "", col.milliseconds),
        col.yes_column("Kept", "is_kept", "not above the limit", ("yes", "no")),
        col.number_column("Within", "share_within", "requests, of tbt tokens, within the limit",
                          share_text),
    ]  # fmt: skip
    return col.lay_out("slo-objective-table", "Objectives, and what is attained", frame, columns)


def instance_table(frame: pl.DataFrame) -> TableView:
    """Lay out what more instances would add for the whole load."""
    columns = [
        _load_column(),
        col.number_column("Instances", "n_instances", "that take requests in turn", col.count),
        col.number_column("Lowest clock", "clock_mhz", "of all, that keeps all objectives",
                          col.megahertz),
        _energy("Energy", "energy_j", "of all instances at that clock, rest included"),
        _change_column("Energy change", "", "against one instance at the highest clock"),
        col.number_column("Cheapest clock", "cheapest_clock_mhz", "that keeps them, at the least "
                          "energy", col.megahertz),
        _energy("Energy there", "cheapest_energy_j", "of all instances, rest included"),
        col.yes_column("Least energy", "is_best", "of all numbers of instances", ("yes", "no")),
    ]  # fmt: skip
    return col.lay_out("slo-instance-table", "Instances for this load", frame, columns)


def capacity_table(frame: pl.DataFrame) -> TableView:
    """Lay out how much one, two, more instances carry."""
    columns = [
        _load_column(),
        col.number_column("Instances", "n_instances", "that take requests in turn", col.count),
        col.number_column("Clock", "clock_mhz", "highest that may be set", col.megahertz),
        col.number_column("Requests/s", "requests_per_s", "most that keep all objectives",
                          col.plain_text),
        col.number_column("Tokens/s", "tokens_per_s", "output tokens then", col.plain_text),
        col.number_column("Power", "power_w", "mean of all instances then", col.watts),
        _energy("Energy per hour", "energy_per_h_j", "of all instances"),
        _energy("J/token", "j_per_token", "energy over output tokens"),
    ]  # fmt: skip
    caption = "Capacity steps: the most that instances carry within all objectives"
    return col.lay_out("slo-capacity-table", caption, frame, columns)


def replay_table(frame: pl.DataFrame) -> TableView:
    """Lay out latencies of replays."""
    columns = [
        _load_column(),
        _role_column(),
        col.number_column("Clock", "clock_mhz", "SM clock", col.megahertz),
        Column("Latency", "", _latency_cell, is_number=False),
        col.number_column("Count", "n", "requests; of tbt tokens", col.count),
        *(
            col.number_column(heading, f"{name}_ms", "", col.milliseconds)
            for name, heading in _STATISTIC_NAMES.items()
        ),
    ]
    return col.lay_out("replay-table", "Latencies that requests would get", frame, columns)


def _load_column() -> Column:
    return Column("Load", "", lambda row: _name(row["load"]), is_number=False)


def _role_column() -> Column:
    return Column("Which clock", "", lambda row: _name(ROLE_NAMES[row["role"]]), is_number=False)


def _name(text: str) -> Cell:
    return Cell(col.label_text(text), sort=col.label_text(text))


def _latency_cell(row: col.Row) -> Cell:
    name = row["latency"]
    return Cell(name, note=LATENCY_NAMES[name], sort=name)


def _energy(heading: str, name: str, help_text: str) -> Column:
    return col.number_column(heading, name, help_text, lambda value: energy_text(value, 4))


def _change_column(heading: str, prefix: str, help_text: str) -> Column:
    def cell(row: col.Row) -> Cell:
        change = energy_change(row, prefix)
        interval = interval_text(change)
        return Cell(
            share_change_text(change["delta_share"]),
            note=f"({interval})" if interval else "",
            sort=change["delta_share"],
        )

    return optional(Column(heading, help_text, cell))
