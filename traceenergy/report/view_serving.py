"""What the page shows of serving: costs per token, response, user; latencies."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import energy_word
from traceenergy.report.quantities import (
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    significant,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    count_cell,
    duration_cell,
    energy_column,
    optional,
    power_column,
    share_cell,
    text_column,
)
from traceenergy.report.view_tables import TableView, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_columns import Row

S_PER_MS = 1e-3
_RULES = {
    "window": "each response counts by the part of its tokens that was made in the window",
    "mean-tokens": "energy per output token times the mean length of a response",
}
_USERS = {
    "requests": "requests in flight, mean over the window",
    "batch of steps": "sequences in a step, mean over the time of steps",
}
# Told where requests are known at all.
_CLOCKS = {
    "utc": "UTC",
    "relative": "from an unknown start",
    "none": "durations alone",
}
_IN_WINDOW = (
    "A latency counts if it became known in the window: time to first token at the first token, "
    "the others at the end of the response."
)
_IN_LOG = "All requests of the log count: which of them lie in the window is not known."
# Latencies that are drawn; the other two are of another size.
_DRAWN = ("ttft", "tpot", "e2e")


@dataclass(frozen=True)
class LatencyLine:
    """Distribution of one latency: part of requests, from 0 to 1, that took at most so long."""

    name: str
    time_s: tuple[float, ...]
    share: tuple[float, ...]


@dataclass(frozen=True)
class ServingView:
    """What serving costs.

    Attributes
    ----------
    costs, stages, latencies
        Tables; the second and third may have no rows.
    lines
        Distributions of latencies; empty without a log of requests.
    note
        What is not known, and why; empty if all is.
    told
        The latencies in words.
    counted
        Whose latencies they are.
    """

    costs: TableView
    stages: TableView
    latencies: TableView
    lines: tuple[LatencyLine, ...]
    note: str
    told: str
    counted: str


def serving_view(result: Analysis) -> ServingView | None:
    """Lay out what serving costs.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    ServingView or None
        None if neither tokens nor requests are known.
    """
    if not result.serving.height:
        return None
    row = result.serving.row(0, named=True)
    if row["output_tokens"] is None and row["n_requests"] is None:
        return None
    lines = tuple(_lines(result))
    return ServingView(
        costs=_cost_table(result, row),
        stages=_stage_table(result),
        latencies=_latency_table(result),
        lines=lines,
        note="; ".join(row["unknown"] or ()),
        told=_told(result),
        counted=_IN_WINDOW if row["n_touching"] is not None else _IN_LOG,
    )


def serving_lines(result: Analysis) -> tuple[tuple[str, str, str], ...]:
    """Write the numbers of serving that belong in the headline.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    tuple of (str, str, str)
        Name, value, what it means of each that is known.
    """
    if not result.serving.height:
        return ()
    row = result.serving.row(0, named=True)
    found = []
    if row["j_per_token"] is not None and result.energy.j_per_token is None:
        rate = f"{significant(row['tokens_per_j'])} tokens/J, tokens as requests tell them"
        found.append(("Energy per token", energy_text(row["j_per_token"]), rate))
    if row["j_per_response"] is not None:
        found.append(("Energy per response", energy_text(row["j_per_response"]), _bounds(row)))
    found += [
        (name, median, f"median; 99 of 100 within {p99}") for name, median, p99 in _medians(result)
    ]
    return tuple(found)


def _medians(result: Analysis) -> Iterator[tuple[str, str, str]]:
    """Write the name, median, 99th of 100 of each latency that is drawn."""
    for row in result.serving_latencies.iter_rows(named=True):
        if row["name"] in _DRAWN:
            p50, p99 = (duration_text(row[name] * S_PER_MS) for name in ("p50_ms", "p99_ms"))
            yield row["label"], p50, p99


def _told(result: Analysis) -> str:
    return ", ".join(
        f"{name} {median} (99 of 100 within {p99})" for name, median, p99 in _medians(result)
    )


def _bounds(row: Row) -> str:
    bounds = bounds_text(row["j_per_response"], row["j_per_response_lo"], row["j_per_response_hi"])
    if not bounds and row["j_per_response_lo"] is not None:
        bounds = f"at least {energy_text(row['j_per_response_lo'])}"
    return bounds


def _cost_table(result: Analysis, row: Row) -> TableView:
    lines = [*_energy_lines(result, row), *_token_lines(row), *_request_lines(row)]
    known = [(name, value, meaning) for name, value, meaning in lines if value is not None]
    frame = pl.DataFrame(known, schema=["name", "value", "meaning"], orient="row")
    columns = [
        text_column("Quantity", lambda line: Cell(line["name"], sort=line["name"])),
        Column("Value", "", lambda line: Cell(line["value"])),
        text_column("Of what", lambda line: Cell(line["meaning"])),
    ]
    caption = "What serving costs in the window"
    return lay_out(result, "serving-table", caption, frame, columns)


_Line = tuple[str, str | None, str]


def _energy_lines(result: Analysis, row: Row) -> Iterator[_Line]:
    word = energy_word(result.energy.method)
    yield "Total energy", _known(row["total_j"], energy_text, 4), f"{word}, all GPUs"
    yield "Energy per second", _known(row["j_per_s"], power_text, 4), "energy over elapsed time"
    n = result.devices["mean_power_w"].drop_nulls().len()
    of_gpus = f"one GPU, mean of {n}, over covered time"
    yield "Mean GPU power", _known(row["gpu_power_w"], power_text, 4), of_gpus


def _token_lines(row: Row) -> Iterator[_Line]:
    tokens = f"made in the window, as {row['tokens_from']} tell them"
    yield "Output tokens", _known(row["output_tokens"], count_text), tokens
    per_s = "output tokens over elapsed time"
    yield "Output tokens per second", _known(row["tokens_per_s"], significant, 4), per_s
    per_j = "output tokens over energy"
    yield "Output tokens per joule", _known(row["tokens_per_j"], significant, 6), per_j
    of_all = "all energy, prompts and idle gaps too, over output tokens"
    yield "Energy per output token", _known(row["j_per_token"], energy_text, 4), of_all


def _request_lines(row: Row) -> Iterator[_Line]:
    yield "Users", _known(row["users"], significant), _USERS.get(row["users_from"], "")
    per_user = "output tokens per second over users"
    yield "Tokens per second per user", _known(row["tokens_per_s_per_user"], significant), per_user
    power = "energy per second over users"
    yield "Power per user", _known(row["power_per_user_w"], power_text), power
    whole = f"{count_text(row['n_whole'])} of {count_text(row['n_touching'])} wholly in the window"
    yield "Responses", _known(row["responses"], significant), f"by their tokens in it; {whole}"
    j_per_response = _known(row["j_per_response"], energy_text)
    bounds = _bounds(row)
    shown = f"{j_per_response} ({bounds})" if bounds else j_per_response
    rule = _RULES.get(row["response_rule"], "")
    yield "Energy per response", shown if j_per_response else None, rule
    for side in ("input", "output"):
        mean = _known(row[f"mean_{side}_tokens"], significant)
        yield f"Mean {side} tokens", mean, "of a request that did not fail"
    if row["n_requests"] is not None:
        failed = f"{count_text(row['n_failed'])} failed, {count_text(row['n_left_out'])} left out"
        clock = f"clock of the log: {_CLOCKS.get(row['request_clock'], 'not known')}"
        yield "Requests in the logs", count_text(row["n_requests"]), f"{failed}; {clock}"


def _known(value: float | None, write: Any, *digits: int) -> str | None:  # noqa: ANN401 - a writer of quantities
    return None if value is None else write(value, *digits)


def _stage_table(result: Analysis) -> TableView:
    columns = [
        text_column("Stage", lambda row: Cell(row["stage"], sort=row["stage"])),
        Column("Steps", "steps of this kind", count_cell("n_steps")),
        Column("Elapsed", "of its steps, summed", lambda row: duration_cell(row["elapsed_s"])),
        Column("Time per step", "mean", lambda row: duration_cell(row["mean_step_s"])),
        energy_column("Energy", itemgetter("energy_j"), "of the GPU work in its steps"),
        Column("Share of work", "part of all GPU work", share_cell("energy_share"),
               needs_power=True),
        power_column("Power", "step_power_w", "energy of its GPU work over its elapsed time"),
        optional(Column("Output tokens", "where known", count_cell("output_tokens"))),
        optional(
            energy_column("Energy per output token", itemgetter("j_per_output_token"),
                          "of steps whose tokens are known")
        ),
        optional(Column("Prompt tokens", "worked on", count_cell("prompt_tokens"))),
        optional(
            energy_column("Energy per prompt token", itemgetter("j_per_prompt_token"),
                          "of steps of prefill alone")
        ),
    ]  # fmt: skip
    caption = "Serving by prefill and decode"
    return lay_out(result, "serving-stage-table", caption, result.serving_stages, columns)


def _latency_table(result: Analysis) -> TableView:
    columns = [
        text_column("Latency", lambda row: Cell(row["label"], sort=row["label"])),
        Column("Count", "requests that count; times between chunks", count_cell("n")),
        *(
            Column(heading, meaning, _ms_cell(name))
            for heading, name, meaning in (
                ("Mean", "mean_ms", ""),
                ("Median", "p50_ms", "half of them took at most so long"),
                ("90 %", "p90_ms", "nine of ten took at most so long"),
                ("99 %", "p99_ms", "99 of 100 took at most so long"),
                ("Longest", "max_ms", ""),
            )
        ),
    ]
    frame = result.serving_latencies
    return lay_out(result, "latency-table", "Latencies of requests", frame, columns)


def _ms_cell(name: str) -> Any:  # noqa: ANN401 - a writer of cells
    return lambda row: duration_cell(row[name] * S_PER_MS)


def _lines(result: Analysis) -> Iterator[LatencyLine]:
    for row in result.serving_latencies.iter_rows(named=True):
        curve = row["curve_ms"]
        if row["name"] in _DRAWN and curve:
            share = tuple(at / (len(curve) - 1) for at in range(len(curve)))
            yield LatencyLine(row["label"], tuple(ms * S_PER_MS for ms in curve), share)
