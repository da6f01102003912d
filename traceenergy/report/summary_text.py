"""What the terminal shows of a result, as plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.report.view import page_view
from traceenergy.report.view_caveats import note_text
from traceenergy.report.view_columns import INSEPARABLE as MARK
from traceenergy.report.view_findings import finding_text

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view import PageView
    from traceenergy.report.view_path import PathView
    from traceenergy.report.view_tables import TableView

_PHASE_COLUMNS = (
    "Phase", "Energy", "Share of work", "Path share", "Worth a look for", "Busy time",
    "Energy per token",
)  # fmt: skip
_KERNEL_COLUMNS = ("Kernel", "Phase", "Energy", "Share of work", "Busy time", "Launches")
_STEP_KIND_COLUMNS = (
    "Kind", "Steps", "Energy", "Energy per step", "Time per step", "Tokens", "Energy per token",
)  # fmt: skip
_COMPONENT_COLUMNS = ("Component", "Energy", "Share", "Mean power", "From", "Note")
_LATENCY_COLUMNS = ("Latency", "Count", "Mean", "Median", "90 %", "99 %", "Longest")
_TOP_KERNELS = 10
_TOP_FINDINGS = 3


@dataclass(frozen=True)
class TextTable:
    """A table of plain text; `is_number` tells which columns to align right."""

    title: str
    headings: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class TerminalSummary:
    """Summary of a result; the command line prints it.

    Attributes
    ----------
    verdict
        One or two sentences.
    warnings
        Doubts that touch the headline.
    facts
        Name and value with its note.
    tables
        Balance (if power is known), parts of the critical path (if it is
        known), phases, top kernels, kinds of steps (if there are any).
    caveats
        All doubts, by name, alike ones in one line.
    findings
        Those that are worth most, each in one line.
    """

    verdict: str
    warnings: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    tables: tuple[TextTable, ...]
    caveats: tuple[str, ...]
    findings: tuple[str, ...] = ()


def terminal_summary(result: Analysis) -> TerminalSummary:
    """Choose what the terminal shows of a result.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    TerminalSummary
        Texts hold no control characters; they may hold brackets, which rich reads as markup
        unless told otherwise.
    """
    return summary_of(page_view(result))


def summary_of(view: PageView) -> TerminalSummary:
    """Choose what the terminal shows of what a page shows."""
    tables = [
        text_table(view.phases, _PHASE_COLUMNS, "Phases"),
        text_table(view.kernels, _KERNEL_COLUMNS, "Top kernels", limit=_TOP_KERNELS),
    ]
    if view.step_kinds.rows:
        tables.append(text_table(view.step_kinds, _STEP_KIND_COLUMNS, "Steps by kind"))
    if view.serving and view.serving.latencies.rows:
        tables.append(text_table(view.serving.latencies, _LATENCY_COLUMNS, "Latencies"))
    if view.components:
        tables.append(text_table(view.components.table, _COMPONENT_COLUMNS, "Components"))
    if view.balance:
        rows = tuple(("  " * row.is_part + row.name, row.energy, row.share) for row in view.balance)
        headings = ("Balance", "Energy", "Share of total")
        tables.insert(0, TextTable("Balance", headings, (False, True, True), rows))
    if view.path:
        tables.insert(bool(view.balance), _path_parts(view.path))
    return TerminalSummary(
        verdict=view.verdict,
        warnings=view.banners,
        facts=(
            *(
                (fact.name, f"{fact.value} ({fact.note})" if fact.note else fact.value)
                for fact in view.facts
            ),
            *_power_facts(view),
        ),
        tables=tuple(tables),
        caveats=tuple(note_text(note) for note in view.caveats),
        findings=tuple(finding_text(finding) for finding in view.findings.rows[:_TOP_FINDINGS]),
    )


def _power_facts(view: PageView) -> list[tuple[str, str]]:
    if view.power is None:
        return []
    told = (("Power limit", view.power.sentence), ("Energy buffer", view.power.buffer))
    return [(name, text) for name, text in told if text]


def _path_parts(view: PathView) -> TextTable:
    rows = tuple(("  " * row.is_part + row.name, row.time, row.share) for row in view.parts)
    headings = ("Critical path", "Time", "Share of elapsed")
    return TextTable("Critical path", headings, (False, True, True), rows)


def text_table(
    view: TableView, columns: tuple[str, ...], title: str, *, limit: int | None = None
) -> TextTable:
    """Keep some columns and rows of a table, as text.

    Parameters
    ----------
    view : TableView
    columns : tuple of str
        Headings to keep where the table has them.
    title : str
    limit : int, optional
        Most rows.

    Returns
    -------
    TextTable
        Its note says how many rows were left out.
    """
    kept = [index for index, head in enumerate(view.headings) if head.text in columns]
    rows = view.rows[:limit]
    notes = []
    if view.cut_note or len(rows) < len(view.rows):
        notes.append(view.cut_note or f"{len(rows)} of {len(view.rows)} rows.")
    if any(MARK in row[index].text for row in rows for index in kept):
        notes.append(f"{MARK} split undecided; the interval is that of the group.")
    return TextTable(
        title=title,
        headings=tuple(view.headings[index].text for index in kept),
        is_number=tuple(view.headings[index].is_number for index in kept),
        rows=tuple(
            tuple(f"{row[index].text} {row[index].note}".strip() for index in kept) for row in rows
        ),
        note=" ".join(notes),
    )
