"""Which energy each power sample stands for, with the time it may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.sensor import SensorModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Longer pauses than this many periods are missing samples, not slow sampling.
GAP_PERIODS = 3.0


@dataclass(frozen=True)
class SensorWindows:
    """Measured energy, cut into pieces that know where they may come from.

    Piece k stands for the energy of its *zone*: zones follow each other without overlap, so
    that energies of zones sum to the measured energy. What is dynamic in it was caused by
    work in its *window*, which holds the zone; windows of a sensor that averages for longer
    than it takes to sample overlap each other::

        window 1   |=============|
        zone 1           |==|
        window 2      |=============|
        zone 2              |==|

    Attributes
    ----------
    zone_start_ns, zone_end_ns : ndarray of int64 (n_pieces,) [ns]
    window_start_ns, window_end_ns : ndarray of int64 (n_pieces,) [ns]
    energy_j : ndarray of float64 (n_pieces,) [J]
    gap_start_ns, gap_end_ns : ndarray of int64 (n_gaps,) [ns]
        Between zones where samples are missing.
    gap_j : ndarray of float64 (n_gaps,) [J]
        Energy of a straight line over each gap.
    """

    zone_start_ns: Int
    zone_end_ns: Int
    window_start_ns: Int
    window_end_ns: Int
    energy_j: Float
    gap_start_ns: Int
    gap_end_ns: Int
    gap_j: Float


def cut_samples(
    center_ns: Int, power_w: Float, sensor: SensorModel, cut_at_ns: tuple[int, ...] = ()
) -> SensorWindows:
    """Cut the samples of one device into sensor windows.

    Parameters
    ----------
    center_ns : ndarray of int64 (n_samples,) [ns]
        Middle of each sample's averaging window, strictly increasing, n_samples >= 2.
    power_w : ndarray of float64 (n_samples,) [W]
    sensor : SensorModel
    cut_at_ns : tuple of int [ns]
        Where pieces between instantaneous readings are cut as well, such as the ends of the
        analysis window. A mean over time cannot be cut.

    Returns
    -------
    SensorWindows
        Nothing is assumed before the first sample's averaging window, nor after the last
        reading. Pauses of more than three median periods are gaps.
    """
    pause_ns = np.diff(center_ns)
    is_gap = pause_ns > GAP_PERIODS * np.median(pause_ns)
    if sensor.window_ms == 0:
        return _between_points(center_ns, power_w, sensor.center_delay_ns, cut_at_ns)
    return _around_means(center_ns, power_w, is_gap, sensor)


def _between_points(
    center_ns: Int, power_w: Float, held_ns: int, cut_at_ns: tuple[int, ...]
) -> SensorWindows:
    # Instantaneous readings: power runs straight from one to the next, the last one holds
    # until it was read.
    knot_ns = np.append(center_ns, center_ns[-1] + held_ns)
    knot_w = np.append(power_w, power_w[-1])
    cuts_ns = np.array([at for at in cut_at_ns if knot_ns[0] < at < knot_ns[-1]], dtype=np.int64)
    edge_ns = np.unique(np.concatenate((knot_ns, cuts_ns)))
    # Offsets, because float64 holds nanoseconds exactly only up to 2**53 (104 days).
    edge_w = np.interp(edge_ns - knot_ns[0], knot_ns - knot_ns[0], knot_w)
    low_ns, high_ns = edge_ns[:-1], edge_ns[1:]
    area_j = (edge_w[1:] + edge_w[:-1]) / 2 * (high_ns - low_ns) * S_PER_NS
    after = np.searchsorted(center_ns, low_ns, side="right")
    pause_ns = np.append(np.diff(center_ns), [0])[after - 1]
    is_gap = pause_ns > GAP_PERIODS * np.median(np.diff(center_ns))
    low, high = low_ns[~is_gap], high_ns[~is_gap]
    return SensorWindows(
        low, high, low, high, area_j[~is_gap], low_ns[is_gap], high_ns[is_gap], area_j[is_gap]
    )


def _around_means(
    center_ns: Int, power_w: Float, is_gap: NDArray[np.bool_], sensor: SensorModel
) -> SensorWindows:
    # Means over a window: each stands for the time around its center that is nearer to it
    # than to its neighbors, and for at most half a period where a neighbor is missing.
    half_period_ns = round(float(np.median(np.diff(center_ns))) / 2)
    half_window_ns = sensor.window_ns // 2
    middle_ns = center_ns[:-1] + np.diff(center_ns) // 2
    right_ns = np.where(is_gap, center_ns[:-1] + half_period_ns, middle_ns)
    left_ns = np.where(is_gap, center_ns[1:] - half_period_ns, middle_ns)
    zone_start_ns = np.append([center_ns[0] - half_window_ns], left_ns)
    zone_end_ns = np.append(right_ns, [center_ns[-1] + sensor.center_delay_ns])
    gap_w = (power_w[:-1] + power_w[1:])[is_gap] / 2
    gap_start_ns, gap_end_ns = right_ns[is_gap], left_ns[is_gap]
    # Windows end where samples are missing: work in a gap has no known energy.
    after_gap = np.append([0], np.cumsum(is_gap))
    open_start_ns = np.append(zone_start_ns[:1], gap_end_ns)[after_gap]
    open_end_ns = np.append(gap_start_ns, zone_end_ns[-1:])[after_gap]
    return SensorWindows(
        zone_start_ns=zone_start_ns,
        zone_end_ns=zone_end_ns,
        window_start_ns=np.clip(center_ns - half_window_ns, open_start_ns, zone_start_ns),
        window_end_ns=np.clip(center_ns + half_window_ns, zone_end_ns, open_end_ns),
        energy_j=power_w * (zone_end_ns - zone_start_ns) * S_PER_NS,
        gap_start_ns=gap_start_ns,
        gap_end_ns=gap_end_ns,
        gap_j=gap_w * (gap_end_ns - gap_start_ns) * S_PER_NS,
    )
