"""Rows of the export's tables on NVTX, generic events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.host import VM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.simulate.activity import Activity
    from traceenergy.simulate.export import Rows, Strings
    from traceenergy.simulate.host import Host
    from traceenergy.simulate.smi import Readings

MARK, PUSH_POP, DOMAIN = 34, 59, 75
POWER_DOMAIN, POWER_DOMAIN_ID = "traceenergy", 1
POWER_MARK, ENERGY_MARK = "power", "energy"
DOMAIN_NS = 1_000_000_000
# Serial numbers of the sources of generic events, above the machine's bits.
PLUGIN_SOURCE, METRICS_SOURCE = VM | 3 << 32, VM | 7 << 32
POWER_FIELD, TEMPERATURE_FIELD = "Power", "Temperature"
MW_PER_W = 1000.0
MJ_PER_J = 1000.0


def nvtx_rows(
    ranges: pl.DataFrame, marks: Sequence[Readings], host: Host, strings: Strings
) -> Rows:
    """Fill the table of NVTX events.

    Parameters
    ----------
    ranges : polars.DataFrame
        As from `nvtx_ranges`. Those of level 0 carry their text themselves, the others as
        registered strings, since exports hold both.
    marks : sequence of Readings
        By device, to be written as marks of power, and of energy where there is a counter; empty
        for none.
    host : Host
        For thread ids.
    strings : Strings
        Receives registered texts.

    Returns
    -------
    Rows
    """
    tids = pl.Series([host.global_tid(device) for device in range(host.n_gpus)])
    own = pl.when(pl.col("level") == 0).then("text")
    registered = ranges.select(pl.when(pl.col("level") > 0).then("text")).to_series()
    frame = ranges.select(
        pl.col("start_ns").alias("start"),
        pl.col("end_ns").alias("end"),
        pl.lit(PUSH_POP).alias("eventType"),
        own.alias("text"),
        tids.gather(ranges["device"]).alias("globalTid"),
        strings.ids_of(registered).alias("textId"),
        pl.lit(0).alias("domainId"),
        pl.lit(None, dtype=pl.Int64).alias("int64Value"),
    )
    if marks:
        frame = pl.concat([_power_marks(marks, host, strings, frame.schema), frame])
        frame = frame.sort("start", maintain_order=True)
    return {name: frame[name] for name in frame.columns}


def _power_marks(
    marks: Sequence[Readings], host: Host, strings: Strings, schema: pl.Schema
) -> pl.DataFrame:
    frames = []
    for device, readings in enumerate(marks):
        poll_ns = readings.poll_ns.tolist()
        values = [(strings.id_of(POWER_MARK), readings.sharp_w * MW_PER_W)]
        if readings.counter_j is not None:
            values.append((strings.id_of(ENERGY_MARK), readings.counter_j * MJ_PER_J))
        n_marks = len(poll_ns) * len(values)
        columns = {
            "start": [DOMAIN_NS, *poll_ns * len(values)],
            "eventType": [DOMAIN] + [MARK] * n_marks,
            "text": [POWER_DOMAIN] + [None] * n_marks,
            "globalTid": [host.global_tid(device)] * (n_marks + 1),
            "textId": [None, *(text_id for text_id, _ in values for _ in poll_ns)],
            "domainId": [POWER_DOMAIN_ID] * (n_marks + 1),
            "int64Value": [None, *(round(one) for _, value in values for one in value.tolist())],
        }
        frames.append(pl.DataFrame(columns, schema_overrides=schema, strict=False))
    frame = pl.concat(frames).with_columns(end=pl.lit(None, dtype=pl.Int64))
    return frame.select([pl.col(name).cast(kind) for name, kind in schema.items()])


def plugin_tables(
    readings: Sequence[Readings], host: Host, strings: Strings, *, normalized: bool
) -> dict[str, Rows]:
    """Fill the tables of generic events with what the NVML plugin records.

    Parameters
    ----------
    readings : sequence of Readings
        By device: average power [W], temperature.
    host : Host
        For thread ids.
    strings : Strings
        Receives field names.
    normalized : bool
        One row per field, not JSON.

    Returns
    -------
    dict of str to Rows
        Power in mW. One event type per GPU, in their order; nothing names the GPU, as in real
        exports.
    """
    types = [PLUGIN_SOURCE + 1 + device for device in range(len(readings))]
    frame = pl.concat(
        pl.DataFrame(
            {
                "t": one.poll_ns,
                "type": [type_id] * len(one.poll_ns),
                "tid": [host.global_tid(device)] * len(one.poll_ns),
                "power": np.round(one.draw_w * MW_PER_W).astype(np.int64),
                "temperature": np.round(one.temperature_c).astype(np.int64),
            }
        )
        for device, (one, type_id) in enumerate(zip(readings, types, strict=True))
    ).sort("type", "t")
    if normalized:
        return _normalized(frame, types, strings)
    fields = [{"Name": TEMPERATURE_FIELD}, {"Name": POWER_FIELD}]
    source = {"Name": "GenericCounters", "TimeSource": "SessionNs", "SourceGroup": "Unknown"}
    data = pl.concat_str(
        pl.lit(f'{{"{TEMPERATURE_FIELD}":"'), "temperature",
        pl.lit(f'","{POWER_FIELD}":"'), "power", pl.lit('"}'),
    )  # fmt: skip
    return {
        "GENERIC_EVENT_SOURCES": {"sourceId": [PLUGIN_SOURCE], "data": _json(source)},
        "GENERIC_EVENT_TYPES": {
            "typeId": types,
            "sourceId": PLUGIN_SOURCE,
            "data": _json({"Name": "NVML", "Fields": fields}),
        },
        "GENERIC_EVENTS": {
            "rawTimestamp": frame["t"],
            "typeId": frame["type"],
            "data": frame.select(data).to_series(),
        },
    }


def _normalized(frame: pl.DataFrame, types: list[int], strings: Strings) -> dict[str, Rows]:
    names = [strings.id_of(TEMPERATURE_FIELD), strings.id_of(POWER_FIELD)]
    ids = np.arange(len(frame)) + 1
    values = np.column_stack([frame["temperature"].to_numpy(), frame["power"].to_numpy()])
    return {
        "GENERIC_EVENT_SOURCES": {
            "sourceId": [PLUGIN_SOURCE], "nameId": strings.id_of("GenericCounters"),
        },
        "GENERIC_EVENT_TYPES": {
            "typeId": types, "sourceId": PLUGIN_SOURCE, "nameId": strings.id_of("NVML"),
        },
        "GENERIC_EVENT_TYPE_FIELDS": {
            "typeId": np.repeat(types, 2),
            "fieldIdx": [0, 1] * len(types),
            "fieldNameId": names * len(types),
        },
        "GENERIC_EVENTS": {
            "genericEventId": ids,
            "rawTimestamp": frame["t"],
            "timestamp": frame["t"],
            "typeId": frame["type"],
            "globalTid": frame["tid"],
        },
        "GENERIC_EVENT_DATA": {
            "genericEventId": np.repeat(ids, 2),
            "fieldIdx": np.tile([0, 1], len(frame)),
            "intVal": values.ravel(),
        },
    }  # fmt: skip


def metric_tables(
    activity: Sequence[Activity], names: tuple[str, ...], *, as_json: bool
) -> dict[str, Rows]:
    """Fill the tables of GPU metrics.

    Parameters
    ----------
    activity : sequence of Activity
        By device.
    names : tuple of str
        Of the metrics.
    as_json : bool
        As generic events, which is how schema 3.0.0 keeps them.

    Returns
    -------
    dict of str to Rows
    """
    types = [METRICS_SOURCE | device for device in range(len(activity))]
    if as_json:
        return _metric_events(activity, types, names)
    n_metrics = len(names)
    metric = np.arange(n_metrics)
    return {
        "TARGET_INFO_GPU_METRICS": {
            "typeId": np.repeat(types, n_metrics),
            "sourceId": METRICS_SOURCE,
            "typeName": "GPU Metrics",
            "metricId": np.tile(metric, len(types)),
            "metricName": list(names) * len(types),
        },
        "GPU_METRICS": {
            "timestamp": np.concatenate([np.repeat(a.sample_ns, n_metrics) for a in activity]),
            "typeId": np.repeat(types, [a.values.size for a in activity]),
            "metricId": np.concatenate([np.tile(metric, len(a.sample_ns)) for a in activity]),
            "value": np.concatenate([a.values.ravel() for a in activity]),
        },
    }


def _metric_events(
    activity: Sequence[Activity], types: list[int], names: tuple[str, ...]
) -> dict[str, Rows]:
    source = {"Name": "GpuMetrics", "TimeSource": "SessionNs", "SourceGroup": "Unknown"}
    fields = {"Name": "GPU Metrics", "Fields": [{"Name": name} for name in names]}
    # Columns between their own names: {"SMs Active":"41","Tensor Active":"3"}
    opened = [pl.lit(f'{"," * (i > 0)}"{name}":"') for i, name in enumerate(names)]
    pairs = [part for i, name in enumerate(names) for part in (opened[i], name, pl.lit('"'))]
    event = pl.concat_str(pl.lit("{"), *pairs, pl.lit("}"))
    texts = [pl.DataFrame(one.values, schema=list(names)).select(event) for one in activity]
    return {
        "GENERIC_EVENT_SOURCES": {"sourceId": [METRICS_SOURCE], "data": _json(source)},
        "GENERIC_EVENT_TYPES": {
            "typeId": types, "sourceId": METRICS_SOURCE, "data": _json(fields),
        },
        "GENERIC_EVENTS": {
            "rawTimestamp": np.concatenate([one.sample_ns for one in activity]),
            "typeId": np.repeat(types, [len(one.sample_ns) for one in activity]),
            "data": pl.concat(texts).to_series(),
        },
    }  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
