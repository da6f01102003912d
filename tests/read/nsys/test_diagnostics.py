"""What the profiler itself complained about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.build import Work, build_export
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path


def test_dropped_events_are_said(tmp_path: Path) -> None:
    raw = {
        "DIAGNOSTIC_EVENT": [
            {"severity": 2, "text": "Some events were dropped."},
            {"severity": 2, "text": "No NVTX events collected."},
            {"severity": 1, "text": "Profiling has started."},
        ]
    }

    trace = read_nsys(build_export(tmp_path / "x.sqlite", kernels=[Work("k", 1, 2)], raw=raw))

    found = {caveat.slug: caveat.n for caveat in trace.caveats}
    assert found["dropped-events"] == 1
    assert "nsys-errors" not in found
