"""What the tables of clocks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.curve import PowerCurve
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.clock_series import DeviceReadings
    from traceenergy.analysis.clocked_work import ClockedWork, PhaseTimes
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.energy.device_energy import DeviceEnergy

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class ClockFacts:
    """Readings of a run with its work; tuples are by device of the ledger.

    Attributes
    ----------
    ledger : Ledger
    window : Window
    readings : tuple of DeviceReadings
    powers : tuple of PowerCurve or None
        As measured.
    work : ClockedWork or None
        None where no clock was read.
    phases : tuple of PhaseTimes or None
    phase_names : polars.Series of String
    """

    ledger: Ledger
    window: Window
    readings: tuple[DeviceReadings, ...]
    powers: tuple[PowerCurve | None, ...]
    work: ClockedWork | None
    phases: tuple[PhaseTimes | None, ...]
    phase_names: pl.Series


def measured_power(energy: DeviceEnergy) -> PowerCurve:
    """Draw the power that was measured, even between edges of the sensor's windows."""
    cells = energy.cells
    width_s = np.maximum(cells.width_ns, 1) * S_PER_NS
    return PowerCurve(cells.edge_ns, np.where(cells.covered, cells.energy_j / width_s, np.nan))


def energy_of(power: PowerCurve, low_ns: Int, high_ns: Int) -> Float:
    """Measure the energy of stretches within a curve [J]; NaN where it is not known throughout."""
    return power.between(
        (low_ns - power.begin_ns).astype(np.float64), (high_ns - power.begin_ns).astype(np.float64)
    )


def energy_within(power: PowerCurve | None, low_ns: Int, high_ns: Int) -> tuple[float, float]:
    """Sum the energy of stretches whose power is known, and their time.

    Parameters
    ----------
    power : PowerCurve or None
    low_ns, high_ns : ndarray of int64 (n,) [ns]

    Returns
    -------
    energy_j : float [J]
    time_s : float [s]
    """
    if power is None:
        return 0.0, 0.0
    energy_j = energy_of(power, low_ns, high_ns)
    known = ~np.isnan(energy_j)
    return float(energy_j[known].sum()), float((high_ns - low_ns)[known].sum()) * S_PER_NS
