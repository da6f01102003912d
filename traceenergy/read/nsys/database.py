"""One SQLite file, opened without the means to change it."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite
import polars as pl

from traceenergy.errors import MissingTableError, UnreadableFileError
from traceenergy.read.nsys.sqlite_file import check_sqlite, sha256_of, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_BATCH_ROWS = "65536"  # fastest of the sizes tried; the driver's default is 1024
_PART_ROWS = 500_000  # what is asked for at once: small parts keep less that is not yet made small
_MOST_PARTS = 256  # rowids may be far apart
_THREADS = 2  # the driver leaves Python's lock while it reads; more gain little

T = TypeVar("T")


class Database:
    """Tables of one SQLite file, as frames.

    Opened read-only with `immutable=1`: no lock, no journal, no index is ever written.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged or no SQLite; also from later queries, when the
        damage sits in pages that are read only then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_sqlite(path)
        self._state = state_of(path)
        self._uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro&immutable=1"
        with self._damage_is_an_input_error():
            self._connection = sqlite3.connect(self._uri, uri=True)
            self._connection.text_factory = _decode
        try:
            found = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        except UnreadableFileError:
            self._connection.close()
            raise
        self._tables = frozenset(str(name) for (name,) in found)
        self._columns: dict[str, frozenset[str]] = {}
        self._pool = ThreadPoolExecutor(max_workers=_THREADS)

    def __enter__(self) -> Self:
        """Return the open database."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._pool.shutdown(cancel_futures=True)
        self._connection.close()

    def check_unchanged(self) -> None:
        """Refuse a file that was replaced or written while it was read.

        Raises
        ------
        UnreadableFileError
            If it is not the one that was opened, or has another size or time of change.
        """
        if state_of(self.path) != self._state:
            raise UnreadableFileError(
                f"{self.path.name} changed while it was read",
                details="what was read may be of two files",
                next_step="read it again when it is complete",
            )

    def tables(self) -> frozenset[str]:
        """Name all tables, empty ones included."""
        return self._tables

    def columns(self, table: str) -> frozenset[str]:
        """Name the columns of a table; none if there is no such table."""
        if table not in self._columns:
            found = self.rows(f"PRAGMA table_info({_quoted(table)})")
            self._columns[table] = frozenset(str(row[1]) for row in found)
        return self._columns[table]

    def has_rows(self, table: str) -> bool:
        """Tell whether a table is there with at least one row."""
        if table not in self._tables:
            return False
        return bool(self.rows(f"SELECT 1 FROM {_quoted(table)} LIMIT 1"))  # noqa: S608 - quoted

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a small query; bytes that are not UTF-8 come out replaced.

        Parameters
        ----------
        sql : str
            A query.
        params : sequence
            Its parameters.

        Returns
        -------
        list of tuple

        Raises
        ------
        UnreadableFileError
            If the file is damaged where the query reads.
        """
        with self._damage_is_an_input_error():
            return self._connection.execute(sql, params).fetchall()

    def frame(
        self, sql: str, params: Sequence[object], columns: Mapping[str, type[pl.DataType]]
    ) -> pl.DataFrame:
        """Run a small query for columns of known types.

        Parameters
        ----------
        sql : str
            A query.
        params : sequence
            Its parameters.
        columns : mapping of str to polars type
            Name and type of what it selects, in order.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        UnreadableFileError
            If the file is damaged where the query reads, or a value has another type.
        """
        rows = self.rows(sql, params)
        try:
            return pl.DataFrame(rows, schema=dict(columns), orient="row", strict=False)
        except pl.exceptions.ComputeError:
            # The text of that error holds the value, which may be private.
            raise UnreadableFileError(
                f"{self.path.name} has values of another type than its columns say",
                details=f"columns read: {', '.join(columns)}",
                next_step="export the report again: nsys export -t sqlite",
            ) from None

    def read(
        self,
        table: str,
        columns: Sequence[str],
        *,
        where: str = "",
        rows: Sequence[tuple[int, int]] | None = None,
        optional: Sequence[str] = (),
    ) -> pl.DataFrame:
        """Load integer columns of a table with the number of each row.

        Parameters
        ----------
        table : str
            Name of the table.
        columns : sequence of str
            Columns that must be there.
        where : str
            Condition in SQL on the columns; all rows if empty.
        rows : sequence of (int, int), optional
            First and last rowid of the parts that may hold such rows, rising; None: all of them.
        optional : sequence of str
            Columns that may be absent and are null then.

        Returns
        -------
        polars.DataFrame
            `trace_row` (the rowid) and the columns, all Int64, in order of rowid.

        Raises
        ------
        MissingTableError
            If the table or a column is absent.
        UnreadableFileError
            If the file is damaged, or a column holds something other than numbers.
        """
        asked = self.ask(
            table, columns, each=lambda part: part, where=where, rows=rows, optional=optional
        )
        return pl.concat(asked())

    def ask(  # noqa: PLR0913 - six of them say what to load
        self,
        table: str,
        columns: Sequence[str],
        *,
        each: Callable[[pl.DataFrame], T],
        where: str = "",
        rows: Sequence[tuple[int, int]] | None = None,
        optional: Sequence[str] = (),
        text: str = "",
    ) -> Callable[[], list[T]]:
        """Begin to load columns of a table in other threads.

        Parameters
        ----------
        table, columns, where, rows, optional
            As for `read`.
        each : callable
            What to make of each part of the table, in the thread that loads it.
        text : str
            Another column that may be absent, loaded as bytes; none if empty.

        Returns
        -------
        callable
            Waits, and gives what `each` made of the parts, in order of rowid; at least one part.
            To be called once; raises as `read` does.

        Raises
        ------
        MissingTableError
            If the table or a column is absent.
        """
        self._check_columns(table, columns)
        there = [*columns, *(name for name in optional if name in self.columns(table))]
        absent = [name for name in optional if name not in there]
        listed = [_quoted(name) for name in there]
        if text:
            has_text = text in self.columns(table)
            listed.append(f"CAST({_quoted(text)} AS BLOB)" if has_text else "NULL")

        def load(sentence: str) -> T:
            frame = self._fetch(sentence)
            self._check_order(table, frame)
            names = ["trace_row", *there, *([text] if text else [])]
            frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
            self._check_numbers(table, frame.select("trace_row", *there))
            nulls = [pl.lit(None, pl.Int64).alias(name) for name in absent]
            frame = frame.with_columns(pl.col("trace_row", *there).cast(pl.Int64), *nulls)
            if text and frame[text].dtype != pl.Binary:
                frame = frame.with_columns(pl.lit(None, pl.Binary).alias(text))
            return each(frame.select("trace_row", *columns, *optional, *([text] if text else [])))

        asked = [self._pool.submit(load, x) for x in self._sentences(table, listed, where, rows)]
        # What was waited for is not kept.
        return lambda: [asked.pop(0).result() for _ in range(len(asked))]

    def hash_of_file(self) -> Callable[[], str]:
        """Begin to hash the file in another thread.

        Returns
        -------
        callable
            Waits, and gives the SHA-256 in hexadecimal digits.
        """
        return self._pool.submit(sha256_of, self.path).result

    def _check_columns(self, table: str, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in self.columns(table)]
        if missing:
            raise MissingTableError(
                f"{self.path.name}: table {table} lacks what the tool must know",
                details=f"columns not found: {', '.join(missing)}",
                next_step="export the report again with all tables: nsys export -t sqlite",
            )

    def _check_order(self, table: str, frame: pl.DataFrame) -> None:
        # Damage inside a page shows rows out of order, or twice.
        rows = frame.to_series(0)
        if not (rows[1:] > rows[:-1]).all():
            raise self.damaged(f"rows of {table} are out of order")

    def damaged(self, details: str) -> UnreadableFileError:
        """Build the error for a file whose contents contradict each other."""
        return UnreadableFileError(
            f"{self.path.name} is damaged",
            details=details,
            next_step="fetch or export the file again: nsys export -t sqlite",
        )

    def _check_numbers(self, table: str, frame: pl.DataFrame) -> None:
        odd = [name for name in frame.columns if len(frame) and not _fits_int64(frame[name])]
        if odd:
            raise UnreadableFileError(
                f"{self.path.name}: table {table} has something else where whole numbers belong",
                details=f"columns: {', '.join(odd)}",
                next_step="export the report again: nsys export -t sqlite",
            )

    def parts(self, table: str) -> list[tuple[int, int]]:
        """Cut a table into parts of some 500,000 rows: first and last rowid of each."""
        name = _quoted(table)
        # One subquery each: SQLite looks up a lone min or max, but scans the table for both.
        bounds = f"(SELECT min(rowid) FROM {name}), (SELECT max(rowid) FROM {name})"  # noqa: S608 - quoted
        ((first, last),) = self.rows(f"SELECT {bounds}")
        if not (isinstance(first, int) and isinstance(last, int)):
            return []
        n_parts = min((last - first) // _PART_ROWS + 1, _MOST_PARTS)
        cuts = [first + (last - first) * i // n_parts for i in range(1, n_parts)]
        return [
            (low + 1, high) for low, high in zip([first - 1, *cuts], [*cuts, last], strict=True)
        ]

    def ask_extremes(
        self, table: str, part: tuple[int, int], low: str, high: str
    ) -> Callable[[], tuple[object, ...]]:
        """Begin to find the least of one column and the most of another, in a part of a table.

        Parameters
        ----------
        table : str
        part : tuple of int
            First and last rowid.
        low, high : str
            Columns, or expressions.

        Returns
        -------
        callable
            Waits, and gives both; raises as `read` does.
        """
        within = "rowid BETWEEN {} AND {}".format(*part)
        sentence = f"SELECT min({low}), max({high}) FROM {_quoted(table)} WHERE {within}"  # noqa: S608 - quoted
        asked = self._pool.submit(self._fetch, sentence)
        return lambda: asked.result().row(0)

    def _sentences(
        self,
        table: str,
        columns: Sequence[str],
        where: str,
        rows: Sequence[tuple[int, int]] | None,
    ) -> list[str]:
        """Sentences that load a table part by part; at least one."""
        head = f"SELECT rowid, {', '.join(columns)} FROM {_quoted(table)}"  # noqa: S608 - quoted
        conditions = [f"({where})"] if where else []
        parts = self.parts(table) if rows is None else rows
        if rows is None and len(parts) <= 1:
            return [_sentence(head, conditions)]
        within = ["rowid BETWEEN {} AND {}".format(*part) for part in parts] or ["FALSE"]
        return [_sentence(head, [part, *conditions]) for part in within]

    def _fetch(self, sql: str) -> pl.DataFrame:
        with (
            self._damage_is_an_input_error(),
            adbc_driver_sqlite.connect(self._uri) as database,
            adbc_driver_manager.AdbcConnection(database) as connection,
            adbc_driver_manager.AdbcStatement(connection) as statement,
        ):
            statement.set_options(**{"adbc.sqlite.query.batch_rows": _BATCH_ROWS})
            statement.set_sql_query(sql)
            stream, _ = statement.execute_query()
            return pl.DataFrame(stream)

    @contextmanager
    def _damage_is_an_input_error(self) -> Iterator[None]:
        try:
            yield
        except (
            sqlite3.Error,
            adbc_driver_manager.Error,
            pl.exceptions.ComputeError,
            UnicodeDecodeError,  # of names in the schema, which sqlite3 decodes by itself
        ) as problem:
            raise UnreadableFileError(
                f"{self.path.name} is damaged",
                details=f"SQLite says: {str(problem).splitlines()[0]}",
                next_step="fetch or export the file again: nsys export -t sqlite",
            ) from problem


def _fits_int64(values: pl.Series) -> bool:
    # SQLite keeps what is written: a column declared INTEGER may hold text or 1e300.
    if not values.dtype.is_numeric():
        return False
    return values.cast(pl.Int64, strict=False).null_count() == values.null_count()


def _decode(text: bytes) -> str:
    return text.decode("utf-8", errors="replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sentence(head: str, conditions: Sequence[str]) -> str:
    return f"{head} WHERE {' AND '.join(conditions)}" if conditions else head
