"""Result tables of an analysis, one function a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis import model
from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.device_columns import DEVICE_ROW
from traceenergy.analysis.inseparable import distinct_names
from traceenergy.analysis.modelled_power import modelled_columns
from traceenergy.analysis.rows import sum_groups
from traceenergy.analysis.step_facts import KINDS
from traceenergy.analysis.step_paths import mean_step_paths, with_step_paths
from traceenergy.analysis.step_spans import extents
from traceenergy.codes import number_codes
from traceenergy.intervals import busy_by_group
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.label_cells import LabelCells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.analysis.steps import Steps
    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.device_work import DeviceWork
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
        Number of the step; -1 for none.
    phase_names
        First-level phase to name for people.
    """

    phase: pl.Series
    subphase: pl.Series
    layer: pl.Series
    step: NDArray[np.int64]
    phase_names: dict[str, str]


def phase_rows(work: LabelCells, tokens: int | None = None) -> pl.DataFrame:
    """Sum by first-level phase, most energy first (`PHASE_ROW`); `tokens` are those of the run."""
    group, keys = work.of_kernels(["phase"])
    rows = sum_groups(work.cells, group, keys["phase"])
    label = pl.col("name").replace(work.phase_names).alias("label")
    return _by_cost(rows.with_columns(label, _per_token(tokens)), model.PHASE_ROW)


def subphase_rows(work: LabelCells, tokens: int | None = None) -> pl.DataFrame:
    """Sum by second-level phase, most energy first (`PHASE_ROW`), as `phase_rows` does."""
    group, keys = work.of_kernels(["subphase"])
    rows = sum_groups(work.cells, group, keys["subphase"])
    first, rest = pl.col("name").str.extract(r"^([^.]+)"), pl.col("name").str.extract(r"\.(.+)$")
    label = pl.concat_str(
        first.replace(work.phase_names),
        rest.str.replace_all("_", " "),
        separator=": ",
        ignore_nulls=True,
    )
    return _by_cost(rows.with_columns(label.alias("label"), _per_token(tokens)), model.PHASE_ROW)


def _per_token(tokens: int | None) -> pl.Expr:
    per_token = pl.col("energy_j") / tokens if tokens else pl.lit(None, dtype=pl.Float64)
    return per_token.alias("j_per_token")


def layer_rows(work: LabelCells) -> pl.DataFrame:
    """Sum by transformer block, in order, work in no layer last (`LAYER_ROW`).

    Without any layer the table is empty.
    """
    if (work.layer < 0).all():
        return _empty(model.LAYER_ROW)
    last = np.iinfo(np.int64).max  # work in no layer goes last
    layers, group = np.unique(np.where(work.layer < 0, last, work.layer), return_inverse=True)
    layer = pl.Series("layer", layers).set(pl.Series(layers == last), None)
    names = ("layer " + layer.cast(pl.String)).fill_null(NO_LAYER)
    rows = sum_groups(work.cells, group, names).with_columns(layer)
    return _declared(rows, model.LAYER_ROW)


def kernel_rows(work: LabelCells, names: pl.Series) -> pl.DataFrame:
    """Sum by kernel name within its phase, most energy first (`KERNEL_ROW`)."""
    keys, cells = work.kernels, work.cells
    first = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(first, work.kernel, cells.first)
    full = cells.ledger.work["full_name_id"].gather(first)
    short, subphase = names.gather(keys["name_id"]), keys["subphase"].cast(pl.String)
    rows = sum_groups(cells, work.kernel, distinct_names(short, subphase)).with_columns(
        short.alias("name"),
        keys["phase"].cast(pl.String),
        subphase,
        names.gather(full).alias("full_name"),
    )
    return _by_cost(rows, model.KERNEL_ROW)


def step_rows(
    ledger: Ledger, labels: Labels, steps: Steps, facts: pl.DataFrame, critical: Critical
) -> pl.DataFrame:
    """Sum by step, in order, work in no step last (`STEP_ROW`).

    Without any step the table is empty. `facts` is what `describe_steps` tells of `steps`.
    """
    if not (labels.step >= 0).any():
        return _empty(model.STEP_ROW)
    last = int(labels.step.max()) + 1  # work in no step goes last
    numbers, group = number_codes(np.where(labels.step < 0, last, labels.step), last + 1)
    start_ns, end_ns = extents(group, len(numbers), ledger.start_ns, ledger.end_ns)
    is_step = pl.Series(numbers < last)
    place = pl.Series(np.searchsorted(steps.number, numbers)).set(~is_step, None)
    told = ("batch", "tokens", "kind", "prefill_tokens", "context_tokens")
    described = facts.select(told)[place.fill_null(0)].select(pl.when(is_step).then(pl.all()))
    names = steps.name.gather(place).fill_null(NO_STEP)
    cells = cells_of(ledger, group)
    rows = sum_groups(cells, group[cells.first], names).with_columns(
        pl.Series("start_ns", start_ns),
        pl.Series("end_ns", end_ns),
        pl.Series("step", numbers, dtype=pl.Int64).set(~is_step, None),
        *described.with_columns(pl.col("kind").fill_null("unknown")),
    )
    return _declared(with_step_paths(rows, critical, ledger), model.STEP_ROW)


def step_kind_rows(work: LabelCells, steps: pl.DataFrame) -> pl.DataFrame:
    """Sum steps by kind (`STEP_KIND_ROW`); work in no step is not in it.

    `steps` is the table of `step_rows`.
    """
    known = steps.filter(pl.col("step").is_not_null())
    if not len(known):
        return _empty(model.STEP_KIND_ROW)
    kinds = [kind for kind in KINDS if kind in work.blocks.kind]
    code = np.array([*(kinds.index(kind) if kind in kinds else -1 for kind in KINDS), -1])
    group = code[work.step_kind]  # kind -1 finds the last place
    energy_j = pl.col("energy_j").filter(pl.col("tokens").is_not_null()).drop_nulls()
    told_j = pl.when(energy_j.len() > 0).then(energy_j.sum())
    tokens = pl.when(pl.col("tokens").count() > 0).then(pl.col("tokens").sum())
    elapsed_s = ((pl.col("end_ns") - pl.col("start_ns")) * S_PER_NS).sum()
    of_kind = known.group_by("kind").agg(
        pl.len().alias("n_steps"),
        tokens=tokens,
        elapsed_s=elapsed_s,
        told_j=told_j,
        **mean_step_paths(),
    )
    rows = sum_groups(work.cells, group, pl.Series(kinds)).with_columns(
        pl.col("name").alias("kind")
    )
    rows = rows.join(of_kind, on="kind", how="left", maintain_order="left").with_columns(
        ratio("told_j", "tokens").alias("j_per_token"),
        ratio("tokens", "told_j").alias("tokens_per_j"),
        ratio("elapsed_s", "n_steps").alias("mean_step_s"),
        ratio("energy_j", "n_steps").alias("mean_step_j"),
    )
    return _declared(rows, model.STEP_KIND_ROW)


def ratio(value: str, count: str) -> pl.Expr:
    """Divide two columns; null where there is nothing to divide by."""
    return pl.when(pl.col(count) > 0).then(pl.col(value) / pl.col(count))


def device_rows(ledger: Ledger, window: Window, trace: Trace) -> pl.DataFrame:
    """List devices in the order of their key (`DEVICE_ROW`)."""
    uuids = {
        (row["rank"], row["device_id"]): row["gpu_uuid"]
        for row in trace.devices.iter_rows(named=True)
    }
    records = []
    for number, (work, energy) in enumerate(zip(ledger.devices, ledger.energies, strict=True)):
        busy_ns = int(busy_by_group(np.zeros(len(work.row), int), work.start_ns, work.end_ns, 1)[0])
        record = {
            "rank": work.rank,
            "device_id": work.device_id,
            "name": work.name,
            "uuid": uuids.get((work.rank, work.device_id)),
            "busy_share": busy_ns / window.elapsed_ns,
            "coverage_share": 0.0,
            "clock_offset_ms": _offset_ms(trace),
            **_mean_readings(trace, work, window),
        }
        if energy is not None:
            record |= _energy_columns(energy)
        elif ledger.is_modelled:
            record |= modelled_columns(ledger.modelled[number])
        records.append(record)
    schema = {column.name: column.dtype for column in DEVICE_ROW}
    return pl.DataFrame(records, schema=schema)


def _mean_readings(trace: Trace, work: DeviceWork, window: Window) -> dict[str, float | None]:
    names = ("sm_clock_mhz", "temperature_c")
    inside = trace.readings.filter(
        pl.col("rank") == work.rank,
        pl.col("device_id") == work.device_id,
        pl.col("quantity").is_in(names),
        pl.col("sample_ns").is_between(window.start_ns, window.end_ns),
    )
    means = inside.group_by("quantity").agg(pl.col("value").mean())
    return {name: value for name, value in means.iter_rows() if value is not None}


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
        "power_field_j": energy.field_j,
        "energy_counter_ratio": energy.counter_ratio,
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
