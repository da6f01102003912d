"""From work of a graph back to where its node was made, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import Node, Range, Work, build_trace, process_id, thread_id
from traceenergy.projection.capture import match_captures
from traceenergy.projection.nesting import order_ranges
from traceenergy.projection.project import Projection, project_work
from traceenergy.trace.tables import GRAPH_NODES, GraphNodes, check_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.trace.model import Trace

# ns     0            100                          200   300          400
# thread warm_up------------------------------------)     step---------)
#             layer_3-)     layer_4-----)                  ^ launch 310
#             ^ 20         ^ 120   ^ attn 130-140
RANGES = (
    Range("warm_up", 0, 200),
    Range("layer_3", 10, 90),
    Range("layer_4", 110, 190),
    Range("attn", 130, 140),
    Range("step", 300, 400),
)


def replayed(node: int, table: str = "KERNEL", **more: int) -> Work:
    return Work("k", 500, 600, launch=(310, 320), node=node, table=table, **more)


def project(
    nodes: Iterable[Node], works: Iterable[Work], ranges: Iterable[Range] = RANGES
) -> tuple[Trace, Projection]:
    trace = build_trace(works, ranges=ranges, nodes=nodes)
    tables = trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names
    return trace, project_work(*tables, trace.graph_nodes)


def captured(nodes: Iterable[Node], *works: Work) -> list[str | None]:
    """Path at capture of each piece of work."""
    _, found = project(nodes, works)
    return found.paths["path"].gather(found.work["capture_path_id"]).to_list()


def doubts(nodes: Iterable[Node], *works: Work) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in project(nodes, works)[1].caveats}


def test_an_executed_node_goes_back_over_its_copies_to_the_captured_call() -> None:
    nodes = (Node(1, 120), Node(7, 195, original=1), Node(11, 250, original=7))
    _, found = project(nodes, [replayed(11)])

    assert captured(nodes, replayed(11)) == ["warm_up/layer_4"]
    assert [RANGES[row].name for row in found.work["capture_row"]] == ["layer_4"]
    assert [RANGES[row].name for row in found.work["range_row"]] == ["step"]
    assert found.caveats == ()


def test_a_node_that_is_no_copy_was_made_where_its_row_says() -> None:
    assert captured([Node(1, 130)], replayed(1)) == ["warm_up/layer_4/attn"]


@pytest.mark.parametrize("table", ["KERNEL", "MEMCPY", "MEMSET"])
def test_copies_and_memsets_have_nodes_too(table: str) -> None:
    assert captured([Node(1, 20), Node(2, 199, 1)], replayed(2, table)) == ["warm_up/layer_3"]


def test_work_that_is_of_no_node_has_no_capture() -> None:
    nodes = [Node(1, 20), Node(2, 199, 1)]
    eager = Work("k", 10, 20)

    assert captured(nodes, eager, replayed(2)) == [None, "warm_up/layer_3"]
    assert doubts(nodes, eager, replayed(2)) == {}


def test_the_same_node_id_in_another_process_or_rank_is_another_node() -> None:
    here = (Node(1, 20), Node(2, 199, 1))
    elsewhere = (Node(2, 120, pid=9), Node(2, 120, rank=1), Node(1, 120, pid=9))

    assert captured((*elsewhere, *here), replayed(2)) == ["warm_up/layer_3"]
    assert captured(elsewhere, replayed(2)) == [None]
    assert doubts(elsewhere, replayed(2)) == {"graph-nodes-unknown": 1}


def test_a_thread_of_its_own_captures_in_its_own_ranges() -> None:
    # Backward passes are captured by another thread, on which the main thread's ranges say nothing.
    nodes = (Node(1, 20, tid=5), Node(2, 199, original=1))

    assert captured(nodes, replayed(2)) == [None]
    assert doubts(nodes, replayed(2)) == {"captured-outside-ranges": 1}


def test_of_several_rows_of_a_node_the_one_that_is_no_copy_counts_then_the_earliest() -> None:
    copy_first = (Node(1, 15, original=9), Node(1, 130), Node(1, 120))

    assert captured(copy_first, replayed(1)) == ["warm_up/layer_4"]
    two_copies = (Node(3, 199, original=2), Node(3, 198, original=1), Node(1, 20), Node(2, 120))
    assert captured(two_copies, replayed(3)) == ["warm_up/layer_3"]


def test_a_copy_whose_original_is_cut_off_is_not_placed_where_it_was_copied() -> None:
    # Copied at 120 within layer_4: instantiation in the lazy first call of a layer says nothing.
    nodes = [Node(2, 120, original=1)]

    assert captured(nodes, replayed(2)) == [None]
    assert doubts(nodes, replayed(2), replayed(2)) == {"graph-nodes-unknown": 2}


def test_a_node_in_no_event_is_counted() -> None:
    assert doubts([Node(1, 20)], replayed(8), replayed(1)) == {"graph-nodes-unknown": 1}
    assert doubts([], replayed(8)) == {"graph-nodes-unknown": 1}


@pytest.mark.parametrize(
    "circle",
    [
        [Node(1, 20, original=1)],
        [Node(1, 20, original=2), Node(2, 20, original=1)],
        [Node(k, 20, original=k % 5 + 1) for k in range(1, 6)],
    ],
)
def test_nodes_in_a_circle_are_counted_and_left_without_a_range(circle: list[Node]) -> None:
    into = [*circle, Node(40, 30, original=1), Node(50, 120), Node(51, 199, original=50)]

    assert captured(into, replayed(40), replayed(1), replayed(51)) == [
        None,
        None,
        "warm_up/layer_4",
    ]
    assert doubts(into, replayed(40), replayed(1), replayed(51)) == {"graph-node-cycle": 2}


def test_of_one_range_alone_it_is_told_that_capture_was_outside() -> None:
    found = project([Node(1, 250)], [replayed(1)], [Range("step", 300, 400)])[1]

    assert {caveat.slug: caveat.n for caveat in found.caveats} == {"captured-outside-ranges": 1}


def test_a_trace_without_ranges_is_not_told_that_capture_has_none() -> None:
    trace, found = project([Node(1, 20)], [replayed(1)], ranges=())

    assert found.work["capture_row"].to_list() == [None]
    assert found.caveats == ()
    assert len(trace.graph_nodes) == 1


def test_a_long_line_of_copies_is_followed_to_its_end() -> None:
    nodes = [Node(1, 20), *(Node(k, 150, original=k - 1) for k in range(2, 1_001))]

    assert captured(nodes, replayed(1_000)) == ["warm_up/layer_3"]


node_rows = st.lists(
    st.builds(
        Node,
        st.integers(1, 6),
        st.integers(0, 210),
        st.none() | st.integers(1, 6),
        pid=st.integers(1, 2),
        rank=st.integers(0, 1),
    ),
    max_size=12,
)


def made_by_definition(nodes: list[Node], work: Work) -> Node | None:
    at, seen = work.node, set[int | None]()
    while at not in seen:
        seen.add(at)
        rows = [n for n in nodes if (n.node, n.pid, n.rank) == (at, work.pid, work.rank)]
        if not rows:
            return None
        row = min(rows, key=lambda n: (n.original is not None, n.made_ns))
        if row.original is None:
            return row
        at = row.original
    return None


@settings(max_examples=150, deadline=None)
@given(
    node_rows,
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 2), st.integers(0, 1)), max_size=5),
)
def test_any_nodes_are_followed_by_the_definition(
    nodes: list[Node], asked: list[tuple[int, int, int]]
) -> None:
    works = [replayed(node, pid=pid, rank=rank) for node, pid, rank in asked]
    ranges = [replace(r, pid=pid, rank=rank) for r in RANGES for pid in (1, 2) for rank in (0, 1)]
    _, found = project(nodes, works, ranges)

    paths = found.paths["path"].gather(found.work["capture_path_id"]).to_list()
    for work, path in zip(works, paths, strict=True):
        made = made_by_definition(nodes, work)
        holding = [r for r in RANGES if made and r.start_ns <= made.made_ns <= (r.end_ns or 0)]
        assert path == ("/".join(r.name for r in holding) or None)


def test_a_million_nodes_are_followed_to_their_first() -> None:
    n = 500_000
    node = np.arange(n, dtype=np.int64)
    made_ns = 1_000 + 10 * node
    columns = {
        "rank": pl.repeat(0, 2 * n, dtype=pl.Int32, eager=True),
        "process_id": pl.repeat(process_id(1), 2 * n, dtype=pl.Int64, eager=True),
        "thread_id": pl.repeat(thread_id(1, 1), 2 * n, dtype=pl.Int64, eager=True),
        "created_ns": np.concatenate((made_ns, made_ns + 10 * n)),
        "graph_node_id": np.concatenate((1 + node + (1 << 32), 1 + node + (2 << 32))),
        "original_node_id": pl.Series([None] * n, dtype=pl.Int64).append(
            pl.Series(1 + node + (1 << 32))
        ),
    }
    nodes = GraphNodes(check_table(pl.DataFrame(columns), GRAPH_NODES, "graph_nodes"))
    trace = build_trace([replayed(1)], ranges=[Range("layer_0", 0, 1_000 + 10 * n - 1)])
    work = trace.gpu_work.sample(n, with_replacement=True).with_columns(
        pl.Series("graph_node_id", 1 + node + (2 << 32))
    )
    ordered = order_ranges(trace.nvtx_ranges)

    found = match_captures(type(trace.gpu_work)(work), nodes, ordered, has_ranges=True)

    assert (found.range_row == 0).all()
