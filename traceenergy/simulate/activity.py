"""GPU metrics as the sampler of nsys would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.cost import UNITS
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.simulate.clock import ClockPath
    from traceenergy.simulate.cost import Cost

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

RATE_HZ = 10_000
# The sampler starts a little before the trace's own time 0 would be reached by anything else.
EARLY_NS, LATE_NS = 40_000_000, 60_000_000
_OLD_NAMES = (
    "GPC Clock Frequency",
    "GR Active",
    "SM Active",
    "Tensor Active",
    "DRAM Read Throughput",
    "DRAM Write Throughput",
    "NVLink TX Responses User Data",
)
_NEW_NAMES = (
    "GPC Clock Frequency [MHz]",
    "GR Active [Throughput %]",
    "SMs Active [Throughput %]",
    "Tensor Active [Throughput %]",
    "DRAM Read Bandwidth [Throughput %]",
    "DRAM Write Bandwidth [Throughput %]",
    "NVLink TX Responses User Data [Throughput %]",
)
_READ_SHARE = 0.8


@dataclass(frozen=True)
class Activity:
    """Metrics of one GPU.

    Attributes
    ----------
    sample_ns : ndarray of int64 (n,) [ns]
        When, on the trace clock.
    values : ndarray of int64 (n, n_metrics)
        Per cent; Hz for the clock, as nsys exports it.
    """

    sample_ns: Int
    values: Int


def metric_names(schema: str) -> tuple[str, ...]:
    """Name the metrics as a schema version's nsys does, in the order of `Activity.values`."""
    if schema == "3.25.0":
        return _NEW_NAMES
    many = schema == "3.11.1"
    return tuple("SMs Active" if many and name == "SM Active" else name for name in _OLD_NAMES)


def sample_activity(work: pl.DataFrame, cost: Cost, clock: ClockPath) -> Activity:
    """Sample the activity of one GPU.

    Parameters
    ----------
    work : polars.DataFrame
        Its work, as in `Timeline`.
    cost : Cost
        Activity of each class in each step.
    clock : ClockPath
        Its clock.

    Returns
    -------
    Activity
        Means from each sample to the next, capped at 100 %, rounded to whole per cent; the clock
        at each sample.
    """
    start_ns, end_ns = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    period_ns = NS_PER_S // RATE_HZ
    sample_ns = np.arange(start_ns.min() - EARLY_NS, end_ns.max() + LATE_NS, period_ns)
    of_work = cost.activity[work["step"].to_numpy(), work["class_id"].to_numpy()]
    edge_ns = np.unique(np.concatenate((start_ns, end_ns)))
    first, last = np.searchsorted(edge_ns, start_ns), np.searchsorted(edge_ns, end_ns)
    share = {"gr": _means(edge_ns, first, last, None, sample_ns)}
    for unit, name in enumerate(UNITS):
        share[name] = _means(edge_ns, first, last, of_work[:, unit], sample_ns)
    columns = [
        share["gr"], share["sm"], share["tensor"], share["dram"] * _READ_SHARE,
        share["dram"] * (1.0 - _READ_SHARE), share["link"],
    ]  # fmt: skip
    clock_hz = clock.at(sample_ns) * 1_000_000
    per_cent = [np.round(100.0 * column).astype(np.int64) for column in columns]
    return Activity(sample_ns, np.column_stack([clock_hz, *per_cent]))


def _means(edge_ns: Int, first: Int, last: Int, weight: Float | None, sample_ns: Int) -> Float:
    size = len(edge_ns)
    level = np.bincount(first, weight, size) - np.bincount(last, weight, size)
    running = np.clip(np.cumsum(level)[:-1], 0.0, 1.0)
    offset_ns = (edge_ns - edge_ns[0]).astype(np.float64)
    total = np.concatenate(([0.0], np.cumsum(running * np.diff(offset_ns))))
    reached = np.interp((sample_ns - edge_ns[0]).astype(np.float64), offset_ns, total)
    period_ns = float(sample_ns[1] - sample_ns[0])
    return np.asarray(np.diff(reached, append=reached[-1]) / period_ns, dtype=np.float64)
