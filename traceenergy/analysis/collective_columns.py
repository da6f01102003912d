"""Columns of the tables of what GPUs wait for each other."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

_NO_POWER = "no power sample covers it"
_NOT_TOLD = "no collective of this kind was matched"
_NEITHER = "no power sample covers it, or none was matched"

COLLECTIVE_ROW = (
    Column("name", pl.String, "", "short name of the kernel"),
    Column("phase", pl.String, "", "first-level phase"),
    Column("subphase", pl.String, "", "second-level phase"),
    Column("n_groups", pl.Int64, "", "collectives whose members were found on several GPUs"),
    Column("n_members", pl.Int64, "", "kernels in them"),
    Column("n_unmatched", pl.Int64, "", "kernels without a counterpart on another GPU"),
    Column("unmatched_s", pl.Float64, "s", "their time, in which waiting cannot be told"),
    Column("wait_s", pl.Float64, "s", "before the last member began, summed over members"),
    Column("moving_s", pl.Float64, "s", "after that, summed over members"),
    Column("mean_wait_us", pl.Float64, "us", "wait of a member", _NOT_TOLD),
    Column("mean_moving_us", pl.Float64, "us", "time that a member moves data", _NOT_TOLD),
    Column("wait_share", pl.Float64, "", "part of the members' time, 0 to 1", _NOT_TOLD),
    Column("energy_j", pl.Float64, "J", "energy of the members", _NEITHER),
    Column("wait_energy_j", pl.Float64, "J", "energy while waiting, by share of time", _NEITHER),
    Column("wait_energy_lo_j", pl.Float64, "J", "lower bound", _NEITHER),
    Column("wait_energy_hi_j", pl.Float64, "J", "upper bound", _NEITHER),
)

STRAGGLER_ROW = (
    Column("rank", pl.Int32, "", "rank of the run"),
    Column("device_id", pl.Int32, "", "physical GPU within its report"),
    Column("n_groups", pl.Int64, "", "matched collectives that it took part in"),
    Column("n_last", pl.Int64, "", "of these it was the last to begin"),
    Column("last_share", pl.Float64, "", "n_last over n_groups, 0 to 1"),
    Column(
        "mean_lateness_us", pl.Float64, "us",
        "begin after the median member's, where it was last", "it was never last",
    ),
    Column("caused_wait_s", pl.Float64, "s", "others waited where it was last, summed over them"),
    Column("caused_wait_j", pl.Float64, "J", "energy of others in that time", _NO_POWER),
    Column("caused_wait_lo_j", pl.Float64, "J", "lower bound", _NO_POWER),
    Column("caused_wait_hi_j", pl.Float64, "J", "upper bound", _NO_POWER),
    Column("own_wait_s", pl.Float64, "s", "it waited for others"),
    Column("own_wait_j", pl.Float64, "J", "its energy in that time", _NO_POWER),
    Column("own_wait_lo_j", pl.Float64, "J", "lower bound", _NO_POWER),
    Column("own_wait_hi_j", pl.Float64, "J", "upper bound", _NO_POWER),
)  # fmt: skip

EXPERT_BALANCE_ROW = (
    Column("layer", pl.Int32, "", "index of the transformer block", "in no layer"),
    Column("n_passes", pl.Int64, "", "times that several GPUs ran the routed experts"),
    Column("n_devices", pl.Int64, "", "GPUs that did"),
    Column("mean_busy_s", pl.Float64, "s", "time of routed experts on a GPU, summed over passes"),
    Column(
        "max_busy_s", pl.Float64, "s", "that of the busiest GPU of each pass, summed over passes"
    ),
    Column("imbalance", pl.Float64, "", "max_busy_s over mean_busy_s", "not busy"),
    Column("rank", pl.Int32, "", "rank of the GPU that was busiest over all passes"),
    Column("device_id", pl.Int32, "", "that GPU"),
    Column("device_busy_s", pl.Float64, "s", "its time of routed experts"),
    Column("energy_j", pl.Float64, "J", "energy of routed experts on all GPUs", _NO_POWER),
    Column("energy_lo_j", pl.Float64, "J", "lower bound", _NO_POWER),
    Column("energy_hi_j", pl.Float64, "J", "upper bound", _NO_POWER),
    Column("device_energy_j", pl.Float64, "J", "of this the busiest GPU's", _NO_POWER),
    Column(
        "wait_s", pl.Float64, "s",
        "GPUs waited in collectives of experts of the layer, summed over GPUs",
    ),
    Column("wait_energy_j", pl.Float64, "J", "energy in that time", _NO_POWER),
)  # fmt: skip
