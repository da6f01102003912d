"""Ranges that hold nothing are left out before an analysis; it says the same without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import traceenergy as te
from tests.build import build_trace
from tests.literals import Range, Work
from traceenergy.analysis import AnalysisOptions, placed_run
from traceenergy.analysis.lean import without_idle_ranges
from traceenergy.report import needs_pieces, render_json
from traceenergy.trace.tables import NvtxRanges

if TYPE_CHECKING:
    import pytest

WORK = [Work("k", 100 * i + 10, 100 * i + 50, launch=(100 * i, 100 * i + 5)) for i in range(5)]
RANGES = [
    Range("run", 0, 1000),
    *(Range(f"step {i}", 100 * i, 100 * i + 90) for i in range(5)),
    *(Range(f"operator {i}", 100 * i + 6, 100 * i + 8) for i in range(5)),
    *(Range("operator", 600 + i, 601 + i) for i in range(10)),
    Range("garbage collection", 700, 720),
]
TRACE = build_trace(WORK, ranges=RANGES)


def names(trace: te.Trace) -> list[str]:
    return trace.names.gather(trace.nvtx_ranges["name_id"]).to_list()


def test_ranges_around_work_stay_with_pauses_of_python() -> None:
    lean, held = without_idle_ranges(TRACE, AnalysisOptions())

    assert held.row.tolist() == [0, 1, 2, 3, 4, 5]
    assert names(lean) == ["run", *(f"step {i}" for i in range(5)), "garbage collection"]


def test_ranges_that_a_filter_counts_all_stay() -> None:
    whole, held = without_idle_ranges(TRACE, AnalysisOptions(filter_nvtx="operator/3"))

    assert whole is TRACE
    assert held.row.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_trace_whose_ranges_have_work_is_not_copied() -> None:
    busy = replace(TRACE, nvtx_ranges=NvtxRanges(TRACE.nvtx_ranges.head(6)))

    assert without_idle_ranges(busy, AnalysisOptions())[0] is busy


def test_the_result_is_that_of_the_whole_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    options = AnalysisOptions(time_only=True)
    lean = render_json(te.analyze(TRACE, options))

    monkeypatch.setattr(placed_run, "without_idle_ranges", lambda trace, _: (trace, None))

    assert render_json(te.analyze(TRACE, options)) == lean


def test_the_table_of_pieces_is_made_where_it_is_shown() -> None:
    options = AnalysisOptions(time_only=True)

    with_pieces = te.analyze(TRACE, options)
    without = te.analyze(TRACE, options, pieces=False)

    assert len(with_pieces.work) == len(WORK)
    assert without.work.schema == with_pieces.work.schema
    assert without.work.is_empty()
    assert render_json(without) == render_json(with_pieces)
    assert not needs_pieces(["a.html", "-", "a.json"])
    assert all(needs_pieces(["-", out]) for out in ("a.SQLITE", "a.perfetto.json", "a/"))
