"""The readings of one sensor field, thinned to its updates, placed in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy import energy_counter
from traceenergy.energy.sensor import (
    COUNTED,
    LARGEST_LAG_MS,
    SensorModel,
    drop_held,
    identify_sensor,
)
from traceenergy.records import dataclass
from traceenergy.units import MS_PER_NS, NS_PER_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import PowerSamples

MOST_APART = 0.2  # fields of one board that differ by more do not measure the same thing
# Power field preferred when a log has several: the less averaged, the better placed in time.
_FIELD_ORDER = ("power.draw.instant", "power.draw", "power.draw.average")


@dataclass(frozen=True)
class PowerSeries:
    """Readings of one field of one device, one per update of the sensor.

    Attributes
    ----------
    sample_ns, center_ns : ndarray of int64 (n_samples,) [ns]
        When it was read; the middle of the time it stands for.
    power_w : ndarray of float64 (n_samples,) [W]
    sensor : SensorModel
    source : str
        Kind of source and field.
    read_ns, read_w : ndarray (n_read,)
        All readings as logged [ns], [W].
    """

    sample_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]
    sensor: SensorModel
    source: str
    read_ns: NDArray[np.int64]
    read_w: NDArray[np.float64]

    @property
    def center_ns(self) -> NDArray[np.int64]:
        """Middle of the time that each reading stands for [ns]."""
        return self.sample_ns - self.sensor.center_delay_ns

    @property
    def in_step(self) -> PowerSeries:
        """The series with each reading at the end of what it stands for, no longer late."""
        late_ns = round(self.sensor.lag_ms * NS_PER_MS)
        sensor = replace(self.sensor, lag_ms=0.0)
        return replace(self, sample_ns=self.sample_ns - late_ns, sensor=sensor)

    @property
    def usual_lags_ms(self) -> tuple[float, float]:
        """Least and most that readings are late by on clocks that agree [ms].

        A value is up to a period old when it is polled; updates that were placed between two
        polls are known to half a poll. To that comes what a sensor takes.
        """
        poll_ms = float(np.median(np.diff(self.read_ns))) * MS_PER_NS
        age_ms = min(poll_ms, self.sensor.period_ms) / 2
        lag_ms = self.sensor.lag_ms
        return lag_ms - age_ms, lag_ms + age_ms + LARGEST_LAG_MS

    @property
    def sees_all_time(self) -> bool:
        """Whether the sensor averages for as long as it takes to update, or longer."""
        return self.sensor.window_ms >= self.sensor.period_ms

    @property
    def sees_part_of_time(self) -> bool:
        """Whether it is a mean over less time than it takes to update."""
        return 0 < self.sensor.window_ms < self.sensor.period_ms

    @property
    def is_counted(self) -> bool:
        """Whether it is what the energy counter added between its updates."""
        return self.sensor.source == COUNTED

    def scaled(self, power_w: NDArray[np.float64]) -> PowerSeries:
        """Return the series with other readings [W]."""
        return replace(self, power_w=power_w)


def read_series(
    samples: PowerSamples, gpu_name: str | None, most_w: float | None, window_ms: float | None
) -> list[PowerSeries]:
    """Make a series of each power field of one device.

    Parameters
    ----------
    samples : PowerSamples
        Of the device, in any order.
    gpu_name : str or None
    most_w : float or None [W]
        Power that the board cannot exceed.
    window_ms : float or None [ms]
        Averaging window given by the user.

    Returns
    -------
    list of PowerSeries
        Those with two readings or more, the least averaged field first. The energy counter, if
        there is one, comes first where the others average for longer than it takes to update and
        it agrees with them to `MOST_APART`, else last.
    """
    fields = sorted(samples["field"].unique().to_list(), key=_field_rank)
    found = []
    for field in fields:
        chosen = (
            samples.filter(pl.col("field") == field)
            .unique("sample_ns", keep="first", maintain_order=True)
            .sort("sample_ns")
        )
        if len(chosen) < 2:  # noqa: PLR2004 - one reading has no spacing, so no sensor
            continue
        sample_ns, power_w = chosen["sample_ns"].to_numpy(), chosen["power_w"].to_numpy()
        if field == energy_counter.FIELD:
            found.append(_counted(sample_ns, power_w))
            continue
        sensor = identify_sensor(
            sample_ns, power_w, gpu_name=gpu_name, field=field, most_w=most_w, window_ms=window_ms
        )
        kept = drop_held(sample_ns, power_w, sensor)
        source = f"{chosen['source'][0]}: {field}"
        found.append(
            PowerSeries(sample_ns[kept], power_w[kept], sensor, source, sample_ns, power_w)
        )
    return _ordered(found)


def _counted(end_ns: NDArray[np.int64], power_w: NDArray[np.float64]) -> PowerSeries:
    step_ms = float(np.median(np.diff(end_ns))) * MS_PER_NS
    source = f"{energy_counter.SOURCE}: {energy_counter.FIELD}"
    sensor = SensorModel(step_ms, step_ms, 0.0, COUNTED)
    return PowerSeries(end_ns, power_w, sensor, source, end_ns, power_w)


def _ordered(found: list[PowerSeries]) -> list[PowerSeries]:
    counted = [series for series in found if series.is_counted]
    fields = [series for series in found if not series.is_counted]
    sharper = counted and fields and counted[0].sensor.window_ms < fields[0].sensor.window_ms
    if sharper and _agree(counted[0], fields[0]):
        return [*counted, *fields]
    return [*fields, *counted]


def _agree(counted: PowerSeries, other: PowerSeries) -> bool:
    # Counters were seen that show half of what the power field does: such a one is only told.
    first_ns = max(counted.sample_ns[0], other.sample_ns[0])
    last_ns = min(counted.sample_ns[-1], other.sample_ns[-1])
    means_w = []
    for series in (counted, other):
        both = (series.sample_ns >= first_ns) & (series.sample_ns <= last_ns)
        means_w.append(float(series.power_w[both].mean()) if both.any() else 0.0)
    return abs(means_w[0] - means_w[1]) <= MOST_APART * means_w[1]


def _field_rank(field: str) -> tuple[int, str]:
    known = field in _FIELD_ORDER
    return _FIELD_ORDER.index(field) if known else len(_FIELD_ORDER), field
