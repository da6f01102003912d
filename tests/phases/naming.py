"""GPU work and range paths from names alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from traceenergy.phases.classify import Classification, classify_work
from traceenergy.phases.rules import RuleSet, read_rules
from traceenergy.trace import tables
from traceenergy.trace.tables import GpuWork, RangePaths

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIPPED = read_rules()


class Launched(NamedTuple):
    """A kernel, or other work, launched inside ranges, outermost first; `text@domain`."""

    name: str
    ranges: tuple[str, ...] = ()
    table: str = "KERNEL"


class Tables(NamedTuple):
    """What `classify_work` asks for."""

    work: GpuWork
    path_id: pl.Series
    paths: RangePaths
    names: pl.Series


def tables_of(launched: Sequence[Launched]) -> Tables:
    """Make the tables; work i runs from 10 i to 10 i + 10 ns on one device."""
    names: dict[str, int] = {"": 0}
    paths: dict[tuple[str, ...], int] = {}
    for item in launched:
        for depth in range(1, len(item.ranges) + 1):
            paths.setdefault(item.ranges[:depth], len(paths))
        names.setdefault(item.name, len(names))
    rows = []
    for path, path_id in paths.items():
        text, _, domain = path[-1].partition("@")
        rows.append(
            {
                "path_id": path_id,
                "parent_path_id": paths.get(path[:-1]),
                "name_id": names.setdefault(text, len(names)),
                "domain_name_id": names.setdefault(domain, len(names)) if domain else None,
                "depth": len(path) - 1,
                "path": "/".join(part.partition("@")[0] for part in path),
            }
        )
    n = len(launched)
    name_id = [names[item.name] for item in launched]
    work = {
        "rank": [0] * n,
        "device_id": [0] * n,
        "stream_id": [7] * n,
        "context_id": [1] * n,
        "process_id": [1] * n,
        "table": [item.table for item in launched],
        "trace_row": list(range(n)),
        "start_ns": [10 * i for i in range(n)],
        "end_ns": [10 * i + 10 for i in range(n)],
        "name_id": name_id,
        "full_name_id": name_id,
        "correlation_id": [None] * n,
        "graph_node_id": [None] * n,
        "grid_blocks": [None] * n,
        "bytes": [None] * n,
    }
    schema = {column.name: column.dtype for column in tables.GPU_WORK}
    path_schema = {column.name: column.dtype for column in tables.RANGE_PATHS}
    return Tables(
        GpuWork(pl.DataFrame(work, schema=schema)),
        pl.Series("path_id", [paths.get(item.ranges) for item in launched], dtype=pl.UInt32),
        RangePaths(pl.DataFrame(rows, schema=path_schema)),
        pl.Series("name", list(names), dtype=pl.String),
    )


def classify(launched: Sequence[Launched], rules: RuleSet = SHIPPED) -> Classification:
    """Classify by the shipped rules, or by others."""
    return classify_work(*tables_of(launched), rules)


def subphases(launched: Sequence[Launched], rules: RuleSet = SHIPPED) -> list[str]:
    """Give the subphase of each."""
    return classify(launched, rules).work["subphase"].cast(pl.String).to_list()


def subphase(name: str, *ranges: str, rules: RuleSet = SHIPPED, table: str = "KERNEL") -> str:
    """Give the subphase of one."""
    return subphases([Launched(name, ranges, table)], rules)[0]
