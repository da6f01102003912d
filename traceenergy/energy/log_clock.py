"""What the clock of a power log is off against that of the trace, told apart from late readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.clock_drift import Drift
    from traceenergy.energy.power_series import PowerSeries
    from traceenergy.energy.sensor_fit import SensorFit

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class LogClock:
    """Clock that stamped a log.

    Attributes
    ----------
    off_ms : float [ms]
        What it shows more than the clock of the trace; 0 where the lag of power is one that
        sensors have.
    drift : Drift or None
        How that grows; None for not at all.
    still_ns : int [ns]
        When it is off by just that.
    """

    off_ms: float = 0.0
    drift: Drift | None = None
    still_ns: int = 0

    def undo(self, stated_ns: Int) -> Int:
        """Put times of a log on the clock of the trace.

        Parameters
        ----------
        stated_ns : ndarray of int64 (n,) [ns]

        Returns
        -------
        ndarray of int64 (n,) [ns]
        """
        return undo_drift(stated_ns, self.drift, self.still_ns) - round(self.off_ms * NS_PER_MS)


def undo_drift(stated_ns: Int, drift: Drift | None, still_ns: int) -> Int:
    """Put times of a clock that drifts on one that keeps in step with the trace.

    Parameters
    ----------
    stated_ns : ndarray of int64 (n,) [ns]
    drift : Drift or None
    still_ns : int [ns]
        When the two show the same.

    Returns
    -------
    ndarray of int64 (n,) [ns]
    """
    if drift is None:
        return stated_ns
    since_s = (stated_ns - still_ns).astype(np.float64) * S_PER_NS
    return still_ns + np.round(drift.undo_s(since_s, 0.0) / S_PER_NS).astype(np.int64)


def read_clock(series: PowerSeries, found: SensorFit, drift: Drift | None) -> LogClock:
    """Say what part of the lag of power is that of the log's clock.

    Parameters
    ----------
    series : PowerSeries
        As the sensor was found from it.
    found : SensorFit
    drift : Drift or None
        Of the log's clock, undone in `series`.

    Returns
    -------
    LogClock

    Notes
    -----
    A power value is held until the next update, so its lag holds its age, which depends on when
    updates happen to be polled, and what the sensor takes. A clock, a temperature, a reason for
    low clocks is of the moment of its poll and has neither. Only a lag that no sensor has is
    one of clocks; less than that cannot be told from lateness, and clocks that a network keeps
    are off by less.
    """
    if not found.is_trusted:
        return LogClock()
    low_ms, high_ms = series.usual_lags_ms
    is_usual = found.lag_hi_ms > low_ms and found.lag_lo_ms < high_ms
    off_ms = 0.0 if is_usual else found.lag_ms - series.sensor.lag_ms
    return LogClock(off_ms, drift, found.lag_at_ns)
