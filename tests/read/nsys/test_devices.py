"""GPUs of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import Work, build_export
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

# Order of the table and order of the PCI bus differ on purpose.
GPUS = [
    {"id": 2, "name": "C", "busLocation": "0000:03:00.0", "uuid": "GPU-CC-2"},
    {"id": 0, "name": "A", "busLocation": "0000:01:00.0", "uuid": "GPU-AA-0"},
    {"id": 1, "name": "B", "busLocation": "0000:02:00.0", "uuid": "GPU-BB-1"},
]


def read(tmp_path: Path, *works: Work, **more: object) -> Trace:
    return read_nsys(build_export(tmp_path / "x.sqlite", "3.25.0", kernels=works, **more))


def variables(**values: str) -> dict[str, list[dict[str, str]]]:
    name = "PROCESS_0:ENVIRONMENT_VARIABLE"
    return {"META_DATA_CAPTURE": [{"name": name, "value": f'{k}="{v}"'} for k, v in values.items()]}


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


def test_the_official_map_wins(tmp_path: Path) -> None:
    # Two processes each call a different GPU their device 0.
    table = "TARGET_INFO_CUDA_DEVICE"
    raw = {
        table: [
            {"pid": 1, "cudaId": 0, "gpuId": 2},
            {"pid": 2, "cudaId": 0, "gpuId": None, "uuid": "GPU-bb-1"},
        ]
    } | variables(CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID")

    trace = read(tmp_path, Work("a", 0, 1, pid=1), Work("b", 2, 3, pid=2), gpus=GPUS, raw=raw)

    assert trace.gpu_work["device_id"].to_list() == [2, 1]
    assert trace.devices.select("device_id", "name", "gpu_uuid", "pci_bus_id").rows() == [
        (1, "B", "bb-1", "00000000:02:00.0"),
        (2, "C", "cc-2", "00000000:03:00.0"),
    ]
    assert "device-by-ordinal" not in slugs(trace)


@pytest.mark.parametrize(
    ("environment", "device", "guessed"),
    [
        ({}, 0, True),
        ({"CUDA_VISIBLE_DEVICES": "1,2"}, 0, True),  # the order is CUDA's own: unknown
        ({"CUDA_VISIBLE_DEVICES": "1,2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, 1, False),
        ({"CUDA_VISIBLE_DEVICES": "GPU-cc"}, 2, False),
        ({"CUDA_VISIBLE_DEVICES": "GPU-dd"}, 0, True),
    ],
)
def test_visible_devices_count_only_where_they_are_sure(
    tmp_path: Path, environment: dict[str, str], device: int, *, guessed: bool
) -> None:
    trace = read(tmp_path, Work("k", 0, 1), gpus=GPUS, raw=variables(**environment))

    assert trace.gpu_work["device_id"].to_list() == [device]
    assert ("device-by-ordinal" in slugs(trace)) == guessed


def test_only_gpus_that_ran_work_are_listed(tmp_path: Path) -> None:
    trace = read(tmp_path, Work("k", 0, 1, device=1), gpus=GPUS)

    assert trace.devices["name"].to_list() == ["B"]
    assert trace.origins[0].gpu_names == ("B",)


def test_without_work_no_device_is_listed(tmp_path: Path) -> None:
    trace = read(tmp_path, gpus=GPUS, ranges=[("r", 1, 2)])

    assert len(trace.devices) == 0
    assert trace.origins[0].gpu_names == ("A", "B", "C")
    (caveat,) = [caveat for caveat in trace.caveats if caveat.slug == "no-gpu-work"]
    assert "CUPTI_ACTIVITY_KIND_KERNEL" in caveat.text
    assert "-t cuda,nvtx" in caveat.text


def test_a_gpu_that_is_not_described_has_no_name(tmp_path: Path) -> None:
    trace = read(tmp_path, Work("k", 0, 1, device=3), gpus=())

    assert trace.devices.drop("rank").rows() == [(3, None, None, None, None, None)]
    (caveat,) = [caveat for caveat in trace.caveats if caveat.slug == "unnamed-gpu"]
    assert "TARGET_INFO_GPU" in caveat.text


def test_a_scrubbed_uuid_is_unknown(tmp_path: Path) -> None:
    gpu = {"id": 0, "name": "A", "uuid": "00000000-0000-0000-0000-000000000000"}

    trace = read(tmp_path, Work("k", 0, 1), gpus=[gpu])

    assert trace.devices["gpu_uuid"].to_list() == [None]


def test_numbers_that_no_gpu_has_are_unknown(tmp_path: Path) -> None:
    # 2^53 + 1 multiprocessors, and a GPU of that number: what damaged files say.
    huge = 9_007_199_254_740_993
    gpus = [{"id": 0, "name": "A", "smCount": huge}, {"id": huge, "name": "B"}]

    trace = read(tmp_path, Work("a", 0, 1), gpus=gpus)

    assert trace.devices.select("device_id", "name", "sm_count").rows() == [(0, "A", None)]
