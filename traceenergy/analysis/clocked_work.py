"""Work of a run with the clock that it ran at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.clock_cover import cover
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.clock_series import DeviceReadings, Zones
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class ClockedWork:
    """Parts of pieces of work at one reading of the clock each, ``(n_parts,)``.

    Attributes
    ----------
    row : ndarray of int64
        Of the piece, in the ledger.
    zone : ndarray of int64
        Of the reading, in `sm_mhz` of the device.
    device : ndarray of int32
        In the ledger.
    time_s : ndarray of float64 [s]
    clock_mhz : ndarray of float64 [MHz]
    energy_j : ndarray of float64 [J]
        Part of the piece's energy; NaN where it is not known.
    highest_mhz : ndarray of float64 (n_devices,) [MHz]
        Highest clock of each device in the whole trace; 0 where none was read.
    """

    row: Int
    zone: Int
    device: NDArray[np.int32]
    time_s: Float
    clock_mhz: Float
    energy_j: Float
    highest_mhz: Float

    def of_device(self, index: int) -> slice | NDArray[np.bool_]:
        """Choose the parts of a device."""
        return slice(None) if len(self.highest_mhz) == 1 else self.device == index

    def sums(self, group: Int, n: int, weights: Mapping[str, Float]) -> dict[str, Float]:
        """Sum over groups of pieces.

        Parameters
        ----------
        group : ndarray of int64 (n_work,)
            Of each piece of the ledger.
        n : int
        weights : mapping of str to ndarray of float64 (n_parts,)
            What else to sum over time, by name.

        Returns
        -------
        dict of str to ndarray of float64 (n,)
            `known_s`, `cycles` and `most_cycles` [MHz s], `energy_j`, `powered_s`, and `weights`
            over time.
        """
        code = group[self.row]

        def total(value: Float) -> Float:
            return np.bincount(code, value, n).astype(np.float64)

        is_known = ~np.isnan(self.energy_j)
        known_s = total(self.time_s)
        highest_mhz = self.highest_mhz
        return {
            "known_s": known_s,
            "cycles": total(self.time_s * self.clock_mhz),
            "most_cycles": known_s * highest_mhz[0] if len(highest_mhz) == 1
            else total(self.time_s * highest_mhz[self.device]),
            "energy_j": total(np.nan_to_num(self.energy_j)),
            "powered_s": known_s if is_known.all() else total(self.time_s * is_known),
            **{name: total(self.time_s * weight) for name, weight in weights.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class PhaseTimes:
    """Work of the phases of one device under each reading, ``(n_phases, n_readings)`` each.

    Attributes
    ----------
    zones : Zones
        The readings: of the SM clock, else of reasons.
    time_s, energy_j, powered_s : ndarray of float64
        Time of its pieces, energy as far as known, time for which it is.
    """

    zones: Zones
    time_s: Float
    energy_j: Float
    powered_s: Float


def phase_times(
    ledger: Ledger, one: DeviceReadings, work: ClockedWork | None, phase: Int, n: int
) -> PhaseTimes | None:
    """Sum the work of each phase under each reading of a device.

    Parameters
    ----------
    ledger : Ledger
    one : DeviceReadings
    work : ClockedWork or None
        Of the run.
    phase : ndarray of int64 (n_work,)
        Of each piece of the ledger.
    n : int
        Phases.

    Returns
    -------
    PhaseTimes or None
        None where neither clock nor reasons were read.
    """
    if work is not None and one.sm_mhz is not None:
        zones, mine = one.sm_mhz, work.of_device(one.index)
        row, zone = work.row[mine], work.zone[mine]
        time_s, energy_j = work.time_s[mine], work.energy_j[mine]
    elif one.reasons is not None:
        zones = one.reasons
        row, zone, time_s = _cut(ledger, one.index, zones)
        energy_j = _energy(ledger, row, time_s)
    else:
        return None
    cell = phase[row] * len(zones.value) + zone
    is_known = ~np.isnan(energy_j)

    def total(value: Float) -> Float:
        return np.bincount(cell, value, n * len(zones.value)).reshape(n, -1).astype(np.float64)

    all_s = total(time_s)
    powered_s = all_s if is_known.all() else total(time_s * is_known)
    return PhaseTimes(zones, all_s, total(np.nan_to_num(energy_j)), powered_s)


def _cut(ledger: Ledger, index: int, zones: Zones) -> tuple[Int, Int, Float]:
    rows = ledger.devices[index].row
    found = cover(zones, ledger.start_ns[rows], ledger.end_ns[rows])
    return rows[found.piece], found.zone, found.time_ns * S_PER_NS


def _energy(ledger: Ledger, row: Int, time_s: Float) -> Float:
    length_s = (ledger.end_ns[row] - ledger.start_ns[row]) * S_PER_NS
    return np.asarray(ledger.energy_j[row] * (time_s / length_s))


def clocked_work(ledger: Ledger, readings: Sequence[DeviceReadings]) -> ClockedWork | None:
    """Cut all work at the readings of its device's clock.

    Parameters
    ----------
    ledger : Ledger
    readings : sequence of DeviceReadings

    Returns
    -------
    ClockedWork or None
        None where no clock was read.
    """
    parts = []
    for one in readings:
        if one.sm_mhz is not None:
            row, zone, time_s = _cut(ledger, one.index, one.sm_mhz)
            device = np.full(len(row), one.index, dtype=np.int32)
            parts.append((row, zone, device, time_s, one.sm_mhz.value[zone]))
    if not parts:
        return None
    row, zone, device, time_s, clock_mhz = (
        columns[0] if len(columns) == 1 else np.concatenate(columns)
        for columns in zip(*parts, strict=True)
    )
    highest_mhz = np.array([one.highest_mhz for one in readings])
    energy_j = _energy(ledger, row, time_s)
    return ClockedWork(row, zone, device, time_s, clock_mhz, energy_j, highest_mhz)
