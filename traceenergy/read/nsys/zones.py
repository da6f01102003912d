"""What the parts of a table hold at least, at most: where to look for some of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traceenergy.read.nsys.database import Database


@dataclass(frozen=True)
class Zone:
    """A part of a table.

    Attributes
    ----------
    first_row, last_row
        Rowids, both included.
    low, high
        Least of one column, most of another; None where it has none, or something else than
        whole numbers.
    """

    first_row: int
    last_row: int
    low: int | None
    high: int | None

    def may_hold(self, first: int | None, last: int | None) -> bool:
        """Tell whether a row may reach from `first` on, or begin by `last`; None: no bound."""
        ends = first is None or self.high is None or self.high >= first
        return ends and (last is None or self.low is None or self.low <= last)


def survey(database: Database, table: str, low: str, high: str) -> Callable[[], tuple[Zone, ...]]:
    """Begin to find out what the parts of a table hold; each of its rows is looked at once.

    Parameters
    ----------
    database : Database
    table : str
        Its name; nothing is found if it is not there.
    low, high : str
        Columns, or expressions, whose least and most are asked for.

    Returns
    -------
    callable
        Waits for them.
    """
    if not database.has_rows(table):
        return tuple
    parts = database.parts(table)
    asked = [database.ask_extremes(table, part, low, high) for part in parts]
    return lambda: tuple(
        Zone(first, last, *(value if type(value) is int else None for value in extremes()))
        for (first, last), extremes in zip(parts, asked, strict=True)
    )


def rows_between(
    zones: Sequence[Zone] | None, first: int | None, last: int | None
) -> list[tuple[int, int]] | None:
    """List where to look for rows that reach from `first` on and begin by `last`.

    Parameters
    ----------
    zones : sequence of Zone or None
        Of the table; None: not known.
    first, last : int or None
        None: no bound.

    Returns
    -------
    list of (int, int), or None
        First and last rowid of each part; None: anywhere.
    """
    if zones is None:
        return None
    return [(zone.first_row, zone.last_row) for zone in zones if zone.may_hold(first, last)]
