"""Would the numbers be right: small runs with known powers, refusals, sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.build import build_trace
from tests.literals import Work
from traceenergy.analysis import AnalysisOptions, analyze
from traceenergy.analysis.validation import VALIDATION_ROW, Validation, validate
from traceenergy.errors import NoPowerError, RegressionRefusedError, UsageError

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace

MS = 1_000_000
NAMES = ("nvjet_gemm", "flash_fwd_kernel", "rms_norm_kernel", "ncclDevKernel_AllReduce")
WATTS = np.array([420.0, 260.0, 130.0, 60.0])
STATIC_W, WINDOW_MS = 90.0, 25


def run(devices: int = 1, seconds: float = 5.0) -> Trace:
    """Let kernels of 2 to 40 ms follow each other, read as means over 25 ms every 25 ms."""
    works: list[Work] = []
    power = {}
    for device in range(devices):
        rng = np.random.default_rng(device)
        edge_ms = np.cumsum(rng.uniform(2, 40, round(2 * seconds * 1000 / 42)))
        kind = rng.integers(0, 4, len(edge_ms) // 2)
        start_ms, end_ms = edge_ms[:-1:2], edge_ms[1::2]
        works += [
            Work(NAMES[k], round(a * MS), round(b * MS), device=device)
            for k, a, b in zip(kind, start_ms, end_ms, strict=False)
        ]
        at_ms = np.arange(-1000, edge_ms[-1] + 1000, WINDOW_MS)
        low, high = at_ms[:, None] - WINDOW_MS, at_ms[:, None]
        share = np.clip(np.minimum(end_ms, high) - np.maximum(start_ms, low), 0, None) / WINDOW_MS
        read_w = STATIC_W + share @ WATTS[kind[: len(end_ms)]] + rng.normal(0, 1, len(at_ms))
        power[device] = [(round(t * MS), float(w)) for t, w in zip(at_ms, read_w, strict=True)]
    return build_trace(works, power=power, gpu_name="NVIDIA H100 80GB HBM3")


OPTIONS = AnalysisOptions(sensor_window_ms=float(WINDOW_MS))


@pytest.fixture(scope="module")
def found() -> Validation:
    return validate(run(), OPTIONS, n_draws=1, seed=1)


def test_a_run_that_tells_its_powers_is_right(found: Validation) -> None:
    told, before = found.redrawn

    # Each class fills some 60 windows: their powers are told to a per cent or two, what the model
    # may miss of a class (5 %) and of each piece (3 %) is then the larger part.
    assert told.kernel_share < 0.06
    assert before.kernel_share < 0.06
    assert told.n_refused == before.n_refused == 0
    assert found.expected.kernel_share < 0.06
    assert told.kernel_held_share > 0.5


def test_the_sensor_is_found_again(found: Validation) -> None:
    (sensor,) = found.sensors

    assert sensor.window_ms == pytest.approx(25, rel=0.1)
    assert sensor.window_found_share == 1
    assert sensor.lag_found_share == 1
    assert sensor.lag_off_ms < 1


def test_tables_are_those_of_the_analysis(found: Validation) -> None:
    result = analyze(run(), OPTIONS)

    assert found.phases.columns == found.kernels.columns == [c.name for c in VALIDATION_ROW]
    assert found.phases["name"].to_list() == result.phases["name"].to_list()
    assert found.kernels["name"].to_list() == result.kernels["name"].to_list()
    assert found.phases["energy_j"].to_list() == pytest.approx(result.phases["energy_j"].to_list())
    assert found.expected == result.energy.expected_error
    # Rows' expected errors, times their energies, are that of the table.
    share, energy_j = (found.kernels[name].to_numpy() for name in ("expected_share", "energy_j"))
    assert share @ energy_j == pytest.approx(found.expected.kernel_share * energy_j.sum())


def test_other_recordings_are_foreseen(found: Validation) -> None:
    faster, longer, metrics = found.alternatives

    assert faster.name == "readings every 20 ms"
    assert faster.kernel_share is None
    assert longer.kernel_share is not None
    assert longer.kernel_share <= found.expected.kernel_share
    assert longer.phase_share is not None
    assert metrics.name == "GPU metrics"


def test_equal_seeds_find_equal_things(found: Validation) -> None:
    same = validate(run(), OPTIONS, n_draws=1, seed=1)

    assert same.redrawn == found.redrawn
    assert same.kernels.equals(found.kernels)


def test_two_devices_are_drawn_apart_and_summed() -> None:
    said: list[str] = []
    trace = run(devices=2, seconds=2.0)
    # There is nothing to validate but a regression, whatever else was asked for.
    options = replace(OPTIONS, method="window-share", time_only=True)

    found = validate(trace, options, n_draws=1, say=said.append)

    assert [sensor.device_id for sensor in found.sensors] == [0, 1]
    result = analyze(trace, OPTIONS)
    assert found.kernels["energy_j"].sum() == pytest.approx(result.energy.kernel_j)
    assert said == [
        "attributing energy", "run 1 of 2 with known powers", "run 2 of 2 with known powers",
    ]  # fmt: skip


def test_a_run_that_tells_nothing_is_refused_with_the_reason() -> None:
    readings = [(t * MS, 300.0) for t in range(-1000, 3000, 100)]
    trace = build_trace([("gemm", 0, 2000 * MS)], power=readings)

    with pytest.raises(RegressionRefusedError) as refused:
        validate(trace)

    assert refused.value.exit_code == 2
    assert "rank 0, device 0: the power readings never change" in refused.value.details


def test_without_power_there_is_nothing_to_validate() -> None:
    with pytest.raises(NoPowerError):
        validate(build_trace([("gemm", 0, 2000 * MS)]))


def test_no_draw_is_no_validation() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        validate(build_trace([("gemm", 0, MS)]), n_draws=0)


def test_without_a_regression_no_error_is_expected() -> None:
    trace = run(seconds=2.0)

    assert analyze(trace, replace(OPTIONS, method="window-share")).energy.expected_error is None
    assert analyze(trace, AnalysisOptions(time_only=True)).energy.expected_error is None
