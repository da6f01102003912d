"""Times that are left out are never the best ones."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.power.candidates import candidates
from traceenergy.power.curve import PowerCurve
from traceenergy.power.moving_average import worst_window
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

    row = candidates(
        curve.edges.within(0.0, 99_600.0, 0.0),
        400.0,
        lambda first, last: (
            first.between_j(0.0, 400.0)[None],
            (last.until_j(400.0) - first.until_j(0.0))[None],
        ),
        0.0,
    )

    assert 60_000 in row
    assert len(row) < 500


def test_equal_windows_give_the_first_of_them() -> None:
    wave = PowerCurve(np.arange(0, 8001, 4), np.tile([500.0, 100.0], 1000))

    worst = worst_window(wave, 4)

    assert worst is not None
    assert worst.start_ns == 0
    assert worst.power_w == pytest.approx(500.0)
