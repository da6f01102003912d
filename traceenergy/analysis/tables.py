"""Result tables of an analysis, one function a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis import model
from traceenergy.analysis.codes import codes_of
from traceenergy.analysis.inseparable import distinct_names
from traceenergy.analysis.rows import sum_groups
from traceenergy.analysis.steps import describe_steps
from traceenergy.intervals import busy_by_group
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.analysis.steps import Steps
    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.trace.model import Trace
    from traceenergy.trace.tables import Column

NO_LAYER = "(no layer)"
NO_STEP = "(no step)"


@dataclass(frozen=True)
class Labels:
    """What each piece of GPU work in the ledger belongs to, ``(n_work,)`` each.

    Attributes
    ----------
    phase, subphase : polars.Series of String or Categorical
    layer : polars.Series of Int32
        Null for none.
    step : ndarray of int64
        -1 for none.
    phase_names
        First-level phase to name for people.
    """

    phase: pl.Series
    subphase: pl.Series
    layer: pl.Series
    step: NDArray[np.int64]
    phase_names: dict[str, str]


def phase_rows(ledger: Ledger, labels: Labels) -> pl.DataFrame:
    """Sum by first-level phase, most energy first (`PHASE_ROW`)."""
    group, keys = codes_of(pl.DataFrame({"name": labels.phase}), ["name"])
    rows = sum_groups(ledger, group, keys["name"])
    label = pl.col("name").replace(labels.phase_names).alias("label")
    return _by_cost(rows.with_columns(label), model.PHASE_ROW)


def subphase_rows(ledger: Ledger, labels: Labels) -> pl.DataFrame:
    """Sum by second-level phase, most energy first (`PHASE_ROW`)."""
    group, keys = codes_of(pl.DataFrame({"name": labels.subphase}), ["name"])
    rows = sum_groups(ledger, group, keys["name"])
    first, rest = pl.col("name").str.extract(r"^([^.]+)"), pl.col("name").str.extract(r"\.(.+)$")
    label = pl.concat_str(
        first.replace(labels.phase_names),
        rest.str.replace_all("_", " "),
        separator=": ",
        ignore_nulls=True,
    )
    return _by_cost(rows.with_columns(label.alias("label")), model.PHASE_ROW)


def layer_rows(ledger: Ledger, labels: Labels) -> pl.DataFrame:
    """Sum by transformer block, in order, work in no layer last (`LAYER_ROW`).

    Without any layer the table is empty.
    """
    if labels.layer.null_count() == len(labels.layer):
        return _empty(model.LAYER_ROW)
    group, keys = codes_of(pl.DataFrame({"layer": labels.layer}), ["layer"])
    names = ("layer " + keys["layer"].cast(pl.String)).fill_null(NO_LAYER)
    rows = sum_groups(ledger, group, names).with_columns(keys["layer"])
    return _declared(rows.sort("layer", nulls_last=True), model.LAYER_ROW)


def kernel_codes(ledger: Ledger, labels: Labels) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Give each row of the kernel table a number.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels

    Returns
    -------
    group : ndarray of int64 (n_work,)
    keys : polars.DataFrame (n_groups rows)
        `name_id`, `phase`, `subphase` of each.
    """
    frame = pl.DataFrame(
        {"name_id": ledger.work["name_id"], "phase": labels.phase, "subphase": labels.subphase}
    )
    return codes_of(frame, frame.columns)


def kernel_rows(ledger: Ledger, labels: Labels, names: pl.Series) -> pl.DataFrame:
    """Sum by kernel name within its phase, most energy first (`KERNEL_ROW`)."""
    group, keys = kernel_codes(ledger, labels)
    first_work = np.full(len(keys), -1)
    first_work[group[::-1]] = np.arange(len(group))[::-1]
    full = ledger.work["full_name_id"].gather(first_work.tolist())
    short, subphase = names.gather(keys["name_id"]), keys["subphase"].cast(pl.String)
    rows = sum_groups(ledger, group, distinct_names(short, subphase)).with_columns(
        short.alias("name"),
        keys["phase"].cast(pl.String),
        subphase,
        names.gather(full).alias("full_name"),
    )
    return _by_cost(rows, model.KERNEL_ROW)


def step_rows(
    ledger: Ledger, labels: Labels, steps: Steps, patterns: Sequence[str], tokens: int | None
) -> pl.DataFrame:
    """Sum by step, in order, work in no step last (`STEP_ROW`).

    Without any step the table is empty.
    """
    if not (labels.step >= 0).any():
        return _empty(model.STEP_ROW)
    last = np.iinfo(np.int64).max  # work in no step goes last
    numbers, group = np.unique(np.where(labels.step < 0, last, labels.step), return_inverse=True)
    start_ns = np.full(len(numbers), np.iinfo(np.int64).max)
    end_ns = np.full(len(numbers), np.iinfo(np.int64).min)
    np.minimum.at(start_ns, group, ledger.start_ns)
    np.maximum.at(end_ns, group, ledger.end_ns)
    is_step = numbers < last
    text = steps.name.gather(np.where(is_step, numbers, 0))
    described = describe_steps(text, patterns)
    names = text.set(pl.Series(~is_step), NO_STEP)
    rows = sum_groups(ledger, group.astype(np.int64), names).with_columns(
        pl.Series("start_ns", start_ns),
        pl.Series("end_ns", end_ns),
        pl.Series("step", numbers, dtype=pl.Int64).set(pl.Series(~is_step), None),
        pl.Series("tokens", [tokens if step else None for step in is_step], dtype=pl.Int64),
        described["batch"].set(pl.Series(~is_step), None),
        described["kind"].set(pl.Series(~is_step), "unknown"),
    )
    return _declared(rows, model.STEP_ROW)


def device_rows(ledger: Ledger, window: Window, trace: Trace) -> pl.DataFrame:
    """List devices in the order of their key (`DEVICE_ROW`)."""
    uuids = {
        (row["rank"], row["device_id"]): row["gpu_uuid"]
        for row in trace.devices.iter_rows(named=True)
    }
    records = []
    for work, energy in zip(ledger.devices, ledger.energies, strict=True):
        busy_ns = int(busy_by_group(np.zeros(len(work.row), int), work.start_ns, work.end_ns, 1)[0])
        record = {
            "rank": work.rank,
            "device_id": work.device_id,
            "name": work.name,
            "uuid": uuids.get((work.rank, work.device_id)),
            "busy_share": busy_ns / window.elapsed_ns,
            "coverage_share": 0.0,
            "clock_offset_ms": _offset_ms(trace),
        }
        records.append(record if energy is None else record | _energy_columns(energy))
    schema = {column.name: column.dtype for column in model.DEVICE_ROW}
    return pl.DataFrame(records, schema=schema)


def _offset_ms(trace: Trace) -> float | None:
    offset_ns = trace.read_options.get("power_clock_offset_ns")
    return offset_ns / NS_PER_MS if isinstance(offset_ns, int) else None


def _energy_columns(energy: DeviceEnergy) -> dict[str, float | str | None]:
    static_j = float(np.nansum(energy.static_j))
    dynamic_j = float(np.nansum(energy.dynamic_j))
    cells = energy.cells
    first, last = int(cells.edge_ns[0]), int(cells.edge_ns[-1])
    inside = (energy.series.center_ns >= first) & (energy.series.center_ns <= last)
    return {
        "total_j": energy.total_j,
        "kernel_j": static_j + dynamic_j,
        "idle_gap_j": energy.idle_gap_j,
        "unattributed_j": energy.unattributed_j,
        "static_j": static_j,
        "dynamic_j": dynamic_j,
        "idle_power_w": energy.idle.power_w,
        "idle_power_source": energy.idle.source,
        "mean_power_w": energy.mean_power_w,
        "peak_power_w": float(energy.series.power_w[inside].max()) if inside.any() else None,
        "coverage_share": cells.covered_ns / (last - first),
        "power_source": energy.series.source,
        "sensor_period_ms": energy.series.sensor.period_ms,
        "sensor_window_ms": energy.series.sensor.window_ms,
        "sensor_lag_ms": energy.series.sensor.lag_ms,
        "sensor_source": energy.series.sensor.source,
        **_sensor_limits(energy),
        "energy_counter_j": energy.counter_j,
    }


def _sensor_limits(energy: DeviceEnergy) -> dict[str, float]:
    if energy.model is None or not energy.model.found.is_trusted:
        return {}
    found = energy.model.found
    return {
        "sensor_window_lo_ms": found.window_lo_ms,
        "sensor_window_hi_ms": found.window_hi_ms,
        # The readings are placed at the end of the smoothing, which is late as well.
        "sensor_lag_lo_ms": found.lag_lo_ms + found.smoothing_ms,
        "sensor_lag_hi_ms": found.lag_hi_ms + found.smoothing_ms,
    }


def _by_cost(rows: pl.DataFrame, columns: tuple[Column, ...]) -> pl.DataFrame:
    order = ["energy_j", "busy_s", "name"]
    return _declared(rows.sort(order, descending=[True, True, False], nulls_last=True), columns)


def _declared(rows: pl.DataFrame, columns: tuple[Column, ...]) -> pl.DataFrame:
    return rows.select(pl.col(column.name).cast(column.dtype) for column in columns)


def _empty(columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema={column.name: column.dtype for column in columns})
