"""Which range encloses which."""

from __future__ import annotations

import numpy as np
import polars as pl

from tests.build import build_trace
from tests.literals import Range
from traceenergy.projection.nesting import nest_ordered, order_ranges
from traceenergy.trace.tables import NvtxRanges


def nested(ranges: NvtxRanges) -> pl.DataFrame:
    return nest_ordered(order_ranges(ranges), (ranges["style"] == "start_end").to_numpy())


def nesting(*ranges: Range | tuple[str, int, int]) -> dict[str, tuple[str | None, int]]:
    """Tell parent and depth by name."""
    spans = [span if isinstance(span, Range) else Range(*span) for span in ranges]
    found = nested(build_trace(ranges=spans).nvtx_ranges)
    return {
        span.name: (None if parent is None else spans[parent].name, depth)
        for span, (parent, depth) in zip(spans, found.rows(), strict=True)
    }


def test_ranges_of_a_thread_nest_over_all_domains_with_both_styles() -> None:
    # a   [-----------------)
    # b     [--------)           start/end
    # c       [----)             domain 1
    # d                 [--)
    assert nesting(
        ("a", 0, 100),
        Range("b", 10, 60, style="start_end"),
        Range("c", 20, 50, domain=1),
        ("d", 70, 90),
    ) == {"a": (None, 0), "b": ("a", 1), "c": ("b", 2), "d": ("a", 1)}


def test_threads_with_ranks_stay_apart() -> None:
    assert nesting(
        ("main", 0, 100),
        Range("worker", 10, 20, tid=2),
        Range("other process", 10, 20, pid=2),
        Range("other rank", 10, 20, rank=1),
    ) == {
        "main": (None, 0),
        "worker": (None, 0),
        "other process": (None, 0),
        "other rank": (None, 0),
    }


def test_the_parent_of_a_crossing_range_is_the_tightest_range_around_all_of_it() -> None:
    # a      [-----------------------)
    # b        [------)
    # cross        [--------)            crosses b: its parent is a
    # in both      [-)                   parent b, of length 30, not cross, of length 40
    # c                  [------)        crosses the end of cross
    assert nesting(
        ("a", 0, 100),
        ("b", 10, 40),
        Range("cross", 20, 60, style="start_end"),
        ("in both", 22, 30),
        ("c", 50, 90),
    ) == {
        "a": (None, 0),
        "b": ("a", 1),
        "cross": ("a", 1),
        "in both": ("b", 2),
        "c": ("a", 1),
    }


def test_stacks_of_two_domains_may_cross() -> None:
    assert nesting(("a", 0, 50), Range("b", 20, 80, domain=1), ("c", 30, 40)) == {
        "a": (None, 0),
        "b": (None, 0),
        "c": ("a", 1),
    }


def test_identical_ranges_form_a_chain_by_row_id() -> None:
    # nsys makes each the parent of the other, which puts both outside its tree.
    assert nesting(("first", 5, 9), ("second", 5, 9), ("third", 5, 9)) == {
        "first": (None, 0),
        "second": ("first", 1),
        "third": ("second", 2),
    }


def test_a_range_of_no_length_belongs_where_it_begins() -> None:
    assert nesting(("left", 0, 10), ("right", 10, 20), ("tick", 10, 10)) == {
        "left": (None, 0),
        "right": (None, 0),
        "tick": ("right", 1),
    }


def test_ranges_that_touch_are_siblings() -> None:
    assert nesting(("all", 0, 20), ("left", 0, 10), ("right", 10, 20)) == {
        "all": (None, 0),
        "left": ("all", 1),
        "right": ("all", 1),
    }


def test_a_range_ended_by_another_thread_nests_on_its_own() -> None:
    # nsys leaves such ranges out.
    assert nesting(("a", 0, 100), Range("r", 10, 20, style="start_end", end_tid=7)) == {
        "a": (None, 0),
        "r": ("a", 1),
    }


def test_depth_does_not_make_it_slow() -> None:
    # 200,000 identical ranges: a walk from each to its root would take 2e10 steps.
    n = 200_000
    one = build_trace(ranges=[("deep", 0, 10)]).nvtx_ranges
    deep = pl.concat([one] * n).with_columns(range_id=pl.Series(np.arange(n)))

    found = nested(NvtxRanges(deep))

    assert np.array_equal(found["depth"], np.arange(n))
    assert np.array_equal(found["parent_row"].fill_null(-1), np.arange(n) - 1)
