"""Tables of what gates time, beside what costs energy."""

from __future__ import annotations

import polars as pl

from traceenergy.trace.tables import Column

PATH_SEGMENT = (
    Column("start_ns", pl.Int64, "ns", "begin on the trace clock"),
    Column("end_ns", pl.Int64, "ns", "end"),
    Column("kind", pl.String, "", "work, host, collective_wait or idle"),
    Column("rank", pl.Int32, "", "rank that holds the path", "none does"),
    Column("device_id", pl.Int32, "", "device that holds the path", "none does"),
    Column("phase", pl.String, "", "phase of the work", "no GPU work"),
)

OVERLAP = (
    Column("name", pl.String, "", "phase of communication or memory work"),
    Column("busy_s", pl.Float64, "s", "time of its pieces, summed"),
    Column("hidden_s", pl.Float64, "s", "part of it in which computation ran on the same device"),
    Column("exposed_s", pl.Float64, "s", "the rest"),
    Column("hidden_j", pl.Float64, "J", "energy while hidden", "no power sample covers it"),
    Column("exposed_j", pl.Float64, "J", "energy while exposed", "no power sample covers it"),
    Column("saved_s", pl.Float64, "s", "hidden while computation held the critical path, at most"),
    Column("hidden_w", pl.Float64, "W", "its power while hidden", "nothing is hidden, or no power"),
    Column(
        "exposed_w", pl.Float64, "W", "its power while exposed", "nothing is exposed, or no power"
    ),
)

OPPORTUNITY = (
    Column("name", pl.String, "", "phase"),
    Column("off_path_s", pl.Float64, "s", "time of its pieces that could end later, summed"),
    Column("off_path_j", pl.Float64, "J", "their energy", "no power sample covers it"),
    Column("slack_s", pl.Float64, "s", "mean slack of a piece, weighted by its time"),
    Column("saving_j", pl.Float64, "J", "what slower clocks could save at most", "as off_path_j"),
)
