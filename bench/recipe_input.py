"""Writes an export as nsys recipes read it: tables of Parquet beside a report that is older."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import adbc_driver_manager
import adbc_driver_sqlite
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

# Recipes have a report exported again where one of their tables is missing.
ASKED_FOR = {
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": [
        "start", "end", "deviceId", "graphId", "graphExecId", "contextId", "streamId",
        "correlationId", "globalPid", "originalGraphId", "nameId", "eventClass",
    ],
    "CUDA_GRAPH_NODE_EVENTS": [
        "start", "end", "nameId", "eventClass", "globalTid", "graphNodeId", "originalGraphNodeId",
    ],
    "CUDA_GRAPH_EVENTS": [
        "start", "end", "nameId", "eventClass", "globalTid", "graphId", "originalGraphId",
        "graphExecId",
    ],
}  # fmt: skip
_LATER_S = 0.1  # exports count if their files were changed after the report


def write_recipe_input(trace: Path, folder: Path) -> Path:
    """Write the tables of an export into a folder; give the report to name."""
    report, tables = folder / "copy.nsys-rep", folder / "copy_pqtdir"
    report.write_bytes(b"never read")
    time.sleep(_LATER_S)
    tables.mkdir()
    with closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (name,) in database.execute(names).fetchall():
            declared = {row[1]: row[2] for row in database.execute(f"PRAGMA table_info('{name}')")}
            _table(trace, name, declared).write_parquet(tables / f"{name}.parquet")
    for name, columns in ASKED_FOR.items():
        path = tables / f"{name}.parquet"
        if not path.exists():
            pl.DataFrame(schema=dict.fromkeys(columns, pl.Int64)).write_parquet(path)
    return report


def _table(trace: Path, name: str, declared: dict[str, str]) -> pl.DataFrame:
    with (
        adbc_driver_sqlite.connect(f"file:{trace}?mode=ro") as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        statement.set_sql_query(f"SELECT * FROM {name}")
        stream, _ = statement.execute_query()
        frame = pl.DataFrame(stream)
    # A column of nulls alone comes out as numbers, whatever it was declared as.
    texts = [column for column, kind in declared.items() if kind == "TEXT"]
    return frame.with_columns(pl.col(texts).cast(pl.String))
