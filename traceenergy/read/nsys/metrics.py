"""Samples of GPU metrics: activity in per cent, clocks in MHz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.errors import UnreadableFileError
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.json_text import json_object
from traceenergy.read.nsys.names import decoded
from traceenergy.read.nsys.time_slice import WHOLE
from traceenergy.trace.metric_names import is_used
from traceenergy.units import MHZ_PER_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.time_slice import TimeSlice

_SOURCE = "GpuMetrics"
_CLOCK = "Clock Frequency"
_HZ_FROM = 1e5  # no GPU clock reaches 1e5 MHz, none in use is below 1e5 Hz
_WRAP = 2**32  # 2023.4 writes values as signed 32-bit numbers
# Read as whole numbers, the bits of float32 values 3e-5 to 1e6 and of any float64 above 1e-300
# lie here; per cent and counts of warps never do. Clocks in Hz can, so they are left alone.
_FLOAT32_BITS = (0x38000000, 0x49742400)
_FLOAT64_BITS_FROM = 1 << 52
_GPU_MASK = 0xFF


def ask_gpu_metrics(  # noqa: PLR0913 - five of them say what to load
    database: Database,
    layout: Layout,
    gpu_ids: Sequence[int],
    device_ids: Sequence[int],
    within: TimeSlice = WHOLE,
    *,
    only_used: bool = False,
) -> Callable[[], pl.DataFrame]:
    """Begin to load the samples of GPU metrics of the GPUs that ran work.

    Parameters
    ----------
    database : Database
        The export.
    layout : Layout
        How it must be read.
    gpu_ids : sequence of int
        Ids of all GPUs, in the order of the export's table.
    device_ids : sequence of int
        Ids of the GPUs that ran work; other samples are dropped.
    within : TimeSlice
        Part of the export.
    only_used : bool
        Leaves out metrics that no analysis looks at: of forty as a rule all but six.

    Returns
    -------
    callable
        Waits for a DataFrame of the columns of `GPU_METRICS` but `rank`.

    Notes
    -----
    A file can hold the same samples twice, as numbers in GPU_METRICS, as JSON in
    GENERIC_EVENTS. The JSON is read only where there are no numbers.
    """
    if device_ids and database.has_rows(schema.METRICS) and database.has_rows(schema.METRIC_NAMES):
        metrics = _metrics_of_devices(database, gpu_ids, device_ids, only_used=only_used)
        return _ask_numbers(database, layout, metrics, within)
    if (
        device_ids
        and database.has_rows(schema.GENERIC_EVENTS)
        and database.has_rows(schema.GENERIC_SOURCES)
    ):
        return lambda: _read_json(database, layout, gpu_ids, device_ids, only_used=only_used)
    return _empty


def _metrics_of_devices(
    database: Database, gpu_ids: Sequence[int], device_ids: Sequence[int], *, only_used: bool
) -> pl.DataFrame:
    """List type, number, name, GPU of each metric to be read."""
    metrics = database.frame(
        f"SELECT DISTINCT typeId, metricId, metricName FROM {schema.METRIC_NAMES}",  # noqa: S608 - own name
        (),
        {"typeId": pl.Int64, "metricId": pl.Int64, "metric": pl.String},
    ).unique(["typeId", "metricId"], keep="first", maintain_order=True)
    types = _types_of_devices(metrics["typeId"].unique().to_list(), gpu_ids, device_ids)
    kept = metrics["typeId"].is_in(list(types))
    if only_used:
        kept &= metrics["metric"].map_elements(is_used, return_dtype=pl.Boolean)
    return metrics.filter(kept).with_columns(
        pl.col("metric").cast(pl.Categorical),
        device_id=pl.col("typeId").replace_strict(types, default=None, return_dtype=pl.Int32),
    )


def _ask_numbers(
    database: Database, layout: Layout, metrics: pl.DataFrame, within: TimeSlice
) -> Callable[[], pl.DataFrame]:
    if metrics.is_empty():
        return _empty
    time = "timestamp"
    if "rawTimestamp" in database.columns(schema.METRICS):
        time = "coalesce(timestamp, rawTimestamp)"
    conditions = [
        f"{column} IN ({_listed(metrics[column].unique().sort())})"
        for column in ("typeId", "metricId")
    ]
    inside = within.holds(time, time)

    def named(part: pl.DataFrame) -> pl.DataFrame:
        part = part.with_columns(timestamp=pl.coalesce("timestamp", "rawTimestamp"))
        part = part.drop("rawTimestamp", "trace_row").drop_nulls()
        part = part.join(metrics, on=["typeId", "metricId"], maintain_order="left")
        return part.select("device_id", "timestamp", "metric", "value")

    parts = database.ask(
        schema.METRICS,
        ["timestamp", "typeId", "metricId", "value"],
        optional=["rawTimestamp"],
        each=named,
        where=" AND ".join([*conditions, *([inside] if inside else [])]),
        rows=within.rows(schema.METRICS),
    )

    def finish() -> pl.DataFrame:
        found = pl.concat(parts())
        found = found.with_columns(value=_decoded(found))
        return _finish(found, layout, schema.METRICS)

    return finish


def _decoded(found: pl.DataFrame) -> pl.Series:
    unwrapped = found.select(
        "metric",
        value=pl.when(pl.col("value").is_between(-_WRAP // 2, -1))
        .then(pl.col("value") + _WRAP)
        .otherwise("value"),
    )
    is_clock = pl.col("metric").cast(pl.String).str.contains(_CLOCK, literal=True)
    nonzero = pl.col("value").filter(pl.col("value") != 0)
    per_metric = unwrapped.group_by("metric").agg(
        low=nonzero.min(), high=nonzero.max(), n=nonzero.len()
    )
    kinds = per_metric.select(
        "metric",
        kind=pl.when(pl.col("low") >= _FLOAT64_BITS_FROM)
        .then(64)
        .when(
            ~is_clock & (pl.col("low") >= _FLOAT32_BITS[0]) & (pl.col("high") <= _FLOAT32_BITS[1])
        )
        .then(32)
        .otherwise(0),
    )
    if not (kinds["kind"] != 0).any():
        return unwrapped["value"].cast(pl.Float64)
    value = unwrapped["value"].to_numpy()
    kind = unwrapped.join(kinds, on="metric", how="left", maintain_order="left")["kind"].to_numpy()
    as_float32 = (value & (_WRAP - 1)).astype(np.uint32).view(np.float32).astype(np.float64)
    decoded = np.select([kind == 64, kind == 32], [value.view(np.float64), as_float32], value)  # noqa: PLR2004 - bits
    return pl.Series(decoded, dtype=pl.Float64)


def _read_json(
    database: Database,
    layout: Layout,
    gpu_ids: Sequence[int],
    device_ids: Sequence[int],
    *,
    only_used: bool,
) -> pl.DataFrame:
    fields_of = _json_fields(database)
    types = _types_of_devices(list(fields_of), gpu_ids, device_ids)
    fields = list(dict.fromkeys(name for key in types for name in fields_of[key]))
    fields = [name for name in fields if is_used(name)] if only_used else fields
    if not fields:
        return _empty()
    where = f"typeId IN ({_listed(types)})"
    parts = database.ask(
        schema.GENERIC_EVENTS,
        ["typeId"],
        each=lambda part: part,
        where=where,
        optional=["timestamp", "rawTimestamp"],
        text="data",
    )
    events = pl.concat(parts())
    try:
        values = decoded(events["data"]).str.json_decode(
            pl.Struct(dict.fromkeys(fields, pl.String))
        )
    except pl.exceptions.ComputeError as problem:
        raise UnreadableFileError(
            f"{database.path.name}: {schema.GENERIC_EVENTS} holds samples that are no JSON",
            next_step="export the report again: nsys export -t sqlite",
        ) from problem
    wide = events.select("typeId", timestamp=pl.coalesce("timestamp", "rawTimestamp"))
    wide = wide.with_columns(values.struct.unnest().cast(pl.Float64, strict=False))
    found = wide.unpivot(
        on=fields, index=["typeId", "timestamp"], variable_name="metric", value_name="value"
    ).drop_nulls()
    device_id = pl.col("typeId").replace_strict(types, return_dtype=pl.Int32)
    found = found.with_columns(pl.col("metric").cast(pl.Categorical), device_id=device_id)
    return _finish(found, layout, schema.GENERIC_EVENTS)


def _json_fields(database: Database) -> dict[int, list[str]]:
    found = database.rows(
        f"SELECT typeId, t.data, s.data FROM {schema.GENERIC_TYPES} t"  # noqa: S608 - own names
        f" JOIN {schema.GENERIC_SOURCES} s USING (sourceId)"
        " WHERE t.data IS NOT NULL AND s.data IS NOT NULL"
    )
    fields = {}
    for type_id, kind, source in found:
        if isinstance(type_id, int) and json_object(source).get("Name") == _SOURCE:
            listed = json_object(kind).get("Fields")
            names = [field.get("Name") for field in listed] if isinstance(listed, list) else []
            fields[type_id] = [name for name in names if isinstance(name, str)]
    return fields


def _types_of_devices(
    type_ids: Iterable[int | None], gpu_ids: Sequence[int], device_ids: Sequence[int]
) -> dict[int, int]:
    # The low byte is the GPU's id by NVIDIA's documentation; where no GPU has that id, it is
    # the row in the table of GPUs.
    found = {}
    for type_id in type_ids:
        if type_id is None:  # of a damaged row
            continue
        low = type_id & _GPU_MASK
        device = low if low in gpu_ids or low >= len(gpu_ids) else gpu_ids[low]
        if device in device_ids:
            found[type_id] = device
    return found


def _finish(found: pl.DataFrame, layout: Layout, table: str) -> pl.DataFrame:
    bounds = found.select(first=pl.col("timestamp").min(), last=pl.col("timestamp").max()).row(0)
    shift_ns = layout.shift_ns(table, *bounds)
    is_clock = pl.col("metric").cast(pl.String).str.contains(_CLOCK, literal=True)
    in_hz = is_clock & (pl.col("value") > _HZ_FROM)
    return found.select(
        "device_id",
        (pl.col("timestamp") - shift_ns).alias("sample_ns"),
        "metric",
        pl.when(in_hz).then(pl.col("value") * MHZ_PER_HZ).otherwise("value").alias("value"),
    )


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "device_id": pl.Int32,
            "sample_ns": pl.Int64,
            "metric": pl.Categorical,
            "value": pl.Float64,
        }
    )


def _listed(ids: Iterable[int]) -> str:
    return ",".join(str(key) for key in ids)
