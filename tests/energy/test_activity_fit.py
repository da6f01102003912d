"""Mean of a metric while each class runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from traceenergy.energy import activity_fit as module
from traceenergy.energy.activity_fit import BinShares, fit_activity, lay_out
from traceenergy.energy.bins import Pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

US = 1000
BIN_NS = 100 * US
ROUNDING = 0.01 / 12**0.5


def design(some: Pieces, of_category: Int, n_bins: int) -> BinShares:
    low_ns = np.arange(n_bins) * BIN_NS
    return lay_out(some, of_category, low_ns, low_ns + BIN_NS)


def problem(
    seed: int, n_classes: int, noise: float = 0.0, spread: float = 0.0, *, cycle: bool = False
) -> tuple[BinShares, Float, Float]:
    """Draw kernels of 2 to 60 us with random activities; return bins, values, true means."""
    rng = np.random.default_rng(seed)
    n = 1000 * int(n_classes**0.5)
    turn = np.arange(n) % n_classes if cycle else rng.integers(0, n_classes, n)
    last_us = np.exp(rng.uniform(np.log(2), np.log(60), n_classes))
    length_ns = (last_us[turn] * US * np.exp(rng.normal(0, 0.1, n))).astype(np.int64)
    end_ns = np.cumsum(length_ns + rng.integers(200, 3000, n))
    some = Pieces(end_ns - length_ns, end_ns, turn, n_classes)
    own = rng.uniform(0.1, 0.8, n_classes)[turn] * (1 + spread * rng.uniform(-1, 1, n))
    until = np.concatenate(([0.0], np.cumsum(own * length_ns)))
    edge_ns = np.arange(0, end_ns[-1], BIN_NS)
    knots = np.column_stack((some.start_ns, some.end_ns)).ravel()
    reached = np.interp(edge_ns, knots, np.repeat(until, 2)[1:-1])
    value = np.diff(reached) / BIN_NS + rng.normal(0, noise, len(edge_ns) - 1)
    true = np.bincount(turn, own * length_ns) / np.bincount(turn, length_ns)
    laid = design(some, np.arange(n_classes) % 2, len(value))
    return laid, np.round(100 * value) / 100, true


@pytest.mark.parametrize(
    ("n_classes", "noise", "spread", "cycle"),
    [(5, 0.0, 0.2, False), (5, 0.05, 0.0, False), (20, 0.02, 0.2, False), (20, 0.0, 0.2, True)],
)
def test_errors_are_as_large_as_told_over_many_problems(
    n_classes: int, noise: float, spread: float, *, cycle: bool
) -> None:
    scores = []
    for seed in range(30):
        laid, value, true = problem(seed, n_classes, noise, spread, cycle=cycle)
        mean, se = fit_activity(laid, value, ROUNDING)
        scores.append((mean - true) / se)

    # 150 and 600 scores: chance moves their spread by a few per cent
    together = np.concatenate(scores)
    assert 0.7 < together.std() < 1.3
    assert abs(together.mean()) < 0.2
    assert 0.84 < (np.abs(together) < 1.645).mean() < 0.98


def test_two_kernels_in_turn_are_told_apart_by_their_edges() -> None:
    # 61 us at 0.8 and 40 us at 0.2, on and on, with 2 us after each: bins of 100 us wander
    # through the pattern of 105 us
    edge_ns = np.cumsum(np.tile([61, 2, 40, 2], 2000)) * US
    start_ns, end_ns = np.concatenate(([0], edge_ns[1:-1:2])), edge_ns[::2]
    turn = np.tile([0, 1], 2000)
    some = Pieces(start_ns, end_ns, turn, 2)
    laid = design(some, np.zeros(2, np.int64), 2000)
    value = np.round(100 * (laid.share @ np.array([0.8, 0.2]))) / 100

    mean, se = fit_activity(laid, value, ROUNDING)

    assert mean == pytest.approx([0.8, 0.2], abs=0.03)  # 21 values, rounded
    assert (np.abs(mean - [0.8, 0.2]) < 2 * se).all()
    assert (se < 0.06).all()


def test_what_always_runs_together_is_told_in_sum_only() -> None:
    # 10 us of each in the middle of every bin: shares are 0.1 and 0.1, always
    low_ns = np.arange(2000) * BIN_NS
    start_ns = np.column_stack((low_ns + 30 * US, low_ns + 60 * US)).ravel()
    some = Pieces(start_ns, start_ns + 10 * US, np.tile([0, 1], 2000), 2)
    laid = design(some, np.zeros(2, np.int64), 2000)

    mean, se = fit_activity(laid, np.full(2000, 0.1), ROUNDING)

    # 0.1 x (a + b) = 0.1, shared evenly, give or take the sd of 0.25 of each class by root of 2
    assert mean == pytest.approx([0.5, 0.5], abs=0.02)
    assert se == pytest.approx([0.18, 0.18], abs=0.03)


def test_a_small_value_that_is_always_rounded_alike_is_not_known_well() -> None:
    # 3 us at 0.1 alone in 100 us are 0.3 %, which reads as 0 however often it is seen
    low_ns = np.arange(5000) * BIN_NS
    some = Pieces(low_ns, low_ns + 3 * US, np.zeros(5000, np.int64), 1)
    laid = design(some, np.zeros(1, np.int64), 5000)

    mean, se = fit_activity(laid, np.zeros(5000), ROUNDING)

    # rounding by 0.29 % (sd) over a share of 3 %: 0.1, a little less by the prior
    assert mean[0] == pytest.approx(0.0, abs=0.01)
    assert 0.06 < se[0] < 0.11


def test_bins_that_are_not_known_do_not_count() -> None:
    laid, value, true = problem(3, 5)
    holed = np.where(np.arange(len(value)) % 3 == 0, np.nan, value)

    mean, se = fit_activity(laid, holed, ROUNDING)

    assert (np.abs(mean - true) < 4 * se).all()
    assert mean == pytest.approx(true, abs=0.05)


def test_errors_of_a_time_that_go_together_count_once_each() -> None:
    # 2 us of 0.8 and of 0.2 in every other bin. Errors are alike throughout each of 16 times, and
    # such that a mean over 16 of them varies as much as activities do by the prior: sd of 0.25 of
    # each class, and of 0.3 of each category. So either class lies in the middle between what its
    # bins say and the mean of both.
    n_bins, share, prior_sd = 6400, 0.02, np.hypot(0.25, 0.3)
    low_ns, turn = np.arange(n_bins) * BIN_NS, np.arange(n_bins) % 2
    laid = design(Pieces(low_ns, low_ns + 2 * US, turn, 2), np.array([0, 1]), n_bins)
    sign = np.where(np.arange(n_bins) * 16 // n_bins % 2, 1, -1)
    value = share * (np.where(turn == 0, 0.8, 0.2) + sign * prior_sd * 16**0.5)

    mean, _ = fit_activity(laid, value, ROUNDING)

    assert mean == pytest.approx([0.65, 0.35], abs=0.02)


def test_classes_that_never_run_change_nothing_of_others() -> None:
    rng = np.random.default_rng(9)
    length_ns = rng.integers(10, 40, 3000) * US
    end_ns = np.cumsum(length_ns + 2 * US)
    turn = rng.integers(0, 4, 3000)
    n_bins, true = int(end_ns[-1]) // BIN_NS, np.array([0.2, 0.4, 0.6, 0.8])
    noise = np.repeat(rng.normal(0, 0.05, n_bins // 10 + 1), 10)[:n_bins]

    fits = []
    for n_classes in (4, 12):
        some = Pieces(end_ns - length_ns, end_ns, turn, n_classes)
        laid = design(some, np.repeat([0, 1], [4, n_classes - 4]), n_bins)
        value = laid.share[:, :4] @ true + noise
        fits.append(fit_activity(laid, value, ROUNDING))

    (mean, se), (more_mean, more_se) = fits
    assert (np.abs(mean - true) < 4 * se).all()
    assert more_mean[:4] == pytest.approx(mean, abs=2e-5)
    assert more_se[:4] == pytest.approx(se, rel=1e-4)


def test_nothing_is_below_zero() -> None:
    laid, value, _ = problem(4, 20, noise=0.1)

    mean, se = fit_activity(laid, value - 0.2, ROUNDING)

    assert (mean >= 0).all()
    assert (mean == 0).any()
    assert (se > 0).all()


def test_long_pieces_that_differ_do_not_speak_for_short_ones() -> None:
    # one class of 2 us at 0.2 and 60 us at 0.8: by time 0.78, seen almost only through the long
    rng = np.random.default_rng(8)
    long = rng.random(3000) < 0.5
    length_ns = np.where(long, 60 * US, 2 * US)
    end_ns = np.cumsum(length_ns + rng.integers(200, 3000, 3000))
    some = Pieces(end_ns - length_ns, end_ns, np.zeros(3000, np.int64), 1)
    even = design(some, np.zeros(1, np.int64), int(end_ns[-1]) // BIN_NS)
    alike = Pieces(some.start_ns[long], some.end_ns[long], some.group[long], 1)
    same = design(alike, np.zeros(1, np.int64), int(end_ns[-1]) // BIN_NS)

    assert same.unevenness == pytest.approx([0.0], abs=1e-9)
    # log(30) = 3.4 apart; 2 us are 3.2 % of the time and 0.1 % of the squares
    assert even.unevenness == pytest.approx([3.4 * (0.032 - 0.001)], abs=0.02)


@pytest.mark.parametrize("of_four", [1, 2, 3])
def test_what_is_seen_in_part_is_known_less_by_the_square_of_the_rest(
    of_four: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid, value, _ = problem(3, 5)
    is_known = np.arange(len(value)) % 4 >= of_four
    holed = np.where(is_known, value, np.nan)
    monkeypatch.setattr(module, "FULL", 2.0)  # no bin is left out beside

    _, se = fit_activity(laid, holed, ROUNDING)
    monkeypatch.setattr(module, "UNSEEN_SD", 0.0)
    _, least_se = fit_activity(laid, holed, ROUNDING)

    share = laid.share.toarray()
    unseen = 1 - share[is_known].sum(axis=0) / share.sum(axis=0)
    assert unseen == pytest.approx(np.full(5, of_four / 4), abs=0.1)
    assert se**2 - least_se**2 == pytest.approx((0.15 * unseen**2) ** 2)
