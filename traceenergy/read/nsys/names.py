"""Texts of an export, each kept once under a small number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.read.nsys import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        self._name_ids: dict[str, int] = {"": 0}
        self._of_string: dict[int, int | None] = {}

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
        wanted = string_id.drop_nulls().unique().to_list()
        fresh = [key for key in wanted if key not in self._of_string]
        for at in range(0, len(fresh), _CHUNK):
            self._load(fresh[at : at + _CHUNK])
        return _look_up(string_id, {key: self._of_string[key] for key in wanted})

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
        known = {
            key: self._number(key if isinstance(key, str) else key.decode(errors="replace"))
            for key in text.drop_nulls().unique(maintain_order=True).to_list()
        }
        return _look_up(text, known)

    def of_text(self, text: str) -> int:
        """Give the number of one text."""
        return self._number(text)

    def find(self, text: str) -> int | None:
        """Give the number of a text if it has one."""
        return self._name_ids.get(text)

    def texts(self) -> pl.Series:
        """List all texts by number."""
        return pl.Series("names", list(self._name_ids), dtype=pl.String)

    def _number(self, text: str) -> int:
        return self._name_ids.setdefault(text, len(self._name_ids))

    def _load(self, keys: Sequence[int]) -> None:
        listed = ",".join(str(key) for key in keys)
        found = self._database.rows(
            f"SELECT id, value FROM {schema.STRINGS} WHERE id IN ({listed})"  # noqa: S608 - integers
        )
        texts = {key: text for key, text in found if text is not None}
        for key in keys:
            text = texts.get(key)
            self._of_string[key] = None if text is None else self._number(str(text))


def _look_up(keys: pl.Series, known: Mapping[Any, int | None]) -> pl.Series:
    pairs = pl.DataFrame(
        {
            "key": pl.Series(list(known), dtype=keys.dtype),
            "name_id": pl.Series(list(known.values()), dtype=pl.UInt32),
        }
    )
    found = keys.to_frame("key").join(pairs, on="key", how="left", maintain_order="left")
    return found.to_series(1)
