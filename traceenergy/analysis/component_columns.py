"""Tables of what each part of the computers costs."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

COMPONENT_ROW = (
    Column("component", pl.String, "", "npu_active, npu_standby, npu_idle, cpu, dram, link, ..."),
    Column("label", pl.String, "", "name for people"),
    Column(
        "part_of", pl.String, "", "component whose energy holds this one's; `total` for components",
        "the total",
    ),
    Column("energy_j", pl.Float64, "J", "energy in the window", "not known; `note` says why"),
    Column("energy_share", pl.Float64, "", "part of all that is known, 0 to 1",
           "as energy_j; 0 of 0"),
    Column("mean_power_w", pl.Float64, "W", "energy over elapsed time", "as energy_j"),
    Column("time_s", pl.Float64, "s", "in this state, summed over GPUs", "no state, or not known"),
    Column("bytes", pl.Float64, "bytes", "moved by it", "moves none, or not known"),
    Column("source", pl.String, "", "measured, modelled, or measured + modelled", "not known"),
    Column("note", pl.String, "", "what is in it, or why it is not known; may be empty"),
)  # fmt: skip

COMPONENT_CURVE = (
    Column("start_ns", pl.Int64, "ns", "start of the bin on the trace clock"),
    Column("end_ns", pl.Int64, "ns", "end of the bin"),
    Column("gpu_w", pl.Float64, "W", "mean power of all GPUs", "not known of each GPU"),
    Column("cpu_w", pl.Float64, "W", "mean modelled power of CPUs", "not in the file"),
    Column("dram_w", pl.Float64, "W", "mean modelled power of memory", "not in the file"),
    Column(
        "link_w", pl.Float64, "W", "mean modelled power of links; of collectives, what is known",
        "not in the file",
    ),
    Column(
        "base_nic_storage_w", pl.Float64, "W", "modelled power of base, NICs, drives",
        "not in the file",
    ),
    Column("total_w", pl.Float64, "W", "sum of all that is known", "as gpu_w"),
)  # fmt: skip
