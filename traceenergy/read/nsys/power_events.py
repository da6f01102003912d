"""Power recorded inside an export, with the energy counter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.read.nsys.held_marks import with_held
from traceenergy.read.nsys.plugin_power import read_generic_series
from traceenergy.read.nsys.power_marks import read_mark_series
from traceenergy.read.nsys.sampled_names import POWER, SCALE_OF_QUANTITY
from traceenergy.read.power_gpu import OPTION, PowerGpu, list_gpus, option_for, parse_power_gpus
from traceenergy.records import dataclass
from traceenergy.trace import tables
from traceenergy.trace.tables import (
    ENERGY_COUNTER,
    DeviceReadings,
    Devices,
    PowerSamples,
    check_table,
    empty_table,
)
from traceenergy.units import J_PER_MJ, NS_PER_S, W_PER_MW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.options import ReadOptions
    from traceenergy.read.power_gpu import GpuKey

PLUGIN, MARKS, COUNTERS = "nvml_metrics", "nvtx-marks", "nvtx-counters"
UNIT_OPTION = "--power-unit"
_W_PER_UNIT = {"mW": W_PER_MW, "W": 1.0}
_UNIT_IN_NAME = {
    "mW": re.compile(r"milli-?watts?|(?<![a-z])mw(?![a-z])", re.IGNORECASE),
    "W": re.compile(r"[Ww]atts?|(?<![A-Za-z])W(?![A-Za-z])"),
}
_J_PER_UNIT = {"mJ": J_PER_MJ, "J": 1.0}
_ENERGY_UNIT_IN_NAME = {
    "mJ": re.compile(r"(?i:milli-?joule)|(?<![A-Za-z])mJ(?![A-Za-z])"),
    "J": re.compile(r"(?i:joule)|(?<![A-Za-z])J(?![A-Za-z])"),
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
    Events of an nsys plugin (NVML) win over marks of the program, these over NVTX counters that
    the sampler writes beside them, for power and for the energy counter each. The unit of power
    is that of the option, else of the name (`(mW)`, `[W]`), else by size: a median above 2000
    means mW. That of a counter is of its name, else by how fast it rises: above 2000 a second
    means mJ.
    """
    mine = Devices(devices.filter(pl.col("rank") == rank))
    plugin, counters = read_generic_series(database, layout)
    marks, doubts_of_marks = read_mark_series(database, layout)
    sources = {PLUGIN: plugin, MARKS: with_held(marks), COUNTERS: with_held(counters)}
    power, source = _preferred(sources, POWER)
    counter, counter_source = _preferred(sources, ENERGY_COUNTER)
    others = _other_readings(sources)
    where = database.path.name
    doubts = [] if source == PLUGIN else list(doubts_of_marks)
    if mine.is_empty() or (power.is_empty() and counter.is_empty() and others.is_empty()):
        return PowerEvents(
            PowerSamples(empty_table(tables.POWER_SAMPLES)),
            DeviceReadings(empty_table(tables.DEVICE_READINGS)),
            tuple(doubts),
        )
    n_unused = len(marks.filter(quantity=POWER)) if source == PLUGIN else 0
    if n_unused:
        text = "The export holds power of an nsys plugin besides NVTX marks; the plugin was used."
        doubts.append(Caveat("power-marks-unused", text, where, n_unused))
    power, doubts_of_unit = _in_watts(power, options.power_unit, where, is_marks=source != PLUGIN)
    counter, doubts_of_counter = _in_joules(counter, where, is_marks=counter_source != PLUGIN)
    choices = [c for c in parse_power_gpus(options.power_gpu) if c.rank in (None, rank)]
    ties, doubts_of_gpus = _tie(power, mine, choices, where)
    counter_ties, more_doubts = ties, list[Caveat]()
    if not set(counter["source"]) <= ties.keys():
        counter_ties, more_doubts = _tie(counter, mine, choices, where)
    placed = _placed(power, ties).with_columns(source=pl.lit(source))
    other_ties = _with_lone_gpu(ties or counter_ties, others, mine)
    readings = pl.concat([_placed(others, other_ties), _placed(counter, counter_ties)])
    found = (*doubts, *doubts_of_unit, *doubts_of_counter, *doubts_of_gpus, *more_doubts)
    return PowerEvents(_samples(placed), _readings(readings), tuple(dict.fromkeys(found)))


def _preferred(sources: Mapping[str, pl.DataFrame], quantity: str) -> tuple[pl.DataFrame, str]:
    of_source = {source: series.filter(quantity=quantity) for source, series in sources.items()}
    there = next((source for source, series in of_source.items() if len(series)), MARKS)
    return of_source[there], there


def _other_readings(sources: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    # Each quantity from the first source that has it; what is written twice counts once.
    series = pl.concat(
        [one.with_columns(order=pl.lit(order)) for order, one in enumerate(sources.values())]
    ).filter(~pl.col("quantity").is_in([POWER, ENERGY_COUNTER]))
    is_first = pl.col("order") == pl.col("order").min().over("quantity")
    factor = pl.col("quantity").replace_strict(
        SCALE_OF_QUANTITY, default=1.0, return_dtype=pl.Float64
    )
    return series.filter(is_first).drop("order").with_columns(value=pl.col("value") * factor)


def _placed(series: pl.DataFrame, ties: Mapping[str | None, GpuKey]) -> pl.DataFrame:
    return series.join(_frame_of(ties), on="source", nulls_equal=True)


def _samples(placed: pl.DataFrame) -> PowerSamples:
    power = placed.rename({"value": "power_w"})
    power = power.sort("device_id", "field", "sample_ns", maintain_order=True)
    return PowerSamples(check_table(power, tables.POWER_SAMPLES, "of power events"))


def _readings(placed: pl.DataFrame) -> DeviceReadings:
    readings = placed.sort("device_id", "quantity", "sample_ns", maintain_order=True)
    return DeviceReadings(check_table(readings, tables.DEVICE_READINGS, "of power events"))


def _in_watts(
    power: pl.DataFrame, stated: str | None, where: str, *, is_marks: bool
) -> tuple[pl.DataFrame, list[Caveat]]:
    unit = stated_unit(stated)
    factors, doubts = {}, []
    for field, median in power.group_by("field").agg(pl.col("value").median()).sort("field").rows():
        named = "mW" if is_marks else _unit_in_name(field, _UNIT_IN_NAME)
        factors[field] = _W_PER_UNIT[unit or named or _unit_by_size(median)]
        if unit is None and not is_marks:
            doubts.append(_doubt_of_unit(field, named, median, where))
    return _scaled(power, factors), doubts


def _in_joules(
    counter: pl.DataFrame, where: str, *, is_marks: bool
) -> tuple[pl.DataFrame, list[Caveat]]:
    # One counter a source: two of them must not be read as one.
    counter = counter.filter(pl.col("field") == pl.col("field").min().over("source"))
    factors, doubts = {}, []
    risen, passed_ns = (pl.col(name).max() - pl.col(name).min() for name in ("value", "sample_ns"))
    per_s = (risen / passed_ns * NS_PER_S).alias("per_s")
    for field, rate in counter.group_by("field").agg(per_s).sort("field").rows():
        named = "mJ" if is_marks else _unit_in_name(field, _ENERGY_UNIT_IN_NAME)
        unit = named or f"{_unit_by_size(rate)[:-1]}J"
        factors[field] = _J_PER_UNIT[unit]
        if not is_marks:
            why = "as its name says" if named else f"as it rises by {rate:.0f} a second"
            text = f"Energy counter `{field}` was taken to be in {unit}, {why}."
            doubts.append(Caveat("power-unit", text, where))
    return _scaled(counter, factors), doubts


def _scaled(series: pl.DataFrame, factors: Mapping[str, float]) -> pl.DataFrame:
    factor = pl.col("field").replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    return series.with_columns(value=pl.col("value") * factor)


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


def _unit_in_name(field: str, names: Mapping[str, re.Pattern[str]]) -> str | None:
    return next((unit for unit, form in names.items() if form.search(field)), None)


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
) -> tuple[dict[str | None, GpuKey], list[Caveat]]:
    sources = series["source"].unique(maintain_order=True).to_list()
    if not sources:
        return {}, []
    only = len(sources) <= 1
    ties = {
        source: key
        for source in sources
        for choice in choices
        if choice.source == source or (choice.source is None and only)
        for key in choice.find(devices)
    }
    if not ties:
        return _ties_without_choice(series, sources, devices, where)
    doubts = []
    if n_unused := len(sources) - len(ties):
        text = f"Power of sources that {OPTION} does not name was left out."
        doubts.append(Caveat("power-source-unused", text, where, n_unused))
    return ties, doubts


def _with_lone_gpu(
    ties: Mapping[str | None, GpuKey], others: pl.DataFrame, devices: Devices
) -> dict[str | None, GpuKey]:
    # A plugin may give temperature under another typeId: with one GPU it is that one's.
    if len(devices) != 1:
        return dict(ties)
    one = devices.select("rank", "device_id").row(0)
    return {source: one for source in others["source"].unique() if source not in ties} | dict(ties)


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
    found = series.group_by("source", "field", "quantity", maintain_order=True).agg(
        pl.len(), pl.col("value").mean().alias("mean")
    )
    lines = [
        f"source {source or '(none)'}  `{field}`  {n} samples  "
        f"mean {mean:.1f} {'W' if quantity == POWER else 'J'}"
        for source, field, quantity, n, mean in found.rows()
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
