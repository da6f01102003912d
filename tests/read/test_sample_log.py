"""Logs of the sampler, read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import Work, build_trace
from tests.sample.readings import MS, OTHER, UTC_NS, UUID, reading, write_log
from traceenergy.errors import BadPowerLogError, NoPowerError, TraceEnergyError
from traceenergy.read.options import ReadOptions
from traceenergy.read.power_log import attach_power_logs
from traceenergy.read.sample_log import is_sample_log, parse_sample_log
from traceenergy.trace.model import Trace, TraceClock, check_trace
from traceenergy.trace.tables import Devices

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.read.log_table import PowerLog

H = 3600 * 1000 * MS
HEAD = "# traceenergy-sample 1 period_ns=10000000\n"
COLUMNS = "utc:int64[ns],monotonic:int64[ns],gpu:uuid,polls:int64,power.draw:int64[mW]\n"


def parse(rows: str, *, columns: str = COLUMNS, near_ns: int | None = None) -> PowerLog:
    return parse_sample_log(f"{HEAD}{columns}{rows}", "power.csv", near_ns)


def slugs(log: PowerLog | Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in log.caveats}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "power.csv"


def test_it_is_told_by_its_first_line() -> None:
    assert is_sample_log(HEAD.encode())
    assert not is_sample_log(b"timestamp, power.draw [W]\n")


def test_values_hold_until_the_next_row() -> None:
    log = parse("100,0,GPU-A,1,5000\n140,40,GPU-A,4,7000\n")

    assert log.rows.select("wall_ns", "power.draw").rows() == [
        (100, 5.0), (110, 5.0), (120, 5.0), (130, 5.0), (140, 7.0),
    ]  # fmt: skip


def test_nothing_is_known_between_rows_without_polls() -> None:
    log = parse("100,0,GPU-A,1,5000\n900,800,GPU-A,1,7000\n")

    assert log.rows["wall_ns"].to_list() == [100, 900]


def test_what_a_gpu_does_not_give_is_unknown_never_zero() -> None:
    columns = COLUMNS.strip() + ",temperature.gpu:int64[C],power.draw.instant:int64[mW]\n"
    log = parse("1,0,GPU-A,1,5000,N/A,N/A\n2,1,GPU-A,1,6000,,\n", columns=columns)

    assert log.rows["temperature_c"].to_list() == [None, None]
    assert log.power_fields == ("power.draw",)


def test_power_below_zero_is_unknown() -> None:
    log = parse("100,0,GPU-A,1,5000\n110,10,GPU-A,1,-1\n120,20,GPU-A,1,7000\n")

    assert log.rows.select("wall_ns", "power.draw").rows() == [(100, 5.0), (120, 7.0)]


def test_columns_of_later_days_are_left_alone() -> None:
    log = parse("1,0,GPU-A,1,5000,9\n", columns=COLUMNS.strip() + ",fan:int64[rpm]\n")

    assert log.rows["power.draw"].to_list() == [5.0]


def test_a_line_cut_short_is_left_out() -> None:
    log = parse("1,0,GPU-A,1,5000\n2,1,GPU-A,1,50")

    assert log.rows["power.draw"].to_list() == [5.0]
    assert slugs(log) == {"power-log-cut": 1}


def test_damaged_lines_are_left_out() -> None:
    log = parse("1,0,GPU-A,1,5000\nx,1,GPU-A,1,6000\n3,2,GPU-A,-7,6000\n4,3,GPU-A,1,7000\n")

    assert log.rows["power.draw"].to_list() == [5.0, 7.0]
    assert slugs(log) == {"power-log-bad": 2}


def test_a_lost_gpu_is_told() -> None:
    assert slugs(parse("1,0,GPU-A,1,5000\n# lost GPU-A\n")) == {"power-gpu-lost": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# traceenergy-sample 2 x\n" + COLUMNS + "1,0,GPU-A,1,5\n", "line 1: expected version 1"),
        (HEAD + "utc:int64[ns],gpu:uuid,polls:int64\n1,A,1\n", "expected monotonic:int64"),
        (HEAD + COLUMNS.replace("[mW]", "[W]") + "1,0,A,1,5\n", "expected power.draw:int64.mW"),
        (HEAD, "line 2: expected utc"),
    ],
)
def test_what_cannot_be_understood_is_refused(text: str, expected: str) -> None:
    with pytest.raises(BadPowerLogError, match=expected):
        parse_sample_log(text, "power.csv")


@pytest.mark.parametrize("rows", ["", "1,0,GPU-A,1,N/A\n"])
def test_a_log_without_power_is_no_power(rows: str) -> None:
    with pytest.raises(NoPowerError):
        parse(rows)


def test_a_step_of_the_wall_clock_moves_no_sample() -> None:
    rows = "".join(f"{UTC_NS + i * MS + (i > 5) * H},{i * MS},GPU-A,1,{i}\n" for i in range(20))
    early, late = parse(rows, near_ns=UTC_NS), parse(rows, near_ns=UTC_NS + H + 15 * MS)

    assert early.rows["wall_ns"].to_list() == [UTC_NS + i * MS for i in range(20)]
    assert late.rows["wall_ns"].to_list() == [UTC_NS + H + i * MS for i in range(20)]
    assert slugs(early) == slugs(late) == {"power-clock-set": None}


@given(st.integers(0, 400), st.binary(max_size=12), st.integers(0, 12))
def test_damage_is_an_error_of_ours_or_a_log(at: int, put: bytes, n_lost: int) -> None:
    rows = "".join(f"{UTC_NS + i},{i},GPU-A,1,{i}\n" for i in range(9))
    whole = f"{HEAD}# gpu index=0 uuid=GPU-A bus_id=00:00 name=x\n{COLUMNS}{rows}".encode()
    try:
        log = parse_sample_log(whole[:at] + put + whole[at + n_lost :], "power.csv")
    except TraceEnergyError:
        return

    assert log.rows["wall_ns"].is_sorted()
    assert len(log.rows) > 0


# --- beside a trace


def trace_of(*uuids: str, clock: TraceClock) -> Trace:
    trace = build_trace([Work("k", 10 * MS, 90 * MS, device=d) for d in range(len(uuids))])
    known = pl.Series([uuid.lower().removeprefix("gpu-") for uuid in uuids])
    devices = trace.devices.with_columns(gpu_uuid=known)
    return replace(trace, devices=Devices(devices), clock=clock)


@pytest.mark.parametrize("zone", [None, 0, -7 * H])
def test_times_are_utc_whatever_the_zone_of_the_traced_computer(
    csv: Path, zone: int | None
) -> None:
    write_log(csv, [reading(t, power_draw_instant=100_000) for t in (0, 50, 100)], period_ms=50)
    trace = trace_of(UUID, clock=TraceClock(UTC_NS, zone))

    trace = check_trace(attach_power_logs(trace, [csv], ReadOptions()))

    assert trace.power_samples.rows() == [
        (0, 0, t * MS, 100.0, "power.draw.instant", "traceenergy-sample") for t in (0, 50, 100)
    ]
    assert trace.caveats == ()
    assert trace.origins[-1].kind == "traceenergy-sample"


def test_a_log_in_local_time_goes_beside_one_in_utc(csv: Path) -> None:
    # UTC_NS is 2023-11-14 22:13:20 UTC, so 15:13:20 seven hours west.
    write_log(csv, [reading(t, power_draw_instant=100_000) for t in (0, 50, 100)], period_ms=50)
    smi = csv.with_name("smi.csv")
    smi.write_text(
        "timestamp, uuid, power.draw [W]\n"
        f"2023/11/14 15:13:20.000, {UUID}, 200.00 W\n"
        f"2023/11/14 15:13:20.100, {UUID}, 200.00 W\n"
    )
    trace = trace_of(UUID, clock=TraceClock(UTC_NS, -7 * H))

    trace = attach_power_logs(trace, [csv, smi], ReadOptions())

    assert trace.power_samples.filter(field="power.draw")["sample_ns"].to_list() == [0, 100 * MS]
    instant = trace.power_samples.filter(field="power.draw.instant")
    assert instant["sample_ns"].to_list() == [0, 50 * MS, 100 * MS]


def test_each_gpu_by_its_uuid_with_all_its_readings(csv: Path) -> None:
    rest = {"clocks_sm": 1980, "clocks_mem": 2619, "temperature_gpu": 41, "energy": 7000}
    rest |= {"enforced_power_limit": 700_000}
    write_log(
        csv,
        [
            reading(t, uuid, power_draw_instant=watt * 1000, **rest)
            for t in (0, 100)
            for uuid, watt in ((UUID, 100), (OTHER, 200))
        ],
        period_ms=100,
        boards=2,
    )
    trace = trace_of(OTHER, UUID, clock=TraceClock(UTC_NS, 0))

    trace = check_trace(attach_power_logs(trace, [csv], ReadOptions()))

    power = trace.power_samples.select("device_id", "power_w").unique().sort("device_id").rows()
    assert power == [(0, 200.0), (1, 100.0)]
    assert trace.readings.filter(device_id=0, sample_ns=0).select("quantity", "value").rows() == [
        ("energy_counter_j", 7.0), ("mem_clock_mhz", 2619.0), ("power_limit_w", 700.0),
        ("sm_clock_mhz", 1980.0), ("temperature_c", 41.0),
    ]  # fmt: skip
