"""Columns of the tables of clocks."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

_RANK = Column("rank", pl.Int32, "", "rank of the run")
_DEVICE = Column("device_id", pl.Int32, "", "physical GPU within its report")
_NO_POWER = "no power sample covers it"
_NOT_TOLD = "the run does not tell it"
_AS_BOUND, _OLD = "as clock_bound", "an older version wrote it"
_UNREAD = "not read in it"

CLOCK_ROW = (
    Column("level", pl.String, "", "phase, kernel, layer, step, gpu or run"),
    Column(
        "name", pl.String, "",
        "of the phase, short name of the kernel, layer, kind of step, rank and GPU",
    ),
    Column("known_s", pl.Float64, "s", "time of its pieces that readings of the clock cover"),
    Column("sm_clock_mhz", pl.Float64, "MHz", "mean SM clock in that time"),
    Column(
        "max_clock_mhz", pl.Float64, "MHz",
        "highest reading of the same GPUs in the whole trace, weighted alike",
    ),
    Column("clock_share", pl.Float64, "", "the first over the second, 0 to 1"),
    Column(
        "lost_s", pl.Float64, "s",
        "shorter at the highest clock, were its time to go with one over the clock",
    ),
    Column(
        "mean_power_w", pl.Float64, "W", "its energy over its time, at that clock", _NO_POWER,
    ),
    Column("compute_share", pl.Float64, "", "of its time in matrix products", "a step, a GPU"),
    Column("clock_bound", pl.Float64, "", "of its time, goes with one over the clock", _NOT_TOLD),
    Column("clock_bound_lo", pl.Float64, "", "that part is not below", _AS_BOUND),
    Column("clock_bound_hi", pl.Float64, "", "that part is not above", _AS_BOUND),
    Column(
        "equal_clock_mhz", pl.Float64, "MHz", "clock for all rows: the highest of any GPU",
        _OLD,
    ),
    Column("equal_clock_lo_s", pl.Float64, "s", "its known time at that clock, at least", _OLD),
    Column("equal_clock_hi_s", pl.Float64, "s", "its known time at that clock, at most", _OLD),
)  # fmt: skip
CLOCK_BIN = (
    _RANK,
    _DEVICE,
    Column("start_ns", pl.Int64, "ns", "begin of the bin"),
    Column("end_ns", pl.Int64, "ns", "end of the bin"),
    Column("sm_clock_mhz", pl.Float64, "MHz", "mean SM clock", _UNREAD),
    Column("mem_clock_mhz", pl.Float64, "MHz", "mean clock of the memory", _UNREAD),
    Column("temperature_c", pl.Float64, "C", "mean temperature", _UNREAD),
    Column("power_w", pl.Float64, "W", "measured energy over time", "not known throughout"),
    Column("power_share", pl.Float64, "", "of its time, power limits clocks", _UNREAD),
    Column("heat_share", pl.Float64, "", "of its time, heat limits clocks", _UNREAD),
    Column("hardware_share", pl.Float64, "", "of its time, hardware slows it for either", _UNREAD),
)  # fmt: skip
CLOCK_POINT = (
    _RANK,
    _DEVICE,
    Column("low_mhz", pl.Float64, "MHz", "lowest SM clock of the point"),
    Column("high_mhz", pl.Float64, "MHz", "clocks of it are below this"),
    Column("sm_clock_mhz", pl.Float64, "MHz", "mean SM clock"),
    Column("time_s", pl.Float64, "s", "time in the window at such clocks"),
    Column("time_share", pl.Float64, "", "part of the time with a clock"),
    Column("busy_share", pl.Float64, "", "part of that time with GPU work"),
    Column("mean_power_w", pl.Float64, "W", "measured energy over time", _NO_POWER),
    Column("phases", pl.List(pl.String), "", "of most time at such clocks, three at most"),
    Column("phase_shares", pl.List(pl.Float64), "", "their parts of the work's time there"),
)
THROTTLING = (
    Column("level", pl.String, "", "gpu or phase"),
    Column("rank", pl.Int32, "", "rank of the run", "of a phase"),
    Column("device_id", pl.Int32, "", "physical GPU within its report", "of a phase"),
    Column("name", pl.String, "", "of the phase; rank and GPU"),
    Column(
        "cause", pl.String, "",
        "power, heat, hardware (either, not told which), setting, idle; none: no reason active",
        words=("power", "heat", "hardware", "setting", "idle", "none"),
    ),
    Column("reason", pl.String, "", "as nvidia-smi names it", "any of the cause"),
    Column("time_s", pl.Float64, "s", "time with it; of a phase, of its work"),
    Column("time_share", pl.Float64, "", "part of the time for which reasons were read"),
    Column("busy_s", pl.Float64, "s", "part of that time with GPU work"),
    Column("sm_clock_mhz", pl.Float64, "MHz", "mean SM clock meanwhile", "not read"),
    Column("mean_power_w", pl.Float64, "W", "energy over time", _NO_POWER),
    Column("energy_j", pl.Float64, "J", "energy meanwhile; of a phase, of its work", _NO_POWER),
)  # fmt: skip
DUTY_CYCLE = (
    Column("level", pl.String, "", "step, layer or gpu"),
    Column("name", pl.String, "", "kind of step; layer; rank and GPU"),
    Column("n_instances", pl.Int64, "", "steps on a GPU, passes of the layer in one, or 1"),
    Column("elapsed_s", pl.Float64, "s", "first to last GPU work of each, summed"),
    Column("matmul_s", pl.Float64, "s", "part of it in which a matrix product runs"),
    Column("duty", pl.Float64, "", "the second over the first"),
    Column("duty_q10", pl.Float64, "", "a tenth of the instances is below"),
    Column("duty_median", pl.Float64, "", "half of the instances is below"),
    Column("duty_q90", pl.Float64, "", "nine tenths of the instances are below"),
)
CLOCK_CONTRAST = (
    _RANK,
    _DEVICE,
    Column("verdict", pl.String, "", "compute lower, compute higher, or no difference told"),
    Column("compute_from", pl.String, "", "tensor cores (GPU metrics) or names of kernels"),
    Column("compute_clock_mhz", pl.Float64, "MHz", "mean clock of matrix products"),
    Column("other_clock_mhz", pl.Float64, "MHz", "mean clock of other work"),
    Column("difference_mhz", pl.Float64, "MHz", "the first minus the second, by blocks of time"),
    Column("error_mhz", pl.Float64, "MHz", "standard error of the difference, from the blocks"),
    Column("n_blocks", pl.Int64, "", "blocks of time with both"),
    Column("compute_power_w", pl.Float64, "W", "mean power of matrix products", _NO_POWER),
    Column("other_power_w", pl.Float64, "W", "mean power of other work", _NO_POWER),
)  # fmt: skip
TEMPERATURE_DRIFT = (
    _RANK,
    _DEVICE,
    Column("start_c", pl.Float64, "C", "mean of the first tenth of the window"),
    Column("end_c", pl.Float64, "C", "mean of the last tenth of the window"),
    Column("highest_c", pl.Float64, "C", "highest reading in the window"),
    Column("slope_c_per_min", pl.Float64, "C/min", "of the straight line through the readings"),
    Column("power_w_per_c", pl.Float64, "W/C", "power at like work against temperature", _NOT_TOLD),
    Column("power_error_w_per_c", pl.Float64, "W/C", "its standard error", "as power_w_per_c"),
)
