"""The Trace: all tables of a run with their origin."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.trace import tables
from traceenergy.trace.tables import (
    CudaEvents,
    DeviceReadings,
    Devices,
    GpuMetrics,
    GpuWork,
    GraphNodes,
    Launches,
    NvtxRanges,
    PowerSamples,
    Synchronizations,
    check_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from traceenergy.caveats import Caveat


REQUEST_LOG = "request-log"  # kind of input that tells requests of a server
POWER_MODEL = "power-model"  # kind of input that tells watts of parts, no readings


@dataclass(frozen=True)
class Origin:
    """Where the tables of one rank came from; holds nothing private.

    Attributes
    ----------
    name
        File name without its folder.
    kind
        `nsys-sqlite`, `nsys-rep`, `nvidia-smi` or another kind of input.
    sha256
        Of the file as read.
    rank
        Rank of the run; None for inputs that belong to no rank, such as power logs.
    tool_version, schema_version
        As the file states them; None if it does not.
    gpu_names
        Names of the GPUs that ran work.
    """

    name: str
    kind: str
    sha256: str
    rank: int | None = None
    tool_version: str | None = None
    schema_version: str | None = None
    gpu_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TraceClock:
    """How trace time relates to the wall clock.

    Attributes
    ----------
    utc_epoch_ns
        UTC of trace time 0, ns since 1970; None if the trace has no wall clock.
    local_minus_utc_ns
        Zone of the traced computer; None if not recorded.
    """

    utc_epoch_ns: int | None = None
    local_minus_utc_ns: int | None = None


@dataclass(frozen=True)
class Trace:
    """Tables of one run, all ranks, on one clock.

    Attributes
    ----------
    origins
        One per input file, power logs included.
    clock
        Of the run; ranks were shifted onto the earliest one's clock.
    names : polars.Series of String
        Text by id: kernel, API, range and domain names. Row 0 is the empty text.
    devices, gpu_work, launches, nvtx_ranges, power_samples, readings, gpu_metrics
        As declared in `tables.py`. `gpu_work` is sorted by (start_ns, end_ns).
    graph_nodes
        Where nodes of CUDA graphs were made, as declared; only of runs with work from nodes.
    synchronizations, cuda_events
        Waits for GPU work, the events that some wait for, as declared; empty where not recorded.
    caveats
        What the readers doubted.
    read_options
        What the user stated because a file does not, by name.
    """

    origins: tuple[Origin, ...]
    clock: TraceClock
    names: pl.Series
    devices: Devices
    gpu_work: GpuWork
    launches: Launches
    nvtx_ranges: NvtxRanges
    power_samples: PowerSamples = field(
        default_factory=lambda: PowerSamples(tables.empty_table(tables.POWER_SAMPLES))
    )
    readings: DeviceReadings = field(
        default_factory=lambda: DeviceReadings(tables.empty_table(tables.DEVICE_READINGS))
    )
    gpu_metrics: GpuMetrics = field(
        default_factory=lambda: GpuMetrics(tables.empty_table(tables.GPU_METRICS))
    )
    graph_nodes: GraphNodes = field(
        default_factory=lambda: GraphNodes(tables.empty_table(tables.GRAPH_NODES))
    )
    synchronizations: Synchronizations = field(
        default_factory=lambda: Synchronizations(tables.empty_table(tables.SYNCHRONIZATIONS))
    )
    cuda_events: CudaEvents = field(
        default_factory=lambda: CudaEvents(tables.empty_table(tables.CUDA_EVENTS))
    )
    caveats: tuple[Caveat, ...] = ()
    read_options: Mapping[str, object] = field(default_factory=dict)


def check_trace(trace: Trace) -> Trace:
    """Return the trace if each table keeps its declaration.

    Parameters
    ----------
    trace : Trace

    Returns
    -------
    Trace

    Raises
    ------
    BadTableError
        If a table lacks a column, has a wrong type, or a null where none is allowed.
    """
    for name, columns in (
        ("devices", tables.DEVICES),
        ("gpu_work", tables.GPU_WORK),
        ("launches", tables.LAUNCHES),
        ("nvtx_ranges", tables.NVTX_RANGES),
        ("power_samples", tables.POWER_SAMPLES),
        ("readings", tables.DEVICE_READINGS),
        ("gpu_metrics", tables.GPU_METRICS),
        ("graph_nodes", tables.GRAPH_NODES),
        ("synchronizations", tables.SYNCHRONIZATIONS),
        ("cuda_events", tables.CUDA_EVENTS),
    ):
        check_table(getattr(trace, name), columns, name)
    return trace
