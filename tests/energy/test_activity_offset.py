"""Where the time of a metric sample lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.energy.activity_offset import find_offset, spread_out
from traceenergy.energy.bins import Pieces, cut
from traceenergy.energy.metric_samples import MetricSamples

US = 1000


@given(n_rows=st.integers(1, 5000), most=st.integers(1, 3000), n_stretches=st.integers(2, 50))
def test_rows_are_chosen_once_and_from_end_to_end(n_rows: int, most: int, n_stretches: int) -> None:
    rows = spread_out(n_rows, most, n_stretches)

    assert len(rows) <= max(most, 1)
    assert (np.diff(rows) > 0).all()
    assert rows[0] == 0
    if n_rows <= most:
        assert len(rows) == n_rows
    elif most >= 2 * n_stretches:
        assert len(rows) > most - most // n_stretches
        assert rows[-1] == n_rows - 1


def problem() -> tuple[Pieces, MetricSamples]:
    """Run kernels of 2 to 8 us, all active by themselves; sample 100 us that end 37 us before."""
    rng = np.random.default_rng(1)
    turn = rng.integers(0, 4, 20_000)
    length_ns = np.array([2, 3, 5, 8])[turn] * US
    end_ns = np.cumsum(length_ns + rng.integers(100, 900, 20_000))
    pieces = Pieces(end_ns - length_ns, end_ns, turn, 4)
    at_ns = np.arange(5, 1100) * 100 * US
    cuts = cut(pieces.start_ns, pieces.end_ns, at_ns - 137 * US, at_ns - 37 * US)
    level = np.array([0.2, 0.9, 0.5, 0.6])[turn]
    value = np.bincount(cuts.in_bin, cuts.share * level[cuts.source], len(at_ns))
    samples = MetricSamples(
        at_ns,
        np.full(len(at_ns), 100 * US),
        np.column_stack((np.round(value, 2), np.full(len(at_ns), np.nan))),
        np.full(2, 0.003),
        100 * US,
    )
    return pieces, samples


def test_the_offset_is_found_with_one_part_and_one_category() -> None:
    # the value is all there is
    pieces, samples = problem()

    found = find_offset(samples, pieces, np.zeros(4, np.int64))

    assert abs(found + 37 * US) < 0.2 * US


def test_a_metric_of_small_values_tells_as_much_as_one_of_large_ones() -> None:
    # the other goes up and down by 30 %, whatever runs
    pieces, samples = problem()
    other = np.random.default_rng(2).normal(0.5, 0.3, len(samples.at_ns))
    value = np.column_stack((samples.value[:, 0] / 20, other))

    found = find_offset(replace(samples, value=value), pieces, np.zeros(4, np.int64))

    assert abs(found + 37 * US) < 0.2 * US
