"""Tables reach the file, lazily."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.export import Rows, Strings, write_export
from traceenergy.simulate.layout import layout_of

if TYPE_CHECKING:
    from pathlib import Path


def test_columns_constants_and_nulls_arrive_and_empty_tables_do_not(tmp_path: Path) -> None:
    tables: dict[str, Rows] = {
        "StringIds": {"id": [1, 2], "value": ["it's", "größe"]},
        "PROCESSES": {
            "globalPid": np.array([1 << 60, 2]),
            "pid": 7,
            "name": pl.Series(["a", None]),
        },
        "ThreadNames": {"nameId": [], "globalTid": []},
        "NOT_OF_THIS_VERSION": {"x": [1]},
    }
    write_export(tmp_path / "x.sqlite", layout_of("3.7.2"), tables)

    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
        assert names == ["StringIds", "PROCESSES"]
        assert list(file.execute("SELECT * FROM StringIds")) == [(1, "it's"), (2, "größe")]
        assert list(file.execute("SELECT * FROM PROCESSES")) == [(1 << 60, 7, "a"), (2, 7, None)]


def test_a_text_has_one_id() -> None:
    strings = Strings()
    first = strings.id_of("a")

    assert strings.ids_of(pl.Series(["b", "a", None, "b"])).to_list() == [2, first, None, 2]
    assert strings.rows == {"id": [1, 2], "value": ["a", "b"]}
