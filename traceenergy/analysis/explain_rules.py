"""Which rule decided what, for a whole trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.analyze import attribute_run
from traceenergy.analysis.options import AnalysisOptions
from traceenergy.analysis.placed_run import place_run
from traceenergy.errors import NoPowerError, TooFewSamplesError
from traceenergy.phases.classify import classify_work
from traceenergy.phases.explain import explain
from traceenergy.phases.rules import read_rules
from traceenergy.phases.telling_path import telling_path
from traceenergy.projection.project import project_work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from traceenergy.trace.model import Trace


def explain_rules(
    trace: Trace, rules: Sequence[Path] = (), *, needs_power: bool = False
) -> pl.DataFrame:
    """List each distinct range path and kernel of a trace with the rule that decided.

    Parameters
    ----------
    trace : Trace
    rules : sequence of pathlib.Path
        The user's rule files, most important first.
    needs_power : bool
        Whether to fail where power does not reach; else energy is left out there.

    Returns
    -------
    polars.DataFrame
        `phases.explain.EXPLAINED`, what no rule matched first, then by falling time.

    Raises
    ------
    UnreadableFileError, BadRulesError
        If a rule file cannot be read or understood.
    NoPowerError, TooFewSamplesError
        If there is no power, or too little, where it is needed.
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
    energy_j = _energy_of_work(trace, rules, needed=needs_power)
    return explain(
        trace.gpu_work, path_id, projection.paths, trace.names, classes, energy_j=energy_j
    )


def _energy_of_work(trace: Trace, rules: Sequence[Path], *, needed: bool) -> pl.Series | None:
    options = AnalysisOptions(rules=tuple(rules))
    try:
        run = attribute_run(place_run(trace, options), options, None)
    except (NoPowerError, TooFewSamplesError):
        if needed:
            raise
        return None
    energy_j = np.full(len(trace.gpu_work), np.nan)
    energy_j[run.ledger.trace_index] = run.ledger.energy_j
    return pl.Series("energy_j", energy_j, nan_to_null=True)
