"""Which device holds the critical path when, over what each device did."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.path_segments import few_segments
from traceenergy.records import dataclass
from traceenergy.report.view_tables import phase_label
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

MAX_SEGMENTS = 2_000
MAX_LANES = 64
_IDLE, _OTHER = "idle", "other"
_DIGITS = 7
_KINDS = {
    "host": "a launch, or the host, is waited for",
    "collective_wait": "a collective waits for a rank",
    "idle": "nothing recorded explains the wait",
}
Lane = tuple[int, int]


@dataclass(frozen=True)
class LanesView:
    """Devices as lanes, the path as a line through them.

    Attributes
    ----------
    lanes
        Names of devices, from the top.
    edge_s
        Edges of the time bins, one more than bins.
    activity
        For each lane and bin the place in `keys` of what took most of it; None for idle.
    keys
        Phases, then kinds of waits, for colors.
    segment_edge_s
        Edges of the path's segments, one more than segments.
    segment_lane
        Lane of each; None where no device holds the path, or its lane is not drawn.
    segment_key
        Place in `keys` of each.
    segment_texts
        What hovering tells.
    note
        What is not drawn exactly; empty if all is.
    """

    lanes: tuple[str, ...]
    edge_s: tuple[float, ...]
    activity: tuple[tuple[int | None, ...], ...]
    keys: tuple[str, ...]
    segment_edge_s: tuple[float, ...]
    segment_lane: tuple[int | None, ...]
    segment_key: tuple[int, ...]
    segment_texts: tuple[str, ...]
    note: str


def lanes_view(result: Analysis) -> LanesView | None:
    """Choose what the chart of the path shows.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    LanesView or None
        None without segments of a path.
    """
    if result.path_segments.height == 0:
        return None
    labels = phase_label(result)
    keys = list(dict.fromkeys((*labels, *_KINDS, _OTHER)))
    lanes, left = _lanes(result)
    segments = few_segments(result.path_segments, MAX_SEGMENTS)
    origin_ns = result.window.start_ns
    edge_s, activity = _activity(result, lanes, keys)
    notes = []
    if left:
        notes.append(f"The {len(lanes)} GPUs that hold the path longest are drawn, {left} are not.")
    rows = list(segments.iter_rows(named=True))
    held = [(row["rank"], row["device_id"]) for row in rows if row["kind"] == "work"]
    if sum(one != other for one, other in pairwise(held)) < result.max_vs_sum["n_handovers"]:
        notes.append(
            "The path changes hands more often than a chart can show: turns that are too short "
            "are drawn as part of longer ones beside them."
        )
    edge_ns = np.append(segments["start_ns"].to_numpy(), segments["end_ns"][-1])
    return LanesView(
        lanes=tuple(f"rank {rank}, GPU {device}" for rank, device in lanes),
        edge_s=edge_s,
        activity=activity,
        keys=tuple(keys),
        segment_edge_s=_seconds(edge_ns, origin_ns),
        segment_lane=tuple(lanes.get((row["rank"], row["device_id"])) for row in rows),
        segment_key=tuple(_key(row, keys) for row in rows),
        segment_texts=tuple(_text(row, labels) for row in rows),
        note=" ".join(notes),
    )


def _lanes(result: Analysis) -> tuple[dict[Lane, int], int]:
    """Give the devices that are drawn their lanes, beside the count of those that are not."""
    devices = result.devices.select("rank", "device_id")
    if devices.height > MAX_LANES:
        held = {
            (row["rank"], row["device_id"]): row["path_s"] for row in result.max_vs_sum["holders"]
        }
        held_s = pl.Series([held.get(lane, 0.0) for lane in devices.iter_rows()])
        kept = held_s.arg_sort(descending=True).head(MAX_LANES).sort()
        devices = devices[kept]
    numbers = {lane: number for number, lane in enumerate(devices.iter_rows())}
    return numbers, result.devices.height - len(numbers)


def _activity(
    result: Analysis, lanes: dict[Lane, int], keys: list[str]
) -> tuple[tuple[float, ...], tuple[tuple[int | None, ...], ...]]:
    """Find what took most of each bin of each lane."""
    if result.timeline.height == 0:
        return (), ()
    bins = result.timeline.select("bin", "start_ns", "end_ns").unique("bin").sort("bin")
    most = (
        result.timeline.sort("busy_share", descending=True, maintain_order=True)
        .unique(["rank", "device_id", "bin"], keep="first", maintain_order=True)
        .sort("bin")
    )
    place = {number: index for index, number in enumerate(bins["bin"])}
    grid: list[list[int | None]] = [[None] * bins.height for _ in lanes]
    number = {key: index for index, key in enumerate(keys) if key != _IDLE}
    for rank, device_id, index, phase in most.select(
        "rank", "device_id", "bin", "phase"
    ).iter_rows():
        lane = lanes.get((rank, device_id))
        if lane is not None:
            grid[lane][place[index]] = number.get(phase)
    edge_ns = np.append(bins["start_ns"].to_numpy(), bins["end_ns"][-1])
    return _seconds(edge_ns, result.window.start_ns), tuple(map(tuple, grid))


def _key(row: dict[str, Any], keys: list[str]) -> int:
    key = row["kind"] if row["kind"] in _KINDS else row["phase"]
    return keys.index(key if key in keys else _OTHER)


def _text(row: dict[str, Any], labels: dict[str, str]) -> str:
    what = _KINDS.get(row["kind"]) or labels.get(row["phase"], "GPU work")
    where = "" if row["rank"] is None else f" (rank {row['rank']}, GPU {row['device_id']})"
    return what + where


def _seconds(at_ns: np.ndarray[Any, np.dtype[np.int64]], origin_ns: int) -> tuple[float, ...]:
    return tuple(float(f"{s:.{_DIGITS}g}") for s in ((at_ns - origin_ns) * S_PER_NS).tolist())
