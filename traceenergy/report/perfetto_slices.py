"""Tables of the slices that a Perfetto trace shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.perfetto_lanes import lane_of

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

PATH_PID = 1  # the critical path goes from device to device, so it has a process of its own
_KERNEL_ARGS = ("trace_row", "energy_j", "phase", "subphase", "layer", "step", "slack_ns")
_ENERGY_J = pl.when(pl.col("energy_j").null_count() == 0).then(pl.col("energy_j").sum())


@dataclass(frozen=True)
class Slices:
    """Slices of one kind.

    Attributes
    ----------
    title
        Of their tracks; `{stream}` stands for the stream.
    frame : polars.DataFrame
        `pid`, `stream_id` (null for a track of the whole device), `lane`, `start_ns`, `end_ns`,
        `cat`, `name`; every other column is an argument. A slice comes after those around it.
    """

    title: str
    frame: pl.DataFrame


def process_ids(result: Analysis) -> pl.DataFrame:
    """Give each device, in order of rank and index, the number of a process (`pid`)."""
    return result.devices.sort("rank", "device_id").with_row_index("pid", offset=PATH_PID + 1)


def find_slices(result: Analysis) -> list[Slices]:
    """List all slices of a result.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    list of Slices
        Kinds in the order of their tracks. Slices of one lane of one track nest or follow each
        other. A kind without slices is an empty frame.

    Notes
    -----
    Steps, layers, phases: consecutive work of a stream that belongs to the same one is a slice;
    slices of the same one that overlap on several streams are joined. Ranges: consecutive work of a
    stream whose NVTX path begins alike is a slice, one for each name in the path; where work of
    the next begins before this one's ends, the slice ends there.
    """
    pids = process_ids(result).select("rank", "device_id", "pid")
    work = result.work.join(pids, on=["rank", "device_id"]).sort(
        "pid", "stream_id", "start_ns", "end_ns"
    )
    return [
        Slices("Critical path", _path(result)),
        Slices("Steps", _labelled(work, ["step"], pl.format("step {}", "step"))),
        Slices("Layers", _labelled(work, ["step", "layer"], pl.format("layer {}", "layer"))),
        Slices("Phases", _labelled(work, ["step", "layer", "phase"], pl.col("phase"))),
        Slices("stream {stream}", _kernels(work)),
        Slices("stream {stream}: NVTX (projected)", _ranges(work, "range")),
        Slices("stream {stream}: NVTX at capture (projected)", _ranges(work, "capture_range")),
    ]


def _path(result: Analysis) -> pl.DataFrame:
    return result.path_segments.select(
        _literal(PATH_PID, pl.UInt32, "pid"),
        _literal(None, pl.Int64, "stream_id"),
        _literal(0, pl.Int64, "lane"),
        "start_ns",
        "end_ns",
        _literal("path", pl.String, "cat"),
        pl.coalesce("phase", "kind").alias("name"),
        "kind",
        "rank",
        "device_id",
        "phase",
    )


def _kernels(work: pl.DataFrame) -> pl.DataFrame:
    track = work.select(pl.struct("pid", "stream_id").rle_id().cast(pl.Int64)).to_series()
    return work.select(
        "pid",
        "stream_id",
        _lanes(track, work),
        "start_ns",
        "end_ns",
        pl.col("table").str.to_lowercase().alias("cat"),
        pl.col("kernel").alias("name"),
        *_KERNEL_ARGS,
    )


def _labelled(work: pl.DataFrame, keys: list[str], name: pl.Expr) -> pl.DataFrame:
    """Join consecutive work of the same last key, a slice on a track of the device."""
    runs = _runs(work, keys).filter(pl.col(keys[-1]).is_not_null())
    same = ["pid", *keys]
    runs = runs.sort(*same, "start_ns")
    reach_ns = pl.col("end_ns").cum_max().shift().over(same)
    is_new = (pl.col("start_ns") >= reach_ns).fill_null(value=True)
    joined = (
        runs.group_by(is_new.cum_sum().alias("slice"))
        .agg(
            pl.col(*same).first(), pl.col("start_ns").min(), pl.col("end_ns").max(),
            _ENERGY_J, pl.col("n_kernels").sum(),
        )
        .sort("pid", "start_ns", "end_ns", *keys)
    )  # fmt: skip
    return joined.select(
        "pid",
        _literal(None, pl.Int64, "stream_id"),
        _lanes(joined["pid"].cast(pl.Int64), joined),
        "start_ns",
        "end_ns",
        _literal(keys[-1], pl.String, "cat"),
        name.alias("name"),
        *keys,
        "energy_j",
        "n_kernels",
    )


def _ranges(work: pl.DataFrame, column: str) -> pl.DataFrame:
    """Join consecutive work whose paths begin alike, outermost names first."""
    paths = work.select(pl.col(column).alias("path")).drop_nulls().unique().with_row_index("code")
    code = work.select(pl.col(column).alias("path")).join(
        paths, on="path", how="left", maintain_order="left"
    )["code"]
    parts = pl.col("path").str.split("/")
    depth = paths.select(parts.list.len().max()).item() or 0
    levels = [_runs(work.clear().with_columns(prefix=pl.lit("")), ["prefix"])]
    for level in range(1, depth + 1):
        prefix = pl.when(parts.list.len() >= level).then(parts.list.head(level).list.join("/"))
        of_work = paths.select(prefix).to_series().gather(code)
        levels.append(_runs(work.with_columns(prefix=of_work), ["prefix"]))
    runs = pl.concat(levels).filter(pl.col("prefix").is_not_null())
    return runs.select(
        "pid",
        "stream_id",
        _literal(0, pl.Int64, "lane"),
        "start_ns",
        pl.min_horizontal("end_ns", "next_ns").alias("end_ns"),
        _literal("nvtx", pl.String, "cat"),
        pl.col("prefix").str.split("/").list.last().alias("name"),
        "energy_j",
        "n_kernels",
    )


def _runs(work: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Join consecutive work of a stream of equal keys, with the start of what follows."""
    track = ["pid", "stream_id"]
    is_new = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift()) for name in (*track, *keys)
    )
    runs = work.group_by(is_new.cum_sum().alias("run"), maintain_order=True).agg(
        pl.col(*track, *keys, "start_ns").first(),
        pl.col("end_ns").max(),
        _ENERGY_J,
        pl.len().cast(pl.Int64).alias("n_kernels"),
    )
    return runs.with_columns(pl.col("start_ns").shift(-1).over(track).alias("next_ns"))


def _lanes(track: pl.Series, frame: pl.DataFrame) -> pl.Series:
    lane = lane_of(track.to_numpy(), frame["start_ns"].to_numpy(), frame["end_ns"].to_numpy())
    return pl.Series("lane", lane)


def _literal(value: object, dtype: type[pl.DataType], name: str) -> pl.Expr:
    return pl.lit(value, dtype=dtype).alias(name)
