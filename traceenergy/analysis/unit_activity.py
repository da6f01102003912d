"""How busy units of the GPUs are while each piece of work runs, by sampled GPU metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.clock_series import Zones
from traceenergy.energy.metric_samples import read_samples
from traceenergy.trace.metric_names import PARTS
from traceenergy.trace.tables import GpuMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.trace.model import Trace

    Float = NDArray[np.float64]

TENSOR = "tensor cores"


def sampled_activity(
    trace: Trace, ledger: Ledger, window: Window, work: DeviceWork, parts: Sequence[str]
) -> list[Float] | None:
    """Measure the sampled time of each piece of a device, then its activity in it, by part.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    window : Window
    work : DeviceWork
    parts : sequence of str
        Names among `metric_names.PARTS`.

    Returns
    -------
    list of ndarray of float64 (n_work,) [ns], or None
        Of each part: time, then time weighted by its activity. None without metrics of SMs and
        DRAM.

    Notes
    -----
    A sample covers the time since the one before: kernels shorter than a period (0.1 ms as a rule)
    show what runs around them, too.
    """
    if trace.gpu_metrics.is_empty():
        return None
    mine = (pl.col("rank") == work.rank) & (pl.col("device_id") == work.device_id)
    metrics = GpuMetrics(trace.gpu_metrics.filter(mine))
    samples = read_samples(metrics, window.start_ns, window.end_ns)
    if samples is None or not len(samples.at_ns):
        return None
    low_ns, high_ns = samples.bins(0)
    low_ns = np.maximum(low_ns, np.append(low_ns[:1], high_ns[:-1]))  # periods vary by a clock tick
    start_ns, end_ns = ledger.start_ns[work.row], ledger.end_ns[work.row]
    names = [name for name, _ in PARTS]
    found = []
    for part in parts:
        value = samples.value[:, names.index(part)]
        zones = Zones(low_ns, high_ns, np.nan_to_num(value))
        found.append(zones.integral(start_ns, end_ns, (~np.isnan(value)).astype(np.float64)))
        found.append(zones.integral(start_ns, end_ns))
    return found


def tensor_shares(trace: Trace, ledger: Ledger, window: Window) -> Float | None:
    """Take the activity of tensor cores while each piece runs.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    window : Window

    Returns
    -------
    ndarray of float64 (n_work,) or None
        0 to 1, 0 where it was not sampled; None without metrics of tensor cores.
    """
    shares, is_told = np.zeros(len(ledger.start_ns)), False
    for work in ledger.devices:
        found = sampled_activity(trace, ledger, window, work, (TENSOR,))
        if found is not None and found[1].any():
            is_told = True
            shares[work.row] = np.minimum(found[1] / np.maximum(found[0], 1.0), 1.0)
    return shares if is_told else None
