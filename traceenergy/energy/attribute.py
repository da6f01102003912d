"""Joules per cause: the one door to whichever estimator is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.energy.board import board_limit_w
from traceenergy.energy.idle import IdlePower, measure_idle
from traceenergy.energy.integrate import MeasuredPower, measure_cells
from traceenergy.energy.possible_range import Presence, bound_dynamic, find_presence
from traceenergy.energy.sensor import RULED_OUT, UNKNOWN, SensorModel, identify_sensor
from traceenergy.energy.window_share import (
    MAX_OVER_LIMIT,
    SharedCells,
    share_cells,
    share_work,
)
from traceenergy.errors import TooFewSamplesError
from traceenergy.intervals import share_clock, union
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import PowerSamples

MIN_SAMPLES = 2  # one sample or none says nothing about energy
FEW_CELLS = 8  # below this, sharing by time is close to a guess
# Power field preferred when a log has several: the less averaged, the better placed in time.
_FIELD_ORDER = ("power.draw.instant", "power.draw", "power.draw.average")


@dataclass(frozen=True)
class DeviceWork:
    """GPU work of one device, cut to the window.

    Attributes
    ----------
    rank, device_id
        Key of the device.
    name
        As the driver names the GPU; None if not recorded.
    row : ndarray of int64 (n_work,)
        Row of each piece in the run's GPU work.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the window.
    """

    rank: int
    device_id: int
    name: str | None
    row: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]


@dataclass(frozen=True)
class AttributionOptions:
    """What the user may know better.

    Attributes
    ----------
    idle_power_w
        Idle power of every device [W]; None: measure it.
    sensor_window_ms
        Averaging window of the sensor [ms], 0 for instant; None: find out.
    """

    idle_power_w: float | None = None
    sensor_window_ms: float | None = None


@dataclass(frozen=True)
class DeviceEnergy:
    """What one device used, and for what.

    Attributes
    ----------
    work
        The device's GPU work.
    static_j, dynamic_j : ndarray of float64 (n_work,) [J]
        Parts of each piece's energy; NaN where no sample covers it.
    cells, measured, presence
        How the measured energy was cut and shared.
    sensor, idle
        What was assumed of the sensor, and measured of idle power.
    most_w
        Power that no work can exceed [W]; None if the board is not known.
    sample_ns, power_w : ndarray (n_samples,)
        Sample centers [ns] and readings [W].
    source
        Kind and field of the samples.
    """

    work: DeviceWork
    static_j: NDArray[np.float64]
    dynamic_j: NDArray[np.float64]
    measured: MeasuredPower
    cells: SharedCells
    presence: Presence
    sensor: SensorModel
    idle: IdlePower
    most_w: float | None
    sample_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]
    source: str

    @property
    def total_j(self) -> float:
        """Measured energy in the window, straight-line estimates over gaps included [J]."""
        return float(self.measured.energy_j[self.measured.covered | self.measured.gap].sum())

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
        covered_ns = self.measured.covered_ns
        if covered_ns == 0:
            return None
        return float(self.measured.energy_j[self.measured.covered].sum()) / (covered_ns * S_PER_NS)

    def bounds(
        self, group: NDArray[np.int64], n_groups: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
        keep = group >= 0
        static_j = np.bincount(
            group[keep], weights=np.nan_to_num(self.static_j[keep]), minlength=n_groups
        )
        low_j, high_j = bound_dynamic(self.presence, self.cells, group, n_groups, self.most_w)
        return static_j + low_j, static_j + high_j


def attribute_device(
    work: DeviceWork,
    samples: PowerSamples,
    window: tuple[int, int],
    options: AttributionOptions,
    limit_w: float | None = None,
) -> tuple[DeviceEnergy, tuple[Caveat, ...]]:
    """Share the measured energy of one device over its GPU work.

    Parameters
    ----------
    work : DeviceWork
    samples : PowerSamples
        Of this device; any order, any fields.
    window : tuple of int [ns]
        Analysis window.
    options : AttributionOptions
    limit_w : float or None [W]
        Power limit as the log states it; None: look the board up.

    Returns
    -------
    DeviceEnergy
    caveats : tuple of Caveat

    Raises
    ------
    TooFewSamplesError
        If fewer than two samples lie in or next to the window.

    Notes
    -----
    Method `window-share`: see `docs/method.md`.
    """
    field, source, sample_ns, power_w = _choose_samples(samples)
    where = f"rank {work.rank}, device {work.device_id}"
    if len(sample_ns) < MIN_SAMPLES:
        raise _too_few(len(sample_ns), where)
    limit_w = limit_w or board_limit_w(work.name)
    most_w = None if limit_w is None else MAX_OVER_LIMIT * limit_w
    sensor = identify_sensor(
        sample_ns,
        power_w,
        gpu_name=work.name,
        field=field,
        most_w=most_w,
        window_ms=options.sensor_window_ms,
    )
    center_ns = sample_ns - sensor.center_delay_ns
    reach_ns = (sensor.window_ns // 2, sensor.center_delay_ns)
    measured = measure_cells(center_ns, power_w, window, reach_ns)
    if not (measured.covered | measured.gap).any():
        raise _too_few(0, where)
    clock = share_clock(work.start_ns, work.end_ns)
    busy = union(work.start_ns, work.end_ns)
    if options.idle_power_w is not None:
        idle = IdlePower(options.idle_power_w, "given", 0)
    else:
        idle = measure_idle(sample_ns, power_w, busy, window, sensor)
    cells = share_cells(measured, clock, idle.power_w, most_w)
    shared = share_work(measured, cells, clock, work.start_ns, work.end_ns)
    energy = DeviceEnergy(
        work=work,
        static_j=shared.static_j,
        dynamic_j=shared.dynamic_j,
        measured=measured,
        cells=cells,
        presence=find_presence(measured.edge_ns, clock, work.start_ns, work.end_ns),
        sensor=sensor,
        idle=idle,
        most_w=most_w,
        sample_ns=center_ns,
        power_w=power_w,
        source=source,
    )
    return energy, tuple(_doubts(energy, where))


def _choose_samples(
    samples: PowerSamples,
) -> tuple[str, str, NDArray[np.int64], NDArray[np.float64]]:
    fields = samples["field"].unique().sort().to_list()
    known = [field for field in _FIELD_ORDER if field in fields]
    field = (known or fields or [""])[0]
    chosen = (
        samples.filter(pl.col("field") == field)
        .unique("sample_ns", keep="first", maintain_order=True)
        .sort("sample_ns")
    )
    source = f"{chosen['source'][0]}: {field}" if len(chosen) else ""
    return field, source, chosen["sample_ns"].to_numpy(), chosen["power_w"].to_numpy()


def _too_few(n: int, where: str) -> TooFewSamplesError:
    return TooFewSamplesError(
        f"{n} power samples for the window of {where}; at least {MIN_SAMPLES} are needed",
        next_step="start the power log before the run and stop it after, "
        "or choose a longer window; --time-only analyzes without power",
    )


def _doubts(energy: DeviceEnergy, where: str) -> list[Caveat]:
    found = []
    measured, cells = energy.measured, energy.cells
    if measured.gap.any():
        gap_s = float(measured.width_ns[measured.gap].sum()) * S_PER_NS
        gap_j = float(measured.energy_j[measured.gap].sum())
        found.append(
            Caveat(
                "power-gap",
                f"power samples are missing for {gap_s:.3g} s of the window; the {gap_j:.4g} J of "
                "a straight line over them are counted as unattributed",
                where,
                int(measured.gap.sum()),
            )
        )
    n_cells = int(measured.covered.sum())
    if n_cells < FEW_CELLS:
        found.append(
            Caveat(
                "few-samples",
                f"only {n_cells} intervals between power samples lie in the window; energy of "
                "single kernels is little more than their share of time",
                where,
                n_cells,
            )
        )
    if not energy.idle.is_measured:
        found.append(
            Caveat(
                "idle-power-assumed",
                "no power sample falls into a stretch without GPU work; idle power "
                f"{energy.idle.power_w:.1f} W is the mean of the lowest samples and may be too "
                "high; record 2 s of idle before and after the run, or pass --idle-power",
                where,
                energy.idle.n_samples,
            )
        )
    if energy.sensor.source in (UNKNOWN, RULED_OUT):
        found.append(
            Caveat(
                "sensor-assumed",
                "the averaging window of the power sensor is not known for this GPU, or its "
                "usual one does not fit the data; samples are read as instantaneous; pass "
                "--sensor average:1s, say, if you know better",
                where,
            )
        )
    excess_j = float(cells.unattributed_j[measured.covered].sum())
    if excess_j > 0:
        found.append(
            Caveat(
                "more-than-board-limit",
                f"{excess_j:.4g} J fall on so little GPU work that it would have drawn more than "
                f"{energy.most_w:.0f} W; they are counted as unattributed",
                where,
                int((cells.unattributed_j[measured.covered] > 0).sum()),
            )
        )
    return found
