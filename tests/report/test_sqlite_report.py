"""The database holds every table, with facts beside."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.report import sample
from traceenergy.report.sqlite_report import write_sqlite
from traceenergy.report.tables import DECLARED

if TYPE_CHECKING:
    from pathlib import Path


def test_every_table_is_there_with_all_rows(tmp_path: Path) -> None:
    result = sample.rich_analysis()

    write_sqlite(result, tmp_path / "all.sqlite")

    with closing(sqlite3.connect(tmp_path / "all.sqlite")) as database:
        counts = {
            table: database.execute(f"select count(*) from [{table}]").fetchone()[0]  # noqa: S608 - our own names
            for table in DECLARED
        }
    assert counts == {table: getattr(result, table).height for table in DECLARED}


def test_values_keep_type_and_null(tmp_path: Path) -> None:
    write_sqlite(sample.rich_analysis(), tmp_path / "all.sqlite")

    with closing(sqlite3.connect(tmp_path / "all.sqlite")) as database:
        rows = database.execute(
            "select name, energy_j, j_per_token, critical_path_s, inseparable_with from phases"
            " where name in ('moe', 'norm')"
        ).fetchall()
        total_j = database.execute("select sum(energy_j) from work").fetchone()[0]
    assert rows == [
        ("moe", 600.0, 600 / 56, 0.8, "[]"),
        ("norm", 100.0, None, 0.05, '["allreduce"]'),
    ]
    assert total_j == pytest.approx(1_200.0)


def test_facts_and_units_are_beside(tmp_path: Path) -> None:
    write_sqlite(sample.rich_analysis(), tmp_path / "all.sqlite")

    with closing(sqlite3.connect(tmp_path / "all.sqlite")) as database:
        meta = dict(database.execute("select key, value from meta"))
        unit = database.execute(
            "select unit from columns where [table] = 'work' and [column] = 'energy_j'"
        ).fetchone()
    assert json.loads(meta["format_version"]) == 1
    assert json.loads(meta["energy"])["total_j"] == 1_600.0
    assert unit == ("J",)


def test_a_result_without_rows_has_all_tables(tmp_path: Path) -> None:
    write_sqlite(sample.bare_analysis(), tmp_path / "bare.sqlite")

    with closing(sqlite3.connect(tmp_path / "bare.sqlite")) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
    assert tables >= {*DECLARED, "meta", "columns"}
