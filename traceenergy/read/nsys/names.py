"""Texts of an export, each kept once under a small number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.read.nsys import schema

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database

_CHUNK = 10_000  # ids in one query: well below SQLite's limit of 1,000,000 bytes


class Names:
    """The names of a trace while it is read.

    Only texts that were asked for are ever loaded: the table of texts also holds captured
    program output and environment variables.

    Parameters
    ----------
    database : Database
        The export.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = _numbered(pl.Series("text", [""]), 0)

    def of_strings(self, string_id: pl.Series) -> pl.Series:
        """Give the numbers of the texts that ids of the export stand for.

        Parameters
        ----------
        string_id : polars.Series of Int64
            May hold nulls.

        Returns
        -------
        polars.Series of UInt32
            Null where the id is null or its text is gone.
        """
        if string_id.null_count() == len(string_id):
            return string_id.cast(pl.UInt32)
        wanted = string_id.drop_nulls().unique().to_list()
        rows = [row for at in range(0, len(wanted), _CHUNK) for row in self._load(wanted, at)]
        found = pl.DataFrame(rows, schema={"key": pl.Int64, "text": pl.String}, orient="row")
        pairs = found.select("key", name_id=self.of_texts(found["text"])).unique(
            "key", keep="first"
        )
        return _look_up(string_id.rename("key"), pairs)

    def of_texts(self, text: pl.Series) -> pl.Series:
        """Give the numbers of texts.

        Parameters
        ----------
        text : polars.Series of String or Binary
            May hold nulls; bytes that are not UTF-8 are replaced.

        Returns
        -------
        polars.Series of UInt32
            Null where the text is null.
        """
        text = decoded(text).rename("text")
        fresh = text.drop_nulls().unique(maintain_order=True).to_frame()
        fresh = fresh.join(self._known, on="text", how="anti", maintain_order="left")
        if len(fresh):
            self._known = pl.concat([self._known, _numbered(fresh["text"], len(self._known))])
        return _look_up(text, self._known)

    def of_text(self, text: str) -> int:
        """Give the number of one text."""
        return int(self.of_texts(pl.Series([text]))[0])

    def find(self, text: str) -> int | None:
        """Give the number of a text if it has one."""
        found = self._known.filter(pl.col("text") == text)["name_id"]
        return None if found.is_empty() else int(found[0])

    def texts(self) -> pl.Series:
        """List all texts by number."""
        return self._known["text"].rename("names")

    def _load(self, keys: list[int], at: int) -> list[tuple[object, ...]]:
        listed = ",".join(str(key) for key in keys[at : at + _CHUNK])
        return self._database.rows(
            f"SELECT id, CAST(value AS TEXT) FROM {schema.STRINGS} WHERE id IN ({listed})"  # noqa: S608 - integers
        )


def _numbered(text: pl.Series, first: int) -> pl.DataFrame:
    number = pl.int_range(first, first + len(text), dtype=pl.UInt32, eager=True)
    return pl.DataFrame({"text": text, "name_id": number})


def decoded(text: pl.Series) -> pl.Series:
    """Make texts of bytes; those that are not UTF-8 are replaced."""
    try:
        return text.cast(pl.String)
    except pl.exceptions.ComputeError:
        values = text.to_list()
        mended = [None if value is None else value.decode(errors="replace") for value in values]
        return pl.Series(text.name, mended, dtype=pl.String)


def _look_up(keys: pl.Series, pairs: pl.DataFrame) -> pl.Series:
    found = keys.to_frame().join(pairs, on=keys.name, how="left", maintain_order="left")
    return found["name_id"]
