"""What serving costs in a window: energy per token, per response, per user; latencies."""

from __future__ import annotations

from dataclasses import field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.serving_doubts import doubt_requests
from traceenergy.analysis.serving_stages import stage_rows
from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.serving.columns import LATENCY_ROW, REQUEST_ROW, SERVING_ROW
from traceenergy.serving.in_window import InWindow, lay_in_window
from traceenergy.serving.latencies import latency_rows
from traceenergy.serving.read import all_requests, read_requests
from traceenergy.serving.request_log import UTC
from traceenergy.trace.model import REQUEST_LOG, Origin
from traceenergy.trace.tables import check_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from traceenergy.analysis.model import EnergyTotals, Window
    from traceenergy.caveats import Caveat
    from traceenergy.serving.request_log import RequestLog

BY_WINDOW, BY_MEAN_TOKENS = "window", "mean-tokens"
_MOMENTS = ("arrival_ns", "start_ns", "first_token_ns", "end_ns")
_NO_STEPS = "no text of steps tells it, and neither --tokens-per-step nor --requests was given"
_DURATIONS_ONLY = "the log of requests tells no time that could be laid on the clock of the trace"
_NO_LOG = "no log of requests was given (--requests)"


@dataclass(frozen=True)
class Served:
    """Tables of serving.

    Attributes
    ----------
    serving, stages, latencies, requests
        `SERVING_ROW`, `SERVING_STAGE_ROW`, `LATENCY_ROW`, `REQUEST_ROW`.
    caveats : tuple of Caveat
    """

    serving: pl.DataFrame
    stages: pl.DataFrame
    latencies: pl.DataFrame
    requests: pl.DataFrame
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class Requests:
    """Requests of all logs against the window.

    Attributes
    ----------
    logs : tuple of RequestLog
    table : polars.DataFrame
        `LOGGED_REQUEST`, on the trace clock if they are `placed`.
    clock : str or None
    placed : InWindow or None
        None where their times cannot be laid on the trace clock.
    """

    logs: tuple[RequestLog, ...] = ()
    table: pl.DataFrame = field(default_factory=lambda: all_requests(())[0])
    clock: str | None = None
    placed: InWindow | None = None

    @property
    def good(self) -> pl.DataFrame:
        """Those that did not fail."""
        return self.table.filter(~pl.col("failed"))


def read_request_logs(paths: Sequence[Path]) -> tuple[RequestLog, ...]:
    """Read logs of requests.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    tuple of RequestLog

    Raises
    ------
    UnreadableFileError, BadRequestLogError
        As `read_requests` does.
    UsageError
        If two of them have the same content.
    """
    logs = tuple(read_requests(path) for path in paths)
    first: dict[str, str] = {}
    for log in logs:
        if log.sha256 in first:
            raise UsageError(
                f"--requests {log.name} has the same content as {first[log.sha256]}",
                next_step="give each log once: its requests would count twice",
            )
        first[log.sha256] = log.name
    return logs


def log_origins(logs: Sequence[RequestLog]) -> tuple[Origin, ...]:
    """Name the logs as inputs."""
    return tuple(Origin(log.name, REQUEST_LOG, log.sha256, tool_version=log.form) for log in logs)


def lay_requests(logs: tuple[RequestLog, ...], window: Window) -> Requests:
    """Lay the requests of logs on the clock of the trace, where they can be.

    Parameters
    ----------
    logs : tuple of RequestLog
    window : Window

    Returns
    -------
    Requests
    """
    table, clock = all_requests(logs)
    if clock != UTC or window.utc_start_ns is None:
        return Requests(logs, table, clock)
    before_ns = window.utc_start_ns - window.start_ns
    table = table.with_columns(pl.col(name) - before_ns for name in _MOMENTS)
    placed = lay_in_window(table, window.start_ns, window.end_ns)
    return Requests(logs, table, clock, placed)


def serving_tables(
    logs: tuple[RequestLog, ...],
    window: Window,
    energy: EnergyTotals,
    tables: dict[str, pl.DataFrame],
    level: float,
) -> Served:
    """Say what serving costs.

    Parameters
    ----------
    logs : tuple of RequestLog
    window : Window
    energy : EnergyTotals
    tables : dict of polars.DataFrame
        `devices`, `steps`, `step_kinds`.
    level : float
        Confidence level of the interval of energy per response by mean tokens.

    Returns
    -------
    Served
    """
    requests = lay_requests(logs, window)
    placed = requests.placed
    elapsed_s = window.elapsed_ns * S_PER_NS
    row: dict[str, Any] = {
        **_power(energy, tables["devices"], elapsed_s),
        **_counts(requests),
        "unknown": [],
    }
    row |= _tokens(row, energy)
    row |= _users(row, requests, tables["steps"])
    row |= _responses(row, requests, level)
    row["unknown"] = _unknown(row, requests)
    span = None if placed is None else (window.start_ns, window.end_ns)
    return Served(
        serving=_table([row], SERVING_ROW),
        stages=stage_rows(tables["steps"], tables["step_kinds"]),
        latencies=check_table(latency_rows(requests.table, span), LATENCY_ROW, "latencies"),
        requests=_request_rows(requests),
        caveats=doubt_requests(row, requests, span),
    )


def _power(energy: EnergyTotals, devices: pl.DataFrame, elapsed_s: float) -> dict[str, Any]:
    power_w = devices["mean_power_w"].drop_nulls().to_numpy()
    return {
        "total_j": energy.total_j,
        "elapsed_s": elapsed_s,
        "j_per_s": _ratio(energy.total_j, elapsed_s),
        "mean_power_w": float(power_w.sum()) if len(power_w) else None,
        "gpu_power_w": float(power_w.mean()) if len(power_w) else None,
    }


def _counts(requests: Requests) -> dict[str, Any]:
    if not requests.logs:
        return {}
    placed, good = requests.placed, requests.good
    return {
        "n_requests": len(requests.table),
        "n_failed": len(requests.table) - len(good),
        "n_left_out": sum(len(log.problems) for log in requests.logs),
        "request_clock": requests.clock,
        "request_tokens": None if placed is None else _known_sum(placed.tokens),
        "n_whole": None if placed is None else placed.n_whole,
        "n_touching": None if placed is None else placed.n_touching,
        "mean_input_tokens": good["input_tokens"].mean(),
        "mean_output_tokens": good["output_tokens"].mean(),
    }


def _tokens(row: dict[str, Any], energy: EnergyTotals) -> dict[str, Any]:
    """Count tokens by steps, else by requests."""
    tokens: float | None = energy.tokens
    source = "steps"
    if tokens is None:
        tokens, source = row.get("request_tokens"), "requests"
    return {
        "output_tokens": tokens,
        "tokens_from": None if tokens is None else source,
        "tokens_per_s": _ratio(tokens, row["elapsed_s"]),
        "tokens_per_j": _ratio(tokens, energy.total_j),
        "j_per_token": _ratio(energy.total_j, tokens),
    }


def _users(row: dict[str, Any], requests: Requests, steps: pl.DataFrame) -> dict[str, Any]:
    """Count requests in flight: by their log, else by the batch of steps while one ran."""
    users, source = None, "requests"
    if requests.placed is not None and requests.placed.n_touching:
        users = requests.placed.in_flight_s / row["elapsed_s"]
    else:
        known = steps.filter(pl.col("batch").is_not_null() & (pl.col("kind") != "train"))
        length_ns = (known["end_ns"] - known["start_ns"]).to_numpy()
        users = _ratio(float((known["batch"].to_numpy() * length_ns).sum()), length_ns.sum())
        source = "batch of steps"
    return {
        "users": users,
        "users_from": None if users is None else source,
        "tokens_per_s_per_user": _ratio(row["tokens_per_s"], users),
        "power_per_user_w": _ratio(row["j_per_s"], users),
    }


def _responses(row: dict[str, Any], requests: Requests, level: float) -> dict[str, Any]:
    """Share energy among responses: by their tokens in the window, else by tokens on average."""
    placed, total_j = requests.placed, row["total_j"]
    if placed is not None:
        responses = _known_sum(placed.share) if placed.n_touching else None
        return {
            "responses": responses,
            "j_per_response": _ratio(total_j, responses),
            "j_per_response_lo": _ratio(total_j, placed.n_touching),
            "j_per_response_hi": _ratio(total_j, placed.n_whole),
            "response_rule": BY_WINDOW if responses else None,
        }
    lengths = requests.good["output_tokens"].drop_nulls().to_numpy()
    if row["j_per_token"] is None or not len(lengths):
        return {}
    each = row["j_per_token"] * lengths
    half = 0.0
    if len(each) > 1:
        error = float(each.std(ddof=1)) / len(each) ** 0.5
        half = NormalDist().inv_cdf(0.5 + level / 2) * error
    mean = float(each.mean())
    return {
        "j_per_response": mean,
        "j_per_response_lo": max(0.0, mean - half),
        "j_per_response_hi": mean + half if len(each) > 1 else None,
        "response_rule": BY_MEAN_TOKENS,
    }


def _unknown(row: dict[str, Any], requests: Requests) -> list[str]:
    """Name what is not known, with the reason."""
    reason = _NO_LOG if not requests.logs else _DURATIONS_ONLY
    found = []
    if row["total_j"] is None:
        found.append("energy: no power was measured")
    if row["output_tokens"] is None:
        found.append(f"output tokens: {_DURATIONS_ONLY if requests.logs else _NO_STEPS}")
    if row["users"] is None:
        found.append(f"users: {reason}, and no text of steps tells a batch")
    if row.get("j_per_response") is None and row["total_j"] is not None:
        outside = requests.placed is not None
        found.append(f"energy per response: {'no response is in the window' * outside or reason}")
    if not requests.logs:
        found.append(f"latencies: {_NO_LOG}")
    return found


def _request_rows(requests: Requests) -> pl.DataFrame:
    placed, table = requests.placed, requests.table
    nothing = np.full(len(table), np.nan)
    on_clock = [pl.col(name) if placed else pl.lit(None).alias(name) for name in _MOMENTS]
    rows = table.with_columns(
        *on_clock,
        pl.Series("request", np.arange(len(table))),
        pl.Series("tokens_in_window", placed.tokens if placed else nothing).fill_nan(None),
        pl.Series("share_in_window", placed.share if placed else nothing).fill_nan(None),
    )
    return check_table(
        rows.select(pl.col(column.name).cast(column.dtype) for column in REQUEST_ROW),
        REQUEST_ROW,
        "requests",
    )


def _table(rows: list[dict[str, Any]], columns: tuple[Any, ...]) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in columns}
    told = [{key: row.get(key) for key in schema} for row in rows]
    return check_table(pl.DataFrame(told, schema=schema), columns, "serving")


def _known_sum(values: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else None


def _ratio(value: float | None, count: float | None) -> float | None:
    return value / count if value is not None and count else None
