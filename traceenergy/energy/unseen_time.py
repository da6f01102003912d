"""What a sensor did not see between its windows, filled in by the power of the work that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.coverage import effort_until, one_class
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.power_model import PowerModel
    from traceenergy.energy.power_series import PowerSeries

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


def fill_unseen(model: PowerModel, start_ns: Int, end_ns: Int) -> PowerSeries:
    """Turn means over part of each update period into means over all of it.

    Parameters
    ----------
    model : PowerModel
        Of a sensor that averages for less than it takes to update.
    start_ns, end_ns : ndarray of int64 (n_all,) [ns]
        All work of the device.

    Returns
    -------
    PowerSeries
        Reading plus what the model expects over the whole period, less what it expects over the
        part that was seen: the difference estimator of survey sampling. Never below zero.

    Notes
    -----
    With 25 of 100 ms seen, whatever ran in the other 75 ms would otherwise be taken to draw what
    the 25 ms showed (arXiv 2312.02741 calls this part-time measuring).
    """
    series, shape = model.series, model.shape
    times = one_class(start_ns, end_ns, model.power_w)

    half_ns = round(series.sensor.period_ms * NS_PER_MS / 2)
    period = (series.center_ns - half_ns, series.center_ns + half_ns)
    windows = [period, *shape.windows(series.sample_ns)]
    low_ns, high_ns = (np.concatenate(ends) for ends in zip(*windows, strict=True))
    low_j, high_j = np.split(effort_until(times, np.concatenate((low_ns, high_ns))), 2)
    mean_w = ((high_j - low_j) / ((high_ns - low_ns) * S_PER_NS)).reshape(len(windows), -1)
    all_w, seen_w = mean_w[0], mean_w[1:].mean(axis=0)
    return series.scaled(np.maximum(series.power_w + all_w - seen_w, 0.0))
