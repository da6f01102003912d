"""Parts of an Analysis from its tables: of a folder, a database, or JSON."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.errors import UnreadableFileError
from traceenergy.foreign_text import parse_json
from traceenergy.report.json_load import UNFIT, analysis_of, checked, parsed, unfit_error
from traceenergy.report.json_report import POWER_TABLES, SERVING_TABLES
from traceenergy.report.parquet_report import META
from traceenergy.report.tables import DECLARED
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from traceenergy.analysis.model import Analysis

_AGAIN = "write it again: traceenergy analyze TRACE -o result/"
Frames = dict[str, pl.DataFrame]


def is_result_folder(path: Path) -> bool:
    """Tell whether a folder holds the tables of a result rather than traces."""
    return (path / f"{META}.parquet").is_file()


def is_result_database(path: Path) -> bool:
    """Tell whether a file is a database of results rather than an export of nsys."""
    if path.suffix.lower() != ".sqlite" or not path.is_file():
        return False
    try:
        with closing(_opened(path)) as database:
            found = database.execute(
                "select count(*) from sqlite_master where name in ('meta', 'work', 'steps')"
            )
            return bool(found.fetchone()[0] == 3)  # noqa: PLR2004 - all of these
    except sqlite3.Error:
        return False  # who reads it as a trace says what is wrong


def read_result(path: Path, needed: Mapping[str, Sequence[str]]) -> Analysis:
    """Read some tables of a result.

    Parameters
    ----------
    path : pathlib.Path
        What `write` made under a name that ends in `/`, `.sqlite` or `.json`.
    needed : mapping
        Columns by table. Those that an older version did not write are null.

    Returns
    -------
    Analysis
        Its other tables are empty, these have no other columns.

    Raises
    ------
    UnreadableFileError, NotAResultError, NewerResultError
        If it cannot be read, or parts are missing.
    """
    read = _from_database if path.suffix.lower() == ".sqlite" else _from_json
    try:
        found, frames = (_from_folder if path.is_dir() else read)(path, needed)
        facts = {"max_vs_sum": {}, "findings": []} | checked(found, path.name)
        tables = {name: empty_table(columns) for name, columns in DECLARED.items()}
        return analysis_of(facts, tables | frames)
    except (OSError, sqlite3.Error, pl.exceptions.ComputeError) as error:
        raise UnreadableFileError(
            f"result {path.name} cannot be read",
            details=type(error).__name__,
            next_step=_AGAIN,
        ) from error
    except UNFIT as error:
        raise unfit_error(path.name, error) from error


def _from_folder(path: Path, needed: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], Frames]:
    meta = pl.read_parquet(path / f"{META}.parquet")
    frames = {}
    for table, columns in needed.items():
        file = path / f"{table}.parquet"
        if file.exists():
            known = pl.read_parquet_schema(file)
            frame = pl.read_parquet(file, columns=[name for name in columns if name in known])
            frames[table] = _declared(frame, table, columns)
    return _facts(meta.rows()), frames


def _from_database(
    path: Path, needed: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], Frames]:
    frames = {}
    with closing(_opened(path)) as database:
        facts = _facts(database.execute("select key, value from meta").fetchall())
        for table, columns in needed.items():
            known = {row[1] for row in database.execute(f"pragma table_info([{table}])")}
            names = [name for name in columns if name in known]
            if names:
                chosen = ", ".join(f"[{name}]" for name in names)
                rows = database.execute(f"select {chosen} from [{table}]").fetchall()  # noqa: S608 - our own names
                types = {column.name: column.dtype for column in DECLARED[table]}
                schema = {name: types[name] for name in names}
                frame = pl.DataFrame(rows, schema=schema, orient="row")
                frames[table] = _declared(frame, table, columns)
    return facts, frames


def _from_json(path: Path, needed: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], Frames]:
    found = checked(parsed(path), path.name)
    power, serving = found.get("power") or {}, found.get("serving")
    rows = {name: found.get(name) for name in needed}
    rows |= {name: power.get(key) for key, name in POWER_TABLES.items()}
    rows |= {name: (serving or {}).get(key) for key, name in SERVING_TABLES.items()}
    rows["serving"] = None if serving is None else [serving]
    frames = {}
    for table, columns in needed.items():
        # Column by column: most columns of most rows are not looked at.
        told = {name: [row.get(name) for row in rows[table] or ()] for name in columns}
        types = {column.name: column.dtype for column in DECLARED[table]}
        schema = {name: types[name] for name in columns if name in types}
        frames[table] = pl.DataFrame({name: told[name] for name in schema}, schema=schema)
    return found, frames


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _facts(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {key: parse_json(value, strict=True) for key, value in rows}


def _declared(frame: pl.DataFrame, table: str, columns: Sequence[str]) -> pl.DataFrame:
    types = {column.name: column.dtype for column in DECLARED[table]}
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, types[name]).alias(name)
        for name in columns
        if name in types
    ).cast({name: types[name] for name in columns if name in types})
