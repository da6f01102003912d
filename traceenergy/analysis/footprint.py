"""CO2, cost of the energy of a run, at rates that the user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.component_rows import TOTAL
from traceenergy.records import dataclass
from traceenergy.units import J_PER_KWH

if TYPE_CHECKING:
    from traceenergy.analysis.model import EnergyTotals
    from traceenergy.analysis.options import AnalysisOptions


@dataclass(frozen=True)
class Footprint:
    """What the energy of a run means beyond the computers.

    Attributes
    ----------
    energy_j
        Of `of_what` [J]; None if not known, as is then all that follows from it.
    of_what
        `GPUs`, or `all components` with a power model.
    pue
        Energy of the building over that of the computers.
    facility_kwh
        ``energy_j / 3.6e6 x pue`` [kWh].
    carbon_g_per_kwh, co2_g
        As given; ``facility_kwh x carbon_g_per_kwh`` [g].
    price_per_kwh, cost
        As given, in any currency; ``facility_kwh x price_per_kwh`` in the same.
    """

    energy_j: float | None
    of_what: str
    pue: float
    facility_kwh: float | None
    carbon_g_per_kwh: float | None
    co2_g: float | None
    price_per_kwh: float | None
    cost: float | None


def find_footprint(
    options: AnalysisOptions, energy: EnergyTotals, components: pl.DataFrame
) -> Footprint | None:
    """Count CO2, cost of a run.

    Parameters
    ----------
    options : AnalysisOptions
        Its `carbon_g_per_kwh`, `price_per_kwh`, `pue`.
    energy : EnergyTotals
    components : polars.DataFrame
        `COMPONENT_ROW`: counted instead of the GPUs alone where there are any.

    Returns
    -------
    Footprint or None
        None if nothing of it was asked for.
    """
    carbon, price = options.carbon_g_per_kwh, options.price_per_kwh
    if carbon is None and price is None and options.pue is None:
        return None
    pue = 1.0 if options.pue is None else options.pue
    known = components.filter(pl.col("component") == TOTAL)["energy_j"].drop_nulls()
    has_gpus = energy.total_j is not None
    all_j = float(known[0]) if len(known) else energy.total_j
    energy_j = all_j if has_gpus else None
    facility_kwh = None if energy_j is None else energy_j / J_PER_KWH * pue

    def at(rate: float | None) -> float | None:
        return None if rate is None or facility_kwh is None else facility_kwh * rate

    return Footprint(
        energy_j=energy_j,
        of_what="all components" if len(known) else "GPUs",
        pue=pue,
        facility_kwh=facility_kwh,
        carbon_g_per_kwh=carbon,
        co2_g=at(carbon),
        price_per_kwh=price,
        cost=at(price),
    )
