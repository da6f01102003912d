"""Max beside sum: what gates time, what costs energy, from kernels up to the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.rows import sum_groups
from traceenergy.critical_path.model import PartKind
from traceenergy.critical_path.parts import time_by_kind
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window

    Float = NDArray[np.float64]

# The fewest rows that hold so much of the path, or of the energy, are worth a look.
WORTH = 0.8
MOST_ROWS = 1000  # of a level, those of most energy; steps and layers of the lowest number
QUADRANTS = {
    (True, True): "time+energy",
    (True, False): "time only",
    (False, True): "energy only",
    (False, False): "neither",
}


def max_vs_sum(
    window: Window, critical: Critical, ledger: Ledger, tables: dict[str, pl.DataFrame]
) -> dict[str, Any]:
    """Set the time that rows gate beside the energy that they cost.

    Parameters
    ----------
    window : Window
    critical : Critical
    ledger : Ledger
    tables : dict of str to polars.DataFrame
        Result tables by the name of their level, with the columns of `ROW`.

    Returns
    -------
    dict
        `elapsed_s`, `critical_path_s` (GPU work on the path), `parts` (seconds of the path by
        kind, which sum to elapsed), `holders` (seconds and turns by device), `n_handovers`,
        `unmatched_s` (of the GPU work on the path, collectives without counterpart: part of it may
        be waiting), and `levels`: one entry per row with `quadrant`.
    """
    parts = time_by_kind(critical.path)
    holders, n_handovers = _holders(critical, ledger)
    elapsed_s = window.elapsed_ns * S_PER_NS
    levels = [entry for level, table in tables.items() for entry in level_entries(level, table)]
    return {
        "elapsed_s": elapsed_s,
        "critical_path_s": parts["work_s"],
        "parts": parts,
        "holders": holders,
        "n_handovers": n_handovers,
        "unmatched_s": _unmatched_s(critical),
        "levels": levels,
    }


def whole_rows(cells: Cells) -> dict[str, pl.DataFrame]:
    """Sum by device, and over the run (`ROW`).

    Parameters
    ----------
    cells : Cells

    Returns
    -------
    dict of str to polars.DataFrame
        Tables `device` and `run`.
    """
    ledger = cells.ledger
    names = [f"rank {work.rank}, GPU {work.device_id}" for work in ledger.devices]
    everything = np.zeros(len(cells.first), dtype=np.int64)
    return {
        "device": sum_groups(cells, ledger.device[cells.first], pl.Series(names)),
        "run": sum_groups(cells, everything, pl.Series(["run"])),
    }


def quadrants(path_s: pl.Series, energy_j: pl.Series) -> list[str | None]:
    """Say for each row whether it is worth a look for time, for energy, for both, for neither.

    Parameters
    ----------
    path_s : polars.Series of Float64 (n,) [s]
    energy_j : polars.Series of Float64 (n,) [J]
        Null where not known.

    Returns
    -------
    list of str or None
        The fewest rows that hold 80 % of the path are worth it for time, likewise for energy;
        None where one of both is not known.
    """
    gates, costs = _heaviest(path_s), _heaviest(energy_j)
    if gates is None or costs is None:
        return [None] * len(path_s)
    return [QUADRANTS[bool(gate), bool(cost)] for gate, cost in zip(gates, costs, strict=True)]


def _heaviest(values: pl.Series) -> NDArray[np.bool_] | None:
    if values.null_count() == len(values):
        return None
    weight = values.fill_null(0.0).to_numpy()
    order = np.argsort(-weight, kind="stable")
    before = np.concatenate(([0.0], np.cumsum(weight[order])[:-1]))
    chosen = np.zeros(len(weight), dtype=bool)
    chosen[order] = (before < WORTH * weight.sum()) & (weight[order] > 0)
    return chosen


def level_entries(level: str, table: pl.DataFrame) -> list[dict[str, Any]]:
    """Describe the first rows of a table (`ROW`), each with its quadrant.

    Parameters
    ----------
    level : str
        What its rows are.
    table : polars.DataFrame

    Returns
    -------
    list of dict
    """
    table = table.head(MOST_ROWS)
    told = quadrants(table["critical_path_s"], table["energy_j"])
    return [
        {
            "level": level,
            "name": row["name"],
            "max_s": row["critical_path_s"],
            "sum_j": row["energy_j"],
            "path_share": row["path_share"],
            "energy_share": row["energy_share"],
            "quadrant": quadrant,
        }
        for row, quadrant in zip(table.iter_rows(named=True), told, strict=True)
    ]


def _unmatched_s(critical: Critical) -> float:
    return float(critical.path_ns[critical.unmatched].sum() * S_PER_NS)


def _holders(critical: Critical, ledger: Ledger) -> tuple[list[dict[str, Any]], int]:
    path = critical.path
    is_work = path.kind == PartKind.WORK
    device = ledger.device[path.piece[is_work]]
    held_ns = np.bincount(device, (path.end_ns - path.start_ns)[is_work], len(ledger.devices))
    turns = np.diff(device, prepend=-1) != 0
    n_turns = np.bincount(device[turns], minlength=len(ledger.devices))
    holders = [
        {
            "rank": work.rank,
            "device_id": work.device_id,
            "path_s": float(held_ns[number] * S_PER_NS),
            "n_turns": int(n_turns[number]),
        }
        for number, work in enumerate(ledger.devices)
    ]
    return holders, max(0, int(turns.sum()) - 1)
