"""Repeats an export in time, as often as wanted, with its power log or one that is made up."""

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
PERIOD_NS = SAMPLE_MS * 10**6
STAMP = "%Y/%m/%d %H:%M:%S.%f"
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
        if (table.startswith("CUPTI_") or table in {"NVTX_EVENTS", "GPU_METRICS"})
        and ("start" in columns or "timestamp" in columns)
    }


def repeat(trace: Path, out: Path, times: int) -> tuple[int, int]:
    """Write an export whose events come that many times in a row; give its begin, the turn [ns]."""
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
        # Whole periods of a sensor, so that its updates stay in step from turn to turn.
        span_ns = -(-(last - first + 1_000_000) // PERIOD_NS) * PERIOD_NS
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
    return int(first), int(span_ns)


def begin_of(trace: Path) -> dt.datetime:
    """Read when a recording began, on the clock of its machine."""
    with closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        columns = columns_of(database, "TARGET_INFO_SESSION_START_TIME")
        row = database.execute("SELECT * FROM TARGET_INFO_SESSION_START_TIME").fetchone()
    told = dict(zip(columns, row, strict=True))
    utc = dt.datetime.fromtimestamp(told["utcEpochNs"] / 10**9, dt.UTC).replace(tzinfo=None)
    if not told.get("localTime"):
        return utc
    local, whole = (dt.datetime.fromisoformat(told[name]) for name in ("localTime", "utcTime"))
    return utc + (local - whole)


def repeat_log(log: Path, out: Path, begin: dt.datetime, turn: dt.timedelta, times: int) -> None:
    """Write a log of `nvidia-smi` whose rows of one turn come that many times in a row."""
    with log.open(newline="") as file:
        head, *rows = list(csv.reader(file))
    at = [dt.datetime.strptime(row[0], STAMP) for row in rows]  # noqa: DTZ007 - as in the log
    with out.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(head)
        for n in range(times):
            for time, row in zip(at, rows, strict=True):
                # What comes before the first turn and after the last one stays.
                if (n == 0 or time >= begin) and (n == times - 1 or time < begin + turn):
                    lines.writerow([f"{time + n * turn:{STAMP}}"[:-3], *row[1:]])


def write_log(log: Path, begin: dt.datetime, length_ns: int) -> None:
    """Write a power log of all that time; its watts are made up, for timing alone."""
    chance = random.Random(0)  # noqa: S311 - watts, not secrets
    with log.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", " index", " power.draw [W]"])
        for i in range(length_ns // (SAMPLE_MS * 10**6) + 20):
            at = begin + dt.timedelta(milliseconds=SAMPLE_MS * (i - 10))
            for gpu in (0, 1):
                watts = chance.uniform(IDLE_W, BUSY_W)
                rows.writerow([f"{at:{STAMP}}"[:-3], f" {gpu}", f" {watts:.2f} W"])


def repeat_run(trace: Path, folder: Path, times: int) -> None:
    """Write an export that repeats another, with its power log or one that is made up."""
    folder.mkdir(parents=True, exist_ok=True)
    first_ns, turn_ns = repeat(trace, folder / "trace.sqlite", times)
    begin, log = begin_of(trace), trace.with_name("power.csv")
    if log.exists():
        first = begin + dt.timedelta(microseconds=first_ns // 1000)
        turn = dt.timedelta(microseconds=turn_ns // 1000)
        repeat_log(log, folder / "power.csv", first, turn, times)
    else:
        write_log(folder / "power.csv", begin, first_ns + times * turn_ns)


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
