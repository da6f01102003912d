"""Readings that see part of each period, filled in by what ran in the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.device import (
    EPOCH_NS,
    GEMM,
    MS,
    S,
    classes_of,
    design_of,
    model_of,
    pieces,
    series_of,
    work_of,
)
from traceenergy.energy import regression
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.design import SensorShape
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.unseen_time import fill_unseen
from traceenergy.trace.tables import POWER_SAMPLES, PowerSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.power_model import PowerModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

STATIC_W, WORK_W = 90.0, 300.0
# Square wave: 50 ms on, 50 ms off, for 3 s.
WAVE = pieces(*((100.0 * turn, 100.0 * turn + 50) for turn in range(30)))


def seen(work: DeviceWork, low_ns: Int, high_ns: Int) -> Float:
    """Tell the part of each span that work fills, piece by piece."""
    upper = np.minimum.outer(high_ns, work.end_ns)
    lower = np.maximum.outer(low_ns, work.start_ns)
    inside_ns = np.maximum(upper - lower, 0).sum(axis=1)
    return np.asarray(inside_ns / (high_ns - low_ns), dtype=np.float64)


def model_at(
    work: DeviceWork, at_ns: Int, power_w: Float, model_w: float, window_ms: float = 25.0
) -> PowerModel:
    """Model work that draws `model_w`, of readings every 100 ms."""
    design = design_of(work, classes_of([0] * len(work.row), [GEMM]))
    mean = np.zeros(design.n_columns)
    mean[[0, -1]] = STATIC_W, model_w
    series = series_of(at_ns, power_w, window_ms)
    return model_of(design, mean, np.zeros((len(mean), len(mean))), series)


def updates(first_ms: float, n: int) -> Int:
    return EPOCH_NS + round(first_ms * MS) + np.arange(n) * 100 * MS


@pytest.mark.parametrize(
    ("first_ms", "reading_w"),
    [(130.0, 390.0), (190.0, 90.0), (162.5, 240.0)],
    ids=["sees work only", "sees idle only", "sees half of each"],
)
def test_a_square_wave_has_its_mean_wherever_the_sensor_looks(
    first_ms: float, reading_w: float
) -> None:
    # ms        100       150       200
    # work      [---------)         [----
    # windows     [----)                     105 to 130: 390 W
    #                        [----)          165 to 190: 90 W
    #                [----)                  137.5 to 162.5: 240 W
    model = model_at(WAVE, updates(first_ms, 20), np.full(20, reading_w), WORK_W)

    filled = fill_unseen(model, WAVE.start_ns, WAVE.end_ns)

    assert filled.power_w == pytest.approx(np.full(20, STATIC_W + WORK_W / 2), abs=1e-3)


def test_only_the_readings_change() -> None:
    model = model_at(WAVE, updates(130, 20), np.full(20, 390.0), WORK_W)

    filled = fill_unseen(model, WAVE.start_ns, WAVE.end_ns)

    assert filled.sample_ns.tolist() == model.series.sample_ns.tolist()
    assert filled.sensor == model.series.sensor
    assert model.series.power_w.tolist() == [390.0] * 20


def irregular(seed: int) -> DeviceWork:
    """Let pieces of 1 to 60 ms follow each other with pauses as long, for some 6 s."""
    edge_ms = np.cumsum(np.random.default_rng(seed).uniform(1, 60, 200))
    edge_ns = EPOCH_NS + np.round(edge_ms * MS).astype(np.int64)
    return work_of(edge_ns[::2], edge_ns[1::2])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("model_w", [300.0, 240.0, 360.0])
def test_what_a_model_has_wrong_counts_by_the_difference_only(seed: int, model_w: float) -> None:
    work, at_ns = irregular(seed), updates(500, 50)
    seen_share = seen(work, at_ns - 25 * MS, at_ns)
    # a reading's period has the window in its middle
    middle_ns = at_ns - round(12.5 * MS)
    full_share = seen(work, middle_ns - 50 * MS, middle_ns + 50 * MS)
    model = model_at(work, at_ns, STATIC_W + WORK_W * seen_share, model_w)

    filled = fill_unseen(model, work.start_ns, work.end_ns)

    off_w = (WORK_W - model_w) * (seen_share - full_share)
    true_w = STATIC_W + WORK_W * full_share
    assert filled.power_w == pytest.approx(true_w + off_w, abs=1e-3)
    # a model off by a fifth leaves a fifth of the error of readings that see a quarter
    error_w = np.abs(filled.power_w - true_w).mean()
    assert error_w <= 0.21 * np.abs(model.series.power_w - true_w).mean()


def test_a_smoothed_sensor_sees_what_its_rows_see() -> None:
    # Readings are what the model expects; so the filled ones are what it expects of all the time.
    work, at_ns, shape = irregular(9), updates(500, 50), SensorShape(25.0, 20.0, 30.0)
    model = model_at(work, at_ns, np.zeros(50), WORK_W)
    lagging = replace(model.series.sensor, lag_ms=shape.lag_ms + shape.smoothing_ms)
    power_w = model.design.rows(at_ns, shape) @ model.fit.mean
    series = replace(model.series, power_w=power_w, sensor=lagging)
    model = replace(model, shape=shape, series=series)

    filled = fill_unseen(model, work.start_ns, work.end_ns)

    # 30 ms late, 20 ms smoothed, half of 25 ms to the middle
    middle_ns = at_ns - round(62.5 * MS)
    full_share = seen(work, middle_ns - 50 * MS, middle_ns + 50 * MS)
    assert filled.power_w == pytest.approx(STATIC_W + WORK_W * full_share, abs=1e-3)


def test_power_is_never_below_zero() -> None:
    # a model ten times too high, of work that was seen at its fullest: 390 - 3000 / 2 W
    model = model_at(WAVE, updates(130, 20), np.full(20, 390.0), 10 * WORK_W)

    filled = fill_unseen(model, WAVE.start_ns, WAVE.end_ns)

    assert filled.power_w.tolist() == [0.0] * 20


@pytest.mark.parametrize(
    ("window_ms", "mean_w"),
    [(25.0, 240.0), (100.0, 390.0), (1000.0, 390.0), (0.0, 390.0)],
    ids=["part of the time", "all of the time", "a moving average", "instants"],
)
def test_only_a_sensor_that_sees_part_of_the_time_is_filled(
    monkeypatch: pytest.MonkeyPatch, window_ms: float, mean_w: float
) -> None:
    # 390 W is what 25 ms of each period show of the wave; whoever sees all is believed
    at_ns = updates(130, 40)
    model = model_at(WAVE, at_ns, np.full(40, 390.0), WORK_W, window_ms)
    monkeypatch.setattr(regression, "model_power", lambda *_, **__: model)
    rows = [(0, 0, ns, 390.0, "power.draw.instant", "nvidia-smi") for ns in at_ns.tolist()]
    schema = {column.name: column.dtype for column in POWER_SAMPLES}
    samples = PowerSamples(pl.DataFrame(rows, schema=schema, orient="row"))
    evidence = Evidence(samples, classes=classes_of([0] * 30, [GEMM]))
    window = EPOCH_NS + S, EPOCH_NS + 2 * S

    energy, _ = attribute_device(WAVE, evidence, window, AttributionOptions())

    assert energy.total_j == pytest.approx(mean_w, abs=1e-3)
