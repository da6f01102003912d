"""Power of each device over time, kernel by kernel or as sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.sensor_windows import GAP_PERIODS
from traceenergy.power.curve import PowerCurve, stack_power
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.power_series import PowerSeries

    Float = NDArray[np.float64]


@dataclass(frozen=True)
class DevicePower:
    """Power of one device over the window.

    Attributes
    ----------
    energy : DeviceEnergy
    index
        Of the device in the ledger.
    reconstructed : PowerCurve
        Kernel by kernel, from the attribution.
    samples : PowerCurve or None
        Readings, each over the time that is nearest to it; None if none lie in the window.
    samples_from_ns
        Windows shorter than this the sensor cannot tell apart.
    """

    energy: DeviceEnergy
    index: int
    reconstructed: PowerCurve
    samples: PowerCurve | None
    samples_from_ns: int

    @property
    def reconstructed_from_ns(self) -> int:
        """Windows shorter than this [ns] the reconstruction cannot tell apart.

        Where energy was shared by time, power within a sensor window is as even as the work is;
        what of it was smeared beyond the end of a run comes back as a peak.
        """
        return self.samples_from_ns if self.energy.model is None else 0


def device_powers(ledger: Ledger, window: Window) -> tuple[DevicePower, ...]:
    """Draw the power of all devices that have power.

    Parameters
    ----------
    ledger : Ledger
    window : Window

    Returns
    -------
    tuple of DevicePower
    """
    return tuple(
        DevicePower(
            energy,
            index,
            reconstruct(energy),
            sampled(energy.series, window),
            _tells_from_ns(energy.series),
        )
        for index, energy in enumerate(ledger.energies)
        if energy is not None
    )


def reconstruct(energy: DeviceEnergy) -> PowerCurve:
    """Draw power kernel by kernel, so that it integrates to what was measured.

    Parameters
    ----------
    energy : DeviceEnergy

    Returns
    -------
    PowerCurve
        Over the analysis window; NaN where no sample covers it.

    Notes
    -----
    The shape is that of the attribution: each piece of work draws its energy evenly, and pieces
    that run together add up. In each cell between two edges of sensor windows it is scaled to the
    energy that was measured there for work; idle gaps of the cell draw what they were measured to
    cost, and what was given to no cause is drawn evenly. So the area over each cell, and over each
    union of cells, is the measured energy.
    """
    work, cells = energy.work, energy.cells
    edges = cells.edge_ns
    at_ns, power_w = stack_power(work.start_ns, work.end_ns, _drawn_w(energy), np.nan, edges)
    first = np.searchsorted(at_ns, edges)
    at_ns = at_ns[first[0] : first[-1] + 1]
    power_w, first = power_w[first[0] : first[-1]], first - first[0]
    time_s = np.diff(at_ns) * S_PER_NS
    idle = np.isnan(power_w)
    power_w[idle] = 0.0

    def by_cell(value: Float) -> Float:
        return np.add.reduceat(value, first[:-1])

    cell_s, shape_j = by_cell(time_s), by_cell(power_w * time_s)
    time_s[idle] = 0.0
    busy_s = by_cell(time_s)
    idle_s = np.where(busy_s < cell_s, cell_s - busy_s, 0.0)
    work_j = cells.static_j + cells.dynamic_j
    # Work whose own energy is zero or not known shares evenly; without a place, all time does.
    even_w = _ratio(np.where(shape_j > 0, 0.0, work_j), busy_s)
    left_j = np.where(idle_s > 0, 0.0, cells.idle_j) + np.where(
        (shape_j > 0) | (busy_s > 0), 0.0, work_j
    )
    rest_w = _ratio(cells.unattributed_j + left_j, cell_s)
    rest_w[~cells.covered] = np.nan
    lengths = np.diff(first)
    power_w *= np.repeat(_ratio(work_j, shape_j), lengths)
    power_w += np.repeat(even_w, lengths)
    np.copyto(power_w, np.repeat(_ratio(cells.idle_j, idle_s), lengths), where=idle)
    power_w += np.repeat(rest_w, lengths)
    return PowerCurve(at_ns, power_w)


def _drawn_w(energy: DeviceEnergy) -> Float:
    """Spread the energy of each piece of work evenly over its time [W]; zero if not known."""
    work = energy.work
    drawn_w = energy.static_j + energy.dynamic_j
    np.nan_to_num(drawn_w, copy=False)
    drawn_w /= np.maximum(work.end_ns - work.start_ns, 1) * S_PER_NS
    return drawn_w


def _ratio(over: Float, under: Float) -> Float:
    return np.divide(over, under, out=np.zeros(len(over)), where=under > 0)


def sampled(series: PowerSeries, window: Window) -> PowerCurve | None:
    """Draw readings, each over the time that is nearest to its center.

    Parameters
    ----------
    series : PowerSeries
    window : Window
        The curve is cut to it.

    Returns
    -------
    PowerCurve or None
        NaN where readings are further apart than three periods; None without readings.
    """
    center_ns = series.center_ns
    if len(center_ns) < 2:  # noqa: PLR2004 - one reading stands for no time
        return None
    pause_ns = np.diff(center_ns)
    period_ns = np.median(pause_ns)
    half_ns = np.where(pause_ns > GAP_PERIODS * period_ns, period_ns, pause_ns).astype(np.int64)
    start_ns = center_ns - np.concatenate((half_ns[:1], half_ns)) // 2
    end_ns = np.append(center_ns[:-1] + half_ns - half_ns // 2, center_ns[-1] + half_ns[-1] // 2)
    low_ns = np.clip(start_ns, window.start_ns, window.end_ns)
    high_ns = np.clip(end_ns, window.start_ns, window.end_ns)
    if not (high_ns > low_ns).any():
        return None
    none = np.empty(0, dtype=np.int64)
    at_ns, power_w = stack_power(low_ns, high_ns, series.power_w, np.nan, none)
    return PowerCurve(at_ns, power_w[:-1])


def _tells_from_ns(series: PowerSeries) -> int:
    sensor = series.sensor
    return round(max(sensor.window_ms, sensor.period_ms) * NS_PER_MS)
