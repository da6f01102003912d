"""SQLite file in the layout of an nsys export."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.simulate.layout import Layout

Values = Sequence[object] | np.ndarray | pl.Series | int | float | str | None
Rows = Mapping[str, Values]


class Strings:
    """Text of an export, each once.

    Ids start high, as they do in real exports.
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def id_of(self, text: str) -> int:
        """Return the id of a text, new or known."""
        return self._ids.setdefault(text, len(self._ids) + 1)

    def ids_of(self, texts: pl.Series) -> pl.Series:
        """Return the ids of texts; null stays null."""
        known = texts.drop_nulls().unique(maintain_order=True).to_list()
        return texts.replace_strict(
            known, [self.id_of(text) for text in known], return_dtype=pl.Int64
        )

    @property
    def rows(self) -> Rows:
        """All texts as rows of StringIds."""
        return {"id": list(self._ids.values()), "value": list(self._ids)}


def write_export(path: Path, layout: Layout, tables: Mapping[str, Rows]) -> None:
    """Write an export.

    Parameters
    ----------
    path : Path
        Must not exist.
    layout : Layout
        Of the schema version. Columns that it lacks are left out.
    tables : mapping of str to Rows
        Columns by name: arrays of one length, or single values for all rows. Columns not given
        are null. As in a real export, tables without rows are not made, nor is any index.

    Notes
    -----
    Values that all rows share are written into the statement, so that only what varies passes
    through Python: a million kernels take seconds.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = OFF")
        file.execute("PRAGMA synchronous = OFF")
        file.execute("BEGIN")
        for name, rows in tables.items():
            if layout.has(name) and (n_rows := _n_rows(rows)):
                _write_table(file, name, layout.columns(name), rows, n_rows)
        file.execute("COMMIT")


def _n_rows(rows: Rows) -> int:
    varying = [v for v in rows.values() if isinstance(v, list | np.ndarray | pl.Series)]
    return len(varying[0]) if varying else int(bool(rows))


def _write_table(
    file: sqlite3.Connection, name: str, columns: dict[str, str], rows: Rows, n_rows: int
) -> None:
    declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    file.execute(f'CREATE TABLE "{name}" ({declared})')
    given = {column: rows[column] for column in columns if rows.get(column) is not None}
    varying = [_listed(v) for v in given.values() if not _is_constant(v)]
    slots = [_literal(v) if _is_constant(v) else "?" for v in given.values()]
    quoted = ", ".join(f'"{column}"' for column in given)
    statement = f'INSERT INTO "{name}" ({quoted}) VALUES ({", ".join(slots)})'  # noqa: S608 - names and constants are ours
    file.executemany(statement, zip(*varying, strict=True) if varying else [()] * n_rows)


def _listed(values: Values) -> list[object]:
    if isinstance(values, np.ndarray):
        return list(values.tolist())
    if isinstance(values, pl.Series):
        return list(values.to_list())
    return list(values) if isinstance(values, Sequence) else []


def _is_constant(values: Values) -> TypeGuard[int | float | str | None]:
    return values is None or isinstance(values, int | float | str)


def _literal(value: float | str | None) -> str:
    if isinstance(value, str):
        doubled = value.replace("'", "''")
        return f"'{doubled}'"
    return repr(value)
