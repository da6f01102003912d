"""Work of CUDA graphs in an analysis: of nodes by capture, of whole graphs by launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build import Node, Range, Work, build_trace
from traceenergy import AnalysisOptions, analyze, read_trace
from traceenergy.report.html_report import render_html
from traceenergy.report.markdown_report import render_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.analysis import Analysis
    from traceenergy.trace.model import Trace

MS = 1_000_000
W300 = [(t * MS, 300.0) for t in range(-500, 2500, 50)]
IDLE_100_W = AnalysisOptions(idle_power_w=100.0)


def replayed(node: int, at: int, launch: int) -> Work:
    call = (launch * MS, launch * MS + 1000)
    return Work("k", at * MS, (at + 50) * MS, launch=call, node=node)


def two_replays() -> Trace:
    # ms       0          100         200   300            500
    # capture  warm_up----------------)
    #          layer_0----)layer_1----)
    # nodes        1  2       3            copies 11 12 13
    # steps                               step 0---)     step 1---)
    # GPU                                 11 12 13 eager 11 12 13
    steps = [
        work
        for at in (300, 600)
        for work in (
            replayed(11, at, at), replayed(12, at + 50, at), replayed(13, at + 100, at),
            Work("eager", (at + 150) * MS, (at + 170) * MS),
        )
    ]  # fmt: skip
    made = [Node(node, at * MS) for node, at in ((1, 10), (2, 20), (3, 150))]
    copies = [Node(node.node + 10, 250 * MS, node.node) for node in made]
    return build_trace(
        steps,
        ranges=[
            Range("warm_up", 0, 200 * MS),
            Range("layer_0", 0, 100 * MS),
            Range("layer_1", 100 * MS, 200 * MS),
            Range("step 0", 290 * MS, 550 * MS),
            Range("step 1", 590 * MS, 850 * MS),
        ],
        power=W300,
        nodes=[*made, *copies],
    )


def rows(result: Analysis, table: str, *columns: str) -> list[tuple[object, ...]]:
    return getattr(result, table).select(columns).rows()


def test_layers_are_those_of_capture_and_steps_those_of_launch() -> None:
    result = analyze(two_replays(), IDLE_100_W)

    assert result.work["layer"].to_list() == [0, 0, 1, None] * 2
    assert result.work["step"].to_list() == [0] * 4 + [1] * 4
    in_graph = ["warm_up/layer_0", "warm_up/layer_0", "warm_up/layer_1", None]
    assert result.work["capture_range"].to_list() == in_graph * 2
    assert result.work["range"].to_list() == ["step 0"] * 4 + ["step 1"] * 4
    assert rows(result, "layers", "layer", "n_kernels") == [(0, 4), (1, 2), (None, 2)]


def test_both_tables_of_ranges_count_each_piece_of_work_once() -> None:
    result = analyze(two_replays(), IDLE_100_W)

    by_capture = dict(rows(result, "capture_ranges", "name", "n_kernels"))
    assert by_capture == {"warm_up": 0, "warm_up/layer_0": 4, "warm_up/layer_1": 2}
    assert dict(rows(result, "ranges", "name", "n_kernels")) == {"step *": 8}
    # A graph was captured once, however often it was replayed.
    assert result.capture_ranges["n_instances"].to_list() == [1, 1, 1]
    of_graph = result.work.drop_nulls("capture_range")["energy_j"].sum()
    assert result.capture_ranges["energy_j"].sum() == pytest.approx(of_graph)
    assert result.capture_ranges["inclusive_energy_j"].max() == pytest.approx(of_graph)
    assert result.ranges["energy_j"].sum() == pytest.approx(result.energy.kernel_j)


def test_the_page_shows_where_work_was_captured_only_if_any_was() -> None:
    page = render_html(analyze(two_replays(), IDLE_100_W))
    eager = build_trace([Work("k", 0, 99 * MS)], ranges=[Range("step 0", 0, 9)], power=W300)

    assert "warm_up/layer_1" in page
    assert page.count('id="capture-range-table"') == 1
    assert 'id="capture-range-table"' not in render_html(analyze(eager, IDLE_100_W))


def whole_graphs() -> Trace:
    # One short kernel, then graphs of which nothing but their run is known.
    graphs = [
        Work("[CUDA graph 1]", at * MS, (at + 200) * MS, table="GRAPH", launch=(at * MS, at * MS))
        for at in (100, 300)
    ]
    return build_trace(
        [Work("k", 0, 10 * MS), *graphs],
        ranges=[Range("step 0", 95 * MS, 105 * MS), Range("step 1", 295 * MS, 305 * MS)],
        power=W300,
    )


def test_a_whole_graph_is_one_piece_of_work_of_its_launch_range() -> None:
    result = analyze(whole_graphs(), IDLE_100_W)

    assert result.work["range"].to_list() == [None, "step 0", "step 1"]
    assert result.work["table"].to_list() == ["KERNEL", "GRAPH", "GRAPH"]
    assert result.steps.drop_nulls("step")["n_kernels"].to_list() == [1, 1]
    # 400 of 410 ms of work at 300 W
    assert dict(rows(result, "ranges", "name", "energy_j"))["step *"] == pytest.approx(120.0)


def test_a_gpu_that_runs_whole_graphs_is_not_idle() -> None:
    result = analyze(whole_graphs(), IDLE_100_W)

    assert result.devices["busy_share"].to_list() == pytest.approx([410 / 500])
    # Idle are 90 of 500 ms: 50 ms around a sample with no work beside it at 300 W, 40 at 100 W.
    assert result.energy.idle_gap_j == pytest.approx(19.0)


def test_a_real_trace_of_whole_graphs_says_so_everywhere(shared_traces: Path) -> None:
    trace = read_trace(shared_traces / "rtx3060_graph.sqlite")

    result = analyze(trace, AnalysisOptions(time_only=True))

    graphs = result.work.filter(result.work["table"] == "GRAPH")
    assert (graphs["end_ns"] - graphs["start_ns"]).to_list() == [1_728, 1_376]
    (caveat,) = (c for c in result.caveats if c.slug == "graphs-as-blocks")
    # 3,104 of 7,808 ns
    assert caveat.n == 2
    assert "39.8% of the GPU time" in caveat.text
    assert "graphs-as-blocks" in render_markdown(result)
    page = render_html(result)
    assert "graphs-as-blocks" in page
    assert "[CUDA graph 1]" in page
