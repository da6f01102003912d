"""Power logs laid beside a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.build import Work, build_trace
from traceenergy.durations import parse_duration
from traceenergy.errors import (
    AmbiguousPowerError,
    BadPowerLogError,
    ClockMismatchError,
    NoPowerError,
    TooFewSamplesError,
    UsageError,
)
from traceenergy.read.options import ReadOptions
from traceenergy.read.power_log import attach_power_logs
from traceenergy.trace.model import Trace, TraceClock, check_trace
from traceenergy.trace.tables import Devices

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
H = 3600 * S
NOON_NS = 1_767_268_800 * S  # 2026-01-01 12:00:00 UTC
UUIDS = [f"{n:08x}-4455-6677-8899-aabbccddeeff" for n in (1, 2, 3)]
BUSES = ["00000000:17:00.0", "00000000:3b:00.0", "00000000:5d:00.0"]
NAMELESS = "timestamp, power.draw [W]"
NO_OPTIONS = ReadOptions()


def trace_of(
    *gpus: tuple[int, int],
    uuids: list[str | None] | None = None,
    buses: list[str | None] | None = None,
    clock: TraceClock | None = None,
) -> Trace:
    """Run one kernel from second 1 to second 3 on each (rank, device); trace 0 is noon UTC."""
    trace = build_trace([Work("k", S, 3 * S, device=d, rank=r) for r, d in gpus])
    devices = trace.devices.with_columns(
        gpu_uuid=pl.Series(uuids or [None] * len(gpus), dtype=pl.String),
        pci_bus_id=pl.Series(buses or [None] * len(gpus), dtype=pl.String),
    )
    return replace(trace, devices=Devices(devices), clock=clock or TraceClock(NOON_NS, 0))


def log_of(path: Path, header: str, *lines: str, day: str = "2026/01/01") -> Path:
    """Write a log; each line's `@12:00:01` stands for the day and that time."""
    body = [line.replace("@", f"{day} ") for line in lines]
    path.write_text("\n".join([header, *body, ""]))
    return path


def found(trace: Trace) -> list[tuple[object, ...]]:
    return trace.power_samples.select("rank", "device_id", "sample_ns", "power_w").rows()


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "power.csv"


@pytest.fixture
def whole(csv: Path) -> Path:
    """Write a nameless log that covers the kernel."""
    return log_of(csv, NAMELESS, "@12:00:00.500, 100.00 W", "@12:00:03.500, 300.00 W")


def test_nameless_log_belongs_to_the_only_gpu(whole: Path) -> None:
    trace = check_trace(attach_power_logs(trace_of((0, 0)), [whole], NO_OPTIONS))

    assert trace.power_samples.rows() == [
        (0, 0, S // 2, 100.0, "power.draw", "nvidia-smi"),
        (0, 0, 7 * S // 2, 300.0, "power.draw", "nvidia-smi"),
    ]
    assert trace.caveats == ()


def test_origin_is_the_file_name_and_its_hash(whole: Path) -> None:
    origin = attach_power_logs(trace_of((0, 0)), [whole], NO_OPTIONS).origins[-1]

    assert (origin.name, origin.kind, origin.rank) == ("power.csv", "nvidia-smi", None)
    assert len(origin.sha256) == 64


def test_fields_and_readings_are_rows_of_their_own(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, power.draw.instant [W], power.draw [W], clocks.current.sm [MHz], "
        "clocks.current.memory [MHz], temperature.gpu, power.limit [W]",
        "@12:00:01.000, 110.00 W, 100.00 W, 1980 MHz, 2619 MHz, 40, 700.00 W",
        "@12:00:02.000, [N/A], 200.00 W, [N/A], 2619 MHz, 41, 700.00 W",
    )

    trace = check_trace(attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS))

    assert trace.power_samples.select("field", "sample_ns", "power_w").rows() == [
        ("power.draw", S, 100.0),
        ("power.draw", 2 * S, 200.0),
        ("power.draw.instant", S, 110.0),
    ]
    assert trace.readings.select("quantity", "sample_ns", "value").rows() == [
        ("mem_clock_mhz", S, 2619.0),
        ("mem_clock_mhz", 2 * S, 2619.0),
        ("power_limit_w", S, 700.0),
        ("power_limit_w", 2 * S, 700.0),
        ("sm_clock_mhz", S, 1980.0),
        ("temperature_c", S, 40.0),
        ("temperature_c", 2 * S, 41.0),
    ]


def test_held_values_are_kept_as_printed(csv: Path) -> None:
    log_of(csv, NAMELESS, *(f"@12:00:0{n}.000, 100.00 W" for n in range(5)))

    assert len(found(attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS))) == 5


# --- which GPU


def test_uuid_decides_whatever_the_index(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, index, uuid, power.draw [W]",
        *(
            f"@12:00:0{second}.00{gpu}, {gpu}, GPU-{UUIDS[gpu]}, {gpu + 1}00.00 W"
            for second in (1, 2)
            for gpu in (0, 1, 2)
        ),
    )
    # device 0 is the log's GPU 1, device 1 its GPU 0; GPU 2 ran nothing
    trace = trace_of((0, 0), (0, 1), uuids=[UUIDS[1], UUIDS[0]])

    trace = attach_power_logs(trace, [csv], NO_OPTIONS)

    ms = 1_000_000
    assert found(trace) == [
        (0, 0, S + ms, 200.0), (0, 0, 2 * S + ms, 200.0),
        (0, 1, S, 100.0), (0, 1, 2 * S, 100.0),
    ]  # fmt: skip
    assert trace.caveats == ()


def test_bus_id_decides_where_the_trace_has_no_uuid(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, uuid, pci.bus_id, power.draw [W]",
        f"@12:00:00.000, GPU-{UUIDS[0]}, 00000000:17:00.0, 100.00 W",
        f"@12:00:00.000, GPU-{UUIDS[1]}, 00000000:3B:00.0, 200.00 W",
        f"@12:00:03.000, GPU-{UUIDS[0]}, 00000000:17:00.0, 100.00 W",
        f"@12:00:03.000, GPU-{UUIDS[1]}, 00000000:3B:00.0, 200.00 W",
    )
    trace = trace_of((0, 0), buses=[BUSES[1]])

    trace = attach_power_logs(trace, [csv], NO_OPTIONS)

    assert found(trace) == [(0, 0, 0, 200.0), (0, 0, 3 * S, 200.0)]
    assert trace.caveats == ()


def test_index_alone_is_a_guess_and_said(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, index, power.draw [W]",
        *(f"@12:00:0{s}.000, {g}, {g + 1}00.00 W" for s in (0, 3) for g in (0, 1)),
    )

    trace = attach_power_logs(trace_of((0, 1)), [csv], NO_OPTIONS)

    assert found(trace) == [(0, 1, 0, 200.0), (0, 1, 3 * S, 200.0)]
    assert slugs(trace) == {"power-gpu-by-index": 1}


def test_uuids_that_disagree_are_never_overruled_by_the_index(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, index, uuid, power.draw [W]",
        *(f"@12:00:0{s}.000, 0, GPU-{UUIDS[2]}, 100.00 W" for s in (0, 3)),
    )

    with pytest.raises(AmbiguousPowerError) as caught:
        attach_power_logs(trace_of((0, 0), uuids=[UUIDS[0]]), [csv], NO_OPTIONS)

    assert UUIDS[2] in caught.value.details
    assert UUIDS[0] in caught.value.details


def test_only_gpu_of_the_log_is_the_only_gpu_of_a_trace_without_names(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, uuid, power.draw [W]",
        *(f"@12:00:0{s}.000, GPU-{UUIDS[2]}, 100.00 W" for s in (0, 3)),
    )

    trace = attach_power_logs(trace_of((0, 5)), [csv], NO_OPTIONS)

    assert {row[:2] for row in found(trace)} == {(0, 5)}
    assert slugs(trace) == {"power-gpu-assumed": None}


def test_nameless_log_beside_two_gpus_needs_the_user(whole: Path) -> None:
    trace = trace_of((0, 0), (0, 1))

    with pytest.raises(AmbiguousPowerError, match="cannot be tied") as caught:
        attach_power_logs(trace, [whole], NO_OPTIONS)

    assert "--power-gpu power.csv=0" in caught.value.next_step


@pytest.mark.parametrize("entry", ["1", "power.csv=1", "0:1", "POWER.csv=0:1", UUIDS[1]])
def test_user_names_the_gpu_of_a_nameless_log(whole: Path, entry: str) -> None:
    trace = trace_of((0, 0), (0, 1), uuids=[UUIDS[0], UUIDS[1]])

    trace = attach_power_logs(trace, [whole], ReadOptions(power_gpu=(entry,)))

    assert found(trace) == [(0, 1, S // 2, 100.0), (0, 1, 7 * S // 2, 300.0)]
    assert slugs(trace) == {}


@pytest.mark.parametrize("source", ["0", f"GPU-{UUIDS[2]}", UUIDS[2]])
def test_user_wins_over_uuids(csv: Path, source: str) -> None:
    log_of(
        csv,
        "timestamp, index, uuid, power.draw [W]",
        *(f"@12:00:0{s}.000, 0, GPU-{UUIDS[2]}, 100.00 W" for s in (0, 3)),
    )
    trace = trace_of((0, 0), uuids=[UUIDS[0]])

    trace = attach_power_logs(trace, [csv], ReadOptions(power_gpu=(f"{source}=0",)))

    assert found(trace) == [(0, 0, 0, 100.0), (0, 0, 3 * S, 100.0)]


def test_the_proposed_power_gpu_works(whole: Path) -> None:
    trace = trace_of((0, 0), (1, 0))
    with pytest.raises(AmbiguousPowerError) as caught:
        attach_power_logs(trace, [whole], NO_OPTIONS)
    words = caught.value.next_step.replace(";", " ").split()

    trace = attach_power_logs(
        trace, [whole], ReadOptions(power_gpu=(words[words.index("--power-gpu") + 1],))
    )

    assert {row[:2] for row in found(trace)} == {(0, 0)}


def test_one_log_per_gpu(tmp_path: Path) -> None:
    lines = ("@12:00:00.000, 100.00 W", "@12:00:03.000, 100.00 W")
    logs = [log_of(tmp_path / f"gpu{n}.csv", NAMELESS, *lines) for n in (0, 1)]

    trace = attach_power_logs(
        trace_of((0, 0), (0, 1)), logs, ReadOptions(power_gpu=("gpu0.csv=1", "gpu1.csv=0"))
    )

    assert {row[:2] for row in found(trace)} == {(0, 0), (0, 1)}
    assert len(found(trace)) == 4


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (("gpu",), "is not understood"),
        (("0=1=x",), "is not understood"),
        (("-1",), "is not understood"),
        (("9",), "no such GPU ran work"),
        (("3:0",), "no such GPU ran work"),
        (("other.csv=0",), "no power log has a source `other.csv`"),
        (("0", "1"), "twice"),
    ],
)
def test_power_gpu_that_means_nothing(whole: Path, entries: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        attach_power_logs(trace_of((0, 0), (0, 1)), [whole], ReadOptions(power_gpu=entries))


def test_number_in_several_ranks_needs_the_rank(whole: Path) -> None:
    trace = trace_of((0, 0), (1, 0))

    with pytest.raises(AmbiguousPowerError, match="several ranks"):
        attach_power_logs(trace, [whole], ReadOptions(power_gpu=("0",)))

    trace = attach_power_logs(trace, [whole], ReadOptions(power_gpu=("1:0",)))
    assert {row[:2] for row in found(trace)} == {(1, 0)}


def test_ranks_that_share_a_gpu_share_its_samples(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, uuid, power.draw [W]",
        *(f"@12:00:0{s}.000, GPU-{UUIDS[0]}, 100.00 W" for s in (0, 3)),
    )
    trace = trace_of((0, 0), (1, 0), uuids=[UUIDS[0], UUIDS[0]])

    trace = attach_power_logs(trace, [csv], NO_OPTIONS)

    assert {row[:2] for row in found(trace)} == {(0, 0), (1, 0)}
    assert slugs(trace) == {"shared-gpu": 1}


def test_log_replaces_power_recorded_in_the_trace_for_its_gpu_only(csv: Path) -> None:
    log_of(
        csv,
        "timestamp, index, power.draw [W]",
        *(f"@12:00:0{s}.000, 0, 100.00 W" for s in (0, 3)),
    )
    trace = trace_of((0, 0), (0, 1))
    inside = build_trace(power={0: [(0, 1.0)], 1: [(0, 2.0)]}).power_samples

    trace = attach_power_logs(replace(trace, power_samples=inside), [csv], NO_OPTIONS)

    assert sorted(found(trace)) == [(0, 0, 0, 100.0), (0, 0, 3 * S, 100.0), (0, 1, 0, 2.0)]
    assert slugs(trace) == {"power-gpu-by-index": 1, "power-log-wins": 1}


# --- which time


def test_log_is_in_the_zone_of_the_traced_computer(csv: Path) -> None:
    # 12:00 UTC is 20:00 in Taipei
    log_of(csv, NAMELESS, "@20:00:00.000, 100.00 W", "@20:00:03.000, 100.00 W")

    trace = attach_power_logs(trace_of((0, 0), clock=TraceClock(NOON_NS, 8 * H)), [csv], NO_OPTIONS)

    assert [row[2] for row in found(trace)] == [0, 3 * S]


def test_log_in_another_zone_is_refused_with_the_offset_that_helps(csv: Path) -> None:
    log_of(csv, NAMELESS, "@10:00:00.000, 100.00 W", "@10:00:03.000, 100.00 W")

    with pytest.raises(ClockMismatchError) as caught:
        attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS)

    assert "2026-01-01 12:00:01.000 - 12:00:03.000  literal-0.sqlite" in caught.value.details
    assert "2026-01-01 10:00:00.000 - 10:00:03.000  power.csv" in caught.value.details
    assert "pass --power-clock-offset 2h if so" in caught.value.next_step


def test_log_in_utc_from_a_computer_that_was_not_is_refused_too(csv: Path) -> None:
    log_of(csv, NAMELESS, "@12:00:00.000, 100.00 W", "@12:00:03.000, 100.00 W")
    trace = trace_of((0, 0), clock=TraceClock(NOON_NS, 8 * H))

    with pytest.raises(ClockMismatchError, match="overlap") as caught:
        attach_power_logs(trace, [csv], NO_OPTIONS)

    assert "--power-clock-offset 8h" in caught.value.next_step
    trace = attach_power_logs(trace, [csv], ReadOptions(power_clock_offset_ns=8 * H))
    assert [row[2] for row in found(trace)] == [0, 3 * S]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(-(10**6), 10**6), st.sampled_from([None, 0, -3 * H]))
def test_the_proposed_offset_works(csv: Path, late_s: int, given_ns: int | None) -> None:
    log_of(csv, NAMELESS, "@12:00:00.000, 100.00 W", "@12:00:03.000, 100.00 W")
    trace = trace_of((0, 0), clock=TraceClock(NOON_NS + late_s * S, 0))
    try:
        attach_power_logs(trace, [csv], ReadOptions(power_clock_offset_ns=given_ns))
    except ClockMismatchError as error:
        words = error.next_step.replace(",", " ").split()
        offset_ns = parse_duration(words[words.index("--power-clock-offset") + 1])
        trace = attach_power_logs(trace, [csv], ReadOptions(power_clock_offset_ns=offset_ns))
        assert len(trace.power_samples) == 2


def test_zone_not_recorded_is_taken_as_utc_and_said(whole: Path) -> None:
    trace = trace_of((0, 0), clock=TraceClock(NOON_NS, None))

    assert slugs(attach_power_logs(trace, [whole], NO_OPTIONS)) == {"power-clock-zone": None}


def test_trace_without_wall_clock_needs_the_user(whole: Path) -> None:
    trace = trace_of((0, 0), clock=TraceClock())

    with pytest.raises(ClockMismatchError, match="no wall clock"):
        attach_power_logs(trace, [whole], NO_OPTIONS)

    trace = attach_power_logs(trace, [whole], ReadOptions(power_clock_offset_ns=S // 4))
    assert [row[2] for row in found(trace)] == [S // 4, S // 4 + 3 * S]
    assert slugs(trace) == {"power-clock-given": None}


def test_log_that_covers_a_part_says_how_much_is_missing(csv: Path) -> None:
    # kernel   1 s ------------ 3 s
    # log         1.5 s - 1.75 s      in periods of 50 ms
    log_of(csv, NAMELESS, *(f"@12:00:01.{ms}, 100.00 W" for ms in range(500, 751, 50)))

    trace = attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS)

    text = trace.caveats[0].text
    assert "begins 0.500 s after the first GPU work and ends 1.250 s before the last" in text


def test_one_log_of_several_may_lie_outside(whole: Path, tmp_path: Path) -> None:
    lines = ("@12:00:00.000, 100.00 W", "@12:00:03.000, 100.00 W")
    other = log_of(tmp_path / "yesterday.csv", NAMELESS, *lines, day="2025/12/30")

    trace = attach_power_logs(trace_of((0, 0)), [whole, other], NO_OPTIONS)

    assert len(found(trace)) == 2
    assert [(c.slug, c.where) for c in trace.caveats] == [("power-log-outside", "yesterday.csv")]


def test_rotated_logs_follow_each_other_and_repeat_nothing(tmp_path: Path) -> None:
    lines = [f"@12:00:0{s}.000, {s}00.00 W" for s in range(5)]
    first = log_of(tmp_path / "a.csv", NAMELESS, *lines[:3])
    second = log_of(tmp_path / "b.csv", NAMELESS, *lines[2:])

    trace = attach_power_logs(trace_of((0, 0)), [second, first], NO_OPTIONS)

    assert [row[2:] for row in found(trace)] == [(s * S, s * 100.0) for s in range(5)]


# --- nothing to work with


def test_one_sample_is_an_error_never_zero_joules(csv: Path) -> None:
    log_of(csv, NAMELESS, "@12:00:02.000, 100.00 W")

    with pytest.raises(TooFewSamplesError, match="1 power sample of") as caught:
        attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS)

    assert caught.value.exit_code == 3


def test_two_values_of_one_moment_are_one_sample(csv: Path) -> None:
    log_of(csv, NAMELESS, "@12:00:02.000, 100.00 W", "@12:00:02.000, 200.00 W")

    with pytest.raises(TooFewSamplesError):
        attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS)


def test_log_without_samples_is_no_power(csv: Path) -> None:
    with pytest.raises(NoPowerError):
        attach_power_logs(trace_of((0, 0)), [log_of(csv, NAMELESS)], NO_OPTIONS)


def test_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPowerLogError, match=r"absent\.csv"):
        attach_power_logs(trace_of((0, 0)), [tmp_path / "absent.csv"], NO_OPTIONS)


def test_no_logs_leave_the_trace_as_it_is() -> None:
    trace = trace_of((0, 0))

    assert attach_power_logs(trace, [], NO_OPTIONS) is trace


def test_a_log_of_the_counter_alone_makes_readings_and_no_power(csv: Path) -> None:
    log_of(csv, "timestamp, energy_mj", "@12:00:00.500, 7000", "@12:00:03.500, 907000")

    trace = check_trace(attach_power_logs(trace_of((0, 0)), [csv], NO_OPTIONS))

    assert trace.power_samples.is_empty()
    assert trace.readings.rows() == [
        (0, 0, S // 2, "energy_counter_j", 7.0),
        (0, 0, 7 * S // 2, "energy_counter_j", 907.0),
    ]
