"""Rows of the table of components: what a part costs, by what, or why that is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.components.joules import (
    cpu_w,
    dram_idle_w,
    link_idle_w,
    steady_parts_w,
    traffic_j,
)
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.components.model import PartsModel
    from traceenergy.energy.device_energy import DeviceEnergy

MEASURED, MODELLED = "measured", "modelled"
STANDBY, TOTAL = "npu_standby", "total"


@dataclass(frozen=True)
class PartCost:
    """One row, as `COMPONENT_ROW` declares it.

    Attributes
    ----------
    component, label
        Stable name; name for people.
    energy_j
        In the window [J]; None if not known.
    source, note
        Where it is from; what is in it, or why it is not known.
    time_s, n_bytes
        Of GPUs in this state; moved; None if that is not what it depends on.
    part_of
        Component that it is a part of; None for the total.
    """

    component: str
    label: str
    energy_j: float | None
    source: str | None
    note: str = ""
    time_s: float | None = None
    n_bytes: float | None = None
    part_of: str | None = TOTAL


@dataclass(frozen=True)
class MovedBytes:
    """Bytes moved in the window.

    Attributes
    ----------
    host, link
        By copies: through memory of hosts, over links.
    collectives
        By collectives over links; None if not known.
    n_collectives, n_untold
        Launches of collectives; those of unknown bytes.
    hides_collectives
        Whether whole CUDA graphs may hold collectives that the trace does not show.
    """

    host: float
    link: float
    collectives: float | None
    n_collectives: int
    n_untold: int
    hides_collectives: bool


def gpu_costs(ledger: Ledger) -> list[PartCost]:
    """Say what GPUs cost by state.

    Parameters
    ----------
    ledger : Ledger
        With `modelled`.

    Returns
    -------
    list of PartCost
        Active, standby, idle; unattributed where something was measured. A sensor does not tell
        standby from idle.
    """
    seen = [energy for energy in ledger.energies if energy is not None]
    uses = [use for use in ledger.modelled if use is not None]
    n_untold = len(ledger.devices) - len(seen) - len(uses)
    untold = f"without {n_untold} GPUs of unknown power" if n_untold else ""
    joint = "standby is in idle gaps, which the sensor does not tell from it" if seen else ""
    active_j = [_kernel_j(energy) for energy in seen] + [use.active_j for use in uses]
    gaps_j = [energy.idle_gap_j for energy in seen]
    source = " + ".join([MEASURED] * bool(seen) + [MODELLED] * bool(uses)) or None
    model = MODELLED if uses else None
    idle_j = [*gaps_j, *(use.idle_j for use in uses)]
    rows = [
        PartCost("npu_active", "GPU active", _sum(active_j), source, untold,
                 _sum([use.states.active_s for use in uses]) if not seen else None),
        PartCost(STANDBY, "GPU standby", _sum([use.standby_j for use in uses]), model, joint,
                 _sum([use.states.standby_s for use in uses])),
        PartCost("npu_idle", "GPU idle", _sum(idle_j), source, joint or untold,
                 _sum([use.states.idle_s for use in uses]) if not seen else None),
    ]  # fmt: skip
    if seen:
        rest_j = sum(energy.unattributed_j for energy in seen)
        note = "measured, but given to no cause"
        rows.append(PartCost("npu_unattributed", "GPU unattributed", rest_j, MEASURED, note))
    return rows


def _kernel_j(energy: DeviceEnergy) -> float:
    return float(np.nansum(energy.static_j) + np.nansum(energy.dynamic_j))


def node_costs(
    parts: PartsModel, moved: MovedBytes, elapsed_s: float, busy_s: float
) -> list[PartCost]:
    """Say what the other parts cost.

    Parameters
    ----------
    parts : PartsModel
    moved : MovedBytes
    elapsed_s, busy_s : float [s]
        Length of the window; time in which some GPU had work.

    Returns
    -------
    list of PartCost
    """
    untold = f"not in {parts.file}"
    cpu = cpu_w(parts.nodes)
    cpu_j = None if cpu is None else cpu[0] * elapsed_s + cpu[1] * busy_s
    return [
        _told("cpu", "CPU", cpu_j, untold),
        _dram(parts, moved, elapsed_s, untold),
        *_links(parts, moved, elapsed_s, untold),
        *_steady(parts, elapsed_s, untold),
    ]


def _dram(parts: PartsModel, moved: MovedBytes, elapsed_s: float, untold: str) -> PartCost:
    dram, idle_w = parts.nodes[0].dram, dram_idle_w(parts.nodes)
    if dram is None or idle_w is None:
        return _told("dram", "DRAM", None, untold)
    n_bytes = moved.host if dram.n_bytes is None else dram.n_bytes
    of_what = "of copies alone; what CPUs move is not known" if dram.n_bytes is None else "told"
    energy_j = idle_w * elapsed_s + traffic_j(n_bytes, dram.pj_per_bit)
    return PartCost("dram", "DRAM", energy_j, MODELLED, f"bytes {of_what}", n_bytes=n_bytes)


def _links(
    parts: PartsModel, moved: MovedBytes, elapsed_s: float, untold: str
) -> tuple[PartCost, ...]:
    link, idle_w = parts.nodes[0].link, link_idle_w(parts.nodes)
    if link is None or idle_w is None:
        return (_told("link", "Link", None, untold),)
    copies_j = idle_w * elapsed_s + traffic_j(moved.link, link.pj_per_bit)
    told = moved.collectives is not None
    told_bytes = moved.collectives or 0.0
    told_j = traffic_j(told_bytes, link.pj_per_bit)
    why = "none ran" if told and not moved.n_collectives else ""
    if not told:
        why = f"bytes of {moved.n_untold:,} of {moved.n_collectives:,} collectives are {untold}"
    if moved.hides_collectives:
        why = "CUDA graphs were recorded whole: collectives in them do not show"
    return (
        PartCost("link", "Link", copies_j + told_j, MODELLED, "" if told else "without collectives",
                 n_bytes=moved.link + told_bytes),
        PartCost("link_copies", "Link: idle, copies", copies_j, MODELLED, n_bytes=moved.link,
                 part_of="link"),
        PartCost("link_collectives", "Link: collectives", told_j if told else None,
                 MODELLED if told else None, why, n_bytes=moved.collectives, part_of="link"),
    )  # fmt: skip


def _steady(parts: PartsModel, elapsed_s: float, untold: str) -> tuple[PartCost, ...]:
    name, label = "base_nic_storage", "Base + NIC + storage"
    labels = {"base": "Node base", "nic": "NIC", "storage": "Storage"}
    told = {
        part: None if power_w is None else power_w * elapsed_s
        for part, power_w in steady_parts_w(parts.nodes).items()
    }
    known = [energy_j for energy_j in told.values() if energy_j is not None]
    if not known:
        return (_told(name, label, None, untold),)
    missing = ", ".join(labels[part] for part, energy_j in told.items() if energy_j is None)
    whole = PartCost(name, label, sum(known), MODELLED, f"without {missing}" if missing else "")
    return whole, *(
        replace(_told(part, labels[part], energy_j, untold), part_of=name)
        for part, energy_j in told.items()
    )


def total_cost(costs: list[PartCost]) -> PartCost:
    """Sum the components.

    Parameters
    ----------
    costs : list of PartCost
        Components, with their parts.

    Returns
    -------
    PartCost
        Of all that is known; it names what is not.
    """
    whole = [cost for cost in costs if cost.part_of == TOTAL]
    known = [cost.energy_j for cost in whole if cost.energy_j is not None]
    words = {word for cost in whole if cost.source for word in cost.source.split(" + ")}
    unknown = ", ".join(cost.label for cost in untold_costs(costs))
    return PartCost(
        TOTAL,
        "Total",
        sum(known) if known else None,
        " + ".join(sorted(words)) or None,
        f"without what is not known: {unknown}" if unknown else "",
        part_of=None,
    )


def untold_costs(costs: list[PartCost]) -> list[PartCost]:
    """List what is not known: components, and parts of those that are."""
    # A sensor has standby in what it shows of gaps: it is no part that is missing.
    return [cost for cost in costs if cost.energy_j is None and cost.component != STANDBY]


def _told(name: str, label: str, energy_j: float | None, untold: str) -> PartCost:
    if energy_j is None:
        return PartCost(name, label, None, None, untold)
    return PartCost(name, label, energy_j, MODELLED)


def _sum(values: list[float]) -> float | None:
    return sum(values) if values else None
