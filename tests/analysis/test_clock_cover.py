"""Work cut at readings; what launches and readings tell of the clock; on arrays drawn by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.analysis.clock_contrast import HIGHER, LOWER, NOT_TOLD, contrast_rows
from traceenergy.analysis.clock_cover import cover, stretch_of
from traceenergy.analysis.clock_sensitivity import clock_bound
from traceenergy.analysis.clock_series import DeviceReadings, Zones, reading_zones
from traceenergy.analysis.clocked_work import ClockedWork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.clock_facts import ClockFacts
    from traceenergy.analysis.clock_sensitivity import ClockBound
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

NONE = np.empty(0, dtype=np.int64)
NO_WORK = Zones(NONE, NONE, np.empty(0))


def ints(*values: int) -> Int:
    return np.array(values, dtype=np.int64)


# readings at 10, 20, 30; a gap; one at 100: [5, 15) [15, 25) [25, 40) ... [90, 110)
AT = ints(10, 20, 30, 100)


def test_a_reading_covers_what_is_nearest_to_it_and_a_period_at_most() -> None:
    low, high = reading_zones(AT)

    assert low.tolist() == [5, 15, 25, 90]
    assert high.tolist() == [15, 25, 40, 110]


def test_pieces_are_cut_at_the_edges_of_readings() -> None:
    zones = Zones(*reading_zones(AT), np.zeros(4))

    found = cover(zones, ints(0, 12, 26, 38, 50, 95), ints(5, 28, 30, 95, 60, 200))

    parts = sorted(
        zip(found.piece.tolist(), found.zone.tolist(), found.time_ns.tolist(), strict=True)
    )
    assert parts == [
        (1, 0, 3), (1, 1, 10), (1, 2, 3), (2, 2, 4), (3, 2, 2), (3, 3, 5), (5, 3, 15),
    ]  # fmt: skip


SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 80)), max_size=30)


# 2 ns apart at least: a reading each nanosecond would cover less than one.
READ_AT = st.lists(st.integers(0, 150).map(lambda half: 2 * half), min_size=2, unique=True)


@given(READ_AT, SPANS)
def test_parts_sum_to_what_the_readings_cover(at: list[int], spans: list[tuple[int, int]]) -> None:
    zones = Zones(*reading_zones(np.sort(ints(*at))), np.ones(len(at)))
    start = ints(*(begin for begin, _ in spans))
    end = start + ints(*(length for _, length in spans))

    found = cover(zones, start, end)

    summed = np.bincount(found.piece, found.time_ns, len(start)) if len(start) else np.zeros(0)
    assert summed == pytest.approx(zones.integral(start, end))
    assert (found.time_ns > 0).all()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=10), st.lists(st.integers(-5, 60)))
def test_times_are_found_between_edges_in_any_order(edges: list[int], times: list[int]) -> None:
    edge = np.sort(ints(*edges))
    told = [sum(one <= time for one in edges) - 1 for time in times]

    assert stretch_of(edge, ints(*times)).tolist() == told
    assert stretch_of(edge, ints(*sorted(times))).tolist() == sorted(told)


@given(st.lists(st.integers(0, 300), min_size=2, max_size=20, unique=True), SPANS)
def test_integrals_are_sums_over_nanoseconds(at: list[int], spans: list[tuple[int, int]]) -> None:
    zones = Zones(*reading_zones(np.sort(ints(*at))), np.arange(1.0, len(at) + 1))
    start = ints(*(begin for begin, _ in spans))
    end = start + ints(*(length for _, length in spans))
    each = np.zeros(1000)  # value of each nanosecond from -300 on
    for low, high, value in zip(zones.low_ns, zones.high_ns, zones.value, strict=True):
        each[low + 300 : high + 300] = value

    told = [each[a + 300 : b + 300].sum() for a, b in zip(start, end, strict=True)]

    assert zones.integral(start, end) == pytest.approx(told)


def launches(
    clock_mhz: Float, length_ns: Float, *, grid: Int | None = None
) -> tuple[Ledger, ClockedWork]:
    """Make launches of one kernel, each in a reading of its own."""
    n = len(clock_mhz)
    start_ns = np.arange(n) * 1_000_000
    ledger = SimpleNamespace(
        start_ns=start_ns, end_ns=start_ns + np.round(length_ns).astype(np.int64),
        device=np.zeros(n, dtype=np.int64),
        work=pl.DataFrame({"grid_blocks": np.ones(n, dtype=np.int64) if grid is None else grid}),
    )  # fmt: skip
    work = ClockedWork(
        np.arange(n), np.arange(n), np.zeros(n, dtype=np.int64), length_ns * 1e-9, clock_mhz,
        np.zeros(n), np.array([2000.0]),
    )  # fmt: skip
    return cast("Ledger", ledger), work


def moving(n: int = 960) -> Float:
    """Move the clock slowly from 1200 to 2000 MHz and back, six times."""
    return np.asarray(1600 + 400 * np.sin(np.arange(n) * 2 * np.pi * 6 / n))


def bound_of(clock_mhz: Float, length_ns: Float, **more: Any) -> ClockBound:  # noqa: ANN401 - of launches
    ledger, work = launches(clock_mhz, length_ns, **more)
    return clock_bound(ledger, work, np.zeros(len(clock_mhz), dtype=np.int64), 1)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_part_that_goes_with_the_clock_is_found(part: float, seed: int) -> None:
    clock = moving()
    slowness = 1 / clock
    # 100 us at the mean of 1 / f, of which a part goes with it; launches scatter by 3 %
    length = 1e5 * (1 - part + part * slowness / slowness.mean())
    length = length * np.random.default_rng(seed).normal(1, 0.03, len(length))

    found = bound_of(clock, length)

    assert found.low[0] - 0.02 <= part <= found.high[0] + 0.02
    assert found.value[0] == pytest.approx(part, abs=0.05)
    assert found.high[0] - found.low[0] < 0.15


def test_launches_of_another_size_are_not_compared() -> None:
    # large launches at low clocks: within each size the clock changes nothing
    clock = moving()
    large = (clock < 1600).astype(np.int64)

    length_ns = 1e5 * (1.0 + large.astype(np.float64))

    apart = bound_of(clock, length_ns, grid=large + 1)
    together = bound_of(clock, length_ns)

    assert apart.high[0] < 0.02
    # more than all of its time cannot go with the clock: nothing is told
    assert np.isnan(together.value[0])
    assert (together.low[0], together.high[0]) == (0.0, 1.0)


def test_a_clock_that_stands_still_tells_nothing() -> None:
    found = bound_of(np.full(960, 1500.0), np.full(960, 1e5))

    assert np.isnan(found.value[0])
    assert (found.low[0], found.high[0]) == (0.0, 1.0)


def test_readings_that_jump_tell_nothing() -> None:
    clock = np.random.default_rng(0).choice([1200.0, 1800.0], 960)

    assert np.isnan(bound_of(clock, 1e8 / clock).value[0])


def contrast(compute: Float, clock_mhz: Float) -> list[dict[str, Any]]:
    """Set 400 pieces of 10 ms, in 400 readings, side by side."""
    n = len(clock_mhz)
    low = np.arange(n) * 10_000_000
    zones = Zones(low, low + 10_000_000, clock_mhz)
    work = ClockedWork(
        np.arange(n), np.arange(n), np.zeros(n, dtype=np.int64), np.full(n, 0.01), clock_mhz,
        np.where(compute > 0, 5.0, 3.0), np.array([2000.0]),
    )  # fmt: skip
    readings = DeviceReadings(0, NO_WORK, zones, None, None, None, 2000.0)
    device = SimpleNamespace(rank=0, device_id=0)
    facts = SimpleNamespace(
        readings=(readings,), work=work, ledger=SimpleNamespace(devices=(device,))
    )
    return contrast_rows(cast("ClockFacts", facts), compute, "drawn").to_dicts()


# computation for 50 ms, other work for 50 ms, forty times
TURNS = (np.arange(400) // 5 % 2).astype(np.float64)


@pytest.mark.parametrize(
    ("compute_mhz", "verdict"), [(1500.0, LOWER), (1990.0, HIGHER), (1712.0, NOT_TOLD)]
)
def test_computation_is_set_beside_other_work(compute_mhz: float, verdict: str) -> None:
    noise = np.random.default_rng(0).normal(0, 10, 400)

    (row,) = contrast(TURNS, np.where(TURNS > 0, compute_mhz, 1700.0) + noise)

    assert row["verdict"] == verdict
    assert row["difference_mhz"] == pytest.approx(compute_mhz - 1700, abs=4 * row["error_mhz"])
    assert (row["compute_power_w"], row["other_power_w"]) == pytest.approx((500, 300))


def test_a_slow_change_of_the_clock_makes_no_difference() -> None:
    # more computation late, when the clock is low
    late = (np.arange(400) % 10 < 2 + np.arange(400) // 67).astype(np.float64)

    (row,) = contrast(late, np.linspace(1980, 1500, 400))

    assert abs(row["difference_mhz"]) < 10
    assert row["verdict"] == NOT_TOLD


def test_what_changes_its_sign_with_a_poll_is_not_told() -> None:
    # each reading alternates: whose clock it was hangs on half a poll
    turns = (np.arange(400) % 2).astype(np.float64)

    (row,) = contrast(turns, np.where(turns > 0, 1500.0, 1700.0))

    assert row["verdict"] == NOT_TOLD


def test_one_kind_of_work_alone_is_not_compared() -> None:
    assert contrast(np.ones(400), np.full(400, 1500.0)) == []
