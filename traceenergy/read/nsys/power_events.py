"""Power recorded inside an export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.read.nsys.plugin_power import read_plugin_series
from traceenergy.read.nsys.power_marks import read_mark_series
from traceenergy.read.power_gpu import OPTION, PowerGpu, list_gpus, option_for, parse_power_gpus
from traceenergy.trace import tables
from traceenergy.trace.tables import (
    DeviceReadings,
    Devices,
    PowerSamples,
    check_table,
    empty_table,
)
from traceenergy.units import W_PER_MW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.options import ReadOptions
    from traceenergy.read.power_gpu import GpuKey

PLUGIN, MARKS = "nvml_metrics", "nvtx-marks"
UNIT_OPTION = "--power-unit"
_W_PER_UNIT = {"mW": W_PER_MW, "W": 1.0}
_UNIT_IN_NAME = {
    "mW": re.compile(r"milli-?watts?|(?<![a-z])mw(?![a-z])", re.IGNORECASE),
    "W": re.compile(r"[Ww]atts?|(?<![A-Za-z])W(?![A-Za-z])"),
}
_UUID = re.compile(r"(?:gpu-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# No single GPU draws 2 kW; the idlest one draws more than 2,000 mW.
_LARGEST_W = 2000.0


@dataclass(frozen=True)
class PowerEvents:
    """Power of one rank's export.

    Attributes
    ----------
    samples, readings
        As declared in `tables.py`; empty if the export holds none.
    caveats
        How unit and GPU were decided.
    """

    samples: PowerSamples
    readings: DeviceReadings
    caveats: tuple[Caveat, ...] = ()


def read_power_events(
    database: Database, layout: Layout, devices: Devices, rank: int, options: ReadOptions
) -> PowerEvents:
    """Load power that lies in the export itself; not to be asked where a power log is given.

    Parameters
    ----------
    database : Database
        The export.
    layout : Layout
        How it must be read.
    devices : Devices
        The GPUs that ran work.
    rank : int
        Rank that the export belongs to.
    options : ReadOptions
        `power_unit` wins over name and size. `power_gpu` as in `parse_power_gpus`: its sources
        are typeIds of a plugin, or N of marks `power gpu=N`; entries of other ranks are left.

    Returns
    -------
    PowerEvents

    Raises
    ------
    AmbiguousPowerError
        If the GPU of a source is not certain, with the option that says it.
    UsageError
        If an option cannot be understood.

    Notes
    -----
    Events of an nsys plugin (NVML power) win over marks of the program. The unit is that of the
    option, else of the name (`(mW)`, `[W]`), else by size: a median above 2000 means mW.
    """
    mine = Devices(devices.filter(pl.col("rank") == rank))
    plugin = read_plugin_series(database, layout)
    marks, doubts_of_marks = read_mark_series(database, layout)
    has_plugin = bool(plugin["is_power"].any())
    series = plugin if has_plugin or marks.is_empty() else pl.concat([marks, _heat(plugin)])
    doubts = [] if has_plugin else list(doubts_of_marks)
    if mine.is_empty() or series.is_empty():
        return PowerEvents(
            PowerSamples(empty_table(tables.POWER_SAMPLES)),
            DeviceReadings(empty_table(tables.DEVICE_READINGS)),
            tuple(doubts),
        )
    where = database.path.name
    if has_plugin and len(marks):
        text = "The export holds power of an nsys plugin besides NVTX marks; the plugin was used."
        doubts.append(Caveat("power-marks-unused", text, where, len(marks)))
    series, doubts_of_unit = _in_watts(series, options.power_unit, where, is_marks=not has_plugin)
    choices = [c for c in parse_power_gpus(options.power_gpu) if c.rank in (None, rank)]
    gpus, doubts_of_gpus = _tie(series, mine, choices, where)
    placed = series.join(gpus, on="source", nulls_equal=True).with_columns(
        source=pl.lit(PLUGIN if has_plugin else MARKS)
    )
    return PowerEvents(
        _samples(placed), _readings(placed), (*doubts, *doubts_of_unit, *doubts_of_gpus)
    )


def _heat(series: pl.DataFrame) -> pl.DataFrame:
    return series.filter(~pl.col("is_power"))


def _samples(placed: pl.DataFrame) -> PowerSamples:
    power = placed.filter(pl.col("is_power")).rename({"value": "power_w"})
    power = power.sort("device_id", "field", "sample_ns", maintain_order=True)
    return PowerSamples(check_table(power, tables.POWER_SAMPLES, "of power events"))


def _readings(placed: pl.DataFrame) -> DeviceReadings:
    heat = _heat(placed).with_columns(quantity=pl.lit("temperature_c"))
    heat = heat.sort("device_id", "sample_ns", maintain_order=True)
    return DeviceReadings(check_table(heat, tables.DEVICE_READINGS, "of power events"))


def _in_watts(
    series: pl.DataFrame, stated: str | None, where: str, *, is_marks: bool
) -> tuple[pl.DataFrame, list[Caveat]]:
    power = series.filter(pl.col("is_power"))
    unit = stated_unit(stated)
    factors, doubts = {}, []
    for field, median in power.group_by("field").agg(pl.col("value").median()).sort("field").rows():
        named = "mW" if is_marks else _unit_in_name(field)
        factors[field] = _W_PER_UNIT[unit or named or _unit_by_size(median)]
        if unit is None and not is_marks:
            doubts.append(_doubt_of_unit(field, named, median, where))
    factor = pl.col("field").replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    value = pl.when("is_power").then(pl.col("value") * factor).otherwise("value")
    return series.with_columns(value=value), doubts


def stated_unit(stated: str | None) -> str | None:
    """Read the unit that a user states.

    Parameters
    ----------
    stated : str or None
        In any case of letters.

    Returns
    -------
    str or None
        `mW` or `W`; None if none was stated.

    Raises
    ------
    UsageError
        If it is another word.
    """
    if stated is None:
        return None
    for unit in _W_PER_UNIT:
        if stated.strip().lower() == unit.lower():
            return unit
    raise UsageError(f"{UNIT_OPTION} {stated!r} is no unit of power", next_step="pass mW or W")


def _unit_in_name(field: str) -> str | None:
    return next((unit for unit, form in _UNIT_IN_NAME.items() if form.search(field)), None)


def _unit_by_size(median: float) -> str:
    return "mW" if median > _LARGEST_W else "W"


def _doubt_of_unit(field: str, named: str | None, median: float, where: str) -> Caveat:
    if named is not None:
        text = f"Power field `{field}` was taken to be in {named}, as its name says."
    else:
        text = (
            f"The unit of power field `{field}` is not stated; its median is {median:.0f}, so it "
            f"was taken to be in {_unit_by_size(median)} (no GPU draws 2 kW, none under 2 W). "
            f"Pass {UNIT_OPTION} if that is wrong."
        )
    return Caveat("power-unit", text, where)


def _tie(
    series: pl.DataFrame, devices: Devices, choices: Sequence[PowerGpu], where: str
) -> tuple[pl.DataFrame, list[Caveat]]:
    sources = series.filter(pl.col("is_power"))["source"].unique(maintain_order=True).to_list()
    only = len(sources) <= 1
    ties = {
        source: key
        for source in sources
        for choice in choices
        if choice.source == source or (choice.source is None and only)
        for key in choice.find(devices)
    }
    doubts: list[Caveat] = []
    if not ties:
        ties, doubts = _ties_without_choice(series, sources, devices, where)
    elif n_unused := len(sources) - len(ties):
        text = f"Power of sources that {OPTION} does not name was left out."
        doubts = [Caveat("power-source-unused", text, where, n_unused)]
    # A plugin may give temperature under another typeId: with one GPU it is that one's.
    if len(devices) == 1:
        one = devices.select("rank", "device_id").row(0)
        ties |= {source: one for source in series["source"].unique() if source not in sources}
    return _frame_of(ties), doubts


def _frame_of(ties: Mapping[str | None, GpuKey]) -> pl.DataFrame:
    columns = {"source": pl.String, "rank": pl.Int32, "device_id": pl.Int32}
    rows = [(source, *key) for source, key in ties.items()]
    return pl.DataFrame(rows, schema=columns, orient="row")


def _ties_without_choice(
    series: pl.DataFrame, sources: Sequence[str | None], devices: Devices, where: str
) -> tuple[dict[str | None, GpuKey], list[Caveat]]:
    keys = [(int(r), int(d)) for r, d in devices.select("rank", "device_id").rows()]
    uuids = dict(zip(devices["gpu_uuid"], keys, strict=True))
    named = {s: s.removeprefix("gpu-") for s in sources if s is not None and _UUID.fullmatch(s)}
    found: dict[str | None, GpuKey] = {s: uuids[u] for s, u in named.items() if u in uuids}
    if found:
        return found, []
    if named and any(uuids):
        raise _ambiguous(series, devices, where)
    if len(sources) <= 1 and len(keys) == 1:
        return dict.fromkeys(sources, keys[0]), []
    by_number = {str(device): (rank, device) for rank, device in keys}
    counted: dict[str | None, GpuKey] = {s: by_number[s] for s in sources if s in by_number}
    if not counted:
        raise _ambiguous(series, devices, where)
    text = (
        "Power marks were tied to GPUs of the trace by their number alone; if the program counts "
        f"GPUs otherwise, energies are swapped. Write the uuid, as in `power gpu=GPU-...`, or "
        f"pass {OPTION}."
    )
    return counted, [Caveat("power-gpu-by-index", text, where, len(counted))]


def _ambiguous(series: pl.DataFrame, devices: Devices, where: str) -> AmbiguousPowerError:
    found = (
        series.filter(pl.col("is_power"))
        .group_by("source", "field", maintain_order=True)
        .agg(pl.len(), pl.col("value").mean().alias("mean_w"))
    )
    lines = [
        f"source {source or '(none)'}  `{field}`  {n} samples  mean {mean_w:.1f} W"
        for source, field, n, mean_w in found.rows()
    ]
    keys = devices.select("rank", "device_id").rows()
    sources = found["source"].unique(maintain_order=True).to_list()
    options = " ".join(
        option_for(source, key, devices) for source, key in zip(sources, keys, strict=False)
    )
    return AmbiguousPowerError(
        f"{where} does not say which GPU its power belongs to",
        details="\n".join(["power in the export:", *lines, list_gpus(devices)]),
        next_step=f"say which is which, such as {options}",
    )
