"""True power: closed forms, then laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.simulate.power import Law, PowerCurve, knots, true_power
from traceenergy.units import NS_PER_MS, NS_PER_S

MS = NS_PER_MS
S = NS_PER_S
SPAN = (-S, 11 * S)
COLD = Law(idle_w=80.0, busy_w=40.0, concurrency_factor=0.9, leakage_w_per_degree=0.0)


def ns(*times: int) -> np.ndarray:
    return np.array(times, dtype=np.int64)


def test_a_kernel_alone_gets_all_static_and_busy_power() -> None:
    # second  0    1    2    3
    # kernel       [---------)         100 W of its own
    curve, static_j, dynamic_j = true_power(ns(1 * S), ns(3 * S), np.array([100.0]), SPAN, COLD)

    assert static_j == pytest.approx([80.0 * 2])
    assert dynamic_j == pytest.approx([(100.0 + 40.0) * 2])
    assert np.diff(curve.energy_at(ns(0, 1 * S, 2 * S, 4 * S))) == pytest.approx(
        [80.0, 220.0, 220.0 + 80.0]
    )


def test_concurrent_kernels_share_what_is_common_and_slow_each_other() -> None:
    # second  0    1    2    3
    # first   [---------)              100 W, alone for 1 s, with factor 0.9 for 1 s
    # second       [---------)         50 W
    start_ns, end_ns = ns(0, 1 * S), ns(2 * S, 3 * S)
    curve, static_j, dynamic_j = true_power(start_ns, end_ns, np.array([100.0, 50.0]), SPAN, COLD)

    assert static_j == pytest.approx([80.0 + 40.0, 40.0 + 80.0])
    assert dynamic_j == pytest.approx([190.0 + 40.0 + 20.0, 95.0 + 20.0 + 40.0])
    together_w = 80.0 + 40.0 + 0.9 * 150.0
    assert np.diff(curve.energy_at(ns(1 * S, 2 * S))) == pytest.approx([together_w])


def test_static_power_rises_with_temperature() -> None:
    law = Law(idle_w=80.0, busy_w=0.0, leakage_w_per_degree=0.1)
    curve, static_j, _ = true_power(ns(0), ns(10 * S), np.array([600.0]), SPAN, law)

    warm_c = curve.temperature_at(ns(10 * S)) - curve.temperature_at(ns(0))
    assert 5.0 < warm_c[0] < 40.0
    assert 80.0 * 10 < static_j[0] < (80.0 + 0.1 * warm_c[0]) * 10


def test_smoothing_is_first_order() -> None:
    # A step of 100 W at 0; a filter with tau lets through 100 W * (t - tau * (1 - exp(-t/tau))).
    curve = PowerCurve(
        edge_ns=ns(-10 * MS, 0, 3 * MS, 100 * MS),
        power_w=np.array([50.0, 150.0, 150.0]),
        energy_j=np.array([0.0, 0.5, 0.95, 15.5]),
        idle_j=np.zeros(4),
        knot_ns=ns(0),
        temperature_c=np.zeros(1),
    )
    tau_s, t_s = 1.2e-3, np.array([1e-3, 3e-3, 20e-3])

    through_j = curve.smoothed_energy_j((t_s * S).astype(np.int64), 1.2 * MS)

    held_s = tau_s * (1.0 - np.exp(-t_s / tau_s))
    assert through_j == pytest.approx(0.5 + 50.0 * t_s + 100.0 * (t_s - held_s), rel=1e-12)


def test_filtered_power_rises_to_a_constant_load_and_falls_from_it() -> None:
    # 300 W for 1 s from 0 on, over 80 W + 40 W when busy; a capacitor of 100 ms.
    curve, _, _ = true_power(ns(0), ns(S), np.array([300.0]), SPAN, COLD)
    t_s = np.array([-0.5, 0.0, 0.05, 0.1, 0.3, 0.999])

    shown_w = curve.smoothed_power_w((t_s * S).astype(np.int64), 100.0 * MS)

    assert shown_w == pytest.approx(80.0 + 340.0 * (1.0 - np.exp(-np.maximum(t_s, 0.0) / 0.1)))
    later_w = curve.smoothed_power_w(ns(1_200 * MS), 100.0 * MS)
    assert later_w == pytest.approx(80.0 + 340.0 * (1.0 - np.exp(-10.0)) * np.exp(-2.0))
    assert curve.smoothed_power_w(ns(-S // 2, S // 2), 0.0).tolist() == [80.0, 420.0]


def test_drift_is_added_to_static_power_from_knot_to_knot() -> None:
    # Knots are 100 ms apart; the second half of second 1 is 5 W higher.
    knot_ns = knots(SPAN)
    drift_w = np.where((knot_ns >= 1_500 * MS) & (knot_ns < 2_000 * MS), 5.0, 0.0)
    curve, static_j, dynamic_j = true_power(
        ns(1 * S), ns(2 * S), np.array([100.0]), SPAN, COLD, drift_w
    )

    assert static_j == pytest.approx([80.0 + 2.5])
    assert dynamic_j == pytest.approx([140.0])
    assert np.diff(curve.energy_at(ns(1 * S, 2 * S, 3 * S))) == pytest.approx([222.5, 80.0])


@st.composite
def works(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 12))
    start_ns = np.array(draw(st.lists(st.integers(0, 9 * S), min_size=n, max_size=n)))
    length_ns = np.array(draw(st.lists(st.integers(1, S), min_size=n, max_size=n)))
    power_w = np.array(draw(st.lists(st.floats(0.0, 600.0), min_size=n, max_size=n)))
    return start_ns, start_ns + length_ns, power_w


@given(works())
def test_kernels_with_idle_are_all(work: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    law = Law(idle_w=80.0, busy_w=40.0)
    curve, static_j, dynamic_j = true_power(*work, SPAN, law)

    total_j, idle_j = curve.energy_at(ns(*SPAN)), curve.idle_at(ns(*SPAN))
    assert static_j.sum() + dynamic_j.sum() + np.diff(idle_j)[0] == pytest.approx(
        np.diff(total_j)[0], rel=1e-9
    )
    assert (static_j > 0).all()
    assert (dynamic_j > 0).all()


@given(works(), st.integers(-(10**18), 2 * 10**18))
def test_shifting_the_clock_changes_no_energy(
    work: tuple[np.ndarray, np.ndarray, np.ndarray], shift_ns: int
) -> None:
    start_ns, end_ns, power_w = work
    shifted_span = (SPAN[0] + shift_ns, SPAN[1] + shift_ns)
    _, static_j, dynamic_j = true_power(start_ns, end_ns, power_w, SPAN, COLD)
    _, later_static_j, later_dynamic_j = true_power(
        start_ns + shift_ns, end_ns + shift_ns, power_w, shifted_span, COLD
    )

    assert later_static_j == pytest.approx(static_j, rel=1e-9)
    assert later_dynamic_j == pytest.approx(dynamic_j, rel=1e-9)
