"""Ranges cut where none is open, each stretch for itself."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.build import build_trace
from tests.literals import Range
from traceenergy.projection.nesting import nest_ordered, order_ranges
from traceenergy.projection.paths import range_paths
from traceenergy.projection.stretches import cut_stretches, grow_ranges, nesting_frame


def cuts(*spans: tuple[int, int], rows: int = 1) -> list[int]:
    ranges = [Range("r", begin, end) for begin, end in spans]
    return cut_stretches(order_ranges(build_trace(ranges=ranges).nvtx_ranges), rows)


def test_ranges_are_cut_where_none_is_open() -> None:
    assert cuts((0, 10), (2, 5), (11, 20), (15, 30), (25, 40), (41, 42)) == [0, 2, 5, 6]


def test_a_range_that_ends_where_the_next_begins_stays_with_it() -> None:
    assert cuts((0, 10), (10, 20), (30, 40)) == [0, 2, 3]


def test_a_range_of_no_length_counts_as_one_nanosecond() -> None:
    assert cuts((0, 10), (10, 10), (11, 12)) == [0, 3]


def test_a_stretch_has_at_least_so_many_ranges() -> None:
    spans = [(10 * i, 10 * i + 5) for i in range(7)]
    assert cuts(*spans, rows=3) == [0, 3, 6, 7]
    assert cuts(*spans, rows=7) == [0, 7]


def test_no_range_is_one_stretch_of_none() -> None:
    assert cuts() == [0, 0]


def test_paths_of_stretches_are_one_list() -> None:
    texts = [("step", 0, 9), ("b", 1, 2), ("step", 20, 29), ("a", 21, 22), ("b", 23, 24)]
    trace = build_trace(ranges=[Range(*text) for text in texts])

    tree = grow_ranges(trace.nvtx_ranges, order_ranges(trace.nvtx_ranges), trace.names, rows=1)

    path = tree.paths["path"].gather(tree.path_id)
    assert path.to_list() == ["step", "step/b", "step", "step/a", "step/b"]
    assert tree.paths["path"].n_unique() == len(tree.paths)
    assert tree.parent_row.tolist() == [-1, 0, -1, 2, 2]


@st.composite
def ranges_apart(draw: st.DrawFn) -> list[Range]:
    """Draw ranges on two threads, in bursts with pauses between them, in any order."""
    ranges = []
    for burst in range(draw(st.integers(0, 4))):
        spans = st.tuples(
            st.sampled_from("abc"), st.integers(0, 12), st.integers(0, 6), st.integers(1, 2),
            st.sampled_from([None, "torch"]), st.sampled_from(["push_pop", "start_end"]),
        )  # fmt: skip
        for name, begin, length, tid, domain, style in draw(st.lists(spans, max_size=8)):
            begin_ns = 30 * burst + begin
            ranges.append(
                Range(name, begin_ns, begin_ns + length, tid=tid, style=style,
                      domain=0 if domain is None else 1, domain_name=domain)
            )  # fmt: skip
    return draw(st.permutations(ranges))


@given(ranges=ranges_apart(), rows=st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_stretches_give_the_tree_of_the_whole(ranges: list[Range], rows: int) -> None:
    trace = build_trace(ranges=ranges)
    ordered = order_ranges(trace.nvtx_ranges)
    may_cross = (trace.nvtx_ranges["style"] == "start_end").to_numpy()
    nesting = nest_ordered(ordered, may_cross)
    paths, path_id = range_paths(trace.nvtx_ranges, nesting, trace.names)

    tree = grow_ranges(trace.nvtx_ranges, ordered, trace.names, rows)

    assert_frame_equal(nesting_frame(tree), nesting)
    assert_frame_equal(tree.paths, paths)
    assert np.array_equal(tree.path_id, path_id.cast(pl.Int64).to_numpy())
