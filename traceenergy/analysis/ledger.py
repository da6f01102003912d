"""Energy of every piece of GPU work of a run, device by device."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.classes import SIZE_COLUMNS, class_work
from traceenergy.analysis.device_split import cut_work, rows_of, split_by_device
from traceenergy.analysis.meetings import Meetings, find_meetings
from traceenergy.analysis.pieces import Pieces
from traceenergy.caveats import Caveat
from traceenergy.energy.attribute import WINDOW_SHARE, AttributionOptions, attribute_devices
from traceenergy.energy.clock_factor import Clocks
from traceenergy.energy.device_energy import DeviceEnergy, Evidence
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.energy.energy_counter import EnergyCounter, counter_samples, read_counter
from traceenergy.errors import NoPowerError
from traceenergy.intervals import find_alone, share_clock
from traceenergy.records import dataclass
from traceenergy.trace.tables import (
    ENERGY_COUNTER,
    DeviceReadings,
    GpuMetrics,
    PowerSamples,
)
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.model import Window
    from traceenergy.components.gpu_states import GpuUse
    from traceenergy.trace.model import Trace


@dataclass(frozen=True)
class Ledger:
    """Time and energy of each piece of GPU work in the window.

    All arrays are ``(n_work,)`` and aligned with `work`.

    Attributes
    ----------
    work : polars.DataFrame
        Rows of the trace's GPU work that touch the window, in trace order.
    trace_index : ndarray of int64
        Row of each piece in the trace's GPU work.
    device : ndarray of int64
        Row of the piece's device in `devices`.
    start_ns, end_ns : ndarray of int64 [ns]
        Cut to the window.
    static_j, dynamic_j : ndarray of float64 [J]
        NaN where no power sample covers the piece.
    devices : tuple of DeviceWork
        Devices that ran work in the window, in the order of their key.
    energies : tuple of DeviceEnergy or None
        Aligned with `devices`; None for a device without power.
    evidence : tuple of Evidence or None
        What each was attributed by; likewise.
    modelled : tuple of GpuUse or None
        What each device without power used by a power model; empty without one.
    path_ns, slack_ns : ndarray of int64 [ns] or None
        Time for which each piece holds the critical path; how much later it could end. None before
        the path is found.
    elapsed_ns : int [ns]
        Length of the window, once the path is found.
    """

    work: pl.DataFrame
    trace_index: NDArray[np.int64]
    device: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    static_j: NDArray[np.float64]
    dynamic_j: NDArray[np.float64]
    devices: tuple[DeviceWork, ...]
    energies: tuple[DeviceEnergy | None, ...]
    evidence: tuple[Evidence | None, ...]
    modelled: tuple[GpuUse | None, ...] = ()
    path_ns: NDArray[np.int64] | None = None
    slack_ns: NDArray[np.int64] | None = None
    elapsed_ns: int = 0

    @property
    def energy_j(self) -> NDArray[np.float64]:
        """Static and dynamic energy [J]; NaN where not covered."""
        return self.static_j + self.dynamic_j

    @cached_property
    def is_alone(self) -> NDArray[np.bool_]:
        """Which pieces share no time with others on their device."""
        alone = np.ones(len(self.device), dtype=bool)
        for work in self.devices:
            alone[work.row] = find_alone(self.start_ns[work.row], self.end_ns[work.row])
        return alone

    @cached_property
    def not_alone(self) -> Pieces:
        """Pieces that share time with others on their device."""
        row = np.flatnonzero(~self.is_alone)
        return Pieces(row, self.device[row], self.start_ns[row], self.end_ns[row])

    @cached_property
    def meetings(self) -> Meetings:
        """Which of them run at one time."""
        return find_meetings(self.not_alone)

    @cached_property
    def gpu_time_s(self) -> NDArray[np.float64]:
        """Time of the GPU: of n pieces that run together each has 1/n [s]."""
        time_s = (self.end_ns - self.start_ns).astype(np.float64) * S_PER_NS
        rest = self.not_alone
        for index in np.unique(rest.device).tolist():
            mine = np.flatnonzero(rest.device == index)
            start_ns, end_ns = rest.start_ns[mine], rest.end_ns[mine]
            clock = share_clock(start_ns, end_ns)
            shared_ns = clock.share_at(end_ns) - clock.share_at(start_ns)
            time_s[rest.row[mine]] = shared_ns * S_PER_NS
        return time_s

    @property
    def is_modelled(self) -> bool:
        """Whether all energy is that of a power model, none measured."""
        return any(self.modelled) and not any(self.energies)

    @property
    def idle_power_w(self) -> NDArray[np.float64]:
        """Idle power of each device, measured or else modelled [W]; NaN where not known."""
        told = [None if one is None else one.idle.power_w for one in self.energies]
        if self.is_modelled:
            told = [None if one is None else one.power.idle_w for one in self.modelled]
        return np.array(told, dtype=np.float64)

    def bounds(
        self, group: NDArray[np.int64], n_groups: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the energy of groups of work, summed over devices.

        Parameters
        ----------
        group : ndarray of int64 (n_work,)
            Group of each piece; negative for none of interest.
        n_groups : int

        Returns
        -------
        low_j, high_j : ndarray of float64 (n_groups,) [J]
            NaN where energy is modelled: the watts of a file have no interval.
        """
        if self.is_modelled:
            return np.full(n_groups, np.nan), np.full(n_groups, np.nan)
        low_j, high_j = np.zeros(n_groups), np.zeros(n_groups)
        for work, energy in zip(self.devices, self.energies, strict=True):
            if energy is not None:
                low, high = energy.bounds(group[work.row], n_groups)
                low_j, high_j = low_j + low, high_j + high
        return low_j, high_j


def open_ledger(
    trace: Trace,
    window: Window,
    options: AttributionOptions,
    *,
    time_only: bool,
) -> tuple[Ledger, tuple[Caveat, ...]]:
    """Attribute the measured energy of every device.

    Parameters
    ----------
    trace : Trace
    window : Window
    options : AttributionOptions
    time_only : bool
        Go on without power.

    Returns
    -------
    Ledger
        Its `devices[i].row` index the ledger's own rows.
    caveats : tuple of Caveat

    Raises
    ------
    NoPowerError
        If no device has power samples, unless `time_only`.
    TooFewSamplesError
        If the samples of a device say nothing about the window.
    """
    trace_index, start_ns, end_ns = cut_work(trace.gpu_work, window)
    frame = rows_of(trace.gpu_work, trace_index)
    device, devices = split_by_device(trace, trace_index, start_ns, end_ns)
    caveats: list[Caveat] = []
    counters = [_counter_of(trace, work) for work in devices]
    samples_of = [_samples_of(trace, *pair) for pair in zip(devices, counters, strict=True)]
    if not time_only and not any(len(samples) for samples in samples_of):
        raise _no_power(len(devices), trace)
    evidences = [
        None
        if time_only or len(samples) == 0
        else Evidence(
            samples,
            _stated_limit_w(trace, work),
            _classes_of(trace, work) if options.method != WINDOW_SHARE else None,
            clocks_of(trace, work),
            options.calibration,
            counter,
        )
        for work, samples, counter in zip(devices, samples_of, counters, strict=True)
    ]
    span = (window.start_ns, window.end_ns)
    found = attribute_devices(devices, evidences, span, options)
    for work, one in zip(devices, found, strict=True):
        if one is None:
            caveats += [] if time_only else [_unpowered(work)]
            continue
        caveats += one[1]
    energies = tuple(None if one is None else one[0] for one in found)
    ledger = Ledger(
        frame, trace_index, device, start_ns, end_ns, *_energy_of(len(frame), devices, energies),
        devices, energies, tuple(evidences),
    )  # fmt: skip
    return ledger, (*caveats, *_coverage_doubts(ledger), *_calibration_doubts(ledger, options))


def _energy_of(
    n_work: int, devices: Sequence[DeviceWork], energies: Sequence[DeviceEnergy | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put static and dynamic energy of all devices into one row per piece; NaN where not known."""
    if len(energies) == 1 and energies[0] is not None:
        return energies[0].static_j, energies[0].dynamic_j
    static_j, dynamic_j = np.full((2, n_work), np.nan)
    for work, energy in zip(devices, energies, strict=True):
        if energy is not None:
            static_j[work.row], dynamic_j[work.row] = energy.static_j, energy.dynamic_j
    return static_j, dynamic_j


def _samples_of(trace: Trace, work: DeviceWork, counter: EnergyCounter | None) -> PowerSamples:
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    counted = counter_samples(counter, work.rank, work.device_id)
    return PowerSamples(pl.concat([trace.power_samples.filter(mine), counted]))


def _counter_of(trace: Trace, work: DeviceWork) -> EnergyCounter | None:
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    counted = pl.col("quantity") == ENERGY_COUNTER
    return read_counter(DeviceReadings(trace.readings.filter(mine & counted)))


def _classes_of(trace: Trace, work: DeviceWork) -> WorkClasses:
    # Of this device alone, so that another one changes nothing here.
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    frame = trace.gpu_work.select(SIZE_COLUMNS)
    classes = class_work(rows_of(frame, work.all_trace_row), trace.names)
    metrics = GpuMetrics(trace.gpu_metrics.filter(mine))
    return WorkClasses(classes.of_work, classes.names, classes.kernel, metrics)


def clocks_of(trace: Trace, work: DeviceWork) -> Clocks | None:
    """Find the recorded readings of a device's SM clock; None where there are none."""
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    read = trace.readings.filter(mine & (pl.col("quantity") == "sm_clock_mhz")).sort("sample_ns")
    if len(read) == 0:
        return None
    return Clocks(read["sample_ns"].to_numpy(), read["value"].to_numpy())


def _stated_limit_w(trace: Trace, work: DeviceWork) -> float | None:
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    limits = trace.readings.filter(mine & (pl.col("quantity") == "power_limit_w"))["value"]
    limit = limits.max()
    return float(limit) if isinstance(limit, float) and limit > 0 else None


def _no_power(n_devices: int, trace: Trace) -> NoPowerError:
    left_out = [caveat.text for caveat in trace.caveats if caveat.slug == "rank-left-out"]
    return NoPowerError(
        "no power data: the trace holds none and no log was given",
        details="\n".join((f"GPUs with work: {n_devices}", *left_out)),
        next_step=(
            "pass a log made with `nvidia-smi --query-gpu=timestamp,index,uuid,clocks.sm,"
            "power.draw,power.draw.instant,temperature.gpu --format=csv -lms 100` by --power, "
            "record power in the trace with `nsys profile --enable nvml_metrics`, model it with "
            "--power-model, or see times only with --time-only"
        ),
    )


def _unpowered(work: DeviceWork) -> Caveat:
    return Caveat(
        "device-without-power",
        "no power samples for this device: its energy is unknown and in no sum",
        f"rank {work.rank}, device {work.device_id}",
        len(work.row),
    )


def _coverage_doubts(ledger: Ledger) -> list[Caveat]:
    doubts = []
    for work, energy in zip(ledger.devices, ledger.energies, strict=True):
        if energy is None:
            continue
        elapsed_ns = int(energy.cells.width_ns.sum())
        share = energy.cells.covered_ns / elapsed_ns
        unknown = int(np.isnan(energy.static_j).sum())
        if share < 1:
            missing_s = (elapsed_ns - energy.cells.covered_ns) * S_PER_NS
            doubts.append(
                Caveat(
                    "coverage",
                    f"power samples cover {share:.1%} of the window; {missing_s:.3g} s are not "
                    f"covered, and {unknown} pieces of GPU work in them have no energy",
                    f"rank {work.rank}, device {work.device_id}",
                    unknown,
                )
            )
    return doubts


def _calibration_doubts(ledger: Ledger, options: AttributionOptions) -> list[Caveat]:
    """Doubt what kernels draw on another kind of GPU."""
    known = None if options.calibration is None else options.calibration.gpu_name
    if known is None:
        return []
    return [
        Caveat(
            "calibration-other-gpu",
            f"the calibration was recorded on {known}, this run on {work.name}: kernels draw "
            "other power there",
            f"rank {work.rank}, device {work.device_id}",
        )
        for work, energy in zip(ledger.devices, ledger.energies, strict=True)
        if energy is not None and work.name is not None and work.name != known
    ]
