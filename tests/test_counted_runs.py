"""Simulated runs with the board's energy counter: totals against known truth."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from traceenergy import AnalysisOptions, analyze, read_trace, validate
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.analysis.model import Analysis

# A100: 25 of 100 ms are seen, polled as slowly as that.
PART_TIME = Options(
    scenario="mixed", seconds=2.0, layers=6, stretch=20.0, sensor="a100", energy_counter=True
)
AS_BEFORE = AnalysisOptions(method="window-share")


def without(log: Path, word: str) -> Path:
    """Leave out the columns of a log whose heading has a word."""
    lines = [line.split(", ") for line in log.read_text().splitlines()]
    kept = [place for place, heading in enumerate(lines[0]) if word not in heading]
    less = log.with_name(f"without-{word}.csv")
    less.write_text("".join(", ".join(line[i] for i in kept) + "\n" for line in lines))
    return less


def total_error(result: Analysis, folder: Path) -> float:
    truth = json.loads((folder / "truth.json").read_text())
    assert result.energy.total_j is not None
    return abs(result.energy.total_j / truth["total_j"] - 1)


def test_the_counter_makes_up_for_what_a_part_time_sensor_misses(tmp_path: Path) -> None:
    errors = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        simulate_run(folder, replace(PART_TIME, seed=seed))
        log = folder / "power.csv"
        results = [
            analyze(read_trace(folder / "trace.sqlite", power=[one]), AS_BEFORE)
            for one in (log, without(log, "energy"))
        ]
        counted_j = results[0].devices["energy_counter_j"][0]
        assert counted_j == pytest.approx(results[0].energy.total_j, rel=1e-3)
        assert results[1].devices["energy_counter_j"][0] is None
        errors.append([total_error(result, folder) for result in results])

    assert max(with_it for with_it, _ in errors) < 1.5e-3
    assert sum(error for _, error in errors) > 5 * sum(error for error, _ in errors)


@pytest.mark.parametrize("poll_ms", [20, 100])
def test_a_log_of_the_counter_alone_is_enough_for_the_power_of_kernels(
    tmp_path: Path, poll_ms: int
) -> None:
    simulate_run(tmp_path, replace(PART_TIME, poll_ns=poll_ms * 1_000_000))
    trace = read_trace(tmp_path / "trace.sqlite", power=[without(tmp_path / "power.csv", "power")])

    result = analyze(trace)

    assert len(trace.power_samples) == 0
    assert result.energy.method == "regression"
    assert result.devices["power_source"][0] == "energy counter: differences"
    assert total_error(result, tmp_path) < 1.5e-3


def test_marks_of_energy_are_as_good_as_a_log(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(PART_TIME, power="marks"))

    result = analyze(read_trace(tmp_path / "trace.sqlite"), AS_BEFORE)

    assert "power-calibrated" in {caveat.slug for caveat in result.caveats}
    assert total_error(result, tmp_path) < 1.5e-3


def test_a_run_with_a_counter_alone_can_be_run_again(tmp_path: Path) -> None:
    simulate_run(tmp_path, PART_TIME)
    trace = read_trace(tmp_path / "trace.sqlite", power=[without(tmp_path / "power.csv", "power")])

    assert validate(trace, n_draws=2, seed=1).n_draws == 2
