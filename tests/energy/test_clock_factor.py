"""Power by clock: drawn clocks over drawn work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.device import EPOCH_NS, MS
from traceenergy.energy.clock_factor import (
    EXPONENT,
    LEAST_CHANGE,
    MIN_READINGS,
    Clocks,
    clock_factor,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Int = NDArray[np.int64]


def at_ms(time_ms: ArrayLike) -> Int:
    return EPOCH_NS + np.round(np.array(time_ms, dtype=np.float64) * MS).astype(np.int64)


def clocks_of(time_ms: ArrayLike, clock_mhz: ArrayLike) -> Clocks:
    return Clocks(at_ms(time_ms), np.array(clock_mhz, dtype=np.float64))


# Ten pieces of 100 ms, one every 200 ms, read in the middle of each.
START_MS = np.arange(10) * 200.0
START_NS, END_NS = at_ms(START_MS), at_ms(START_MS + 100)
BUSY_MS, IDLE_MS = START_MS + 50, START_MS + 150


def test_no_clock_says_nothing() -> None:
    assert clock_factor(None, START_NS, END_NS) is None
    assert clock_factor(clocks_of([], []), START_NS, END_NS) is None


def test_no_work_has_no_factor() -> None:
    none = np.zeros(0, dtype=np.int64)

    assert clock_factor(clocks_of(BUSY_MS, np.full(10, 1500.0)), none, none) is None


def test_work_of_no_length_is_not_read_at_any_clock() -> None:
    clocks = clocks_of(BUSY_MS, 1000 + 100 * np.arange(10.0))

    assert clock_factor(clocks, START_NS, START_NS) is None


def test_a_constant_clock_changes_nothing() -> None:
    assert clock_factor(clocks_of(BUSY_MS, np.full(10, 1500.0)), START_NS, END_NS) is None


@pytest.mark.parametrize(("part", "is_told"), [(0.5, False), (1.5, True)])
def test_a_clock_that_hardly_changes_counts_as_constant(part: float, *, is_told: bool) -> None:
    clock_mhz = np.full(10, 1500.0)
    clock_mhz[3] += part * LEAST_CHANGE * 1500

    found = clock_factor(clocks_of(BUSY_MS, clock_mhz), START_NS, END_NS)

    assert (found is not None) == is_told


def test_power_falls_faster_than_the_clock() -> None:
    # median 1500 MHz; one piece at two thirds of it
    clock_mhz = np.full(10, 1500.0)
    clock_mhz[3] = 1000.0
    # read at the start of each piece: it runs at that clock
    found = clock_factor(clocks_of(START_MS, clock_mhz), START_NS, END_NS)

    assert found is not None
    assert found[3] == pytest.approx((2 / 3) ** 2.2)
    assert np.delete(found, 3) == pytest.approx(np.ones(9))


def test_a_clock_goes_straight_from_reading_to_reading() -> None:
    # 50 ms after 1000 MHz, 150 ms before 2000 MHz; the median of the ten is 1500
    clock_mhz = np.array([1000, 2000, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500.0])

    found = clock_factor(clocks_of(BUSY_MS, clock_mhz), START_NS + 50 * MS, END_NS)
    later = clock_factor(clocks_of(BUSY_MS, clock_mhz), START_NS + 25 * MS, END_NS)

    assert found is not None
    assert later is not None
    assert found[:2] == pytest.approx(np.array([1000, 2000]) ** EXPONENT / 1500**EXPONENT)
    # before the first reading its clock holds; 25 ms before the second, 175 of 200 ms are gone
    assert later[:2] == pytest.approx(np.array([1000, 1875]) ** EXPONENT / 1500**EXPONENT)


def test_readings_in_gaps_say_nothing_of_work() -> None:
    # busy at 1500 and 1600 MHz in turn, idle at 300 MHz between
    busy_mhz = np.tile([1500.0, 1600.0], 5)
    time_ms = np.concatenate((BUSY_MS, IDLE_MS))
    order = np.argsort(time_ms)
    both = clocks_of(time_ms[order], np.concatenate((busy_mhz, np.full(10, 300.0)))[order])

    found = clock_factor(both, START_NS, END_NS)

    alone = clock_factor(clocks_of(BUSY_MS, busy_mhz), START_NS, END_NS)
    assert alone is not None
    assert found == pytest.approx(alone)


def test_a_clock_that_only_rests_in_gaps_is_constant() -> None:
    time_ms = np.sort(np.concatenate((BUSY_MS, IDLE_MS)))

    assert clock_factor(clocks_of(time_ms, np.tile([1500.0, 300.0], 10)), START_NS, END_NS) is None


def test_a_gap_is_where_nothing_runs_whatever_the_order_of_pieces() -> None:
    # a long piece below two short ones: between those it still runs
    start_ns, end_ns = at_ms([0, 100, 1500]), at_ms([2000, 200, 1600])
    clock_mhz = np.linspace(1000, 2000, 11)

    found = clock_factor(clocks_of(np.arange(11) * 190.0 + 5, clock_mhz), start_ns, end_ns)

    assert found is not None
    assert found[0] == pytest.approx((1000 / 1500) ** 2.2)


@pytest.mark.parametrize(("n", "is_told"), [(MIN_READINGS - 1, False), (MIN_READINGS, True)])
def test_a_few_readings_are_not_enough(n: int, *, is_told: bool) -> None:
    found = clock_factor(clocks_of(BUSY_MS[:n], 1000 + 100 * np.arange(n)), START_NS, END_NS)

    assert (found is not None) == is_told


@pytest.mark.parametrize("resting_mhz", [300.0, 0.0, -1.0])
def test_a_clock_that_rests_at_the_edge_of_work_says_nothing_of_it(resting_mhz: float) -> None:
    # read within the work by the clock of the log, which may be off by a little
    clock_mhz = 1000 + 100 * np.arange(10.0)
    clock_mhz[4] = resting_mhz

    found = clock_factor(clocks_of(BUSY_MS, clock_mhz), START_NS, END_NS)

    left = np.arange(10) != 4
    assert found == pytest.approx(
        clock_factor(clocks_of(BUSY_MS[left], clock_mhz[left]), START_NS, END_NS)
    )


@pytest.mark.parametrize("wrong_mhz", [0.0, np.nan, -1.0])
def test_clocks_that_cannot_be_are_not_believed(wrong_mhz: float) -> None:
    assert clock_factor(clocks_of(BUSY_MS, np.full(10, wrong_mhz)), START_NS, END_NS) is None


@given(st.lists(st.floats(1000, 1900), min_size=10, max_size=10), st.floats(0.1, 10))
def test_only_ratios_of_clocks_count(clock_mhz: list[float], scale: float) -> None:
    found = clock_factor(clocks_of(BUSY_MS, clock_mhz), START_NS, END_NS)
    scaled = clock_factor(clocks_of(BUSY_MS, np.array(clock_mhz) * scale), START_NS, END_NS)

    if found is None or scaled is None:
        # on the border of what counts as constant rounding may decide
        assert np.ptp(clock_mhz) <= LEAST_CHANGE * np.median(clock_mhz) * (1 + 1e-9)
    else:
        assert found == pytest.approx(scaled)
        # the usual clock is among those of the work
        assert found.min() <= 1 + 1e-9
        assert found.max() >= 1 - 1e-9
