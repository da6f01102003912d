"""Markdown for pull requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traceenergy import __version__
from traceenergy.report.names import clean_name
from traceenergy.report.summary_text import TextTable, terminal_summary
from traceenergy.report.view import page_view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.analysis.model import Analysis
    from traceenergy.trace.model import Origin

# Not among them: what is harmless within a line and common in numbers, such as ( ) + - .
_SPECIAL = re.compile(r"[\\`*_{}\[\]|~$]")


def render_markdown(result: Analysis) -> str:
    """Write the result as Markdown: what the terminal shows, findings, caveats.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    str
        GitHub-flavored; names from the trace are escaped.
    """
    summary, view = terminal_summary(result), page_view(result)
    lines = [f"## {escape(view.title)}", "", f"**{escape(summary.verdict)}**", ""]
    lines += [f"> **Note:** {escape(text)}\n" for text in summary.warnings]
    lines += [f"{escape(name)}: {escape(value)}  " for name, value in summary.facts]
    for table in summary.tables:
        lines += ["", *table_lines(table)]
    if view.findings:
        lines += ["", "### Findings", ""]
        lines += [f"- **{escape(f.title)}** {escape(f.evidence)} {escape(f.advice)}"
                  for f in view.findings]  # fmt: skip
    if summary.caveats:
        lines += ["", "### What to doubt", ""]
        lines += [f"- {escape(text)}" for text in summary.caveats]
    lines += ["", f"<sub>{foot(result.origins)}</sub>"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape what Markdown, a table or HTML would read as markup.

    Parameters
    ----------
    text : str
        Any text, such as a kernel name.

    Returns
    -------
    str
        One line that renders as the text.
    """
    text = " ".join(clean_name(text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An at sign would call a person.
    return _SPECIAL.sub(r"\\\g<0>", text).replace("@", "&#64;")


def table_lines(table: TextTable) -> list[str]:
    """Write a table with its title, line by line."""
    head = "| " + " | ".join(escape(text) for text in table.headings) + " |"
    rule = "|" + "|".join(" ---: " if number else " --- " for number in table.is_number) + "|"
    rows = ["| " + " | ".join(escape(text) for text in row) + " |" for row in table.rows]
    note = ["", f"_{escape(table.note)}_"] if table.note else []
    return [f"### {escape(table.title)}", "", head, rule, *rows, *note]


def foot(origins: Iterable[Origin]) -> str:
    """Say what made the text, from which files."""
    inputs = ", ".join(f"{escape(origin.name)} (sha256 {origin.sha256[:12]})" for origin in origins)
    return f"traceenergy {__version__}; from {inputs or 'no file'}"
