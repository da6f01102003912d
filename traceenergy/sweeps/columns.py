"""Columns of the tables of a sweep."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

LATENCIES = ("ttft", "tpot", "e2e", "step")
STATISTICS = ("mean", "p50", "p90", "p99")
_OF_LATENCY = {
    "ttft": "time from arrival to the first token",
    "tpot": "time per output token after the first",
    "e2e": "time from arrival to the last token",
    "step": "first to last GPU work of a step that makes tokens",
}
_RUN = Column("run", pl.Int32, "", "position of the run in the sweep, 0-based")
_LABEL = Column("label", pl.String, "", "name of the run")
_NOT_STATED = "not told"
_NO_ENERGY = "not measured"
_NO_TOKENS = "tokens are not known"
_NO_INTERVAL = "fewer steps than tell it"

RUN_ROW = (
    _RUN,
    _LABEL,
    Column("gpu_name", pl.String, "", "of all GPUs, ` + ` between different ones", _NOT_STATED),
    Column("n_gpus", pl.Int64, "", "GPUs of one instance of the server", _NOT_STATED),
    Column("n_instances", pl.Int64, "", "instances beside each other", _NOT_STATED),
    Column("clock_mhz", pl.Float64, "MHz", "SM clock that was locked", "not locked, or not told"),
    Column("power_cap_w", pl.Float64, "W", "power limit set on each GPU", _NOT_STATED),
    Column("batch", pl.Int64, "", "largest number of sequences in a step", _NOT_STATED),
    Column("concurrency", pl.Int64, "", "users, or requests in flight", _NOT_STATED),
    Column("tensor_parallel", pl.Int64, "", "tensor-parallel shards", _NOT_STATED),
    Column("expert_parallel", pl.Int64, "", "expert-parallel shards", _NOT_STATED),
    Column("pipeline_parallel", pl.Int64, "", "pipeline-parallel shards", _NOT_STATED),
    Column("perfect_router", pl.Boolean, "", "experts were loaded evenly on purpose", _NOT_STATED),
    Column("group", pl.String, "", "runs of one name are repeats", _NOT_STATED),
    Column("workload", pl.String, "", "what ran; different ones are not compared", _NOT_STATED),
    Column("mean_clock_mhz", pl.Float64, "MHz", "mean reading of the SM clock", "not recorded"),
    Column("elapsed_s", pl.Float64, "s", "length of the window"),
    Column("energy_j", pl.Float64, "J", "energy of all GPUs over the window", _NO_ENERGY),
    Column("energy_lo_j", pl.Float64, "J", "not below", _NO_INTERVAL),
    Column("energy_hi_j", pl.Float64, "J", "not above", _NO_INTERVAL),
    Column("power_w", pl.Float64, "W", "energy over elapsed time, all GPUs", _NO_ENERGY),
    Column("output_tokens", pl.Int64, "", "tokens made in the window", _NO_TOKENS),
    Column("tokens_per_s", pl.Float64, "1/s", "tokens over elapsed time", _NO_TOKENS),
    Column("tokens_per_s_lo", pl.Float64, "1/s", "not below", _NO_INTERVAL),
    Column("tokens_per_s_hi", pl.Float64, "1/s", "not above", _NO_INTERVAL),
    Column("tokens_per_s_per_gpu", pl.Float64, "1/s", "over all GPUs", "GPUs or tokens not known"),
    Column("tokens_per_s_per_user", pl.Float64, "1/s", "speed that one user sees", "not known"),
    Column("per_user_from", pl.String, "", "requests, concurrency or batch", "not known"),
    Column("tokens_per_j", pl.Float64, "1/J", "tokens over energy: tokens/s/W", "one is unknown"),
    Column("tokens_per_j_lo", pl.Float64, "1/J", "not below", _NO_INTERVAL),
    Column("tokens_per_j_hi", pl.Float64, "1/J", "not above", _NO_INTERVAL),
    Column("j_per_token", pl.Float64, "J", "energy over tokens", "one is unknown"),
    Column("j_per_token_lo", pl.Float64, "J", "not below", _NO_INTERVAL),
    Column("j_per_token_hi", pl.Float64, "J", "not above", _NO_INTERVAL),
    Column("response_j", pl.Float64, "J", "energy per response", "requests are not known"),
    Column("memory_gib", pl.Float64, "GiB", "in use on the fullest GPU", _NOT_STATED),
    Column("n_steps", pl.Int64, "", "steps of the model loop"),
    *(
        Column(f"{latency}_{statistic}_ms", pl.Float64, "ms", f"{statistic}: {meaning}", "unknown")
        for latency, meaning in _OF_LATENCY.items()
        for statistic in STATISTICS
    ),
    Column("is_modelled", pl.Boolean, "", "energy is from a model, not from a sensor"),
)

PARETO_ROW = (
    Column("per", pl.String, "", "what tokens/s are over: watt or gpu", words=("watt", "gpu")),
    _RUN,
    _LABEL,
    Column("tokens_per_s_per_user", pl.Float64, "1/s", "speed that one user sees", "not known"),
    Column("value", pl.Float64, "", "tokens/s/W, or tokens/s per GPU", "not known"),
    Column("on_front", pl.Boolean, "", "no run is as good in both, better in one", "not placed"),
    Column(
        "dominated_by", pl.List(pl.String), "",
        "runs on the front that are as good in both, better in one",
    ),
    Column(
        "is_beyond", pl.Boolean, "",
        "one of these is better by more than the intervals, in one of both",
        "on the front, not placed, or no intervals",
    ),
)  # fmt: skip

_ALIKE = Column("setting", pl.Int32, "", "rows of one number differ in nothing else, 0-based")
_RUNS = Column("runs", pl.List(pl.String), "", "names of its runs; of several, means are shown")


def _against(name: str, meaning: str) -> tuple[Column, ...]:
    of = "over the base, minus 1"
    return (
        Column(f"{name}_change", pl.Float64, "", f"{meaning} {of}", "the base, or unknown"),
        Column(f"{name}_change_lo", pl.Float64, "", "not below", _NO_INTERVAL),
        Column(f"{name}_change_hi", pl.Float64, "", "not above", _NO_INTERVAL),
    )


def _knob(name: str, unit: str, meaning: str, null_means: str) -> tuple[Column, ...]:
    return (
        _ALIKE,
        Column(name, pl.Float64, unit, meaning, null_means),
        Column("is_base", pl.Boolean, "", "the others are held against it"),
        _RUNS,
        Column("power_w", pl.Float64, "W", "mean power of all GPUs", _NO_ENERGY),
        Column("energy_j", pl.Float64, "J", "of all GPUs", _NO_ENERGY),
        *_against("energy", "energy"),
        Column("j_per_token", pl.Float64, "J", "energy over tokens", "one is unknown"),
        *_against("j_per_token", "energy over tokens"),
        Column("elapsed_s", pl.Float64, "s", "length of the window"),
        *_against("elapsed", "time"),
        Column("tokens_per_s", pl.Float64, "1/s", "tokens over time", _NO_TOKENS),
        *_against("tokens_per_s", "tokens over time"),
        Column("latency", pl.String, "", "which latency is shown", "none is known of all rows"),
        Column("latency_ms", pl.Float64, "ms", "that latency", "none is known of all rows"),
        *_against("latency", "latency"),
    )


POWER_CAP_ROW = _knob("power_cap_w", "W", "power limit of each GPU", "no limit was told")
CLOCK_ROW = _knob("clock_mhz", "MHz", "SM clock that was locked", "clocks were free")

SHARD_ROW = (
    _ALIKE,
    Column("is_base", pl.Boolean, "", "fewest GPUs: the others are held against it"),
    _RUNS,
    Column("tensor_parallel", pl.Int64, "", "tensor-parallel shards", _NOT_STATED),
    Column("expert_parallel", pl.Int64, "", "expert-parallel shards", _NOT_STATED),
    Column("pipeline_parallel", pl.Int64, "", "pipeline-parallel shards", _NOT_STATED),
    Column("n_gpus", pl.Int64, "", "GPUs of one instance", _NOT_STATED),
    Column("n_instances", pl.Int64, "", "instances beside each other", _NOT_STATED),
    Column("instance_power_w", pl.Float64, "W", "power of one instance", "one is unknown"),
    *_against("instance_power", "power of one instance"),
    Column("j_per_token", pl.Float64, "J", "energy over tokens", "one is unknown"),
    *_against("j_per_token", "energy over tokens"),
    Column("tokens_per_s_per_gpu", pl.Float64, "1/s", "over all GPUs", "one is unknown"),
    *_against("tokens_per_s_per_gpu", "tokens/s per GPU"),
    Column("tokens_per_s_per_user", pl.Float64, "1/s", "speed that one user sees", "not known"),
    Column("memory_gib", pl.Float64, "GiB", "in use on the fullest GPU", _NOT_STATED),
)

_RANK = "1 for the best; equal ones share the lower number"
ENERGY_DELAY_ROW = (
    _RUN,
    _LABEL,
    Column("energy_j", pl.Float64, "J", "per output token, or of the run: as `basis` says"),
    Column("delay_s", pl.Float64, "s", "of a token for one user, or of the run, likewise"),
    *(
        column
        for name, unit, meaning in (
            ("ed", "J s", "energy times delay"),
            ("ed2", "J s2", "energy times delay squared"),
            ("weighted", "", "energy and delay to the powers of the weights, over the best run's"),
        )
        for column in (
            Column(name, pl.Float64, unit, meaning, "no weights were given"),
            Column(f"{name}_lo", pl.Float64, unit, "not below", _NO_INTERVAL),
            Column(f"{name}_hi", pl.Float64, unit, "not above", _NO_INTERVAL),
            Column(f"{name}_rank", pl.Int64, "", _RANK, "no weights were given"),
        )
    ),
)
SWEET_SPOT = (
    Column("measure", pl.String, "", "ed, ed2 or weighted", words=("ed", "ed2", "weighted")),
    Column("runs", pl.List(pl.String), "", "best setting: its runs, whose mean counts"),
    Column("next_runs", pl.List(pl.String), "", "second best; empty if there is none"),
    Column("next_share", pl.Float64, "", "how much worse that is, over the best", "there is none"),
    Column(
        "is_beyond", pl.Boolean, "", "the best is better by more than the intervals",
        "intervals are not known",
    ),
)  # fmt: skip

REPEAT_ROW = (
    _ALIKE,
    _RUNS,
    Column(
        "quantity",
        pl.String,
        "",
        "energy_j, elapsed_s, j_per_token, tokens_per_s or power_w",
        words=("energy_j", "elapsed_s", "j_per_token", "tokens_per_s", "power_w"),
    ),
    Column("n_runs", pl.Int64, "", "runs that know it"),
    Column("mean", pl.Float64, "as named", "mean over the runs"),
    Column("deviation", pl.Float64, "as named", "standard deviation from run to run"),
    Column("deviation_share", pl.Float64, "", "that over the mean", "the mean is 0"),
    Column("mean_lo", pl.Float64, "as named", "the mean of many runs is not below"),
    Column("mean_hi", pl.Float64, "as named", "the mean of many runs is not above"),
    Column("precision_share", pl.Float64, "", "half of that interval over the mean", "mean is 0"),
    Column("needed_runs", pl.Int64, "", "runs that give the wanted precision", "the mean is 0"),
)

ROUTER_ROW = (
    _ALIKE,
    Column(
        "part",
        pl.String,
        "",
        "run, moe, collectives, or moe and collectives together",
        words=("run", "moe", "collectives", "moe and collectives"),
    ),
    Column("runs", pl.List(pl.String), "", "as their routers choose"),
    Column("perfect_runs", pl.List(pl.String), "", "with experts loaded evenly"),
    Column("per", pl.String, "", "token, step or run: what both are over"),
    Column("energy_j", pl.Float64, "J", "with the model's own router", _NO_ENERGY),
    Column("perfect_energy_j", pl.Float64, "J", "with the perfect router", _NO_ENERGY),
    *_against("energy", "energy"),
    Column("time_s", pl.Float64, "s", "elapsed; of phases: busy, summed over GPUs"),
    Column("perfect_time_s", pl.Float64, "s", "with the perfect router"),
    *_against("time", "time"),
    Column("is_router", pl.Boolean, "", "the own router costs more than a tenth more"),
)
