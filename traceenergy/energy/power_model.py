"""Expected power of each piece of work, as a regression found it."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.class_power import ClassPower
    from traceenergy.energy.design import Design, SensorShape
    from traceenergy.energy.gain_parts import GainParts
    from traceenergy.energy.log_clock import LogClock
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.energy.sensor_fit import SensorFit

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MODEL_SD = 0.05  # what the model may miss of a class's energy
GROUPS_AT_ONCE = 4096  # rows of a dense matrix of groups times columns


@dataclass(frozen=True)
class PowerModel:
    """Expected dynamic power of each piece of work, with how sure it is.

    Attributes
    ----------
    series : PowerSeries
        Readings at the sensor's updates, with the lag that was found.
    shape : SensorShape
        That the rows were built with.
    found : SensorFit
        What the readings say of the sensor, with the drift undone.
    log_clock : LogClock
        What of the lag is the clock of the log, with its drift, as it was undone.
    prior_source : str
        What the prior rests on.
    names : sequence of str (n_classes,)
        Full kernel name of each class.
    design : Design
    fit : ClassPower
    power_w : ndarray of float64 (n_all,) [W]
        Of each piece of all work, above zero.
    n_rows : int
        Readings used.
    """

    series: PowerSeries
    shape: SensorShape
    found: SensorFit
    log_clock: LogClock
    prior_source: str
    names: Sequence[str]
    design: Design
    fit: ClassPower
    power_w: Float
    n_rows: int

    def standard_error_j(self, parts: GainParts, group: Int, n_groups: int) -> Float:
        """Propagate the covariance of the parameters to sums of energy.

        Parameters
        ----------
        parts : GainParts
            Of pieces of work, or of cells.
        group : ndarray of int64 (n,)
            Group of each; negative for none.
        n_groups : int

        Returns
        -------
        ndarray of float64 (n_groups,) [J]
        """
        variance = np.zeros(n_groups)
        for part, gain in self.gains(parts, group, n_groups):
            spread = np.einsum("ij,ij->i", gain @ self.fit.covariance, gain)
            variance[part] = spread + self.model_variance_j2(gain)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def gains(self, parts: GainParts, group: Int, n_groups: int) -> Iterator[tuple[slice, Float]]:
        """Say how energies of groups follow from the parameters, some groups at a time.

        Parameters
        ----------
        parts, group, n_groups
            As `standard_error_j` takes them.

        Yields
        ------
        part : slice
            Of the groups.
        gain : ndarray of float64 (n_part, n_columns)
        """
        order = np.argsort(group, kind="stable")
        sorted_group = group[order]
        for first in range(0, n_groups, GROUPS_AT_ONCE):
            last = min(first + GROUPS_AT_ONCE, n_groups)
            low, high = np.searchsorted(sorted_group, (first, last))
            mine = order[low:high]
            gain = self.design.gain(parts.of_rows(mine), group[mine] - first, last - first)
            yield slice(first, last), gain

    def model_variance_j2(self, gain: Float) -> Float:
        """Say what the model itself may miss of sums of energy [J^2].

        Parameters
        ----------
        gain : ndarray of float64 (n_groups, n_columns)

        Returns
        -------
        ndarray of float64 (n_groups,)
            A share of each class's energy, independent from class to class.
        """
        first = self.design.first_class
        class_j = gain[:, first:] * np.maximum(self.fit.mean[first:], 0.0)
        return np.asarray(((MODEL_SD * class_j) ** 2).sum(axis=1), dtype=np.float64)


def z_of(confidence_level: float) -> float:
    """Give the half width of a central normal interval in standard errors."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)
