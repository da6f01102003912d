"""The board's cumulative energy counter: joules between its updates, as one more power series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.sensor import UPDATE_MS
from traceenergy.energy.sensor_windows import GAP_PERIODS
from traceenergy.energy.update_clock import fit_updates
from traceenergy.records import dataclass
from traceenergy.trace.tables import PowerSamples
from traceenergy.units import MS_PER_NS, NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import DeviceReadings

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

SOURCE, FIELD = "energy counter", "differences"


@dataclass(frozen=True)
class CounterRun:
    """Readings of a counter that never went down in between.

    Attributes
    ----------
    update_ns : ndarray of int64 (n,) [ns]
        Updates of the counter, strictly increasing, n >= 2.
    energy_j : ndarray of float64 (n,) [J]
        What it showed from each on, strictly increasing.
    is_placed : bool
        Whether the updates follow a straight clock; else a reading is of unknown age.
    """

    update_ns: Int
    energy_j: Float
    is_placed: bool


@dataclass(frozen=True)
class EnergyCounter:
    """Cumulative energy of one board.

    Attributes
    ----------
    runs : tuple of CounterRun
        In the order of time; more than one where the counter began anew.
    n_restarts : int
        How often it went down.
    """

    runs: tuple[CounterRun, ...]
    n_restarts: int

    def counts_through(self, window: tuple[int, int]) -> bool:
        """Tell whether it began before a window [ns], ended after, and never began anew in it."""
        low_ns, high_ns = window
        return any(r.update_ns[0] <= low_ns and high_ns <= r.update_ns[-1] for r in self.runs)

    def mean_power(self) -> tuple[Int, Float]:
        """Turn what the counter adds into mean powers over even intervals.

        Returns
        -------
        end_ns : ndarray of int64 (n_intervals,) [ns]
        power_w : ndarray of float64 (n_intervals,) [W]
            Means over the interval before each end. Intervals are as long as updates are apart,
            and no shorter than `UPDATE_MS` where nothing tells when the counter updated: what its
            readings differ by belongs to an interval that is known to one update. Pauses of more
            than three intervals are left out.
        """
        steps_ns = np.concatenate([np.diff(run.update_ns) for run in self.runs])
        step_ns = float(np.median(steps_ns))
        if not all(run.is_placed for run in self.runs):
            step_ns *= max(1.0, np.ceil(UPDATE_MS * NS_PER_MS / step_ns))
        parts = [_even_means(run, step_ns) for run in self.runs]
        ends, powers = zip(*parts, strict=True)
        return np.concatenate(ends), np.concatenate(powers)


def read_counter(readings: DeviceReadings) -> EnergyCounter | None:
    """Find the updates of a counter in its readings.

    Parameters
    ----------
    readings : DeviceReadings
        Of the counter of one device, in any order.

    Returns
    -------
    EnergyCounter or None
        None if it never rises.

    Notes
    -----
    A value that repeats is one update. Where the log was polled twice or more in each update, a
    straight clock tells when they were (`fit_updates`); else readings are taken to be half a
    polling period old, or half of `UPDATE_MS` if that is less. A counter that goes down began
    anew (its driver was loaded again, or it ran over): nothing is known of the time in between.
    """
    ordered = readings.unique("sample_ns", keep="first", maintain_order=True).sort("sample_ns")
    read_ns, shown_j = ordered["sample_ns"].to_numpy(), ordered["value"].to_numpy()
    falls = np.flatnonzero(np.diff(shown_j) < 0) + 1
    pieces = zip(np.split(read_ns, falls), np.split(shown_j, falls), strict=True)
    runs = [_find_updates(at_ns, value_j) for at_ns, value_j in pieces]
    risen = tuple(run for run in runs if run is not None)
    return EnergyCounter(risen, len(falls)) if risen else None


def counter_samples(counter: EnergyCounter | None, rank: int, device_id: int) -> PowerSamples:
    """Make power samples of what a counter adds.

    Parameters
    ----------
    counter : EnergyCounter or None
    rank, device_id : int

    Returns
    -------
    PowerSamples
        Of field `FIELD`; none without a counter.
    """
    end_ns, power_w = counter.mean_power() if counter else (np.zeros(0, int), np.zeros(0))
    frame = pl.DataFrame({"sample_ns": end_ns, "power_w": power_w})
    return PowerSamples(
        frame.select(
            pl.lit(rank, pl.Int32).alias("rank"),
            pl.lit(device_id, pl.Int32).alias("device_id"),
            pl.col("sample_ns").cast(pl.Int64),
            pl.col("power_w"),
            pl.lit(FIELD).alias("field"),
            pl.lit(SOURCE).alias("source"),
        )
    )


def _find_updates(read_ns: Int, shown_j: Float) -> CounterRun | None:
    rises = np.flatnonzero(np.diff(shown_j) > 0) + 1
    if len(rises) < 2:  # noqa: PLR2004 - one update ends no interval
        return None
    apart_ms = float(np.median(np.diff(read_ns[rises]))) * MS_PER_NS
    updates = fit_updates(read_ns, shown_j, apart_ms)
    if updates is not None:
        rises = np.flatnonzero(np.diff(updates.power_w, prepend=-np.inf) > 0)
        rises = rises[updates.seen[rises]]
        return CounterRun(updates.update_ns[rises], updates.power_w[rises], is_placed=True)
    poll_ns = float(np.median(np.diff(read_ns)))
    age_ns = round(min(poll_ns, UPDATE_MS * NS_PER_MS) / 2)
    return CounterRun(read_ns[rises] - age_ns, shown_j[rises], is_placed=False)


def _even_means(run: CounterRun, step_ns: float) -> tuple[Int, Float]:
    since_ns = (run.update_ns - run.update_ns[0]).astype(np.float64)
    edge_ns = np.arange(int(since_ns[-1] / step_ns + 0.5) + 1) * step_ns
    edge_ns = edge_ns[edge_ns <= since_ns[-1] + 1.0]
    power_w = np.diff(np.interp(edge_ns, since_ns, run.energy_j)) / (step_ns * S_PER_NS)
    pause_ns = np.diff(since_ns)
    after = np.searchsorted(since_ns, (edge_ns[1:] + edge_ns[:-1]) / 2, side="right") - 1
    known = pause_ns[np.minimum(after, len(pause_ns) - 1)] <= GAP_PERIODS * step_ns
    end_ns = run.update_ns[0] + np.round(edge_ns[1:]).astype(np.int64)
    return end_ns[known], power_w[known]
