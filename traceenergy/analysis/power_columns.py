"""Tables of power over time: limits, ramps, swing, buffers."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

RECONSTRUCTED, SAMPLES = "reconstructed", "samples"
_SOURCE = Column(
    "source", pl.String, "", "reconstructed: by kernel, from the attribution; or samples as read"
)
_RANK = Column("rank", pl.Int32, "", "rank of the run")
_DEVICE = Column("device_id", pl.Int32, "", "physical GPU within its report")
_NO_WORK = "no work with known energy"

POWER_LIMIT = (
    _RANK,
    _DEVICE,
    _SOURCE,
    Column("window_ns", pl.Int64, "ns", "over which power is averaged"),
    Column("power_w", pl.Float64, "W", "highest mean power of a window"),
    Column("power_lo_w", pl.Float64, "W", "mean power of that window is not below", "not told"),
    Column("power_hi_w", pl.Float64, "W", "mean power of that window is not above", "not told"),
    Column("start_ns", pl.Int64, "ns", "begin of that window"),
    Column("limit_w", pl.Float64, "W", "limit of the mean over such windows", "not known"),
    Column(
        "limit_source", pl.String, "", "edp, option, trace, data sheet or reported", "not known"
    ),
    Column("headroom_w", pl.Float64, "W", "limit minus highest mean", "as limit_w"),
    Column("above_s", pl.Float64, "s", "time with the mean above the limit", "as limit_w"),
    Column("known_s", pl.Float64, "s", "time with a mean"),
    Column("phases", pl.List(pl.String), "", "of most energy in that window, three at most"),
    Column("phase_shares", pl.List(pl.Float64), "", "their parts of the work's energy in it"),
    Column("kernels", pl.List(pl.String), "", "of most energy in that window, three at most"),
    Column("kernel_shares", pl.List(pl.Float64), "", "their parts of the work's energy in it"),
    Column("kernel_layers", pl.List(pl.Int32), "", "of most energy of each; null: in no layer"),
    Column("before_phase", pl.String, "", "of most energy as long before it", _NO_WORK),
    Column("before_kernel", pl.String, "", "of most energy as long before it", _NO_WORK),
    Column("before_layer", pl.Int32, "", "of that kernel", "in no layer"),
)
POWER_TRANSIENT = (
    _RANK,
    _DEVICE,
    _SOURCE,
    Column("over_ns", pl.Int64, "ns", "time before and after over which power is averaged"),
    Column("direction", pl.String, "", "rise or fall"),
    Column("at_ns", pl.Int64, "ns", "middle of the ramp"),
    Column("from_w", pl.Float64, "W", "mean before"),
    Column("to_w", pl.Float64, "W", "mean after"),
    Column("ramp_w_per_ms", pl.Float64, "W/ms", "slope; negative for a fall"),
    Column("from_phase", pl.String, "", "of most energy before", _NO_WORK),
    Column("to_phase", pl.String, "", "of most energy after", _NO_WORK),
    Column("from_kernel", pl.String, "", "of most energy before", _NO_WORK),
    Column("to_kernel", pl.String, "", "of most energy after", _NO_WORK),
    Column("from_layer", pl.Int32, "", "of that kernel before", "in no layer"),
    Column("to_layer", pl.Int32, "", "of that kernel after", "in no layer"),
)
POWER_TRANSITION = (
    _SOURCE,
    Column("direction", pl.String, "", "rise or fall"),
    Column("from_phase", pl.String, "", "that ran before", "nothing ran"),
    Column("from_kernel", pl.String, "", "that ran before", "nothing ran"),
    Column("to_phase", pl.String, "", "that ran after", "nothing ran"),
    Column("to_kernel", pl.String, "", "that ran after", "nothing ran"),
    Column("crosses_layers", pl.Boolean, "", "whether the layer changes, or begins, or ends"),
    Column("n", pl.Int64, "", "times that it happens, on all GPUs"),
    Column("typical_w", pl.Float64, "W", "power after minus before, median"),
    Column("total_w", pl.Float64, "W", "size of all these changes, summed: what ranks them"),
    Column("total_share", pl.Float64, "", "its part of the size of all changes of the run"),
    Column("n_steep", pl.Int64, "", "of them among the largest hundredth of all changes"),
    Column("largest_w", pl.Float64, "W", "largest of these changes"),
    Column("at_ns", pl.Int64, "ns", "when that was"),
    Column("rank", pl.Int32, "", "where that was"),
    Column("device_id", pl.Int32, "", "where that was"),
    Column("from_layer", pl.Int32, "", "before it", "in no layer"),
    Column("to_layer", pl.Int32, "", "after it", "in no layer"),
)
POWER_SWING = (
    Column("rank", pl.Int32, "", "rank of the run", "all GPUs together"),
    Column("device_id", pl.Int32, "", "physical GPU within its report", "all GPUs together"),
    _SOURCE,
    Column("bin_ns", pl.Int64, "ns", "over which power is averaged"),
    Column("mean_w", pl.Float64, "W", "mean"),
    Column("peak_w", pl.Float64, "W", "highest bin"),
    Column("peak_ns", pl.Int64, "ns", "its begin"),
    Column("trough_w", pl.Float64, "W", "lowest bin"),
    Column("trough_ns", pl.Int64, "ns", "its begin"),
    Column("peak_to_mean", pl.Float64, "", "peak over mean", "mean is zero"),
    Column("peak_to_trough_w", pl.Float64, "W", "peak minus trough"),
    Column("n_steps", pl.Int64, "", "steps of two bins or more with known power"),
    Column("step_peak_to_trough_w", pl.Float64, "W", "within a step, median", "no such step"),
    Column("correlation", pl.Float64, "", "mean of all pairs of GPUs", "of one GPU, or constant"),
    Column("coincidence", pl.Float64, "", "peak of the sum over sum of peaks", "of one GPU"),
)
POWER_BUFFER = (
    _SOURCE,
    Column("energy_j", pl.Float64, "J", "that the buffer holds"),
    Column("power_w", pl.Float64, "W", "that it takes or gives"),
    Column("ramp_w_per_ms", pl.Float64, "W/ms", "asked of the grid", "not asked"),
    Column("bin_ns", pl.Int64, "ns", "over which power is averaged"),
    Column("load_peak_w", pl.Float64, "W", "peak of all GPUs"),
    Column("grid_peak_w", pl.Float64, "W", "peak behind the buffer"),
    Column("load_ramp_w_per_ms", pl.Float64, "W/ms", "largest change from bin to bin"),
    Column("grid_ramp_w_per_ms", pl.Float64, "W/ms", "the same behind the buffer"),
    Column("least_stored_j", pl.Float64, "J", "least that it held"),
    Column("gained_j", pl.Float64, "J", "stored at the end minus at the begin"),
)
POWER_FLATTENING = (
    Column("tried", pl.String, "", "as --flatten said it"),
    Column(
        "what",
        pl.String,
        "",
        "interleave, overlap or stagger",
        words=("interleave", "overlap", "stagger"),
    ),
    Column("phases", pl.List(pl.String), "", "whose work is moved; of stagger none"),
    Column("block", pl.String, "", "within which it is moved: layer, step or run", "of stagger"),
    Column("rank", pl.Int32, "", "rank of the run", "all GPUs together"),
    Column("device_id", pl.Int32, "", "physical GPU within its report", "all GPUs together"),
    _SOURCE,
    Column("estimate", pl.Boolean, "", "true: what would be, under the assumptions in the docs"),
    Column("moved_s", pl.Float64, "s", "GPU time that took turns or ran beneath", "of stagger"),
    Column("shift_ns", pl.Int64, "ns", "of each GPU after the one before", "nothing shifted"),
    Column("time_before_s", pl.Float64, "s", "from begin to end"),
    Column("time_after_s", pl.Float64, "s", "the same after it"),
    Column("energy_before_j", pl.Float64, "J", "where power is known"),
    Column("energy_after_j", pl.Float64, "J", "the same after it"),
    Column("mean_before_w", pl.Float64, "W", "mean power"),
    Column("mean_after_w", pl.Float64, "W", "the same after it"),
    Column("window_ns", pl.Int64, "ns", "over which power is averaged for what follows"),
    Column("peak_before_w", pl.Float64, "W", "highest mean"),
    Column("peak_after_w", pl.Float64, "W", "the same after it"),
    Column("swing_before_w", pl.Float64, "W", "highest minus lowest mean"),
    Column("swing_after_w", pl.Float64, "W", "the same after it"),
    Column("ramp_before_w_per_ms", pl.Float64, "W/ms", "steepest, up or down", "too short"),
    Column("ramp_after_w_per_ms", pl.Float64, "W/ms", "the same after it", "too short"),
    Column("peak_to_mean_before", pl.Float64, "", "highest mean over mean of all", "mean is zero"),
    Column("peak_to_mean_after", pl.Float64, "", "the same after it", "mean is zero"),
)
POWER_FLATTENED = (
    Column("tried", pl.String, "", "as --flatten said it"),
    Column("state", pl.String, "", "before or after"),
    Column("start_ns", pl.Int64, "ns", "begin of the bin, from that of a typical step"),
    Column("end_ns", pl.Int64, "ns", "end of the bin"),
    Column("power_w", pl.Float64, "W", "mean power of all GPUs", "not known throughout the bin"),
)
POWER_MAP = (
    _RANK,
    _DEVICE,
    Column("start_ns", pl.Int64, "ns", "begin of the bin"),
    Column("end_ns", pl.Int64, "ns", "end of the bin"),
    Column("power_w", pl.Float64, "W", "mean power", "not known throughout the bin"),
)
