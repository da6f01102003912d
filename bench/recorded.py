"""A simulated run as attribution sees it, without files in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.classes import class_work
from traceenergy.energy.clock_factor import Clocks
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.simulate.activity import metric_names
from traceenergy.simulate.calibration import KIND as CALIBRATION
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.template import CLASS_KEYS
from traceenergy.trace.tables import GpuMetrics, GpuWork, PowerSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.in_memory import Run

    Int = NDArray[np.int64]

HZ_PER_MHZ = 1e6


@dataclass(frozen=True)
class Recorded:
    """One device of a run.

    Attributes
    ----------
    run : Run
    work : DeviceWork
        The window holds the run without a calibration stretch, unless it is all there is.
    evidence : Evidence
    window_ns : tuple of int [ns]
    """

    run: Run
    work: DeviceWork
    evidence: Evidence
    window_ns: tuple[int, int]

    def without_metrics(self) -> Recorded:
        """Return the same run as recorded without GPU metrics."""
        classes = self.evidence.classes
        assert classes is not None  # noqa: S101 - `record` always fills it
        bare = replace(classes, metrics=GpuMetrics(classes.metrics.clear()))
        return replace(self, evidence=replace(self.evidence, classes=bare))


def record(run: Run) -> Recorded:
    """Hand device 0 of a run to attribution as a reader of its files would.

    Parameters
    ----------
    run : Run
        Of one GPU.

    Returns
    -------
    Recorded
    """
    frame = run.timeline.work
    inside = (frame["kind"] != CALIBRATION).to_numpy()
    inside = inside if inside.any() else np.ones(len(frame), dtype=np.bool_)
    start_ns, end_ns = frame["start_ns"].to_numpy(), frame["end_ns"].to_numpy()
    row = np.flatnonzero(inside)
    work = DeviceWork(
        rank=0,
        device_id=0,
        name=run.board.name,
        row=np.arange(len(row)),
        start_ns=start_ns[row],
        end_ns=end_ns[row],
        all_start_ns=start_ns,
        all_end_ns=end_ns,
        all_row=row,
        all_trace_row=np.arange(len(frame)),
    )
    window_ns = run.window_ns[0], int(end_ns[row].max())
    logged_ns = run.logged_ns(0)
    clocks = Clocks(logged_ns, run.readings[0].clock_mhz.astype(np.float64))
    evidence = Evidence(_samples(run, logged_ns), None, _classes(run), clocks)
    return Recorded(run, work, evidence, window_ns)


def _samples(run: Run, logged_ns: Int) -> PowerSamples:
    read = run.readings[0]
    fields = {"power.draw": read.draw_w, "power.draw.instant": read.instant_w}
    return PowerSamples(
        pl.concat(
            pl.DataFrame({"sample_ns": logged_ns, "power_w": power_w}).with_columns(
                field=pl.lit(name), source=pl.lit("nvidia-smi")
            )
            for name, power_w in fields.items()
            if power_w is not None
        )
    )


def _classes(run: Run) -> WorkClasses:
    names, name_id = np.unique([CATALOG[key].full for key in CLASS_KEYS], return_inverse=True)
    work = run.timeline.work
    frame = work.select(
        "start_ns",
        "end_ns",
        full_name_id=pl.Series(name_id).gather(work["class_id"]),
        grid_blocks="blocks",
    )
    classes = class_work(GpuWork(frame), pl.Series(names.tolist()))
    return WorkClasses(classes.of_work, classes.names, classes.kernel, _metrics(run))


def _metrics(run: Run) -> GpuMetrics:
    schema = {"sample_ns": pl.Int64, "metric": pl.Categorical, "value": pl.Float64}
    if not run.activity:
        return GpuMetrics(pl.DataFrame(schema=schema))
    activity = run.activity[0]
    return GpuMetrics(
        pl.concat(
            pl.DataFrame(
                {"sample_ns": activity.sample_ns, "value": activity.values[:, column] * 1.0}
            ).select(
                "sample_ns",
                pl.lit(name).alias("metric").cast(pl.Categorical),
                pl.col("value") / (HZ_PER_MHZ if "Clock" in name else 1.0),
            )
            for column, name in enumerate(metric_names(run.options.schema))
        )
    )
