"""What the critical path is made of during each step, who holds it, how often it changes hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.path_columns import STEP_KIND_PATH, STEP_PATH
from traceenergy.critical_path.model import NONE, PartKind
from traceenergy.critical_path.parts import KIND_NAMES, handovers_within, held_within
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]


def with_step_paths(steps: pl.DataFrame, critical: Critical, ledger: Ledger) -> pl.DataFrame:
    """Add to steps what the path of the window is made of between their start and their end.

    Parameters
    ----------
    steps : polars.DataFrame
        `step`, `start_ns`, `end_ns` of steps within the window, which may overlap.
    critical : Critical
    ledger : Ledger

    Returns
    -------
    polars.DataFrame
        With the columns of `STEP_PATH`; null for work in no step.
    """
    start_ns, end_ns = steps["start_ns"].to_numpy(), steps["end_ns"].to_numpy()
    path = critical.path
    n_kinds, n_devices = len(KIND_NAMES), len(ledger.devices)
    is_work = np.flatnonzero(path.kind == PartKind.WORK)
    held_by = 2 * ledger.device.astype(np.int32) + critical.unmatched
    code = path.kind.astype(np.int32)
    code[is_work] = n_kinds + held_by[path.piece[is_work]]
    holder = np.where(code >= n_kinds, (code - n_kinds) // 2, NONE)
    held_ns = held_within(path, code, n_kinds + 2 * n_devices, start_ns, end_ns)
    part_ns, work_ns = held_ns[:, :n_kinds], held_ns[:, n_kinds:].reshape(-1, n_devices, 2)
    part_ns[:, PartKind.WORK] = work_ns.sum(axis=(1, 2))
    device_ns, unmatched_ns = work_ns.sum(axis=2), work_ns[:, :, 1].sum(axis=1)
    columns = {
        **{f"path_{name}_s": part_ns[:, kind] * S_PER_NS for kind, name in KIND_NAMES.items()},
        "path_unmatched_s": unmatched_ns * S_PER_NS,
        "n_handovers": handovers_within(path, holder, start_ns, end_ns),
    }
    told = pl.DataFrame(columns).with_columns(_most(device_ns, end_ns - start_ns, ledger))
    is_step = steps["step"].is_not_null()
    return steps.with_columns(
        told.select(
            pl.when(is_step).then(pl.col(column.name)).cast(column.dtype).alias(column.name)
            for column in STEP_PATH
        )
    )


def mean_step_paths() -> Mapping[str, pl.Expr]:
    """Say how a group of steps averages its columns of `STEP_PATH` (`STEP_KIND_PATH`)."""
    of_step = {column.name: column.name.removeprefix("mean_") for column in STEP_KIND_PATH}
    of_step["mean_handovers"] = "n_handovers"
    return {name: pl.col(column).mean() for name, column in of_step.items()}


def _most(device_ns: Int, elapsed_ns: Int, ledger: Ledger) -> list[pl.Series]:
    """Device that holds most of each step, the first of several; null where none holds any."""
    most = device_ns.argmax(axis=1)
    held_ns = np.take_along_axis(device_ns, most[:, np.newaxis], axis=1)[:, 0]
    columns = {
        "held_by_rank": np.array([work.rank for work in ledger.devices])[most],
        "held_by_device_id": np.array([work.device_id for work in ledger.devices])[most],
        "held_share": held_ns / np.maximum(elapsed_ns, 1),
    }
    nobody = pl.Series(held_ns == 0)
    return [pl.Series(name, column).set(nobody, None) for name, column in columns.items()]
