"""Powers where the lag is open: fits at several lags as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.device import EPOCH_NS, FILL, GEMM, MS, S, classes_of, work_of
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.class_power import ClassPower
from traceenergy.energy.design import SensorShape
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.lag_mixture import ALIKE, climb, fit_at_lags, mix
from traceenergy.simulate.power import Law, true_power
from traceenergy.simulate.sensor import SENSORS, poll_times, read_field
from traceenergy.trace.tables import PowerSamples

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.energy.device_energy import DeviceEnergy

POLL_NS, LONG_NS = 20 * MS, 10 * S
TOPS_MS = np.array([0.0, 10.0, 20.0])


def fit_of(
    power_w: float, nats: float, temper: float = 1.0, variance_w2: float = 4.0
) -> ClassPower:
    one = np.eye(1)
    mean = np.array([power_w])
    return ClassPower(mean, variance_w2 * one, np.zeros(1), 1e4 * one, 1.0, temper, nats)


def shape_at(lag_ms: float) -> SensorShape:
    return SensorShape(25.0, 1.0, lag_ms)


@dataclass(frozen=True)
class _Told:
    """A fit that is finished before it is begun."""

    fit: ClassPower

    @property
    def evidence_nats(self) -> float:
        return self.fit.evidence_nats

    def finish(self) -> ClassPower:
        return self.fit


def swapped_each_10_ms(even_nats: float, odd_nats: float) -> Callable[[SensorShape], _Told]:
    """Draw hills at 0, 10, 20 ms; every second of them swaps 300 and 100 W."""

    def fit_at(shape: SensorShape) -> _Told:
        which = int(np.argmin(np.abs(TOPS_MS - shape.lag_ms)))
        off_ms = shape.lag_ms - TOPS_MS[which]
        odd = which % 2
        nats = (odd_nats if odd else even_nats) - 3 * off_ms**2
        return _Told(fit_of(100.0 if odd else 300.0, nats))

    return fit_at


def test_equal_lags_are_as_unsure_as_they_are_apart() -> None:
    share, fit = mix([fit_of(300.0, -50.0), fit_of(100.0, -50.0)], np.zeros(2))

    assert share.tolist() == [0.5, 0.5]
    assert fit.mean.tolist() == [200.0]
    assert fit.covariance.tolist() == [[4.0 + 100.0**2]]


def test_weights_go_with_the_tempered_likelihood() -> None:
    # ln 9 = 2.197 nats, told by residuals of which two say as much as one
    fits = [fit_of(300.0, 0.0, temper=2.0), fit_of(100.0, -2 * ALIKE * np.log(9.0), temper=1.0)]

    share, fit = mix(fits, np.zeros(2))

    assert share.tolist() == pytest.approx([0.9, 0.1])
    assert fit.mean.tolist() == pytest.approx([280.0])
    assert fit.covariance[0, 0] == pytest.approx(4.0 + 0.9 * 20.0**2 + 0.1 * 180.0**2)


def test_unusual_lags_count_for_less() -> None:
    share, _ = mix([fit_of(300.0, 0.0), fit_of(100.0, 0.0)], np.array([0.0, np.log(3.0)]))

    assert share.tolist() == pytest.approx([0.75, 0.25])


def test_a_lag_that_is_far_likelier_is_alone() -> None:
    share, fit = mix([fit_of(300.0, 0.0), fit_of(100.0, -1000.0)], np.zeros(2))

    assert share.tolist() == pytest.approx([1.0, 0.0], abs=1e-99)
    assert fit.covariance.tolist() == [[4.0]]


@pytest.mark.parametrize("start_ms", [9.4, 7.8, 12.6])
def test_the_top_is_found_between_steps(start_ms: float) -> None:
    shape, fit = climb(swapped_each_10_ms(0.0, 0.0), shape_at(start_ms))

    assert shape.lag_ms == pytest.approx(10.0)
    assert fit.evidence_nats == pytest.approx(0.0)


def test_a_slope_without_a_top_is_left_where_it_was_followed_to() -> None:
    shape, _ = climb(lambda one: _Told(fit_of(0.0, one.lag_ms)), shape_at(0.0))

    assert shape.lag_ms == 6.0


def test_starts_in_one_valley_count_once() -> None:
    fit_at = swapped_each_10_ms(0.0, 0.0)

    mixed = fit_at_lags(fit_at, [shape_at(lag) for lag in (0.3, -0.4, 9.0, 11.0)], lambda _: 0.0)

    assert [shape.lag_ms for shape in mixed.shapes] == pytest.approx([0.0, 10.0], abs=1e-9)
    assert mixed.share.tolist() == pytest.approx([0.5, 0.5])
    assert mixed.fit.mean.tolist() == pytest.approx([200.0])


def test_the_likeliest_lag_wins_wherever_it_was_started_from() -> None:
    mixed = fit_at_lags(
        swapped_each_10_ms(0.0, -90.0),
        [shape_at(lag) for lag in (11.0, 1.0, 19.0)],
        lambda _: 0.0,
    )

    assert mixed.shapes[0].lag_ms == pytest.approx(10.0)
    assert [shape.lag_ms for shape in mixed.shapes] == pytest.approx([10.0, 0.0, 20.0], abs=1e-9)
    assert mixed.best in {1, 2}
    assert mixed.share[0] < 1e-8
    assert mixed.fit.mean.tolist() == pytest.approx([300.0])


def test_a_mixture_that_is_less_sure_than_the_prior_tells_nothing() -> None:
    _, fit = mix([fit_of(300.0, 0.0), fit_of(-300.0, 0.0)], np.zeros(2))

    assert fit.covariance[0, 0] > fit.prior_covariance[0, 0]
    assert fit.told(np.array([0])).tolist() == [[0.0]]


def in_turn(seed: int, cycle_ns: int) -> tuple[DeviceEnergy, set[str], list[float]]:
    """Let two kernels take turns beside a sensor that sees 25 of 100 ms; attribute, with truth."""
    rng = np.random.default_rng(seed)
    n = 2 * (LONG_NS // cycle_ns)
    length_ns = np.round(cycle_ns * np.tile([0.55, 0.45], n // 2) * rng.normal(1, 0.004, n))
    end_ns = EPOCH_NS + np.cumsum(length_ns).astype(np.int64)
    start_ns = end_ns - length_ns.astype(np.int64)
    of_all = np.arange(n) % 2
    power_w = np.array([360.0, 130.0])[of_all] * rng.normal(1, 0.03, n)
    span_ns = EPOCH_NS - 4 * S, int(end_ns[-1]) + 4 * S
    curve, static_j, dynamic_j = true_power(start_ns, end_ns, power_w, span_ns, Law(90.0, 30.0))
    sensor = SENSORS["h100-instant"]
    log = EPOCH_NS - 2 * S, int(end_ns[-1]) + S
    read_ns = poll_times(*log, POLL_NS, jitter_ns=MS, missing_share=0.0, rng=rng)
    assert sensor.instant is not None
    shown_w = read_field(curve, sensor.instant, sensor, read_ns, 1.0, rng)
    samples = pl.DataFrame({"sample_ns": read_ns, "power_w": shown_w}).with_columns(
        field=pl.lit("power.draw.instant"), source=pl.lit("nvidia-smi")
    )
    energy, caveats = attribute_device(
        work_of(start_ns, end_ns, "NVIDIA H100 80GB HBM3"),
        Evidence(PowerSamples(samples), classes=classes_of(of_all, [GEMM, FILL])),
        (EPOCH_NS, int(end_ns[-1])),
        AttributionOptions(),
    )
    true_j = np.bincount(of_all, static_j + dynamic_j).tolist()
    return energy, {caveat.slug for caveat in caveats}, true_j


# Without weighing lags 1 of these 12 intervals holds the truth.
@pytest.mark.parametrize(
    ("cycle_ms", "seed"), [(15, 0), (15, 4), (20, 1), (20, 2), (33, 3), (33, 6)]
)
def test_kernels_in_turn_are_not_told_apart_with_more_sureness_than_there_is(
    cycle_ms: int, seed: int
) -> None:
    energy, caveats, true_j = in_turn(seed, cycle_ms * MS)

    of_kernel = np.arange(len(energy.work.row)) % 2
    low_j, high_j = energy.bounds(of_kernel, 2)
    assert "lag-not-told" in caveats
    assert (low_j <= true_j).all()
    assert (true_j <= high_j).all()
    found_j = float((energy.static_j + energy.dynamic_j).sum())
    assert found_j + energy.idle_gap_j + energy.unattributed_j == pytest.approx(energy.total_j)
