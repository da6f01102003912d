"""All work of a run with what it belongs to, before energy is attributed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from traceenergy.analysis.eager import read_marks
from traceenergy.analysis.lean import pauses_only, without_idle_ranges
from traceenergy.analysis.placing import Placed, place_work
from traceenergy.analysis.range_table import RangeTree
from traceenergy.analysis.steps import Steps, find_steps
from traceenergy.analysis.steps_asked import no_steps_error
from traceenergy.analysis.window import choose_window
from traceenergy.phases.classify import classify_work
from traceenergy.phases.rules import read_rules
from traceenergy.phases.telling_path import telling_path
from traceenergy.projection.project import project_work
from traceenergy.records import dataclass

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.model import Window
    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.caveats import Caveat
    from traceenergy.phases.rules import RuleSet
    from traceenergy.trace.model import Trace


@dataclass(frozen=True)
class PlacedRun:
    """All work of a run with what it belongs to.

    Attributes
    ----------
    trace : Trace
        Of its ranges only those that name a pause of Python are left: nothing else looks at
        them any more, and they are most of a trace.
    window : Window
    launch_row : polars.Series of Int64 (n_work,)
        Row of the call that launched each piece; null where it is not known.
    tree : RangeTree
        Of all work of the trace.
    steps : Steps
    placed : Placed
        What told steps and layers.
    rules : RuleSet
        That phases were told by.
    step_patterns : tuple of str
        That steps were found by.
    caveats : tuple of Caveat
        Of work from CUDA graphs, of what told steps, of the window.
    """

    trace: Trace
    window: Window
    launch_row: pl.Series
    tree: RangeTree
    steps: Steps
    placed: Placed
    rules: RuleSet
    step_patterns: tuple[str, ...]
    caveats: tuple[Caveat, ...]


def place_run(
    trace: Trace, options: AnalysisOptions, layers_from: Trace | None = None
) -> PlacedRun:
    """Find range, step, layer, phase of all work of a run, and the time to look at.

    Parameters
    ----------
    trace : Trace
    options : AnalysisOptions
    layers_from : Trace or None
        As for `analyze`.

    Returns
    -------
    PlacedRun

    Raises
    ------
    TraceEnergyError
        As `analyze` does.
    """
    rules = read_rules(options.rules)
    trace, held = without_idle_ranges(trace, options)
    projection = project_work(
        trace.gpu_work, trace.launches, trace.nvtx_ranges, trace.names, trace.graph_nodes, held
    )
    del held
    tree = RangeTree(
        _rows(projection.work["range_row"]),
        _rows(projection.work["capture_row"]),
        projection.forest.parent_row,
        projection.forest.path_id,
        projection.paths,
    )
    patterns = rules.step_patterns if options.steps is None else (options.steps,)
    by_ranges = find_steps(
        trace.nvtx_ranges, trace.names, tree.parent_row, tree.range_of_work, patterns
    )
    if options.steps is not None and by_ranges.n_steps == 0:
        raise no_steps_error(trace, options.steps, tree.parent_row, tree.range_of_work)
    capture_path_id = projection.work["capture_path_id"]
    path_id = telling_path(
        projection.work["path_id"], capture_path_id, projection.paths, trace.names, rules
    )
    by_rules = classify_work(trace.gpu_work, path_id, projection.paths, trace.names, rules)
    marks = None if layers_from is None else read_marks(layers_from, rules, tuple(patterns))
    placed = place_work(trace, by_rules, by_ranges, marks)
    launch_row = projection.work["launch_row"]
    window, window_doubts = choose_window(trace, launch_row, placed.steps, options)
    return PlacedRun(
        replace(trace, nvtx_ranges=pauses_only(trace)), window, launch_row, tree, placed.steps,
        placed, rules, tuple(patterns), (*projection.caveats, *placed.caveats, *window_doubts),
    )  # fmt: skip


def _rows(rows: pl.Series) -> NDArray[Any]:
    return rows.fill_null(-1).to_numpy()
