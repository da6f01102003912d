"""What an export has, whichever release wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.build import Range, Work, build_export
from traceenergy.read.nsys import read_nsys
from traceenergy.read.nsys.database import Database
from traceenergy.read.nsys.schema import read_layout

if TYPE_CHECKING:
    from pathlib import Path

SHIFT_NS, DURATION_NS = 10_000, 1_000


@pytest.mark.parametrize(
    ("table", "first_ns", "last_ns", "shift_ns"),
    [
        ("NVTX_EVENTS", 10_100, 10_900, SHIFT_NS),
        ("NVTX_EVENTS", 100, 900, 0),  # a release that left this table alone
        ("GPU_METRICS", -60, 900, 0),
        ("GPU_METRICS", 9_940, 10_900, SHIFT_NS),  # a release that shifts metrics as well
        ("NVTX_EVENTS", 5_000, 6_000, SHIFT_NS),  # fits neither: the habit decides
        ("GPU_METRICS", 5_000, 6_000, 0),
        ("GPU_METRICS", None, None, 0),
    ],
)
def test_times_decide_what_was_shifted(
    tmp_path: Path, table: str, first_ns: int | None, last_ns: int | None, shift_ns: int
) -> None:
    path = build_export(tmp_path / "x.sqlite", time_shift_ns=SHIFT_NS, duration_ns=DURATION_NS)
    with Database(path) as database:
        layout, _ = read_layout(database)

    assert layout.shift_ns(table, first_ns, last_ns) == shift_ns


def test_without_a_duration_the_habit_decides(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", time_shift_ns=SHIFT_NS)
    with Database(path) as database:
        layout, _ = read_layout(database)
    layout = replace(layout, duration_ns=None)

    assert layout.shift_ns("NVTX_EVENTS", 100, 900) == SHIFT_NS
    assert layout.shift_ns("GENERIC_EVENTS", 100, 900) == 0


@pytest.mark.parametrize("kind", [{"time_shift_ns": 12_345_678_901_234}, {"normalize": True}])
def test_shifted_exports_give_the_same_trace(tmp_path: Path, kind: dict[str, int]) -> None:
    contents = {
        "kernels": [("k", -10, 20), Work("c", 30, 40, table="MEMCPY")],
        "ranges": [("open", -20, None), Range("whole", 0, 1_000_000_000)],
        "metrics": [(-50, "SM Active", 3), (60, "SM Active", 4)],
    }

    plain = read_nsys(build_export(tmp_path / "a.sqlite", **contents))
    shifted = read_nsys(build_export(tmp_path / "b.sqlite", **contents, **kind))

    for table in ("gpu_work", "launches", "nvtx_ranges", "gpu_metrics", "devices"):
        assert getattr(shifted, table).equals(getattr(plain, table)), table
    assert shifted.clock == plain.clock
    assert plain.gpu_metrics["sample_ns"].to_list() == [-50, 60]
