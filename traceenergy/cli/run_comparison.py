"""Progress, outputs, summary, gates: what the shell adds to a call of `compare`."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from traceenergy.analysis import AnalysisOptions, analyze
from traceenergy.analysis.redaction import redact
from traceenergy.cli.progress import progress
from traceenergy.comparison import compare
from traceenergy.errors import NoPowerError, UsageError
from traceenergy.read.options import ReadOptions
from traceenergy.records import dataclass
from traceenergy.report import STDOUT, begin_pages, check_outputs
from traceenergy.report.comparison_outputs import (
    ENDINGS,
    comparison_summary,
    render_comparison_json,
    write_comparison,
)
from traceenergy.report.json_load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from traceenergy.analysis import Analysis
    from traceenergy.cli.run_analysis import Inputs
    from traceenergy.comparison import CompareOptions


@dataclass(frozen=True)
class Sides:
    """Two runs with how those that are traces are analyzed.

    Attributes
    ----------
    base, head : Inputs
        Each of one trace, of a folder of them, or of one result.
    options : AnalysisOptions
    """

    base: Inputs
    head: Inputs
    options: AnalysisOptions

    def __post_init__(self) -> None:
        """Refuse what would have no effect."""
        sides = {"base": self.base, "head": self.head}
        for name, side in sides.items():
            if side.power and _is_result(side.traces[0]):
                raise UsageError(
                    f"--{name}-power was given, but {side.traces[0].name} is a result already",
                    next_step="name the trace that the log belongs to",
                )
        usual = AnalysisOptions(
            confidence_level=self.options.confidence_level, time_only=self.options.time_only
        )
        one = self.base
        asked = (
            self.options != usual or one.options != ReadOptions() or one.calibration
            or one.layers_from
        )  # fmt: skip
        if asked and all(_is_result(side.traces[0]) for side in sides.values()):
            raise UsageError(
                "options of the analysis have no effect: both runs are results already",
                next_step="leave them out, or name the traces",
            )

    @property
    def files(self) -> list[Path]:
        """All of both runs."""
        return [*self.base.files, *self.head.files]

    def analyses(self, say: Callable[[str], None]) -> Iterator[Analysis]:
        """Analyze both runs, or read their results.

        Parameters
        ----------
        say : callable
            Is told what is being done.

        Yields
        ------
        Analysis
            Of base, head.

        Raises
        ------
        NoPowerError
            If one has no energy, unless only times are asked for.
        """
        for name, side in (("base", self.base), ("head", self.head)):
            found = self._analysis(side, partial(_say_of, say, name))
            if found.energy.total_j is None and not self.options.time_only:
                raise NoPowerError(
                    f"the {name} ({side.traces[0].name}) holds no energy",
                    next_step="analyze it with --power, or pass --time-only to compare times",
                )
            yield found

    def _analysis(self, side: Inputs, say: Callable[[str], None]) -> Analysis:
        if _is_result(side.traces[0]):
            say("reading the result")
            return load(side.traces[0])
        trace, known = side.read(say)
        marked = side.read_marked(say)
        say("attributing energy")
        return analyze(trace, self.options, calibration=known, layers_from=marked)


def _say_of(say: Callable[[str], None], name: str, words: str) -> None:
    say(f"{name}: {words}")


def _is_result(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.is_dir()


def run_comparison(
    sides: Sides,
    *,
    outs: Sequence[str],
    options: CompareOptions,
    undecided_passes: bool,
    hides_names: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Read, compare, write, say what was found; gates come last.

    Parameters
    ----------
    sides : Sides
    outs : sequence of str
        Refused before any work is done if they cannot be written.
    options : CompareOptions
    undecided_passes : bool
        Of gates.
    hides_names : bool
        Names that may be private are replaced.
    force : bool
        Overwrite.
    quiet : bool
        No progress, no summary.

    Raises
    ------
    TraceEnergyError
        Whatever the library raises; for gates only when everything was written.
    """
    check_outputs(outs, sides.files, force=force, endings=ENDINGS)
    begin_pages(outs)
    with progress(quiet=quiet) as say:
        base, head = sides.analyses(say)
        say("comparing")
        found = compare(base, head, options)
        if hides_names:  # not before: whether both ran on one board is told by its uuid
            found = replace(found, base=redact(base), head=redact(head))
        written = []
        for out in outs:
            say(f"writing {out}")
            if out != STDOUT:
                made_at = datetime.now(tz=UTC)
                written.append(write_comparison(found, out, force=force, made_at=made_at))
    if STDOUT in outs:
        sys.stdout.write(render_comparison_json(found))
    if not quiet:
        from traceenergy.cli.terminal import print_result

        print_result(comparison_summary(found), written, aside=STDOUT in outs)
    if found.gates:
        from traceenergy.comparison.gate import raise_for_gates

        raise_for_gates(found, undecided_passes=undecided_passes)
