"""Stand-in for the class that nsys gives its reports, made from how reports use it."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

REPORT = Path(__file__).parents[2] / "recipes" / "stats" / "gpu_energy.py"


class StatsReport:
    """What a report inherits: a read-only database, its tables, arguments, statements."""

    _arg_opts: Sequence[Any] = ()
    statements: Sequence[str] = ()
    query = ""

    def __init__(self, path: Path, words: Sequence[str]) -> None:
        self.dbcon = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        found = self.dbcon.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self._tables = {name for (name,) in found}
        parser = argparse.ArgumentParser()
        for names, how in self._arg_opts:
            parser.add_argument(*(f"--{name}" for name in names), **how)
        for name in ("start", "end"):
            parser.add_argument(f"--{name}", type=int)
        self.parsed_args = parser.parse_args([f"--{word}" for word in words])

    def table_exists(self, table: str) -> bool:
        """Tell whether there is a table."""
        return table in self._tables

    def table_col_exists(self, table: str, column: str) -> bool:
        """Tell whether a table has a column."""
        listed = self.dbcon.execute(f"PRAGMA table_info({table})")
        return column in {row[1] for row in listed}

    def setup(self) -> str | None:
        """Refuse nothing; hide kernels outside the times asked for, as nsys does."""
        table, chosen = "CUPTI_ACTIVITY_KIND_KERNEL", self.parsed_args
        if chosen.start is not None:
            self.dbcon.execute(
                f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table}"  # noqa: S608 - a number
                f' WHERE "end" >= {chosen.start} AND start < {chosen.end}'
            )
        return None

    def get_query(self) -> str:
        """Give the query whose rows are the report."""
        return self.query


def run_report(path: Path, *words: str) -> list[dict[str, Any]]:
    """Run the report on an export.

    Parameters
    ----------
    path : pathlib.Path
    *words : str
        As they follow the name of the report in the shell.

    Returns
    -------
    list of dict
        A row each, by the name of the column.

    Raises
    ------
    LookupError
        With its words, if the report says that it cannot be made.
    """
    base = ModuleType("nsysstats")
    vars(base)["StatsReport"] = StatsReport
    spec = spec_from_file_location("gpu_energy_of_nsys", REPORT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["nsysstats"] = base
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["nsysstats"]
    report = module.GpuEnergy(path, words)
    with closing(report.dbcon):
        if (problem := report.setup()) is not None:
            raise LookupError(problem.format(DBFILE=path.name))
        for statement in report.statements:
            report.dbcon.execute(statement)
        cursor = report.dbcon.execute(report.get_query())
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor]
