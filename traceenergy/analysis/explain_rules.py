"""Which rule decided what, for a whole trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.phases.classify import classify_work
from traceenergy.phases.explain import explain
from traceenergy.phases.rules import read_rules
from traceenergy.phases.telling_path import telling_path
from traceenergy.projection.project import project_work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from traceenergy.trace.model import Trace


def explain_rules(trace: Trace, rules: Sequence[Path] = ()) -> pl.DataFrame:
    """List each distinct range path and kernel of a trace with the rule that decided.

    Parameters
    ----------
    trace : Trace
    rules : sequence of pathlib.Path
        The user's rule files, most important first.

    Returns
    -------
    polars.DataFrame
        `phases.explain.EXPLAINED`, what no rule matched first, then by falling time.

    Raises
    ------
    UnreadableFileError, BadRulesError
        If a rule file cannot be read or understood.
    """
    checked = read_rules(rules)
    projection = project_work(
        trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names, trace.graph_nodes
    )
    places = projection.work
    path_id = telling_path(
        places["path_id"], places["capture_path_id"], projection.paths, trace.names, checked
    )
    classes = classify_work(trace.gpu_work, path_id, projection.paths, trace.names, checked)
    return explain(trace.gpu_work, path_id, projection.paths, trace.names, classes)
