"""The analysis window: which stretch of the trace is asked about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.model import Window
from traceenergy.analysis.profiler_window import work_while_profiling
from traceenergy.errors import NoGpuWorkError, UsageError
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.analysis.steps import Steps
    from traceenergy.caveats import Caveat
    from traceenergy.trace.model import Trace

# NAME[@DOMAIN][/IDX]; the name may hold both signs itself, so the tail is taken off first.
_FILTER = re.compile(r"^(?P<name>.+?)(?:@(?P<domain>[^@/]+))?(?:/(?P<index>\d{1,9}))?$")


def choose_window(
    trace: Trace, launch_row: pl.Series, steps: Steps, options: AnalysisOptions
) -> tuple[Window, tuple[Caveat, ...]]:
    """Choose the window by the options, else by the program, else span all GPU work.

    Parameters
    ----------
    trace : Trace
    launch_row : polars.Series of Int64 (n_work,)
        Row of each piece's launch; null where not known.
    steps : Steps
    options : AnalysisOptions

    Returns
    -------
    window : Window
        From the first GPU work, or its launch if that is earlier, to the end of the last;
        cut by the options that are given. Without a filter, of work that was launched between
        cudaProfilerStart and cudaProfilerStop, where the program called them.
    caveats : tuple of Caveat

    Raises
    ------
    NoGpuWorkError
        If the window holds no GPU work.
    UsageError
        If an option names a step or range that is not there.
    """
    work = trace.gpu_work
    if len(work) == 0:
        raise NoGpuWorkError(
            "the trace holds no GPU work",
            details="expected kernels, copies, memsets or graph launches; found none",
            next_step="record with `nsys profile -t cuda,nvtx ...`, or ProfilerActivity.CUDA",
        )
    launch_ns = trace.launches["start_ns"].gather(launch_row).fill_null(work["start_ns"])
    begin_ns = np.minimum(work["start_ns"].to_numpy(), launch_ns.to_numpy())
    end_ns = work["end_ns"].to_numpy()
    low, high = int(begin_ns.min()), int(end_ns.max())
    doubts: tuple[Caveat, ...] = ()
    if not options.filter_nvtx and not options.filter_time_ns:
        inside, doubts = work_while_profiling(trace, launch_ns.to_numpy())
        if inside is not None:
            low, high = int(begin_ns[inside].min()), int(end_ns[inside].max())
    if options.skip_steps:
        low = max(low, _start_of_step(steps, begin_ns, options.skip_steps))
    if options.filter_nvtx:
        inside = _work_in_range(trace, launch_row, options.filter_nvtx)
        chosen = int(begin_ns[inside].min()), int(end_ns[inside].max())
        low, high = max(low, chosen[0]), min(high, chosen[1])
    if options.filter_time_ns:
        first, last = options.filter_time_ns
        low = low if first is None else max(low, first)
        high = high if last is None else min(high, last)
    if high <= low or not ((work["start_ns"].to_numpy() < high) & (end_ns > low)).any():
        raise _nothing_in_window(options, int(begin_ns.min()), int(end_ns.max()))
    epoch_ns = trace.clock.utc_epoch_ns
    return Window(low, high, None if epoch_ns is None else epoch_ns + low), doubts


def _start_of_step(steps: Steps, begin_ns: NDArray[np.int64], step: int) -> int:
    if step >= steps.n_steps:
        raise UsageError(
            f"cannot skip {step} steps: the trace has {steps.n_steps}",
            details="steps are NVTX ranges with GPU work that a rule or --steps names; without "
            "any, passes through the model as the order of kernels tells them",
            next_step="pass --steps REGEX to say which ranges are steps, or skip fewer",
        )
    return int(begin_ns[steps.of_work == step].min())


def _work_in_range(trace: Trace, launch_row: pl.Series, text: str) -> NDArray[np.bool_]:
    parts = _FILTER.match(text)
    if parts is None:
        raise UsageError("--filter-nvtx needs NAME[@DOMAIN][/IDX]", details=f"got {text!r}")
    ranges = trace.nvtx_ranges.with_columns(
        trace.names.gather(trace.nvtx_ranges["name_id"]).alias("name"),
        trace.names.gather(trace.nvtx_ranges["domain_name_id"]).alias("domain"),
    )
    exact = ranges.filter(pl.col("name") == text)
    index = 0
    if len(exact) == 0:
        exact = ranges.filter(pl.col("name") == parts["name"])
        if parts["domain"]:
            exact = exact.filter(pl.col("domain") == parts["domain"])
        index = int(parts["index"] or 0)
    if index >= len(exact):
        raise UsageError(
            f"--filter-nvtx {text!r}: found {len(exact)} such ranges, asked for number {index}",
            next_step="names are in the ranges table of any report (also with --time-only); "
            "numbers begin at 0",
        )
    chosen = exact.sort("start_ns", "range_id").row(index, named=True)
    launches = trace.launches.select(
        inside=(pl.col("thread_id") == chosen["thread_id"])
        & (pl.col("rank") == chosen["rank"])
        & (pl.col("start_ns") >= chosen["start_ns"])
        & (pl.col("end_ns") <= chosen["end_ns"])
    )["inside"]
    inside = launches.gather(launch_row).fill_null(value=False).to_numpy()
    if not inside.any():
        raise NoGpuWorkError(
            f"the range of --filter-nvtx {text!r} launched no GPU work",
            next_step="choose a range that launches kernels from its own thread",
        )
    return np.asarray(inside)


def _nothing_in_window(options: AnalysisOptions, first_ns: int, last_ns: int) -> NoGpuWorkError:
    asked = []
    if options.filter_time_ns:
        start_ns, end_ns = options.filter_time_ns
        asked.append(f"--filter-time  {_second(start_ns, '...')} - {_second(end_ns, '...')}")
    if options.filter_nvtx:
        asked.append(f"--filter-nvtx  {options.filter_nvtx}")
    if options.skip_steps:
        asked.append(f"--skip-steps   {options.skip_steps}")
    return NoGpuWorkError(
        "no GPU work of any length is left to analyze",
        details="\n".join([*asked, f"GPU work       {_second(first_ns)} - {_second(last_ns)}"]),
        next_step="choose a window of the trace's clock that overlaps the GPU work",
    )


def _second(time_ns: int | None, unknown: str = "") -> str:
    return unknown if time_ns is None else f"{time_ns * S_PER_NS:.6f} s"
