"""What the profiler itself complained about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.caveats import Caveat
from traceenergy.read.nsys import schema

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database

_WARNING, _ERROR = 2, 3


def read_diagnostics(database: Database) -> tuple[Caveat, ...]:
    """Count errors of the profiler, besides its notices of dropped events.

    Parameters
    ----------
    database : Database
        The export.

    Returns
    -------
    tuple of Caveat
        At most one of each kind. Their texts stay in the file: they may name paths or users.
    """
    if not database.has_rows(schema.DIAGNOSTICS):
        return ()
    where, doubts = database.path.name, []
    if n_errors := _count(database, f"severity >= {_ERROR}"):
        text = "nsys reported errors while it recorded; see its Diagnostics Summary."
        doubts.append(Caveat("nsys-errors", text, where, n_errors))
    dropped = "(text LIKE '%dropped%' OR text LIKE '% lost%' OR text LIKE '%discarded%')"
    if n_dropped := _count(database, f"severity = {_WARNING} AND {dropped}"):
        text = (
            "nsys warned that it dropped events: work may be missing and its energy will look "
            "like idle gaps. Record a shorter time, or fewer kinds of events."
        )
        doubts.append(Caveat("dropped-events", text, where, n_dropped))
    return tuple(doubts)


def _count(database: Database, condition: str) -> int:
    ((n,),) = database.rows(f"SELECT count(*) FROM {schema.DIAGNOSTICS} WHERE {condition}")  # noqa: S608 - own names
    return n if isinstance(n, int) else 0
