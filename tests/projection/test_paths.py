"""Names of nested ranges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from hypothesis import given, settings

from tests.build import build_trace
from tests.laws.test_projection_laws import spans
from tests.literals import Range
from traceenergy.projection import paths as module
from traceenergy.projection.nesting import nest_ordered, order_ranges
from traceenergy.projection.paths import merge_paths, range_paths

if TYPE_CHECKING:
    import pytest


def paths_of(*ranges: Range | tuple[str, int, int]) -> tuple[pl.DataFrame, list[str]]:
    trace = build_trace(ranges=ranges)
    may_cross = (trace.nvtx_ranges["style"] == "start_end").to_numpy()
    nesting = nest_ordered(order_ranges(trace.nvtx_ranges), may_cross)
    paths, path_id = range_paths(trace.nvtx_ranges, nesting, trace.names)
    return paths, paths["path"].gather(path_id).to_list()


def test_equal_nestings_share_a_path() -> None:
    paths, texts = paths_of(
        ("step", 0, 100),
        ("layer", 10, 20),
        ("layer", 30, 40),
        ("step", 200, 300),
        ("layer", 210, 220),
    )

    assert texts == ["step", "step/layer", "step/layer", "step", "step/layer"]
    assert paths.select("path_id", "parent_path_id", "depth", "path").rows() == [
        (0, None, 0, "step"),
        (1, 0, 1, "step/layer"),
    ]


def test_one_name_at_two_places_makes_two_paths() -> None:
    paths, texts = paths_of(("a", 0, 10), ("b", 2, 4), ("b", 20, 30))

    assert texts == ["a", "a/b", "b"]
    assert paths["path"].to_list() == ["a", "b", "a/b"]
    assert paths["parent_path_id"].to_list() == [None, None, 0]


def test_domains_tell_paths_of_one_text_apart() -> None:
    paths, _ = paths_of(
        ("sum", 0, 10),
        Range("sum", 20, 30, domain=1, domain_name="NCCL"),
        Range("sum", 40, 50, domain=2, domain_name="cub"),
        Range("sum", 60, 70, domain=7, pid=2, domain_name="NCCL"),
    )

    assert paths["path"].to_list() == ["sum", "sum", "sum"]
    assert paths["domain_name_id"].n_unique() == 3
    assert paths["domain_name_id"].null_count() == 1


def test_a_range_without_text_is_shown_as_unnamed() -> None:
    assert paths_of(("", 0, 10), ("x", 2, 4))[1] == ["(unnamed)", "(unnamed)/x"]


def test_no_ranges_make_no_paths() -> None:
    paths, texts = paths_of()

    assert len(paths) == 0
    assert texts == []


def test_a_runaway_recursion_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEEPEST", 2)

    paths, texts = paths_of(*[(f"f{i}", i, 100 - i) for i in range(6)])

    assert texts == ["f0", "f0/f1", "f0/f1", "f0/f1", "f0/f1", "f0/f1"]
    assert paths["path"].to_list() == ["f0", "f0/f1"]


def test_a_range_beside_a_runaway_recursion_keeps_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEEPEST", 1)

    _, texts = paths_of(("a", 0, 10), ("b", 2, 8), ("c", 20, 30), ("d", 22, 28), ("e", 23, 24))

    assert texts == ["a", "a", "c", "c", "c"]


@given(ranges=spans())
@settings(max_examples=25, deadline=None)
def test_a_path_is_that_of_the_parent_with_the_own_name(ranges: list[Range]) -> None:
    ranges = [replace(span, domain=len(span.name) % 2) for span in ranges]
    trace = build_trace(ranges=ranges)
    table = trace.nvtx_ranges
    nesting = nest_ordered(order_ranges(table), (table["style"] == "start_end").to_numpy())

    paths, path_id = range_paths(table, nesting, trace.names)

    parents, ids = nesting["parent_row"].to_list(), path_id.to_list()
    own = list(zip(table["domain_name_id"], table["name_id"], strict=True))
    above = [None if parent is None else ids[parent] for parent in parents]
    text = trace.names.gather(table["name_id"]).to_list()
    for row, one in enumerate(paths.select(pl.all().gather(ids)).to_dicts()):
        assert (one["domain_name_id"], one["name_id"]) == own[row]
        assert (one["parent_path_id"], one["depth"]) == (above[row], nesting["depth"][row])
        outer = "" if above[row] is None else paths["path"][above[row]] + "/"
        assert one["path"] == outer + text[row]
    assert len(set(ids)) == len(set(zip(above, own, strict=True))) == len(paths)


def test_paths_stand_level_by_level_by_parent_domain_and_text() -> None:
    paths, _ = paths_of(
        Range("z", 0, 50, domain=1, domain_name="own"), ("y", 1, 2), ("x", 3, 4),
        ("x", 60, 90), Range("y", 61, 62, domain=1, domain_name="own"), ("y", 70, 71),
    )  # fmt: skip

    # Texts are numbered as they come: z, own, y, x. No domain stands before a domain.
    assert paths["path"].to_list() == ["x", "z", "x/y", "x/y", "z/y", "z/x"]
    assert paths["domain_name_id"].is_null().to_list() == [True, False, True, False, True, True]


def test_names_that_became_the_same_merge_their_paths() -> None:
    steps = [("step 1", 0, 10), ("layer", 1, 2), ("step 2", 20, 30), ("layer", 21, 22)]
    trace = build_trace(ranges=[*steps, ("x", 40, 50)])
    table = trace.nvtx_ranges
    nesting = nest_ordered(order_ranges(table), np.zeros(len(table), dtype=bool))
    paths, path_id = range_paths(table, nesting, trace.names)

    merged, new_id = merge_paths(paths, trace.names.str.replace(r" \d", ""))

    assert merged["path"].to_list() == ["step", "x", "step/layer"]
    assert merged["parent_path_id"].to_list() == [None, None, 0]
    assert new_id.gather(path_id).to_list() == [0, 2, 0, 2, 1]
