"""Sound text files, each with what reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars.selectors as cs

from tests.build import Work, build_trace
from tests.export import UTC_EPOCH_NS
from tests.serving import request_logs
from traceenergy.analysis.step_tokens import read_token_table
from traceenergy.components.read import read_parts
from traceenergy.phases.rules import describe_rules
from traceenergy.phases.vocabulary import phase_problem
from traceenergy.read.options import ReadOptions
from traceenergy.read.power_log import attach_power_logs
from traceenergy.serving.read import read_requests
from traceenergy.sweeps.sources import read_description
from traceenergy.sweeps.step_file import read_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from traceenergy.trace.model import Trace

_S = 1_000_000_000


@dataclass(frozen=True)
class TextFile:
    """A kind of text file: the name of one, what reads it with checks, sound ones."""

    name: str
    read: Callable[[Path], object]
    texts: tuple[str, ...]


@cache
def _trace() -> Trace:
    return build_trace([Work("a", _S // 2, _S), Work("b", _S, 2 * _S)], utc_epoch_ns=UTC_EPOCH_NS)


def read_power_log(path: Path) -> Trace:
    """Put the power of a log to a trace; it must be possible."""
    trace = attach_power_logs(_trace(), [path], ReadOptions(power_gpu=("0",)))
    watts = trace.power_samples["power_w"]
    assert watts.is_finite().all(), "power that is not finite"
    assert (watts >= 0).all(), "power below zero"
    return trace


def _read_requests(path: Path) -> None:
    table = read_requests(path).requests
    for column in table.select(cs.float()).columns:
        values = table[column].drop_nulls()
        assert values.is_finite().all(), f"{column} that is not finite"


def read_power_of_parts(path: Path) -> object:
    """Read a power model."""
    return read_parts(path, phase_problem)


def _smi_log() -> str:
    lines = ["timestamp, index, uuid, clocks.current.sm [MHz], power.draw [W], temperature.gpu"]
    lines += [
        f"2023/11/14 22:13:{20 + i // 4:02d}.{i % 4 * 250:03d}, 0, GPU-8b4ae5f1-a941-06a0-956a-"
        f"26afbccdafe5, {1000 + i} MHz, {90 + 10 * (i % 5)}.25 W, 41"
        for i in range(13)
    ]
    return "\n".join(lines) + "\n"


def _sample_log() -> str:
    lines = ["# traceenergy-sample 1 period_ns=10000000"]
    lines += ["utc:int64[ns],monotonic:int64[ns],gpu:uuid,polls:int64,power.draw:int64[mW]"]
    lines += [
        f"{UTC_EPOCH_NS + i * _S // 4},{i * _S // 4},GPU-8b4ae5f1-a941-06a0-956a-26afbccdafe5,1,"
        f"{90_000 + 1000 * i}"
        for i in range(13)
    ]
    return "\n".join(lines) + "\n"


_RULES = r"""
format_version = 1
name = "mine"
description = "Our model"
[[rule]]
phase = "attention.core"
kernel = 'my_flash_kernel'
[[rule]]
phase = "moe.router"
module = 'gating'
[[layer]]
range = 'stage (?P<layer>\d+)'
[[step]]
range = '^tick (?P<step>\d+): (?P<batch>\d+) sequences'
[[backward]]
kernel = '_grad$'
"""
_PARTS = """
[gpu]
name = "H100"
idle_w = 70
standby_w = 120
standby_s = 0.5
active_w = 600
phase_active_w = { attention = 450, "moe.dispatch" = 250 }
[node]
count = 1
base_w = 60
[cpu]
idle_w = 10
active_w = 200
util = 0.15
[dram]
dimms = 16
idle_w = 2
pj_per_bit = 6
bytes = 4.2e12
[link]
count = 1
idle_w = 5
pj_per_bit = 4
[[link.collective]]
kernel = "AllReduce"
bytes = 33554432
"""
_RUNS = """
[[run]]
trace = "tp8.sqlite"
power = ["tp8.csv"]
label = "TP 8, 550 W"
gpus = 8
clock_mhz = 1410
power_cap_w = 550
perfect_router = false
step_pattern = "step .*"
[[run]]
label = "175 W"
elapsed_s = 106.5
energy_j = 19250
output_tokens = 10000
"""
_STEPS = "step_s,energy_j,tokens,batch,clock_mhz\n0.01,5,64,64,1410\n0.02,6,64,64,1410\n"
_TOKENS = "step,tokens\n1,64\n2,64\n3,128\n"
SIM = {
    "num_nodes": 1,
    "nodes": [
        {
            "power": {
                "base_node_power": 60,
                "npu": {"H100": {"idle_power": 70, "active_power": 600, "standby_power": 110,
                                 "standby_duration": 18, "num_npus": 1}},
                "cpu": {"idle_power": 10, "active_power": 200, "util": 0.15},
                "dram": {"dimm_size": 32, "idle_power": 2, "energy_per_bit": 6},
                "link": {"num_links": 1, "idle_power": 5, "energy_per_bit": 4},
                "nic": {"num_nics": 1, "idle_power": 20},
                "storage": {"num_devices": 2, "idle_power": 5},
            }
        }
    ],
}  # fmt: skip
TEXT_FILES: dict[str, TextFile] = {
    "power log": TextFile("power.csv", read_power_log, (_smi_log(), _sample_log())),
    "request log": TextFile(
        "requests",
        _read_requests,
        (request_logs.csv_of(request_logs.ALL), request_logs.aiperf_of(request_logs.ALL)),
    ),
    "rules": TextFile("rules.toml", describe_rules, (_RULES,)),
    "power model": TextFile("parts", read_power_of_parts, (_PARTS, json.dumps(SIM))),
    "runs of a sweep": TextFile("runs.toml", read_description, (_RUNS,)),
    "steps": TextFile("steps.csv", read_steps, (_STEPS,)),
    "tokens": TextFile("tokens.csv", read_token_table, (_TOKENS,)),
}
"""By the name of their family."""
