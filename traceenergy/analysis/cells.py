"""GPU work of a run summed once over cells, from which all tables follow."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.codes import MOST_APART, number_codes
from traceenergy.energy.work_sums import sum_work
from traceenergy.intervals import busy_by_group
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.pieces import Pieces
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
    def apart_ns(self) -> Float:
        """Lengths of its pieces that run in no crowd, ``(n_cells,)`` [ns]."""
        crowd = self.ledger.meetings.crowd
        length_ns = crowd.end_ns - crowd.start_ns
        return self.time_ns - np.bincount(self.cell[crowd.row], length_ns, len(self.first))

    @cached_property
    def _pairs(self) -> tuple[Int, Int]:
        met = self.ledger.meetings
        return self.cell[met.one], self.cell[met.other]

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
        least_ns = np.full(len(self.first), np.iinfo(np.int64).max)
        np.minimum.at(least_ns, self.cell, self.ledger.slack_ns)
        return least_ns

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
        busy_ns = np.bincount(group[keep], self.apart_ns[keep], n_groups).astype(np.float64)
        one, other = (group[cell] for cell in self._pairs)
        same = np.flatnonzero((one == other) & (one >= 0))
        busy_ns -= np.bincount(one[same], self.ledger.meetings.both_ns[same], n_groups)
        crowd = self.ledger.meetings.crowd
        if len(crowd.row):
            busy_ns += self._busy_of(crowd, group, n_groups)
        return np.asarray(busy_ns * S_PER_NS, dtype=np.float64)

    def _busy_of(self, pieces: Pieces, group: Int, n_groups: int) -> Int:
        """Measure the union of some pieces of each group on each device [ns]."""
        member = group[self.cell[pieces.row]]
        n_devices = max(1, len(self.ledger.devices))
        inside = np.flatnonzero(member >= 0)
        key = member[inside] * n_devices + pieces.device[inside]
        busy_ns = busy_by_group(
            key, pieces.start_ns[inside], pieces.end_ns[inside], n_groups * n_devices
        )
        return np.asarray(busy_ns.reshape(n_groups, n_devices).sum(axis=1))


def cells_of(ledger: Ledger, *codes: NDArray[np.integer[Any]]) -> Cells:
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
    code, limit = _codes_of_classes(ledger)
    for told in codes:
        n_told = int(told.max(initial=-1)) + 2
        if limit * n_told > MOST_APART * len(code):
            there, code = number_codes(code, limit)
            limit = len(there)
        code *= n_told
        code += told
        code += 1
        limit *= n_told
    there, cell = number_codes(code, limit)
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


def _codes_of_classes(ledger: Ledger) -> tuple[Int, int]:
    """Give one code to what is alike in device, known or not, and class, device by device."""
    n_classes = max((one.n_classes for one in ledger.energies if one is not None), default=1)
    code = (ledger.device * 2 + ~np.isnan(ledger.static_j)) * n_classes
    for work, energy in zip(ledger.devices, ledger.energies, strict=True):
        if energy is not None:
            code[work.row] += energy.class_of_work
    return code, 2 * n_classes * len(ledger.devices)
