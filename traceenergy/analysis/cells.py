"""GPU work of a run summed once over cells, from which all tables follow."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import number_codes
from traceenergy.energy.work_sums import sum_work
from traceenergy.intervals import busy_by_group
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.energy.work_sums import WorkSums

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """Pieces of work that no table tells apart, together: few beside pieces of work.

    Pieces of a cell ran on one device, are of one class of its model of power, and either all have
    a known energy or none has.

    Attributes
    ----------
    ledger : Ledger
    cell : ndarray of int64 (n_work,)
        Cell of each piece of the ledger.
    first : ndarray of int64 (n_cells,)
        First piece of each cell, whose labels are those of the cell.
    devices : tuple of (WorkSums, slice)
        Sums of each device with power, with the cells that are its own.
    """

    ledger: Ledger
    cell: Int
    first: Int
    devices: tuple[tuple[WorkSums, slice], ...]

    def total(self, value: Float | Int) -> Float:
        """Sum values of pieces over cells, ``(n_work,)`` to ``(n_cells,)``."""
        return np.bincount(self.cell, value, len(self.first)).astype(np.float64)

    @cached_property
    def known(self) -> Bool:
        """Whether the energy of its pieces is known, ``(n_cells,)``."""
        return ~np.isnan(self.ledger.static_j[self.first])

    @cached_property
    def n_work(self) -> Int:
        """Count the pieces of each cell, ``(n_cells,)``."""
        return np.bincount(self.cell, minlength=len(self.first))

    @cached_property
    def static_j(self) -> Float:
        """Static energy of each cell, ``(n_cells,)`` [J]; NaN where not known."""
        return self.total(self.ledger.static_j)

    @cached_property
    def dynamic_j(self) -> Float:
        """Dynamic energy of each cell, ``(n_cells,)`` [J]; NaN where not known."""
        return self.total(self.ledger.dynamic_j)

    @property
    def energy_j(self) -> Float:
        """Energy of each cell, ``(n_cells,)`` [J]; NaN where not known."""
        return self.static_j + self.dynamic_j

    @cached_property
    def time_ns(self) -> Float:
        """Lengths of its pieces, in sum, ``(n_cells,)`` [ns]."""
        return self.total(self.ledger.end_ns - self.ledger.start_ns)

    @cached_property
    def alone_ns(self) -> Float:
        """Lengths of its pieces that share no time with other work, ``(n_cells,)`` [ns]."""
        ledger = self.ledger
        return self.total((ledger.end_ns - ledger.start_ns) * ledger.is_alone)

    @cached_property
    def gpu_time_s(self) -> Float:
        """Time of the GPU, 1/n of it for each of n pieces that run together, ``(n_cells,)`` [s]."""
        return self.total(self.ledger.gpu_time_s)

    @cached_property
    def path_ns(self) -> Float | None:
        """Time for which its pieces hold the critical path, ``(n_cells,)`` [ns]."""
        path_ns = self.ledger.path_ns
        return None if path_ns is None else self.total(path_ns)

    @cached_property
    def slack_ns(self) -> Int | None:
        """Least slack of its pieces, ``(n_cells,)`` [ns]."""
        if self.ledger.slack_ns is None:
            return None
        n_cells = len(self.first)
        # Small numbers are sorted without comparing.
        small = n_cells <= np.iinfo(np.uint16).max
        order = np.argsort(self.cell.astype(np.uint16) if small else self.cell, kind="stable")
        begins = np.concatenate(([0], np.cumsum(self.n_work)[:-1]))[:n_cells]
        return np.minimum.reduceat(self.ledger.slack_ns[order], begins)

    def bounds(self, group: Int, n_groups: int) -> tuple[Float, Float]:
        """Bound the energy of groups of cells, summed over devices.

        Parameters
        ----------
        group : ndarray of int64 (n_cells,)
            Group of each cell; negative for none of interest.
        n_groups : int

        Returns
        -------
        low_j, high_j : ndarray of float64 (n_groups,) [J]
            NaN where energy is modelled: the watts of a file have no interval.
        """
        if self.ledger.is_modelled:
            return np.full(n_groups, np.nan), np.full(n_groups, np.nan)
        low_j, high_j = np.zeros(n_groups), np.zeros(n_groups)
        for sums, mine in self.devices:
            low, high = sums.bounds(group[mine], n_groups)
            low_j, high_j = low_j + low, high_j + high
        return low_j, high_j

    @cached_property
    def _cell_of_rest(self) -> Int:
        return self.cell[self.ledger.not_alone.row]

    def busy_s(self, group: Int, n_groups: int) -> Float:
        """Measure the union of each group's work on each device, summed over devices.

        Parameters
        ----------
        group : ndarray of int64 (n_cells,)
            Group of each cell; negative for none.
        n_groups : int

        Returns
        -------
        ndarray of float64 (n_groups,) [s]
        """
        keep = group >= 0
        busy_ns = np.bincount(group[keep], self.alone_ns[keep], n_groups).astype(np.float64)
        # Only what shares time with other work needs a union.
        rest = self.ledger.not_alone
        member = group[self._cell_of_rest]
        n_devices = max(1, len(self.ledger.devices))
        inside = np.flatnonzero(member >= 0)
        key = member[inside] * n_devices + rest.device[inside]
        shared_ns = busy_by_group(
            key, rest.start_ns[inside], rest.end_ns[inside], n_groups * n_devices
        )
        busy_ns += shared_ns.reshape(n_groups, n_devices).sum(axis=1)
        return np.asarray(busy_ns * S_PER_NS, dtype=np.float64)


def cells_of(ledger: Ledger, *codes: Int) -> Cells:
    """Sum the work of a ledger over cells.

    Parameters
    ----------
    ledger : Ledger
    *codes : ndarray of int (n_work,)
        What tables tell apart, each from -1 on. Pieces of one cell are alike in all of them.

    Returns
    -------
    Cells
        Device by device.
    """
    cell, n_cells = _number_classes(ledger)
    for code in codes:
        limit = int(code.max(initial=-1)) + 2
        there, cell = number_codes(cell * limit + (code + 1), n_cells * limit)
        n_cells = len(there)
    first = np.empty(n_cells, dtype=np.int64)
    first[cell[::-1]] = np.arange(len(cell) - 1, -1, -1)  # the first one written last stays
    n_devices = len(ledger.devices)
    edge = np.searchsorted(ledger.device[first], np.arange(n_devices + 1)).tolist()
    devices = []
    for index, (work, energy) in enumerate(zip(ledger.devices, ledger.energies, strict=True)):
        if energy is not None:
            mine = slice(edge[index], edge[index + 1])
            sums = sum_work(energy, cell[work.row] - mine.start, mine.stop - mine.start)
            devices.append((sums, mine))
    return Cells(ledger, cell, first, tuple(devices))


def _number_classes(ledger: Ledger) -> tuple[Int, int]:
    """Give numbers to what is alike in device, known or not, and class, device by device."""
    n_classes = max((one.n_classes for one in ledger.energies if one is not None), default=1)
    code = (ledger.device * 2 + ~np.isnan(ledger.static_j)) * n_classes
    for work, energy in zip(ledger.devices, ledger.energies, strict=True):
        if energy is not None:
            code[work.row] += energy.class_of_work
    there, cell = number_codes(code, 2 * n_classes * len(ledger.devices))
    return cell, len(there)
