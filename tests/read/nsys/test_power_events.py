"""Power inside an export: its unit, its GPU, the same watts in every form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.build import build_export
from tests.power_rows import (
    EXPECTED,
    FIRST,
    MS,
    SERIES,
    joined,
    json_rows,
    mark_rows,
)
from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.read.nsys.database import Database
from traceenergy.read.nsys.power_events import PowerEvents, read_power_events
from traceenergy.read.nsys.schema import read_layout
from traceenergy.read.nvidia_smi import parse_nvidia_smi
from traceenergy.read.options import ReadOptions
from traceenergy.trace import tables
from traceenergy.trace.tables import Devices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UUIDS = [f"{n:08x}-4455-6677-8899-aabbccddeeff" for n in (1, 2)]
NO_OPTIONS = ReadOptions()


def devices_of(*ids: int, rank: int = 0, uuids: Sequence[str | None] | None = None) -> Devices:
    rows = [
        (rank, i, "Toy GPU", uuid, None, None, None)
        for i, uuid in zip(ids, uuids or [None] * len(ids), strict=True)
    ]
    schema = {column.name: column.dtype for column in tables.DEVICES}
    return Devices(pl.DataFrame(rows, schema=schema, orient="row"))


def read(
    path: Path,
    devices: Devices | None = None,
    options: ReadOptions = NO_OPTIONS,
    rank: int = 0,
) -> PowerEvents:
    with Database(path) as database:
        layout, _ = read_layout(database)
        gpus = devices_of(0) if devices is None else devices
        return read_power_events(database, layout, gpus, rank, options)


def found(events: PowerEvents) -> list[tuple[int, float]]:
    return [
        (ns, pytest.approx(watt, abs=1e-9))
        for ns, watt in events.samples.select("sample_ns", "power_w").rows()
    ]


def slugs(events: PowerEvents) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in events.caveats}


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    return tmp_path / "x.sqlite"


# --- the same series in every form


def test_export_without_power_gives_no_samples(sqlite: Path) -> None:
    events = read(build_export(sqlite, metrics=[(0, "SM Active", 1)], metrics_as="json"))

    assert events.samples.is_empty()
    assert events.caveats == ()


def test_json_form(sqlite: Path) -> None:
    events = read(build_export(sqlite, raw=json_rows(SERIES)))

    assert found(events) == EXPECTED
    assert events.samples.select("rank", "device_id", "field", "source").unique().rows() == [
        (0, 0, "Power (mW)", "nvml_metrics")
    ]
    assert events.readings.rows() == [
        (0, 0, ns, "temperature_c", 41.0) for ns in (100 * MS, 200 * MS, 300 * MS)
    ]


@pytest.mark.parametrize(
    "column",
    ["int64Value", "uint64Value", "int32Value", "uint32Value", "doubleValue", "floatValue"],
)
def test_marks(sqlite: Path, column: str) -> None:
    events = read(build_export(sqlite, raw=mark_rows(*SERIES, column=column)))

    assert found(events) == EXPECTED
    assert events.samples["source"].unique().to_list() == ["nvtx-marks"]
    assert events.caveats == ()


def test_log_of_nvidia_smi_gives_the_same_watts() -> None:
    lines = [f"1970/01/01 00:00:00.{ns // MS}, {mw / 1000:.2f} W\n" for ns, mw in SERIES]

    log = parse_nvidia_smi("timestamp, power.draw [W]\n" + "".join(lines))

    assert log.rows.select("wall_ns", "power.draw").rows() == EXPECTED


# --- what is not power of a GPU


def test_plugin_wins_over_marks(sqlite: Path) -> None:
    rows = joined(json_rows(SERIES), mark_rows((1, 1)))

    events = read(build_export(sqlite, raw=rows))

    assert found(events) == EXPECTED
    assert slugs(events)["power-marks-unused"] == 1


# --- unit


@pytest.mark.parametrize("name", ["GPU Power (mW)", "power_mw", "Power [mW]", "Power, milliwatts"])
def test_unit_by_name(sqlite: Path, name: str) -> None:
    # 500 would be W by size
    events = read(build_export(sqlite, raw=json_rows([(0, 500), (1, 500)], power=name)))

    assert found(events) == [(0, 0.5), (1, 0.5)]
    assert "in mW, as its name says" in events.caveats[0].text


@pytest.mark.parametrize("name", ["GPU Power (W)", "Power [W]", "power_W", "Power in Watt"])
def test_watts_by_name(sqlite: Path, name: str) -> None:
    events = read(build_export(sqlite, raw=json_rows([(0, 2500), (1, 2500)], power=name)))

    assert found(events) == [(0, 2500.0), (1, 2500.0)]


def test_unit_by_size_agrees_and_is_said(sqlite: Path, tmp_path: Path) -> None:
    in_mw = read(build_export(sqlite, raw=json_rows(SERIES, power="Power")))
    watts = [(ns, mw / 1000) for ns, mw in SERIES]
    in_w = read(build_export(tmp_path / "w.sqlite", raw=json_rows(watts, power="Power")))

    assert found(in_mw) == found(in_w) == EXPECTED
    assert slugs(in_mw) == slugs(in_w) == {"power-unit": None}
    assert "median is 345670, so it was taken to be in mW" in in_mw.caveats[0].text
    assert "median is 346, so it was taken to be in W" in in_w.caveats[0].text


@pytest.mark.parametrize(("unit", "expected"), [("mW", 0.5), ("W", 500.0), ("w", 500.0)])
def test_stated_unit_wins(sqlite: Path, unit: str, expected: float) -> None:
    rows = json_rows([(0, 500)], power="Power (mW)")

    events = read(build_export(sqlite, raw=rows), options=ReadOptions(power_unit=unit))

    assert found(events) == [(0, expected)]
    assert events.caveats == ()


def test_unit_that_is_none_is_refused(sqlite: Path) -> None:
    with pytest.raises(UsageError, match="'kW' is no unit of power"):
        read(build_export(sqlite, raw=json_rows(SERIES)), options=ReadOptions(power_unit="kW"))


# --- clock


@pytest.mark.parametrize("shift", [{"normalize": True}, {"time_shift_ns": 10**15}])
def test_shifted_exports_give_the_times_of_the_plain_one(
    tmp_path: Path, shift: dict[str, Any]
) -> None:
    rows = {"plugin": json_rows(SERIES), "marks": mark_rows(*SERIES)}
    for name, raw in rows.items():
        path = build_export(tmp_path / f"{name}.sqlite", raw=raw, **shift)

        assert found(read(path)) == EXPECTED


def test_release_that_shifts_generic_events_too(sqlite: Path) -> None:
    shifted = [(ns + 10**15, mw) for ns, mw in SERIES]

    path = build_export(sqlite, raw=json_rows(shifted), time_shift_ns=10**15)

    assert found(read(path)) == EXPECTED


def test_events_out_of_order_come_out_sorted(sqlite: Path) -> None:
    assert found(read(build_export(sqlite, raw=json_rows(SERIES[::-1])))) == EXPECTED


# --- which GPU


def test_several_sources_are_never_guessed(sqlite: Path) -> None:
    build_export(sqlite, raw=json_rows(SERIES, [(0, 50_000), (1, 50_000)]))

    with pytest.raises(AmbiguousPowerError) as caught:
        read(sqlite, devices_of(0, 1))

    assert f"source {FIRST}  `Power (mW)`  3 samples  mean 261.9 W" in caught.value.details
    assert f"source {FIRST + 1}  `Power (mW)`  2 samples  mean 50.0 W" in caught.value.details
    assert f"--power-gpu {FIRST}=0 --power-gpu {FIRST + 1}=1" in caught.value.next_step


@pytest.mark.parametrize("n_sources", [1, 2])
@pytest.mark.parametrize("n_gpus", [1, 2])
def test_only_one_source_and_one_gpu_need_no_word(
    sqlite: Path, n_sources: int, n_gpus: int
) -> None:
    build_export(sqlite, raw=json_rows(*[SERIES] * n_sources))
    devices = devices_of(*range(n_gpus))

    if n_sources == n_gpus == 1:
        assert found(read(sqlite, devices)) == EXPECTED
    else:
        with pytest.raises(AmbiguousPowerError):
            read(sqlite, devices)


def test_user_ties_sources_to_gpus(sqlite: Path) -> None:
    build_export(sqlite, raw=json_rows(SERIES, [(0, 50_000), (1, 50_000)]))
    options = ReadOptions(power_gpu=(f"{FIRST}=1", f"{FIRST + 1}=0"))

    events = read(sqlite, devices_of(0, 1), options)

    assert events.samples.select("device_id", "power_w").rows() == [
        (0, 50.0), (0, 50.0), *((1, pytest.approx(watt)) for _, watt in EXPECTED),
    ]  # fmt: skip
    assert slugs(events) == {"power-unit": None}


def test_sources_the_user_left_out_are_said(sqlite: Path) -> None:
    build_export(sqlite, raw=json_rows(SERIES, SERIES, SERIES))

    events = read(sqlite, devices_of(0), ReadOptions(power_gpu=(f"{FIRST + 2}=0",)))

    assert found(events) == EXPECTED
    assert slugs(events)["power-source-unused"] == 2


def test_user_names_the_gpu_of_the_only_source(sqlite: Path) -> None:
    build_export(sqlite, raw=json_rows(SERIES))

    events = read(sqlite, devices_of(0, 1), ReadOptions(power_gpu=("1",)))

    assert events.samples["device_id"].unique().to_list() == [1]


def test_choices_for_other_ranks_are_left_to_them(sqlite: Path) -> None:
    build_export(sqlite, raw=json_rows(SERIES, SERIES))
    options = ReadOptions(power_gpu=(f"{FIRST}=0:0", f"{FIRST + 1}=1:0"))
    devices = Devices(pl.concat([devices_of(0), devices_of(0, rank=1)]))

    events = read(sqlite, devices, options, rank=1)

    assert events.samples.select("rank", "device_id").unique().rows() == [(1, 0)]


@pytest.mark.parametrize("form", ["power gpu={}", "power:{}", "Power GPU = {}"])
def test_marks_of_several_gpus_by_number(sqlite: Path, form: str) -> None:
    marks = [mark_rows((5, 1000 * (n + 1)), text=form.format(n), pid=n + 1) for n in (0, 1, 2)]

    events = read(build_export(sqlite, raw=joined(*marks)), devices_of(0, 1))

    assert events.samples.select("device_id", "power_w").rows() == [(0, 1.0), (1, 2.0)]
    assert slugs(events) == {"power-gpu-by-index": 2}


def test_marks_by_uuid_are_certain(sqlite: Path) -> None:
    marks = [mark_rows((5, 1000), text=f"power gpu=GPU-{UUIDS[1].upper()}")]

    events = read(build_export(sqlite, raw=joined(*marks)), devices_of(0, 1, uuids=UUIDS))

    assert events.samples.select("device_id", "power_w").rows() == [(1, 1.0)]
    assert events.caveats == ()


def test_marks_of_a_gpu_that_ran_nothing_are_not_anothers(sqlite: Path) -> None:
    build_export(sqlite, raw=mark_rows(*SERIES, text=f"power gpu={UUIDS[1]}"))

    with pytest.raises(AmbiguousPowerError):
        read(sqlite, devices_of(0, uuids=UUIDS[:1]))


def test_no_gpu_ran_work(sqlite: Path) -> None:
    assert read(build_export(sqlite, raw=json_rows(SERIES)), devices_of()).samples.is_empty()


COUNTED = [(100 * MS, 5_000_000_000), (200 * MS, 5_000_030_000), (300 * MS, 5_000_065_500)]  # mJ
COUNTED_J = [(100 * MS, 5e6), (200 * MS, 5_000_030.0), (300 * MS, 5_000_065.5)]


def counted(events: PowerEvents) -> list[tuple[int, float]]:
    readings = events.readings.filter(quantity="energy_counter_j")
    return [(ns, pytest.approx(j)) for ns, j in readings.select("sample_ns", "value").rows()]


def test_marks_of_energy_are_readings_of_the_counter_beside_power(sqlite: Path) -> None:
    rows = joined(mark_rows(*SERIES), mark_rows(*COUNTED, text="energy"))

    events = read(build_export(sqlite, raw=rows))

    assert found(events) == EXPECTED
    assert counted(events) == COUNTED_J
    assert slugs(events) == {}


def test_marks_of_energy_of_two_gpus_go_to_their_own(sqlite: Path) -> None:
    rows = joined(
        mark_rows(*COUNTED, text=f"energy gpu=GPU-{UUIDS[1]}"), mark_rows((5, 1), text="energy:9")
    )

    events = read(build_export(sqlite, raw=rows), devices_of(0, 1, uuids=UUIDS))

    assert events.samples.is_empty()
    assert set(events.readings["device_id"]) == {1}
    assert counted(events) == COUNTED_J


@pytest.mark.parametrize("field", ["Energy (mJ)", "Total Energy Consumption", "GPU [mJ]"])
def test_a_counter_of_a_plugin_is_read_in_joules(sqlite: Path, field: str) -> None:
    # without a unit: 65,500 in 0.2 s are too fast for joules
    events = read(build_export(sqlite, raw=json_rows(COUNTED, power=field)))

    assert counted(events) == COUNTED_J
    assert events.samples.is_empty()
    assert slugs(events) == {"power-unit": None}


@pytest.mark.parametrize("field", ["Energy (J)", "Energy"])
def test_a_counter_that_rises_like_joules_is_in_joules(sqlite: Path, field: str) -> None:
    events = read(build_export(sqlite, raw=json_rows(COUNTED_J, power=field)))

    assert counted(events) == COUNTED_J


def test_power_of_a_plugin_and_marks_of_energy_are_both_used(sqlite: Path) -> None:
    rows = joined(json_rows(SERIES), mark_rows(*COUNTED, text="energy"))

    events = read(build_export(sqlite, raw=rows))

    assert found(events) == EXPECTED
    assert counted(events) == COUNTED_J
    assert slugs(events) == {"power-unit": None}


@pytest.mark.parametrize("field", ["DRAM Energy (mJ)", "Energy (Wh)", "Injected Jobs"])
def test_what_is_no_board_energy_is_left(sqlite: Path, field: str) -> None:
    assert counted(read(build_export(sqlite, raw=json_rows(COUNTED, power=field)))) == []
