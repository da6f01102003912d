"""How power swings: of each GPU, of all at once, behind an energy buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.power_columns import RECONSTRUCTED
from traceenergy.power.buffer import parse_buffer, run_buffer
from traceenergy.power.swing import mean_in_bins, swing_in_groups, swing_of, synchronous_swing
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.model import Window
    from traceenergy.analysis.power_curves import DevicePower

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

BIN_NS = NS_PER_MS
MOST_BINS = 100_000
MAP_BINS, MAP_DEVICES = 400, 64  # what a page draws


@dataclass(frozen=True)
class BinnedPower:
    """Power of all devices in even bins.

    Attributes
    ----------
    keys : tuple of (rank, device_id)
    edge_ns : ndarray of int64 (n_bins + 1,) [ns]
    power_w : ndarray of float64 (n_devices, n_bins) [W]
        NaN where it is not known.
    """

    keys: tuple[tuple[int, int], ...]
    edge_ns: Int
    power_w: Float

    @property
    def bin_ns(self) -> int:
        """Length of a bin [ns]."""
        return int(self.edge_ns[1] - self.edge_ns[0])


def bin_power(
    powers: tuple[DevicePower, ...], window: Window, most: int = MOST_BINS
) -> BinnedPower | None:
    """Take the mean power of all devices in bins of 1 ms, or of what all of them tell apart.

    Parameters
    ----------
    powers : tuple of DevicePower
    window : Window
    most : int
        Bins.

    Returns
    -------
    BinnedPower or None
        None without power, or if the window is shorter than two bins.
    """
    told_ns = max((power.reconstructed_from_ns for power in powers), default=0)
    bin_ns = max(BIN_NS, told_ns, -(-window.elapsed_ns // most))
    n_bins = window.elapsed_ns // bin_ns
    if not powers or n_bins < 2:  # noqa: PLR2004 - one bin has no swing
        return None
    edge_ns = window.start_ns + bin_ns * np.arange(n_bins + 1, dtype=np.int64)
    power_w = np.stack([mean_in_bins(power.reconstructed, edge_ns) for power in powers])
    works = [power.energy.work for power in powers]
    return BinnedPower(tuple((work.rank, work.device_id) for work in works), edge_ns, power_w)


def swing_rows(binned: BinnedPower, steps: pl.DataFrame) -> list[dict[str, Any]]:
    """Measure the swing of all GPUs together, then of each.

    Parameters
    ----------
    binned : BinnedPower
    steps : polars.DataFrame
        `STEP_ROW`.

    Returns
    -------
    list of dict
        Rows of `POWER_SWING`; the first is that of all GPUs together.
    """
    first, last = _step_bins(binned, steps)
    together = synchronous_swing(binned.power_w)
    keys: list[tuple[int | None, int | None]] = [(None, None), *binned.keys]
    rows = []
    for (rank, device_id), power_w in zip(
        keys, (binned.power_w.sum(axis=0), *binned.power_w), strict=True
    ):
        found = swing_of(power_w)
        if found is None:
            continue
        peak_w, trough_w = swing_in_groups(power_w, first, last)
        both = together if rank is None else None
        rows.append(
            {
                "rank": rank,
                "device_id": device_id,
                "source": RECONSTRUCTED,
                "bin_ns": binned.bin_ns,
                "mean_w": found.mean_w,
                "peak_w": found.peak_w,
                "peak_ns": int(binned.edge_ns[found.peak_at]),
                "trough_w": found.trough_w,
                "trough_ns": int(binned.edge_ns[found.trough_at]),
                "peak_to_mean": found.peak_to_mean,
                "peak_to_trough_w": found.peak_to_trough_w,
                "n_steps": len(peak_w),
                "step_peak_to_trough_w": float(np.median(peak_w - trough_w))
                if len(peak_w)
                else None,
                "correlation": None if both is None else both.correlation,
                "coincidence": None if both is None else both.coincidence,
            }
        )
    return rows


def _step_bins(binned: BinnedPower, steps: pl.DataFrame) -> tuple[Int, Int]:
    """Find the bins that lie within each step; steps that overlap the one before are cut."""
    known = steps.drop_nulls("step").sort("start_ns")
    begin_ns, bin_ns = int(binned.edge_ns[0]), binned.bin_ns
    first = -((begin_ns - known["start_ns"].to_numpy()) // bin_ns)
    last = (known["end_ns"].to_numpy() - begin_ns) // bin_ns
    n_bins = binned.power_w.shape[1]
    first, last = np.clip(first, 0, n_bins), np.clip(last, 0, n_bins)
    reach = np.maximum.accumulate(np.concatenate(([0], last)))
    return np.maximum(first, reach[:-1]), last


def buffer_rows(binned: BinnedPower, buffer: str | None) -> list[dict[str, Any]]:
    """Simulate an energy buffer that all GPUs share.

    Parameters
    ----------
    binned : BinnedPower
    buffer : str or None
        As `--buffer` takes it; None: no buffer.

    Returns
    -------
    list of dict
        One row of `POWER_BUFFER`, or none.
    """
    load_w = binned.power_w.sum(axis=0)
    load_w = load_w[~np.isnan(load_w)]
    if buffer is None or len(load_w) == 0:
        return []
    told = parse_buffer(buffer)
    found = run_buffer(load_w, np.full(len(load_w), float(binned.bin_ns)), told)
    bin_ms = binned.bin_ns / NS_PER_MS
    return [
        {
            "source": RECONSTRUCTED,
            "energy_j": told.energy_j,
            "power_w": told.power_w,
            "ramp_w_per_ms": None if told.ramp_w_per_s is None else told.ramp_w_per_s / 1e3,
            "bin_ns": binned.bin_ns,
            "load_peak_w": float(load_w.max()),
            "grid_peak_w": float(found.grid_w.max()),
            "load_ramp_w_per_ms": _largest_change(load_w) / bin_ms,
            "grid_ramp_w_per_ms": _largest_change(found.grid_w) / bin_ms,
            "least_stored_j": float(min(found.stored_j.min(), told.reference_j)),
            "gained_j": float(found.stored_j[-1]) - told.reference_j,
        }
    ]


def _largest_change(power_w: Float) -> float:
    return float(np.abs(np.diff(power_w)).max()) if len(power_w) > 1 else 0.0


def map_rows(powers: tuple[DevicePower, ...], window: Window) -> pl.DataFrame | None:
    """Take the power of several GPUs in few bins, for a picture; None for one GPU."""
    if len(powers) < 2:  # noqa: PLR2004 - see above
        return None
    binned = bin_power(powers[:MAP_DEVICES], window, MAP_BINS)
    if binned is None:
        return None
    return pl.concat(
        pl.DataFrame(
            {"start_ns": binned.edge_ns[:-1], "end_ns": binned.edge_ns[1:], "power_w": power_w}
        ).with_columns(
            pl.lit(rank, dtype=pl.Int32).alias("rank"),
            pl.lit(device_id, dtype=pl.Int32).alias("device_id"),
            pl.col("power_w").fill_nan(None),
        )
        for (rank, device_id), power_w in zip(binned.keys, binned.power_w, strict=True)
    )
