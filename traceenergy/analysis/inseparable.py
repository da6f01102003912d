"""Rows whose split of energy the readings cannot decide, with what would decide it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.energy.recording_advice import advise_recording
from traceenergy.energy.separability import find_inseparable, noticeable, spread_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.cells import Cells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.energy.work_sums import WorkSums

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

NAMES_IN_TEXT = 4


def mark_inseparable(
    cells: Cells, group: Int, rows: pl.DataFrame, table: Int | None = None
) -> pl.DataFrame:
    """Name the rows that each row's energy cannot be told from, and widen their intervals.

    Parameters
    ----------
    cells : Cells
    group : ndarray of int64 (n_cells,)
        Row of each cell of work; negative for none.
    rows : polars.DataFrame
        With `name`, `dynamic_j`, `energy_lo_j`, `energy_hi_j`.
    table : ndarray of int64 (n_rows,), optional
        Rows of different tables are not set against each other.

    Returns
    -------
    polars.DataFrame
        The same with `inseparable_with`, names with most energy first. Empty lists where energy
        is shared by time: those intervals hold every split that is possible.

    Notes
    -----
    Each row of a set has at least its own lower bound. What the set as a whole may have beyond
    all of these can belong to any one of its rows, as far as that is possible at all::

        high = max(own high, min(own low + (high of the set - sum of lows), most possible))
    """
    empty = pl.Series("inseparable_with", [[]], dtype=pl.List(pl.String))
    rows = rows.with_columns(empty.new_from_index(0, len(rows)))  # from a list, it looks at each
    devices = [(sums, group[mine]) for sums, mine in cells.devices]
    sets = _sets_of(devices, rows, np.zeros(len(rows), dtype=np.int64) if table is None else table)
    if not sets:
        return rows
    high_j = _open_high_j(devices, rows, sets)
    names, together = rows["name"].to_list(), rows["inseparable_with"].to_list()
    for members in sets:
        for member in members:
            together[member] = [names[other] for other in members if other != member]
    return rows.with_columns(
        pl.Series("energy_hi_j", high_j, nan_to_null=True),
        pl.Series("inseparable_with", together, dtype=pl.List(pl.String)),
    )


def _sets_of(devices: list[tuple[WorkSums, Int]], rows: pl.DataFrame, table: Int) -> list[Int]:
    # Rows that belong together, most energy first.
    chosen = noticeable(rows["dynamic_j"].fill_null(0.0).to_numpy())
    tables = [chosen[table[chosen] == one] for one in np.unique(table[chosen])]
    if all(len(members) < 2 for members in tables):  # noqa: PLR2004 - one row has no split
        return []
    place = np.full(len(rows) + 1, -1)  # group -1 finds the last place
    place[chosen] = np.arange(len(chosen))
    spread = spread_of([(sums, place[group]) for sums, group in devices], len(chosen))
    if spread is None:
        return []
    energy_j = rows["energy_j"].to_numpy()
    sets = [
        mine[members]
        for mine in tables
        for members in find_inseparable(spread.of_groups(place[mine]))
    ]
    return [members[np.argsort(-energy_j[members], kind="stable")] for members in sets]


def _open_high_j(devices: list[tuple[WorkSums, Int]], rows: pl.DataFrame, sets: list[Int]) -> Float:
    low_j = rows["energy_lo_j"].fill_null(np.nan).to_numpy()
    high_j = rows["energy_hi_j"].fill_null(np.nan).to_numpy().copy()
    set_of = np.full(len(rows) + 1, -1)
    for number, members in enumerate(sets):
        set_of[members] = number
    set_high_j, possible_j = np.zeros(len(sets)), np.zeros(len(rows))
    for sums, group in devices:
        set_high_j += sums.bounds(set_of[group], len(sets))[1]
        # Without a model, bounds are limits of what is possible.
        possible_j += replace(sums, parts=None).bounds(group, len(rows))[1]
    for number, members in enumerate(sets):
        open_j = set_high_j[number] - low_j[members].sum()
        widest_j = np.minimum(low_j[members] + open_j, possible_j[members])
        high_j[members] = np.maximum(high_j[members], widest_j)
    return high_j


def distinct_names(names: pl.Series, subphase: pl.Series) -> pl.Series:
    """Add the part of the model to names of kernels that run in several.

    Parameters
    ----------
    names, subphase : polars.Series of String (n_rows,)
        Of all rows of a table of kernels.

    Returns
    -------
    polars.Series of String (n_rows,)
        What `inseparable_with` of other rows calls each row.
    """
    longer = names + " (" + subphase + ")"
    return names.zip_with(names.is_unique(), longer)


def doubt_split(
    ledger: Ledger, kernels: pl.DataFrame, subphases: pl.DataFrame, phases: pl.DataFrame
) -> tuple[Caveat, ...]:
    """Say how many rows cannot be told apart, and what recording would do it.

    Parameters
    ----------
    ledger : Ledger
    kernels, subphases, phases : polars.DataFrame
        Result tables.

    Returns
    -------
    tuple of Caveat
        One, or none if all rows can be told apart.
    """
    called = kernels.with_columns(distinct_names(kernels["name"], kernels["subphase"]))
    tables = {"kernels": called, "parts of phases": subphases, "phases": phases}
    found = {rows: _sets_in(table) for rows, table in tables.items()}
    counts = [f"{len(sets)} of {rows}" for rows, sets in found.items() if len(sets)]
    if not counts:
        return ()
    every = pl.concat(sets for sets in found.values())
    # Kernels, where there are any: a set of phases follows from its kernels.
    of_rows = next(sets for sets in found.values() if len(sets))
    largest = of_rows.sort("energy_j", descending=True, maintain_order=True).row(0, named=True)
    names = largest["names"][:NAMES_IN_TEXT]
    more = len(largest["names"]) - len(names)
    listed = ", ".join(names) + f" and {more} more" * bool(more)
    return (
        Caveat(
            "inseparable",
            "readings tell the energy of some rows in sum only, and what is expected of their "
            f"kernels splits it; sets of such rows: {', '.join(counts)}; the largest, "
            f"{largest['energy_j']:.4g} J in all: {listed}; to tell them apart, record "
            + "; ".join(advise_recording([one for one in ledger.energies if one is not None])),
            n=int(every["names"].list.len().sum()),
        ),
    )


def _sets_in(rows: pl.DataFrame) -> pl.DataFrame:
    # Rows of one set name the same rows, themselves included.
    marked = rows.filter(pl.col("inseparable_with").list.len() > 0).select(
        "name",
        "energy_j",
        key=pl.concat_list("name", "inseparable_with").list.sort().list.join("\n"),
    )
    return marked.group_by("key", maintain_order=True).agg(
        pl.col("energy_j").sum(), names=pl.col("name").sort_by("energy_j", descending=True)
    )
