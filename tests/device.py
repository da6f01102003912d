"""Work, readings and models of one device, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.class_power import ClassPower
from traceenergy.energy.design import Design, SensorShape, build_design
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.energy.log_clock import LogClock
from traceenergy.energy.power_model import PowerModel
from traceenergy.energy.power_series import PowerSeries
from traceenergy.energy.prior import class_traits
from traceenergy.energy.sensor import KNOWN, SensorModel
from traceenergy.energy.sensor_fit import SensorFit
from traceenergy.intervals import share_clock
from traceenergy.trace.tables import GpuMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MS = 1_000_000
S = 1_000_000_000
EPOCH_NS = 1_700_000_000_000_000_000
LIMIT_W = 700.0
GEMM, ATTENTION, FILL = "nvjet_tst_64x64", "flash_fwd_kernel", "FillFunctor"
NO_METRICS = GpuMetrics(pl.DataFrame())


def work_of(start_ns: Int, end_ns: Int, name: str | None = None) -> DeviceWork:
    """Put pieces on device 0, with a window that holds them all."""
    row = np.arange(len(start_ns))
    return DeviceWork(0, 0, name, row, start_ns, end_ns, start_ns, end_ns, row, row)


def pieces(*spans_ms: tuple[float, float]) -> DeviceWork:
    """Put pieces on device 0, from and to in ms since the epoch."""
    span_ms = np.array(spans_ms, dtype=np.float64).reshape(-1, 2)
    span_ns = EPOCH_NS + np.round(span_ms * MS).astype(np.int64)
    return work_of(span_ns[:, 0], span_ns[:, 1])


def classes_of(
    of_all: Sequence[int] | Int, names: Sequence[str], metrics: GpuMetrics = NO_METRICS
) -> WorkClasses:
    """Say the class of each piece; classes of one name are of one kernel."""
    kernel = np.unique(list(names), return_inverse=True)[1]
    return WorkClasses(np.array(of_all, dtype=np.int64), names, kernel.astype(np.int64), metrics)


def design_of(
    work: DeviceWork, classes: WorkClasses, span_s: float = 1.0, clock_factor: Float | None = None
) -> Design:
    """Lay out the model of readings from the epoch on, on a board of 700 W."""
    clock = share_clock(work.all_start_ns, work.all_end_ns)
    span_ns = EPOCH_NS, EPOCH_NS + round(span_s * S)
    traits = class_traits(classes, work.all_start_ns, work.all_end_ns)
    return build_design(
        work,
        classes,
        clock,
        traits=traits,
        span_ns=span_ns,
        limit_w=LIMIT_W,
        clock_factor=clock_factor,
    )


def series_of(
    sample_ns: Int,
    power_w: Float,
    window_ms: float = 25.0,
    lag_ms: float = 0.0,
    period_ms: float = 100.0,
) -> PowerSeries:
    """Make readings of a known sensor, each of them new."""
    sensor = SensorModel(period_ms, window_ms, lag_ms, KNOWN)
    return PowerSeries(sample_ns, power_w, sensor, "test", sample_ns, power_w)


def model_of(design: Design, mean: Float, covariance: Float, series: PowerSeries) -> PowerModel:
    """Make a model of a posterior, its prior flat, its sensor as the series has it."""
    sensor, n_columns = series.sensor, design.n_columns
    fit = ClassPower(
        mean=mean,
        covariance=covariance,
        prior_mean=np.zeros(n_columns),
        prior_covariance=np.eye(n_columns) * 1e6,
        process_w2_s=1.0,
        temper=1.0,
    )
    return PowerModel(
        series=series,
        shape=SensorShape(sensor.window_ms, 0.0, sensor.lag_ms),
        found=sensor_found(sensor),
        log_clock=LogClock(),
        prior_source="names",
        names=[""] * design.classes.n_classes,
        design=design,
        fit=fit,
        power_w=design.power_w(mean),
        n_rows=len(series.sample_ns),
    )


def sensor_found(sensor: SensorModel) -> SensorFit:
    """Say that readings tell the sensor to be what it was taken for."""
    window_ms, lag_ms = sensor.window_ms, sensor.lag_ms
    return SensorFit(
        *(window_ms, window_ms, window_ms),
        *(0.0, 0.0, 0.0),
        *(lag_ms, lag_ms, lag_ms),
        lag_at_ns=EPOCH_NS,
        drift=None,
        explained_share=1.0,
        n_edges=10.0,
        left_w=1.0,
        is_trusted=True,
        source=sensor.source,
    )
