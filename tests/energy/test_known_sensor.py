"""When readings speak against the sensor that a board is known for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.energy.sensor_loads import read, serve
from tests.energy.test_regression import WATTS, fitted, run
from tests.energy.test_regression import read as power_of
from traceenergy.energy import sensor_fit as module
from traceenergy.energy.sensor import AGAINST_KNOWN, COUNTED, GIVEN, KNOWN
from traceenergy.energy.sensor_fit import SensorFit, find_sensor

if TYPE_CHECKING:
    from traceenergy.energy.sensor_search import Asked

KNOWN_MS = 25.0


@pytest.mark.parametrize("is_trusted", [True, False])
def test_what_is_not_trusted_does_not_speak_against_a_known_sensor(
    is_trusted: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = serve(1, 4.0)
    shown = read(load, "a100", 1)
    blank = module._untold  # noqa: SLF001 - a fit to fill in
    given: list[float | None] = []

    def conclude(_readings: object, _grid: object, asked: Asked, _found: object) -> SensorFit:
        given.append(asked.given_ms)
        told = blank(asked, load.work.origin_ns)
        if asked.given_ms == KNOWN_MS:  # trusted, were it not the second try
            return replace(told, window_ms=KNOWN_MS, is_trusted=True, source="given")
        return replace(told, window_ms=90.0, is_trusted=is_trusted, source=AGAINST_KNOWN)

    monkeypatch.setattr(module, "_conclude", conclude)
    monkeypatch.setattr(module, "search", lambda *_: Nothing())
    monkeypatch.setattr(module, "fit_drift", lambda *_: None)

    found = find_sensor(
        shown.at_ns, shown.power_w, load.work, period_ms=100.0, known_window_ms=KNOWN_MS
    )

    if is_trusted:
        assert (found.window_ms, found.source, found.is_trusted) == (90.0, AGAINST_KNOWN, True)
        assert given == [None]
    else:
        assert (found.window_ms, found.source, found.is_trusted) == (KNOWN_MS, KNOWN, False)
        assert given == [None, KNOWN_MS]


@pytest.mark.parametrize("source", [GIVEN, COUNTED])
def test_a_window_that_is_said_or_counted_stays(source: str) -> None:
    # readings are means over 25 ms, which they tell clearly
    work, of_all = run(200)
    series = power_of(work, WATTS[of_all])
    sensor = replace(series.sensor, window_ms=40.0, source=source)

    model = fitted(work, of_all, replace(series, sensor=sensor))

    assert (model.found.window_ms, model.found.source) == (40.0, GIVEN)
    assert model.shape.window_ms == 40.0


class Nothing:
    """A search without an answer."""

    def of_known(self, _: Asked) -> Nothing:
        """Stay so."""
        return self
