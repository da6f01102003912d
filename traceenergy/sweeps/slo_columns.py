"""Columns of what loads need to keep their objectives."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

_LOAD = Column("load", pl.String, "", "load level, or log of requests")
_ROLE = Column(
    "role",
    pl.String,
    "",
    "which clock: lowest or cheapest that keeps all; nearest; highest",
    words=("lowest", "cheapest", "nearest", "highest"),
)
_CLOCK = Column("clock_mhz", pl.Float64, "MHz", "SM clock")
_NONE_KEEPS = "no clock keeps them"
_NO_ENERGY = "energy of steps is not known"
_NEVER_KEPT = "however few come, an objective is missed, or all requests come at once"
_NO_MARGIN = "runs are too few to tell"
_NOTHING = "there is none: no request has a second token"


def _saving(prefix: str, what: str) -> tuple[Column, ...]:
    null = f"{_NONE_KEEPS}, or {_NO_ENERGY}"
    name = f"{prefix}saving_share"
    return (
        Column(f"{prefix}clock_mhz", pl.Float64, "MHz", what, _NONE_KEEPS),
        Column(f"{prefix}energy_j", pl.Float64, "J", "energy at that clock over elapsed_s", null),
        Column(name, pl.Float64, "", "1 less that energy over the one at the highest clock", null),
        Column(f"{name}_lo", pl.Float64, "", "not below", _NO_MARGIN),
        Column(f"{name}_hi", pl.Float64, "", "not above", _NO_MARGIN),
    )


SLO_LOAD = (
    _LOAD,
    Column("n_requests", pl.Int64, "", "requests"),
    Column("requests_per_s", pl.Float64, "1/s", "mean rate of arrivals", "one request"),
    Column("is_kept", pl.Boolean, "", "some clock keeps all objectives"),
    *_saving("", "lowest clock that keeps all objectives, as do all above it"),
    *_saving("cheapest_", "clock that keeps them at the least energy"),
    Column("highest_clock_mhz", pl.Float64, "MHz", "highest of the clocks that may be set"),
    Column("highest_energy_j", pl.Float64, "J", "energy at that clock over elapsed_s", _NO_ENERGY),
    Column("elapsed_s", pl.Float64, "s", "first arrival to the end of the slowest replay"),
    Column("nearest_clock_mhz", pl.Float64, "MHz", "clock that comes nearest, of those tried"),
    Column("nearest_slo", pl.String, "", "objective that it misses most, or keeps most narrowly"),
    Column("nearest_over_limit", pl.Float64, "", "its value there, over its limit"),
    Column("is_monotone", pl.Boolean, "", "no clock tried below it keeps them, all above do"),
    Column("n_tried", pl.Int64, "", "clocks that the load was replayed at"),
    Column("outside_share", pl.Float64, "", "steps outside of what was measured, at that clock"),
    Column("time_error_share", pl.Float64, "", "mean error of the table of steps, against the law"),
    Column("energy_error_share", pl.Float64, "", "the same of energy", _NO_ENERGY),
    Column("clock_command", pl.String, "", "what sets that clock; never run here", _NONE_KEEPS),
    Column(
        "cap_command", pl.String, "", "what caps power at the most a step takes there, on average",
        f"{_NONE_KEEPS}, {_NO_ENERGY}, or how many GPUs there are is not known",
    ),
)  # fmt: skip

SLO_OBJECTIVE = (
    _LOAD,
    _ROLE,
    _CLOCK,
    Column("slo", pl.String, "", "objective, as it was asked for"),
    Column("limit_ms", pl.Float64, "ms", "its limit"),
    Column("value_ms", pl.Float64, "ms", "what the replay gives", _NOTHING),
    Column("is_kept", pl.Boolean, "", "that it is not above the limit"),
    Column("share_within", pl.Float64, "", "requests, or tokens, within the limit", _NOTHING),
)

SLO_INSTANCES = (
    _LOAD,
    Column("n_instances", pl.Int64, "", "instances that take requests in turn"),
    Column("clock_mhz", pl.Float64, "MHz", "lowest clock of all that keeps them", _NONE_KEEPS),
    Column("energy_j", pl.Float64, "J", "of all of them at that clock", _NONE_KEEPS),
    Column(
        "saving_share", pl.Float64, "", "1 less that over one instance at the highest clock",
        f"{_NONE_KEEPS}, or {_NO_ENERGY}",
    ),
    Column("cheapest_clock_mhz", pl.Float64, "MHz", "clock of the least energy", _NONE_KEEPS),
    Column("cheapest_energy_j", pl.Float64, "J", "of all of them at that clock", _NONE_KEEPS),
    Column("is_best", pl.Boolean, "", "the least energy of all numbers of instances"),
)  # fmt: skip

SLO_CLOCK = (
    _LOAD,
    Column("n_instances", pl.Int64, "", "instances that take requests in turn"),
    _CLOCK,
    Column("is_kept", pl.Boolean, "", "it keeps all objectives"),
    Column("slo", pl.String, "", "objective that it misses most, or keeps most narrowly"),
    Column("over_limit", pl.Float64, "", "the value of that objective over its limit"),
    Column(
        "energy_j", pl.Float64, "J", "of all instances over elapsed_s, or to the end if later",
        _NO_ENERGY,
    ),
)  # fmt: skip

SLO_CAPACITY = (
    _LOAD,
    Column("n_instances", pl.Int64, "", "instances that take requests in turn"),
    Column("clock_mhz", pl.Float64, "MHz", "highest of the clocks that may be set"),
    Column("requests_per_s", pl.Float64, "1/s", "most that they carry within all objectives",
           _NEVER_KEPT),
    Column("tokens_per_s", pl.Float64, "1/s", "output tokens then", _NEVER_KEPT),
    Column("power_w", pl.Float64, "W", "mean of all of them then", f"{_NO_ENERGY}, or no rate"),
    Column("energy_per_h_j", pl.Float64, "J", "their energy in an hour of that", "likewise"),
    Column("j_per_token", pl.Float64, "J", "that over output tokens", "likewise"),
)  # fmt: skip

REPLAY_REQUESTS = (
    _LOAD,
    _ROLE,
    _CLOCK,
    Column(
        "latency", pl.String, "", "ttft, tbt, tpot or e2e", words=("ttft", "tbt", "tpot", "e2e")
    ),
    Column("n", pl.Int64, "", "requests; for tbt tokens after the first"),
    *(
        Column(f"{name}_ms", pl.Float64, "ms", f"{name} of the latency", _NOTHING)
        for name in ("mean", "p50", "p90", "p95", "p99", "max")
    ),
)

REPLAY_CURVE = (
    _LOAD,
    _ROLE,
    _CLOCK,
    Column("start_s", pl.Float64, "s", "since the first arrival"),
    Column("end_s", pl.Float64, "s", "likewise"),
    Column("energy_j", pl.Float64, "J", "of steps, of rest where idle power is known", _NO_ENERGY),
    Column("power_w", pl.Float64, "W", "that over the time", _NO_ENERGY),
    Column("busy_share", pl.Float64, "", "time in steps"),
    Column("batch", pl.Float64, "", "mean sequences in steps, 0 while idle"),
    Column("output_tokens", pl.Float64, "", "tokens made, those of a step spread over it"),
    Column("waiting", pl.Int64, "", "requests that wait to be let in, at the end"),
    Column("kv_tokens", pl.Int64, "", "room taken in the KV cache, at the end"),
)
