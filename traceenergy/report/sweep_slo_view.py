"""What the page of a sweep shows of clocks that keep objectives, of replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.records import dataclass
from traceenergy.report import sweep_columns as col
from traceenergy.report.change_text import interval_text, share_change_text
from traceenergy.report.names import clean_name
from traceenergy.report.quantities import power_text, significant
from traceenergy.report.sweep_part_tables import part_table
from traceenergy.report.sweep_slo_tables import (
    ROLE_NAMES,
    capacity_table,
    energy_change,
    instance_table,
    load_table,
    objective_table,
    replay_table,
)

if TYPE_CHECKING:
    import polars as pl

    from traceenergy.report.view_tables import TableView
    from traceenergy.sweeps.result import Sweep

# Loads with charts of their own; the tables have all.
MOST_LOADS = 6
_DIGITS = 5


@dataclass(frozen=True)
class ClockLine:
    """What one number of instances needs at each clock tried, rising."""

    n_instances: int
    clock_mhz: tuple[float, ...]
    energy_j: tuple[float | None, ...]
    over_limit: tuple[float, ...]
    is_kept: tuple[bool, ...]


@dataclass(frozen=True)
class CurveLine:
    """A replay over time at one clock; values of a bin last to the next edge."""

    name: str
    edge_s: tuple[float, ...]
    power_w: tuple[float | None, ...]
    batch: tuple[float, ...]
    waiting: tuple[float, ...]


@dataclass(frozen=True)
class LoadView:
    """Charts of one load."""

    name: str
    clocks: tuple[ClockLine, ...]
    curves: tuple[CurveLine, ...]

    @property
    def has_waiting(self) -> bool:
        """Whether some request waits at the end of a bin."""
        return any(any(line.waiting) for line in self.curves)


@dataclass(frozen=True)
class SloView:
    """Sentences and tables of objectives, of replays; loads with their charts."""

    words: tuple[str, ...]
    engine: str
    loads: TableView
    objectives: TableView
    instances: TableView
    capacity: TableView
    replays: TableView
    charts: tuple[LoadView, ...]
    cut_note: str


def slo_view(sweep: Sweep) -> SloView | None:
    """Choose and round what is shown of objectives and replays; None where none were asked for."""
    if sweep.slo is None:
        return None
    requests, curve = part_table(sweep, "replay_requests"), part_table(sweep, "replay_curve")
    tried = part_table(sweep, "slo_clocks")
    names = requests["load"].unique(maintain_order=True).to_list()
    return SloView(
        words=tuple(_sentence(row) for row in part_table(sweep, "slo").iter_rows(named=True)),
        engine=_engine(sweep.slo["engine"]),
        loads=load_table(part_table(sweep, "slo")),
        objectives=objective_table(part_table(sweep, "slo_objectives")),
        instances=instance_table(part_table(sweep, "slo_instances")),
        capacity=capacity_table(part_table(sweep, "slo_capacity")),
        replays=replay_table(requests),
        charts=tuple(
            LoadView(
                clean_name(name),
                _clock_lines(tried.filter(load=name)),
                _curve_lines(curve.filter(load=name)),
            )
            for name in names[:MOST_LOADS]
        ),
        cut_note=f"Charts of {MOST_LOADS} of {len(names)} loads; the tables have all."
        if len(names) > MOST_LOADS
        else "",
    )


def _sentence(row: dict[str, Any]) -> str:
    under = f"Under {clean_name(row['load'])},"
    if not row["is_kept"]:
        nearest = col.megahertz(row["nearest_clock_mhz"])
        factor = significant(row["nearest_over_limit"])
        return (
            f"{under} no clock keeps all objectives. {nearest} comes nearest: "
            f"{row['nearest_slo']} is missed by a factor of {factor}."
        )
    text = (
        f"{under} {col.megahertz(row['clock_mhz'])} is the lowest clock that keeps all objectives"
    )
    against = col.megahertz(row["highest_clock_mhz"])
    if row["saving_share"] is None:
        return f"{text}. To set it: {row['clock_command']}"
    text += f": energy {_changed(row, '')} against {against}"
    if row["cheapest_clock_mhz"] != row["clock_mhz"]:
        text += (
            f"; {col.megahertz(row['cheapest_clock_mhz'])} takes the least energy: "
            f"{_changed(row, 'cheapest_')}"
        )
    text += f". To set the lowest: {row['clock_command']}"
    if row["cap_command"]:
        text += f"; as a power limit: {row['cap_command']}"
    return text


def _changed(row: dict[str, Any], prefix: str) -> str:
    change = energy_change(row, prefix)
    interval = interval_text(change)
    text = share_change_text(change["delta_share"])
    return text + (f" ({interval})" if interval else "")


def _engine(engine: dict[str, Any]) -> str:
    chunk, kv, idle_w = engine["chunk_tokens"], engine["kv_tokens"], engine["idle_w"]
    prompts = (
        "prompts in steps of their own"
        if chunk is None
        else f"prompts in pieces beside decode, {chunk:,} tokens a step"
    )
    cache = "a KV cache without limit" if kv is None else f"a KV cache of {kv:,} tokens"
    rest = "power between steps not known" if idle_w is None else f"{power_text(idle_w)} at rest"
    return f"One instance: at most {engine['max_batch']:,} sequences, {cache}, {prompts}, {rest}."


def _clock_lines(tried: pl.DataFrame) -> tuple[ClockLine, ...]:
    lines = []
    for (n,), rows in tried.sort("clock_mhz").group_by("n_instances", maintain_order=True):
        lines.append(
            ClockLine(
                int(n),
                tuple(rows["clock_mhz"].to_list()),
                tuple(map(_round, rows["energy_j"].to_list())),
                tuple(float(f"{value:.{_DIGITS}g}") for value in rows["over_limit"]),
                tuple(rows["is_kept"].to_list()),
            )
        )
    return tuple(sorted(lines, key=lambda line: line.n_instances))


def _curve_lines(curve: pl.DataFrame) -> tuple[CurveLine, ...]:
    """Draw each clock once, under all names that it has."""
    lines = []
    for (clock_mhz,), rows in curve.group_by("clock_mhz", maintain_order=True):
        roles = rows["role"].unique(maintain_order=True).to_list()
        one = rows.filter(role=roles[0])
        names = " and ".join(ROLE_NAMES[role] for role in roles)
        edges = [*one["start_s"].to_list(), *one["end_s"].to_list()[-1:]]
        lines.append(
            CurveLine(
                f"{col.megahertz(float(clock_mhz))}, {names}",
                tuple(float(f"{edge:.{_DIGITS}g}") for edge in edges),
                tuple(map(_round, one["power_w"].to_list())),
                tuple(float(f"{value:.{_DIGITS}g}") for value in one["batch"]),
                tuple(map(float, one["waiting"].to_list())),
            )
        )
    return tuple(lines)


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
