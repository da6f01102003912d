"""One SQLite file, opened without the means to change it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.build import Work, build_export
from traceenergy.errors import MissingTableError, TraceEnergyError, UnreadableFileError
from traceenergy.read.nsys import read_nsys
from traceenergy.read.nsys.database import Database

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()
    return path


def test_columns_come_with_their_row_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.sqlite",
        "CREATE TABLE t (a INTEGER, b INTEGER)",
        "INSERT INTO t VALUES (1, NULL), (9223372036854775807, -5), (3, 4)",
        "DELETE FROM t WHERE a = 1",
    )

    with Database(path) as database:
        frame = database.read("t", ["a"], optional=["b", "absent"])
        empty = database.read("t", ["a"], where="a = 0")

    assert frame.columns == ["trace_row", "a", "b", "absent"]
    assert frame.rows() == [(2, 2**63 - 1, -5, None), (3, 3, 4, None)]
    assert empty.schema == frame.select("trace_row", "a").schema


@pytest.mark.parametrize("name", ["a b.sqlite", "50%.sqlite", "why?.sqlite", "#1 & ü.sqlite"])
def test_any_file_name_opens(tmp_path: Path, name: str) -> None:
    with Database(write(tmp_path / name, "CREATE TABLE t (a INTEGER)")) as database:
        assert database.read("t", ["a"]).is_empty()


def test_a_big_table_loads_in_parts_without_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceenergy.read.nsys.database._PART_ROWS", 10)
    rows = ", ".join(f"({i}, {i % 3 or 'NULL'})" for i in range(101))
    path = write(
        tmp_path / "x.sqlite", "CREATE TABLE t (a INTEGER, b INTEGER)",
        f"INSERT INTO t VALUES {rows}",  # noqa: S608 - numbers
    )  # fmt: skip

    with Database(path) as database:
        frame = database.read("t", ["a", "b"], where="a <> 50")

    assert frame["a"].to_list() == [i for i in range(101) if i != 50]
    assert frame["b"].null_count() == 34  # 0, 3, ..., 99


def test_missing_columns_are_named_all_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "x.sqlite", "CREATE TABLE t (a INTEGER)")

    with Database(path) as database, pytest.raises(MissingTableError) as caught:
        database.read("t", ["b", "a", "c"])

    assert "b, c" in caught.value.details


def test_text_in_place_of_numbers_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x.sqlite", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('soon')")

    with (
        Database(path) as database,
        pytest.raises(UnreadableFileError, match="whole numbers belong"),
    ):
        database.read("t", ["a"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"timestamp, power.draw [W]\n", "no SQLite"),
        (b"SQLite format 3\x00", "cut short"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)

    with pytest.raises(UnreadableFileError, match=what) as caught:
        Database(path)

    assert caught.value.exit_code == 2
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="not there"):
        Database(tmp_path / "x.sqlite")
    with pytest.raises(UnreadableFileError, match="folder"):
        Database(tmp_path)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.8, 0.99])
def test_a_file_cut_anywhere_is_an_input_error(tmp_path: Path, share: float) -> None:
    whole = build_export(
        tmp_path / "x.sqlite", kernels=[Work(f"kernel {i}", i, i + 1) for i in range(500)]
    ).read_bytes()
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(UnreadableFileError, match="cut short"):
        read_nsys(cut)


@pytest.mark.parametrize("page", range(1, 12))
def test_a_page_of_garbage_is_an_input_error_or_harmless(tmp_path: Path, page: int) -> None:
    # Garbage in a page of texts may go unseen, as SQLite has no checksums: never a traceback.
    path = build_export(
        tmp_path / "x.sqlite", kernels=[Work(f"kernel {i}", i, i + 1) for i in range(500)]
    )
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)

    try:
        trace = read_nsys(path)
    except TraceEnergyError as problem:
        assert problem.exit_code == 2  # noqa: PT017 - either outcome is right
    else:
        assert len(trace.gpu_work) <= 500


def test_the_file_is_neither_changed_nor_written_beside(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 1, 2)])
    path.chmod(0o444)
    before = path.read_bytes()

    read_nsys(path)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.sqlite"]


def test_damage_whose_message_is_not_utf8_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x.sqlite", "CREATE TABLE abcdef (a INTEGER)")
    # SQLite names the table in its message about the broken statement.
    damaged = path.read_bytes().replace(b"abcdef", b"abc\x8cef").replace(b"TABLE", b"TABLX")
    path.write_bytes(damaged)

    with pytest.raises(UnreadableFileError, match="is damaged"), Database(path) as database:
        database.columns("abcdef")


@pytest.mark.parametrize("value", ["x'fffe'", "1e300", "'secret'"])
def test_value_of_another_type_is_an_input_error_that_does_not_show_it(
    tmp_path: Path, value: str
) -> None:
    path = write(tmp_path / "x.sqlite", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    write(path, f"INSERT INTO t VALUES ({value})")  # noqa: S608 - a case of this test

    with (
        Database(path) as database,
        pytest.raises(UnreadableFileError, match="another type") as caught,
    ):
        database.frame("SELECT a FROM t", (), {"a": pl.Int64})

    assert "secret" not in str(caught.value)


def test_number_beyond_64_bits_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x.sqlite", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (1e300)")

    with Database(path) as database, pytest.raises(UnreadableFileError, match="columns: a"):
        database.read("t", ["a"])
