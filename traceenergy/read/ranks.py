"""Several reports of one run on one clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import UsageError
from traceenergy.trace.model import Trace, TraceClock, check_trace
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
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TIMES = ("start_ns", "end_ns", "sample_ns", "created_ns", "recorded_ns")
_NAME_KEYS = ("name_id", "full_name_id", "domain_name_id")


def number_ranks(
    files: Sequence[Path], stated: Sequence[int | None], among: Sequence[int] | None = None
) -> tuple[dict[int, int], tuple[Caveat, ...]]:
    """Give each report of a run its rank.

    Parameters
    ----------
    files : sequence of pathlib.Path
        The reports, in the order given.
    stated : sequence of int or None
        Rank by the MPI table of each report; None if it has none, or several.
    among : sequence of int, optional
        Places in `files` of those that could be read; all by default.

    Returns
    -------
    dict of int to int
        Different ranks, by place in `files`. As the reports state them if all do; else by
        `rank<N>` in the names if all have it; else the place.
    tuple of Caveat
        How the ranks were found, unless there is one report or all state theirs.
    """
    if len(files) == 1:
        return {0: 0}, ()
    places = range(len(files)) if among is None else among
    by_name = [_rank_in_name(file.name) for file in files]
    for ranks, source in ((stated, ""), (by_name, "the numbers in the file names")):
        known = {i: rank for i in places if (rank := ranks[i]) is not None}
        if len(known) == len(places) == len(set(known.values())):
            return known, (_guess(source, len(places)),) if source else ()
    return {i: i for i in places}, (_guess("the order of the files", len(places)),)


def merge_ranks(traces: Sequence[Trace]) -> Trace:
    """Put the ranks of a run into one trace.

    Parameters
    ----------
    traces : sequence of Trace
        One per rank.

    Returns
    -------
    Trace
        On the clock of the rank that began first; ranks are not shifted if any of them has no
        wall clock, and a caveat says so.

    Raises
    ------
    UsageError
        If two of them are the same file.
    """
    if len(traces) == 1:
        return traces[0]
    _check_distinct(traces)
    epochs_ns = [trace.clock.utc_epoch_ns for trace in traces]
    known_ns = [epoch_ns for epoch_ns in epochs_ns if epoch_ns is not None]
    aligned = len(known_ns) == len(traces)
    shifts_ns = (
        [epoch_ns - min(known_ns) for epoch_ns in known_ns] if aligned else [0] * len(traces)
    )
    first = shifts_ns.index(0)
    names = pl.concat([trace.names for trace in traces]).unique(maintain_order=True)
    moved = [_Moved(*pair, names) for pair in zip(traces, shifts_ns, strict=True)]
    work = pl.concat([part.table("gpu_work") for part in moved])
    return check_trace(
        Trace(
            origins=tuple(origin for trace in traces for origin in trace.origins),
            clock=traces[first].clock if aligned else TraceClock(),
            names=names,
            devices=Devices(pl.concat([part.table("devices") for part in moved])),
            gpu_work=GpuWork(work.sort("start_ns", "end_ns", maintain_order=True)),
            launches=Launches(pl.concat([part.table("launches") for part in moved])),
            nvtx_ranges=NvtxRanges(pl.concat([part.table("nvtx_ranges") for part in moved])),
            power_samples=PowerSamples(pl.concat([part.table("power_samples") for part in moved])),
            readings=DeviceReadings(pl.concat([part.table("readings") for part in moved])),
            gpu_metrics=GpuMetrics(pl.concat([part.table("gpu_metrics") for part in moved])),
            graph_nodes=GraphNodes(pl.concat([part.table("graph_nodes") for part in moved])),
            synchronizations=Synchronizations(
                pl.concat([part.table("synchronizations") for part in moved])
            ),
            cuda_events=CudaEvents(pl.concat([part.table("cuda_events") for part in moved])),
            caveats=(
                *(() if aligned else (_unaligned(len(traces) - len(known_ns)),)),
                *(caveat for trace in traces for caveat in trace.caveats),
            ),
        )
    )


class _Moved:
    """Tables of one rank with times and names of the run."""

    def __init__(self, trace: Trace, shift_ns: int, names: pl.Series) -> None:
        self._trace, self._shift_ns = trace, shift_ns
        run = names.to_frame("text").with_row_index("id")
        found = trace.names.to_frame("text").join(run, on="text", how="left", maintain_order="left")
        self._name_ids = found["id"].cast(pl.UInt32)

    def table(self, name: str) -> pl.DataFrame:
        frame: pl.DataFrame = getattr(self._trace, name)
        times = [pl.col(column) + self._shift_ns for column in _TIMES if column in frame.columns]
        keys = [
            self._name_ids.gather(frame[column]).alias(column)
            for column in _NAME_KEYS
            if column in frame.columns
        ]
        return frame.with_columns(*times, *keys)


def _rank_in_name(name: str) -> int | None:
    found = re.findall(r"rank[-_.]?(\d{1,9})(?!\d)", name, flags=re.IGNORECASE)
    return int(found[0]) if len(found) == 1 else None


def _check_distinct(traces: Sequence[Trace]) -> None:
    by_hash: dict[str, str] = {}
    for origin in (origin for trace in traces for origin in trace.origins):
        if origin.sha256 in by_hash:
            raise UsageError(
                f"{by_hash[origin.sha256]} and {origin.name} are the same file",
                next_step="name each rank of the run once",
            )
        by_hash[origin.sha256] = origin.name


def _guess(source: str, n: int) -> Caveat:
    text = f"The reports do not state their ranks; ranks were taken from {source}."
    return Caveat("guessed-ranks", text, n=n)


def _unaligned(n: int) -> Caveat:
    text = (
        "Some ranks have no wall clock, so the ranks were not aligned: times of different ranks "
        "cannot be compared, and a power log needs --power-clock-offset."
    )
    return Caveat("unaligned-ranks", text, n=n)
