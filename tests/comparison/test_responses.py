"""Energy per response of two runs: the row, its interval, gates on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.comparison.doctored import decode, other_file
from tests.report.sample_serving import with_serving
from traceenergy.comparison.compare import compare
from traceenergy.comparison.gate import judge_gates
from traceenergy.errors import UsageError
from traceenergy.report.comparison_tables import run_table
from traceenergy.serving.columns import SERVING_ROW
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.model import Comparison


def served(j: float, low: float | None, high: float | None, *, total: float = 1.0) -> Analysis:
    """Make the decode run serve responses that cost so much, at so much energy in all."""
    run = other_file(decode())
    energy = replace(run.energy, total_j=(run.energy.total_j or 0) * total)
    row = pl.DataFrame(
        {"j_per_response": [j], "j_per_response_lo": [low], "j_per_response_hi": [high]}
    )
    table = pl.concat([empty_table(SERVING_ROW), row], how="diagonal_relaxed")
    return replace(run, energy=energy, serving=table)


def changed(base: Analysis, head: Analysis) -> Comparison:
    return compare(base, head)


def test_energy_per_response_is_compared_as_surely_as_energy() -> None:
    """Bounds without width: the interval is that of the energy, in shares."""
    found = changed(served(20.0, 20.0, 20.0), served(24.0, 24.0, 24.0))

    row, energy = found.change("j_per_response"), found.change("energy_j")

    assert (row["base"], row["head"], row["delta"]) == (20.0, 24.0, 4.0)
    assert row["delta_share"] == pytest.approx(0.2)
    width = (row["delta_hi"] - row["delta_lo"]) / 24.0
    assert width == pytest.approx((energy["delta_hi"] - energy["delta_lo"]) / energy["base"])
    assert row["verdict"] == "worse"


def test_bounds_of_responses_widen_the_interval() -> None:
    """Two of 16 to 24 J: each has a variance of 8^2 / 12."""
    found = changed(served(20.0, 16.0, 24.0), served(23.0, 19.0, 27.0))

    row = found.change("j_per_response")

    half = (row["delta_hi"] - row["delta_lo"]) / 2
    assert half == pytest.approx(1.645 * (2 * 64 / 12) ** 0.5, rel=0.02)
    assert row["verdict"] == "undecided"


def test_without_an_upper_bound_nothing_is_decided() -> None:
    row = changed(served(20.0, 16.0, None), served(40.0, 39.0, 41.0)).change("j_per_response")

    assert (row["delta"], row["delta_lo"], row["delta_hi"]) == (20.0, None, None)
    assert (row["verdict"], row["reason"]) == (
        "undecided", "too few steps, or responses, tell how much it varies",
    )  # fmt: skip


@pytest.mark.parametrize("n_served", [0, 1])
def test_there_is_no_row_unless_both_runs_have_requests(n_served: int) -> None:
    runs = [decode(), served(20.0, 20.0, 20.0)]

    found = changed(runs[0], runs[n_served])

    with pytest.raises(UsageError, match="no j_per_response"):
        found.change("j_per_response")
    with pytest.raises(UsageError, match="needs requests"):
        judge_gates(found, ["j_per_response > 1%"])


def test_gates_and_the_page_know_it() -> None:
    found = changed(served(20.0, 20.0, 20.0), served(24.0, 24.0, 24.0))

    gates = judge_gates(found, ["j_per_response > 10%", "j_per_response > 5 J"])
    shown = [cells for cells in run_table(found).rows if cells[0].text == "Energy per response"]

    assert [gate.outcome for gate in gates] == ["failed", "passed"]
    assert [cell.text for cell in shown[0][1:3]] == ["20.00 J", "24.00 J"]


def test_what_requests_of_an_analysis_tell_is_taken() -> None:
    run = with_serving(decode())

    row = changed(run, other_file(run)).change("j_per_response")

    assert row["base"] == row["head"] == run.serving["j_per_response"].item()
