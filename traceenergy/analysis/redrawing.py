"""Runs with known powers, attributed as the recording was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.attribute import attribute_device
from traceenergy.energy.replay import RecordedDevice, recorded_device, replay
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.analyze import AttributedRun
    from traceenergy.analysis.expected_error import Rows
    from traceenergy.energy.design import SensorShape
    from traceenergy.energy.device_energy import DeviceEnergy

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class RowEnergies:
    """Energies of the rows of a table on one draw, ``(n_rows,)`` each.

    Attributes
    ----------
    true_j, found_j, low_j, high_j : ndarray of float64 [J]
        The truth; what the attribution says, with its interval.
    """

    true_j: Float
    found_j: Float
    low_j: Float
    high_j: Float

    def __add__(self, other: RowEnergies) -> RowEnergies:
        """Sum the energies of two devices."""
        return RowEnergies(
            self.true_j + other.true_j,
            self.found_j + other.found_j,
            self.low_j + other.low_j,
            self.high_j + other.high_j,
        )

    @property
    def error_j(self) -> Float:
        """Size of the error [J]."""
        return np.abs(self.found_j - self.true_j)

    @property
    def held(self) -> NDArray[np.bool_]:
        """Whether the interval holds the truth."""
        return (self.low_j <= self.true_j) & (self.true_j <= self.high_j)


@dataclass(frozen=True)
class Draw:
    """One draw of powers for all devices.

    Attributes
    ----------
    kernels, phases : RowEnergies
        Of both tables.
    shapes : tuple of SensorShape or None
        How the sensor of each device was found to see power; None where a regression was refused.
    """

    kernels: RowEnergies
    phases: RowEnergies
    shapes: tuple[SensorShape | None, ...]


def recorded_devices(run: AttributedRun) -> list[RecordedDevice]:
    """List the devices of a run whose energy was shared by a model of power.

    Parameters
    ----------
    run : AttributedRun

    Returns
    -------
    list of RecordedDevice
    """
    window_ms = run.attribution.sensor_window_ms
    return [
        recorded_device(energy, evidence, energy.model, window_ms)
        for energy, evidence in zip(run.ledger.energies, run.ledger.evidence, strict=True)
        if energy is not None and evidence is not None and energy.model is not None
    ]


def redraw(
    run: AttributedRun,
    rows: Rows,
    devices: list[RecordedDevice],
    source: str,
    seed: tuple[int, ...],
) -> Draw:
    """Run all devices again with drawn powers, and attribute their energy from the samples on.

    Parameters
    ----------
    run : AttributedRun
    rows : Rows
    devices : list of RecordedDevice
        Of the run.
    source : str
        `replay.POSTERIOR` or `replay.PRIOR`.
    seed : tuple of int

    Returns
    -------
    Draw
    """
    span = (run.window.start_ns, run.window.end_ns)
    of_kernels, of_phases, shapes = [], [], []
    for number, device in enumerate(devices):
        # A kernel draws about the same on each GPU: powers are drawn alike, the rest apart.
        theta = device.draw(source, np.random.default_rng(seed))
        made = replay(device, theta, np.random.default_rng((*seed, number)))
        found, _ = attribute_device(device.energy.work, made.evidence, span, run.attribution)
        kernel = rows.kernel[found.work.row]
        of_kernels.append(_sum(found, made.energy_j, kernel, len(rows.kernels)))
        of_phases.append(_sum(found, made.energy_j, rows.phase_of[kernel], len(rows.phases)))
        shapes.append(None if found.model is None else found.model.shape)
    return Draw(_total(of_kernels), _total(of_phases), tuple(shapes))


def _sum(
    found: DeviceEnergy, true_j: Float, group: NDArray[np.int64], n_groups: int
) -> RowEnergies:
    found_j = found.static_j + found.dynamic_j
    known = ~np.isnan(found_j)
    low_j, high_j = found.bounds(group, n_groups)
    return RowEnergies(
        np.bincount(group[known], true_j[known], n_groups).astype(np.float64),
        np.bincount(group[known], found_j[known], n_groups).astype(np.float64),
        low_j,
        high_j,
    )


def _total(of_devices: list[RowEnergies]) -> RowEnergies:
    total = of_devices[0]
    for more in of_devices[1:]:
        total += more
    return total
