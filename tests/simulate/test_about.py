"""The tables on the recording say what a reader needs, nothing private."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from traceenergy.simulate.about import about_tables
from traceenergy.simulate.export import Strings
from traceenergy.simulate.host import make_host
from traceenergy.simulate.layout import PRODUCTS, layout_of
from traceenergy.simulate.target import BOARDS


@pytest.mark.parametrize("schema", PRODUCTS)
def test_metadata_is_under_the_name_of_its_version(schema: str) -> None:
    host = make_host(2, np.random.default_rng(1))
    tables = about_tables(
        schema, BOARDS["h100"], host, Strings(), duration_ns=10**9, timezone_offset_h=-7.0
    )
    layout = layout_of(schema)

    metadata = tables["EXPORT_META_DATA" if schema == "3.0.0" else "META_DATA_EXPORT"]
    values = dict(pl.DataFrame(metadata).select("name", "value").iter_rows())
    assert values["EXPORT_SCHEMA_VERSION"] == schema
    assert values["EXPORT_SIMULATED_BY"] == "traceenergy simulate"
    assert not {"EXPORT_HOST", "EXPORT_USER"} & values.keys()
    for name, rows in tables.items():
        assert (
            not layout.has(name)
            or name == "TARGET_INFO_SESSION_START_TIME"
            or (rows.keys() <= layout.columns(name).keys() | {"uuid", "numMultiprocessors"})
        )
