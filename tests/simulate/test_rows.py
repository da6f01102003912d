"""Rows of CUDA work tie to their launches."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from traceenergy.simulate.options import SCHEMAS, Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

PID_BITS = -16777216  # all but the low 24 bits of a globalTid


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_piece_of_work_has_one_launch_before_it(
    schema: str, tmp_path: Path, *, graphs: bool
) -> None:
    simulate_run(tmp_path, Options(layers=4, steps=2, gpus=2, schema=schema, cuda_graphs=graphs))

    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
        file.execute("CREATE TEMP TABLE call AS SELECT * FROM CUPTI_ACTIVITY_KIND_RUNTIME")
        file.execute("CREATE INDEX temp.by_id ON call (correlationId)")
        for table in ("KERNEL", "MEMCPY", "MEMSET"):
            n_rows, n_joined, n_late = file.execute(
                f"SELECT (SELECT count(*) FROM CUPTI_ACTIVITY_KIND_{table}), count(*), "  # noqa: S608 - constants
                f"sum(k.start < r.end) FROM CUPTI_ACTIVITY_KIND_{table} k JOIN call r ON "
                "r.correlationId = k.correlationId AND "
                f"k.globalPid = (r.globalTid & {PID_BITS})"
            ).fetchone()
            assert (n_joined, n_late) == (n_rows, 0)


@pytest.mark.parametrize(
    ("schema", "table"),
    [("3.7.2", "CUDA_GRAPH_EVENTS"), ("3.11.1", "CUDA_GRAPH_NODE_EVENTS")],
)
def test_kernels_of_a_graph_lead_to_a_creation(schema: str, table: str, tmp_path: Path) -> None:
    simulate_run(tmp_path, Options(layers=4, steps=2, schema=schema, cuda_graphs=True))

    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
        n_nodes, n_found = file.execute(
            "SELECT count(*), sum(created.graphNodeId IS NOT NULL) "  # noqa: S608 - constants
            "FROM CUPTI_ACTIVITY_KIND_KERNEL k "
            f"JOIN {table} clone ON clone.graphNodeId = k.graphNodeId "
            f"LEFT JOIN {table} created ON created.graphNodeId = clone.originalGraphNodeId "
            "AND created.originalGraphNodeId IS NULL"
        ).fetchone()
        (n_graph_kernels,) = file.execute(
            "SELECT count(graphNodeId) FROM CUPTI_ACTIVITY_KIND_KERNEL"
        ).fetchone()
    assert n_nodes == n_found == n_graph_kernels > 0


def test_copies_within_a_graph_are_nodes_too(tmp_path: Path) -> None:
    options = Options(
        model="llama", layers=2, steps=5, scenario="varying", batch=24, cuda_graphs=True,
        graph_trace="node",
    )  # fmt: skip
    simulate_run(tmp_path, options)

    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as file:
        for table in ("KERNEL", "MEMCPY", "MEMSET"):
            n_steps, n_nodes = file.execute(
                "SELECT count(DISTINCT correlationId), count(created.graphNodeId) "  # noqa: S608 - constants
                f"FROM CUPTI_ACTIVITY_KIND_{table} k "
                "JOIN CUDA_GRAPH_NODE_EVENTS clone ON clone.graphNodeId = k.graphNodeId "
                "JOIN CUDA_GRAPH_NODE_EVENTS created "
                "ON created.graphNodeId = clone.originalGraphNodeId"
            ).fetchone()
            assert n_steps == 5
            assert n_nodes % 5 == 0
            assert n_nodes > 0
        kinds = file.execute(
            "SELECT DISTINCT copyKind, srcKind, dstKind FROM CUPTI_ACTIVITY_KIND_MEMCPY ORDER BY 1"
        ).fetchall()
    assert kinds == [(1, 1, 2), (2, 2, 1), (8, 2, 2)]
