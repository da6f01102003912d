"""The same power series as rows of an export, in each form that releases of nsys write."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.build import thread_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MS = 1_000_000
SOURCE, FIRST = 281487861612544, 281487861612545  # as 2024.2.3 numbered them
SERIES = [(100 * MS, 90_120), (200 * MS, 350_000), (300 * MS, 345_670)]  # mW
EXPECTED = [(100 * MS, 90.12), (200 * MS, 350.0), (300 * MS, 345.67)]  # W
Rows = dict[str, list[dict[str, Any]]]


def json_rows(
    *sources: Sequence[tuple[int, object]],
    power: str = "Power (mW)",
    source_name: str = "GenericCounters",
    temperature: str = "Temperature",
) -> Rows:
    """Write series as 2024.2.3 does: timestamp NULL, numbers as strings, one type per GPU."""
    kind = json.dumps({"Name": "NVML", "Fields": [{"Name": temperature}, {"Name": power}]})
    return {
        "GENERIC_EVENT_SOURCES": [{"sourceId": SOURCE, "data": json.dumps({"Name": source_name})}],
        "GENERIC_EVENT_TYPES": [
            {"typeId": FIRST + i, "sourceId": SOURCE, "data": kind} for i in range(len(sources))
        ],
        "GENERIC_EVENTS": [
            {
                "rawTimestamp": ns,
                "typeId": FIRST + i,
                "data": json.dumps({temperature: "41", power: str(value)}),
            }
            for i, series in enumerate(sources)
            for ns, value in series
        ],
    }


def write_numbers(
    path: Path,
    *sources: Sequence[tuple[int, float]],
    power: str = "Power",
    column: str = "uintVal",
    unused: int | None = None,
    kind: str | None = "Unsigned",
) -> None:
    """Add series as newer releases do: one row per number."""
    values = ["intVal", "uintVal", "floatVal", "doubleVal"]
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE IF EXISTS GENERIC_EVENTS")
        file.execute(
            "CREATE TABLE GENERIC_EVENTS (genericEventId INTEGER PRIMARY KEY,"
            " rawTimestamp INTEGER, timestamp INTEGER, typeId INTEGER, data TEXT)"
        )
        file.execute(
            "CREATE TABLE GENERIC_EVENT_TYPE_FIELDS"
            " (typeId INTEGER, fieldIdx INTEGER, fieldNameId INTEGER, type INTEGER)"
        )
        file.execute(
            "CREATE TABLE GENERIC_EVENT_DATA (genericEventId INTEGER, fieldIdx INTEGER,"
            " intVal INTEGER, uintVal INTEGER, floatVal REAL, doubleVal REAL)"
        )
        if kind is not None:
            file.execute(
                "CREATE TABLE ENUM_NSYS_GENERIC_EVENT_FIELD_TYPE (id INT, name TEXT, label TEXT)"
            )
            file.execute(
                "INSERT INTO ENUM_NSYS_GENERIC_EVENT_FIELD_TYPE VALUES (3, 'X', ?)", (kind,)
            )
        file.execute("INSERT INTO StringIds VALUES (900, ?), (901, 'Power Limit')", (power,))
        event = 0
        for i, series in enumerate(sources):
            file.execute(
                "INSERT INTO GENERIC_EVENT_TYPE_FIELDS VALUES (?, 0, 901, 3), (?, 1, 900, 3)",
                (FIRST + i, FIRST + i),
            )
            for ns, value in series:
                event += 1
                file.execute(
                    "INSERT INTO GENERIC_EVENTS VALUES (?, ?, ?, ?, NULL)",
                    (event, ns, ns, FIRST + i),
                )
                row = [value if name == column else unused for name in values]
                file.execute(
                    "INSERT INTO GENERIC_EVENT_DATA VALUES (?, 0, 700, 700, 700, 700),"
                    " (?, 1, ?, ?, ?, ?)",
                    (event, event, *row),
                )
        file.commit()


def mark_rows(
    *marks: tuple[int, float], text: str = "power", column: str = "int64Value", pid: int = 1
) -> Rows:
    """Write marks as `nvtx.mark(text, domain="traceenergy", payload=mW)` leaves them."""
    of_domain = {"globalTid": thread_id(pid, pid), "domainId": 3}
    domain = {"start": -9, "eventType": 75, "text": "traceenergy", **of_domain}
    rows = [
        {"start": ns, "eventType": 34, "text": text, column: value, **of_domain}
        for ns, value in marks
    ]
    return {"NVTX_EVENTS": [domain, *rows]}


def joined(*parts: Rows) -> Rows:
    whole: Rows = {}
    for part in parts:
        for table, rows in part.items():
            whole.setdefault(table, []).extend(rows)
    return whole
