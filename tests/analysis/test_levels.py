"""Quadrants of time and energy, on rows drawn by hand."""

from __future__ import annotations

import polars as pl
import pytest

from tests.analysis.path_cases import SECOND, Piece, case
from traceenergy.analysis.critical import segments
from traceenergy.analysis.levels import max_vs_sum, quadrants
from traceenergy.analysis.model import Window


def test_the_fewest_rows_that_hold_most_are_worth_a_look() -> None:
    told = quadrants(pl.Series([50.0, 35.0, 10.0, 5.0]), pl.Series([5.0, 60.0, 30.0, 5.0]))

    assert told == ["time only", "time+energy", "energy only", "neither"]


def test_without_power_there_are_no_quadrants() -> None:
    assert quadrants(pl.Series([1.0, 2.0]), pl.Series([None, None], dtype=pl.Float64)) == [
        None,
        None,
    ]


def test_a_row_off_the_path_is_never_worth_time() -> None:
    assert quadrants(pl.Series([1.0, 0.0]), pl.Series([1.0, 1.0])) == [
        "time+energy",
        "energy only",
    ]


def test_holders_take_turns() -> None:
    found = case(
        Piece("mlp", 0, 2, path=2), Piece("mlp", 2, 3, device=1, path=1), Piece("moe", 3, 5, path=2)
    )
    window = Window(0, 5 * SECOND, None)

    told = max_vs_sum(window, found.critical, found.ledger, {})

    assert told["critical_path_s"] == pytest.approx(5)
    assert told["parts"]["work_s"] == pytest.approx(5)
    assert [(row["path_s"], row["n_turns"]) for row in told["holders"]] == [(4, 2), (1, 1)]
    assert told["n_handovers"] == 2


def test_segments_of_one_holder_are_one() -> None:
    found = case(
        Piece("mlp", 0, 2, path=2), Piece("mlp", 2, 3, path=1), Piece("moe", 3, 5, device=1, path=2)
    )

    drawn = segments(found.critical.path, found.ledger, found.phase, 100)

    assert drawn.select("start_ns", "end_ns", "device_id", "phase").rows() == [
        (0, 3 * SECOND, 0, "mlp"),
        (3 * SECOND, 5 * SECOND, 1, "moe"),
    ]


def test_many_segments_become_few_without_holes() -> None:
    pieces = [Piece("mlp" if k % 2 else "moe", k, k + 1, device=k % 3, path=1) for k in range(200)]
    found = case(*pieces)

    drawn = segments(found.critical.path, found.ledger, found.phase, 20)

    assert len(drawn) <= 20
    assert drawn["start_ns"][0] == 0
    assert drawn["end_ns"][-1] == 200 * SECOND
    assert drawn["start_ns"].to_list()[1:] == drawn["end_ns"].to_list()[:-1]


def test_of_many_segments_those_that_hold_most_time_are_shown() -> None:
    # Long waits are rare: nine tenths of the time belong to short turns of one phase.
    pieces = [
        Piece("moe" if k % 10 == 9 else "mlp", k, k + 1, device=k % 2, path=1) for k in range(1000)
    ]
    found = case(*pieces)

    drawn = segments(found.critical.path, found.ledger, found.phase, 100)

    length = (pl.col("end_ns") - pl.col("start_ns")).sum()
    share = drawn.filter(pl.col("phase") == "mlp").select(length).item() / (1000 * SECOND)
    assert share > 0.85
