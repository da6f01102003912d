"""What each part of the computers costs, measured where a sensor saw it, else modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.component_columns import COMPONENT_CURVE, COMPONENT_ROW
from traceenergy.analysis.component_rows import (
    MovedBytes,
    gpu_costs,
    node_costs,
    total_cost,
    untold_costs,
)
from traceenergy.analysis.traffic import Traffic, collective_bytes, copy_traffic
from traceenergy.caveats import Caveat
from traceenergy.components.joules import cpu_w, dram_idle_w, link_idle_w, steady_w, traffic_j
from traceenergy.components.spread import spread
from traceenergy.intervals import share_clock, union
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.component_rows import PartCost
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.components.gpu_states import GpuUse
    from traceenergy.components.model import PartsModel
    from traceenergy.critical_path.collectives import Collectives
    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MAX_BINS = 240  # the result as JSON holds them all


@dataclass(frozen=True)
class Components:
    """Tables of components, with their doubts.

    Attributes
    ----------
    rows
        As declared by `COMPONENT_ROW`; empty without a power model.
    curve
        Power of all parts over time, as declared by `COMPONENT_CURVE`; likewise.
    caveats
        What is not known.
    """

    rows: pl.DataFrame
    curve: pl.DataFrame
    caveats: tuple[Caveat, ...] = ()


def component_tables(
    trace: Trace,
    ledger: Ledger,
    window: Window,
    parts: PartsModel | None,
    collectives: Collectives,
) -> Components:
    """Say what each part of the computers costs.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    window : Window
    parts : PartsModel or None
        Without it there is nothing to say beyond GPUs.
    collectives : Collectives

    Returns
    -------
    Components
    """
    if parts is None:
        return Components(empty_table(COMPONENT_ROW), empty_table(COMPONENT_CURVE))
    copies = copy_traffic(ledger, trace.names)
    told = next((node.link.collectives for node in parts.nodes if node.link is not None), ())
    of_work, n_collectives = collective_bytes(ledger, trace.names, collectives.is_collective, told)
    moved = _moved(ledger, copies, of_work, n_collectives)
    busy = union(ledger.start_ns, ledger.end_ns)
    busy_s = float(_seconds(*busy).sum())
    elapsed_s = window.elapsed_ns * S_PER_NS
    costs = [*gpu_costs(ledger), *node_costs(parts, moved, elapsed_s, busy_s)]
    by_work = copies.host_bytes, copies.link_bytes + np.nan_to_num(of_work)
    others = _other_parts(ledger, elapsed_s, parts, busy, by_work)
    curve = _curve(ledger, window, others)
    untold = _untold(costs, parts)
    return Components(_table([*costs, total_cost(costs)], elapsed_s), curve, untold)


def _moved(ledger: Ledger, copies: Traffic, of_work: Float, n_collectives: int) -> MovedBytes:
    n_untold = int(np.isnan(of_work).sum())
    hides = bool((ledger.work["table"] == "GRAPH").any()) and len(ledger.devices) > 1
    return MovedBytes(
        host=float(copies.host_bytes.sum()),
        link=float(copies.link_bytes.sum()),
        collectives=None if n_untold or hides else float(of_work.sum()),
        n_collectives=n_collectives,
        n_untold=n_untold,
        hides_collectives=hides,
    )


def _table(costs: list[PartCost], elapsed_s: float) -> pl.DataFrame:
    known_j = costs[-1].energy_j
    records = [
        {
            "component": cost.component,
            "label": cost.label,
            "part_of": cost.part_of,
            "energy_j": cost.energy_j,
            "energy_share": cost.energy_j / known_j
            if cost.energy_j is not None and known_j
            else None,
            "mean_power_w": None if cost.energy_j is None else cost.energy_j / elapsed_s,
            "time_s": cost.time_s,
            "bytes": cost.n_bytes,
            "source": cost.source,
            "note": cost.note,
        }
        for cost in costs
    ]
    return pl.DataFrame(records, schema={one.name: one.dtype for one in COMPONENT_ROW})


def _untold(costs: list[PartCost], parts: PartsModel) -> tuple[Caveat, ...]:
    untold = untold_costs(costs)
    if not untold:
        return ()
    said = "; ".join(f"{cost.label}: {cost.note}" for cost in untold)
    text = f"the energy of {len(untold)} components is not known, and in no sum. {said}"
    return (Caveat("components-unknown", text, parts.file, len(untold)),)


@dataclass(frozen=True)
class _OverTime:
    """What a part draws throughout [W]; spells with the energy that each costs in addition [J]."""

    always_w: float
    spells: tuple[tuple[Int, Int, Float], ...] = ()


def _other_parts(
    ledger: Ledger,
    elapsed_s: float,
    parts: PartsModel,
    busy: tuple[Int, Int],
    moved: tuple[Float, Float],
) -> dict[str, _OverTime | None]:
    """Say when each part beside GPUs draws what; None for what the file does not tell.

    `busy`: when some GPU has work; `moved`: bytes through memory, over links, of each piece of it.
    """
    nodes, node = parts.nodes, parts.nodes[0]
    found: dict[str, _OverTime | None] = dict.fromkeys(("cpu", "dram", "link", "base_nic_storage"))
    cpu, dram_w, link_w, always_w = (
        cpu_w(nodes), dram_idle_w(nodes), link_idle_w(nodes), steady_w(nodes)
    )  # fmt: skip
    if cpu is not None:
        found["cpu"] = _OverTime(cpu[0], ((*busy, cpu[1] * _seconds(*busy)),))
    start_ns, end_ns = ledger.start_ns, ledger.end_ns
    if node.dram is not None and dram_w is not None:
        cost_j = traffic_j(1.0, node.dram.pj_per_bit)
        if node.dram.n_bytes is None:
            found["dram"] = _OverTime(dram_w, ((start_ns, end_ns, cost_j * moved[0]),))
        else:  # the file does not tell when: evenly
            found["dram"] = _OverTime(dram_w + cost_j * node.dram.n_bytes / elapsed_s)
    if node.link is not None and link_w is not None:
        cost_j = traffic_j(1.0, node.link.pj_per_bit)
        found["link"] = _OverTime(link_w, ((start_ns, end_ns, cost_j * moved[1]),))
    if always_w is not None:
        found["base_nic_storage"] = _OverTime(always_w)
    return found


def _curve(ledger: Ledger, window: Window, others: dict[str, _OverTime | None]) -> pl.DataFrame:
    n_bins = int(min(MAX_BINS, max(1, window.elapsed_ns)))
    edge_ns = window.start_ns + (np.arange(n_bins + 1) * window.elapsed_ns) // n_bins
    bin_s = np.diff(edge_ns) * S_PER_NS
    gpus_j = [
        _gpu_j(energy, use, ledger.start_ns[work.row], ledger.end_ns[work.row], edge_ns)
        for work, energy, use in zip(ledger.devices, ledger.energies, ledger.modelled, strict=True)
    ]
    columns = {"gpu_w": np.sum(gpus_j, axis=0) / bin_s}
    for name, part in others.items():
        power_w = np.full(n_bins, np.nan)
        if part is not None:
            power_w = part.always_w + sum(spread(*one, edge_ns) for one in part.spells) / bin_s
        columns[f"{name}_w"] = power_w
    known_w = [np.nan_to_num(columns[f"{name}_w"]) for name in others]
    columns["total_w"] = columns["gpu_w"] + np.sum(known_w, axis=0)
    frame = pl.DataFrame({"start_ns": edge_ns[:-1], "end_ns": edge_ns[1:]} | columns,
                         schema={one.name: one.dtype for one in COMPONENT_CURVE})  # fmt: skip
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _gpu_j(
    energy: DeviceEnergy | None, use: GpuUse | None, start_ns: Int, end_ns: Int, edge_ns: Int
) -> Float:
    """Energy of one GPU in each bin [J]; NaN where nothing tells it."""
    if energy is not None:
        cells = energy.cells
        until_j = np.concatenate(([0.0], np.cumsum(cells.energy_j)))
        at_ns = cells.edge_ns - edge_ns[0]
        return np.asarray(np.diff(np.interp(edge_ns - edge_ns[0], at_ns, until_j)))
    if use is None:
        return np.full(len(edge_ns) - 1, np.nan)
    states = use.states
    active = states.active_start_ns, states.active_end_ns
    standby = states.standby_start_ns, states.standby_end_ns
    above_w = use.power.standby_w - use.power.idle_w
    active_s, standby_s = _seconds(*active), _seconds(*standby)
    idle_j = use.power.idle_w * (np.diff(edge_ns) * S_PER_NS)
    idle_j -= use.power.idle_w * spread(*active, active_s, edge_ns)
    # Pieces that run together share time, and spend evenly in the time that they have.
    clock = share_clock(start_ns, end_ns)
    start, end = clock.share_at(start_ns), clock.share_at(end_ns)
    return (
        idle_j
        + spread(*standby, above_w * standby_s, edge_ns)
        + spread(start, end, use.static_j + use.dynamic_j, clock.share_at(edge_ns))
    )


def _seconds(start_ns: Int, end_ns: Int) -> Float:
    return np.asarray((end_ns - start_ns) * S_PER_NS, dtype=np.float64)
