"""Work of one device with the energy it used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.codes import number_codes
from traceenergy.energy.work_sums import sum_work
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.calibration import Calibration
    from traceenergy.energy.clock_factor import Clocks
    from traceenergy.energy.device_work import DeviceWork, WorkClasses
    from traceenergy.energy.energy_counter import EnergyCounter
    from traceenergy.energy.idle import IdlePower
    from traceenergy.energy.possible_range import Blocks, Presence
    from traceenergy.energy.power_model import PowerModel
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.energy.window_share import SharedCells
    from traceenergy.trace.tables import PowerSamples

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Evidence:
    """What was recorded of one device beside its work.

    Attributes
    ----------
    samples : PowerSamples
        In any order, of any fields.
    limit_w
        Power limit as the log states it [W]; None if it does not.
    classes : WorkClasses or None
        Kernel classes with the GPU metrics, for a regression.
    clocks : Clocks or None
        Readings of the clock of the SMs.
    calibration : Calibration or None
        What another run tells of the power of kernels.
    counter : EnergyCounter or None
        The board's energy counter. What it adds between updates is in `samples` as well.
    """

    samples: PowerSamples
    limit_w: float | None = None
    classes: WorkClasses | None = None
    clocks: Clocks | None = None
    calibration: Calibration | None = None
    counter: EnergyCounter | None = None


@dataclass(frozen=True)
class DeviceEnergy:
    """What one device used, and for what.

    Attributes
    ----------
    work
        The device's GPU work.
    static_j, dynamic_j : ndarray of float64 (n_work,) [J]
        Parts of each piece's energy; NaN where no sample covers it.
    cells
        How the measured energy was cut and shared.
    blocks, presence
        What the sensor cannot tell apart, and which work ran there; None where so much ran in
        each block that the limits of what is possible say nothing beside the model.
    series
        Readings, with what was assumed of the sensor.
    idle
        Power without GPU work.
    most_w
        Power that no work can exceed [W]; None if the board is not known.
    model
        Expected power of each piece of work; None where energy was shared by time.
    confidence_level
        Of intervals, where there is a model.
    counter_j
        Energy of the window by the board's own counter [J]; None if it does not cover the window.
    field_j
        Energy of the window by the power field alone, as its witness [J]; None without a counter,
        or if the field does not cover the window.
    """

    work: DeviceWork
    static_j: NDArray[np.float64]
    dynamic_j: NDArray[np.float64]
    cells: SharedCells
    blocks: Blocks
    presence: Presence | None
    series: PowerSeries
    idle: IdlePower
    most_w: float | None
    model: PowerModel | None
    confidence_level: float
    counter_j: float | None = None
    field_j: float | None = None

    @property
    def counter_ratio(self) -> float | None:
        """Energy of the window by the counter over that by the power field."""
        return self.counter_j / self.field_j if self.counter_j and self.field_j else None

    @property
    def total_j(self) -> float:
        """Measured energy in the window, straight-line estimates over gaps included [J]."""
        return float(self.cells.energy_j.sum())

    @property
    def idle_gap_j(self) -> float:
        """Energy while no GPU work ran [J]."""
        return float(self.cells.idle_j.sum())

    @property
    def unattributed_j(self) -> float:
        """Measured energy that was given to no cause [J]."""
        return float(self.cells.unattributed_j.sum())

    @property
    def mean_power_w(self) -> float | None:
        """Mean power over covered time [W]; None if nothing is covered."""
        covered_ns = self.cells.covered_ns
        if covered_ns == 0:
            return None
        return float(self.cells.energy_j[self.cells.covered].sum()) / (covered_ns * S_PER_NS)

    @property
    def class_of_work(self) -> Codes:
        """Class of each piece of work, ``(n_work,)``; 0 for all without a model."""
        if self.model is None:
            return np.zeros(len(self.static_j), dtype=np.int64)
        return self.model.design.classes.of_class[self.work.all_row]

    @property
    def n_classes(self) -> int:
        """Classes of work; 1 without a model."""
        return 1 if self.model is None else self.model.design.classes.n_classes

    def bounds(self, group: Int, n_groups: int) -> tuple[Float, Float]:
        """Bound the energy of groups of this device's work.

        Parameters
        ----------
        group : ndarray of int64 (n_work,)
            Group of each piece; negative for none of interest.
        n_groups : int

        Returns
        -------
        low_j, high_j : ndarray of float64 (n_groups,) [J]
        """
        key = (group + 1) * self.n_classes + self.class_of_work
        keys, cell = number_codes(key, (n_groups + 1) * self.n_classes)
        return sum_work(self, cell, len(keys)).bounds(keys // self.n_classes - 1, n_groups)
