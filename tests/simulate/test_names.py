"""Kernels get the names that a library would give them."""

from __future__ import annotations

import numpy as np
import polars as pl

from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.names import choose_names, list_names
from traceenergy.simulate.options import Options
from traceenergy.simulate.template import CLASS_KEYS

QKV, ROPE = CLASS_KEYS.index("llama_qkv"), CLASS_KEYS.index("llama_rope")


def test_the_last_variant_that_is_reached_counts() -> None:
    names = list_names(np.array([QKV, ROPE]))
    tokens = np.array([1, 16, 17, 64, 65, 512, 513, 9999])

    chosen = names["full"].gather(choose_names(names, np.full(8, QKV), tokens)).to_list()

    kernel = CATALOG["llama_qkv"]
    steps = [kernel.full, *(full for _, full, _ in kernel.variants)]
    assert chosen == [steps[i] for i in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_a_class_without_variants_keeps_its_name() -> None:
    names = list_names(np.array([QKV, ROPE]))

    chosen = choose_names(names, np.array([ROPE, QKV, ROPE]), np.array([1, 1, 10**6]))

    assert names["class_id"].gather(chosen).to_list() == [ROPE, QKV, ROPE]
    assert chosen[0] == chosen[2]


def test_names_change_with_the_batch_but_never_within_a_graph() -> None:
    options = Options(
        model="llama", scenario="varying", batch=20, layers=2, steps=40, cuda_graphs=True,
        graph_trace="node",
    )  # fmt: skip

    timeline = run_in_memory(options).timeline

    assert timeline.graphs is not None
    nodes = timeline.work.filter(pl.col("slot") >= 4).with_columns(
        exec=timeline.graphs.execs(pl.col("step"))
    )
    assert nodes.group_by("exec", "slot").agg(pl.col("name").n_unique())["name"].max() == 1
    assert nodes.group_by("slot").agg(pl.col("name").n_unique())["name"].max() == 2
