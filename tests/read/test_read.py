"""File -> Trace: kinds of input, ranks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import build_export, thread_id
from traceenergy.errors import UsageError
from traceenergy.read import ReadOptions, read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace


def slugs(trace: Trace) -> set[str]:
    return {caveat.slug for caveat in trace.caveats}


def test_one_file_is_rank_0(tmp_path: Path) -> None:
    path = build_export(tmp_path / "rank3.sqlite", kernels=[("k", 1, 2)])

    trace = read_trace(str(path))

    assert trace.gpu_work["rank"].to_list() == [0]
    assert [(origin.name, origin.kind) for origin in trace.origins] == [
        ("rank3.sqlite", "nsys-sqlite")
    ]


def test_power_marks_inside_the_trace_are_read_unless_a_log_is_given(tmp_path: Path) -> None:
    # 300 W by marks of the program; 90 W by the log, at UTC 0.1 s and 0.2 s after trace time 0.
    domain = {"eventType": 75, "start": -9, "domainId": 3, "text": "traceenergy"}
    mark = {"eventType": 34, "domainId": 3, "text": "power", "int64Value": 300_000}
    rows = [domain, {**mark, "start": 10}, {**mark, "start": 99_000_000}]
    raw = {"NVTX_EVENTS": [{**row, "globalTid": thread_id(1, 1)} for row in rows]}
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 0, 300_000_000)], raw=raw)
    log = tmp_path / "smi.csv"
    log.write_text(
        "timestamp, power.draw [W]\n"
        "2023/11/14 22:13:20.100, 90.00 W\n"  # 1,700,000,000 s since 1970 is 22:13:20
        "2023/11/14 22:13:20.200, 90.00 W\n"
    )

    marks = read_trace(path).power_samples
    logged = read_trace(path, power=[log])

    assert marks.select("sample_ns", "power_w").rows() == [(10, 300.0), (99_000_000, 300.0)]
    assert logged.power_samples.select("sample_ns", "power_w").rows() == [
        (100_000_000, 90.0),
        (200_000_000, 90.0),
    ]
    assert [origin.kind for origin in logged.origins] == ["nsys-sqlite", "nvidia-smi"]


def test_unit_that_is_none_is_refused_even_beside_a_log_that_states_its_own(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[("k", 0, 300_000_000)])
    log = tmp_path / "smi.csv"
    log.write_text("timestamp, power.draw [W]\n2023/11/14 22:13:20.100, 90.00 W\n")

    with pytest.raises(UsageError, match="'kW' is no unit of power"):
        read_trace(path, power=[log], options=ReadOptions(power_unit="kW"))
