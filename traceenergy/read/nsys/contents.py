"""How many rows of each kind an export holds, without loading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.read.nsys import schema
from traceenergy.read.nsys.database import Database
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from pathlib import Path

_NVTX_MARK = 34  # eventType, from the export's ENUM_NSYS_EVENT_TYPE
_BAD_NEWS = 2  # severity of a warning, from ENUM_DIAGNOSTIC_SEVERITY_LEVEL


@dataclass(frozen=True)
class Contents:
    """Row counts of what the Trace does not hold, or holds only in part.

    Attributes
    ----------
    n_api_calls
        CUDA runtime and driver calls.
    n_graph_calls
        Those of them that launched a CUDA graph.
    n_waits
        Synchronizations: event, stream and context waits.
    n_cuda_events
        Recorded CUDA events.
    n_graph_nodes
        Events of CUDA graph nodes: created, cloned, instantiated.
    n_marks
        NVTX marks.
    n_metric_samples
        Rows of sampled GPU metrics.
    n_warnings
        Warnings and errors that nsys wrote about its own recording.
    """

    n_api_calls: int
    n_graph_calls: int
    n_waits: int
    n_cuda_events: int
    n_graph_nodes: int
    n_marks: int
    n_metric_samples: int
    n_warnings: int


def read_contents(path: Path) -> Contents:
    """Count what an export holds.

    Parameters
    ----------
    path : pathlib.Path
        A `.sqlite` export.

    Returns
    -------
    Contents

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged or no SQLite.
    """
    with Database(path) as export:
        return Contents(
            n_api_calls=_count(export, schema.API),
            n_graph_calls=_count_graph_calls(export),
            n_waits=_count(export, "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"),
            n_cuda_events=_count(export, "CUPTI_ACTIVITY_KIND_CUDA_EVENT"),
            n_graph_nodes=_count_graph_nodes(export),
            n_marks=_count(export, schema.NVTX, "eventType", f"eventType = {_NVTX_MARK}"),
            n_metric_samples=_count(export, schema.METRICS),
            n_warnings=_count(export, schema.DIAGNOSTICS, "severity", f"severity >= {_BAD_NEWS}"),
        )


def _count(export: Database, table: str, column: str = "", where: str = "1") -> int:
    if table not in export.tables() or (column and column not in export.columns(table)):
        return 0
    ((n,),) = export.rows(f'SELECT count(*) FROM "{table}" WHERE {where}')  # noqa: S608 - own names
    return n if isinstance(n, int) else 0


def _count_graph_calls(export: Database) -> int:
    if not export.has_rows(schema.STRINGS):
        return 0
    sql = f"SELECT id FROM {schema.STRINGS} WHERE value LIKE 'cu%GraphLaunch%'"  # noqa: S608 - own names
    names = export.rows(sql)
    ids = ", ".join(str(name) for (name,) in names if isinstance(name, int))
    return _count(export, schema.API, "nameId", f"nameId IN ({ids})")


def _count_graph_nodes(export: Database) -> int:
    return sum(_count(export, table, "graphNodeId") for table in schema.GRAPH_NODES)
