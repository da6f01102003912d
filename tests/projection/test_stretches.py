"""The tree of ranges does not depend on where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import build_trace
from tests.laws.test_projection_laws import spans
from tests.literals import Range
from traceenergy.projection.nesting import nest_ordered, order_ranges
from traceenergy.projection.paths import range_paths
from traceenergy.projection.stretches import cut_stretches, grow_ranges


@given(ranges=spans(), rows=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_stretches_make_the_tree_of_the_whole(ranges: list[Range], rows: int) -> None:
    trace = build_trace(ranges=ranges)
    ordered = order_ranges(trace.nvtx_ranges)

    found = grow_ranges(trace.nvtx_ranges, ordered, trace.names, rows)

    may_cross = (trace.nvtx_ranges["style"] == "start_end").to_numpy()
    nesting = nest_ordered(ordered, may_cross)
    paths, path_id = range_paths(trace.nvtx_ranges, nesting, trace.names)
    assert found.parent_row.tolist() == nesting["parent_row"].fill_null(-1).to_list()
    assert found.depth.tolist() == nesting["depth"].to_list()
    assert found.path_id.tolist() == path_id.to_list()
    assert found.paths.equals(paths)


@pytest.mark.parametrize(
    ("rows", "bounds"), [(1, [0, 3, 4, 6]), (3, [0, 3, 6]), (4, [0, 4, 6]), (5, [0, 6])]
)
def test_a_cut_is_where_no_range_is_open(rows: int, bounds: list[int]) -> None:
    # a   [-----------)                       a reaches over b's end up to c
    # b   [--)   c [--)
    # d                 [---)
    # e                       [------)
    # tick                           |        stands where e ends: e is left open there
    spans_ns = [("a", 0, 50), ("b", 0, 10), ("c", 40, 50), ("d", 60, 70)]
    spans_ns += [("e", 80, 90), ("tick", 90, 90)]

    ordered = order_ranges(build_trace(ranges=spans_ns).nvtx_ranges)

    assert cut_stretches(ordered, rows) == bounds


def test_two_threads_are_two_stretches() -> None:
    ranges = [("a", 0, 50), Range("b", 10, 20, tid=2), ("c", 60, 70)]

    assert cut_stretches(order_ranges(build_trace(ranges=ranges).nvtx_ranges), 1) == [0, 1, 2, 3]


def test_no_ranges_are_one_empty_stretch() -> None:
    assert cut_stretches(order_ranges(build_trace().nvtx_ranges), 1) == [0, 0]
