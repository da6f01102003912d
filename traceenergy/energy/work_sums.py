"""Energy of one device's work summed over cells, from which sums of any groups follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.possible_range import bound_dynamic
from traceenergy.energy.power_model import z_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.gain_parts import GainParts

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class WorkSums:
    """Sums over cells: pieces of work of one class that no one tells apart.

    Attributes
    ----------
    energy : DeviceEnergy
    cell : ndarray of int (n_work,)
        Cell of each piece of the device's work.
    static_j, dynamic_j : ndarray of float64 (n_cells,) [J]
        Pieces without a known energy count for nothing.
    parts : GainParts or None
        What each cell adds to the columns of the model; None: only what is possible counts.
    """

    energy: DeviceEnergy
    cell: Int
    static_j: Float
    dynamic_j: Float
    parts: GainParts | None

    def bounds(self, group: Int, n_groups: int) -> tuple[Float, Float]:
        """Bound the energy of groups of cells.

        Parameters
        ----------
        group : ndarray of int64 (n_cells,)
            Group of each cell; negative for none of interest.
        n_groups : int

        Returns
        -------
        low_j, high_j : ndarray of float64 (n_groups,) [J]
        """
        static_j = _total(self.static_j, group, n_groups)
        low_j, high_j = self.possible(group, n_groups)
        if self.energy.model is not None and self.parts is not None:
            dynamic_j = _total(self.dynamic_j, group, n_groups)
            se_j = self.energy.model.standard_error_j(self.parts, group, n_groups)
            half_j = z_of(self.energy.confidence_level) * se_j
            # What is not possible is not likely either.
            low_j = np.minimum(dynamic_j, np.maximum(dynamic_j - half_j, low_j))
            high_j = np.maximum(dynamic_j, np.minimum(dynamic_j + half_j, high_j))
        return static_j + low_j, static_j + high_j

    def gain(self, group: Int, n_groups: int) -> Float:
        """Say how energies of groups of cells follow from the parameters of the model.

        Parameters
        ----------
        group, n_groups
            As `bounds` takes them.

        Returns
        -------
        ndarray of float64 (n_groups, n_columns)
            Without columns where there is no model.
        """
        if self.energy.model is None or self.parts is None:
            return np.zeros((n_groups, 0))
        gains = [gain for _, gain in self.energy.model.gains(self.parts, group, n_groups)]
        return np.concatenate([np.zeros((0, self.energy.model.design.n_columns)), *gains])

    def possible(self, group: Int, n_groups: int) -> tuple[Float, Float]:
        """Bound the dynamic energy of groups of cells by what is possible at all.

        Parameters
        ----------
        group, n_groups
            As `bounds` takes them.

        Returns
        -------
        low_j, high_j : ndarray of float64 (n_groups,) [J]
        """
        presence, blocks = self.energy.presence, self.energy.blocks
        if presence is None:
            return np.zeros(n_groups), np.full(n_groups, float(blocks.dynamic_j.sum()))
        return bound_dynamic(presence, blocks, group[self.cell], n_groups, self.energy.most_w)


def sum_work(energy: DeviceEnergy, cell: Int, n_cells: int) -> WorkSums:
    """Sum the work of a device over cells.

    Parameters
    ----------
    energy : DeviceEnergy
    cell : ndarray of int (n_work,)
        0 to n_cells - 1 for each piece; all pieces of a cell are of one class.
    n_cells : int

    Returns
    -------
    WorkSums
    """
    work, model = energy.work, energy.model
    parts = None
    if model is not None:
        length_s = (work.end_ns - work.start_ns).astype(np.float64) * S_PER_NS
        parts = model.design.parts(work.all_row, length_s).summed(cell, n_cells)
    static_j, dynamic_j = (
        np.bincount(cell, np.nan_to_num(each_j), n_cells).astype(np.float64)
        for each_j in (energy.static_j, energy.dynamic_j)
    )
    return WorkSums(energy, cell, static_j, dynamic_j, parts)


def _total(value: Float, group: Int, n_groups: int) -> Float:
    # What is of no interest goes to one more group, which is cut off.
    shifted = np.where(group < 0, n_groups, group)
    return np.bincount(shifted, value, n_groups + 1)[:n_groups].astype(np.float64)
