"""Power in the trace is the power of the log."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Options(layers=4, steps=2, batch=16, stretch=20.0, gpus=2)


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "trace.sqlite")) as file:
        return file.execute(statement).fetchall()


def logged_mw(folder: Path, index: int, column: int) -> list[int]:
    lines = [line.split(", ") for line in (folder / "power.csv").read_text().splitlines()[1:]]
    return [
        round(float(cells[column].removesuffix(" W")) * 1000)
        for cells in lines
        if cells[1] == str(index)
    ]


def test_marks_carry_milliwatts_of_each_processs_gpu(tmp_path: Path) -> None:
    simulate_run(tmp_path, SMALL)
    simulate_run(tmp_path / "marks", replace(SMALL, power="marks"))

    marks = query(
        tmp_path / "marks",
        "SELECT e.globalTid, e.int64Value FROM NVTX_EVENTS e JOIN StringIds s ON s.id = e.textId "
        "WHERE e.eventType = 34 AND s.value = 'power' AND e.domainId = 1 ORDER BY e.start",
    )
    threads = sorted({tid for tid, _ in marks})
    for index, tid in enumerate(threads):
        # `power.draw.instant`, the sharper field, is column 5 of the log.
        assert [mw for owner, mw in marks if owner == tid] == logged_mw(tmp_path, index, 5)
    assert not (tmp_path / "marks" / "power.csv").exists()
    assert query(
        tmp_path / "marks", "SELECT text, globalTid FROM NVTX_EVENTS WHERE eventType = 75"
    ) == [("traceenergy", tid) for tid in threads]


def test_marks_of_energy_stand_beside_those_of_power(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, gpus=1, power="marks", energy_counter=True))

    marks = query(
        tmp_path,
        "SELECT s.value, e.start, e.int64Value FROM NVTX_EVENTS e JOIN StringIds s"
        " ON s.id = e.textId WHERE e.eventType = 34 ORDER BY e.start",
    )
    energy = [(ns, mj) for text, ns, mj in marks if text == "energy"]
    assert [ns for ns, _ in energy] == [ns for text, ns, _ in marks if text == "power"]
    assert energy == sorted(energy, key=lambda mark: mark[1])
    assert energy[0][1] == 5_000_000_000


def test_plugin_rows_are_json_in_old_schemas(tmp_path: Path) -> None:
    simulate_run(tmp_path, replace(SMALL, schema="3.11.1"))
    simulate_run(tmp_path / "nvml", replace(SMALL, schema="3.11.1", power="nvml"))

    types = [t for (t,) in query(tmp_path / "nvml", "SELECT typeId FROM GENERIC_EVENT_TYPES")]
    for index, type_id in enumerate(types):
        rows = query(
            tmp_path / "nvml",
            f"SELECT data FROM GENERIC_EVENTS WHERE typeId = {type_id} ORDER BY rawTimestamp",  # noqa: S608 - a number
        )
        assert [int(json.loads(data)["Power"]) for (data,) in rows] == logged_mw(tmp_path, index, 4)


def test_plugin_rows_are_normalized_in_new_schemas(tmp_path: Path) -> None:
    simulate_run(tmp_path, SMALL)
    simulate_run(tmp_path / "nvml", replace(SMALL, power="nvml"))

    rows = query(
        tmp_path / "nvml",
        "SELECT e.typeId, d.intVal FROM GENERIC_EVENT_TYPE_FIELDS f "
        "JOIN StringIds s ON s.id = f.fieldNameId AND s.value = 'Power' "
        "JOIN GENERIC_EVENTS e ON e.typeId = f.typeId "
        "JOIN GENERIC_EVENT_DATA d ON d.genericEventId = e.genericEventId "
        "AND d.fieldIdx = f.fieldIdx ORDER BY e.timestamp",
    )
    for index, type_id in enumerate(sorted({t for t, _ in rows})):
        assert [mw for owner, mw in rows if owner == type_id] == logged_mw(tmp_path, index, 4)


@pytest.mark.parametrize("power", ["smi", "nvml"])
def test_metrics_say_the_same_in_both_encodings(power: str, tmp_path: Path) -> None:
    options = replace(SMALL, gpu_metrics=True, power=power, gpus=1)
    simulate_run(tmp_path / "old", replace(options, schema="3.0.0"))
    simulate_run(tmp_path / "new", replace(options, schema="3.7.2"))

    json_rows = [
        (t, int(json.loads(data)["SM Active"]))
        for t, data in query(tmp_path / "old", "SELECT rawTimestamp, data FROM GENERIC_EVENTS")
        if "SM Active" in data
    ]
    columns = query(
        tmp_path / "new",
        "SELECT m.timestamp, m.value FROM GPU_METRICS m JOIN TARGET_INFO_GPU_METRICS t "
        "USING (typeId, metricId) WHERE t.metricName = 'SM Active' ORDER BY 1",
    )
    assert json_rows == columns
    assert max(value for _, value in columns) > 50
