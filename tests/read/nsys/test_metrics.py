"""Samples of GPU metrics in all encodings."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export
from tests.export import METRICS_TYPE
from traceenergy.errors import UnreadableFileError
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

CLOCK, ACTIVE = "GPC Clock Frequency [MHz]", "SM Active"
KERNEL = Work("k", 0, 1)


def read(tmp_path: Path, **more: object) -> list[tuple[int, str, float]]:
    path = build_export(tmp_path / "x.sqlite", "3.7.2", **{"kernels": [KERNEL]} | more)
    return read_nsys(path).gpu_metrics.select("sample_ns", "metric", "value").rows()


@pytest.mark.parametrize("encoding", ["numbers", "json", "both"])
def test_encodings_agree_with_no_sample_twice(tmp_path: Path, encoding: str) -> None:
    metrics = [(-5, ACTIVE, 40), (-5, CLOCK, 1_410_000_000), (95, ACTIVE, 0), (95, CLOCK, 0)]

    found = read(tmp_path, metrics=metrics, metrics_as=encoding)

    expected = [(-5, CLOCK, 1410.0), (-5, ACTIVE, 40.0), (95, CLOCK, 0.0), (95, ACTIVE, 0.0)]
    assert sorted((ns, metric, round(value, 6)) for ns, metric, value in found) == sorted(expected)


def test_a_clock_that_wrapped_at_32_bits_is_unwrapped(tmp_path: Path) -> None:
    # 2,154,414,312 Hz as a signed 32-bit number, as 2023.4 wrote it.
    ((_, _, value),) = read(tmp_path, metrics=[(0, CLOCK, -2_140_552_984)])

    assert value == pytest.approx(2154.414312)


@pytest.mark.parametrize(("code", "whole"), [("<f", "<i"), ("<d", "<q")])
def test_bits_of_floats_are_decoded(tmp_path: Path, code: str, whole: str) -> None:
    def bits(value: float) -> int:
        return struct.unpack(whole, struct.pack(code, value))[0]

    found = read(tmp_path, metrics=[(0, ACTIVE, bits(37.5)), (9, ACTIVE, 0), (18, ACTIVE, bits(2))])

    assert [value for _, _, value in found] == [37.5, 0.0, 2.0]


def test_a_clock_in_hz_is_never_taken_for_float_bits(tmp_path: Path) -> None:
    # 1.11e9 read as float32 bits would be 41.
    ((_, _, value),) = read(tmp_path, metrics=[(0, CLOCK, 1_110_000_000)])

    assert value == pytest.approx(1110.0)


def test_samples_of_a_gpu_without_work_are_dropped(tmp_path: Path) -> None:
    gpus = [{"id": 0, "name": "A"}, {"id": 1, "name": "B"}]
    elsewhere = Work("k", 0, 1, device=1)

    assert read(tmp_path, gpus=gpus, kernels=[elsewhere], metrics=[(0, ACTIVE, 3)]) == []


def test_metrics_are_told_apart_by_type_and_number(tmp_path: Path) -> None:
    # Metric number 0 means something else in another type.
    names = "TARGET_INFO_GPU_METRICS"
    raw = {
        names: [
            {"typeId": 1 << 32, "metricId": 0, "metricName": ACTIVE},
            {"typeId": 2 << 32, "metricId": 0, "metricName": "Tensor Active"},
        ],
        "GPU_METRICS": [
            {"timestamp": 5, "typeId": 1 << 32, "metricId": 0, "value": 7},
            {"timestamp": 5, "typeId": 2 << 32, "metricId": 0, "value": 8},
        ],
    }

    assert read(tmp_path, raw=raw) == [(5, ACTIVE, 7.0), (5, "Tensor Active", 8.0)]


@pytest.mark.parametrize("encoding", ["numbers", "json"])
def test_metrics_that_no_analysis_looks_at_can_be_left_out(tmp_path: Path, encoding: str) -> None:
    tensor, pcie = "Tensor Active [Throughput %]", "PCIe TX Throughput [Throughput %]"
    metrics = [(ns, name, 7) for ns in (0, 100) for name in (pcie, ACTIVE, "L2 Active", tensor)]
    path = build_export(
        tmp_path / "x.sqlite", "3.7.2", kernels=[KERNEL], metrics=metrics, metrics_as=encoding
    )

    whole = read_nsys(path).gpu_metrics
    used = read_nsys(path, only_used_metrics=True).gpu_metrics

    assert set(whole["metric"]) == {pcie, ACTIVE, "L2 Active", tensor}
    assert used.equals(whole.filter(whole["metric"].is_in([ACTIVE, tensor])))


@pytest.mark.parametrize("encoding", ["numbers", "json"])
def test_without_a_metric_to_look_at_none_is_read(tmp_path: Path, encoding: str) -> None:
    path = build_export(
        tmp_path / "x.sqlite", "3.7.2", kernels=[KERNEL], metrics=[(0, "L2 Active", 7)],
        metrics_as=encoding,
    )  # fmt: skip

    assert read_nsys(path, only_used_metrics=True).gpu_metrics.is_empty()


def test_samples_that_are_no_json_are_an_input_error(tmp_path: Path) -> None:
    bad = {"GENERIC_EVENTS": [{"typeId": METRICS_TYPE, "rawTimestamp": 9, "data": '{"SM Act'}]}

    with pytest.raises(UnreadableFileError, match="no JSON"):
        read(tmp_path, metrics=[(0, ACTIVE, 3)], metrics_as="json", raw=bad)
