"""Result -> page or file: the only room that draws, words, rounds."""

from __future__ import annotations

from traceenergy.report.json_report import render_json
from traceenergy.report.outputs import STDOUT, begin_pages, check_outputs, needs_pieces, write
from traceenergy.report.summary_text import TerminalSummary, terminal_summary

__all__ = [
    "STDOUT",
    "TerminalSummary",
    "begin_pages",
    "check_outputs",
    "needs_pieces",
    "render_json",
    "terminal_summary",
    "write",
]
