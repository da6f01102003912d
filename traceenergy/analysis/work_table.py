"""The result table with one row per piece of GPU work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.model import WORK_ROW
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.range_table import RangeTree
    from traceenergy.analysis.tables import Labels


def work_rows(ledger: Ledger, labels: Labels, tree: RangeTree, names: pl.Series) -> pl.DataFrame:
    """List every piece of GPU work with what it belongs to and what it cost (`WORK_ROW`)."""
    work = ledger.work
    frame = work.select(
        "rank", "device_id", "stream_id", "table", "trace_row", "start_ns", "end_ns"
    ).with_columns(
        names.gather(work["name_id"]).alias("kernel"),
        labels.phase.alias("phase"),
        labels.subphase.alias("subphase"),
        labels.layer.alias("layer"),
        pl.Series("step", labels.step).set(pl.Series(labels.step < 0), None),
        _texts(tree, tree.path_of_work).alias("range"),
        _texts(tree, tree.capture_path_of_work).alias("capture_range"),
        pl.Series("energy_j", ledger.energy_j, nan_to_null=True),
        pl.Series("static_j", ledger.static_j, nan_to_null=True),
        pl.Series("dynamic_j", ledger.dynamic_j, nan_to_null=True),
        pl.lit(None if ledger.path_ns is None else pl.Series(ledger.path_ns > 0)).alias(
            "on_critical_path"
        ),
        pl.lit(None if ledger.slack_ns is None else pl.Series(ledger.slack_ns)).alias("slack_ns"),
    )
    return frame.select(pl.col(column.name).cast(column.dtype) for column in WORK_ROW)


def no_work_rows(*_: object) -> pl.DataFrame:
    """Give that table without rows."""
    return empty_table(WORK_ROW)


def _texts(tree: RangeTree, path: NDArray[np.int64]) -> pl.Series:
    return tree.paths["path"].gather(pl.Series(path).set(pl.Series(path < 0), None))
