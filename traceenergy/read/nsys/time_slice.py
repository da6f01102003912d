"""A part of an export in time, as conditions in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from traceenergy.errors import UsageError
from traceenergy.read.nsys import schema
from traceenergy.read.nsys.database import Database
from traceenergy.read.nsys.zones import Zone, rows_between, survey
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENDS = 'ifnull("end", 1 << 62)'  # of ranges; one that was never closed has none
# Readings are means over up to a second, and late: what they saw before a slice is read too.
MARGIN_NS = 2 * NS_PER_S
_N_ASKED = 2000
# The largest tables, with the columns that tell; exports have no index of them.
_TIMES = ("start", "end")
_IS_NAME = f"eventType = {schema.DOMAIN_CREATE}"
_IS_RANGE = f"eventType IN {(*schema.PUSH_POP, *schema.START_END)}"
_SURVEYED = {
    schema.KERNEL: (_TIMES, "start", '"end"'),
    schema.MEMCPY: (_TIMES, "start", '"end"'),
    # Where a sample has no such time, another column has it.
    schema.METRICS: (
        ("timestamp",),
        "ifnull(timestamp, -(1 << 62))",
        "ifnull(timestamp, 1 << 62)",
    ),
    schema.API: (("correlationId",), "nullif(correlationId, 0)", "correlationId"),
    schema.NVTX: (
        (*_TIMES, "eventType"),
        # Names of domains hold at all times; marks, which have no end, are not asked for.
        f"CASE WHEN {_IS_NAME} THEN -(1 << 62) WHEN {_IS_RANGE} THEN start END",
        f"CASE WHEN {_IS_NAME} THEN 1 << 62 WHEN {_IS_RANGE} THEN {ENDS} END",
    ),
}


@dataclass(frozen=True)
class TimeSlice:
    """From one time of the trace to another.

    Attributes
    ----------
    start_ns, end_ns
        Half-open; None: from its begin, or to its end.
    zones
        Where times and correlation ids lie in tables, by table; of those that are not in it
        nothing is known.
    sha256
        Of the file, where it is known.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    zones: Mapping[str, tuple[Zone, ...]] = field(default_factory=dict, compare=False)
    sha256: str | None = field(default=None, compare=False)

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole trace."""
        return self.start_ns is None and self.end_ns is None

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
        first_ns, last_ns = self._reach_ns
        conditions = []
        if first_ns is not None:
            conditions.append(f"{end} > {first_ns}")
        if last_ns is not None:
            conditions.append(f"{start} < {last_ns}")
        return " AND ".join(conditions)

    def rows(self, table: str) -> list[tuple[int, int]] | None:
        """List the parts of a table that may hold such events, by first and last rowid.

        Parameters
        ----------
        table : str

        Returns
        -------
        list of (int, int), or None
            None: it may be anywhere.
        """
        return rows_between(self.zones.get(table), *self._reach_ns)

    @property
    def _reach_ns(self) -> tuple[int | None, int | None]:
        low_ns = None if self.start_ns is None else self.start_ns - MARGIN_NS
        return low_ns, None if self.end_ns is None else self.end_ns + MARGIN_NS


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
        sha256 = database.hash_of_file()
        asked = {
            table: survey(database, table, low, high)
            for table, (needed, low, high) in _SURVEYED.items()
            if database.columns(table).issuperset(needed)
        }
        starts_ns = _some_starts(database)
        zones = {table: one() for table, one in asked.items()}
        told = sha256()
    n = min(n, len(starts_ns))
    cuts = sorted({starts_ns[len(starts_ns) * i // n] for i in range(1, n)})
    edges = [None, *cuts, None]
    return [TimeSlice(low, high, zones, told) for low, high in pairwise(edges)]


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
