"""What there is to doubt about the energy of a device."""

from __future__ import annotations

import pytest

from tests.energy.test_attribute import S, samples, work
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.device_energy import Evidence


@pytest.mark.parametrize(("n_inside", "are_few"), [(7, True), (8, False)])
def test_fewer_than_8_samples_in_the_window_are_few(n_inside: int, *, are_few: bool) -> None:
    # one in the middle of each second, and of one second before and after
    log = samples(*((t + 0.5, 300.0) for t in range(-1, n_inside + 1)))
    options = AttributionOptions(idle_power_w=100.0, sensor_window_ms=0.0)

    pieces, span_ns = work((0, n_inside)), (0, n_inside * S)
    _, caveats = attribute_device(pieces, Evidence(log), span_ns, options)

    assert ("few-samples" in [caveat.slug for caveat in caveats]) == are_few
