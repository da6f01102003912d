"""What another recording would tell: closed forms, and never less than this one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.device import (
    ATTENTION,
    EPOCH_NS,
    FILL,
    GEMM,
    MS,
    classes_of,
    design_of,
    model_of,
    pieces,
    series_of,
)
from traceenergy.energy.class_power import fit_class_power
from traceenergy.energy.expected_error import expected_size_j
from traceenergy.energy.other_recordings import read_faster, run_longer, sample_metrics
from traceenergy.energy.prior import prior_by_name
from traceenergy.energy.regression import lay_rows
from traceenergy.energy.sensor import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.power_model import PowerModel

    Float = NDArray[np.float64]

LENGTH_MS = 24_000


def fitted(
    every_ms: float = 100.0, window_ms: float = 25.0, source: str = "known GPU"
) -> PowerModel:
    """Fit kernels of three classes, each reading a new value."""
    rng = np.random.default_rng(1)
    edge_ms = np.cumsum(rng.uniform(5, 60, 2000))
    edge_ms = edge_ms[edge_ms < LENGTH_MS]
    work = pieces(*zip(edge_ms[:-1:2], edge_ms[1::2], strict=False))
    classes = classes_of(rng.integers(0, 3, len(work.row)), [GEMM, ATTENTION, FILL])
    design = design_of(work, classes, LENGTH_MS / 1000)
    sample_ns = EPOCH_NS + np.arange(0, LENGTH_MS, every_ms, dtype=np.int64) * MS
    series = series_of(sample_ns, np.zeros(len(sample_ns)), window_ms, period_ms=every_ms)
    series = replace(series, sensor=replace(series.sensor, source=source))
    prior = prior_by_name(design.traits, design.limit_w)
    mean, covariance = design.prior(prior.mean_w, prior.covariance_w2)
    model = model_of(design, mean, covariance, series)
    rows = lay_rows(series, design, model.shape)
    power_w = rows.design @ mean * (1 + rng.normal(0, 0.05, len(sample_ns)))
    return replace(model, fit=fit_class_power(replace(rows, power_w=power_w), mean, covariance))


def sizes_j(model: PowerModel, covariance: Float) -> Float:
    """Expect errors of a second of each class, and of all together."""
    first, n = model.design.first_class, model.design.n_columns
    gain = np.zeros((4, n))
    gain[:3, first:] = np.eye(3)
    gain[3, first:] = 1.0
    return expected_size_j(model, gain, covariance)


def test_a_run_as_long_tells_as_much() -> None:
    model = fitted()

    same = run_longer(model, 1)

    assert same.covariance == pytest.approx(model.fit.covariance, rel=1e-4, abs=1e-6)


def test_a_run_ten_times_as_long_tells_ten_times_as_much() -> None:
    model = fitted()

    longer = run_longer(model, 10)

    assert longer.covariance is not None
    assert longer.name == "a run 10 times as long"
    # Static power and classes: information over that of the prior is ten times as large.
    stays = np.append([0], np.arange(model.design.n_background, model.design.n_columns))
    block = np.ix_(stays, stays)
    before = np.linalg.inv(model.fit.prior_covariance[block])
    told = np.linalg.inv(model.fit.covariance[block]) - before
    told_longer = np.linalg.inv(longer.covariance[block]) - before
    assert told_longer == pytest.approx(10 * told, rel=1e-3, abs=1e-3 * np.abs(told).max())
    assert (sizes_j(model, longer.covariance) < sizes_j(model, model.fit.covariance)).all()


def test_faster_readings_of_a_sensor_that_is_no_faster_cannot_help() -> None:
    other = read_faster(fitted(every_ms=100.0))

    assert other.covariance is None
    assert other.why == "the sensor updates every 100 ms, and the log shows each one"


def test_faster_readings_are_no_news_where_the_log_has_them() -> None:
    other = read_faster(fitted(every_ms=20.0))

    assert other.covariance is None
    assert other.why == "the log has one every 20 ms already"


def test_a_sensor_that_was_asked_too_rarely_tells_more() -> None:
    # Asked every 500 ms, updated every 100 ms.
    rare = fitted(every_ms=500.0)
    sensor = replace(rare.series.sensor, period_ms=100.0)
    model = replace(rare, series=replace(rare.series, sensor=sensor))

    other = read_faster(model)

    assert other.covariance is not None
    assert (other.name, other.why) == ("readings every 100 ms", "")
    assert (sizes_j(model, other.covariance) < sizes_j(model, model.fit.covariance)).all()


def test_a_sensor_that_is_not_known_may_be_faster() -> None:
    model = fitted(every_ms=100.0, source=UNKNOWN)

    other = read_faster(model)

    assert other.covariance is not None
    assert other.name == "readings every 20 ms"
    assert other.why == "if the sensor updates that fast, which is not known"
    assert (sizes_j(model, other.covariance) < sizes_j(model, model.fit.covariance)).all()


def test_the_faster_the_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(every_ms=100.0, source=UNKNOWN)
    fastest = read_faster(model).covariance
    monkeypatch.setattr("traceenergy.energy.other_recordings.FAST_MS", 50.0)
    faster = read_faster(model).covariance

    assert fastest is not None
    assert faster is not None
    now = model.fit.covariance
    assert (sizes_j(model, fastest) < sizes_j(model, faster)).all()
    assert (sizes_j(model, faster) < sizes_j(model, now)).all()


def test_metrics_narrow_what_was_known_by_names() -> None:
    model = fitted(every_ms=500.0)

    other = sample_metrics(model)

    assert other.covariance is not None
    assert (
        sizes_j(model, other.covariance)[:3].sum() < sizes_j(model, model.fit.covariance)[:3].sum()
    )


def test_metrics_that_are_there_cannot_be_added() -> None:
    assert sample_metrics(replace(fitted(), prior_source="GPU metrics")).covariance is None
    assert sample_metrics(replace(fitted(), prior_source="names, calibration")).covariance is None
