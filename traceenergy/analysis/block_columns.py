"""Columns of the tables of average blocks."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

BLOCK_ROW = (
    Column("block", pl.String, "", "kind of block: kind of step, kind of layer, way back or not"),
    Column("step_kind", pl.String, "", "prefill, decode, mixed, train or unknown"),
    Column(
        "layer_kind",
        pl.String,
        "",
        "moe where the layer holds experts, else dense",
        words=("moe", "dense"),
    ),
    Column("is_backward", pl.Boolean, "", "the gradient's way back"),
    Column("position", pl.Int32, "", "place of the part within the block", "the whole block"),
    Column("subphase", pl.String, "", "second-level phase", "the whole block"),
    Column("phase", pl.String, "", "first-level phase", "the whole block"),
    Column("label", pl.String, "", "name for people"),
    Column("beside", pl.Boolean, "", "on another stream than most of the block"),
    Column("n_kernels", pl.Float64, "", "pieces of GPU work, mean over passes"),
    Column("start_us", pl.Float64, "us", "mean begin since the begin of the block"),
    Column("duration_us", pl.Float64, "us", "mean time from the begin to the end of its work"),
    Column("duration_sd_us", pl.Float64, "us", "standard deviation over passes", "one pass only"),
    Column("busy_us", pl.Float64, "us", "mean union of its GPU work"),
    Column("energy_j", pl.Float64, "J", "mean static and dynamic energy", "no power covers it"),
    Column("energy_lo_j", pl.Float64, "J", "lower bound of the mean", "as energy_j, or modelled"),
    Column("energy_hi_j", pl.Float64, "J", "upper bound of the mean", "as energy_lo_j"),
    Column("static_j", pl.Float64, "J", "mean idle power times share of time", "as energy_j"),
    Column("dynamic_j", pl.Float64, "J", "mean of what its activity added", "as energy_j"),
    Column("mean_power_w", pl.Float64, "W", "energy over busy time", "as energy_j, or not busy"),
    Column("mean_power_lo_w", pl.Float64, "W", "lower bound", "as energy_lo_j"),
    Column("mean_power_hi_w", pl.Float64, "W", "upper bound", "as energy_lo_j"),
    Column(
        "energy_share", pl.Float64, "", "part of the block's energy, 0 to 1", "as energy_j; 0 of 0"
    ),
    Column("time_share", pl.Float64, "", "part of the block's time; what overlaps counts twice"),
    Column(
        "inseparable_with",
        pl.List(pl.String),
        "",
        "rows whose split the data cannot decide; empty where decided",
    ),
    Column("n_instances", pl.Int64, "", "passes that the means are over"),
    Column("n_with_energy", pl.Int64, "", "of these with known energy; energies are their means"),
    Column("n_cut", pl.Int64, "", "passes left out as not wholly in the window"),
    Column("n_other_order", pl.Int64, "", "passes left out as their phases follow otherwise"),
)

BLOCK_WAVEFORM = (
    Column("block", pl.String, "", "kind of block, as in the table of blocks"),
    Column("start_us", pl.Float64, "us", "since the begin of the average block"),
    Column("end_us", pl.Float64, "us", "begin of the next stretch"),
    Column("power_w", pl.Float64, "W", "idle power and the dynamic power of what runs"),
    Column("power_lo_w", pl.Float64, "W", "lower bound"),
    Column("power_hi_w", pl.Float64, "W", "upper bound"),
    Column("static_w", pl.Float64, "W", "idle power, mean over passes"),
    Column("beside_w", pl.Float64, "W", "part of the power by work beside"),
    Column("phase", pl.String, "", "first-level phase on the main stream; `idle` in gaps"),
    Column("subphase", pl.String, "", "second-level phase; `idle` in gaps"),
    Column("beside", pl.String, "", "second-level phase of work on other streams", "none"),
)
