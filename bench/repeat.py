"""Repeats a recorded export in time, as often as wanted, with a made-up power log."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

# Columns that shift from one repeat to the next: in time, in ids of calls.
TIMES = ("start", "end", "timestamp")
IDS = ("correlationId", "eventSyncId")
BEGUN = ("CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_MEMCPY")
SAMPLE_MS = 100
IDLE_W, BUSY_W = 120.0, 480.0


def columns_of(database: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table."""
    return [row[1] for row in database.execute(f"PRAGMA table_info('{table}')")]


def events_of(database: sqlite3.Connection) -> dict[str, list[str]]:
    """Find the tables whose rows have a time, with their columns."""
    tables = [
        name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    found = {table: columns_of(database, table) for table in tables}
    return {
        table: columns
        for table, columns in found.items()
        if (table.startswith("CUPTI_") or table == "NVTX_EVENTS")
        and ("start" in columns or "timestamp" in columns)
    }


def repeat(trace: Path, out: Path, times: int) -> int:
    """Write an export whose events come that many times in a row; give its length [ns]."""
    shutil.copy(trace, out)
    out.chmod(0o644)
    with closing(sqlite3.connect(out)) as database:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
        events = events_of(database)
        first, last = database.execute(
            "SELECT min(a), max(b) FROM ("
            + " UNION ALL ".join(f"SELECT min(start) a, max(end) b FROM {one}" for one in BEGUN)
            + ")"
        ).fetchone()
        span_ns = last - first + 1_000_000
        n_ids = 1 + max(
            database.execute(f"SELECT max(correlationId) FROM {table}").fetchone()[0] or 0
            for table, columns in events.items()
            if "correlationId" in columns
        )
        database.execute("CREATE TEMP TABLE turns AS SELECT value AS turn FROM json_each(?)",
                         (str(list(range(1, times))),))  # fmt: skip
        for table, columns in events.items():
            shifted = ", ".join(
                f"t.{name} + turn * {span_ns}" if name in TIMES
                else f"t.{name} + turn * {n_ids}" if name in IDS
                else f't."{name}"'
                for name in columns
            )  # fmt: skip
            # What is named before the recording, such as domains, is said once.
            told = "t.start >= 0" if "start" in columns else "t.timestamp >= 0"
            database.execute(f"CREATE TEMP TABLE once AS SELECT * FROM {table}")
            database.execute(
                f"INSERT INTO {table} SELECT {shifted} FROM temp.turns CROSS JOIN once t"
                f" WHERE {told} ORDER BY turn, t.rowid"
            )
            database.execute("DROP TABLE temp.once")
        database.commit()
        counts = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                  for table in events}  # fmt: skip
    for table, n in sorted(counts.items()):
        print(f"{table:<40} {n:>12,}")
    return int(first + times * span_ns)


def write_log(trace: Path, log: Path, length_ns: int) -> None:
    """Write a power log of all that time; its watts are made up, for timing alone."""
    with closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        (utc_ns,) = database.execute(
            "SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME"
        ).fetchone()
    chance = random.Random(0)  # noqa: S311 - watts, not secrets
    begin = dt.datetime.fromtimestamp(utc_ns // 10**9, dt.UTC)
    with log.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", " index", " power.draw [W]"])
        for i in range(length_ns // (SAMPLE_MS * 10**6) + 20):
            at = begin + dt.timedelta(milliseconds=SAMPLE_MS * (i - 10))
            for gpu in (0, 1):
                watts = chance.uniform(IDLE_W, BUSY_W)
                rows.writerow([f"{at:%Y/%m/%d %H:%M:%S.%f}"[:-3], f" {gpu}", f" {watts:.2f} W"])


def repeat_run(trace: Path, folder: Path, times: int) -> None:
    """Write an export that repeats another, with a power log, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    length_ns = repeat(trace, folder / "trace.sqlite", times)
    write_log(trace, folder / "power.csv", length_ns)


def main() -> None:
    """Repeat an export as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("out", type=Path, help="folder; trace.sqlite and power.csv are put there")
    parser.add_argument("--times", type=int, default=291)
    words = parser.parse_args()
    repeat_run(words.trace, words.out, words.times)


if __name__ == "__main__":
    main()
