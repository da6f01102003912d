"""What the page shows of parts beside GPUs: what each costs, CO2, money."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.component_rows import STANDBY, TOTAL
from traceenergy.records import dataclass
from traceenergy.report.names import clean_name
from traceenergy.report.quantities import (
    count_text,
    duration_text,
    energy_text,
    power_text,
    significant,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    duration_cell,
    energy_column,
    optional,
    power_column,
    share_cell,
    text_column,
)
from traceenergy.report.view_tables import TableView, lay_out
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.footprint import Footprint
    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_columns import Row

G_PER_KG = 1_000
WH_PER_KWH = 1_000


@dataclass(frozen=True)
class ComponentsView:
    """What each part of the computers costs.

    Attributes
    ----------
    table
        One row a part, the total last.
    summary
        Sum of what is known, power over time, in words.
    curve
        Power over time; None where that of GPUs is not known.
    """

    table: TableView
    summary: str
    curve: PartsCurve | None


@dataclass(frozen=True)
class PartsCurve:
    """Power of all parts over time, to be stacked.

    Attributes
    ----------
    edge_s
        Begin of each bin, end of the last, since the begin of the window [s].
    parts
        Column and name of each part that is known, with its power in each bin [W].
    total_w
        Their sum [W]; None where not known.
    told
        What is drawn, with the mean power of each part.
    """

    edge_s: tuple[float, ...]
    parts: tuple[tuple[str, str, tuple[float | None, ...]], ...]
    total_w: tuple[float | None, ...]
    told: str


_STACKED = {
    "base_nic_storage_w": "Base + NIC + storage",
    "link_w": "Link",
    "dram_w": "DRAM",
    "cpu_w": "CPU",
    "gpu_w": "GPU",
}
"""What is drawn steadiest lies lowest."""


def components_view(result: Analysis) -> ComponentsView | None:
    """Lay out the parts of the computers.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    ComponentsView or None
        None without a power model.
    """
    if result.components.height == 0:
        return None
    columns = [
        text_column("Component", lambda row: Cell(row["label"], sort=row["label"])),
        energy_column("Energy", itemgetter("energy_j"), "in the window"),
        Column("Share", "part of all that is known", share_cell("energy_share"), needs_power=True),
        power_column("Mean power", "mean_power_w", "energy over elapsed time"),
        optional(
            Column("Time", "in this state, summed over GPUs",
                   lambda row: duration_cell(row["time_s"]))
        ),
        optional(Column("Bytes", "moved", _bytes_cell)),
        text_column("From", lambda row: Cell(row["source"] or "not known", sort=row["source"])),
        text_column("Note", lambda row: Cell(clean_name(row["note"]), sort=row["note"] or None)),
    ]  # fmt: skip
    caption = "Components: what each part of the computers costs"
    table = lay_out(result, "component-table", caption, result.components, columns)
    return ComponentsView(table, _summary(result), _curve(result))


def _curve(result: Analysis) -> PartsCurve | None:
    frame = result.component_curve
    if frame["total_w"].count() == 0:
        return None
    edges_ns = [*frame["start_ns"], frame["end_ns"][-1]]
    is_gpu = pl.col("component").str.starts_with("npu_")
    sources = set(" + ".join(result.components.filter(is_gpu)["source"].drop_nulls()).split(" + "))
    of_gpus = f"GPUs, {' and '.join(sorted(sources))}"
    parts = tuple(
        (key, of_gpus if key == "gpu_w" else f"{label}, modelled", tuple(frame[key].to_list()))
        for key, label in _STACKED.items()
        if frame[key].count()
    )
    means = [
        f"{name} {power_text(float(frame[key].drop_nulls().to_numpy().mean()))}"
        for key, name, _ in reversed(parts)
    ]
    bin_s = (frame["end_ns"] - frame["start_ns"])[0] * S_PER_NS
    return PartsCurve(
        tuple((edge_ns - result.window.start_ns) * S_PER_NS for edge_ns in edges_ns),
        parts,
        tuple(frame["total_w"].to_list()),
        f"Total power over time, stacked by component, as means over {duration_text(bin_s)}. "
        f"On average: {'; '.join(means)}.",
    )


def _bytes_cell(row: Row) -> Cell:
    return Cell("" if row["bytes"] is None else count_text(row["bytes"]), sort=row["bytes"])


def _summary(result: Analysis) -> str:
    whole = result.components.filter(pl.col("component") == TOTAL)
    known_j = float(whole["energy_j"].sum())
    curve = result.component_curve.drop_nulls("total_w")
    elapsed_s = result.window.elapsed_ns * S_PER_NS
    text = f"All that is known: {energy_text(known_j, 4)}"
    if curve.height:
        most_w = float(curve["total_w"].to_numpy().max())
        bin_s = (curve["end_ns"] - curve["start_ns"])[0] * S_PER_NS
        text += (
            f", {power_text(known_j / elapsed_s, 4)} on average, at most "
            f"{power_text(most_w, 4)} over {duration_text(bin_s)}"
        )
    # A sensor has standby in what it shows of gaps: it is no part that is missing.
    unknown = result.components.filter(
        pl.col("energy_j").is_null() & ~pl.col("component").is_in([STANDBY, TOTAL])
    )
    names = ", ".join(unknown["label"])
    return f"{text}." + f" Not known: {names}." * bool(names)


def footprint_lines(found: Footprint | None) -> tuple[tuple[str, str, str], ...]:
    """Write CO2, cost with their formulas.

    Parameters
    ----------
    found : Footprint or None

    Returns
    -------
    tuple of (str, str, str)
        Name, value, formula of each that was asked for and is known.
    """
    if found is None or found.facility_kwh is None or found.energy_j is None:
        return ()
    energy = f"{energy_text(found.energy_j, 4)} of {found.of_what} / 3.6 MJ/kWh"
    kwh = f"{energy} x PUE {found.pue:g}"
    lines = [("Facility energy", f"{_scaled(found.facility_kwh * WH_PER_KWH, 'Wh', 'kWh')}", kwh)]
    if found.co2_g is not None:
        rate = f"facility energy x {found.carbon_g_per_kwh:g} g/kWh"
        lines.append(("CO2", _scaled(found.co2_g, "g", "kg"), rate))
    if found.cost is not None:
        rate = f"facility energy x {found.price_per_kwh:g} per kWh, in its currency"
        lines.append(("Cost", significant(found.cost), rate))
    return tuple(lines)


def _scaled(value: float, unit: str, larger: str) -> str:
    if value >= G_PER_KG:
        return f"{significant(value / G_PER_KG)} {larger}"
    return f"{significant(value)} {unit}"
