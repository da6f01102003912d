"""Quantities keep their digits and wear their unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.report.quantities import (
    UNKNOWN,
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)


@pytest.mark.parametrize(
    ("energy_j", "text"),
    [
        (1234.5, "1.23 kJ"),
        (2.5e6, "2.50 MJ"),
        (12.34, "12.3 J"),
        (0.9996, "1.00 J"),  # three digits of it are 1.00, so it is no longer mJ
        (9.996, "10.0 J"),
        (0.0123, "12.3 mJ"),
        (4.56e-6, "4.56 µJ"),
        (3e-8, "0.0300 µJ"),  # no unit below µJ
        (-12.34, "-12.3 J"),
        (0.0, "0 J"),
        (None, UNKNOWN),
        (math.nan, UNKNOWN),
        (math.inf, UNKNOWN),
    ],
)
def test_energy_has_three_digits_and_a_unit(energy_j: float | None, text: str) -> None:
    assert energy_text(energy_j) == text


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(1.5, "1.50 s"), (0.00125, "1.25 ms"), (2.5e-6, "2.50 µs"), (7e-9, "7.00 ns"),
     (599.0, "599 s"), (1200.0, "20.0 min"), (0.0, "0 s"), (None, UNKNOWN)],
)  # fmt: skip
def test_duration_has_a_unit(time_s: float | None, text: str) -> None:
    assert duration_text(time_s) == text


@pytest.mark.parametrize(
    ("power_w", "text"),
    [(612.34, "612 W"), (5600.0, "5,600 W"), (12_340.0, "12.3 kW"), (0.25, "250 mW"),
     (None, UNKNOWN)],
)  # fmt: skip
def test_power_of_a_board_stays_in_watts(power_w: float | None, text: str) -> None:
    assert power_text(power_w) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.4567, "45.7 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (0.0001, "< 0.1 %"),
     (-0.0001, "> -0.1 %"), (None, UNKNOWN), (math.nan, UNKNOWN)],
)  # fmt: skip
def test_a_small_share_is_not_zero(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_bounds_wear_the_unit_and_decimals_of_their_energy() -> None:
    assert bounds_text(12.34, 11.0, 13.94) == "11.0\N{EN DASH}13.9"
    # 1.23 mJ
    assert bounds_text(0.00123, -0.0001, 0.002) == "-0.10 to 2.00"


def test_an_interval_needs_both_bounds() -> None:
    assert bounds_text(12.34, None, 13.9) == ""
    assert bounds_text(12.34, 11.0, math.nan) == ""
    assert bounds_text(None, None, None) == ""


def test_nothing_at_all_needs_no_bounds() -> None:
    assert bounds_text(0.0, 0.0, 0.0) == ""


def test_bounds_of_nothing_are_in_joules_as_the_nothing_is() -> None:
    """They used to be in microjoules beside `0 J`."""
    assert bounds_text(0.0, 0.0, 2.0) == "0.00\N{EN DASH}2.00"


def test_counts_are_grouped() -> None:
    assert count_text(1_234_567) == "1,234,567"
    assert count_text(None) == UNKNOWN


@given(st.floats(1e-6, 1e9), st.integers(1, 6))
def test_rounding_moves_a_number_by_less_than_half_its_last_digit(value: float, n: int) -> None:
    shown = float(significant(value, n).replace(",", ""))

    # n significant digits: relative error at most 5 * 10**-n
    assert shown == pytest.approx(value, rel=5.0001 * 10.0**-n)
