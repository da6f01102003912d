"""Types of what a sweep says in JSON beside its tables."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from traceenergy.report.told_types import is_a

_METHOD = Literal["law", "gaussian-process", "trees"]


class _Options(TypedDict, total=False):
    weights: dict[str, float] | None
    precision: float | None
    time_only: bool
    model: bool
    redact: bool


class _Model(TypedDict):
    method_step_s: _METHOD
    method_step_j: _METHOD | None
    n_runs: int
    n_steps: int
    n_sampled: int
    confidence_level: float
    margin_step_s: float | None
    margin_step_j: float | None
    margin_run_step_s: float | None
    margin_run_step_j: float | None


class _Engine(TypedDict):
    max_batch: int
    kv_tokens: int | None
    chunk_tokens: int | None
    idle_w: float | None


class _Slo(TypedDict):
    slos: list[str]
    clocks_mhz: list[float]
    engine: _Engine


_TOLD = {
    "options": _Options,
    "model": _Model | None,
    "slo": _Slo | None,
    "replay": dict[str, Any] | None,
    "basis": Literal["token", "run"] | None,
}


def check_told_of_sweep(**told: object) -> None:
    """Refuse values of other types than a sweep writes.

    Parameters
    ----------
    **told : JSON values
        `options`, `model`, `slo`, `replay`, `basis`, as in the JSON of a sweep.

    Raises
    ------
    TypeError
        With the names of such members.
    """
    odd = [name for name, value in told.items() if not is_a(value, _TOLD[name])]
    if odd:
        message = f"of another type: {', '.join(odd)}"
        raise TypeError(message)
