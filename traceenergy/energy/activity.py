"""Activity of the GPU's parts while each kernel class runs, from sampled metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.energy.activity_fit import fit_activity, lay_out
from traceenergy.energy.activity_offset import find_offset, spread_out
from traceenergy.energy.bins import Pieces
from traceenergy.energy.metric_samples import read_samples
from traceenergy.records import dataclass
from traceenergy.trace.metric_names import PARTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuMetrics

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Codes = NDArray[np.integer[Any]]

MIN_SAMPLES = 1000
# What a fit leaves out decides its errors, not how many samples it sees: more than these change
# little but time.
MOST_BINS, MOST_PIECES = 150_000, 400_000
STRETCHES = 300


@dataclass(frozen=True)
class ClassActivity:
    """Mean activity of each part while a class runs.

    Attributes
    ----------
    mean, se : ndarray of float64 (n_classes, n_parts)
        0 to 1, by class and part as in `PARTS`, with standard errors; 0 for a part without
        metrics.
    offset_ns : int [ns]
        From the time stamp of a metric sample to the end of what it covers.
    """

    mean: Float
    se: Float
    offset_ns: int


def measure_activity(
    metrics: GpuMetrics, start_ns: Int, end_ns: Int, of_class: Codes, of_category: Int
) -> ClassActivity | None:
    """Regress sampled metrics on the classes that ran in each sampling period.

    Parameters
    ----------
    metrics : GpuMetrics
        Of one device.
    start_ns, end_ns : ndarray of int64 (n_pieces,) [ns]
        All work of the device.
    of_class : ndarray of int (n_pieces,)
        Class of each piece.
    of_category : ndarray of int64 (n_classes,)
        Category of each class; classes that are hardly seen are taken as others of it.

    Returns
    -------
    ClassActivity or None
        None if the metrics do not hold SMs and DRAM, or fewer than 1000 regular samples
        during the work.
    """
    if len(start_ns) == 0:
        return None
    samples = read_samples(metrics, int(start_ns.min()), int(end_ns.max()))
    if samples is None or len(samples.at_ns) < MIN_SAMPLES:
        return None
    in_order = (start_ns[1:] >= start_ns[:-1]).all()
    order = slice(None) if in_order else np.argsort(start_ns, kind="stable")
    pieces = Pieces(
        start_ns[order], end_ns[order], of_class[order].astype(np.int64), len(of_category)
    )
    offset_ns = find_offset(samples, pieces, of_category)
    most = min(MOST_BINS, MOST_PIECES * len(samples.at_ns) // len(start_ns))
    chosen = samples.take(spread_out(len(samples.at_ns), max(most, MIN_SAMPLES), STRETCHES))
    bins = chosen.bins(offset_ns)
    design = lay_out(pieces.near(*bins, 0), of_category, *bins)
    mean, se = np.zeros((2, len(of_category), len(PARTS)))
    for part, value in enumerate(chosen.value.T):
        if not np.isnan(value).all():
            mean[:, part], se[:, part] = fit_activity(design, value, samples.rounding[part])
    most_seen = np.nanmax(np.append(chosen.value, 1.0))
    return ClassActivity(np.minimum(mean, most_seen), se, offset_ns)
