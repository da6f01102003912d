"""What there is to doubt about the energy of a device."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.energy.test_attribute import S, samples, work
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.device_energy import Evidence
from traceenergy.trace.tables import PowerSamples


@pytest.mark.parametrize(("n_inside", "are_few"), [(7, True), (8, False)])
def test_fewer_than_8_samples_in_the_window_are_few(n_inside: int, *, are_few: bool) -> None:
    # one in the middle of each second, and of one second before and after
    log = samples(*((t + 0.5, 300.0) for t in range(-1, n_inside + 1)))
    options = AttributionOptions(idle_power_w=100.0, sensor_window_ms=0.0)

    pieces, span_ns = work((0, n_inside)), (0, n_inside * S)
    _, caveats = attribute_device(pieces, Evidence(log), span_ns, options)

    assert ("few-samples" in [caveat.slug for caveat in caveats]) == are_few


def test_a_field_is_not_scaled_to_one_that_sees_as_little() -> None:
    # both fields of an A100 are means over 25 of each 100 ms: neither tells what the other misses
    logs = [
        samples(
            *((t, busy_w if 0 <= t < 10 else 100.0) for t in np.arange(-2, 13, 0.1)), field=field
        )
        for field, busy_w in (("power.draw.instant", 460.0), ("power.draw", 500.0))
    ]
    pieces = work((0, 10), name="NVIDIA A100-SXM4-80GB")
    both = Evidence(PowerSamples(pl.concat(logs)))
    options = AttributionOptions(idle_power_w=100.0)

    energy, caveats = attribute_device(pieces, both, (0, 10 * S), options)

    assert energy.series.sensor.window_ms == 25.0
    # the lag of a reading is known to half a period
    assert energy.total_j == pytest.approx(4600.0, rel=0.01)
    assert "power-calibrated" not in [caveat.slug for caveat in caveats]
