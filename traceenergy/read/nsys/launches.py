"""CUDA calls of an export that may have caused GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.zones import rows_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.names import Names
    from traceenergy.read.nsys.schema import Layout
    from traceenergy.read.nsys.zones import Zone

# Classes of the runtime and the driver API. With CUDA backtraces on, class 67 repeats calls.
_API_CLASSES = "eventClass IN (0, 1)"
_KEY = ("process_id", "correlation_id")


def ask_launches(
    database: Database,
    of_work: tuple[int, int] | None = None,
    zones: Sequence[Zone] | None = None,
) -> Callable[[], list[pl.DataFrame]]:
    """Begin to load the API calls of an export.

    Parameters
    ----------
    database : Database
        The export.
    of_work : tuple of int, optional
        First and last correlation id; all by default.
    zones : sequence of Zone, optional
        Where correlation ids lie.

    Returns
    -------
    callable
        Waits for them.
    """
    if not database.has_rows(schema.API):
        return list
    has_class = "eventClass" in database.columns(schema.API)
    conditions = ["correlationId <> 0", *([_API_CLASSES] if has_class else [])]
    if of_work is not None:
        conditions.append("correlationId BETWEEN {} AND {}".format(*of_work))
    return database.ask(
        schema.API,
        ["start", "end", "correlationId", "globalTid"],
        each=lambda part: part.drop("trace_row").drop_nulls("globalTid"),
        where=" AND ".join(conditions),
        rows=None if of_work is None else rows_between(zones, *of_work),
        optional=["nameId"],
    )


def read_launches(parts: Sequence[pl.DataFrame], layout: Layout, names: Names) -> pl.DataFrame:
    """Pick the API calls that carry a correlation id.

    Parameters
    ----------
    parts : sequence of polars.DataFrame
        What `ask_launches` loaded.
    layout : Layout
        How it must be read.
    names : Names
        Takes the names of the calls.

    Returns
    -------
    polars.DataFrame
        The columns of `LAUNCHES` but `rank`; one row per process and correlation id, the
        outermost call where a file has several.
    """
    if not parts:
        return _empty()
    raw = pl.concat(parts)
    bounds = raw.select(first=pl.col("start").min(), last=pl.col("end").max()).row(0)
    shift_ns = layout.shift_ns(schema.API, *bounds)
    calls = raw.select(
        process_id=pl.col("globalTid") & schema.PROCESS_MASK,
        thread_id=pl.col("globalTid"),
        start_ns=pl.col("start") - shift_ns,
        end_ns=pl.max_horizontal("start", "end") - shift_ns,
        correlation_id=pl.col("correlationId"),
        name_id=names.of_strings(raw["nameId"]).fill_null(0),
    )
    calls = calls.sort(*_KEY, "start_ns", -pl.col("end_ns"))
    is_first = pl.any_horizontal(pl.col(_KEY) != pl.col(_KEY).shift()).fill_null(value=True)
    return calls.filter(is_first)


def doubts_of_launches(
    work: pl.DataFrame, launches: pl.DataFrame, names: Names, where: str
) -> tuple[Caveat, ...]:
    """Count work without launch, besides graph launches without work.

    Parameters
    ----------
    work, launches : polars.DataFrame
        As read.
    names : Names
        Names of the calls.
    where : str
        Name of the file.

    Returns
    -------
    tuple of Caveat
    """
    doubts = []
    if len(work) and not len(launches):
        text = (
            f"The export has no {schema.API}, so no GPU work can be tied to an NVTX range. "
            "Record it with nsys profile -t cuda,nvtx."
        )
        doubts.append(Caveat("no-launches", text, where, len(work)))
    elif n_orphans := len(work) - _count_launched(work, launches):
        text = (
            "GPU work without an API call in the export belongs to no NVTX range; it is counted, "
            "and shown outside all ranges."
        )
        doubts.append(Caveat("work-without-launch", text, where, n_orphans))
    if n_lost := _count_lost_graphs(work, launches, names):
        text = (
            "CUDA graphs were launched, but no work of any graph is in the export: its energy "
            "will look like idle gaps. Record it with nsys profile --cuda-graph-trace=node."
        )
        doubts.append(Caveat("graph-work-missing", text, where, n_lost))
    if n_graphs := int((work["table"] == "GRAPH").sum()):
        text = (
            f"Launches of CUDA graphs are recorded as one block each, {_graph_share(work):.1%} of "
            "the GPU time; kernels and layers in them need nsys profile --cuda-graph-trace=node."
        )
        doubts.append(Caveat("graphs-as-blocks", text, where, n_graphs))
    return tuple(doubts)


def _count_launched(work: pl.DataFrame, launches: pl.DataFrame) -> int:
    """Count work whose call is there, by a search among the sorted ids of its process."""
    called = launches.select(_KEY).partition_by("process_id", as_dict=True)
    asked = work.select(_KEY).drop_nulls().partition_by("process_id", as_dict=True)
    found = 0
    for process, rows in asked.items():
        if process in called:
            known, wanted = (t["correlation_id"].to_numpy() for t in (called[process], rows))
            place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
            found += int((known[place] == wanted).sum())
    return found


def _graph_share(work: pl.DataFrame) -> float:
    length_ns = (work["end_ns"] - work["start_ns"]).to_numpy()
    is_graph = (work["table"] == "GRAPH").to_numpy()
    return float(length_ns[is_graph].sum() / max(1, length_ns.sum()))


def _count_lost_graphs(work: pl.DataFrame, launches: pl.DataFrame, names: Names) -> int:
    if (work["table"] == "GRAPH").any() or work["graph_node_id"].is_not_null().any():
        return 0
    texts = names.texts().to_frame("text").with_row_index("name_id")
    graph_calls = texts.filter(pl.col("text").str.contains(r"^cu(?:da)?GraphLaunch"))
    return len(launches.join(graph_calls, on="name_id", how="semi"))


def _empty() -> pl.DataFrame:
    numbers = ("process_id", "thread_id", "start_ns", "end_ns", "correlation_id")
    return pl.DataFrame(schema={**dict.fromkeys(numbers, pl.Int64), "name_id": pl.UInt32})
