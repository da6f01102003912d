"""How far off the kernel table, the phase table are likely to be, should the model hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.label_cells import kernel_codes
from traceenergy.analysis.model import ExpectedError
from traceenergy.codes import codes_of
from traceenergy.energy.expected_error import GroupErrors, expect_errors
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.label_cells import LabelCells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.tables import Labels
    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.power_model import PowerModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of the kernel table, of the phase table, as groups of work.

    Attributes
    ----------
    kernel : ndarray of int64 (n_work,)
        Row of each piece of work, or cell, in `kernels`.
    kernels : polars.DataFrame (n_kernels rows)
        `name_id`, `phase`, `subphase`.
    phase_of : ndarray of int64 (n_kernels,)
        Row of each in `phases`.
    phases : polars.Series of String (n_phases,)
    """

    kernel: Int
    kernels: pl.DataFrame
    phase_of: Int
    phases: pl.Series

    def by_phase(self, of_kernels: Float) -> Float:
        """Sum rows of the kernel table by phase, ``(n_kernels, ...)`` to ``(n_phases, ...)``."""
        sums = np.zeros((len(self.phases), *of_kernels.shape[1:]))
        np.add.at(sums, self.phase_of, of_kernels)
        return sums


def lay_rows(ledger: Ledger, labels: Labels) -> Rows:
    """Give each row of both tables a number.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels

    Returns
    -------
    Rows
    """
    kernel, kernels = kernel_codes(ledger, labels)
    phase_of, phases = codes_of(kernels, ["phase"])
    return Rows(kernel, kernels, phase_of, phases["phase"].cast(pl.String))


def modelled(ledger: Ledger) -> list[tuple[DeviceEnergy, PowerModel]]:
    """List the devices whose energy was shared by a model of power, with the model."""
    return [
        (energy, energy.model)
        for energy in ledger.energies
        if energy is not None and energy.model is not None
    ]


def expect_error(work: LabelCells, confidence_level: float) -> ExpectedError | None:
    """Say how far off the two tables are likely to be.

    Parameters
    ----------
    work : LabelCells
    confidence_level : float
        Of the intervals.

    Returns
    -------
    ExpectedError or None
        Of the devices whose energy was shared by a model of power; None if there are none.
    """
    phase_of, phases = codes_of(work.kernels, ["phase"])
    rows = Rows(work.kernel, work.kernels, phase_of, phases["phase"].cast(pl.String))
    cells, n_kernels = work.cells, len(work.kernels)
    of_kernels, of_phases = [], []
    kernel_j = np.zeros(n_kernels)
    for sums, mine in cells.devices:
        if sums.energy.model is not None:
            group = work.kernel[mine]
            gain = sums.gain(np.where(cells.known[mine], group, -1), n_kernels)
            of_kernels.append(expect_errors(sums.energy.model, gain))
            of_phases.append(expect_errors(sums.energy.model, rows.by_phase(gain)))
            kernel_j += np.bincount(group, sums.static_j + sums.dynamic_j, n_kernels)
    if not of_kernels:
        return None
    kernel_share, kernel_held_share = _shares(of_kernels, kernel_j, confidence_level)
    phase_j = rows.by_phase(kernel_j)
    phase_share, phase_held_share = _shares(of_phases, phase_j, confidence_level)
    return ExpectedError(kernel_share, phase_share, kernel_held_share, phase_held_share)


def _shares(
    of_devices: list[GroupErrors], energy_j: Float, confidence_level: float
) -> tuple[float, float]:
    errors = of_devices[0]
    for more in of_devices[1:]:
        errors += more
    all_j = max(float(energy_j.sum()), np.finfo(np.float64).tiny)
    held = errors.held_share(confidence_level)
    return float(errors.expected_j.sum() / all_j), float(held @ energy_j / all_j)
