"""Tables of a sweep's page: which columns, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.report import sweep_columns as col
from traceenergy.report.quantities import UNKNOWN, energy_text, share_text, significant
from traceenergy.report.view_columns import Cell, Column, optional

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.report.view_tables import TableView
    from traceenergy.sweeps.result import Sweep

PER_NAMES = {"watt": "tokens/s/W", "gpu": "tokens/s per GPU"}
MEASURES = {"ed": "energy \N{MULTIPLICATION SIGN} delay",
            "ed2": "energy \N{MULTIPLICATION SIGN} delay\N{SUPERSCRIPT TWO}",
            "weighted": "your weights"}  # fmt: skip
QUANTITY_NAMES = {
    "energy_j": "Energy",
    "elapsed_s": "Time",
    "j_per_token": "Energy per token",
    "tokens_per_s": "Tokens/s",
    "power_w": "Power",
}
LATENCY_NAMES = {
    "e2e_mean": "end to end, mean",
    "tpot_mean": "per output token, mean",
    "step_mean": "step, mean",
}
PART_NAMES = {
    "run": "Whole run",
    "moe": "MoE",
    "collectives": "Collectives",
    "moe and collectives": "MoE and collectives",
}
_WRITERS: dict[str, Callable[[float | None], str]] = {
    "energy_j": lambda value: energy_text(value, 4),
    "elapsed_s": col.seconds,
    "j_per_token": lambda value: energy_text(value, 4),
    "tokens_per_s": col.plain_text,
    "power_w": col.watts,
}


def _setting_columns() -> list[Column]:
    return [
        col.word_column("GPU", "gpu_name"),
        col.number_column("GPUs", "n_gpus", "of one instance", col.count),
        col.number_column("Instances", "n_instances", "beside each other", col.count),
        col.number_column("Clock", "clock_mhz", "SM clock that was locked", col.megahertz),
        col.number_column("Power cap", "power_cap_w", "power limit of each GPU", col.watts),
        col.number_column("Batch", "batch", "largest number of sequences in a step", col.count),
        col.number_column("Users", "concurrency", "users, or requests in flight", col.count),
        col.number_column("TP", "tensor_parallel", "tensor-parallel shards", col.count),
        col.number_column("EP", "expert_parallel", "expert-parallel shards", col.count),
        col.number_column("PP", "pipeline_parallel", "pipeline-parallel shards", col.count),
        col.yes_column("Router", "perfect_router", "of experts", ("perfect", "own")),
        col.word_column("Group", "group", "runs of one group are repeats"),
        col.word_column("Workload", "workload"),
    ]


def run_table(sweep: Sweep) -> TableView:
    """Lay out all runs, each with its setting and what it measured."""
    columns = [
        col.label_column(),
        *_setting_columns(),
        col.energy("Energy", "energy_j", "of all GPUs over the window, with its interval"),
        col.bounded("Tokens/s", "tokens_per_s", "output tokens over time"),
        col.bounded("Tokens/J", "tokens_per_j", "output tokens over energy: tokens/s/W"),
        col.number_column("Power", "power_w", "mean of all GPUs", col.watts),
        col.energy("J/token", "j_per_token", "energy over output tokens, with its interval"),
        col.number_column("Tokens/s/user", "tokens_per_s_per_user", "speed that one user sees",
                          col.plain_text),
        col.energy("J/response", "response_j", "energy per response"),
        col.number_column("Time", "elapsed_s", "length of the window", col.seconds),
        col.number_column("TTFT p99", "ttft_p99_ms", "arrival to first token", col.milliseconds),
        col.number_column("TPOT p99", "tpot_p99_ms", "per output token", col.milliseconds),
        col.number_column("E2E p99", "e2e_p99_ms", "arrival to last token", col.milliseconds),
        col.number_column("Step p50", "step_p50_ms", "step that makes tokens", col.milliseconds),
        col.number_column("Step p99", "step_p99_ms", "step that makes tokens", col.milliseconds),
        col.number_column("Memory", "memory_gib", "on the fullest GPU",
                          lambda value: UNKNOWN if value is None else f"{value:,.1f} GiB"),
    ]  # fmt: skip
    return col.lay_out("run-table", "All runs", sweep.runs, columns, rows_have_ids=True)


def pareto_table(sweep: Sweep, per: str) -> TableView:
    """Lay out the runs of one chart, the front first."""
    placed = sweep.pareto.filter((pl.col("per") == per) & pl.col("on_front").is_not_null())
    frame = placed.sort(
        ["on_front", "tokens_per_s_per_user", "label"], descending=[True, True, False]
    )
    columns = [
        col.label_column(),
        col.number_column("Tokens/s/user", "tokens_per_s_per_user", "", col.plain_text),
        col.number_column(PER_NAMES[per][0].upper() + PER_NAMES[per][1:], "value", "",
                          col.plain_text),
        col.yes_column("Front", "on_front", "no run is as good in both, better in one",
                       ("on the front", "dominated")),
        col.names_column("Dominated by", "dominated_by", "runs on the front that are as good in "
                         "both, better in one"),
        col.yes_column("Beyond intervals", "is_beyond", "whether one of these is better by more "
                       "than the intervals, in one of both", ("yes", "no")),
    ]  # fmt: skip
    caption = f"{PER_NAMES[per][0].upper()}{PER_NAMES[per][1:]} against tokens/s per user"
    return col.lay_out(f"pareto-{per}-table", caption, frame, columns)


def not_placed(sweep: Sweep, per: str) -> list[str]:
    """List the runs that a chart leaves out, since one of its quantities is not known."""
    missing = sweep.pareto.filter((pl.col("per") == per) & pl.col("on_front").is_null())
    return missing["label"].to_list()


def _knob_columns(knob: Column) -> list[Column]:
    return [
        col.names_column("Runs", "runs", "of several the mean"),
        knob,
        col.energy("Energy", "energy_j", "of all GPUs"),
        col.change_column("Energy change", "energy", "against the base of the setting"),
        col.energy("J/token", "j_per_token", "energy over output tokens"),
        col.change_column("J/token change", "j_per_token", "against the base of the setting"),
        col.number_column("Time", "elapsed_s", "length of the window", col.seconds),
        col.change_column("Time change", "elapsed", "against the base of the setting"),
        col.bounded("Tokens/s", "tokens_per_s", "output tokens over time"),
        col.change_column("Tokens/s change", "tokens_per_s", "against the base of the setting"),
        col.number_column("Latency", "latency_ms", "the first of these that all know: end to end, "
                          "per output token, step; mean", col.milliseconds),
        col.change_column("Latency change", "latency", "against the base of the setting"),
        col.number_column("Power", "power_w", "mean of all GPUs", col.watts),
    ]  # fmt: skip


def power_cap_table(sweep: Sweep) -> TableView:
    """Lay out power caps, each against the highest of its setting."""
    knob = Column("Power cap", "power limit of each GPU", _cap_cell)
    caption = "Power caps, where nothing else differs; the highest of a setting is its base"
    return col.lay_out("power-cap-table", caption, sweep.power_caps, _knob_columns(knob))


def _cap_cell(row: col.Row) -> Cell:
    return Cell("none" if row["power_cap_w"] is None else col.watts(row["power_cap_w"]),
                sort=row["power_cap_w"])  # fmt: skip


def clock_table(sweep: Sweep) -> TableView:
    """Lay out locked clocks, each against the highest of its setting."""
    knob = Column("Clock", "SM clock that was locked", _clock_cell)
    caption = "Locked clocks, where nothing else differs; free or highest ones are the base"
    return col.lay_out("clock-table", caption, sweep.clocks, _knob_columns(knob))


def _clock_cell(row: col.Row) -> Cell:
    text = "free" if row["clock_mhz"] is None else col.megahertz(row["clock_mhz"])
    return Cell(text, sort=row["clock_mhz"])


def shard_table(sweep: Sweep) -> TableView:
    """Lay out ways to spread the model over GPUs."""
    columns = [
        col.names_column("Runs", "runs", "of several the mean"),
        col.number_column("TP", "tensor_parallel", "tensor-parallel shards", col.count),
        col.number_column("EP", "expert_parallel", "expert-parallel shards", col.count),
        col.number_column("PP", "pipeline_parallel", "pipeline-parallel shards", col.count),
        col.number_column("GPUs", "n_gpus", "of one instance", col.count),
        col.number_column("Instances", "n_instances", "beside each other", col.count),
        col.number_column("Power of an instance", "instance_power_w", "mean", col.watts),
        col.change_column("Power change", "instance_power", "against the fewest GPUs"),
        col.energy("J/token", "j_per_token", "energy over output tokens"),
        col.change_column("J/token change", "j_per_token", "against the fewest GPUs"),
        col.number_column("Tokens/s per GPU", "tokens_per_s_per_gpu", "", col.plain_text),
        col.change_column("Tokens/s per GPU change", "tokens_per_s_per_gpu", "likewise"),
        col.number_column("Tokens/s/user", "tokens_per_s_per_user", "", col.plain_text),
        col.number_column("Memory", "memory_gib", "on the fullest GPU",
                          lambda value: UNKNOWN if value is None else f"{value:,.1f} GiB"),
    ]  # fmt: skip
    caption = "Shards, where nothing else differs; the fewest GPUs are the base"
    return col.lay_out("shard-table", caption, sweep.shards, columns)


def energy_delay_table(sweep: Sweep) -> TableView:
    """Lay out products of energy and delay, the best first."""
    of = "a token for one user" if sweep.basis == "token" else "the whole run"
    columns = [
        col.label_column(),
        col.energy("Energy", "energy_j", f"of {'a token' if sweep.basis == 'token' else of}"),
        col.number_column("Delay", "delay_s", f"of {of}", col.seconds),
    ]
    for name, words in MEASURES.items():
        columns += [
            optional(Column(_heading(words), "over that of the best run", _over_best(sweep, name))),
            col.number_column(f"Rank, {words}", f"{name}_rank", "1 is the best", col.count),
        ]
    frame = sweep.energy_delay.sort("ed_rank", "label")
    return col.lay_out("energy-delay-table", "Energy and delay, best product first", frame, columns)


def _heading(words: str) -> str:
    return words[0].upper() + words[1:]


def _over_best(sweep: Sweep, name: str) -> Callable[[col.Row], Cell]:
    best = sweep.energy_delay[name].min()

    def cell(row: col.Row) -> Cell:
        value = row[name]
        if value is None or not isinstance(best, float) or best <= 0:
            return Cell(UNKNOWN)
        low, high = row[f"{name}_lo"], row[f"{name}_hi"]
        note = ""
        if low is not None and high is not None:
            note = f"({significant(low / best, 3)}\N{EN DASH}{significant(high / best, 3)})"
        return Cell(significant(value / best, 4), note=note, sort=value)

    return cell


def repeat_table(sweep: Sweep) -> TableView:
    """Lay out how repeats of one setting vary."""

    def cell(name: str) -> Callable[[col.Row], Cell]:
        return lambda row: Cell(_WRITERS[row["quantity"]](row[name]), sort=row[name])

    def interval(row: col.Row) -> Cell:
        write = _WRITERS[row["quantity"]]
        text = f"{write(row['mean_lo'])} to {write(row['mean_hi'])}"
        return Cell(text, sort=row["precision_share"])

    precision = share_text(sweep.options.get("precision"))
    columns = [
        col.names_column("Runs", "runs"),
        Column("Quantity", "", lambda row: Cell(QUANTITY_NAMES[row["quantity"]],
               sort=QUANTITY_NAMES[row["quantity"]]), is_number=False),
        col.number_column("Repeats", "n_runs", "runs that know it", col.count),
        Column("Mean", "over the runs", cell("mean")),
        Column("Interval of the mean", "what the mean of many runs lies in", interval),
        Column("Run to run", "standard deviation over the mean",
               lambda row: Cell(share_text(row["deviation_share"]), sort=row["deviation_share"])),
        Column("Precision", "half of the interval over the mean",
               lambda row: Cell(share_text(row["precision_share"]), sort=row["precision_share"])),
        col.number_column(f"Repeats for {precision}", "needed_runs",
                          "runs whose mean has that precision", col.count),
    ]  # fmt: skip
    return col.lay_out("repeat-table", "Repeats of one setting", sweep.repeats, columns)


def router_table(sweep: Sweep) -> TableView:
    """Lay out runs beside those with a perfect router."""
    columns = [
        col.names_column("Runs", "runs", "with the model's own router"),
        col.names_column("Perfect router", "perfect_runs"),
        Column("Part", "", lambda row: Cell(PART_NAMES[row["part"]], sort=row["part"]),
               is_number=False),
        col.word_column("Per", "per", "what energy and time are over"),
        col.energy("Energy", "energy_j", "with the model's own router"),
        col.energy("Perfect energy", "perfect_energy_j", "with the perfect router"),
        col.change_column("Energy change", "energy", "own router over the perfect one, minus 1"),
        col.number_column("Time", "time_s", "elapsed; of parts: busy, over GPUs", col.seconds),
        col.number_column("Perfect time", "perfect_time_s", "likewise", col.seconds),
        col.change_column("Time change", "time", "own router over the perfect one, minus 1"),
        col.yes_column("The router?", "is_router", "more than a tenth", ("yes", "no")),
    ]  # fmt: skip
    return col.lay_out("router-table", "Own router against perfect router", sweep.router, columns)
