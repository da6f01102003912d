"""Real exports of other people, read in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from traceenergy.errors import MissingTableError, TraceEnergyError, UnreadableFileError
from traceenergy.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace


@dataclass(frozen=True)
class Expected:
    """What the table about these files says, or plain SQL counts in them."""

    kernels: int
    kernel_s: float | None
    ranges: int
    devices: int
    work: int
    launches: int


# kernels, kernel_s, devices: README.md of the folder. ranges: rows of NVTX_EVENTS of type 59 or
# 60. work: with MEMCPY, MEMSET, GRAPH_TRACE. launches: RUNTIME rows of class 0 or 1 by distinct
# (process, correlation).
FILES = {
    "a100_llm_nvtx": Expected(7328, 3.408381, 516, 1, 7622, 9493),
    "h100_fsdp_2proc": Expected(3442, 0.044830, 16782, 2, 4368, 5796),
    "h100_nccl_2proc": Expected(4010, 0.535201, 19118, 2, 5299, 7466),
    "h200_fuser": Expected(18, 0.010168, 13513, 1, 24, 990),
    "rtx3060_graph": Expected(3, 0.000004, 0, 1, 6, 33),
    "a100_mpi_saxpy": Expected(5, 0.088573, 22, 1, 20, 57),
    "titanrtx_nvtx_only": Expected(0, None, 14713, 0, 0, 0),
    "rtx6000_no_metadata": Expected(12, 0.008544, 0, 1, 72, 111),
    "v100_mpi_jacobi": Expected(2002, 3.867970, 1002, 1, 9008, 20356),
    "a100_metrics": Expected(1010, 0.001831, 2, 1, 1013, 1022),
    "a100_metrics_utc": Expected(1010, 0.001831, 2, 1, 1013, 1022),
    "a100_metrics_all_tables": Expected(1010, 0.001831, 2, 1, 1013, 1022),
    "broken_null_ends": Expected(1010, 0.001831, 2, 1, 1013, 1022),
}
BROKEN = {
    "broken_truncated": (UnreadableFileError, "cut short"),
    "broken_no_stringids": (MissingTableError, "StringIds"),
    "broken_lfs_pointer": (UnreadableFileError, "Git LFS"),
}


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


def test_every_trace_of_the_folder_is_known_here(shared_traces: Path) -> None:
    assert {path.stem for path in shared_traces.glob("*.sqlite")} == FILES.keys() | BROKEN.keys()


@pytest.mark.parametrize("name", FILES)
def test_counts_are_those_of_the_files(shared_traces: Path, name: str) -> None:
    trace, expected = read_trace(shared_traces / f"{name}.sqlite"), FILES[name]

    kernels = trace.gpu_work.filter(trace.gpu_work["table"] == "KERNEL")
    assert len(kernels) == expected.kernels
    if expected.kernel_s is not None:
        busy_ns = int((kernels["end_ns"] - kernels["start_ns"]).sum())
        assert busy_ns * 1e-9 == pytest.approx(expected.kernel_s, abs=1e-6)
    assert len(trace.nvtx_ranges) == expected.ranges
    assert len(trace.devices) == expected.devices
    assert len(trace.gpu_work) == expected.work
    assert len(trace.launches) == expected.launches
    assert not trace.launches.select("rank", "process_id", "correlation_id").is_duplicated().any()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_input_errors(shared_traces: Path, name: str) -> None:
    error, words = BROKEN[name]

    with pytest.raises(error, match=words) as caught:
        read_trace(shared_traces / f"{name}.sqlite")

    assert isinstance(caught.value, TraceEnergyError)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("other", ["a100_metrics_utc", "a100_metrics_all_tables"])
def test_other_exports_of_one_capture_give_the_same_trace(shared_traces: Path, other: str) -> None:
    plain = read_trace(shared_traces / "a100_metrics.sqlite")
    again = read_trace(shared_traces / f"{other}.sqlite")

    for table in ("devices", "gpu_work", "launches", "nvtx_ranges", "gpu_metrics"):
        assert getattr(again, table).equals(getattr(plain, table)), table
    assert again.clock == plain.clock
    assert again.caveats == tuple(
        caveat.__class__(caveat.slug, caveat.text, f"{other}.sqlite", caveat.n)
        for caveat in plain.caveats
    )


def test_metrics_are_counted_once_with_clocks_unwrapped(shared_traces: Path) -> None:
    metrics = read_trace(shared_traces / "a100_metrics.sqlite").gpu_metrics

    assert len(metrics) == 14 * 4_086
    assert metrics["sample_ns"].min() == -66_163
    clock = metrics.filter(metrics["metric"] == "GPC Clock Frequency")
    assert clock["value"][0] == pytest.approx(2154.414312)
    assert clock["value"].min() > 0


def test_launches_tie_to_work_as_the_files_say(shared_traces: Path) -> None:
    # Backtraces: each kernel has one launch, though its correlation id stands there twice.
    saxpy = read_trace(shared_traces / "a100_mpi_saxpy.sqlite")
    kernels = saxpy.gpu_work.filter(saxpy.gpu_work["table"] == "KERNEL")
    assert len(kernels.join(saxpy.launches, on=["process_id", "correlation_id"])) == 5

    cut = slugs(read_trace(shared_traces / "h100_fsdp_2proc.sqlite"))
    # 1,810 kernels by the README; 466 copies and memsets were cut off their calls as well.
    assert cut["work-without-launch"] == 2276
    assert "cut-export" in cut


def test_devices_are_those_of_the_files(shared_traces: Path) -> None:
    jacobi = read_trace(shared_traces / "v100_mpi_jacobi.sqlite")
    assert jacobi.devices.select("device_id", "pci_bus_id").rows() == [(3, "00000000:0b:00.0")]

    graph = read_trace(shared_traces / "rtx3060_graph.sqlite")
    assert slugs(graph)["graphs-as-blocks"] == 2
    assert graph.clock.local_minus_utc_ns == 8 * 3_600_000_000_000

    crossing = read_trace(shared_traces / "titanrtx_nvtx_only.sqlite")
    assert crossing.nvtx_ranges["style"].value_counts(sort=True).rows() == [
        ("push_pop", 13_363),
        ("start_end", 1_350),
    ]
    ids = crossing.nvtx_ranges["domain_name_id"].drop_nulls().unique()
    assert sorted(crossing.names.gather(ids)) == ["TensorRT", "myelin-exec"]
