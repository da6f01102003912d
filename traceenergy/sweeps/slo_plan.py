"""What each load needs to keep its objectives: clocks, instances, what that saves."""

from __future__ import annotations

from math import ceil, exp, isfinite, sqrt
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.sweeps.capacity import capacity_steps
from traceenergy.sweeps.clock_search import choose_clock
from traceenergy.sweeps.replay_curve import replay_curve
from traceenergy.sweeps.served import serve
from traceenergy.sweeps.slo import STATISTICS
from traceenergy.sweeps.slo_columns import (
    REPLAY_CURVE,
    REPLAY_REQUESTS,
    SLO_CAPACITY,
    SLO_CLOCK,
    SLO_INSTANCES,
    SLO_LOAD,
    SLO_OBJECTIVE,
)
from traceenergy.sweeps.slo_doubts import doubts_of_plan
from traceenergy.units import MS_PER_NS, NS_PER_S, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.caveats import Caveat
    from traceenergy.sweeps.clock_search import ClockChoice
    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.replay import Replay
    from traceenergy.sweeps.served import Served
    from traceenergy.sweeps.slo import Aim
    from traceenergy.sweeps.step_laws import StepLaw
    from traceenergy.sweeps.step_table import Engine
    from traceenergy.trace.tables import Column

TABLES: dict[str, tuple[Column, ...]] = {
    "slo": SLO_LOAD,
    "slo_objectives": SLO_OBJECTIVE,
    "slo_instances": SLO_INSTANCES,
    "slo_clocks": SLO_CLOCK,
    "slo_capacity": SLO_CAPACITY,
    "replay_requests": REPLAY_REQUESTS,
    "replay_curve": REPLAY_CURVE,
}
_Row = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """What loads are replayed on.

    Attributes
    ----------
    engine : Engine
        Each instance.
    law : StepLaw
        Of its steps.
    n_gpus
        GPUs of an instance; None where not known.
    max_instances
        So many are tried.
    energy_margin
        m: the energy of a run lies in what the law says x [exp(-m), exp(m)]; None where not known.
    """

    engine: Engine
    law: StepLaw
    n_gpus: int | None = None
    max_instances: int = 4
    energy_margin: float | None = None


@dataclass(frozen=True)
class SloPlan:
    """Tables by name, as `TABLES` declares them, with what to doubt."""

    tables: dict[str, pl.DataFrame]
    caveats: tuple[Caveat, ...]


def plan_loads(loads: Sequence[Requests], server: Server, aim: Aim) -> SloPlan:
    """Find for each load what keeps the objectives, and replay it there.

    Without objectives each load is replayed at the highest clock alone.

    Parameters
    ----------
    loads : sequence of Requests
    server : Server
    aim : Aim

    Returns
    -------
    SloPlan

    Raises
    ------
    UsageError
        If a request never fits the KV cache.
    """
    rows: dict[str, list[_Row]] = {name: [] for name in TABLES}
    for load in loads:
        if aim.slos:
            _plan(load, server, aim, rows)
        else:
            highest_mhz = float(aim.clocks_mhz[-1])
            served, replays = serve(load, server.engine, server.law, highest_mhz)
            _tell(load, server, ("highest", served, replays[0]), served.end_ns, rows)
    tables = {
        name: pl.DataFrame(rows[name], schema={c.name: c.dtype for c in columns}).fill_nan(None)
        for name, columns in TABLES.items()
    }
    return SloPlan(tables, tuple(doubts_of_plan(tables, server.engine, aim)))


def _plan(load: Requests, server: Server, aim: Aim, rows: dict[str, list[_Row]]) -> None:
    engine = server.engine
    choices = {1: choose_clock(load, engine, server.law, aim)}
    lowest_mhz = float(aim.clocks_mhz[0])
    for n in range(2, min(server.max_instances, len(load)) + 1):
        # At the lowest clock of all, more instances only draw more idle power.
        last = choices[n - 1].lowest
        if last is not None and last.clock_mhz == lowest_mhz:
            break
        choices[n] = choose_clock(load, engine, server.law, aim, n)
    kinds = [
        served
        for choice in choices.values()
        for served in (choice.lowest, choice.cheapest, choice.fastest)
        if served is not None
    ]
    end_ns = max(served.end_ns for served in [*kinds, choices[1].nearest])
    one = choices[1]
    rows["slo_instances"] += _instances(load, choices, engine, end_ns)
    rows["slo_clocks"] += _clocks(load, choices, engine, aim, end_ns)
    rows["slo_capacity"] += capacity_steps(load, server.law, engine, aim, server.max_instances)
    roles = {
        "lowest": one.lowest,
        "cheapest": one.cheapest,
        "nearest": one.nearest if one.lowest is None else None,
        "highest": one.fastest,
    }
    replays: dict[float, Replay] = {}
    for role, served in roles.items():
        if served is None:
            continue
        clock_mhz = served.clock_mhz
        if clock_mhz not in replays:
            replays[clock_mhz] = serve(load, engine, server.law, clock_mhz)[1][0]
        _tell(load, server, (role, served, replays[clock_mhz]), end_ns, rows)
        rows["slo_objectives"] += _objectives(load, role, served, aim)
    advice = _advice(load, server, aim, one, end_ns)
    if one.lowest is not None:
        advice["cap_command"] = _cap_command(replays[one.lowest.clock_mhz], server.n_gpus)
    rows["slo"].append(advice)


def _advice(load: Requests, server: Server, aim: Aim, choice: ClockChoice, end_ns: int) -> _Row:
    told = choice.lowest or choice.nearest
    over_limit, slo = choice.nearest.over_limit(aim.slos)
    highest_j = choice.fastest.total_j(server.engine.idle_w, end_ns)
    row = {
        "load": load.name,
        "n_requests": len(load),
        "requests_per_s": load.requests_per_s,
        "is_kept": choice.lowest is not None,
        "highest_clock_mhz": choice.fastest.clock_mhz,
        "highest_energy_j": highest_j,
        "elapsed_s": end_ns * S_PER_NS,
        "nearest_clock_mhz": choice.nearest.clock_mhz,
        "nearest_slo": str(slo),
        "nearest_over_limit": over_limit,
        "is_monotone": choice.is_monotone,
        "n_tried": len(choice.tried),
        "outside_share": told.outside_share,
        "time_error_share": told.time_error_share,
        "energy_error_share": told.energy_error_share,
    }
    for prefix, served in (("", choice.lowest), ("cheapest_", choice.cheapest)):
        row |= _saving(prefix, served, server, end_ns, highest_j)
    if choice.lowest is not None:
        clock_mhz = choice.lowest.clock_mhz
        row["clock_command"] = f"nvidia-smi -lgc {clock_mhz:.0f},{clock_mhz:.0f}"
    return row


def _saving(
    prefix: str, served: Served | None, server: Server, end_ns: int, highest_j: float
) -> _Row:
    if served is None:
        return {}
    energy_j = served.total_j(server.engine.idle_w, end_ns)
    ratio = energy_j / highest_j if highest_j else float("nan")
    row = {
        f"{prefix}clock_mhz": served.clock_mhz,
        f"{prefix}energy_j": energy_j,
        f"{prefix}saving_share": 1 - ratio,
    }
    if server.energy_margin is not None:
        # Two predictions, each off by its own error.
        margin = sqrt(2) * server.energy_margin if ratio != 1 else 0.0
        row[f"{prefix}saving_share_lo"] = 1 - ratio * exp(margin)
        row[f"{prefix}saving_share_hi"] = 1 - ratio * exp(-margin)
    return row


def _cap_command(replay: Replay, n_gpus: int | None) -> str | None:
    blocks = replay.blocks
    power_w = float((blocks.energy_j / (blocks.end_ns - blocks.start_ns)).max() * NS_PER_S)
    if n_gpus is None or not isfinite(power_w):
        return None
    return f"nvidia-smi -pl {ceil(power_w / n_gpus)}"


def _instances(
    load: Requests, choices: dict[int, ClockChoice], engine: Engine, end_ns: int
) -> list[_Row]:
    highest_j = choices[1].fastest.total_j(engine.idle_w, end_ns)
    rows = []
    for n, choice in choices.items():
        row: _Row = {"load": load.name, "n_instances": n, "is_best": False}
        if choice.lowest is not None and choice.cheapest is not None:
            energy_j = choice.lowest.total_j(engine.idle_w, end_ns, n)
            row |= {
                "clock_mhz": choice.lowest.clock_mhz,
                "energy_j": energy_j,
                "saving_share": 1 - energy_j / highest_j if highest_j else None,
                "cheapest_clock_mhz": choice.cheapest.clock_mhz,
                "cheapest_energy_j": choice.cheapest.total_j(engine.idle_w, end_ns, n),
            }
        rows.append(row)
    told = [row for row in rows if isfinite(row.get("cheapest_energy_j", float("nan")))]
    if told:
        min(told, key=lambda row: float(row["cheapest_energy_j"]))["is_best"] = True
    return rows


def _clocks(
    load: Requests, choices: dict[int, ClockChoice], engine: Engine, aim: Aim, end_ns: int
) -> list[_Row]:
    rows = []
    for n, choice in choices.items():
        for served in choice.tried:
            over_limit, slo = served.over_limit(aim.slos)
            rows.append(
                {
                    "load": load.name,
                    "n_instances": n,
                    "clock_mhz": served.clock_mhz,
                    "is_kept": served.keeps(aim.slos),
                    "slo": str(slo),
                    "over_limit": over_limit,
                    "energy_j": served.total_j(engine.idle_w, max(end_ns, served.end_ns), n),
                }
            )
    return rows


def _objectives(load: Requests, role: str, served: Served, aim: Aim) -> list[_Row]:
    rows = []
    for slo in aim.slos:
        latency = served.latencies[slo.latency]
        value_ns = latency.statistic(slo.statistic)
        rows.append(
            {
                "load": load.name,
                "role": role,
                "clock_mhz": served.clock_mhz,
                "slo": str(slo),
                "limit_ms": slo.limit_ns * MS_PER_NS,
                "value_ms": None if value_ns is None else value_ns * MS_PER_NS,
                "is_kept": value_ns is None or value_ns <= slo.limit_ns,
                "share_within": latency.share_within(slo.limit_ns),
            }
        )
    return rows


def _tell(
    load: Requests,
    server: Server,
    told: tuple[str, Served, Replay],
    end_ns: int,
    rows: dict[str, list[_Row]],
) -> None:
    """Add the latencies of a replay, its course over time."""
    role, served, replay = told
    whose = {"load": load.name, "role": role, "clock_mhz": served.clock_mhz}
    for name, latency in served.latencies.items():
        values_ns = {f"{one}_ms": latency.statistic(one) for one in STATISTICS}
        values_ms = {key: ns if ns is None else ns * MS_PER_NS for key, ns in values_ns.items()}
        rows["replay_requests"].append(whose | {"latency": name, "n": latency.n} | values_ms)
    curve = replay_curve(replay, server.engine.idle_w, end_ns)
    rows["replay_curve"] += [whose | row for row in curve]
