"""A part of an export in time, as conditions in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from traceenergy.errors import UsageError
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.database import Database
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

# Readings are means over up to a second, and late: what they saw before a slice is read too.
MARGIN_NS = 2 * NS_PER_S
_N_ASKED = 2000


@dataclass(frozen=True)
class TimeSlice:
    """From one time of the trace to another.

    Attributes
    ----------
    start_ns, end_ns
        Half-open; None: from its begin, or to its end.
    """

    start_ns: int | None = None
    end_ns: int | None = None

    def holds(self, start: str, end: str) -> str:
        """Write the condition on events that overlap the slice or lie within `MARGIN_NS` of it.

        Parameters
        ----------
        start, end : str
            Columns, or expressions, of the times.

        Returns
        -------
        str
            Empty if all do.
        """
        conditions = []
        if self.start_ns is not None:
            conditions.append(f"{end} > {self.start_ns - MARGIN_NS}")
        if self.end_ns is not None:
            conditions.append(f"{start} < {self.end_ns + MARGIN_NS}")
        return " AND ".join(conditions)


WHOLE = TimeSlice()


def cut_in_slices(path: Path, n: int) -> list[TimeSlice]:
    """Cut an export into slices with about as many kernels each.

    Parameters
    ----------
    path : pathlib.Path
        The export.
    n : int
        How many.

    Returns
    -------
    list of TimeSlice
        In order, without gap; fewer where there are few kernels.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged or no SQLite.
    UsageError
        If the export was made with shifted times.
    """
    with Database(path) as database:
        layout, _ = schema.read_layout(database)
        if layout.time_shift_ns:
            raise UsageError(
                f"{path.name} has shifted times, and cannot be read in slices",
                next_step="export it without --ts-shift and --ts-normalize",
            )
        starts_ns = _some_starts(database)
    cuts = sorted({starts_ns[len(starts_ns) * i // n] for i in range(1, n)} if starts_ns else ())
    edges = [None, *cuts, None]
    return [TimeSlice(low, high) for low, high in pairwise(edges)]


def _some_starts(database: Database) -> list[int]:
    """Look up when some kernels start, by rows that lie evenly in the table."""
    if not database.has_rows(schema.KERNEL):
        return []
    ((first, last),) = database.rows(
        f"SELECT (SELECT min(rowid) FROM {schema.KERNEL}), (SELECT max(rowid) FROM {schema.KERNEL})"  # noqa: S608 - own name
    )
    if not (isinstance(first, int) and isinstance(last, int)):
        return []
    step = max(1, (last - first) // _N_ASKED)
    found = [
        start_ns
        for row in range(first, last + 1, step)
        for (start_ns,) in database.rows(
            f"SELECT start FROM {schema.KERNEL} WHERE rowid = ?",  # noqa: S608 - own name
            (row,),
        )
    ]
    return sorted(start_ns for start_ns in found if isinstance(start_ns, int))
