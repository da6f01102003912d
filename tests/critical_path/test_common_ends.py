"""Sequences whose ends lie together, drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.critical_path.common_ends import NONE, match_sequences, median_by

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
LONG = np.arange(8) * MS
Int = np.ndarray[tuple[int], np.dtype[np.int64]]


def matched(
    *end_ns: Int, same_time: bool = True, whole: bool = False, typical_ns: float = 0.0
) -> tuple[list[list[int]], int]:
    """Match sequences, each of a clock of its own."""
    codes, n_codes = match_sequences(
        list(end_ns), np.arange(len(end_ns)), typical_ns, same_time=same_time, whole=whole
    )
    return [code.tolist() for code in codes], n_codes


def uneven(n: int, apart_ns: int = 3 * MS, seed: int = 1) -> Int:
    """Draw ends no two of which lie alike."""
    return np.cumsum(np.random.default_rng(seed).integers(apart_ns // 3, apart_ns, n))


@pytest.mark.parametrize(("n_met", "is_one"), [(4, True), (2, True), (1, False), (0, False)])
def test_half_of_the_shorter_sequence_must_end_with_the_other(n_met: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    # Four calls beside eight; those that are not met end half way between two.
    short = LONG[[1, 3, 4, 6]] + np.where(np.arange(4) < n_met, 1_000, MS // 2)

    (along, found), n_codes = match_sequences(
        [LONG, short], np.zeros(2, dtype=np.int64), 0.0, same_time=True, whole=False
    )

    assert along.tolist() == list(range(8))
    met = [1, 3, 4, 6][:n_met] + [NONE] * (4 - n_met)
    assert found.tolist() == (met if is_one else [8, 9, 10, 11])
    assert n_codes == (8 if is_one else 12)


@pytest.mark.parametrize(
    ("late_us", "typical_ns", "n_beside"),
    [
        ((5, 28), 0.0, 2),  # ends of one collective lie within 30 us
        ((5, 40), 0.0, 1),  # the second is much farther off than the first
        ((12, 45), 0.0, 2),  # not more than four times as far
        ((45,), 0.0, 1),  # within 50 us
        ((60,), 0.0, 0),
        ((60,), 1 * MS, 1),  # within a quarter of what a call takes
        ((260,), 1 * MS, 0),
    ],
)
def test_ends_beside_each_other_are_one(
    late_us: tuple[int, ...], typical_ns: float, n_beside: int
) -> None:
    ends = [LONG, *(LONG + late * US for late in late_us)]

    codes, _ = matched(*ends, whole=True, typical_ns=typical_ns)

    # Called whole, what has no counterpart keeps none.
    n_met = 0 if n_beside == 0 else 1 + n_beside
    assert codes == [list(range(8))] * n_met + [[NONE] * 8] * (len(ends) - n_met)


def test_communicators_of_one_length_are_told_apart() -> None:
    one, other = uneven(9, seed=1), uneven(9, seed=2)

    codes, n_codes = matched(one, other, one + 3 * US, other - 2 * US)

    assert codes == [list(range(9)), list(range(9, 18))] * 2
    assert n_codes == 18


def test_an_unknown_offset_is_no_distance() -> None:
    ends = uneven(9)

    assert matched(ends, ends + 7 * SECOND, same_time=False) == ([list(range(9))] * 2, 9)
    assert matched(ends, ends + 7 * SECOND) == ([list(range(9)), list(range(9, 18))], 18)


@pytest.mark.parametrize(("n_calls", "is_one"), [(4, True), (3, False)])
def test_three_ends_tell_no_unknown_offset(n_calls: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    ends = uneven(n_calls)

    assert matched(ends, ends + MS, same_time=False)[1] == (n_calls if is_one else 2 * n_calls)


@pytest.mark.parametrize(("ppm", "is_one"), [(40, True), (-40, True), (90, False)])
def test_a_clock_may_run_faster_by_50_ppm(ppm: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    # 20 s at 40 ppm are 0.8 ms; ends that drift by 90 ppm are of no real clock.
    ends = uneven(100, 300 * MS)
    faster = np.rint(ends * (1 + ppm * 1e-6)).astype(np.int64) + MS

    codes, _ = matched(ends, faster, same_time=False, whole=True)

    assert codes == [list(range(100)) if is_one else [NONE] * 100] * 2


@pytest.mark.parametrize("same_time", [True, False])
@pytest.mark.parametrize("n_calls", [40, 1100])
def test_calls_that_were_missed_cost_only_themselves(n_calls: int, same_time: bool) -> None:  # noqa: FBT001 - a case
    ends = uneven(n_calls)
    missed = [0, 3, n_calls - 5]
    some = np.delete(ends, missed) + (0 if same_time else 2 * SECOND)

    codes, n_codes = matched(ends, some, same_time=same_time)

    assert codes[1] == np.delete(np.arange(n_calls), missed).tolist()
    assert (codes[0], n_codes) == (list(range(n_calls)), n_calls)


def test_an_unknown_offset_is_found_by_ends_that_lie_about_together() -> None:
    ends = uneven(40)
    about_ns = np.random.default_rng(3).integers(-10 * US, 10 * US, 40)
    missed = np.delete(ends + about_ns, 7) + 2 * SECOND

    codes, _ = matched(ends, missed, same_time=False)

    assert codes[1] == np.delete(np.arange(40), 7).tolist()


@pytest.mark.parametrize(("n_met", "is_one"), [(4, True), (3, False)])
def test_half_of_the_ends_tell_an_unknown_offset(n_met: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    # Eight calls beside nine: the first few end with the first ones, the others with none.
    ends = uneven(9)
    apart_ns = np.where(np.arange(8) < n_met, 0, (np.arange(8) + 1) * 170 * US)

    codes, n_codes = matched(ends, ends[:8] + apart_ns + SECOND, same_time=False)

    assert codes[1] == ([0, 1, 2, 3] + [NONE] * 4 if is_one else list(range(9, 17)))
    assert n_codes == (9 if is_one else 17)


@pytest.mark.parametrize(("n_calls", "is_one"), [(4, True), (3, False)])
def test_three_ends_of_more_tell_no_unknown_offset(n_calls: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    ends = uneven(6)

    codes, _ = matched(ends, ends[1 : 1 + n_calls] + SECOND, same_time=False)

    assert codes[1] == list(range(1, 5) if is_one else range(6, 9))


def test_calls_that_only_one_made_have_no_counterpart() -> None:
    ends = uneven(40)
    more = np.sort(np.append(ends, [ends[4] + 300 * US, ends[20] + 400 * US]))

    codes, n_codes = matched(ends, more)

    # The longer one is the measure, with which the shorter one agrees.
    assert codes[1] == list(range(42))
    assert codes[0] == [i for i in range(42) if i not in (5, 22)]
    assert n_codes == 42


def test_of_two_calls_at_one_place_the_nearer_one_stays() -> None:
    ends = np.arange(1, 9) * MS
    twice = np.sort(np.append(ends[:6], ends[2] - 20 * US))

    assert matched(ends, twice)[0][1] == [0, 1, NONE, 2, 3, 4, 5]


def test_a_call_lies_at_the_nearest_end_before_or_after() -> None:
    ends = np.arange(1, 9) * MS
    beside = ends[1:6] + np.array([-40, 40, -10, 0, 60]) * US

    # Within 50 us.
    assert matched(ends, beside)[0][1] == [1, 2, 3, 4, NONE]


def test_one_call_of_four_may_be_that_of_others() -> None:
    one = np.array([5]) * MS

    codes, n_codes = matched(one, one + US, np.array([1, 3, 5, 7]) * MS)

    assert codes == [[0], [0], [NONE, NONE, 0, NONE]]
    assert n_codes == 1


def test_common_ends_lie_up_to_50_us_apart() -> None:
    ends = np.arange(1, 9) * MS
    beside = ends[1:6] + np.array([-50_000, 50_000, 50_001, 0, -50_001])

    assert matched(ends, beside)[0][1] == [1, 2, NONE, 4, NONE]


def test_sequences_without_calls_are_of_nobody() -> None:
    none = np.zeros(0, dtype=np.int64)

    assert matched(LONG, none, LONG) == ([list(range(8)), [], list(range(8))], 8)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-99, 99)), max_size=30))
def test_medians_by_code_are_medians(drawn: list[tuple[int, int]]) -> None:
    code = np.array([one for one, _ in drawn], dtype=np.int64)
    values = np.array([value for _, value in drawn], dtype=np.float64)

    found = median_by(code, values, 6)

    expected = [np.median(values[code == i]) if (code == i).any() else 0.0 for i in range(6)]
    assert found.tolist() == expected
