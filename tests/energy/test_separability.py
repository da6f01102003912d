"""Groups that readings tell in sum only: hand-made posteriors, laws, fits of small runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from traceenergy.energy import separability as module
from traceenergy.energy.separability import (
    MOST_GROUPS,
    MOST_MEMBERS,
    TWINS,
    EnergySpread,
    find_inseparable,
    noticeable,
    spread_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

PRIOR_SD = 0.5


def told(
    energy_j: Sequence[float], readings: Sequence[Sequence[float]], se_j: float = 1.0
) -> EnergySpread:
    """Observe sums of energies (rows of 0 and 1), each to `se_j`, on independent priors of 50 %."""
    energy = np.array(energy_j, dtype=np.float64)
    prior = np.diag((PRIOR_SD * energy) ** 2)
    seen = np.array(readings, dtype=np.float64).reshape(-1, len(energy))
    inner = seen @ prior @ seen.T + se_j**2 * np.eye(len(seen))
    after = prior - prior @ seen.T @ np.linalg.solve(inner, seen @ prior)
    return EnergySpread(energy, after, prior)


def beside(one: EnergySpread, other: EnergySpread) -> EnergySpread:
    """Put the groups of two runs that know nothing of each other into one spread."""

    def blocks(a: Float, b: Float) -> Float:
        rest = np.zeros((len(a), len(b)))
        return np.block([[a, rest], [rest.T, b]])

    return EnergySpread(
        np.concatenate((one.energy_j, other.energy_j)),
        blocks(one.covariance_j2, other.covariance_j2),
        blocks(one.prior_covariance_j2, other.prior_covariance_j2),
    )


def sets(spread: EnergySpread) -> list[list[int]]:
    return [members.tolist() for members in find_inseparable(spread)]


def test_two_that_only_their_sum_tells() -> None:
    # After: each 31 % of its energy off (se), sum 0.6 %; errors correlate by -0.9995.
    assert sets(told([80.0, 100.0], [[1, 1]])) == [[1, 0]]


def test_two_that_readings_tell_one_by_one() -> None:
    assert sets(told([80.0, 100.0], [[1, 0], [0, 1]])) == []


def test_two_that_no_reading_tells_are_uncertain_but_not_inseparable() -> None:
    # Their sum is no better known than two independent numbers are.
    assert sets(told([80.0, 100.0], [])) == []


def test_one_that_is_told_is_not_dragged_in() -> None:
    assert sets(told([80.0, 100.0, 90.0], [[1, 1, 1], [0, 0, 1]])) == [[1, 0]]


def test_three_of_which_no_two_correlate_much() -> None:
    # Equal energies, sum known: each two correlate by -1/2, and no pair's sum is told.
    assert sets(told([90.0, 90.0, 90.0], [[1, 1, 1]])) == [[0, 1, 2]]


def test_eight_of_which_each_two_correlate_by_a_seventh() -> None:
    assert sets(told([50.0] * 8, [[1.0] * 8])) == [list(range(8))]


def test_thirty_end_in_no_set_rather_than_in_one_of_everything() -> None:
    # Any 8 of 30: variance of their sum is 1 - 7/29 = 76 % of that of independent errors.
    assert sets(told([50.0] * 30, [[1.0] * 30])) == []


def test_two_pairs_stay_two_pairs() -> None:
    assert sets(told([80.0, 60.0, 100.0, 70.0], [[1, 0, 1, 0], [0, 1, 0, 1]])) == [[2, 0], [3, 1]]


def test_what_hardly_narrows_the_sum_stays_out() -> None:
    # 1 J of prior error beside a sum that the readings tell to 20 J of 200 J.
    spread = told([100.0, 100.0, 2.0], [[1, 1, 1]], se_j=20.0)
    assert sets(spread) == [[0, 1]]


def test_a_split_that_is_known_before_is_not_undecided() -> None:
    # Two groups of one kernel: their powers are the same number, whatever it is.
    prior = (PRIOR_SD * 100.0) ** 2 * np.ones((2, 2))
    assert sets(EnergySpread(np.array([100.0, 100.0]), 0.3 * prior, prior)) == []


def test_a_split_that_readings_decide_by_half_is_decided() -> None:
    # Sum known to 1 J; difference: prior se 70.7 J, of which readings leave 60 % (36 % of its
    # variance), or 80 % (64 %).
    def spread(left: float) -> EnergySpread:
        split = np.array([[1.0, -1.0], [-1.0, 1.0]]) * (left * 35.4) ** 2
        return EnergySpread(
            np.array([100.0, 100.0]), split + 0.25 * np.ones((2, 2)), np.diag([2500.0, 2500.0])
        )

    assert sets(spread(0.6)) == []
    assert sets(spread(0.8)) == [[0, 1]]


def test_two_that_are_certain_enough_before_need_no_word() -> None:
    energy = np.array([100.0, 100.0])
    prior = np.diag([81.0, 81.0])  # 9 %, 14.8 % at 90 %
    after = prior - 40.0  # sum told to 1 J or so
    assert sets(EnergySpread(energy, after, prior)) == []


def test_a_group_without_energy_is_in_no_set() -> None:
    # Not known before nor after, as on devices where the model expects nothing of it.
    none = EnergySpread(np.zeros(2), np.diag([0.0, 4.0]), np.diag([0.0, 4.0]))
    assert sets(beside(told([80.0, 100.0], [[1, 1]]), none)) == [[1, 0]]


def same_kernel(n: int, other_j: float) -> EnergySpread:
    """Tell the sum of n groups of 40 J with one and the same kernel, and one of `other_j`."""
    one = told([40.0 * n, other_j], [[1, 1]])
    share = np.array([[1 / n, 0.0]] * n + [[0.0, 1.0]])
    # The model's own misfit, 1 % for each group, makes them not quite equal.
    misfit = np.diag(np.full(n + 1, 0.16))
    return EnergySpread(
        share @ one.energy_j,
        share @ one.covariance_j2 @ share.T + misfit,
        share @ one.prior_covariance_j2 @ share.T + misfit,
    )


def test_groups_of_one_kernel_are_in_a_set_all_or_none() -> None:
    # 7 and the other are 8 names; of 8 and the other none is named, rather than 7 of 8.
    assert sets(same_kernel(2, 70.0)) == [[2, 0, 1]]
    assert sets(same_kernel(7, 250.0)) == [[7, *range(7)]]
    assert sets(same_kernel(8, 250.0)) == []


def test_nothing_comes_of_nothing() -> None:
    none = np.zeros((0, 0))
    assert sets(EnergySpread(np.zeros(0), none, none)) == []


@st.composite
def spreads(draw: st.DrawFn, most: int = 12) -> EnergySpread:
    n = draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    energy = rng.lognormal(3.0, 1.0, n)
    n_readings = draw(st.integers(1, n))
    readings = rng.random((n_readings, n)) < draw(st.sampled_from([0.3, 0.6, 1.0]))
    return told(energy.tolist(), readings.astype(float).tolist(), se_j=draw(st.floats(0.1, 30.0)))


@given(spreads())
def test_sets_are_small_and_share_no_member(spread: EnergySpread) -> None:
    found = sets(spread)
    members = [one for members in found for one in members]
    assert len(members) == len(set(members))
    assert all(2 <= len(one) <= MOST_MEMBERS for one in found)
    for one in found:
        assert (np.diff(spread.energy_j[one]) <= 0).all()


def has_twins(spread: EnergySpread) -> bool:
    sd = np.sqrt(np.diag(spread.covariance_j2))
    return bool((np.triu(spread.covariance_j2 / np.outer(sd, sd), 1) > TWINS).any())


@given(spreads())
def test_the_sum_of_a_set_is_told_much_better_than_its_members(spread: EnergySpread) -> None:
    assume(not has_twins(spread))
    for members in find_inseparable(spread):
        part = spread.covariance_j2[np.ix_(members, members)]
        half = 1.645 * np.sqrt(np.diag(part)) / spread.energy_j[members]
        assert (half > 0.15).all()
        assert part.sum() < 0.5 * np.trace(part)


@given(spreads())
def test_no_two_of_a_set_are_told_apart(spread: EnergySpread) -> None:
    def split(covariance: Float) -> Float:
        # of two: variance of one's energy, their sum being known
        sums = covariance.sum(axis=0)
        return np.asarray(covariance[0, 0] - sums[0] ** 2 / sums.sum())

    assume(not has_twins(spread))
    for members in find_inseparable(spread):
        for pair in combinations(members, 2):
            pick = np.ix_(pair, pair)
            before, after = (
                split(spread.prior_covariance_j2[pick]),
                split(spread.covariance_j2[pick]),
            )
            assert after > 0.499 * before


@given(spreads(), st.floats(1e-3, 1e6))
def test_the_unit_of_energy_changes_nothing(spread: EnergySpread, factor: float) -> None:
    scaled = EnergySpread(
        factor * spread.energy_j,
        factor**2 * spread.covariance_j2,
        factor**2 * spread.prior_covariance_j2,
    )
    assert sets(scaled) == sets(spread)


@given(spreads(), spreads(most=4))
def test_groups_that_know_nothing_of_each_other_change_nothing(
    one: EnergySpread, other: EnergySpread
) -> None:
    n = len(one.energy_j)
    both = sets(beside(one, other))
    assert [members for members in both if members[0] < n] == sets(one)
    assert [[i - n for i in members] for members in both if members[0] >= n] == sets(other)


@given(spreads(), st.integers(0, 2**32 - 1))
def test_order_changes_nothing(spread: EnergySpread, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(spread.energy_j))
    pick = np.ix_(order, order)
    shuffled = EnergySpread(
        spread.energy_j[order], spread.covariance_j2[pick], spread.prior_covariance_j2[pick]
    )
    assert [order[members].tolist() for members in find_inseparable(shuffled)] == sets(spread)


def test_noticeable_are_more_than_half_a_per_cent_most_energy_first() -> None:
    # of 1000 J together: 5 J are 0.5 %
    energy_j = np.array([5.0, 20.0, np.nan, 967.0, 6.0, 2.0])
    assert noticeable(energy_j).tolist() == [3, 1, 4]


def test_noticeable_are_so_many_at_most() -> None:
    energy_j = np.concatenate((np.full(MOST_GROUPS, 6.0), np.full(60, 5.9)))
    assert noticeable(energy_j).tolist() == list(range(MOST_GROUPS))
    assert noticeable(np.full(MOST_GROUPS + 101, 1.0)).tolist() == []  # each just below


def test_what_devices_do_not_know_alike_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # Standard errors 2 and 3 J on one device, 1 and 4 J on the other: 3 and 7 J of the sums.
    one = EnergySpread(
        np.array([10.0, 20.0]), np.array([[4.0, 3.0], [3.0, 9.0]]), np.diag([16.0, 25.0])
    )
    other = EnergySpread(
        np.array([5.0, 6.0]), np.array([[1.0, -2.0], [-2.0, 16.0]]), np.diag([9.0, 0.0])
    )
    monkeypatch.setattr(module, "_of_device", lambda sums, *_: sums)
    nobody = np.zeros(0, dtype=np.int64)

    for unit in (1.0, 1e-3):
        known: list[Any] = [
            replace(
                part,
                covariance_j2=part.covariance_j2 * unit**2,
                prior_covariance_j2=part.prior_covariance_j2 * unit**2,
            )
            for part in (one, other)
        ]
        found = spread_of([(part, nobody) for part in known], 2)

        assert found is not None
        assert found.energy_j.tolist() == [15.0, 26.0]
        # The summed covariances correlate by 1 / (5 x 25)^0.5.
        across = 3 * 7 / np.sqrt(5 * 25)
        expected = np.array([[9.0, across], [across, 49.0]]) * unit**2
        assert found.covariance_j2 == pytest.approx(expected)
        assert found.prior_covariance_j2 == pytest.approx(np.diag([49.0, 25.0]) * unit**2)


def test_no_device_with_a_model_has_no_spread() -> None:
    assert spread_of([], 2) is None
