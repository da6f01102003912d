"""Lengths of time as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.durations import format_duration, parse_duration, parse_time_range
from traceenergy.errors import UsageError

MS = 1_000_000
S = 1_000_000_000
H = 3600 * S


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("1s500ms", 1500 * MS),
        ("250ms", 250 * MS),
        ("2h", 2 * H),
        ("-30m", -H // 2),
        ("+1h30m", 3 * H // 2),
        (" 10us ", 10_000),
        ("10\u00b5s", 10_000),
        ("10\u03bcs", 10_000),
        ("7ns", 7),
        # 0.1 has no exact binary form: 0.1 * 1e9 in float64 is right by luck, 1.1 s is not
        ("1.1s", 1_100_000_000),
        (".5ms", 500_000),
        ("0", 0),
        ("-0", 0),
    ],
)
def test_durations_are_read_to_the_nanosecond(text: str, expected_ns: int) -> None:
    assert parse_duration(text) == expected_ns


@pytest.mark.parametrize(
    "text", ["", "5", "1 s", "s", "1s-5ms", "1d", "1e3s", "--2h", "٣s", "1,5s"]
)
def test_what_is_no_duration_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="is not a length of time") as caught:
        parse_duration(text)

    assert "1s500ms" in caught.value.next_step


def test_parts_of_a_nanosecond_are_refused_rather_than_rounded_away() -> None:
    with pytest.raises(UsageError, match="finer than one nanosecond"):
        parse_duration("0.5ns")


@pytest.mark.parametrize("text", ["99999999999s", "-900000h"])
def test_what_overflows_64_bits_when_added_to_a_date_is_refused(text: str) -> None:
    # 99,999,999,999 s, or 3170 years, are 1e20 ns; int64 ends at 9.2e18.
    with pytest.raises(UsageError, match="more than 100 years"):
        parse_duration(text)


@given(st.integers(-(3 * 10**18), 3 * 10**18))
def test_a_written_duration_reads_back_exactly(duration_ns: int) -> None:
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s500ms/2s", (1500 * MS, 2 * S)),
        ("1s/", (S, None)),
        ("/2s", (None, 2 * S)),
        ("-5ms/5ms", (-5 * MS, 5 * MS)),
    ],
)
def test_a_side_left_out_of_a_range_is_open(
    text: str, expected: tuple[int | None, int | None]
) -> None:
    assert parse_time_range(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1s", "is not a range of time"),
        ("/", "is not a range of time"),
        ("2s/1s", "ends before it starts"),
        ("1s/1s", "ends before it starts"),
        ("1s/2", "is not a length of time"),
    ],
)
def test_a_range_that_means_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_time_range(text)
