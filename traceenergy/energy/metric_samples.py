"""Sampled GPU metrics, one row per sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.trace.metric_names import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuMetrics

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

_FULL_PCT = 100.0
_ROUNDING_SD = 0.01 / 12**0.5  # of one metric: values are whole per cent
# The sampler counts clock cycles, so that its period follows the clock: 102 to 165 us in one
# recording of an A100 at 10 kHz. Beside a change or a gap it is not known what a sample covers.
_LIKE_NEXT = 0.01
_LEAST_LENGTH, _MOST_LENGTH = 0.6, 1.7
_LEAST_SAMPLES = 3


@dataclass(frozen=True)
class MetricSamples:
    """Samples whose neighbors are as far as usual, where the GPU is active or about to be.

    Attributes
    ----------
    at_ns : ndarray of int64 (n,) [ns]
        Time stamps, sorted.
    length_ns : ndarray of int64 (n,) [ns]
        Since the sample before.
    value : ndarray of float64 (n, n_parts)
        1 for 100 %; NaN where not sampled.
    rounding : ndarray of float64 (n_parts,)
        Standard deviation of the rounding of a value.
    period_ns : int [ns]
        The usual length.
    """

    at_ns: Int
    length_ns: Int
    value: Float
    rounding: Float
    period_ns: int

    def take(self, rows: Int | Bool) -> MetricSamples:
        """Take some samples."""
        return MetricSamples(
            self.at_ns[rows], self.length_ns[rows], self.value[rows], self.rounding, self.period_ns
        )

    def bins(self, offset_ns: int) -> tuple[Int, Int]:
        """Tell the time that samples cover.

        Parameters
        ----------
        offset_ns : int [ns]
            From a time stamp to the end of what the sample covers. Whole periods of it follow
            the length of each sample.

        Returns
        -------
        low_ns, high_ns : ndarray of int64 (n,) [ns]
        """
        periods = round(offset_ns / self.period_ns)
        high_ns = self.at_ns + periods * self.length_ns + (offset_ns - periods * self.period_ns)
        return high_ns - self.length_ns, high_ns


def read_samples(metrics: GpuMetrics, since_ns: int, until_ns: int) -> MetricSamples | None:
    """Bring the metrics of the parts together.

    Parameters
    ----------
    metrics : GpuMetrics
        Of one device, in any order.
    since_ns, until_ns : int [ns]
        Take the samples between.

    Returns
    -------
    MetricSamples or None
        None without metrics of SMs and DRAM, or with fewer than three samples.

    Notes
    -----
    Long idle times are left out: they would tell little, and cost as much as work.
    """
    names = [str(name) for name in metrics["metric"].unique()]
    of_part = [[name for name in names if re.search(pattern, name)] for _, pattern in PARTS]
    if not (of_part[0] and of_part[2]):
        return None
    series = {name: _read_one(metrics, name) for part in of_part for name in part}
    at_ns = _all_stamps([stamps for stamps, _ in series.values()])
    if len(at_ns) < _LEAST_SAMPLES:
        return None
    value = np.full((len(at_ns), len(PARTS)), np.nan)
    for column, part in enumerate(of_part):
        if part:
            value[:, column] = sum(_at_stamps(at_ns, *series[name]) for name in part)
    step_ns = np.diff(at_ns)
    length_ns, period_ns = step_ns[:-1], int(np.median(step_ns))
    kept = np.abs(step_ns[1:] - length_ns) <= _LIKE_NEXT * length_ns
    kept &= (length_ns > _LEAST_LENGTH * period_ns) & (length_ns < _MOST_LENGTH * period_ns)
    kept &= (at_ns[1:-1] > since_ns) & (at_ns[1:-1] < until_ns)
    active = np.any(value > 0, axis=1)
    kept &= active[:-2] | active[1:-1] | active[2:]
    rounding = _ROUNDING_SD * np.sqrt([max(len(part), 1) for part in of_part])
    return MetricSamples(at_ns[1:-1], length_ns, value[1:-1], rounding, period_ns).take(kept)


def _read_one(metrics: GpuMetrics, name: str) -> tuple[Int, Float]:
    rows = metrics.filter(pl.col("metric") == name).sort("sample_ns")
    return rows["sample_ns"].to_numpy(), rows["value"].to_numpy()


def _all_stamps(stamps: Sequence[Int]) -> Int:
    first = stamps[0]
    # All metrics are sampled together as a rule; sorting them all would cost most of the time.
    if (np.diff(first) > 0).all() and all(np.array_equal(first, other) for other in stamps):
        return first
    return np.unique(np.concatenate(stamps))


def _at_stamps(at_ns: Int, stamps: Int, per_cent: Float) -> Float:
    if np.array_equal(at_ns, stamps):
        return per_cent / _FULL_PCT
    value = np.full(len(at_ns), np.nan)
    value[np.searchsorted(at_ns, stamps)] = per_cent / _FULL_PCT
    return value
