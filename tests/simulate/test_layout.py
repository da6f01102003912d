"""Layouts differ by version as real exports do."""

from __future__ import annotations

import pytest

from traceenergy.simulate.layout import KERNEL, MEMCPY, PRODUCTS, layout_of


@pytest.mark.parametrize(
    ("schema", "table", "column", "there"),
    [
        ("3.0.0", KERNEL, "greenContextId", False),
        ("3.7.2", KERNEL, "greenContextId", True),
        ("3.11.1", KERNEL, "clusterX", False),
        ("3.25.0", KERNEL, "clusterX", True),
        ("3.25.0", MEMCPY, "copyCount", True),
        ("3.7.2", "CUDA_GRAPH_EVENTS", "graphNodeId", True),
        ("3.11.1", "CUDA_GRAPH_EVENTS", "graphNodeId", False),
        ("3.25.0", "NVTX_EVENTS", "binaryData", True),
    ],
)
def test_columns_come_and_go(schema: str, table: str, column: str, *, there: bool) -> None:
    assert (column in layout_of(schema).columns(table)) is there


@pytest.mark.parametrize(
    ("table", "schemas"),
    [
        ("EXPORT_META_DATA", {"3.0.0"}),
        ("META_DATA_EXPORT", {"3.7.2", "3.11.1", "3.25.0"}),
        ("CUDA_GRAPH_NODE_EVENTS", {"3.11.1", "3.25.0"}),
        ("TARGET_INFO_CUDA_DEVICE", {"3.25.0"}),
        ("GPU_METRICS", {"3.7.2", "3.11.1", "3.25.0"}),
    ],
)
def test_tables_come_and_go(table: str, schemas: set[str]) -> None:
    assert {schema for schema in PRODUCTS if layout_of(schema).has(table)} == schemas


def test_declarations_are_sql() -> None:
    columns = layout_of("3.25.0").columns("StringIds")

    assert columns == {"id": "INTEGER NOT NULL PRIMARY KEY", "value": "TEXT NOT NULL"}
