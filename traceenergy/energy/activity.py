"""Activity of the GPU's parts while each kernel class runs, from sampled metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.coverage import ClassTimes, covered_s
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuMetrics

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Parts of the GPU, in the order of `prior.METRIC_WATTS`, by the names nsys gives their metrics.
PARTS = (
    ("SMs", r"^SMs? Active"),
    ("tensor cores", r"^Tensor Active|^Tensor Core"),
    ("DRAM", r"^DRAM (Read|Write)"),
    ("NVLink", r"^NVLink (TX|RX) (Responses|Requests) User Data|^NVLink (TX|RX)"),
)
FULL_PCT = 100.0
MIN_SAMPLES = 1000
MOST_ROWS = 20_000  # enough for hundreds of classes; more only cost time
PROBE_ROWS = 4_000
OFFSETS = 40  # steps tried over two sampling periods on each side
RIDGE = 0.5


@dataclass(frozen=True)
class ClassActivity:
    """Mean activity of each part while a class runs.

    Attributes
    ----------
    mean, se : ndarray of float64 (n_classes, n_parts)
        0 to 1, with standard errors.
    offset_ns : int [ns]
        From the time stamp of a metric sample to the end of what it covers.
    """

    mean: Float
    se: Float
    offset_ns: int


def measure_activity(
    metrics: GpuMetrics, categories: ClassTimes, classes: ClassTimes
) -> ClassActivity | None:
    """Regress sampled metrics on the classes that ran in each sampling period.

    Parameters
    ----------
    metrics : GpuMetrics
        Of one device.
    categories, classes : ClassTimes
        Work by a few categories, for the offset; by class.

    Returns
    -------
    ClassActivity or None
        None if the metrics do not hold SMs and DRAM, or too few samples.

    Notes
    -----
    Whether a sample covers the time before or after its stamp is not documented; the offset
    that explains the metrics best is taken, in steps of a twentieth of a period.
    """
    found = _series(metrics)
    if found is None:
        return None
    at_ns, values = found
    period_ns = int(np.median(np.diff(at_ns)))
    first_ns = categories.origin_ns
    last_ns = first_ns + round(float(categories.end_s.max()) / S_PER_NS)
    inside = np.flatnonzero((at_ns > first_ns) & (at_ns < last_ns))
    if len(inside) < MIN_SAMPLES:
        return None
    probe = inside[:: max(1, len(inside) // PROBE_ROWS)]
    tried = np.linspace(-2 * period_ns, 2 * period_ns, 2 * OFFSETS + 1).round().astype(np.int64)
    misfits = [
        _misfit(at_ns[probe] + offset, period_ns, categories, values[probe]) for offset in tried
    ]
    offset_ns = int(tried[int(np.argmin(misfits))])
    rows = inside[:: max(1, len(inside) // MOST_ROWS)]
    end_ns = at_ns[rows] + offset_ns
    design = covered_s(classes, end_ns - period_ns, end_ns) / (period_ns * S_PER_NS)
    inverse = np.linalg.inv(design.T @ design + RIDGE * np.eye(design.shape[1]))
    mean = inverse @ (design.T @ values[rows])
    spread = (values[rows] - design @ mean).var(axis=0)
    se = np.sqrt(np.outer(np.diag(inverse), spread))
    return ClassActivity(np.clip(mean, 0.0, 1.2), se, offset_ns)


def _series(metrics: GpuMetrics) -> tuple[Int, Float] | None:
    named = metrics.with_columns(pl.col("metric").cast(pl.String))
    columns = []
    for part, pattern in PARTS:
        values = (
            named.filter(pl.col("metric").str.contains(pattern))
            .group_by("sample_ns")
            .agg((pl.col("value").sum() / FULL_PCT).alias(part))
        )
        columns.append(values)
    if len(columns[0]) == 0 or len(columns[2]) == 0:
        return None
    table = columns[0]
    for other in columns[1:]:
        table = table.join(other, on="sample_ns", how="left")
    # Times stay whole numbers: filling all columns with a float would round them.
    table = table.sort("sample_ns").with_columns(pl.exclude("sample_ns").fill_null(0.0))
    if len(table) < MIN_SAMPLES:
        return None
    return table["sample_ns"].to_numpy(), table.drop("sample_ns").to_numpy()


def _misfit(end_ns: Int, period_ns: int, times: ClassTimes, values: Float) -> float:
    covered = covered_s(times, end_ns - period_ns, end_ns) / (period_ns * S_PER_NS)
    design = np.column_stack((np.ones(len(end_ns)), covered))
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float((left**2).sum())
