"""Readings of a device over time: clocks, temperature, reasons of throttling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.clock_factor import Clocks
from traceenergy.intervals import union
from traceenergy.records import dataclass
from traceenergy.trace import throttle_reasons
from traceenergy.trace.metric_names import SM_CLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MIN_SAMPLES = 2  # one does not tell its polling period
# Metrics count cycles over a period that is known to a few per cent only.
_METRIC_HIGHEST = 99.0


def reading_zones(at_ns: Int, work_ns: tuple[int, int] | None = None) -> tuple[Int, Int]:
    """Say what time each reading covers.

    Parameters
    ----------
    at_ns : ndarray of int64 (n,) [ns]
        Sorted; two at least.
    work_ns : tuple of int [ns], optional
        First begin, last end of GPU work. GPUs at rest lower their clocks: readings from before
        or after tell nothing of the work, those nearest to either end within it do.

    Returns
    -------
    low_ns, high_ns : ndarray of int64 (n,) [ns]
        The time nearer to it than to any other, and no more than a polling period on either side.
    """
    gap_ns = np.diff(at_ns)
    period_ns = int(np.median(gap_ns))
    reach_ns = np.minimum(gap_ns // 2, period_ns)
    low_ns = at_ns - np.append(reach_ns[:1], reach_ns)
    high_ns = at_ns + np.append(reach_ns, reach_ns[-1:])
    if work_ns is None:
        return low_ns, high_ns
    begin_ns, end_ns = work_ns
    first = int(np.searchsorted(at_ns, begin_ns))
    last = int(np.searchsorted(at_ns, end_ns, side="right")) - 1
    if first > last:
        return low_ns, high_ns
    if first > 0:
        high_ns[first - 1] = min(high_ns[first - 1], begin_ns)
        low_ns[first] = max(begin_ns, at_ns[first] - period_ns)
    if last < len(at_ns) - 1:
        low_ns[last + 1] = max(low_ns[last + 1], end_ns)
        high_ns[last] = min(end_ns, at_ns[last] + period_ns)
    return low_ns, high_ns


@dataclass(frozen=True)
class Zones:
    """Stretches of time with a reading each.

    Attributes
    ----------
    low_ns, high_ns : ndarray of int64 (n,) [ns]
        In order, not overlapping.
    value : ndarray of float64 (n,)
    """

    low_ns: Int
    high_ns: Int
    value: Float

    @property
    def length_ns(self) -> Int:
        """Length of each [ns], ``(n,)``."""
        return self.high_ns - self.low_ns

    @property
    def edge_ns(self) -> Int:
        """Begin and end of each, in turn [ns], ``(2 n,)``."""
        return np.column_stack((self.low_ns, self.high_ns)).ravel()

    def within(self, start_ns: int, end_ns: int) -> Zones:
        """Cut them to a window."""
        low_ns, high_ns = (
            np.clip(self.low_ns, start_ns, end_ns),
            np.clip(self.high_ns, start_ns, end_ns),
        )
        kept = high_ns > low_ns
        return Zones(low_ns[kept], high_ns[kept], self.value[kept])

    def integral(self, low_ns: Int, high_ns: Int, weight: Float | None = None) -> Float:
        """Integrate over intervals.

        Parameters
        ----------
        low_ns, high_ns : ndarray of int64 (m,) [ns]
        weight : ndarray of float64 (n,), optional
            Of each stretch, instead of its value.

        Returns
        -------
        ndarray of float64 (m,) [ns times the unit of the value]
            Of the parts that readings cover.
        """
        if not len(self.low_ns):
            return np.zeros(len(low_ns))
        rate = self.value if weight is None else weight
        length_ns = self.length_ns
        ends = np.cumsum(rate * length_ns)

        def until(at_ns: Int) -> Float:
            place = np.searchsorted(self.low_ns, at_ns, side="right") - 1
            gone_ns = np.minimum(at_ns - self.low_ns[place], length_ns[place])
            # What is left of a stretch is taken off, so that its end is exact.
            left = rate[place] * (length_ns[place] - gone_ns)
            return np.where(place < 0, 0.0, ends[place] - left)

        return until(high_ns) - until(low_ns)

    def mean(self, low_ns: Int, high_ns: Int) -> Float:
        """Average over intervals; NaN where no reading covers any of it."""
        known_ns = self.integral(low_ns, high_ns, np.ones(len(self.value)))
        summed = self.integral(low_ns, high_ns)
        mean = np.full(len(summed), np.nan)
        np.divide(summed, known_ns, out=mean, where=known_ns > 0)
        return mean


@dataclass(frozen=True)
class DeviceReadings:
    """What was read of a device in the whole trace; None where it was not.

    Attributes
    ----------
    index
        Of the device in the ledger.
    sm_mhz, mem_mhz, temperature_c, reasons : Zones or None
        `reasons` are NVML's bits, as numbers.
    busy : Zones
        Stretches with GPU work in the window, of value 1.
    highest_mhz
        Highest SM clock; of metrics the 99th percentile, since they are noisy.
    """

    index: int
    busy: Zones
    sm_mhz: Zones | None
    mem_mhz: Zones | None
    temperature_c: Zones | None
    reasons: Zones | None
    highest_mhz: float


def device_readings(trace: Trace, ledger: Ledger) -> tuple[DeviceReadings, ...]:
    """Take the readings of all devices, put on the clock of the trace as their power is.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger

    Returns
    -------
    tuple of DeviceReadings
        Where no log tells the SM clock, GPU metrics do.
    """
    return tuple(_of_device(trace, ledger, index) for index in range(len(ledger.devices)))


def _of_device(trace: Trace, ledger: Ledger, index: int) -> DeviceReadings:
    work, energy = ledger.devices[index], ledger.energies[index]
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    read = trace.readings.filter(mine).sort("sample_ns")
    low_ns, high_ns = union(ledger.start_ns[work.row], ledger.end_ns[work.row])
    work_ns = (int(low_ns[0]), int(high_ns[-1])) if len(low_ns) else None

    def zones(quantity: str) -> Zones | None:
        rows = read.filter(pl.col("quantity") == quantity)
        found = Clocks(rows["sample_ns"].to_numpy(), rows["value"].to_numpy())
        if energy is not None and energy.model is not None:
            found = found.in_step(energy.model.log_clock)
        return _zones(found, work_ns)

    sm_mhz = zones("sm_clock_mhz")
    highest_mhz = 0.0 if sm_mhz is None else float(sm_mhz.value.max())
    if sm_mhz is None and (sm_mhz := _of_metrics(trace, work)):
        highest_mhz = float(np.percentile(sm_mhz.value, _METRIC_HIGHEST))
    busy = Zones(low_ns, high_ns, np.ones(len(low_ns)))
    return DeviceReadings(
        index, busy, sm_mhz, zones("mem_clock_mhz"), zones("temperature_c"),
        zones(throttle_reasons.QUANTITY), highest_mhz,
    )  # fmt: skip


def _zones(read: Clocks, work_ns: tuple[int, int] | None = None) -> Zones | None:
    if len(read.sample_ns) < MIN_SAMPLES:
        return None
    return Zones(*reading_zones(read.sample_ns, work_ns), read.clock_mhz)


def _of_metrics(trace: Trace, work: DeviceWork) -> Zones | None:
    if trace.gpu_metrics.is_empty():
        return None
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    rows = trace.gpu_metrics.filter(mine)
    names = rows["metric"].unique().cast(pl.String)
    told = sorted(names.filter(names.str.contains(SM_CLOCK)))
    if not told:
        return None
    rows = rows.filter(pl.col("metric") == told[0]).sort("sample_ns")
    return _zones(Clocks(rows["sample_ns"].to_numpy(), rows["value"].to_numpy()))
