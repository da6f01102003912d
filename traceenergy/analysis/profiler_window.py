"""The stretch that a program marked for its profiler, as its window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.model import Trace

_START, _STOP = r"^cu(?:da)?ProfilerStart(?:_|$)", r"^cu(?:da)?ProfilerStop(?:_|$)"


def work_while_profiling(
    trace: Trace, launch_ns: NDArray[np.int64]
) -> tuple[NDArray[np.bool_] | None, tuple[Caveat, ...]]:
    """Mark the work launched from the first start of profiling to its last stop.

    Parameters
    ----------
    trace : Trace
    launch_ns : ndarray of int64 (n_work,)
        When each piece was launched.

    Returns
    -------
    inside : ndarray of bool (n_work,) or None
        None where profiling was not marked, or all work lies inside.
    caveats : tuple of Caveat
        How much work lies outside.

    Notes
    -----
    With several processes, from the first start in any of them to the last stop in any. A start
    without a stop lasts to the end of the trace, a stop without a start begins with it: nsys
    itself may begin to record at a start that it does not see.
    """
    span = _profiled_span(trace)
    if span is None:
        return None, ()
    inside = (launch_ns >= span[0]) & (launch_ns <= span[1])
    outside = ~inside
    if not outside.any():
        return None, ()
    if not inside.any():
        text = (
            "No GPU work was launched between cudaProfilerStart and cudaProfilerStop; all of it "
            "is analyzed."
        )
        return None, (Caveat("profiler-window", text, n=len(inside)),)
    work = trace.gpu_work
    busy_ns = (work["end_ns"] - work["start_ns"]).to_numpy()
    share = busy_ns[outside].sum() / max(1, busy_ns.sum())
    n_outside = int(outside.sum())
    text = (
        f"The window is what the program marked by cudaProfilerStart and cudaProfilerStop; "
        f"{n_outside} pieces of GPU work, {share:.1%} of the GPU time, were launched outside. "
        "--filter-time 0s/ takes all of it."
    )
    return inside, (Caveat("profiler-window", text, n=n_outside),)


def _profiled_span(trace: Trace) -> tuple[int, int] | None:
    text = trace.names.to_frame("text").with_row_index("name_id")
    kinds = text.select(
        pl.col("name_id").cast(pl.UInt32),
        is_start=pl.col("text").str.contains(_START).fill_null(value=False),
        is_stop=pl.col("text").str.contains(_STOP).fill_null(value=False),
    ).filter(pl.col("is_start") | pl.col("is_stop"))
    if not len(kinds):
        return None
    calls = trace.launches.join(kinds, on="name_id", how="inner")
    if not len(calls):
        return None
    starts = pl.col("end_ns").filter("is_start")
    stops = pl.col("start_ns").filter("is_stop")
    span = calls.group_by("rank", "process_id").agg(
        first_start=starts.min(), last_start=starts.max(), first_stop=stops.min(),
        last_stop=stops.max(),
    )  # fmt: skip
    begins = pl.col("first_start") <= pl.coalesce("first_stop", "first_start")
    ends = pl.col("last_stop") >= pl.coalesce("last_start", "last_stop")
    limits = np.iinfo(np.int64)
    low, high = span.select(
        pl.when(begins).then("first_start").otherwise(limits.min).min().alias("low"),
        pl.when(ends).then("last_stop").otherwise(limits.max).max().alias("high"),
    ).row(0)
    return int(low), int(high)
