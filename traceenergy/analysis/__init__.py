"""Trace -> Analysis: calls the rooms in order."""

from __future__ import annotations

from traceenergy.analysis.analyze import analyze
from traceenergy.analysis.model import Analysis
from traceenergy.analysis.options import AnalysisOptions

__all__ = ["Analysis", "AnalysisOptions", "analyze"]
