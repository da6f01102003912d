"""What a trace can answer, what it cannot, how to record the rest."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from traceenergy.errors import AmbiguousPowerError, TooFewSamplesError, UsageError
from traceenergy.read import read_trace
from traceenergy.read.inputs import PYTORCH, REPORT, kind_of, list_files
from traceenergy.read.log_text import COMMAND
from traceenergy.read.nsys import read_nsys
from traceenergy.read.nsys.contents import Contents, read_contents
from traceenergy.read.nsys.export import export_report
from traceenergy.records import dataclass
from traceenergy.trace.tables import ENERGY_COUNTER

if TYPE_CHECKING:
    from traceenergy.caveats import Caveat
    from traceenergy.errors import TraceEnergyError
    from traceenergy.trace.model import Origin, Trace

State = Literal["available", "partly", "missing"]
Version = tuple[int, int] | None

_CUDA = "-t cuda,nvtx"
_NODES = "--cuda-graph-trace=node"
_POWER = "--enable nvml_metrics,-i20"
_METRICS, _METRICS_OLD = "--gpu-metrics-devices=all", "--gpu-metrics-device=all"
# First release in whose public scripts the plugin was met; the release notes do not say.
_POWER_SINCE = (2024, 6)
# Last release that was tried and knows only the old name of the option.
_METRICS_OLD_UNTIL = (2024, 2)

_WALL_CLOCK = "nsys 2021.3 or later records it"
# What records the same with the PyTorch profiler; of metrics it has none.
_IN_PYTORCH = {
    _CUDA: "activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]",
    _POWER: "traceenergy sample, or nvidia-smi, while the profiler runs",
    _METRICS: "nsys profile --gpu-metrics-devices=all in place of the PyTorch profiler",
    _WALL_CLOCK: "PyTorch 2.4 or later records it",
}

# How each framework is told to open NVTX ranges around its layers.
NVTX_HINTS = (
    ("TensorRT-LLM", "set TLLM_LLMAPI_ENABLE_NVTX=1"),
    ("vLLM", "pass --enable-layerwise-nvtx-tracing, with --enforce-eager for full detail"),
    ("SGLang", "pass --enable-layerwise-nvtx-marker"),
    ("Megatron-LM", "pass --profile --nvtx-ranges"),
    ("PyTorch, Hugging Face", "run the model under torch.autograd.profiler.emit_nvtx()"),
    ("your own code", 'nvtx.push_range("layer 0") ... nvtx.pop_range()'),
)


@dataclass(frozen=True)
class Count:
    """How often something is in a trace.

    Attributes
    ----------
    what
        In words.
    n
        Number of rows.
    """

    what: str
    n: int


@dataclass(frozen=True)
class Feature:
    """Whether a trace can answer a question.

    Attributes
    ----------
    question
        In words.
    state
        `available`, `partly` or `missing`.
    why
        What the answer stands on, or what it lacks.
    record
        Option of `nsys profile`, or other means, that records what is missing; empty if
        nothing is.
    """

    question: str
    state: State
    why: str
    record: str = ""


@dataclass(frozen=True)
class Inspection:
    """What is in a trace.

    Attributes
    ----------
    origins
        Input files, by name.
    gpu_names
        Names of the GPUs with work, one each; `unknown GPU` where the name is not recorded.
    work_start_ns, work_end_ns
        First and last GPU work on the trace clock; None without GPU work.
    counts
        What is in it.
    features
        What it can answer.
    command
        The `nsys profile` line that records all of it, for the nsys that made the trace; empty if
        nothing that nsys can record is missing.
    power_log_command
        The `nvidia-smi` line that logs power meanwhile; empty if the trace has power.
    nvtx_hints
        Framework, how it is told to name its layers; empty if the trace has ranges.
    caveats
        What the readers doubted.
    """

    origins: tuple[Origin, ...]
    gpu_names: tuple[str, ...]
    work_start_ns: int | None
    work_end_ns: int | None
    counts: tuple[Count, ...]
    features: tuple[Feature, ...]
    command: str
    power_log_command: str
    nvtx_hints: tuple[tuple[str, str], ...]
    caveats: tuple[Caveat, ...]


def inspect_trace(path: Path, *, nsys: Path | None = None) -> Inspection:
    """Say what is in a trace, what is missing for which question, how to record it.

    Parameters
    ----------
    path : pathlib.Path
        An export or a report of Nsight Systems, a trace of the PyTorch profiler, or a folder
        with one.
    nsys : pathlib.Path or None
        The program that exports a report; None: the one on PATH.

    Returns
    -------
    Inspection

    Raises
    ------
    TraceEnergyError
        If the file cannot be read as a trace.
    """
    trace, contents, power_problem = _read(Path(path), nsys)
    version = _version(trace)
    features = (
        _work(trace),
        *_graphs(trace, contents),
        _ranges(trace),
        _power(trace, power_problem, version),
        _power_log(trace),
        _metrics(trace, contents, version),
    )
    has_work = len(trace.gpu_work) > 0
    is_pytorch = trace.origins[0].kind == PYTORCH
    if is_pytorch:
        features = tuple(
            replace(one, record=_IN_PYTORCH.get(one.record, one.record)) for one in features
        )
    return Inspection(
        origins=trace.origins,
        gpu_names=tuple(name or "unknown GPU" for name in trace.devices["name"]),
        work_start_ns=int(trace.gpu_work["start_ns"].to_numpy().min()) if has_work else None,
        work_end_ns=int(trace.gpu_work["end_ns"].to_numpy().max()) if has_work else None,
        counts=_counts(trace, contents),
        features=features,
        command="" if is_pytorch else _command(features, version),
        power_log_command="" if len(trace.power_samples) or _n_counted(trace) else COMMAND,
        nvtx_hints=() if len(trace.nvtx_ranges) or is_pytorch else NVTX_HINTS,
        caveats=trace.caveats,
    )


def _read(path: Path, nsys: Path | None) -> tuple[Trace, Contents, TraceEnergyError | None]:
    files = list_files([path])
    if len(files) > 1:
        raise UsageError(
            f"{path.name} holds {len(files)} traces",
            next_step=f"inspect one of them, such as {files[0].name}",
        )
    if kind_of(files[0]) == PYTORCH:
        trace = read_trace(files[0])
        return trace, _contents_of(trace), None
    with TemporaryDirectory() as folder:
        is_report = kind_of(files[0]) == REPORT
        file = export_report(files[0], Path(folder), nsys) if is_report else files[0]
        contents = read_contents(file)
        try:
            return read_trace(file), contents, None
        except (AmbiguousPowerError, TooFewSamplesError) as problem:
            return read_nsys(file), contents, problem


def _contents_of(trace: Trace) -> Contents:
    calls = trace.names.str.contains(r"^cu(?:da)?GraphLaunch").gather(trace.launches["name_id"])
    return Contents(
        n_api_calls=len(trace.launches),
        n_graph_calls=int(calls.sum()),
        n_waits=len(trace.synchronizations),
        n_cuda_events=len(trace.cuda_events),
        n_graph_nodes=0,
        n_marks=0,
        n_metric_samples=0,
        n_warnings=0,
    )


def _counts(trace: Trace, contents: Contents) -> tuple[Count, ...]:
    return (
        Count("kernels", _n_work(trace, "KERNEL")),
        Count("copies", _n_work(trace, "MEMCPY")),
        Count("memsets", _n_work(trace, "MEMSET")),
        Count("whole CUDA graphs run", _n_work(trace, "GRAPH")),
        Count("pieces of GPU work from graph nodes", _n_nodes(trace)),
        Count("pieces of GPU work without a launch", _n_unlaunched(trace)),
        Count("streams with GPU work", trace.gpu_work.n_unique(["rank", "device_id", "stream_id"])),
        Count("CUDA API calls", contents.n_api_calls),
        Count("CUDA graph launches among them", contents.n_graph_calls),
        Count("CUDA graph node events", contents.n_graph_nodes),
        Count("waits (synchronizations)", contents.n_waits),
        Count("CUDA events", contents.n_cuda_events),
        Count("NVTX ranges", len(trace.nvtx_ranges)),
        Count("NVTX marks", contents.n_marks),
        Count("threads with NVTX ranges", trace.nvtx_ranges["thread_id"].n_unique()),
        Count("GPU metric samples", max(contents.n_metric_samples, len(trace.gpu_metrics))),
        Count("power samples", len(trace.power_samples)),
        Count("warnings of nsys", contents.n_warnings),
    )


def _work(trace: Trace) -> Feature:
    question, n = "time of kernels and copies", len(trace.gpu_work)
    if n:
        return Feature(question, "available", f"{n:,} pieces of GPU work")
    return Feature(question, "missing", "no GPU work was recorded", _CUDA)


def _graphs(trace: Trace, contents: Contents) -> tuple[Feature, ...]:
    question, whole, n_nodes = (
        "kernels inside CUDA graphs",
        _n_work(trace, "GRAPH"),
        _n_nodes(trace),
    )
    if whole:
        state: State = "partly" if n_nodes else "missing"
        why = f"{whole:,} graphs were recorded as a whole, without the kernels in them"
        return (Feature(question, state, why, _NODES),)
    if n_nodes:
        why = f"{n_nodes:,} pieces of GPU work know their graph node"
        return (Feature(question, "available", why),)
    if contents.n_graph_calls:
        why = f"{contents.n_graph_calls:,} graphs were launched, and nothing of them was recorded"
        return (Feature(question, "missing", why, _NODES),)
    return ()


def _ranges(trace: Trace) -> Feature:
    question, n = "energy by NVTX range, layer and step", len(trace.nvtx_ranges)
    if not n:
        return Feature(question, "missing", "no NVTX range was recorded", _CUDA)
    if trace.gpu_work.is_empty():
        return Feature(question, "partly", f"{n:,} ranges, but no GPU work in them", _CUDA)
    n_unlaunched = _n_unlaunched(trace)
    if n_unlaunched:
        why = (
            f"{n:,} ranges, but {n_unlaunched:,} of {len(trace.gpu_work):,} pieces of GPU work "
            "have no launch and so belong to none"
        )
        return Feature(
            question, "partly", why, "start the capture before the work, and do not cut it"
        )
    return Feature(
        question, "available", f"{n:,} ranges, and every piece of GPU work has its launch"
    )


def _power(trace: Trace, problem: TraceEnergyError | None, version: Version) -> Feature:
    question = "energy, from power inside the trace"
    if problem is not None:
        return Feature(question, "partly", problem.what, problem.next_step)
    if len(trace.power_samples):
        sources = ", ".join(sorted(trace.power_samples["source"].unique()))
        why = f"{len(trace.power_samples):,} power samples ({sources})"
        return Feature(question, "available", why)
    if n_counted := _n_counted(trace):
        why = f"{n_counted:,} readings of the board's energy counter"
        return Feature(question, "available", why)
    why = "no power was recorded; a log given with --power does as well"
    if version is not None and version < _POWER_SINCE:
        why += f"; nsys {version[0]}.{version[1]} cannot record it, 2024.6 can"
    return Feature(question, "missing", why, _POWER)


def _power_log(trace: Trace) -> Feature:
    question = "energy, from a power log beside it"
    if trace.clock.utc_epoch_ns is None:
        why = "the trace has no wall clock; --power-clock-offset must place the log in time"
        return Feature(question, "partly", why, _WALL_CLOCK)
    lacks = []
    if trace.clock.local_minus_utc_ns is None:
        lacks.append("its time zone (pass --power-clock-offset)")
    n_nameless = trace.devices["gpu_uuid"].null_count()
    if n_nameless and len(trace.devices) > 1:
        lacks.append(f"the uuid of {n_nameless} of {len(trace.devices)} GPUs (pass --power-gpu)")
    if lacks:
        return Feature(question, "partly", f"the trace lacks {' and '.join(lacks)}", COMMAND)
    return Feature(question, "available", "the trace has a wall clock with its time zone")


def _metrics(trace: Trace, contents: Contents, version: Version) -> Feature:
    question, n = "GPU activity and clocks over time", contents.n_metric_samples
    n = max(n, len(trace.gpu_metrics))
    if n:
        return Feature(question, "available", f"{n:,} samples of GPU metrics")
    return Feature(question, "missing", "GPU metrics were not sampled", _metrics_option(version))


def _n_work(trace: Trace, table: str) -> int:
    return int((trace.gpu_work["table"] == table).sum())


def _n_counted(trace: Trace) -> int:
    return int((trace.readings["quantity"] == ENERGY_COUNTER).sum())


def _n_nodes(trace: Trace) -> int:
    return int(trace.gpu_work["graph_node_id"].is_not_null().sum())


def _n_unlaunched(trace: Trace) -> int:
    keys = ["rank", "process_id", "correlation_id"]
    return trace.gpu_work.join(trace.launches, on=keys, how="anti").height


def _version(trace: Trace) -> Version:
    found = re.match(r"(\d{4})\.(\d{1,9})", trace.origins[0].tool_version or "")
    return (int(found[1]), int(found[2])) if found else None


def _metrics_option(version: Version) -> str:
    is_old = version is not None and version <= _METRICS_OLD_UNTIL
    return _METRICS_OLD if is_old else _METRICS


def _command(features: tuple[Feature, ...], version: Version) -> str:
    wanted = {feature.record for feature in features}
    if wanted.isdisjoint({_CUDA, _NODES, _POWER, _METRICS, _METRICS_OLD}):
        return ""
    # What the trace has already stays in the line, or the next recording would lack it. An nsys
    # too old to record power leaves the plugin out: `nvidia-smi` has to do it.
    is_old = version is not None and version < _POWER_SINCE
    power = "" if is_old else f" {_POWER}"
    return f"nsys profile {_CUDA} {_NODES}{power} {_metrics_option(version)} -o run PROGRAM"
