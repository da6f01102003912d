"""Progress, outputs, summary: what the shell adds to a call of `analyze`."""

from __future__ import annotations

import sys
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from traceenergy.analysis import analyze
from traceenergy.cli.memory import warn_of_memory
from traceenergy.cli.progress import progress
from traceenergy.errors import UsageError
from traceenergy.read import read_trace
from traceenergy.read.options import RAISE, Workers
from traceenergy.records import dataclass
from traceenergy.report import (
    STDOUT,
    begin_pages,
    check_outputs,
    needs_pieces,
    render_json,
    terminal_summary,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from traceenergy.analysis import Analysis, AnalysisOptions
    from traceenergy.read.options import ReadOptions
    from traceenergy.trace.model import Trace


@dataclass(frozen=True)
class Inputs:
    """Files that a run is read from.

    Attributes
    ----------
    traces, power : sequence of Path
    options : ReadOptions
    calibration : Path or None
        Another trace that tells the power of kernels.
    calibration_power : sequence of Path
        Its power logs.
    layers_from : Path or None
        Another trace whose ranges mark layers.
    workers : Workers
        Who reads all of them; of the other traces, no report may be left out.
    """

    traces: Sequence[Path]
    power: Sequence[Path]
    options: ReadOptions
    calibration: Path | None = None
    calibration_power: Sequence[Path] = ()
    layers_from: Path | None = None
    workers: Workers = field(default_factory=Workers)

    def __post_init__(self) -> None:
        """Refuse a log of a calibration that is not there."""
        if self.calibration_power and self.calibration is None:
            raise UsageError(
                "--calibration-power was given without --calibration",
                next_step="name the trace that the log belongs to by --calibration TRACE",
            )

    @property
    def files(self) -> list[Path]:
        """All of them."""
        known = [path for path in (self.calibration, self.layers_from) if path is not None]
        return [*self.traces, *self.power, *known, *self.calibration_power]

    def read(self, say: Callable[[str], None]) -> tuple[Trace, Trace | None]:
        """Read the run, and the calibration where there is one.

        Parameters
        ----------
        say : callable
            Is told what is being read.

        Returns
        -------
        trace : Trace
        calibration : Trace or None
        """
        say("reading")
        trace = read_trace(
            list(self.traces), power=list(self.power), options=self.options, workers=self.workers,
            only_used_metrics=True,
        )  # fmt: skip
        if self.calibration is None:
            return trace, None
        say("reading the calibration")
        logs = list(self.calibration_power)
        known = read_trace(
            [self.calibration], power=logs, options=self.options, workers=self._strict,
            only_used_metrics=True,
        )  # fmt: skip
        return trace, known

    def read_marked(self, say: Callable[[str], None]) -> Trace | None:
        """Read the run that marks layers, where there is one; its power is of no use.

        Parameters
        ----------
        say : callable
            Is told what is being read.

        Returns
        -------
        Trace or None
        """
        if self.layers_from is None:
            return None
        say("reading the run that marks layers")
        return read_trace([self.layers_from], workers=self._strict, only_used_metrics=True)

    @property
    def _strict(self) -> Workers:
        return replace(self.workers, on_error=RAISE)


def run_analysis(
    inputs: Inputs,
    *,
    outs: Sequence[str],
    options: AnalysisOptions,
    by_report: bool,
    slices: int,
    force: bool,
    quiet: bool,
) -> None:
    """Read, analyze, write, and say what was written.

    Parameters
    ----------
    inputs : Inputs
    outs : sequence of str
        Refused before any work is done if they cannot be written.
    options : AnalysisOptions
    by_report : bool
        Analyze each report for itself, and sum the results.
    slices : int
        The same of slices of time of each report.
    force : bool
        Overwrite.
    quiet : bool
        No progress, no summary.

    Raises
    ------
    TraceEnergyError
        Whatever the library raises.
    """
    check_outputs(outs, [*inputs.files, *options.requests], force=force)
    begin_pages(outs)
    if not (quiet or by_report or slices > 1):
        warn_of_memory(inputs.traces)
    with progress(quiet=quiet) as say:
        if by_report or slices > 1:
            result = _summed(inputs, options, slices, say)
        else:
            result = _analyzed(inputs, options, say, pieces=needs_pieces(outs))
        written = []
        for out in outs:
            say(f"writing {out}")
            if out != STDOUT:
                written.append(write(result, out, force=force, made_at=datetime.now(tz=UTC)))
    if STDOUT in outs:
        sys.stdout.write(render_json(result))
    if not quiet:
        from traceenergy.cli.terminal import print_result

        print_result(terminal_summary(result), written, aside=STDOUT in outs)


def _analyzed(
    inputs: Inputs, options: AnalysisOptions, say: Callable[[str], None], *, pieces: bool
) -> Analysis:
    *read, known = inputs.read(say)
    marked = inputs.read_marked(say)
    say("attributing energy")
    # Popped, so that nothing here keeps what the analysis drops.
    return analyze(read.pop(), options, calibration=known, layers_from=marked, pieces=pieces)


def _summed(
    inputs: Inputs, options: AnalysisOptions, slices: int, say: Callable[[str], None]
) -> Analysis:
    if inputs.calibration is not None or inputs.layers_from is not None:
        raise UsageError(
            "--calibration and --layers-from cannot be had report by report",
            next_step="leave them out, or leave out --by-report and --slices",
        )
    from traceenergy.portions.run import analyze_by_report

    return analyze_by_report(
        list(inputs.traces),
        options,
        power=list(inputs.power),
        read_options=inputs.options,
        workers=inputs.workers,
        slices=slices,
        say=lambda n_done: say(f"analyzing part by part: {n_done} done"),
    )
