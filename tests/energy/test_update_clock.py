"""A straight clock through the changes of a polled sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceenergy.energy.update_clock import fit_updates

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS = 1_000_000
PERIOD_MS = 100.0

Log = tuple["NDArray[np.int64]", "NDArray[np.float64]"]


def polled(  # noqa: PLR0913 - one keyword per fact about a log
    *,
    poll_ms: float,
    phase_ms: float = 37.0,
    period_ms: float = PERIOD_MS,
    jitter_ms: float = 1.0,
    lost_share: float = 0.0,
    levels: int = 300,
    length_ms: float = 20_000.0,
    seed: int = 5,
) -> Log:
    """Read a sensor that takes a new random value at phase + k periods."""
    rng = np.random.default_rng(seed)
    n_polls = int(length_ms / poll_ms)
    read_ms = np.sort(np.arange(n_polls) * poll_ms + rng.normal(0, jitter_ms, n_polls))
    read_ms = read_ms[rng.random(n_polls) >= lost_share]
    values = rng.integers(100, 100 + levels, int(length_ms / period_ms) + 10).astype(float)
    update = np.floor((read_ms - phase_ms) / period_ms).astype(int)
    return np.round(read_ms * MS).astype(np.int64), values[update + 2]


def late_ms(
    update_ns: NDArray[np.int64], phase_ms: float, period_ms: float = PERIOD_MS
) -> NDArray[np.float64]:
    """Tell how long after the true update nearest to it each one is."""
    half = period_ms / 2
    late: NDArray[np.float64] = (update_ns / MS - phase_ms + half) % period_ms - half
    return late


def test_updates_are_halfway_between_the_reads_around_them() -> None:
    # reads every 20 ms; the value k changes 10 ms before read 5 k: 0 is read at 0 to 80 ms,
    # 1 at 100 to 180 ms, so the updates are at 90, 190, ... ms, and one before the log at -10 ms
    sample_ns = np.arange(0, 1200, 20, dtype=np.int64) * MS
    power_w = (np.arange(60) // 5).astype(float)

    updates = fit_updates(sample_ns, power_w, PERIOD_MS)

    assert updates is not None
    assert updates.period_ms == pytest.approx(100)
    assert (updates.update_ns / MS).tolist() == pytest.approx(list(range(-10, 1090, 100)))
    assert updates.power_w.tolist() == [float(k) for k in range(11)]
    assert updates.seen.all()


@pytest.mark.parametrize("poll_ms", [10, 15, 17, 20, 23, 25, 30, 33, 40, 45])
@pytest.mark.parametrize("believed_ms", [90.0, 100.0, 120.0])
def test_period_and_phase_are_found_whatever_the_polling(
    poll_ms: float, believed_ms: float
) -> None:
    sample_ns, power_w = polled(poll_ms=poll_ms)

    updates = fit_updates(sample_ns, power_w, believed_ms)

    # An update is known to half a poll where polls keep step with it, far better elsewhere.
    assert updates is not None
    assert updates.period_ms == pytest.approx(PERIOD_MS, rel=3e-4)
    assert np.abs(late_ms(updates.update_ns, 37)).max() < 2 + poll_ms / 2
    assert len(updates.update_ns) == pytest.approx(200, abs=1)


def test_polls_out_of_step_place_updates_far_better_than_a_poll() -> None:
    # 17 ms between readings: the middles spread evenly over +-8.5 ms, their mean is within
    # 8.5 / sqrt(3 * 200) = 0.35 ms, the ends of the line within twice that
    sample_ns, power_w = polled(poll_ms=17, phase_ms=61)

    updates = fit_updates(sample_ns, power_w, PERIOD_MS)

    assert updates is not None
    assert np.abs(late_ms(updates.update_ns, 61)).max() < 3 * 0.7


@settings(max_examples=40, deadline=None)
@given(
    period_ms=st.floats(95, 105),
    phase_ms=st.floats(0, 90),
    poll_ms=st.floats(8, 40),
    jitter_ms=st.floats(0, 3),
    lost_share=st.floats(0, 0.15),
    levels=st.integers(3, 50),
    seed=st.integers(0, 1000),
)
def test_jitter_lost_polls_and_equal_neighbors_do_no_harm(  # noqa: PLR0913 - one per disturbance
    *,
    period_ms: float,
    phase_ms: float,
    poll_ms: float,
    jitter_ms: float,
    lost_share: float,
    levels: int,
    seed: int,
) -> None:
    sample_ns, power_w = polled(
        poll_ms=poll_ms,
        phase_ms=phase_ms,
        period_ms=period_ms,
        jitter_ms=jitter_ms,
        lost_share=lost_share,
        levels=levels,
        length_ms=10_000,
        seed=seed,
    )

    updates = fit_updates(sample_ns, power_w, PERIOD_MS)

    # Polls that nearly keep step slip by one poll in the whole log: a step that a line smooths.
    # A log with few levels, many of them lost, may be refused; it is not read wrong.
    if updates is None:
        assert lost_share > 0.05
        return
    assert updates.period_ms == pytest.approx(period_ms, rel=5e-3)
    assert np.abs(late_ms(updates.update_ns, phase_ms, period_ms)).max() < 3 + poll_ms


def test_a_long_log_keeps_in_step() -> None:
    # one hour: 36 000 updates, a period wrong by 1e-5 would be 360 ms late at its end
    sample_ns, power_w = polled(poll_ms=20, period_ms=100.05, length_ms=3_600_000, levels=40)

    updates = fit_updates(sample_ns, power_w, 110)

    assert updates is not None
    assert np.abs(late_ms(updates.update_ns, 37, 100.05)).max() < 2


def test_each_update_has_the_value_it_took() -> None:
    # the value of update k is k, so the time of an update tells its value
    sample_ns = np.round((np.arange(500) * 23.0) * MS).astype(np.int64)
    power_w = np.floor((sample_ns / MS - 37) / 100)

    updates = fit_updates(sample_ns, power_w, PERIOD_MS)

    assert updates is not None
    true = np.round((updates.update_ns / MS - 37) / 100)
    assert updates.power_w[updates.seen].tolist() == true[updates.seen].tolist()
    assert updates.seen.all()


def test_updates_that_no_reading_shows_are_marked() -> None:
    # the log stops from 5.0 to 6.0 s: nothing is known of the updates at 5.037 to 5.837 s; what
    # was new at 5.937 s is read from 6.0 to 6.037 s
    sample_ns, power_w = polled(poll_ms=11, length_ms=10_000)
    pause = (sample_ns >= 5000 * MS) & (sample_ns < 6000 * MS)

    updates = fit_updates(sample_ns[~pause], power_w[~pause], PERIOD_MS)

    assert updates is not None
    unseen_ms = updates.update_ns[~updates.seen] / MS
    assert len(unseen_ms) == 9
    assert unseen_ms.min() == pytest.approx(5037, abs=10)
    assert unseen_ms.max() == pytest.approx(5837, abs=10)


@pytest.mark.parametrize("poll_ms", [20.0, 60.0, 80.0, 90.0, 100.0, 110.0])
@pytest.mark.parametrize("jitter_ms", [0.0, 1.0, 5.0])
def test_readings_that_all_differ_have_no_clock(poll_ms: float, jitter_ms: float) -> None:
    # as from a sensor without held values, or one that is polled about as fast as it updates
    rng = np.random.default_rng(3)
    read_ms = np.sort(np.arange(300) * poll_ms + rng.normal(0, jitter_ms, 300))

    assert (
        fit_updates(np.round(read_ms * MS).astype(np.int64), rng.normal(300, 20, 300), PERIOD_MS)
        is None
    )


@pytest.mark.parametrize("seed", range(10))
def test_values_equal_by_chance_have_no_clock(seed: int) -> None:
    # two levels at random: half of the neighbors are equal, but changes keep no step
    rng = np.random.default_rng(seed)
    sample_ns = np.arange(1000, dtype=np.int64) * 20 * MS + rng.integers(0, 2 * MS, 1000)

    assert fit_updates(sample_ns, rng.integers(0, 2, 1000).astype(float), PERIOD_MS) is None


def test_few_changes_have_no_clock() -> None:
    # 7 changes
    power_w = np.repeat(np.arange(8.0), 5)

    assert fit_updates(np.arange(40, dtype=np.int64) * 20 * MS, power_w, PERIOD_MS) is None
