"""Times that are left out are never the best ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.power.drawn import CURVES
from traceenergy.power.candidates import candidates, edges_in
from traceenergy.power.cells import Term
from traceenergy.power.curve import PowerCurve
from traceenergy.power.moving_average import STEPS, worst_window
from traceenergy.power.ramps import steepest_ramps


def drawn(seed: int, n: int = 3000) -> PowerCurve:
    """Draw power that wanders slowly, with short work on top."""
    rng = np.random.default_rng(seed)
    edge_ns = np.concatenate(([0], np.cumsum(rng.integers(1, 20, n))))
    slow_w = 300 + 200 * np.sin(np.arange(n) / rng.uniform(100, 400))
    return PowerCurve(edge_ns, slow_w + rng.choice([0.0, 50.0, 150.0], n))


def at_every_bend(curve: PowerCurve, *shifts_ns: int) -> np.ndarray:
    """List all times at which something at one of these distances meets an edge."""
    return np.unique(np.concatenate([curve.at_ns + shift_ns for shift_ns in shifts_ns]))


@pytest.mark.parametrize("window_ns", [7, 100, 3000, 25_000])
@pytest.mark.parametrize("seed", range(4))
def test_the_worst_window_is_that_of_all_bends(seed: int, window_ns: int) -> None:
    curve = drawn(seed)
    start_ns = at_every_bend(curve, 0, -window_ns)
    start_ns = start_ns[(start_ns >= 0) & (start_ns + window_ns <= curve.at_ns[-1])]
    mean_w = curve.between(start_ns, start_ns + window_ns) / window_ns * 1e9

    worst = worst_window(curve, window_ns)

    assert worst is not None
    assert worst.power_w == pytest.approx(mean_w.max(), rel=1e-12)
    assert worst.start_ns == start_ns[np.argmax(mean_w >= mean_w.max() * (1 - 1e-9))]


@pytest.mark.parametrize("over_ns", [11, 150, 500])
@pytest.mark.parametrize("seed", range(4))
def test_the_steepest_ramps_are_those_of_all_bends(seed: int, over_ns: int) -> None:
    curve = drawn(seed)
    at_ns = at_every_bend(curve, 0, over_ns, -over_ns)
    at_ns = at_ns[(at_ns >= over_ns) & (at_ns + over_ns <= curve.at_ns[-1])]
    change_j = curve.between(at_ns, at_ns + over_ns) - curve.between(at_ns - over_ns, at_ns)

    rise, fall = steepest_ramps(curve, over_ns) or (None, None)

    assert rise is not None
    assert fall is not None
    assert rise.to_w - rise.from_w == pytest.approx(change_j.max() / over_ns * 1e9, rel=1e-6)
    assert fall.to_w - fall.from_w == pytest.approx(change_j.min() / over_ns * 1e9, rel=1e-6)


def test_most_times_of_a_curve_with_one_peak_are_left_out() -> None:
    power_w = np.full(100_000, 100.0)
    power_w[60_000:60_400] = 700.0
    curve = PowerCurve(np.arange(100_001), power_w)
    ends_ns = 0.0, 99_600.0

    (left,) = candidates(
        curve,
        ((Term(400.0, 1.0), Term(0.0, -1.0)),),
        ends_ns,
        lambda stretches: [edges_in(curve, stretches, ends_ns, 0.0)],
        0.0,
    )

    assert 60_000.0 in left.at_ns
    assert len(left.near_ns) < 500


def test_a_curve_without_a_peak_is_looked_at_as_a_whole() -> None:
    wave = PowerCurve(np.arange(8001), np.tile([500.0, 100.0], 4000))
    ends_ns = 0.0, 7996.0

    (left,) = candidates(
        wave,
        ((Term(4.0, 1.0), Term(0.0, -1.0)),),
        ends_ns,
        lambda stretches: [edges_in(wave, stretches, ends_ns, 0.0)],
        1e-9,
    )

    assert left.at_ns.tolist() == list(range(7997))


SUMS = {"window": (0, 40, 1, -1), "ramp": (-30, 30, 1, 1), "far": (-900, 1200, -1, -1)}


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("seed", range(3))
def test_no_sum_within_a_cell_is_above_its_bound(seed: int, kind: str) -> None:
    curve = drawn(seed)
    first_ns, second_ns, first, second = SUMS[kind]
    terms = Term(first_ns, first), Term(second_ns, second), Term(0, -first - second)
    cells = curve.cells
    low, high = math.ceil(900 / cells.length_ns), int((curve.at_ns[-1] - 1200) / cells.length_ns)
    at_ns = np.linspace(low * cells.length_ns, high * cells.length_ns, 20_001)[:-1]

    most_j = cells.most_of(terms, low, high)

    sums_j = sum(term.weight * curve.until(at_ns + term.after_ns) for term in terms)
    cell = (at_ns / cells.length_ns).astype(int) - low
    assert (sums_j <= most_j[cell] + 1e-12 * curve.total_j).all()


def test_bounds_over_cells_that_fit_are_those_of_one_cell() -> None:
    # 8 edges a cell: 100 W, then 300 W for as long
    curve = PowerCurve(np.arange(65), np.repeat([100.0, 300.0], 32))
    cells = curve.cells
    terms = Term(cells.length_ns, 1.0), Term(0.0, -1.0)

    bound_w = cells.most_of(terms, 0, len(cells) - 1) / cells.length_ns * 1e9

    # beside the mean of 200 W: what one cell falls, and what the next one rises, from its end on
    assert bound_w == pytest.approx([200.0, 200.0, 200.0, 300.0, 400.0, 400.0, 400.0])


@given(CURVES, st.integers(1, 40))
def test_ramps_are_the_steepest_of_all_nanoseconds(curve: PowerCurve, over_ns: int) -> None:
    inside_ns = curve.at_ns[-1] - 2 * over_ns
    assume(inside_ns >= 0)
    assume(inside_ns * STEPS / over_ns >= len(curve.at_ns))  # else in steps of 1/64
    # all powers change at whole nanoseconds
    until = np.concatenate(([0.0], np.cumsum(np.repeat(curve.power_w, np.diff(curve.edge_ns)))))
    middle = np.arange(over_ns, len(until) - over_ns)
    change_w = (until[middle + over_ns] - 2 * until[middle] + until[middle - over_ns]) / over_ns

    rise, fall = steepest_ramps(curve, over_ns) or (None, None)

    assert rise is not None
    assert fall is not None
    assert rise.to_w - rise.from_w == pytest.approx(change_w.max(), abs=1e-5)
    assert fall.to_w - fall.from_w == pytest.approx(change_w.min(), abs=1e-5)


def test_equal_windows_give_the_first_of_them() -> None:
    wave = PowerCurve(np.arange(0, 8001, 4), np.tile([500.0, 100.0], 1000))

    worst = worst_window(wave, 4)

    assert worst is not None
    assert worst.start_ns == 0
    assert worst.power_w == pytest.approx(500.0)
