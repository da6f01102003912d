"""What a trace can answer: one literal export a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.export import build_export
from tests.literals import Range, Work
from tests.power_rows import mark_rows
from traceenergy.errors import UnreadableFileError, UsageError
from traceenergy.inspection import Feature, Inspection, inspect_trace

if TYPE_CHECKING:
    from pathlib import Path

KERNEL = Work("gemm", 10, 20)
RANGE = Range("layer 0", 0, 30)


def count(inspection: Inspection, what: str) -> int:
    (found,) = [c.n for c in inspection.counts if c.what == what]
    return found


def feature(inspection: Inspection, words: str) -> Feature:
    (found,) = [f for f in inspection.features if words in f.question]
    return found


def test_a_trace_of_kernels_and_ranges_lacks_only_power_and_metrics(tmp_path: Path) -> None:
    trace = build_export(tmp_path / "t.sqlite", kernels=[KERNEL], ranges=[RANGE])

    inspection = inspect_trace(trace)

    states = {f.question: f.state for f in inspection.features}
    assert states == {
        "time of kernels and copies": "available",
        "energy by NVTX range, layer and step": "available",
        "energy, from power inside the trace": "missing",
        "energy, from a power log beside it": "available",
        "GPU activity and clocks over time": "missing",
    }
    assert (inspection.work_start_ns, inspection.work_end_ns) == (10, 20)
    assert inspection.gpu_names == ("Toy GPU",)
    assert inspection.nvtx_hints == ()
    assert inspection.power_log_command.startswith("nvidia-smi --query-gpu=timestamp,index,uuid,")


def test_things_are_counted_by_kind(tmp_path: Path) -> None:
    trace = build_export(
        tmp_path / "t.sqlite",
        kernels=[
            KERNEL,
            Work("gemm", 20, 30, stream=8),
            Work("copy", 30, 31, table="MEMCPY"),
            Work("set", 31, 32, table="MEMSET", launch=None),
        ],
        ranges=[RANGE, Range("layer 1", 30, 40, tid=2)],
        raw={"NVTX_EVENTS": [{"start": 5, "eventType": 34, "text": "mark", "globalTid": 1}]},
    )

    inspection = inspect_trace(trace)

    assert count(inspection, "kernels") == 2
    assert count(inspection, "copies") == 1
    assert count(inspection, "memsets") == 1
    assert count(inspection, "pieces of GPU work without a launch") == 1
    assert count(inspection, "streams with GPU work") == 2
    assert count(inspection, "CUDA API calls") == 3
    assert count(inspection, "NVTX ranges") == 2
    assert count(inspection, "NVTX marks") == 1
    assert count(inspection, "threads with NVTX ranges") == 2


def test_without_ranges_every_framework_gets_its_way_to_make_them(tmp_path: Path) -> None:
    inspection = inspect_trace(build_export(tmp_path / "t.sqlite", kernels=[KERNEL]))

    found = feature(inspection, "NVTX")
    assert (found.state, found.record) == ("missing", "-t cuda,nvtx")
    assert {name for name, _ in inspection.nvtx_hints} >= {"vLLM", "SGLang", "TensorRT-LLM"}


def test_work_without_a_launch_belongs_to_no_range(tmp_path: Path) -> None:
    trace = build_export(
        tmp_path / "t.sqlite", kernels=[KERNEL, Work("cut", 40, 50, launch=None)], ranges=[RANGE]
    )

    found = feature(inspect_trace(trace), "NVTX")

    assert found.state == "partly"
    assert "1 of 2 pieces of GPU work have no launch" in found.why


def test_ranges_without_gpu_work_say_so(tmp_path: Path) -> None:
    inspection = inspect_trace(build_export(tmp_path / "t.sqlite", ranges=[RANGE]))

    assert feature(inspection, "time of kernels").state == "missing"
    assert feature(inspection, "NVTX").state == "partly"
    assert inspection.work_start_ns is None


def test_graphs_recorded_as_a_whole_need_node_tracing(tmp_path: Path) -> None:
    graph = Work("graph", 10, 20, table="GRAPH", node=1, api="cudaGraphLaunch_v10000")

    found = feature(
        inspect_trace(build_export(tmp_path / "t.sqlite", kernels=[graph])), "CUDA graphs"
    )

    assert (found.state, found.record) == ("missing", "--cuda-graph-trace=node")


def test_graphs_of_old_exports_leave_only_their_launch(tmp_path: Path) -> None:
    # Up to schema 3.7.2 no table holds a graph that was traced as a whole.
    launch = {"start": 1, "end": 2, "eventClass": 0, "globalTid": 1, "correlationId": 99}
    trace = build_export(
        tmp_path / "t.sqlite",
        "3.7.2",
        kernels=[KERNEL],
        raw={
            "StringIds": [{"id": 7, "value": "cudaGraphLaunch_v10000"}],
            "CUPTI_ACTIVITY_KIND_RUNTIME": [{**launch, "nameId": 7}],
        },
    )

    found = feature(inspect_trace(trace), "CUDA graphs")

    assert found.state == "missing"
    assert found.why == "1 graphs were launched, and nothing of them was recorded"


def test_a_trace_without_wall_clock_takes_a_log_only_by_offset(tmp_path: Path) -> None:
    trace = build_export(
        tmp_path / "t.sqlite", kernels=[KERNEL], without=["TARGET_INFO_SESSION_START_TIME"]
    )

    found = feature(inspect_trace(trace), "power log")

    assert found.state == "partly"
    assert "--power-clock-offset" in found.why


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        # The plugin was first met in 2024.6, the option's plural after 2024.2.
        (
            "2026.1.1",
            "--enable nvml_metrics,-i20 --gpu-metrics-devices=all",
        ),
        (
            "2023.4.4",
            "--gpu-metrics-device=all",
        ),
    ],
)
def test_the_line_to_record_with_fits_the_nsys_that_made_the_trace(
    tmp_path: Path, version: str, expected: str
) -> None:
    trace = build_export(
        tmp_path / "t.sqlite", kernels=[KERNEL], metadata={"EXPORT_PRODUCT_VERSION": version}
    )

    options = f"-t cuda,nvtx --cuda-graph-trace=node {expected}"
    assert inspect_trace(trace).command == f"nsys profile {options} -o run PROGRAM"


def test_a_folder_of_ranks_is_inspected_one_by_one(tmp_path: Path) -> None:
    build_export(tmp_path / "rank0.sqlite", kernels=[KERNEL])
    build_export(tmp_path / "rank1.sqlite", kernels=[KERNEL])

    with pytest.raises(UsageError, match="holds 2 traces"):
        inspect_trace(tmp_path)


# Pieces of work, ranges and the state of "CUDA graphs" by the README beside the traces.
@pytest.mark.parametrize(
    ("name", "n_kernels", "n_ranges"),
    [
        ("a100_llm_nvtx", 7328, 516),
        ("h100_fsdp_2proc", 3442, 16782),
        ("rtx3060_graph", 3, 0),
        ("titanrtx_nvtx_only", 0, 14713),  # 14,715 rows, two of them no ranges
        ("rtx6000_no_metadata", 12, 0),
        ("a100_metrics", 1010, 2),
    ],
)
def test_real_traces_are_counted_right(
    shared_traces: Path, name: str, n_kernels: int, n_ranges: int
) -> None:
    inspection = inspect_trace(shared_traces / f"{name}.sqlite")

    assert count(inspection, "kernels") == n_kernels
    assert count(inspection, "NVTX ranges") == n_ranges


def test_a_damaged_file_is_an_error_not_an_empty_answer(shared_traces: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cut short"):
        inspect_trace(shared_traces / "broken_truncated.sqlite")


def test_marks_of_energy_alone_are_power_enough(tmp_path: Path) -> None:
    marks = mark_rows((5, 7000), (25, 9000), text="energy")
    trace = build_export(tmp_path / "t.sqlite", kernels=[KERNEL], raw=marks)

    inspection = inspect_trace(trace)

    power = feature(inspection, "power inside")
    assert (power.state, power.why) == ("available", "2 readings of the board's energy counter")
    assert inspection.power_log_command == ""
