"""The command line that would give a result again."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from traceenergy.analysis.options import AnalysisOptions
from traceenergy.read.options import ReadOptions
from traceenergy.trace.model import POWER_MODEL, REQUEST_LOG
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.model import Analysis

_OTHER_RUNS = {"calibration_inputs": "--calibration", "layers_from_inputs": "--layers-from"}
# What a user chooses; all other entries of a result's options are assumptions.
CHOICES = frozenset({*_OTHER_RUNS, "by_report", "slices"}) | {
    field.name for options in (AnalysisOptions, ReadOptions) for field in fields(options)
}
# Flag by the name of an option whose value is written as it stands; its default.
_PLAIN = {
    "filter_nvtx": ("--filter-nvtx", None),
    "steps": ("--steps", None),
    "skip_steps": ("--skip-steps", 0),
    "tokens_per_step": ("--tokens-per-step", None),
    "power_unit": ("--power-unit", None),
    "idle_power_w": ("--idle-power", None),
    "power_limit_w": ("--power-limit", None),
    "edp": ("--edp", None),
    "buffer": ("--buffer", None),
    "confidence_level": ("--confidence", 0.9),
    "method": ("--method", "auto"),
    "power_model": ("--power-model", None),
    "carbon_g_per_kwh": ("--carbon", None),
    "price_per_kwh": ("--price", None),
    "pue": ("--pue", None),
    "slices": ("--slices", 1),
}


def command_line(result: Analysis) -> str:
    """Write the call of the shell that gives this result, from what it records.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    str
        Files without folders, options that are not at their default; words quoted as a shell
        reads them. Empty if no trace is recorded.
    """
    traces = [origin.name for origin in result.origins if origin.rank is not None]
    if not traces:
        return ""
    logs = [
        origin.name
        for origin in result.origins
        if origin.rank is None and origin.kind not in {POWER_MODEL, REQUEST_LOG}
    ]
    words = ["traceenergy", "analyze", *traces]
    for log in logs:
        words += ["--power", log]
    words += _other_runs(result.options)
    for flag, value in _flags(result.options):
        # one word, since a value may begin with a dash
        words.append(flag if value is True else f"{flag}={value}")
    return shlex.join(words)


def _other_runs(options: dict[str, Any]) -> list[str]:
    words = []
    for key, flag in _OTHER_RUNS.items():
        for known in options.get(key) or ():
            words += [flag + "-power" * (known["rank"] is None), known["name"]]
    return words


def _flags(options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, (flag, default) in _PLAIN.items():
        if options.get(name, default) != default:
            yield flag, options[name]
    several = (
        ("rules", "--rules"),
        ("requests", "--requests"),
        ("power_gpu", "--power-gpu"),
        ("flatten", "--flatten"),
    )
    for name, flag in several:
        for value in options.get(name) or ():
            yield flag, value
    yield from _times(options)
    if options.get("power_exponent_source") == "user":
        yield "--power-exponent", options["power_exponent"]
    for name in ("time_only", "redact", "by_report"):
        if options.get(name):
            yield f"--{name.replace('_', '-')}", True


def _times(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    window_ns, offset_ns = options.get("filter_time_ns"), options.get("power_clock_offset_ns")
    sensor_ms = options.get("sensor_window_ms")
    if window_ns is not None:
        yield "--filter-time", "/".join("" if end is None else f"{end}ns" for end in window_ns)
    if offset_ns is not None:
        yield "--power-clock-offset", f"{offset_ns}ns"
    if sensor_ms is not None:
        yield "--sensor", f"average:{round(sensor_ms * NS_PER_MS)}ns" if sensor_ms else "instant"
