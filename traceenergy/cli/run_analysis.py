"""Progress, outputs, summary: what the shell adds to a call of `analyze`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from traceenergy.analysis import analyze
from traceenergy.errors import UsageError
from traceenergy.read import read_trace
from traceenergy.report import STDOUT, check_outputs, render_json, terminal_summary, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from traceenergy.analysis import AnalysisOptions
    from traceenergy.read.options import ReadOptions
    from traceenergy.report.summary_text import TerminalSummary, TextTable


def run_analysis(
    traces: Sequence[Path],
    *,
    power: Sequence[Path],
    outs: Sequence[str],
    read_options: ReadOptions,
    options: AnalysisOptions,
    calibration: Path | None,
    calibration_power: Sequence[Path],
    force: bool,
    quiet: bool,
) -> None:
    """Read, analyze, write, and say what was written.

    Parameters
    ----------
    traces, power : sequence of Path
    outs : sequence of str
        Refused before any work is done if they cannot be written.
    read_options : ReadOptions
    options : AnalysisOptions
    calibration : Path or None
        Another trace that tells the power of kernels.
    calibration_power : sequence of Path
        Its power logs.
    force : bool
        Overwrite.
    quiet : bool
        No progress, no summary.

    Raises
    ------
    TraceEnergyError
        Whatever the library raises.
    """
    if calibration_power and calibration is None:
        raise UsageError(
            "--calibration-power was given without --calibration",
            next_step="name the trace that the log belongs to by --calibration TRACE",
        )
    others = [] if calibration is None else [calibration, *calibration_power]
    check_outputs(outs, [*traces, *power, *others], force=force)
    console = Console(stderr=True)
    with _progress(console, quiet=quiet) as say:
        say("reading")
        trace = read_trace(list(traces), power=list(power), options=read_options)
        known = None
        if calibration is not None:
            say("reading the calibration")
            known = read_trace([calibration], power=list(calibration_power), options=read_options)
        say("attributing energy")
        result = analyze(trace, options, calibration=known)
        written = []
        for out in outs:
            say(f"writing {out}")
            if out != STDOUT:
                written.append(write(result, out, force=force, made_at=datetime.now(tz=UTC)))
    if STDOUT in outs:
        sys.stdout.write(render_json(result))
    if not quiet:
        _print_summary(terminal_summary(result), console if STDOUT in outs else Console())
        for path in written:
            console.print(Text(f"Wrote {path}"), soft_wrap=True)


@contextmanager
def _progress(console: Console, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda words: progress.update(task, description=words)


def _print_summary(summary: TerminalSummary, console: Console) -> None:
    console.print(Text(summary.verdict, style="bold"))
    for warning in summary.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    for name, value in summary.facts:
        console.print(Text(f"{name}: {value}"))
    for table in summary.tables:
        console.print(_rich_table(table))
        if table.note:
            console.print(Text(table.note, style="dim"))
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
