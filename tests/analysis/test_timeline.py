"""Series for the charts, cut to the window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.path_cases import SECOND, Piece, case
from tests.build import Work, build_trace
from traceenergy.analysis import AnalysisOptions, analyze
from traceenergy.analysis.model import Window
from traceenergy.analysis.timeline import IDLE, MAX_BINS, bin_activity

MS = 1_000_000
READ_MHZ = [(t * MS, "sm_clock_mhz", 1000.0 + t) for t in range(-200, 500, 100)]
OTHER = [(0, "temperature_c", 50.0)]


@pytest.mark.parametrize("time_only", [False, True])
def test_clocks_reach_one_reading_beyond_the_window(time_only: bool) -> None:  # noqa: FBT001 - both cases
    # window 50 to 250 ms; read every 100 ms from -200 to 400 ms
    trace = build_trace(
        kernels=[("gemm", 50 * MS, 250 * MS)],
        readings=READ_MHZ + OTHER,
        power=[(t * MS, 300.0) for t in range(-200, 500, 20)],
    )

    curve = analyze(trace, AnalysisOptions(time_only=time_only)).clock_curve

    assert curve["sample_ns"].to_list() == [0, 100 * MS, 200 * MS, 300 * MS]
    assert curve["sm_clock_mhz"].to_list() == [1000.0, 1100.0, 1200.0, 1300.0]
    assert curve.select("rank", "device_id").unique().rows() == [(0, 0)]


def test_without_readings_there_is_no_clock_curve() -> None:
    trace = build_trace(kernels=[Work("gemm", 50 * MS, 250 * MS)], readings=OTHER)

    assert analyze(trace, AnalysisOptions(time_only=True)).clock_curve.height == 0


WIDTH = 4
PIECE = st.tuples(
    st.sampled_from("ab"), st.integers(0, 30), st.one_of(st.integers(0, 6), st.just(25))
)


@given(st.lists(PIECE, min_size=1, max_size=9))
def test_bins_share_each_nanosecond_among_what_runs(drawn: list[tuple[str, int, int]]) -> None:
    pieces = sorted(drawn, key=lambda piece: piece[1])
    found = case(
        *(Piece(name, start / SECOND, (start + length) / SECOND) for name, start, length in pieces)
    )
    window = Window(0, WIDTH * MAX_BINS, None)
    shares = bin_activity(found.ledger, window, found.phase)

    running = np.zeros((2, WIDTH * MAX_BINS))
    for name, start, length in pieces:
        running["ab".index(name), start : start + length] += 1
    together = running.sum(axis=0)
    expected = {"a": running[0], "b": running[1], IDLE: together == 0}
    for name, value in expected.items():
        part = value / np.where(value > 0, np.maximum(together, 1), 1)
        told = np.zeros(MAX_BINS)
        mine = shares.filter(phase=name)
        told[mine["bin"].to_numpy()] = mine["busy_share"].to_numpy()
        assert told == pytest.approx(part.reshape(MAX_BINS, WIDTH).mean(axis=1), abs=1e-12)
