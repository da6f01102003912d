"""Where every joule of a GPU run went: the names that others may import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from traceenergy.notebook import ShownInNotebooks

if TYPE_CHECKING:
    from traceenergy.analysis import Analysis, AnalysisOptions, analyze
    from traceenergy.analysis.validation import Validation, validate
    from traceenergy.caveats import Caveat
    from traceenergy.comparison import CompareOptions, Comparison, compare
    from traceenergy.errors import TraceEnergyError
    from traceenergy.inspection import inspect_trace
    from traceenergy.portions.run import analyze_by_report
    from traceenergy.read import read_trace
    from traceenergy.read.options import ReadOptions, Workers
    from traceenergy.report import write
    from traceenergy.report.load_result import load
    from traceenergy.report.sweep_runs import sweep
    from traceenergy.sweeps.result import Sweep, SweepOptions
    from traceenergy.trace.model import Trace

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "AnalysisOptions",
    "Caveat",
    "CompareOptions",
    "Comparison",
    "ReadOptions",
    "Sweep",
    "SweepOptions",
    "Trace",
    "TraceEnergyError",
    "Validation",
    "Workers",
    "__version__",
    "analyze",
    "analyze_by_report",
    "compare",
    "inspect_trace",
    "load",
    "read_trace",
    "sweep",
    "validate",
    "write",
]

# Where each name lives; loaded when first asked for, so that `traceenergy --help` comes at once.
_HOMES = {
    "Analysis": "traceenergy.analysis",
    "AnalysisOptions": "traceenergy.analysis",
    "Caveat": "traceenergy.caveats",
    "CompareOptions": "traceenergy.comparison",
    "Comparison": "traceenergy.comparison",
    "ReadOptions": "traceenergy.read.options",
    "Sweep": "traceenergy.sweeps.result",
    "SweepOptions": "traceenergy.sweeps.result",
    "Trace": "traceenergy.trace.model",
    "TraceEnergyError": "traceenergy.errors",
    "Validation": "traceenergy.analysis.validation",
    "Workers": "traceenergy.read.options",
    "analyze": "traceenergy.analysis",
    "analyze_by_report": "traceenergy.portions.run",
    "compare": "traceenergy.comparison",
    "inspect_trace": "traceenergy.inspection",
    "load": "traceenergy.report.load_result",
    "read_trace": "traceenergy.read",
    "sweep": "traceenergy.report.sweep_runs",
    "validate": "traceenergy.analysis.validation",
    "write": "traceenergy.report",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as various as the names
    """Load a public name from its room."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)


def _draw(result: object) -> str:
    """Load the room that draws when a notebook first shows a result."""
    return str(import_module("traceenergy.report.fragment").render_fragment(result))


ShownInNotebooks.draw = _draw
