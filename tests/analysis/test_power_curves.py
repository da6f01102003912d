"""The reconstruction keeps what was measured, cell by cell, with the shape of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.build import Work, build_trace
from tests.strategies import runs
from traceenergy.analysis import AnalysisOptions
from traceenergy.analysis.analyze import attribute_run
from traceenergy.analysis.placed_run import place_run
from traceenergy.analysis.power_curves import device_powers

if TYPE_CHECKING:
    from traceenergy.analysis.power_curves import DevicePower

MS = 1_000_000


def powers_of(arguments: dict[str, Any], **options: Any) -> tuple[DevicePower, ...]:  # noqa: ANN401 - options of an analysis
    asked = AnalysisOptions(**options)
    run = attribute_run(place_run(build_trace(**arguments), asked), asked, None)
    return device_powers(run.ledger, run.window)


@settings(max_examples=25, deadline=None)
@given(runs())
def test_every_cell_holds_its_measured_energy(arguments: dict[str, object]) -> None:
    for power in powers_of(arguments, idle_power_w=60.0):
        cells, curve = power.energy.cells, power.reconstructed
        at_ns = (cells.edge_ns - curve.begin_ns).astype(np.float64)

        found_j = curve.between(at_ns[:-1], at_ns[1:])

        assert (np.isnan(found_j) == ~cells.covered).all()
        assert found_j[cells.covered] == pytest.approx(cells.energy_j[cells.covered], abs=1e-9)
        assert curve.total_j == pytest.approx(cells.energy_j[cells.covered].sum(), abs=1e-9)
        assert not (curve.power_w < 0).any()


def test_work_draws_what_was_measured_while_it_ran() -> None:
    # Readings every 10 ms, as they are: 100 W, then 300 W while a kernel runs from 40 to 80 ms.
    power = [(t * MS, 300.0 if 40 < t < 80 else 100.0) for t in range(-45, 170, 10)]
    kernels = [Work("a", 0, 1 * MS), Work("k", 40 * MS, 80 * MS), Work("z", 119 * MS, 120 * MS)]

    (found,) = powers_of(
        {"kernels": kernels, "power": power}, idle_power_w=100.0, sensor_window_ms=0.0
    )

    curve = found.reconstructed
    middle_w = curve.between(np.array([50.0 * MS]), np.array([70.0 * MS])) / 0.02
    assert middle_w == pytest.approx([300.0])
    gap_w = curve.between(np.array([5.0 * MS, 90.0 * MS]), np.array([25.0 * MS, 110.0 * MS])) / 0.02
    assert gap_w == pytest.approx([100.0, 100.0])


def test_samples_stand_for_the_time_nearest_to_them() -> None:
    power = [(t * MS, float(t)) for t in (0, 10, 20, 30, 100, 110, 120)]
    kernels = [Work("k", 5 * MS, 110 * MS)]

    (found,) = powers_of(
        {"kernels": kernels, "power": power}, idle_power_w=0.0, sensor_window_ms=0.0
    )

    samples = found.samples
    assert samples is not None
    # the first is cut by the window; nothing stands for the time from 35 to 95 ms
    assert samples.begin_ns == 5 * MS
    assert np.isnan(samples.power_w).sum() == 1
    gap = int(np.flatnonzero(np.isnan(samples.power_w))[0])
    assert np.diff(samples.edge_ns)[gap] == 60 * MS
