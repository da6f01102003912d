"""Runs with known powers: what is read is what was drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.laws.devices import FIELD, NAMES, WATTS, Device, long_kernels, polled
from traceenergy.energy import replay as module
from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.energy.power_model import MODEL_SD
from traceenergy.energy.replay import (
    MOST_STRETCH_SD,
    POSTERIOR,
    PRIOR,
    RecordedDevice,
    Replay,
    recorded_device,
    replay,
)
from traceenergy.trace.tables import GpuMetrics, PowerSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

NO_METRICS = GpuMetrics(pl.DataFrame())


def samples_of(device: Device, field: str = FIELD) -> PowerSamples:
    frame = pl.DataFrame({"sample_ns": device.read_ns, "power_w": device.read_w})
    return PowerSamples(frame.with_columns(field=pl.lit(field), source=pl.lit("test")))


def work_of(device: Device) -> DeviceWork:
    row = np.arange(len(device.start_ns))
    start_ns, end_ns = device.start_ns, device.end_ns
    return DeviceWork(0, 0, device.board, row, start_ns, end_ns, start_ns, end_ns, row, row)


def recorded(device: Device, samples: PowerSamples | None = None) -> RecordedDevice:
    """Attribute the energy of a device, so that it can be run again."""
    classes = WorkClasses(device.of_all, NAMES, np.arange(len(NAMES)), NO_METRICS)
    samples = samples_of(device) if samples is None else samples
    evidence = Evidence(samples, device.limit_w, classes)
    work = work_of(device)
    energy, _ = attribute_device(work, evidence, device.window_ns, AttributionOptions())
    assert energy.model is not None
    return recorded_device(energy, evidence, energy.model, None)


@pytest.fixture(scope="module")
def device() -> Device:
    return polled(long_kernels(seconds=8.0))


@pytest.fixture(scope="module")
def again(device: Device) -> RecordedDevice:
    return recorded(device)


def as_told(again: RecordedDevice, seed: int = 1) -> Replay:
    return replay(again, again.model.fit.mean, np.random.default_rng(seed))


def test_true_energy_is_that_of_the_powers(device: Device, again: RecordedDevice) -> None:
    made = as_told(again)

    true_w = np.bincount(device.of_all, made.energy_j) / np.bincount(
        device.of_all, (device.end_ns - device.start_ns) * 1e-9
    )
    # Powers as told lie near those of the device, whose static power is 90 W; classes spread by
    # 5 %, four of them.
    assert true_w == pytest.approx(90 + WATTS, rel=4 * MODEL_SD)
    assert made.energy_j.sum() == pytest.approx(again.energy.total_j * 0.75, rel=0.25)


def test_only_power_changes_in_the_log(device: Device, again: RecordedDevice) -> None:
    made = as_told(again).evidence

    assert made.samples.drop("power_w").equals(samples_of(device).drop("power_w"))
    assert not made.samples["power_w"].equals(samples_of(device)["power_w"])
    assert made.classes is again.evidence.classes


def test_values_stay_between_updates(device: Device, again: RecordedDevice) -> None:
    # Polled every 20 ms, updated every 100 ms: as in the log itself, a value in five is new.
    read_w = as_told(again).evidence.samples["power_w"].to_numpy()

    changed, before = np.diff(read_w) != 0, np.diff(device.read_w) != 0
    assert changed.sum() == pytest.approx(before.sum(), abs=2)
    assert (changed == before).mean() > 0.99


def test_readings_are_what_the_run_must_show(device: Device, again: RecordedDevice) -> None:
    """Sum readings over work that fills all of the time: what the sensor misses is chance."""
    made = as_told(again)
    work = again.energy.work
    during = (device.read_ns > work.start_ns[0]) & (device.read_ns < work.end_ns[-1])

    read_w = made.evidence.samples["power_w"].to_numpy()[during].mean()

    busy_s = (work.end_ns - work.start_ns).sum() * 1e-9
    elapsed_s = (work.end_ns[-1] - work.start_ns[0]) * 1e-9
    static_w = float(again.model.fit.mean[0])
    true_w = (made.energy_j.sum() + static_w * (elapsed_s - busy_s)) / elapsed_s
    # 80 windows of 25 ms see a quarter of powers that vary by 150 W: to 150 / sqrt(80) W.
    assert read_w == pytest.approx(true_w, abs=2.5 * 150 / np.sqrt(80))


def test_a_log_in_whole_watts_stays_one(device: Device) -> None:
    whole = recorded(replace(device, read_w=np.round(device.read_w)))

    read_w = as_told(whole).evidence.samples["power_w"].to_numpy()

    assert (read_w == np.round(read_w)).all()


def test_each_field_is_read_by_its_own_sensor(device: Device) -> None:
    # On an H100 `power.draw` is a mean over 1 s: its readings change little from one to the next.
    mean_w = np.convolve(device.read_w, np.ones(50) / 50)[: len(device.read_w)]
    updates = np.flatnonzero(np.diff(device.read_w, prepend=0.0))
    mean_w = mean_w[updates[np.searchsorted(updates, np.arange(len(mean_w)), side="right") - 1]]
    both = pl.concat([samples_of(device), samples_of(replace(device, read_w=mean_w), "power.draw")])
    made = as_told(recorded(device, PowerSamples(both))).evidence.samples

    sharp_w = made.filter(field=FIELD)["power_w"].to_numpy()
    smooth_w = made.filter(field="power.draw")["power_w"].to_numpy()
    during = slice(150, -150)  # two seconds of idle before and after, and one to rise and fall
    assert smooth_w[during].std() < 0.5 * sharp_w[during].std()
    assert smooth_w[during].mean() == pytest.approx(sharp_w[during].mean(), rel=0.1)


def test_equal_seeds_make_equal_runs(again: RecordedDevice) -> None:
    one, same, other = (as_told(again, seed) for seed in (1, 1, 2))

    assert one.evidence.samples.equals(same.evidence.samples)
    assert (one.energy_j == same.energy_j).all()
    assert not (one.energy_j == other.energy_j).any()


def test_draws_have_the_mean_and_spread_of_their_source(again: RecordedDevice) -> None:
    rng = np.random.default_rng(3)
    fit, first = again.model.fit, again.model.design.first_class

    def drawn(source: str) -> Float:
        return np.array([again.draw(source, rng) for _ in range(4000)])

    for source, mean, covariance in (
        (POSTERIOR, fit.mean, fit.covariance),
        (PRIOR, fit.prior_mean, fit.prior_covariance),
    ):
        of_classes = drawn(source)[:, first:]
        sd = np.sqrt(np.diag(covariance))[first:]
        # Standard errors: 1.6 % of a deviation, 1.1 % of it.
        assert of_classes.mean(axis=0) == pytest.approx(mean[first:], abs=0.08 * sd.max())
        assert of_classes.std(axis=0) == pytest.approx(sd, rel=0.06)


def test_static_power_is_never_drawn_from_the_prior(again: RecordedDevice) -> None:
    # The readings tell it to a watt or so; a prior of 70 W would draw idle boards below zero.
    rng = np.random.default_rng(4)
    static_w = np.array([again.draw(PRIOR, rng)[0] for _ in range(200)])

    assert static_w.std() < 5
    assert static_w.mean() == pytest.approx(90, abs=5)


@pytest.mark.parametrize(("noise", "sd"), [(0.0, 0.0), (0.2, 0.2), (9.0, MOST_STRETCH_SD)])
def test_power_varies_from_stretch_to_stretch_as_the_fit_says(
    again: RecordedDevice, monkeypatch: pytest.MonkeyPatch, noise: float, sd: float
) -> None:
    # Stretches as long as the sensor's window, whose mean varies by so much of the mean power.
    monkeypatch.setattr(module, "PIECE_SD", 0.0)
    monkeypatch.setattr(module, "MODEL_SD", 0.0)
    model, work = again.model, again.energy.work
    length_s = (work.end_ns - work.start_ns) * 1e-9  # no two run at once
    mean_w = float(model.power_w @ length_s) / length_s.sum()
    window_s = model.shape.window_ms * 1e-3
    fit = replace(model.fit, process_w2_s=(noise * mean_w) ** 2 * window_s)
    varied = replace(again, model=replace(model, fit=fit))

    dynamic_j = as_told(varied).energy_j - length_s * model.design.background_w(
        work.start_ns, model.fit.mean
    )

    log_factor = np.log(dynamic_j / (model.design.likely_w(model.fit.mean) * length_s))
    stretch = (work.start_ns - work.start_ns.min()) // round(window_s * 1e9)
    of_stretch = log_factor[np.unique(stretch, return_index=True)[1]]
    assert log_factor == pytest.approx(of_stretch[np.unique(stretch, return_inverse=True)[1]])
    assert of_stretch.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * len(of_stretch)), abs=1e-9)
