"""Objectives asked of a sweep: a model of its steps, loads, then a plan."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import BadTableError, UsageError
from traceenergy.records import dataclass
from traceenergy.serving.read import read_requests
from traceenergy.sweeps.loads import parse_load, recorded_requests
from traceenergy.sweeps.measured_engine import (
    law_of_mean_steps,
    measured_clocks,
    measured_engine,
    rest_between_steps_s,
)
from traceenergy.sweeps.slo import DEFAULT_CLOCK_STEP_MHZ, Aim
from traceenergy.sweeps.slo_doubts import doubts_of_steps
from traceenergy.sweeps.slo_plan import Server, plan_loads
from traceenergy.sweeps.step_model import describe, try_step_model
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.model import SweepRun
    from traceenergy.sweeps.result import Sweep
    from traceenergy.sweeps.slo import Slo
    from traceenergy.sweeps.slo_plan import SloPlan
    from traceenergy.sweeps.step_model import StepModel
    from traceenergy.sweeps.step_table import Engine

SLO_TABLES = {
    "loads": "slo",
    "objectives": "slo_objectives",
    "instances": "slo_instances",
    "tried": "slo_clocks",
    "capacity": "slo_capacity",
}
REPLAY_TABLES = {"requests": "replay_requests", "curve": "replay_curve"}


@dataclass(frozen=True)
class SloAsk:
    """What is asked of a sweep's model of steps.

    Attributes
    ----------
    slos : tuple of Slo
        None: loads are replayed at the highest clock.
    loads : tuple of str
        Load levels, as `parse_load` reads them.
    logs : tuple of Path
        Logs of requests.
    clocks_mhz : ndarray or None
        Clocks that may be set, rising [MHz]; None: from the lowest to the highest measured.
    max_batch, kv_tokens, chunk_tokens, idle_w
        As in `Engine`; None: as measured.
    max_instances
        So many are tried.
    """

    slos: tuple[Slo, ...] = ()
    loads: tuple[str, ...] = ()
    logs: tuple[Path, ...] = ()
    clocks_mhz: NDArray[Any] | None = None
    max_batch: int | None = None
    kv_tokens: int | None = None
    chunk_tokens: int | None = None
    idle_w: float | None = None
    max_instances: int = 4

    def __post_init__(self) -> None:
        """Refuse objectives without a load to keep them under."""
        if not self.loads and not self.logs:
            raise UsageError(
                "objectives hang on the load, and none is named",
                next_step="add --load 2.5rps:512:128 or --requests-log FILE",
            )


def with_slo(found: Sweep, ask: SloAsk, *, redact: bool = False) -> Sweep:
    """Add to a sweep which clocks keep objectives under each load.

    Where the runs do not tell a model, an engine or clocks, a caveat says so, and the sweep is
    otherwise as it was.

    Parameters
    ----------
    found : Sweep
        With its runs.
    ask : SloAsk
    redact
        Name logs by number.

    Returns
    -------
    Sweep
        With `slo`, `replay`, `model`.

    Raises
    ------
    TraceEnergyError
        If a log cannot be read, or a load cannot be replayed.
    """
    model, caveats = try_step_model(found.members)
    if model is None:
        return replace(found, caveats=(*found.caveats, *caveats))
    loads = _loads(ask, redact=redact)
    try:
        engine = _engine(ask, found.members)
        clocks_mhz = _clocks_mhz(ask, model, found.members)
    except UsageError as problem:
        text = f"Objectives were not looked at: {problem.what}; {problem.next_step}."
        return replace(found, caveats=(*found.caveats, *caveats, Caveat("no-slo", text)))
    aim = Aim(ask.slos, clocks_mhz)
    server = _server(found, model, engine, ask)
    plan = plan_loads(loads, server, aim)
    doubts = doubts_of_steps(model.n_sampled, model.scatter) if ask.slos else []
    return replace(
        found,
        model=found.model or describe(model, found.confidence_level),
        slo=_facts(aim, engine) | _rows(plan, SLO_TABLES),
        replay=_rows(plan, REPLAY_TABLES),
        caveats=(*found.caveats, *caveats, *doubts, *plan.caveats),
    )


def _server(found: Sweep, model: StepModel, engine: Engine, ask: SloAsk) -> Server:
    rest_j = (engine.idle_w or 0.0) * rest_between_steps_s(found.members)
    margins = model.energy_margins
    n_gpus = {run.setting.n_gpus for run in found.members}
    return Server(
        engine,
        law_of_mean_steps(model, rest_j),
        n_gpus=n_gpus.pop() if len(n_gpus) == 1 else None,
        max_instances=ask.max_instances,
        energy_margin=None if margins is None else margins.run(found.confidence_level),
    )


def _engine(ask: SloAsk, runs: Sequence[SweepRun]) -> Engine:
    return measured_engine(
        runs,
        max_batch=ask.max_batch,
        kv_tokens=ask.kv_tokens,
        chunk_tokens=ask.chunk_tokens,
        idle_w=ask.idle_w,
    )


def _clocks_mhz(ask: SloAsk, model: StepModel, runs: Sequence[SweepRun]) -> NDArray[Any]:
    if ask.slos and not model.knows_clocks:
        raise UsageError(
            "the model of steps does not know what clocks do",
            next_step="add runs at other clocks, with their clock_mhz",
        )
    if ask.clocks_mhz is not None:
        return ask.clocks_mhz
    return measured_clocks(runs, DEFAULT_CLOCK_STEP_MHZ)


def _loads(ask: SloAsk, *, redact: bool) -> list[Requests]:
    loads = [parse_load(text) for text in ask.loads]
    for i, path in enumerate(ask.logs, start=1):
        name = f"log {i}" if redact else path.name
        good = read_requests(path).requests.filter(~pl.col("failed"))
        told = good.drop_nulls(["arrival_ns", "input_tokens", "output_tokens"])
        if not len(told):
            raise BadTableError(
                f"no request of {name} tells its arrival and its tokens in and out",
                next_step="a replay needs all three; give a log that has them",
            )
        since_s = (told["arrival_ns"] - told["arrival_ns"].min()).cast(pl.Float64) * S_PER_NS
        loads.append(recorded_requests(name, since_s, told["input_tokens"], told["output_tokens"]))
    return loads


def _facts(aim: Aim, engine: Engine) -> dict[str, Any]:
    return {
        "slos": [str(slo) for slo in aim.slos],
        "clocks_mhz": aim.clocks_mhz.tolist(),
        "engine": asdict(engine),
    }


def _rows(plan: SloPlan, names: dict[str, str]) -> dict[str, Any]:
    return {key: plan.tables[name].to_dicts() for key, name in names.items()}
