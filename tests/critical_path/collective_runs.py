"""Collectives of several GPUs, made of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.build import Work, build_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from traceenergy.trace.model import Trace

ALL_REDUCE = (
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)"
)
US = 1_000


def lockstep(
    n_ranks: int, n_calls: int, rng: np.random.Generator, jitter_us: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw starts, ends [ns] of collectives of ranks that wait for each other, (n_ranks, n_calls).

    Ranks begin late by up to 100 us; the move takes 20 us.
    """
    last_ns = np.cumsum(rng.integers(300 * US, 900 * US, n_calls))
    early_ns = rng.integers(0, 100 * US, (n_ranks, n_calls))
    early_ns[rng.integers(0, n_ranks, n_calls), np.arange(n_calls)] = 0
    jitter_ns = np.rint(rng.normal(0.0, jitter_us * US, (n_ranks, n_calls)))
    return last_ns - early_ns, (last_ns + 20 * US + jitter_ns).astype(np.int64)


def trace_of(
    start_ns: Iterable[NDArray[np.int64]],
    end_ns: Iterable[NDArray[np.int64]],
    *,
    clock_ns: Sequence[int] | None = None,
    name: str = ALL_REDUCE,
    one_report: bool = False,
) -> Trace:
    """Build a trace of one collective after the other; one rank a row, or one device."""
    starts, ends = list(start_ns), list(end_ns)
    clocks = clock_ns or [0] * len(starts)
    return build_trace(
        [
            Work(name, int(begin) + clock, int(end) + clock, **_place(lane, one_report=one_report))
            for lane, (begins, finishes, clock) in enumerate(zip(starts, ends, clocks, strict=True))
            for begin, end in zip(begins, finishes, strict=True)
        ]
    )


def _place(lane: int, *, one_report: bool) -> dict[str, int]:
    return {"device": lane, "pid": lane + 1} if one_report else {"rank": lane, "pid": lane + 1}


def ordinals(trace: Trace, lane_column: str = "rank") -> NDArray[np.int64]:
    """Say the how-manieth call of its lane each piece of work is."""
    lane = trace.gpu_work[lane_column].to_numpy()
    place = np.empty(len(lane), dtype=np.int64)
    for each in np.unique(lane):
        place[lane == each] = np.arange((lane == each).sum())
    return place
