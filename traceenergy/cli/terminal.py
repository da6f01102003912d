"""What rich draws on a terminal; loaded where something is drawn."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from traceenergy.report.summary_text import TerminalSummary, TextTable


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being done, if that is a terminal; yields what to tell it to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda words: shown.update(task, description=words)


def print_result(summary: TerminalSummary, written: Sequence[Path], *, aside: bool) -> None:
    """Print a summary, and on stderr what was written.

    Parameters
    ----------
    summary : TerminalSummary
    written : sequence of Path
    aside : bool
        The summary goes to stderr as well, since stdout has a result.
    """
    errors = Console(stderr=True)
    _print_summary(summary, errors if aside else Console())
    for path in written:
        errors.print(Text(f"Wrote {path}"), soft_wrap=True)


def _print_summary(summary: TerminalSummary, console: Console) -> None:
    """Print a summary: verdict, facts, tables, findings, doubts."""
    console.print(Text(summary.verdict, style="bold"))
    for warning in summary.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    for name, value in summary.facts:
        console.print(Text(f"{name}: {value}"))
    for table in summary.tables:
        console.print(_rich_table(table))
        if table.note:
            console.print(Text(table.note, style="dim"))
    if summary.findings:
        console.print(Text("\nFindings", style="bold"))
        for finding in summary.findings:
            console.print(Text(f"- {finding}"))
    if summary.caveats:
        console.print(Text("\nWhat to doubt", style="bold"))
        for caveat in summary.caveats:
            console.print(Text(f"- {caveat}"))


def _rich_table(table: TextTable) -> Table:
    title = Text(f"\n{table.title}", style="bold")
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading, is_number in zip(table.headings, table.is_number, strict=True):
        # On a narrow terminal names may be folded, numbers may not: their headings give way.
        if is_number:
            shown.add_column(Text(heading.replace(" ", "\n")), justify="right", no_wrap=True)
        else:
            shown.add_column(Text(heading), overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown
