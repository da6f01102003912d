"""Energy counters: their updates, what they add between them, where they begin anew."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.energy_counter import EnergyCounter, counter_samples, read_counter
from traceenergy.energy.sensor import UPDATE_MS
from traceenergy.trace import tables
from traceenergy.trace.tables import DeviceReadings, check_table

MS, S = 1_000_000, 1_000_000_000
FULL_J = 5e6  # that the counter shows already


def readings(at_ns: np.ndarray, shown_j: np.ndarray) -> DeviceReadings:
    rows = [
        (0, 0, int(t), "energy_counter_j", float(j)) for t, j in zip(at_ns, shown_j, strict=True)
    ]
    schema = {column.name: column.dtype for column in tables.DEVICE_READINGS}
    return DeviceReadings(pl.DataFrame(rows, schema=schema, orient="row"))


def true_j(at_ns: np.ndarray) -> np.ndarray:
    """Add up 100 W, but 400 W from second 1 to second 2."""
    at_s = at_ns / S
    return FULL_J + 100 * at_s + 300 * np.clip(at_s - 1, 0, 1)


def polled(poll_ms: int, update_ms: int, until_s: int = 3) -> DeviceReadings:
    at_ns = np.arange(0, until_s * S + 1, poll_ms * MS)
    return readings(at_ns, true_j(at_ns // (update_ms * MS) * (update_ms * MS)))


def found(log: DeviceReadings) -> EnergyCounter:
    counter = read_counter(log)
    assert counter is not None
    return counter


def test_updates_are_seen_where_the_log_was_polled_faster() -> None:
    run = found(polled(20, 100)).runs[0]

    assert run.is_placed
    assert np.diff(run.update_ns) == pytest.approx(100 * MS, rel=1e-3)
    # each update lies up to one poll before the reading that shows it
    off_ns = run.update_ns - np.round(run.update_ns / (100 * MS)) * 100 * MS
    assert (np.abs(off_ns) <= 20 * MS).all()


def test_a_counter_counts_from_the_first_value_that_a_log_shows() -> None:
    run = found(polled(20, 100)).runs[0]

    assert run.energy_j[0] == FULL_J
    assert abs(int(run.update_ns[0])) <= 20 * MS


def test_differences_are_the_mean_power_between_updates() -> None:
    end_ns, power_w = found(polled(20, 100)).mean_power()

    assert np.diff(end_ns) == pytest.approx(100 * MS, rel=1e-3)
    expected_w = np.where((end_ns > 1.05 * S) & (end_ns < 2.05 * S), 400.0, 100.0)
    assert power_w == pytest.approx(expected_w, rel=1e-3)


def test_readings_of_unknown_age_make_no_short_intervals() -> None:
    # polled as fast as it updates: a reading is up to 20 ms old, so intervals last 100 ms
    end_ns, power_w = found(polled(20, 20)).mean_power()

    assert set(np.diff(end_ns).tolist()) == {100 * MS}
    assert power_w.min() == pytest.approx(100.0)
    assert power_w.max() == pytest.approx(400.0)


def test_one_reading_of_a_repeated_value_counts() -> None:
    at_ns = np.array([0, 1, 2, 3, 4, 5, 6]) * 100 * MS
    run = found(readings(at_ns, FULL_J + np.array([0, 10, 10, 30, 30, 30, 60.0]))).runs[0]

    assert run.energy_j.tolist() == [FULL_J + 10, FULL_J + 30, FULL_J + 60]
    # half a poll before the first reading of each
    assert run.update_ns.tolist() == [50 * MS, 250 * MS, 550 * MS]


def test_a_counter_that_goes_down_begins_anew() -> None:
    log = polled(100, 100, until_s=6)
    down_j = np.where(log["sample_ns"].to_numpy() > 4 * S, 5000.0, FULL_J)
    log = DeviceReadings(log.with_columns(value=pl.col("value") - pl.Series(down_j) + 10.0))
    log = DeviceReadings(
        log.with_columns(
            value=pl.when(pl.col("sample_ns") > 4 * S)
            .then(pl.col("sample_ns") * 1e-7)
            .otherwise("value")
        )
    )

    counter = found(log)

    assert counter.n_restarts == 1
    assert len(counter.runs) == 2
    assert counter.counts_through((S, 3 * S))
    assert counter.counts_through((int(4.5 * S), int(5.5 * S)))
    assert not counter.counts_through((3 * S, 5 * S))
    assert not counter.counts_through((-S, S))
    assert (counter.mean_power()[1] >= 0).all()


def test_a_long_pause_makes_no_intervals() -> None:
    log = polled(100, 100, until_s=6)
    log = DeviceReadings(log.filter(~pl.col("sample_ns").is_between(int(2.5 * S), int(4.5 * S))))

    end_ns, power_w = found(log).mean_power()

    assert not ((end_ns > 2.6 * S) & (end_ns < 4.4 * S)).any()
    assert power_w[-1] == pytest.approx(100.0)


@pytest.mark.parametrize("shown_j", [[7.0] * 9, [], [5.0], [5.0, 4.0, 3.0, 2.0]])
def test_a_counter_that_never_rises_tells_nothing(shown_j: list[float]) -> None:
    assert read_counter(readings(np.arange(len(shown_j)) * S, np.array(shown_j))) is None


@given(
    st.lists(st.tuples(st.integers(80, 120), st.floats(0, 90)), min_size=6, max_size=60),
    st.integers(0, 3),
)
def test_intervals_hold_what_the_counter_added(steps: list[tuple[int, float]], n_held: int) -> None:
    at_ns = np.cumsum([ms for ms, _ in steps]) * MS
    shown_j = FULL_J + np.cumsum([round(j, 3) for _, j in steps])
    shown_j[1 : 1 + n_held] = shown_j[0]
    counter = read_counter(readings(at_ns, shown_j))
    if counter is None:
        return
    end_ns, power_w = counter.mean_power()

    (run,) = counter.runs
    step_ns = np.median(np.diff(run.update_ns))
    if not run.is_placed:
        step_ns *= max(1.0, np.ceil(UPDATE_MS * MS / step_ns))
    if len(end_ns) and (np.diff(run.update_ns) <= 3 * step_ns).all():
        since_ns = run.update_ns - run.update_ns[0]
        reached_ns = np.array([end_ns[0] - step_ns, end_ns[-1]]) - run.update_ns[0]
        low_j, high_j = np.interp(reached_ns, since_ns, run.energy_j)
        assert power_w.sum() * step_ns * 1e-9 == pytest.approx(high_j - low_j, abs=1e-3)
    assert (power_w >= 0).all()


def test_samples_of_a_counter_are_power_samples() -> None:
    frame = counter_samples(found(polled(20, 100)), 3, 1)

    assert check_table(frame, tables.POWER_SAMPLES, "of a counter").equals(frame)
    assert set(frame.select("rank", "device_id").rows()) == {(3, 1)}
    assert counter_samples(None, 0, 0).schema == frame.schema
